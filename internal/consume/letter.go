package consume

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Letter is a dead letter read back: the original, and why it is here.
type Letter struct {
	// Sequences are its messages in the stream of letters: several where it came in parts.
	Sequences []uint64
	// Reason and Detail say what is wrong; Subject, Sequence and Published where and when the original was.
	Reason, Detail, Subject string
	Sequence                uint64
	Published               time.Time
	// Header and Body are the original's.
	Header nats.Header
	Body   []byte
}

// letterMemory bounds what a packed letter may become: a message is 64 MiB at most.
const letterMemory = 128 << 20

// ReadLetters hands over the letters of a stream, oldest first, until yield fails. A letter that cannot be read back is
// handed over with its error.
func ReadLetters(ctx context.Context, js jetstream.JetStream, stream string, yield func(Letter, error) error) error {
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("look for the stream of dead letters %s: %w", stream, err)
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return nil
	}
	letters, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return fmt.Errorf("read the stream of dead letters %s: %w", stream, err)
	}
	messages, err := letters.Messages()
	if err != nil {
		return fmt.Errorf("read the stream of dead letters %s: %w", stream, err)
	}
	defer messages.Stop()
	open := map[string]*assembly{}
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read the stream of dead letters %s: %w", stream, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read the stream of dead letters %s: %w", stream, err)
		}
		if err := join(open, meta.Sequence.Stream, m.Headers(), m.Data(), yield); err != nil {
			return err
		}
		if meta.Sequence.Stream >= state.LastSeq || meta.NumPending == 0 {
			return unfinished(open, yield)
		}
	}
}

// join adds a message to the letter that it is, or is a part of. Letters are published side by side, so that the parts
// of one may stand among others.
func join(open map[string]*assembly, sequence uint64, header nats.Header, data []byte, yield func(Letter, error) error) error {
	of := header.Get("Returnd-Stream-Seq") + header.Get("Returnd-Time")
	a := open[of]
	if a == nil {
		a = &assembly{}
		open[of] = a
	}
	if !a.add(sequence, header, data) {
		return nil
	}
	delete(open, of)
	return yield(a.letter())
}

// unfinished hands over the letters of which parts are missing.
func unfinished(open map[string]*assembly, yield func(Letter, error) error) error {
	for _, a := range open {
		a.lost = true
		if err := yield(a.letter()); err != nil {
			return err
		}
	}
	return nil
}

// assembly is the parts of a letter.
type assembly struct {
	sequences []uint64
	header    nats.Header
	body      []byte
	lost      bool // a part is missing
}

// add takes a message, and tells whether the letter is whole now.
func (a *assembly) add(sequence uint64, header nats.Header, data []byte) (whole bool) {
	number, of := 1, 1
	if part := header.Get("Returnd-Part"); part != "" {
		_, err := fmt.Sscanf(part, "%d/%d", &number, &of)
		a.lost = a.lost || err != nil
	}
	a.lost = a.lost || number != len(a.sequences)+1
	a.sequences, a.header = append(a.sequences, sequence), header
	a.body = append(a.body, data...)
	return number >= of || a.lost
}

// errParts tells of a letter that is not all there.
var errParts = errors.New("parts of this letter are missing")

// letter undoes what compose and send did.
func (a *assembly) letter() (Letter, error) {
	l := Letter{
		Sequences: a.sequences, Reason: a.header.Get("Returnd-Reason"), Detail: a.header.Get("Returnd-Detail"),
		Subject: a.header.Get("Returnd-Subject"), Header: nats.Header{}, Body: a.body,
	}
	l.Sequence, _ = strconv.ParseUint(a.header.Get("Returnd-Stream-Seq"), 10, 64) // 0 says that nobody noted it
	l.Published, _ = time.Parse(time.RFC3339Nano, a.header.Get("Returnd-Time"))
	if a.lost {
		return l, errParts
	}
	if err := l.unpack(a.header.Get("Returnd-Encoding")); err != nil {
		return l, err
	}
	if a.header.Get("Returnd-Headers") == "body" {
		return l, l.unfold()
	}
	for name, values := range a.header {
		if original, renamed := strings.CutPrefix(name, "Returnd-Orig-"); renamed {
			l.Header[original] = values
		} else if name != "Nats-Msg-Id" && !strings.HasPrefix(name, "Returnd-") {
			l.Header[name] = values
		}
	}
	return l, nil
}

func (l *Letter) unpack(encoding string) error {
	switch encoding {
	case "":
		return nil
	case "zstd":
	default:
		return fmt.Errorf("this letter is packed as %q, which nobody knows", encoding)
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(letterMemory))
	if err != nil {
		return fmt.Errorf("unpack this letter: %w", err)
	}
	defer z.Close()
	if l.Body, err = z.DecodeAll(l.Body, nil); err != nil {
		return fmt.Errorf("unpack this letter: %w", err)
	}
	return nil
}

// unfold takes the original's headers off the body.
func (l *Letter) unfold() error {
	source := bufio.NewReader(bytes.NewReader(l.Body))
	header, err := textproto.NewReader(source).ReadMIMEHeader()
	if err != nil {
		return fmt.Errorf("read the headers within this letter: %w", err)
	}
	l.Header = nats.Header(header)
	l.Body, err = io.ReadAll(source)
	return err
}

// Original is the message to publish again. The server's own headers stay out: an expectation would fail, and a message
// id within the window of duplicates would have the message taken for stored and dropped.
func (l Letter) Original() *nats.Msg {
	m := &nats.Msg{Subject: l.Subject, Data: l.Body, Header: maps.Clone(l.Header)}
	for name := range m.Header {
		if strings.HasPrefix(strings.ToLower(name), "nats-") {
			delete(m.Header, name)
		}
	}
	return m
}
