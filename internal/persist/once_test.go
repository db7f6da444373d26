package persist

import (
	"slices"
	"testing"
	"time"

	"returnd/internal/job"
	"returnd/test/servers"
)

// A key of another type fails the returns that need it, and no others of their transaction. Once it is gone, a
// redelivery completes what they left, however often they were tried before.
func TestARedeliveryCompletesWhatAForeignKeyKeptBack(t *testing.T) {
	jid, newer := jidAt(time.Minute), jidAt(0)
	tests := map[string]struct {
		key   string
		first []job.Entry // written before: there is a newer pointer, or none
	}{
		"the returns":                         {"ret:" + jid, nil},
		"the returns, below a newer pointer":  {"ret:" + jid, []job.Entry{ret(newer, "m", "f.x")}},
		"the returns, behind an older one":    {"ret:" + jid, []job.Entry{ret(jidAt(time.Hour), "m", "f.x")}},
		"the pointer":                         {"m:f.x", nil},
		"the history":                         {"returnd/history:m", nil},
		"the history, below a newer pointer":  {"returnd/history:m", []job.Entry{ret(newer, "m", "f.x")}},
		"the history, behind an older return": {"returnd/history:m", []job.Entry{ret(jidAt(time.Hour), "m", "f.x")}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			if len(tc.first) > 0 {
				r.write(tc.first...)
			}
			r.redis.Del(t.Context(), tc.key)
			r.redis.Set(t.Context(), tc.key, "a string", 0)
			if tc.key == "m:f.x" {
				r.redis.Del(t.Context(), tc.key)
				r.redis.HSet(t.Context(), tc.key, "k", "v")
			}
			batch := []job.Entry{ret(jid, "n", "f.x"), ret(jid, "m", "f.x"), ret(jidAt(2*time.Minute), "o", "f.x")}
			for range 3 {
				errs := r.store.Write(t.Context(), batch)
				others := tc.key != "ret:"+jid
				if !isWrongType(errs[1]) || others && errs[0] != nil || errs[2] != nil {
					t.Errorf("errors = %v, want wrong_type for the second", errs)
				}
				if tc.key != "returnd/history:m" && times(r.list("m"), jid+"\tf.x") > 1 {
					t.Errorf("history = %q", r.list("m"))
				}
			}
			r.redis.Del(t.Context(), tc.key)
			r.write(batch...)
			for _, minion := range []string{"m", "n"} {
				if got := times(r.list(minion), jid+"\tf.x"); got != 1 {
					t.Errorf("%s: %d times in the history, want once: %q", minion, got, r.list(minion))
				}
			}
			want := jid
			if len(tc.first) > 0 && tc.first[0].Return.JID == newer {
				want = newer
			}
			if got := r.get("m:f.x"); got != want {
				t.Errorf("pointer = %q, want %q", got, want)
			}
		})
	}
}

func times(list []string, entry string) (n int) {
	for _, e := range list {
		if e == entry {
			n++
		}
	}
	return n
}

// What is not stored leaves no trace: no pointer, no history.
func TestARejectedReturnLeavesNoPointer(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	r.redis.Set(t.Context(), "ret:"+jid, "a string", 0)
	if err := r.store.Write(t.Context(), []job.Entry{ret(jid, "m", "f.x")})[0]; !isWrongType(err) {
		t.Errorf("error = %v, want wrong_type", err)
	}
	if n := r.redis.Exists(t.Context(), "m:f.x", "returnd/history:m").Val(); n != 0 {
		t.Error("a return that was not stored has a pointer or a place in a history")
	}
}

// A pointer that cannot be written fails all returns that it is of, as it does when they come one by one.
func TestAPointerOfAnotherTypeFailsAllOfItsReturns(t *testing.T) {
	r := newRig(t)
	r.redis.HSet(t.Context(), "m:f.x", "k", "v")
	errs := r.store.Write(t.Context(), []job.Entry{
		ret(jidAt(3*time.Minute), "m", "f.x"), ret(jidAt(time.Minute), "m", "f.x"), ret(jidAt(2*time.Minute), "m", "f.x"), ret(jidAt(time.Minute), "m", "f.y"),
	})
	if !isWrongType(errs[0]) || !isWrongType(errs[1]) || !isWrongType(errs[2]) || errs[3] != nil {
		t.Errorf("errors = %v, want wrong_type for all but the last", errs)
	}
}

