package persist

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"returnd/internal/job"
)

// race is some workers that share out the messages of many jobs, in any order and partly twice, and a listener to all.
type race struct {
	*testing.T
	random *rand.Rand
	all    *listener
	stores []*Store
	shares [][]job.Entry
	asked  []func(*Store) error // save_minions, by the query service
	sizes  map[string]int       // how many minions each job has
}

func newRace(t *testing.T, form string, workers int) *race {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := &race{T: t, random: rand.New(rand.NewPCG(seed, 0)), all: &listener{}, sizes: map[string]int{}} // #nosec G404 -- repeatable
	p := forms[form](t)
	for range workers {
		r.stores = append(r.stores, announcingStore(t, p, r.all))
	}
	r.shares = make([][]job.Entry, workers)
	return r
}

// job makes a job's messages and deals them out: its expected minions come in two loads and by save_minions, a tenth of
// everything comes twice.
func (r *race) job(jid string, minions int) {
	r.Helper()
	r.sizes[jid] = minions
	var parts [3][]string
	for i := range minions {
		id, part := fmt.Sprintf("m%d", i), r.random.IntN(3)
		parts[part] = append(parts[part], id)
		r.deal(ret(jid, id, "f.x"))
	}
	for _, ids := range parts[:2] {
		if len(ids) > 0 {
			r.deal(load(r.T, jid, fmt.Sprintf(`{"fun": "f.x", "minions": ["%s"]}`, strings.Join(ids, `", "`))))
		}
	}
	if ids := parts[2]; len(ids) > 0 {
		r.asked = append(r.asked, func(s *Store) error { return s.SaveMinions(context.WithoutCancel(r.Context()), "", jid, ids) })
	}
}

func (r *race) deal(e job.Entry) {
	for range 1 + r.random.IntN(10)/9 {
		to := r.random.IntN(len(r.shares))
		r.shares[to] = append(r.shares[to], e)
	}
}

// run has every worker write its share in two lines at once, as workers do, in batches of any size.
func (r *race) run() {
	r.Helper()
	var all sync.WaitGroup
	for i, s := range r.stores {
		share := r.shares[i]
		r.random.Shuffle(len(share), func(a, b int) { share[a], share[b] = share[b], share[a] })
		for _, line := range [][]job.Entry{share[:len(share)/2], share[len(share)/2:]} {
			sizes := r.batches(len(line))
			all.Go(func() { r.write(s, line, sizes) })
		}
	}
	all.Go(func() {
		for i, ask := range r.asked {
			for tries := 0; ; tries++ {
				if err := ask(r.stores[i%len(r.stores)]); err == nil {
					break
				} else if !errors.Is(err, job.ErrUnavailable) || tries == 50 {
					r.Errorf("save_minions: %v", err)
					break
				}
			}
		}
	})
	all.Wait()
}

func (r *race) batches(n int) (sizes []int) {
	for n > 0 {
		size := min(n, 1+r.random.IntN(40))
		sizes = append(sizes, size)
		n -= size
	}
	return sizes
}

// write writes a line of entries; what is held comes again.
func (r *race) write(s *Store, line []job.Entry, sizes []int) {
	for _, size := range sizes {
		batch := line[:size]
		line = line[size:]
		for tries := 0; len(batch) > 0; tries++ {
			var held []job.Entry
			for i, err := range s.Write(context.WithoutCancel(r.Context()), batch) {
				switch {
				case errors.Is(err, job.ErrUnavailable) && tries < 50:
					held = append(held, batch[i])
				case err != nil:
					r.Errorf("Write: %v", err)
				}
			}
			batch = held
		}
	}
}

// judge wants the completion of every job to have been heard of, and tells how many were announced more than once.
func (r *race) judge() (doubles int) {
	r.Helper()
	for jid, minions := range r.sizes {
		times := 0
		for _, done := range r.all.heard[jid] {
			if done.Expected > minions || done.Returned < done.Expected {
				r.Errorf("job %s of %d minions was announced as %+v", jid, minions, done)
			}
			if done.Expected == minions {
				times++
			}
		}
		if times == 0 {
			r.Errorf("job %s of %d minions was not announced", jid, minions)
		}
		doubles += max(times-1, 0)
	}
	return doubles
}

func TestWorkersRaceToComplete(t *testing.T) {
	for form := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			const jobs = 400
			r := newRace(t, form, 4)
			for i := range jobs {
				r.job(fmt.Sprintf("job%d", i), 1+r.random.IntN(12))
			}
			r.run()
			doubles := r.judge()
			t.Logf("%d of %d jobs were announced twice", doubles, jobs)
			if doubles > jobs/20 { // none, unless the machine stands still for longer than a claim lasts
				t.Errorf("%d of %d jobs were announced twice, want nearly none", doubles, jobs)
			}
		})
	}
}

// Announcements fail half the time, before they are heard or after.
func TestWorkersRaceWhileAnnouncementsFail(t *testing.T) {
	for form := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			r := newRace(t, form, 3)
			var count atomic.Int64
			for _, s := range r.stores {
				s.completer.announcer = flaky{r.all, &count}
			}
			for i := range 100 {
				r.job(fmt.Sprintf("job%d", i), 1+r.random.IntN(12))
			}
			r.run()
			t.Logf("%d attempts, %d of 100 jobs were announced more than once", count.Load(), r.judge())
		})
	}
}

// flaky fails every other time, and half of these times it has announced nevertheless.
type flaky struct {
	to    *listener
	count *atomic.Int64
}

func (f flaky) Announce(ctx context.Context, done job.Completion) error {
	n := f.count.Add(1)
	if n%4 == 1 {
		return job.ErrUnavailable
	}
	if err := f.to.Announce(ctx, done); err != nil || n%4 != 3 {
		return err
	}
	return job.ErrUnavailable
}
