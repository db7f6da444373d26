package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// saltJobs is a keyspace as Salt's own returner leaves it: four kinds of keys, no index, loads with the minions that the master
// put in, a load of a return, and one that breaks Salt's get_jids.
type saltJobs struct {
	jids    []string // oldest first
	minions []string
	returns map[string]map[string]string // by jid and minion
}

func plantSaltJobs(t *testing.T, c redis.UniversalClient, jobs, minions int) saltJobs {
	t.Helper()
	s := saltJobs{returns: map[string]map[string]string{}}
	for i := range minions {
		s.minions = append(s.minions, fmt.Sprintf("web%d.example.com", i))
	}
	ctx, pipe := t.Context(), c.Pipeline()
	for i := range jobs {
		jid := formatJID(time.Now().Add(time.Duration(i-jobs) * time.Second))
		fun := []string{"test.ping", "cmd.run"}[i%2]
		s.jids, s.returns[jid] = append(s.jids, jid), map[string]string{}
		for _, id := range s.minions[:len(s.minions)-i%2] { // the last one does not answer every second job
			body := fmt.Sprintf(`{"success": true, "return": 1.50, "retcode": %d, "jid": %q, "fun": %q, "fun_args": [], "id": %q}`, i%2, jid, fun, id)
			s.returns[jid][id] = body
			pipe.HSet(ctx, "ret:"+jid, id, body)
			pipe.Set(ctx, id+":"+fun, jid, 0)
		}
		pipe.Expire(ctx, "ret:"+jid, keep)
		load := fmt.Sprintf(`{"ver": 2, "arg": [], "tgt": "web*", "jid": %q, "user": "root", "tgt_type": "glob", "fun": %q, "minions": %s}`, jid, fun, jsonText(s.minions))
		pipe.SetEx(ctx, "load:"+jid, load, keep)
	}
	for _, id := range s.minions {
		pipe.SAdd(ctx, "minions", id)
	}
	pipe.SetEx(ctx, "load:20261399000000000000", "null", keep)
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// last gives each minion's last return of a function.
func (s saltJobs) last(odd int) map[string]string {
	all := map[string]string{}
	for i, jid := range s.jids {
		if i%2 == odd {
			for id, body := range s.returns[jid] {
				all[id] = body
			}
		}
	}
	return all
}

// TestKeyspaceOfSalt: what Salt's own returner has written is read as if it were ours, and indexed in passing.
func TestKeyspaceOfSalt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.db(t, 0)
	s := plantSaltJobs(t, c, 300, 7)
	r.start(t)
	check := func(t *testing.T) {
		t.Helper()
		for odd, fun := range []string{"test.ping", "cmd.run"} {
			if diff := cmp.Diff(s.last(odd), texts(t, r.ask(t, "get_fun", request("fun", fun)).body)); diff != "" {
				t.Errorf("get_fun %s (-want +got):\n%s", fun, diff)
			}
		}
		var got []string
		for _, id := range decode(t, r.ask(t, "get_minions", "").body).([]any) {
			got = append(got, id.(string))
		}
		if slices.Sort(got); !slices.Equal(got, s.minions) {
			t.Errorf("get_minions gives %v", got)
		}
	}
	check(t)
	s.checkJobs(t, r)
	// Where the set of minions has gone, it is made anew of the returns.
	c.Del(t.Context(), "minions")
	servers.Eventually(t, limit, "the minions are back", func() bool { return string(r.ask(t, "get_minions", "").body) != "[]" })
	check(t)
}

// checkJobs reads the list, whole and by pages, and some of the jobs.
func (s saltJobs) checkJobs(t *testing.T, r *rig) {
	t.Helper()
	newest := slices.Clone(s.jids)
	slices.Reverse(newest)
	list := r.ask(t, "get_jids", "")
	if got := names(t, list.body); !slices.Equal(got, newest) || list.header.Get("Returnd-Skipped") != "1" {
		t.Errorf("get_jids gives %d jobs, skipped %q", len(got), list.header.Get("Returnd-Skipped"))
	}
	var paged []string
	for cursor, more := "", true; more; more = cursor != "" {
		page := r.ask(t, "get_jids", request("limit", 64, "cursor", cursor))
		if page.code != "" {
			t.Fatal(page.code, page.sentence)
		}
		paged, cursor = append(paged, names(t, page.body)...), page.header.Get("Returnd-Cursor")
	}
	if !slices.Equal(paged, newest) {
		t.Errorf("by pages %d jobs", len(paged))
	}
	old, failed := s.jids[0], s.jids[1]
	for _, tt := range []struct{ endpoint, request, want string }{
		{"get_progress", request("jid", old), `{"missing": [], "expected": 7, "returned": 7, "failed": 0, "complete": true}`},
		{"get_progress", request("jid", failed), `{"missing": ["web6.example.com"], "expected": 7, "returned": 6, "failed": 6, "complete": false}`},
		{"get_history", request("minion", s.minions[0]), `[]`}, // Salt keeps none
	} {
		if got := r.ask(t, tt.endpoint, tt.request); string(got.body) != tt.want {
			t.Errorf("%s %s gives %s %s, want %s", tt.endpoint, tt.request, got.body, got.sentence, tt.want)
		}
	}
	if diff := cmp.Diff(s.returns[old], texts(t, r.ask(t, "get_jid", request("jid", old)).body)); diff != "" {
		t.Errorf("get_jid (-want +got):\n%s", diff)
	}
	if got := string(r.ask(t, "get_load", request("jid", old)).body); !strings.Contains(got, `"tgt": "web*"`) {
		t.Errorf("get_load gives %s", got)
	}
}