// What somebody else has put into a history list is no reason to fail the other returns of a transaction.
func TestAForeignEntryInAHistory(t *testing.T) {
	begin := map[string]func(t *testing.T) *Store{
		"one server": func(t *testing.T) *Store {
			t.Helper()
			r := newRig(t, func(c *Config) { c.History.Limit = 1 })
			r.redis.RPush(t.Context(), "returnd/history:m", "", "\t", "no tab")
			return r.store
		},
		"cluster": func(t *testing.T) *Store {
			t.Helper()
			g := servers.Cluster(t, 3, 0)
			_, look := clusterRig(t, g)
			look.RPush(t.Context(), "returnd/history:m", "", "\t", "no tab")
			return storeOn(t, g.Nodes[0], func(c *Config) { c.History.Limit = 1 })
		},
	}
	for name, store := range begin {
		t.Run(name, func(t *testing.T) {
			s := store(t)
			for _, jid := range []string{jidAt(0), jidAt(time.Hour), "custom"} {
				for range 2 {
					for i, err := range s.Write(t.Context(), []job.Entry{ret(jid, "m", "f.x"), ret(jid, "n", "f.x")}) {
						if err != nil {
							t.Errorf("%s: entry %d: %v", jid, i, err)
						}
					}
				}
			}
		})
	}
}

// The returns of a job end together, by the earliest of them; a history lives longer. What comes again between the two
// (a replay of the stream) is in the history already.
func TestAReturnThatOutlivesItsJobStandsOnce(t *testing.T) {
	const keep = 24 * time.Hour
	ahead := 40 * time.Minute // the clock of who made the jid
	tests := map[string]struct {
		jid   string
		later time.Duration // when the second return was published, ago
	}{
		"a custom jid":           {"deploy", time.Hour},
		"a clock that was ahead": {job.FormatJID(time.Now().Add(ahead - keep)), keep - ahead - time.Minute},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			first, second := ret(tc.jid, "a", "f.x"), ret(tc.jid, "b", "f.x")
			first.Published = time.Now().Add(2*time.Second - keep)
			second.Published = time.Now().Add(-tc.later)
			r.write(first, second)
			servers.Eventually(t, 10*time.Second, "the job's returns have ended", func() bool {
				return r.redis.Exists(t.Context(), "ret:"+tc.jid).Val() == 0
			})
			r.write(second)
			if got, want := r.list("b"), []string{tc.jid + "\tf.x"}; !slices.Equal(got, want) {
				t.Errorf("history = %q, want the job once", got)
			}
		})
	}
}

// Three workers write one return with two bodies: whoever tidies the history last leaves the job in it.
func TestTidyingAHistoryLeavesTheJob(t *testing.T) {
	r := newRig(t)
	r.write(ret(jidAt(0), "m", "f.x")) // the scripts are there
	key, jid := "returnd/history:m", "20261120080000000000"
	tests := map[string]struct{ list, want []string }{
		"the other alone":       {[]string{"x\tf", jid + "\tf.x"}, []string{"x\tf", jid + "\tf.x"}},
		"both":                  {[]string{jid + "\tf.x", "x\tf", jid + "\tf.y"}, []string{"x\tf", jid + "\tf.y"}},
		"one of them two times": {[]string{jid + "\tf.y", jid + "\tf.x", "x\tf", jid + "\tf.y"}, []string{jid + "\tf.y", "x\tf"}},
		"neither":               {[]string{"x\tf"}, []string{"x\tf"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r.redis.Del(t.Context(), key)
			r.redis.RPush(t.Context(), key, tc.list)
			if err := r.redis.EvalSha(t.Context(), r.store.scripts.repeated.Hash(), []string{key}, jid+"\tf.y", jid+"\t").Err(); err != nil {
				t.Fatal(err)
			}
			if got := r.list("m"); !slices.Equal(got, tc.want) {
				t.Errorf("history = %q, want %q", got, tc.want)
			}
		})
	}
}
