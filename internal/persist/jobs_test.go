package persist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"returnd/internal/job"
	"returnd/test/servers"
)

func (r *rig) jobs(span job.Span) reader { return jobsOf(r.T, r.store, span) }

func jobsOf(t *testing.T, s *Store, span job.Span) reader {
	t.Helper()
	return func(cursor string, yield func(name, value string) error) (string, error) {
		return s.Jobs(t.Context(), "", span, cursor, func(jid string, load []byte) error { return yield(jid, string(load)) })
	}
}

// plant puts loads and their places in the index, as a writer would.
func plant(t testing.TB, c *redis.Client, jobs []redis.Z) {
	t.Helper()
	for chunk := range slices.Chunk(jobs, 2000) {
		pipe := c.Pipeline()
		for _, z := range chunk {
			pipe.Set(t.Context(), "load:"+z.Member.(string), loadText(z.Member.(string)), 0)
		}
		pipe.ZAdd(t.Context(), "returnd/jobs", chunk...)
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func loadText(jid string) string {
	return fmt.Sprintf(`{"jid": %q, "fun": "test.ping", "tgt": "*", "tgt_type": "glob", "user": "root", "arg": []}`, jid)
}

func newestFirst(jobs []redis.Z) []string {
	jobs = slices.Clone(jobs)
	slices.SortFunc(jobs, func(a, b redis.Z) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.Member.(string), a.Member.(string)))
	})
	jids := make([]string, len(jobs))
	for i, z := range jobs {
		jids[i] = z.Member.(string)
	}
	return jids
}

// inOrder reads page by page and keeps the order.
func (r reader) inOrder(t fataler, limit func() int, between func()) (jids []string) {
	t.Helper()
	for cursor := ""; ; {
		names, _, next, err := r.page(cursor, limit())
		if err != nil {
			t.Fatalf("page at %q: %v", cursor, err)
		}
		jids = append(jids, names...)
		if cursor = next; cursor == "" {
			return jids
		}
		between()
	}
}

func TestPagesOfJobs(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(rt *rapid.T) {
		r.redis.FlushAll(t.Context())
		r.redis.Set(t.Context(), "returnd/indexed", "1", 0)
		starts := rapid.SampledFrom([]int{1, 3, 1000}).Draw(rt, "different starts")
		var jobs []redis.Z
		for i := range rapid.IntRange(1, 600).Draw(rt, "jobs") {
			jobs = append(jobs, redis.Z{Score: float64(1e15 + rapid.IntRange(1, starts).Draw(rt, "start")), Member: fmt.Sprintf("job %d", i)})
		}
		plant(t, r.redis, jobs)
		since, until := rapid.IntRange(0, starts+1).Draw(rt, "since"), rapid.IntRange(0, starts+1).Draw(rt, "until")
		span := job.Span{Since: time.UnixMicro(1e15 + int64(since)), Until: time.UnixMicro(1e15 + int64(until)).Add(-time.Nanosecond)}
		if rapid.Bool().Draw(rt, "no bounds") {
			span = job.Span{}
		} else {
			jobs = slices.DeleteFunc(jobs, func(z redis.Z) bool { return z.Score < 1e15+float64(since) || z.Score >= 1e15+float64(until) })
		}
		got := r.jobs(span).inOrder(rt, func() int { return rapid.IntRange(1, 200).Draw(rt, "limit") }, nothing)
		if want := newestFirst(jobs); !slices.Equal(got, want) {
			rt.Fatalf("got %d jobs %q\nwant %d %q", len(got), got, len(want), want)
		}
	})
}

// Where the master's clock is ahead of the stream's, its jobs are listed by their jids all the same.
func TestJobsOfAClockThatIsAhead(t *testing.T) {
	r := newRig(t)
	now := time.Now()
	var want []string
	for i := range 5 { // the later, the earlier it is published
		jid := job.FormatJID(now.Add(time.Duration(40-i) * time.Second))
		e := load(t, jid, `{"fun": "f.x"}`)
		e.Published = now.Add(time.Duration(i) * time.Millisecond)
		r.write(e)
		want = append(want, jid)
	}
	far := load(t, job.FormatJID(now.Add(time.Hour)), `{"fun": "f.x"}`) // is no clock a little ahead
	far.Published = now
	r.write(far)
	want = append(want, far.Load.JID)
	if got := r.jobs(job.Span{}).inOrder(t, always(2), nothing); !slices.Equal(got, want) {
		t.Errorf("jobs = %q, want %q", got, want)
	}
}

