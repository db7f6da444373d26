package persist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// listener keeps what is announced, or does something else with it.
type listener struct {
	mu    sync.Mutex
	heard map[string][]job.Completion
	act   func(context.Context, job.Completion) error
}

func (l *listener) Announce(ctx context.Context, done job.Completion) error {
	l.mu.Lock()
	act := l.act
	l.mu.Unlock()
	if act != nil {
		if err := act(ctx, done); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heard == nil {
		l.heard = map[string][]job.Completion{}
	}
	l.heard[done.JID] = append(l.heard[done.JID], done)
	return nil
}

func (l *listener) set(act func(context.Context, job.Completion) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.act = act
}

// of tells what was heard of a job, as "expected/returned".
func (l *listener) of(jid string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, done := range l.heard[jid] {
		all = append(all, fmt.Sprintf("%d/%d", done.Expected, done.Returned))
	}
	return strings.Join(all, " ")
}

// forms are the kinds of Redis that completion is judged on: with all keys on one server, and apart.
var forms = map[string]func(testing.TB) *servers.Process{"standalone": oneServer, "cluster": oneOfCluster}

func oneServer(t testing.TB) *servers.Process {
	t.Helper()
	return servers.Redis(t)
}

func oneOfCluster(t testing.TB) *servers.Process {
	t.Helper()
	return servers.Cluster(t, 3, 0).Nodes[0]
}

// completing is one step of a job's way: what is written, and what has been announced of the job after it.
type completing struct{ do, minions, want string }

func (c completing) entries(t *testing.T, jid string) []job.Entry {
	t.Helper()
	ids := strings.Fields(c.minions)
	var all []job.Entry
	if c.do == "load" || c.do == "both" {
		all = append(all, load(t, jid, `{"fun": "f.x", "minions": ["`+strings.Join(ids, `", "`)+`"]}`))
	}
	if c.do == "empty load" {
		all = append(all, load(t, jid, `{"fun": "f.x", "minions": []}`))
	}
	if c.do == "return" || c.do == "both" {
		for i, id := range ids {
			all = append(all, ret(jid, id, fmt.Sprintf("f.x%d", i%2)))
		}
	}
	return all
}

func TestCompletion(t *testing.T) {
	tests := map[string][]completing{
		"load first":          {{"load", "a b", ""}, {"return", "a", ""}, {"return", "b", "2/2"}},
		"returns first":       {{"return", "a b", ""}, {"load", "a b", "2/2"}},
		"load between":        {{"return", "b", ""}, {"load", "a b", ""}, {"return", "a", "2/2"}},
		"all in one batch":    {{"both", "a b c", "3/3"}},
		"minions come last":   {{"return", "a b", ""}, {"empty load", "", ""}, {"minions", "a b", "2/2"}},
		"minions, no load":    {{"minions", "a", ""}, {"return", "a", "1/1"}},
		"strangers return":    {{"load", "a b", ""}, {"return", "x y z", ""}, {"return", "a x", ""}, {"return", "b", "2/5"}},
		"strangers before":    {{"return", "x y z", ""}, {"load", "a", ""}, {"return", "q", ""}, {"return", "a", "1/5"}},
		"repeats":             {{"load", "a b", ""}, {"return", "a", ""}, {"return", "a", ""}, {"return", "b", "2/2"}, {"return", "b", "2/2"}, {"load", "a b", "2/2"}},
		"a replay":            {{"both", "a b", "2/2"}, {"load", "a b", "2/2"}, {"return", "a", "2/2"}, {"return", "b", "2/2"}},
		"strangers after":     {{"both", "a", "1/1"}, {"return", "x", "1/1"}, {"return", "y z", "1/1"}},
		"it grows":            {{"both", "a", "1/1"}, {"minions", "b c", "1/1"}, {"return", "b", "1/1"}, {"return", "c", "1/1 3/3"}},
		"it grows by returns": {{"both", "a", "1/1"}, {"return", "b", "1/1"}, {"minions", "b", "1/1 2/2"}},
		"it grows by a load":  {{"both", "a", "1/1"}, {"load", "b", "1/1"}, {"both", "c", "1/1"}, {"return", "b", "1/1 3/3"}},
		"a return's load":     {{"return", "a", ""}, {"load", "a", "1/1"}, {"empty load", "", "1/1"}},
		"nobody is expected":  {{"empty load", "", ""}, {"return", "a", ""}, {"return", "b", ""}},
		"no load at all":      {{"return", "a b", ""}},
		"a reserved jid":      {{"reserve", "", ""}, {"load", "a b", ""}, {"return", "a", ""}, {"return", "b", "2/2"}},
		"reserved, one":       {{"reserve", "", ""}, {"return", "a", ""}, {"minions", "a", "1/1"}},
	}
	for form, start := range forms {
		for keep, seconds := range map[string]int64{"a day": 86400, "for ever": 0} {
			t.Run(form+", kept "+keep, func(t *testing.T) {
				t.Parallel()
				l := &listener{}
				s := announcingStore(t, start(t), l, func(c *Config) { c.KeepJobsSeconds = seconds })
				for name, steps := range tests {
					t.Run(name, func(t *testing.T) { walk(t, s, l, name, steps) })
				}
			})
		}
	}
}

// walk writes step by step, and looks at what is announced.
func walk(t *testing.T, s *Store, l *listener, jid string, steps []completing) {
	t.Helper()
	for i, step := range steps {
		switch step.do {
		case "minions":
			if err := s.SaveMinions(t.Context(), "", jid, strings.Fields(step.minions)); err != nil {
				t.Fatal(err)
			}
		case "reserve":
			if _, err := s.Reserve(t.Context(), "", jid); err != nil {
				t.Fatal(err)
			}
		default:
			stored(t, s, step.entries(t, jid)...)
		}
		if got := l.of(jid); got != step.want {
			t.Errorf("after step %d (%s %s): announced %q, want %q", i+1, step.do, step.minions, got, step.want)
		}
	}
}

// stored writes entries and wants every one confirmed.
func stored(t testing.TB, s *Store, entries ...job.Entry) {
	t.Helper()
	for i, err := range s.Write(t.Context(), entries) {
		if err != nil {
			t.Fatalf("entry %d of %s: %v", i, entries[i].JID(), err)
		}
	}
}

func TestManyJobsCompleteInOneBatch(t *testing.T) {
	for form, start := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			l := &listener{}
			s := announcingStore(t, start(t), l)
			var batch []job.Entry
			for i := range 300 {
				batch = append(batch, completing{"both", "a b c", ""}.entries(t, fmt.Sprintf("job%d", i))...)
			}
			stored(t, s, batch...)
			for i := range 300 {
				if got := l.of(fmt.Sprintf("job%d", i)); got != "3/3" {
					t.Errorf("job %d: announced %q, want 3/3", i, got)
				}
			}
		})
	}
}

