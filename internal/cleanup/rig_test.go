package cleanup

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/metric/noop"

	"returnd/internal/job"
)

// event is one removal.
type event struct {
	by    string
	token int64
	db    job.Database
	key   int
	at    time.Time
}

// keyspace is what all replicas sweep, and the log of what they did.
type keyspace struct {
	mu     sync.Mutex
	keys   map[job.Database]int // how many
	order  []job.Database
	events []event
}

func (k *keyspace) removals() []event {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]event(nil), k.events...)
}

// fakeSweeper removes one key a step; a cursor is the number of the next one.
type fakeSweeper struct {
	*keyspace
	who    string
	token  func() int64
	step   time.Duration // what one takes
	paused atomic.Bool   // the process is stopped: it does nothing until it goes on
	fails  map[job.Database]error
	rules  []job.SweepRules
}

func (f *fakeSweeper) Databases(context.Context) ([]job.Database, error) { return f.order, nil }

func (f *fakeSweeper) Sweep(ctx context.Context, db job.Database, rules job.SweepRules, from string, step func(job.SweepReport, string) error) (job.SweepReport, error) {
	var r job.SweepReport
	if err := f.fails[db]; err != nil {
		return r, err
	}
	if from == "worthless" {
		return r, job.Reject(job.ReasonMalformed, "the cursor is worthless")
	}
	f.rules = append(f.rules, rules)
	first, _ := strconv.Atoi(from)
	for i := first; i < f.keys[db]; i++ {
		time.Sleep(f.step)
		for f.paused.Load() {
			time.Sleep(10 * time.Millisecond)
		}
		if err := ctx.Err(); err != nil {
			return r, err
		}
		r.Keys++
		c := r.Count(job.SweepReturns)
		c.Looked++
		if rules.DryRun || i%2 == 1 {
			c.Keep("young")
		} else {
			c.Removed++
			f.mu.Lock()
			f.events = append(f.events, event{f.who, f.token(), db, i, time.Now()})
			f.mu.Unlock()
		}
		if err := step(r, strconv.Itoa(i+1)); err != nil {
			return r, err
		}
	}
	return r, nil
}

// replica is a cleaner that runs, on a connection of its own.
type replica struct {
	*Cleaner
	sweeper *fakeSweeper
	cut     *cut
	log     *logged
	stop    context.CancelFunc
	ended   <-chan struct{}
}

// logged takes the log while the replica writes it.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// fleet is replicas that share one Redis.
type fleet struct {
	*testing.T
	server *miniredis.Miniredis
	client *redis.Client
	space  *keyspace
	config Config
	began  time.Time
}

var first, second = job.Database{DB: job.NoDB}, job.Database{Profile: "archive", DB: 3}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	server, client := inMemory(t)
	cfg := DefaultConfig()
	cfg.Interval, cfg.Lease = 10*time.Minute, 30*time.Second
	space := &keyspace{keys: map[job.Database]int{first: 60, second: 40}, order: []job.Database{first, second}}
	return &fleet{T: t, server: server, client: client, space: space, config: cfg, began: time.Now()}
}

// add makes a replica that does not run yet; a sweep of it takes 100 s.
func (f *fleet) add(name string) *replica {
	f.Helper()
	r := &replica{cut: &cut{client: f.client}, log: &logged{}}
	r.sweeper = &fakeSweeper{keyspace: f.space, who: name, step: time.Second}
	var err error
	r.Cleaner, err = New(f.config, r.cut.dial, r.sweeper, slog.New(slog.NewTextHandler(r.log, nil)), noop.Meter{})
	if err != nil {
		f.Fatal(err)
	}
	r.lease.owner = name
	r.sweeper.token = r.token.Load
	return r
}

// run starts the replica; it ends with the test.
func (f *fleet) run(r *replica) {
	f.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := r.Run(ctx); err != nil {
			f.Errorf("Run: %v", err)
		}
	}()
	r.stop, r.ended = stop, ended
	synctest.Wait()
	f.Cleanup(func() { stop(); r.sweeper.paused.Store(false); <-ended })
}

func (f *fleet) start(names ...string) []*replica {
	f.Helper()
	var all []*replica
	for _, name := range names {
		r := f.add(name)
		f.run(r)
		all = append(all, r)
	}
	return all
}

// until waits in the bubble's time.
func (f *fleet) until(limit time.Duration, what string, holds func() bool) {
	f.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// finished tells whether a sweep of everything came to its end.
func (f *fleet) finished() bool { return f.client.Exists(f.Context(), keyLast).Val() == 1 }

// holder is the replica that has the lease.
func (f *fleet) holder(all []*replica) *replica {
	f.Helper()
	var found *replica
	f.until(2*time.Minute, "somebody sweeps", func() bool {
		for _, r := range all {
			if r.held.Load() == 1 {
				found = r
			}
		}
		return found != nil
	})
	return found
}

func (f *fleet) state() Status {
	f.Helper()
	s, err := NewLease(always(f.client), time.Second, "test").state(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// oneAtATime asserts that each token was one replica's, and that nothing was done under a lower token after a higher.
func (f *fleet) oneAtATime() {
	f.Helper()
	owner, last := map[int64]string{}, int64(0)
	for _, e := range f.space.removals() {
		if by, known := owner[e.token]; known && by != e.by {
			f.Errorf("%s and %s both removed under the token %d", by, e.by, e.token)
		}
		owner[e.token] = e.by
		if e.token < last {
			f.Errorf("%s removed key %d under the token %d after %d", e.by, e.key, e.token, last)
		}
		last = max(last, e.token)
	}
}

// times counts how often each key was removed.
func (f *fleet) times() map[string]int {
	n := map[string]int{}
	for _, e := range f.space.removals() {
		n[fmt.Sprint(e.db.Profile, e.key)]++
	}
	return n
}

func contextFor(f *fleet, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(f.Context(), limit)
}