// Jobs come and go between the pages, also of the very start at which one ends.
func TestPagesOfJobsThatChange(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(rt *rapid.T) {
		r.redis.FlushAll(t.Context())
		r.redis.Set(t.Context(), "returnd/indexed", "1", 0)
		const start = 1e15
		var jobs, going []redis.Z
		for i := range 500 {
			z := redis.Z{Score: start + float64(i/200), Member: fmt.Sprintf("job %03d", i)}
			if i%3 == 0 {
				going = append(going, z)
			} else {
				jobs = append(jobs, z)
			}
		}
		plant(t, r.redis, append(slices.Clone(jobs), going...))
		coming := 0
		got := r.jobs(job.Span{}).inOrder(rt, func() int { return rapid.IntRange(1, 90).Draw(rt, "limit") }, func() {
			for range rapid.IntRange(0, min(20, len(going))).Draw(rt, "gone") {
				r.redis.ZRem(t.Context(), "returnd/jobs", going[0].Member)
				going = append(going[1:], going[:0]...)
			}
			for range rapid.IntRange(0, 5).Draw(rt, "come") {
				coming++
				plant(t, r.redis, []redis.Z{{Score: start + float64(coming%3), Member: fmt.Sprintf("job %03d new", 7*coming%500)}})
			}
		})
		for _, z := range jobs {
			if !slices.Contains(got, z.Member.(string)) {
				rt.Fatalf("%s was there all the while and is missing", z.Member)
			}
		}
		if sorted := slices.Clone(got); len(slices.Compact(sorted)) != len(got) {
			rt.Fatal("a job came twice")
		}
	})
}

func TestPagesOfTwoHundredThousandJobs(t *testing.T) {
	r := newRig(t)
	var jobs []redis.Z
	for i := range 200_000 {
		jobs = append(jobs, redis.Z{Score: float64(1.7e15 + i/20_000), Member: fmt.Sprintf("2026%016d", i)})
	}
	plant(t, r.redis, jobs)
	r.redis.Set(t.Context(), "returnd/indexed", "1", 0)
	got := r.jobs(job.Span{}).inOrder(t, always(30_000), nothing)
	if !slices.Equal(got, newestFirst(jobs)) {
		t.Errorf("%d jobs, or in another order", len(got))
	}
	names, _, _, err := r.jobs(job.Span{}).page("", 100)
	if err != nil || !slices.Equal(names, got[:100]) {
		t.Errorf("the newest 100: %d, %v", len(names), err)
	}
}

// Loads of all sizes come whole, whatever bounds the reading has.
func TestLoadsOfAllSizes(t *testing.T) {
	r := newRig(t)
	want := map[string]string{}
	sizes := []int{1, shortLoad - 1, shortLoad, shortLoad + 1, longLoad - 1, longLoad, longLoad + 1, 3 << 20}
	for i := range 150 {
		jid := fmt.Sprintf("job %03d", i)
		want[jid] = strings.Repeat(string(rune('a'+i%26)), sizes[i%len(sizes)])
		if i%len(sizes) == 7 && i > 20 {
			want[jid] = strings.Repeat("l", 20_000)
		}
		r.redis.Set(t.Context(), "load:"+jid, want[jid], 0)
		r.redis.ZAdd(t.Context(), "returnd/jobs", redis.Z{Score: float64(i), Member: jid})
	}
	got, handed := r.jobs(job.Span{}).all(t, always(40), nothing)
	if handed != len(want) {
		t.Errorf("%d loads, want %d", handed, len(want))
	}
	for jid, load := range want {
		if got[jid] != load {
			t.Errorf("%s has %d bytes, want %d", jid, len(got[jid]), len(load))
		}
	}
}