// More minions than one page, of which the last to return may be on any.
func TestLargeJobCompletes(t *testing.T) {
	for form, start := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			const minions = 10_000
			l := &listener{}
			s := announcingStore(t, start(t), l)
			ids := make([]string, minions)
			for i := range ids {
				ids[i] = fmt.Sprintf("web%05d.example.com", i)
			}
			all := completing{"both", strings.Join(ids, " "), ""}.entries(t, "large")
			// Strangers make up the number before the last minion returns: every page is looked through for it.
			strangers := completing{"return", "x y z", ""}.entries(t, "large")
			for chunk := range slices.Chunk(append(strangers, all[:minions]...), 2000) {
				stored(t, s, chunk...)
			}
			if got := l.of("large"); got != "" {
				t.Fatalf("announced %q while one is missing", got)
			}
			began := time.Now()
			stored(t, s, all[minions])
			t.Logf("the last return was written, and %d minions were looked for, in %v", minions, time.Since(began))
			if got := l.of("large"); got != "10000/10003" {
				t.Errorf("announced %q, want 10000/10003", got)
			}
		})
	}
}

// While it cannot be announced, what completes the job is held, and nothing else.
func TestFailedAnnouncement(t *testing.T) {
	r := newRig(t)
	l := &listener{}
	s := announcingStore(t, r.proc, l)
	stored(t, s, completing{"load", "a b", ""}.entries(t, "j")...)
	l.set(func(context.Context, job.Completion) error { return job.ErrUnavailable })
	batch := append(completing{"return", "a b", ""}.entries(t, "j"), ret("other", "a", "f.x"))
	errs := s.Write(t.Context(), batch)
	if !errors.Is(errs[0], job.ErrUnavailable) || !errors.Is(errs[1], job.ErrUnavailable) || errs[2] != nil {
		t.Fatalf("errors = %v, want the job's held, the other stored", errs)
	}
	if n := r.redis.HLen(t.Context(), "ret:j").Val(); n != 2 {
		t.Errorf("%d returns are stored, want 2", n)
	}
	l.set(func(context.Context, job.Completion) error { return errors.New("strange") })
	if err := s.Write(t.Context(), batch[:1])[0]; !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("error = %v, want a hold: a stored return is never a dead letter", err)
	}
	if err := s.SaveMinions(t.Context(), "", "j", []string{"a"}); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("save_minions: %v, want a hold", err)
	}
	l.set(nil)
	began := time.Now()
	stored(t, s, batch...)
	if took := time.Since(began); took >= claimLasts {
		t.Errorf("took %v: the claim on what failed was not given back", took)
	}
	if got := l.of("j"); got != "2/2" {
		t.Errorf("announced %q, want 2/2", got)
	}
}

// A worker dies between its claim and the announcement: its messages come again, at another, and that one announces.
func TestAnnouncerDies(t *testing.T) {
	for form, start := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			dying := &listener{}
			s := announcingStore(t, p, dying)
			batch := completing{"both", "a b", ""}.entries(t, "j")
			ctx, die := context.WithCancel(t.Context())
			dying.set(func(ctx context.Context, _ job.Completion) error {
				die()
				return ctx.Err()
			})
			for _, err := range s.Write(ctx, batch) {
				if err == nil {
					t.Fatal("an entry was confirmed before its job was announced")
				}
			}
			l := &listener{}
			next := announcingStore(t, p, l)
			stored(t, next, batch[1])
			if got := l.of("j"); got != "2/2" {
				t.Errorf("announced %q, want 2/2", got)
			}
		})
	}
}

