package persist

import (
	"strconv"
	"sync/atomic"
	"time"
)

// clock follows the server's time, so that a worker whose own clock is wrong sets right expiries. Each batch asks the
// server for its TIME and corrects the difference.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// observe takes the server's answer to a question asked at a time of ours.
func (c *clock) observe(server, asked time.Time) { c.ahead.Store(int64(server.Sub(asked))) }

// lateMargin is how near its end a job already counts as late: its returns may be gone. Time passes until the write; and
// a job's returns end with the earliest of them, which where the jid's clock was ahead is so much before the others.
const lateMargin = time.Hour

// expiry is when a job that started at start is to be gone, in Unix seconds; 0 is never. A job whose time has passed
// already is kept for a short while from now. late tells that the job's keys may be gone, in part, already.
func (s *Store) expiry(start, now time.Time) (at int64, late bool) {
	if s.keep == 0 {
		return 0, false
	}
	at = start.Unix() + int64(s.keep/time.Second)
	late = at <= now.Add(lateMargin).Unix()
	if at <= now.Unix() {
		at = now.Unix() + int64(min(s.late, s.keep)/time.Second)
	}
	return at, late
}

// expiryText is expiry as the scripts take it.
func (s *Store) expiryText(start, now time.Time) string {
	at, _ := s.expiry(start, now)
	return strconv.FormatInt(at, 10)
}
