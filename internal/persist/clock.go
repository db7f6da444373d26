package persist

import (
	"sync/atomic"
	"time"
)

// clock follows the server's time, so that a worker whose own clock is wrong sets right expiries. Each batch asks the
// server for its TIME and corrects the difference.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) observe(server time.Time) { c.ahead.Store(int64(time.Until(server))) }

// expiry is when a job that started at start is to be gone, in Unix seconds; 0 is never. A job whose time has passed
// already is kept for a short while from now.
func (s *Store) expiry(start, now time.Time) int64 {
	if s.keep == 0 {
		return 0
	}
	at := start.Unix() + int64(s.keep/time.Second)
	if at <= now.Unix() {
		at = now.Unix() + int64(min(s.late, s.keep)/time.Second)
	}
	return at
}
