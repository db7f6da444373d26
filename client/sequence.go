package client

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// sequence holds the parts of one reply to their numbers, so that what ends without a fault was complete and in order.
type sequence struct {
	// seq is the number of the last part taken, 0 before the first.
	seq int
	// reply is where the first part wants its confirmations, the mark of the one worker that answers.
	reply string
	ended bool
}

func (s *sequence) take(m *nats.Msg) (Part, error) {
	part := Part{Body: m.Data, Header: m.Header, Seq: s.seq + 1}
	numbered := m.Header.Get(headerSeq)
	if numbered == "" && s.seq == 0 {
		// Whoever does not know of parts answers in one message.
		part.Last, s.ended, s.seq = true, true, 1
		return part, nil
	}
	if err := s.follows(numbered); err != nil {
		return Part{}, err
	}
	if err := s.sameWorker(m.Reply); err != nil {
		return Part{}, err
	}
	switch m.Header.Get(headerMore) {
	case "true":
	case "false":
		if total := m.Header.Get(headerTotal); total != strconv.Itoa(part.Seq) {
			return Part{}, fmt.Errorf("part %d is the last one of %q", part.Seq, total)
		}
		part.Last = true
	default:
		return Part{}, fmt.Errorf("part %d does not say whether more follow", part.Seq)
	}
	s.seq, s.ended = part.Seq, part.Last
	return part, nil
}

func (s *sequence) follows(numbered string) error {
	got, err := strconv.Atoi(numbered)
	switch {
	case err != nil:
		return fmt.Errorf("after part %d came one without a number", s.seq)
	case got <= s.seq:
		return fmt.Errorf("part %d came twice", got)
	case got > s.seq+1:
		return fmt.Errorf("part %d is lost: part %d came in its place", s.seq+1, got)
	}
	return nil
}

func (s *sequence) sameWorker(reply string) error {
	switch {
	case s.reply == "":
		s.reply = reply
	case reply != "" && reply != s.reply:
		return errors.New("two workers answer the same request")
	}
	return nil
}
