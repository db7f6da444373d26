package persist

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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
