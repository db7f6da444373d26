package cleanup

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// The timeline of redis-py's documentation of Lock: a lock that expired and was taken by another must not be released by
// the first one.
func TestTimelineOfRedisPy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := inMemory(t)
		start := time.Now()
		at := func(second int) { time.Sleep(time.Until(start.Add(time.Duration(second) * time.Second))) }

		// 0: thread-1 acquires the lock, with a timeout of 5 seconds, and sets the token to "abc".
		abc := mustTake(t, NewLease(always(client), 5*time.Second, "thread-1"))
		// 1: thread-2 blocks trying to acquire it.
		at(1)
		xyz, err := NewLease(always(client), 5*time.Second, "thread-2").Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// 5: thread-1 has not yet completed, Redis expires the key; thread-2 has the lock and sets the token to "xyz".
		if took := time.Since(start); took < 5*time.Second || took > 5*time.Second+20*time.Millisecond {
			t.Errorf("thread-2 has the lock after %v, want it after 5s", took)
		}
		if xyz.Token() <= abc.Token() || xyz.value == abc.value {
			t.Errorf("thread-2 has the token %d after %d", xyz.Token(), abc.Token())
		}
		// 6: thread-1 finishes its work and releases.
		at(6)
		if err := abc.Release(t.Context()); !errors.Is(err, ErrNotOwned) {
			t.Errorf("thread-1 releases: got %v, want ErrNotOwned", err)
		}
		if owned, err := xyz.Owned(t.Context()); err != nil || !owned {
			t.Errorf("thread-2 has lost the lock: %v", err)
		}
		if err := xyz.Release(t.Context()); err != nil {
			t.Errorf("thread-2 releases: %v", err)
		}
	})
}

// What redis-py's blocking, blocking_timeout and sleep are here.
func TestWaiting(t *testing.T) {
	const ttl = 10 * time.Second
	tests := []struct {
		name    string
		acquire func(context.Context, *Lease) (*Held, error)
		release time.Duration // after which the first one gives it back; 0 is never
		want    error
		least   time.Duration
		most    time.Duration
	}{
		{"blocking=False", func(ctx context.Context, l *Lease) (*Held, error) { return l.TryAcquire(ctx) }, 0, ErrBusy, 0, 0},
		{"blocking_timeout=3", within(3 * time.Second), 0, ErrBusy, 3 * time.Second, 3 * time.Second},
		{"without a limit: when the key expires", within(time.Hour), 0, nil, ttl, ttl + 20*time.Millisecond},
		{"without a limit: within a poll of the release", within(time.Hour), 5 * time.Second, nil, 5 * time.Second, 6 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, client := inMemory(t)
				first := mustTake(t, NewLease(always(client), ttl, "first"))
				if test.release > 0 {
					time.AfterFunc(test.release, func() { _ = first.Release(context.Background()) })
				}
				start := time.Now()
				_, err := test.acquire(t.Context(), NewLease(always(client), ttl, "second"))
				if !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
				if busy := new(BusyError); test.want != nil && (!errors.As(err, &busy) || busy.By != "first") {
					t.Errorf("got %v, want the holder named", err)
				}
				if took := time.Since(start); took < test.least || took > test.most {
					t.Errorf("took %v, want %v to %v", took, test.least, test.most)
				}
			})
		})
	}
}

func within(limit time.Duration) func(context.Context, *Lease) (*Held, error) {
	return func(ctx context.Context, l *Lease) (*Held, error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return l.Acquire(ctx)
	}
}