func TestLoadsOfOthersAreIndexed(t *testing.T) {
	r := newRig(t, func(c *Config) { c.KeepJobsSeconds = 3600 })
	now := time.Now()
	early, late := jidAt(2*time.Hour), jidAt(time.Minute)
	for jid, ttl := range map[string]time.Duration{
		early: 0, late: time.Hour, "half an hour ago": 30 * time.Minute, "kept longer": 3 * time.Hour, "for ever": 0, jidAt(-72 * time.Hour): time.Hour,
	} {
		r.redis.Set(t.Context(), "load:"+jid, loadText(jid), ttl)
	}
	r.write(load(t, "ours", `{"fun": "f"}`))
	r.redis.ZAdd(t.Context(), "returnd/jobs", redis.Z{Score: 17, Member: early}) // what is known already stays
	r.redis.HSet(t.Context(), "load:a hash", "k", "v")
	r.redis.Set(t.Context(), "load:"+strings.Repeat("x", 300), "{}", 0)
	if got := r.jobs(job.Span{}).inOrder(t, always(3), nothing); len(got) != 8 || got[7] != early { // the hash too: whoever lists it counts it as unreadable
		t.Errorf("jobs = %q", got)
	}
	score := func(jid string) time.Time {
		return time.UnixMicro(int64(r.redis.ZScore(t.Context(), "returnd/jobs", jid).Val()))
	}
	wantStart, _ := job.JIDTime(late)
	for jid, want := range map[string]time.Time{late: wantStart, "half an hour ago": now.Add(-30 * time.Minute), "kept longer": now, "for ever": now, early: time.UnixMicro(17)} {
		if off := score(jid).Sub(want).Abs(); off > 5*time.Second {
			t.Errorf("%q begins at %v, want %v", jid, score(jid), want)
		}
	}
	if ttl := r.ttl("returnd/indexed"); ttl <= 0 || ttl > indexedFor {
		t.Errorf("TTL of returnd/indexed = %v", ttl)
	}
	// From now on nothing is scanned: what comes later is found by the next scan, or the sweep.
	r.redis.Set(t.Context(), "load:later", "{}", 0)
	if got, _ := r.jobs(job.Span{}).all(t, always(100), nothing); len(got) != 8 {
		t.Errorf("%d jobs, want 8: the index is fresh", len(got))
	}
	r.redis.Unlink(t.Context(), "returnd/indexed")
	if got, _ := r.jobs(job.Span{}).all(t, always(100), nothing); len(got) != 9 {
		t.Errorf("%d jobs, want 9 after another scan", len(got))
	}
}

// Many who ask at once wait for one scan; who has no time left gets the deadline's error.
func TestTheIndexIsMadeOnce(t *testing.T) {
	r := newRig(t)
	for i := range 3000 {
		r.redis.Set(t.Context(), fmt.Sprintf("load:%d", i), "{}", 0)
	}
	r.redis.ConfigResetStat(t.Context())
	done := make(chan int, 8)
	for range cap(done) {
		go func() {
			n := 0
			_, err := r.store.Jobs(t.Context(), "", job.Span{}, "", func(string, []byte) error { n++; return nil })
			if err != nil {
				t.Error(err)
			}
			done <- n
		}()
	}
	for range cap(done) {
		if n := <-done; n != 3000 {
			t.Errorf("%d jobs, want 3000", n)
		}
	}
	stats := r.redis.Info(t.Context(), "commandstats").Val()
	_, rest, _ := strings.Cut(stats, "cmdstat_scan:calls=")
	if calls, _, _ := strings.Cut(rest, ","); calls != "3" && calls != "4" && calls != "5" { // 3,001 keys, about a thousand a step
		t.Errorf("%s calls of SCAN, want those of one pass", calls)
	}
	r.redis.Unlink(t.Context(), "returnd/indexed")
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.store.Jobs(short, "", job.Span{}, "", func(string, []byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("without time left: %v", err)
	}
}

func TestJobsOfOthersInACluster(t *testing.T) {
	g := servers.Cluster(t, 3, 0)
	s, look := clusterRig(t, g)
	var want []string
	for i := range 200 {
		jid := jidAt(time.Duration(i) * time.Second)
		want = append(want, jid)
		look.Set(t.Context(), "load:"+jid, loadText(jid), time.Hour)
	}
	if got := jobsOf(t, s, job.Span{}).inOrder(t, always(30), nothing); !slices.Equal(got, want) {
		t.Errorf("%d jobs, or in another order", len(got))
	}
}

func TestAnIndexOfAnotherType(t *testing.T) {
	r := newRig(t)
	r.redis.Set(t.Context(), "load:x", "{}", 0)
	r.redis.Set(t.Context(), "returnd/jobs", "a string", 0)
	for range 2 {
		if _, err := r.store.Jobs(t.Context(), "", job.Span{}, "", func(string, []byte) error { return nil }); !isWrongType(err) {
			t.Errorf("Jobs = %v, want wrong_type", err)
		}
	}
	r.proc.Kill()
	if _, err := r.store.Jobs(t.Context(), "", job.Span{}, "", func(string, []byte) error { return nil }); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("with Redis away: %v", err)
	}
}
