package torture

import (
	"sync"
	"time"
)

// watchStep is the grain of the recovery times.
const watchStep = 20 * time.Millisecond

// watcher measures how long the oldest unsettled message has been in the stream, and keeps the longest of that.
type watcher struct {
	ended   chan struct{}
	running sync.WaitGroup
	// seen is when the stream was first seen to hold a message, for those that are not settled.
	seen    []sighting
	longest time.Duration
}

type sighting struct {
	last uint64
	at   time.Time
}

func (st *stage) watch() *watcher {
	w := &watcher{ended: make(chan struct{})}
	w.running.Go(func() {
		tick := time.NewTicker(watchStep)
		defer tick.Stop()
		for {
			select {
			case <-w.ended:
				return
			case <-tick.C:
				if now, err := st.look(); err == nil {
					w.note(now)
				}
			}
		}
	})
	return w
}

func (w *watcher) note(p progress) {
	now := time.Now()
	if n := len(w.seen); n == 0 || w.seen[n-1].last < p.last {
		w.seen = append(w.seen, sighting{p.last, now})
	}
	for len(w.seen) > 0 && w.seen[0].last <= p.floor {
		w.seen = w.seen[1:]
	}
	if len(w.seen) > 0 {
		w.longest = max(w.longest, now.Sub(w.seen[0].at))
	}
}

// stop gives the longest wait.
func (w *watcher) stop() time.Duration {
	close(w.ended)
	w.running.Wait()
	return w.longest
}
