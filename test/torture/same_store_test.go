package torture

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/metric/noop"
	"pgregory.net/rapid"

	"returnd/internal/job"
	"returnd/internal/persist"
	"returnd/test/servers"
)

// replicas is the number of workers among which returns are shuffled.
const replicas = 3

// stores are what three workers would write with, on one Redis.
type stores struct {
	redis *redis.Client
	all   []*persist.Store
}

func newStores(t *testing.T, p *servers.Process, change ...func(*persist.Config)) *stores {
	t.Helper()
	s := &stores{redis: clientOn(t, p, 0)}
	cfg := persist.DefaultConfig()
	host, port, err := net.SplitHostPort(p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Redis.Host = host
	cfg.Redis.Port, _ = strconv.Atoi(port)
	for _, f := range change {
		f(&cfg)
	}
	for range replicas {
		store, err := persist.New(cfg, nil, slog.New(slog.DiscardHandler), noop.Meter{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		s.all = append(s.all, store)
	}
	return s
}

func (s *stores) flush(t *rapid.T) {
	if err := s.redis.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
}

func (s *stores) read(t *rapid.T) keyspace {
	k, err := readKeyspace(context.Background(), s.redis)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// write hands entries to one store, in batches of a size.
func (s *stores) write(t *rapid.T, store int, entries []job.Entry, batch int) {
	for part := range slices.Chunk(entries, batch) {
		for i, err := range s.all[store].Write(context.Background(), part) {
			if err != nil {
				t.Errorf("write the entry of job %q: %v", part[i].JID(), err)
			}
		}
	}
}

// share writes entries through all stores at once, shuffled, by any store in any batch.
func (s *stores) share(t *rapid.T, entries []job.Entry) {
	seed := rapid.Uint64().Draw(t, "shuffle")
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	var group sync.WaitGroup
	for store, part := range parts(entries, replicas) {
		batch := 1 + random.IntN(16)
		group.Go(func() { s.write(t, store, part, batch) })
	}
	group.Wait()
}

// parts deals entries out to n.
func parts(entries []job.Entry, n int) [][]job.Entry {
	dealt := make([][]job.Entry, n)
	for i, e := range entries {
		dealt[i%n] = append(dealt[i%n], e)
	}
	return dealt
}

func entriesOf(t *rapid.T, all []message, first time.Time) []job.Entry {
	entries := make([]job.Entry, len(all))
	for i, m := range all {
		var err error
		if entries[i], err = m.entry(first); err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
	}
	return entries
}

// TestStateIsTheSameForAnyOrderOfWrites asks the store alone, with publishing times of hours apart, which no stream
// can be made to have: an orderly pass, everything once more, and everything twice, shuffled among three.
func TestStateIsTheSameForAnyOrderOfWrites(t *testing.T) {
	checks(t, 200, 3000)
	s := newStores(t, servers.Redis(t))
	rapid.Check(t, func(t *rapid.T) { s.anyOrder(t, false) })
}

// TestStateIsTheSameWhereACustomJobTakesHours is the same with custom jids whose returns are published hours apart:
// how they fall into batches must not show.
func TestStateIsTheSameWhereACustomJobTakesHours(t *testing.T) {
	checks(t, 30, 1000)
	s := newStores(t, servers.Redis(t))
	rapid.Check(t, func(t *rapid.T) { s.anyOrder(t, true) })
}

func (s *stores) anyOrder(t *rapid.T, hoursApart bool) {
	now := time.Now()
	first := now.Add(-span)
	all := caseOf(first, 8, hoursApart).Draw(t, "messages")
	orderly := entriesOf(t, all, first)

	s.flush(t)
	s.write(t, 0, orderly, rapid.IntRange(1, 64).Draw(t, "batch"))
	want := s.read(t)
	limit := func() tolerance { return tolerance{2 * time.Second, time.Since(now), floats(first), 0} }

	s.write(t, 1, orderly, rapid.IntRange(1, 64).Draw(t, "batch of the replay"))
	same(t, "replayed", all, want, s.read(t), limit())

	s.flush(t)
	s.share(t, slices.Concat(orderly, orderly))
	same(t, "twice and shuffled", all, want, s.read(t), limit())
}

// TestStateIsTheSameForLaterDuplicates publishes everything again, up to hours later: the earliest message anchors.
func TestStateIsTheSameForLaterDuplicates(t *testing.T) {
	checks(t, 100, 1000)
	s := newStores(t, servers.Redis(t))
	rapid.Check(t, func(t *rapid.T) {
		s.laterDuplicates(t, func(orderly, later []job.Entry) {
			s.write(t, 0, orderly, 16)
			s.share(t, later)
		})
	})
}

// TestStateIsTheSameWhereDuplicatesOvertake has the later ones written first, too: the first worker may have hung.
func TestStateIsTheSameWhereDuplicatesOvertake(t *testing.T) {
	checks(t, 30, 1000)
	s := newStores(t, servers.Redis(t))
	rapid.Check(t, func(t *rapid.T) {
		s.laterDuplicates(t, func(orderly, later []job.Entry) { s.share(t, slices.Concat(orderly, later)) })
	})
}

func (s *stores) laterDuplicates(t *rapid.T, write func(orderly, later []job.Entry)) {
	now := time.Now()
	first := now.Add(-2 * span)
	all := caseOf(first, 5, false).Draw(t, "messages")
	orderly := entriesOf(t, all, first)
	s.flush(t)
	s.write(t, 0, orderly, 16)
	want := s.read(t)

	wait := time.Duration(rapid.IntRange(0, int(span/time.Second)).Draw(t, "later")) * time.Second
	s.flush(t)
	write(orderly, entriesOf(t, all, first.Add(wait)))
	same(t, "again and later", all, want, s.read(t), tolerance{2 * time.Second, time.Since(now), floats(first), wait})
}

// same fails with what differs, and with the messages that led there.
func same(t rapid.TB, pass string, all []message, want, got keyspace, limit tolerance) {
	t.Helper()
	faults := differences(want, got, limit)
	if len(faults) == 0 {
		return
	}
	var lines []string
	for _, m := range all {
		lines = append(lines, m.published.String()+" "+m.jid+" "+m.minion+" "+m.body)
	}
	if len(lines) > 12 {
		lines = append(lines[:12], "…")
	}
	t.Fatalf("%s: the keyspace is another than after one orderly pass:\n%s\nmessages:\n%s", pass,
		strings.Join(faults[:min(len(faults), 12)], "\n"), strings.Join(lines, "\n"))
}
