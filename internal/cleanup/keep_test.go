package cleanup

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// cut is a dial that can be made to hang or to fail.
type cut struct {
	client redis.UniversalClient
	hangs  atomic.Bool
	fails  atomic.Bool
}

func (c *cut) dial(ctx context.Context) (redis.UniversalClient, error) {
	if c.hangs.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if c.fails.Load() {
		return nil, errors.New("connection refused")
	}
	return c.client, nil
}

// ended waits for a context's end.
func ended(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestKeepRenewsAsLongAsTheWorkLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := inMemory(t)
		h := mustTake(t, NewLease(always(client), 30*time.Second, "a"))
		err := h.Keep(t.Context(), func(ctx context.Context) error {
			time.Sleep(time.Hour)
			return ctx.Err()
		})
		if err != nil || h.Err() != nil {
			t.Errorf("got %v, %v", err, h.Err())
		}
		if owned, err := h.Owned(t.Context()); !owned {
			t.Errorf("not ours after an hour: %v", err)
		}
	})
}

// Whatever keeps the lease from being renewed, the context ends, and before the lease does.
func TestTrustEndsInTime(t *testing.T) {
	const ttl = 30 * time.Second
	tests := map[string]func(c *cut){
		"Redis refuses":       func(c *cut) { c.fails.Store(true) },
		"Redis hangs":         func(c *cut) { c.hangs.Store(true) },
		"the key was deleted": func(c *cut) { c.client.Del(context.Background(), keyLease) },
		"another has it":      func(c *cut) { c.client.Set(context.Background(), keyLease, "b nonce", 0) },
	}
	for name, disturb := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, client := inMemory(t)
				c := &cut{client: client}
				h := mustTake(t, NewLease(c.dial, ttl, "a"))
				var after time.Duration
				err := h.Keep(t.Context(), func(ctx context.Context) error {
					time.Sleep(95 * time.Second) // renewed at 90
					disturb(c)
					start := time.Now()
					err := ended(ctx)
					after = time.Since(start)
					if ctx.Err() == nil {
						t.Error("Done is closed, and Err is nil")
					}
					return err
				})
				if !errors.Is(err, ErrLeaseLost) || !errors.Is(h.Err(), ErrLeaseLost) {
					t.Errorf("got %v, %v, want ErrLeaseLost", err, h.Err())
				}
				if most := trusted(ttl) - 5*time.Second; after > most {
					t.Errorf("trust ended after %v, want %v at most", after, most)
				}
			})
		})
	}
}

func TestAShortOutageCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := inMemory(t)
		c := &cut{client: client}
		h := mustTake(t, NewLease(c.dial, 30*time.Second, "a"))
		err := h.Keep(t.Context(), func(ctx context.Context) error {
			time.Sleep(9 * time.Second)
			c.fails.Store(true)
			time.Sleep(10 * time.Second)
			c.fails.Store(false)
			time.Sleep(time.Minute)
			return ctx.Err()
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestKeepEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := inMemory(t)
		h := mustTake(t, NewLease(always(client), 30*time.Second, "a"))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := h.Keep(ctx, ended); !errors.Is(err, context.Canceled) || errors.Is(err, ErrLeaseLost) {
			t.Errorf("got %v, want the caller's", err)
		}
		if h.Err() != nil {
			t.Errorf("the lease is lost: %v", h.Err())
		}
	})
}

// hands is a clock that jumps, as that of a process does which was stopped: its timers know nothing of it yet.
type hands struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hands) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hands) jump(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// After SIGSTOP and SIGCONT the first look finds the trust gone: no timer has run, the server was not asked.
func TestStoppedProcessMakesNoFurtherStep(t *testing.T) {
	_, client := inMemory(t)
	clock := &hands{now: time.Now()}
	lease := NewLease(always(client), time.Hour, "a") // no timer of it ends within the test
	lease.now = clock.Now
	h := mustTake(t, lease)
	steps := 0
	err := h.Keep(t.Context(), func(ctx context.Context) error {
		for ; ctx.Err() == nil && h.Err() == nil; steps++ {
			if steps == 2 {
				clock.jump(2 * time.Hour)
			}
		}
		return ctx.Err()
	})
	if steps != 3 || !errors.Is(err, ErrLeaseLost) {
		t.Errorf("made %d steps, want 3: none after the pause; %v", steps, err)
	}
}

// What was asked before the pause, and is answered after it, does not bring trust back.
func TestAnswerFromBeforeAPauseIsWorthless(t *testing.T) {
	_, client := inMemory(t)
	clock := &hands{now: time.Now()}
	slow := func(context.Context) (redis.UniversalClient, error) {
		clock.jump(time.Minute)
		return client, nil
	}
	lease := NewLease(always(client), 30*time.Second, "a")
	lease.now = clock.Now
	h := mustTake(t, lease)
	lease.scripts.dial = slow
	if err := h.renew(t.Context()); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("got %v, want ErrLeaseLost", err)
	}
	late, err := lease.TryAcquire(t.Context())
	if err == nil && late.Err() == nil {
		t.Error("a lease is trusted whose request was on the way for longer than its time")
	}
}

// The wall clock may show anything: the lease's time is the server's, and trust is a difference of our own.
func TestWallClocksDoNotMatter(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, time.Hour, 100 * 365 * 24 * time.Hour} {
		_, client := inMemory(t)
		straight, skewed := NewLease(always(client), 30*time.Second, "straight"), NewLease(always(client), 30*time.Second, "skewed")
		skewed.now = func() time.Time { return time.Now().Add(skew) }
		first := mustTake(t, skewed)
		if left := first.Left(); left <= 20*time.Second || left > trusted(30*time.Second) || first.Err() != nil {
			t.Errorf("skew %v: trusted for %v, %v", skew, left, first.Err())
		}
		if _, err := straight.TryAcquire(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("skew %v: got %v, want ErrBusy", skew, err)
		}
		_ = first.Release(t.Context())
		second := mustTake(t, straight)
		if second.Token() <= first.Token() {
			t.Errorf("skew %v: the token went from %d to %d", skew, first.Token(), second.Token())
		}
	}
}

// Where the answer to a request that shortens the lease is lost, nobody knows when it takes effect.
func TestUnclearShorteningEndsTrust(t *testing.T) {
	_, client := inMemory(t)
	c := &cut{client: client}
	h := mustTake(t, NewLease(c.dial, 30*time.Second, "a"))
	if err := h.Extend(t.Context(), 0, true); err == nil || h.Err() != nil {
		t.Errorf("an extension by nothing: got %v, %v", err, h.Err())
	}
	c.fails.Store(true)
	if err := h.Extend(t.Context(), time.Minute, false); err == nil || h.Err() != nil {
		t.Errorf("a lost prolongation: got %v, and the lease %v; it is harmless", err, h.Err())
	}
	if err := h.Extend(t.Context(), time.Second, true); err == nil || h.Err() == nil {
		t.Errorf("a lost shortening: got %v, and the lease %v", err, h.Err())
	}
}