// Who comes upon the claim of another that is alive waits for the outcome, and does not announce again.
func TestAnnouncedByAnother(t *testing.T) {
	p := servers.Redis(t)
	first, second := &listener{}, &listener{}
	claimed, release := make(chan struct{}), make(chan struct{})
	first.set(func(context.Context, job.Completion) error {
		close(claimed)
		<-release
		return nil
	})
	batch := completing{"both", "a b", ""}.entries(t, "j")
	var both sync.WaitGroup
	both.Go(func() { stored(t, announcingStore(t, p, first), batch...) })
	<-claimed
	other := announcingStore(t, p, second)
	before := calls(t, p, "evalsha")
	both.Go(func() { stored(t, other, batch[2]) })
	servers.Eventually(t, 10*time.Second, "the second has asked for the claim twice", func() bool {
		return calls(t, p, "evalsha") >= before+6 // behind four scripts that it runs once
	})
	close(release)
	both.Wait()
	if first.of("j") != "2/2" || second.of("j") != "" {
		t.Errorf("announced %q by the first and %q by the second, want the first alone", first.of("j"), second.of("j"))
	}
}

// calls is how often a server was given a command.
func calls(t *testing.T, p *servers.Process, command string) (n int) {
	t.Helper()
	stats, err := p.Do("INFO", "commandstats").Text()
	if err != nil {
		t.Fatal(err)
	}
	_, stats, _ = strings.Cut(stats, "cmdstat_"+command+":calls=")
	if stats == "" {
		return 0
	}
	stats, _, _ = strings.Cut(stats, ",")
	if n, err = strconv.Atoi(stats); err != nil {
		t.Fatal(err)
	}
	return n
}

// A server that forgets the scripts in the middle costs a second announcement at most.
func TestScriptsAreLostMeanwhile(t *testing.T) {
	r := newRig(t)
	l := &listener{}
	s := announcingStore(t, r.proc, l)
	l.set(func(ctx context.Context, _ job.Completion) error { l.set(nil); return r.redis.ScriptFlush(ctx).Err() })
	stored(t, s, completing{"both", "a", ""}.entries(t, "j")...)
	if got := l.of("j"); got != "1/1 1/1" {
		t.Errorf("announced %q, want twice: the first could not be noted", got)
	}
	if got := r.redis.HGet(t.Context(), "returnd/job:j", "announced").Val(); got != "1" {
		t.Errorf("noted %q, want 1", got)
	}
}

// What others keep under the job's keys harms no return.
func TestStrangersKeys(t *testing.T) {
	for form, start := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			l := &listener{}
			s := announcingStore(t, p, l)
			look := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{p.Addr}})
			if form == "standalone" {
				look = nil
			}
			set := func(key string) {
				t.Helper()
				var err error
				if look != nil {
					err = look.Set(t.Context(), key, "x", 0).Err()
				} else {
					err = p.Do("SET", key, "x").Err()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if look != nil {
				defer look.Close()
			}
			set("returnd/job:j")
			stored(t, s, ret("j", "a", "f.x"))
			set("ret:k")
			stored(t, s, load(t, "k", `{"fun": "f.x", "minions": ["a"]}`))
			if diff := cmp.Diff([]string{"", ""}, []string{l.of("j"), l.of("k")}); diff != "" {
				t.Errorf("announced:\n%s", diff)
			}
		})
	}
}

func TestCompletionExpiresWithItsJob(t *testing.T) {
	r := newRig(t)
	l := &listener{}
	s := announcingStore(t, r.proc, l)
	jid := jidAt(time.Hour)
	stored(t, s, completing{"both", "a", ""}.entries(t, jid)...)
	if got := r.ttl("returnd/job:" + jid); got <= 22*time.Hour || got > 23*time.Hour {
		t.Errorf("TTL = %v, want a day from the job's start", got)
	}
	if l.of(jid) != "1/1" {
		t.Errorf("announced %q", l.of(jid))
	}
}

// Returns that went to another database by ret_kwargs do not count.
func TestCompletionWithinOneDatabase(t *testing.T) {
	r := newRig(t)
	l := &listener{}
	s := announcingStore(t, r.proc, l)
	batch := completing{"both", "a b", ""}.entries(t, "j")
	batch[2].Return.DB = 3
	stored(t, s, batch...)
	if got := l.of("j"); got != "" {
		t.Errorf("announced %q, though one return is elsewhere", got)
	}
	batch[2].Return.DB = 0 // by its number: the database of the load
	stored(t, s, batch[2])
	if got := l.of("j"); got != "2/2" {
		t.Errorf("announced %q, want 2/2", got)
	}
}
