package query

import (
	"sync"
	"time"
)

// troubleEvery is how often the log tells the same reason why the store cannot be used: each caller would add a line else.
const troubleEvery = time.Minute

// trouble remembers why the store could not be used.
type trouble struct {
	mu   sync.Mutex
	last string
	at   time.Time
}

// news tells whether the log has not said so lately.
func (t *trouble) news(err error, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err.Error() == t.last && now.Sub(t.at) < troubleEvery {
		return false
	}
	t.last, t.at = err.Error(), now
	return true
}
