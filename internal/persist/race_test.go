package persist

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"returnd/internal/job"
	"returnd/test/servers"
)

// writersRace is several workers that write the same returns to one Redis, while their connections are killed.
type writersRace struct {
	Workers int   // 2 to 4
	Jobs    int   // of one second each
	Minions int   // that return to each of them
	Batch   int   // returns at most
	Copies  int   // how many workers a return is delivered to, at most
	Kills   bool  // connections are killed at random
	Forget  bool  // the scripts are flushed at random
	Custom  int   // per cent of the jobs have a custom jid
	Seed    int64 // of the order
}

func drawRace(t *rapid.T) writersRace {
	return writersRace{
		Workers: rapid.IntRange(2, 4).Draw(t, "workers"), Jobs: rapid.IntRange(1, 20).Draw(t, "jobs"),
		Minions: rapid.IntRange(1, 6).Draw(t, "minions"), Batch: rapid.IntRange(1, 40).Draw(t, "batch"),
		Copies: rapid.IntRange(1, 3).Draw(t, "copies"), Kills: rapid.Bool().Draw(t, "kills"), Forget: rapid.Bool().Draw(t, "forget"),
		Custom: rapid.SampledFrom([]int{0, 0, 30}).Draw(t, "custom"), Seed: rapid.Int64().Draw(t, "seed"),
	}
}

// Workers deliver the same returns side by side, in any order, split into any batches, again where the answer was lost:
// each job stands in each history once, and every pointer is the greatest jid.
func TestWorkersThatRaceLeaveEachJobOnce(t *testing.T) {
	begin := map[string]func(t *testing.T) ([]*servers.Process, redis.UniversalClient){
		"one server": func(t *testing.T) ([]*servers.Process, redis.UniversalClient) {
			t.Helper()
			p := servers.Redis(t)
			return []*servers.Process{p}, clientOn(t, p)
		},
		"cluster": func(t *testing.T) ([]*servers.Process, redis.UniversalClient) {
			t.Helper()
			g := servers.Cluster(t, 3, 0)
			_, look := clusterRig(t, g)
			return g.Nodes, look
		},
	}
	for name, start := range begin {
		t.Run(name, func(t *testing.T) {
			nodes, look := start(t)
			stores := make([]*Store, 4)
			for i := range stores {
				stores[i] = storeOn(t, nodes[i%len(nodes)])
			}
			rapid.Check(t, func(rt *rapid.T) {
				r := drawRace(rt)
				for _, node := range nodes {
					node.Do("flushall")
				}
				r.run(rt, stores[:r.Workers], nodes, look)
			})
		})
	}
}

func (r writersRace) run(t *rapid.T, stores []*Store, nodes []*servers.Process, look redis.UniversalClient) {
	random := rand.New(rand.NewPCG(uint64(r.Seed), 1)) // #nosec G404 -- repeatable
	entries := r.returns(random)
	var workers, troubles sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	troubles.Go(func() { r.trouble(ctx, nodes, rand.New(rand.NewPCG(uint64(r.Seed), 2))) }) // #nosec G404
	failures := make(chan string, len(stores))
	for _, own := range r.deliveries(random, entries, len(stores)) {
		s := stores[0]
		stores = stores[1:]
		workers.Go(func() {
			if err := deliver(s, own, r.Batch); err != nil {
				failures <- err.Error()
			}
		})
	}
	workers.Wait()
	stop()
	troubles.Wait()
	select {
	case failure := <-failures:
		t.Fatal(failure)
	default:
	}
	r.check(t, look, entries)
}

func (r writersRace) returns(random *rand.Rand) []job.Entry {
	start := time.Now().Add(-time.Hour)
	var entries []job.Entry
	for j := range r.Jobs {
		jid := job.FormatJID(start.Add(time.Duration(j) * time.Second))
		if random.IntN(100) < r.Custom {
			jid = fmt.Sprintf("deploy-%d", random.IntN(1000))
		}
		for m := range r.Minions {
			entries = append(entries, ret(jid, fmt.Sprintf("m%d", m), fmt.Sprintf("f.%d", len(jid)%2)))
		}
	}
	return entries
}

// deliveries is what each worker is given.
func (r writersRace) deliveries(random *rand.Rand, entries []job.Entry, workers int) [][]job.Entry {
	all := make([][]job.Entry, workers)
	for _, e := range entries {
		for range 1 + random.IntN(r.Copies) {
			w := random.IntN(workers)
			all[w] = append(all[w], e)
		}
	}
	for _, own := range all {
		random.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
	}
	return all
}

// deliver writes returns batch by batch, what was not confirmed again after a moment, as the consumer does: a store that
// has found the server away says so at once for some milliseconds.
func deliver(s *Store, entries []job.Entry, size int) error {
	for batch := range slices.Chunk(entries, size) {
		began := time.Now()
		for open := slices.Clone(batch); len(open) > 0; <-time.After(time.Millisecond) {
			var again []job.Entry
			for i, err := range s.Write(context.Background(), open) {
				if err != nil && !errors.Is(err, job.ErrUnavailable) {
					return err
				}
				if err != nil {
					again = append(again, open[i])
				}
				if err != nil && time.Since(began) > 30*time.Second {
					return fmt.Errorf("not written: %w", err)
				}
			}
			open = again
		}
	}
	return nil
}

func (r writersRace) trouble(ctx context.Context, nodes []*servers.Process, random *rand.Rand) {
	for round := 0; ctx.Err() == nil && round < 60; round++ {
		node := nodes[random.IntN(len(nodes))]
		for range random.IntN(4) {
			node.Do("ping") // lets some time pass
		}
		if r.Kills {
			node.Do("client", "kill", "type", "normal", "skipme", "yes")
		}
		if r.Forget && random.IntN(4) == 0 {
			node.Do("script", "flush")
		}
	}
}

func (r writersRace) check(t *rapid.T, look redis.UniversalClient, entries []job.Entry) {
	ctx := context.Background()
	want, greatest := map[string][]string{}, map[string]job.Rank{}
	for _, e := range entries {
		ret := e.Return
		if got := look.HGet(ctx, "ret:"+ret.JID, ret.Minion).Val(); got != string(ret.Body) {
			t.Fatalf("return of %s for %s = %q", ret.Minion, ret.JID, got)
		}
		if entry := ret.JID + "\t" + ret.Fun; !slices.Contains(want[ret.Minion], entry) {
			want[ret.Minion] = append(want[ret.Minion], entry)
		}
		key, rank := ret.Minion+":"+ret.Fun, job.RankOf(ret.JID, e.Published)
		if old, known := greatest[key]; !known || old.Less(rank) {
			greatest[key] = rank
		}
	}
	for minion, list := range want {
		got := look.LRange(ctx, "returnd/history:"+minion, 0, -1).Val()
		slices.Sort(got)
		slices.Sort(list)
		if !slices.Equal(got, list) {
			t.Fatalf("history of %s = %q, want %q", minion, got, list)
		}
	}
	for key, rank := range greatest {
		if got := look.Get(ctx, key).Val(); job.RankOf(got, time.Now()) != rank {
			t.Fatalf("pointer %s = %q, want %v", key, got, rank)
		}
	}
}
