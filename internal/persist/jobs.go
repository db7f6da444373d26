package persist

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// jobsAtOnce is how many entries of the index are read at once: most callers want the newest hundred.
const jobsAtOnce = 128

// Jobs hands over the loads of the jobs that started within a span, newest first, until yield fails. Jobs with the same
// start come in the order of their jids, the greatest first. What yield is given must not be written to.
func (s *Store) Jobs(ctx context.Context, profile string, span job.Span, cursor string, yield func(jid string, load []byte) error) (next string, err error) {
	c, err := s.reading(ctx, profile)
	if err != nil {
		return "", err
	}
	list, err := c.jobsFrom(span, cursor)
	if err != nil {
		return "", err
	}
	if cursor == "" {
		if err := s.indexed(ctx, c); err != nil {
			return "", fmt.Errorf("index the loads: %w", err)
		}
	}
	for {
		part, err := list.next(ctx)
		if err != nil || len(part) == 0 {
			return "", err
		}
		refused, err := handLoads(ctx, c, part, yield)
		switch {
		case full(err):
			return list.cursor(refused), nil
		case err != nil:
			return "", err
		}
	}
}

// jobList walks through returnd/jobs, from the newest start on.
type jobList struct {
	conn     *connection
	subject  uint32
	min, max string // bounds of the score
	from     spot   // the first entry to hand on
	at       spot   // where to read on: at from, or at the last entry before it that was seen
	done     bool
}

// spot is an entry of the index. The zero value is before the first.
type spot struct {
	score float64
	jid   string
	// ties counts the entries of this score up to this one, itself included: where to read on among many of one score.
	// That holds until one of them is removed.
	ties int64
}

func (s spot) same(o spot) bool { return s.jid == o.jid && s.score == o.score }

func (s spot) before(o spot) bool { return s.score > o.score || s.score == o.score && s.jid > o.jid }

// jobsFrom begins at a cursor.
func (c *connection) jobsFrom(span job.Span, cursor string) (*jobList, error) {
	list := &jobList{conn: c, subject: subjectOf(c.target.key.profile, keyJobs), min: "-inf", max: "+inf"}
	if !span.Since.IsZero() {
		list.min = microsecondsFrom(span.Since)
	}
	if !span.Until.IsZero() {
		list.max = "(" + microsecondsFrom(span.Until)
	}
	if cursor == "" {
		return list, nil
	}
	r, err := parse(cursor, cursorJobs, list.subject)
	if err != nil {
		return nil, err
	}
	from := spot{score: math.Float64frombits(r.fixed()), ties: int64(r.number())}
	from.jid = string(r.rest)
	if r.short || from.jid == "" || math.IsNaN(from.score) || from.ties < 1 {
		return nil, errNoCursor()
	}
	list.from, list.at = from, from
	return list, nil
}

// microsecondsFrom is the first whole microsecond at or after an instant: starts are kept in whole ones.
func microsecondsFrom(t time.Time) string {
	at := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		at++
	}
	return strconv.FormatInt(at, 10)
}

// cursor is where a page goes on.
func (l *jobList) cursor(from spot) string {
	b := begin(cursorJobs, l.subject)
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(from.score))
	b = binary.AppendUvarint(b, uint64(from.ties))
	return finish(b, from.jid)
}

// next gives the next jobs; none at the end.
func (l *jobList) next(ctx context.Context) ([]spot, error) {
	for !l.done {
		list, err := l.read(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the index of jobs: %w", classify(err, keyJobs))
		}
		if l.done = len(list) <= jobsAtOnce; !l.done {
			l.at = list[jobsAtOnce]
			list = list[:jobsAtOnce]
		}
		fresh := slices.DeleteFunc(list, func(s spot) bool { return l.from.jid != "" && s.before(l.from) })
		if !l.at.before(l.from) || l.from.jid == "" {
			l.from = l.at
		}
		if len(fresh) > 0 {
			return fresh, nil
		}
	}
	return nil, nil
}

// read gives the entries from at on, one more than are to be handed on: there the next read begins. If at is not where it
// was, all of its score are read again.
func (l *jobList) read(ctx context.Context) ([]spot, error) {
	if l.at.jid == "" {
		return l.within(ctx, l.max, 0)
	}
	top := strconv.FormatFloat(l.at.score, 'f', -1, 64)
	list, err := l.within(ctx, top, l.at.ties-1)
	if err != nil || l.at.ties == 1 || len(list) > 0 && list[0].same(l.at) {
		return list, err
	}
	return l.within(ctx, top, 0)
}

// within gives entries from a score on, the first skip of them left out.
func (l *jobList) within(ctx context.Context, top string, skip int64) ([]spot, error) {
	entries, err := l.conn.reader.ZRangeArgsWithScores(ctx, redis.ZRangeArgs{
		Key: keyJobs, Start: top, Stop: l.min, ByScore: true, Rev: true, Offset: skip, Count: jobsAtOnce + 1,
	}).Result()
	list := make([]spot, len(entries))
	for i, z := range entries {
		jid, _ := z.Member.(string)
		list[i] = spot{score: z.Score, jid: jid, ties: 1}
		switch {
		case i == 0:
			list[i].ties += skip
		case list[i-1].score == z.Score:
			list[i].ties += list[i-1].ties
		}
	}
	return list, err
}
