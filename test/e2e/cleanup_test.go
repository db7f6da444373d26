package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// swept is what an answer about a sweep has.
type swept struct {
	By      string `json:"by"`
	Token   int64  `json:"token"`
	Running bool   `json:"running"`
	DryRun  bool   `json:"dry_run"`
	Looked  int    `json:"looked"`
	Removed int    `json:"removed"`
}

// old is long past every keep.
const old = "20200101000000000000"

func putReturns(t *testing.T, c redis.UniversalClient, jids ...string) {
	t.Helper()
	for _, jid := range jids {
		if err := c.HSet(t.Context(), "ret:"+jid, "web1", "{}").Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func there(t *testing.T, c redis.UniversalClient, jid string) bool {
	t.Helper()
	n, err := c.Exists(t.Context(), "ret:"+jid).Result()
	if err != nil {
		t.Fatal(err)
	}
	return n == 1
}

// TestCleanOldJobs: a caller has old jobs removed; a trial removes nothing; what is young stays. Everybody can see it.
func TestCleanOldJobs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(t)
	c, young := r.db(t, 0), job.FormatJID(time.Now())
	putReturns(t, c, old, young)
	ask := func(request string) (got swept) {
		t.Helper()
		a := r.ask(t, "clean_old_jobs", request)
		if err := json.Unmarshal(a.body, &got); err != nil {
			t.Fatalf("%s %s: %v", a.code, a.sentence, err)
		}
		return got
	}
	if got := ask(`{"dry_run": true}`); got.Removed != 1 || got.Looked != 2 || !got.DryRun || !there(t, c, old) {
		t.Errorf("a trial: got %+v", got)
	}
	if got := ask(``); got.Removed != 1 || got.Running || there(t, c, old) || !there(t, c, young) {
		t.Errorf("got %+v", got)
	}
	out, errs, code := servers.Run(t, append([]string{"cleanup", "--status", "-o", "json"}, r.redis.args()...)...)
	var status struct{ Last swept }
	if err := json.Unmarshal([]byte(out), &status); err != nil || code != 0 || status.Last.Removed != 1 {
		t.Errorf("worker cleanup --status: exit %d, %s%s (%v)", code, out, errs, err)
	}
	var page struct {
		Ready   bool
		Details struct{ Cleanup struct{ Last swept } }
	}
	_, body := w.get("/readyz")
	if err := json.Unmarshal([]byte(body), &page); err != nil || !page.Ready || page.Details.Cleanup.Last != status.Last {
		t.Errorf("/readyz tells %s, want %+v (%v)", body, status.Last, err)
	}
	if _, metrics := w.get("/metrics"); !strings.Contains(metrics, `returnd_cleanup_removed_total{kind="returns"} 1`) {
		t.Errorf("not counted:\n%s", metrics)
	}
}

// TestCleanupCommand: it needs no worker.
func TestCleanupCommand(t *testing.T) {
	t.Parallel()
	redis := newStore(t, "")
	c := redis.client(t, 0)
	putReturns(t, c, old)
	for _, flags := range [][]string{{"--dry-run"}, nil} {
		out, errs, code := servers.Run(t, slices.Concat([]string{"cleanup", "-o", "json"}, flags, redis.args())...)
		var got swept
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || got.Removed != 1 || errs != "" {
			t.Errorf("worker cleanup %v: exit %d, %s%s (%v)", flags, code, out, errs, err)
		}
		if trial := len(flags) > 0; there(t, c, old) != trial {
			t.Errorf("worker cleanup %v: it is there: %v", flags, !trial)
		}
	}
}

// TestSweepGoesOn: however the worker that sweeps goes, another one goes on within the lease's time and a second; no two
// sweeps have one token, and none is recorded after one with a greater.
func TestSweepGoesOn(t *testing.T) {
	t.Parallel()
	const lease = 2 * time.Second
	losses := map[string]struct {
		lose   func(w worker)
		within time.Duration
	}{
		"in order": {func(w worker) { w.Terminate() }, time.Second},
		"killed":   {func(w worker) { w.Kill() }, lease + time.Second},
		"stopped":  {func(w worker) { w.Stop() }, lease + time.Second},
	}
	for name, loss := range losses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c := r.db(t, 0)
			var jids []string
			for i := range 1000 {
				jids = append(jids, fmt.Sprintf("20200101000000%06d", i))
			}
			putReturns(t, c, jids...)
			workers := map[int]worker{}
			for range 3 {
				w := r.start(t, "--cleanup.interval", "1s", "--cleanup.lease", lease.String(), "--cleanup.rate", "100")
				workers[w.PID()] = w
			}
			lost := sweeping(t, c, workers, 0)
			token := tokenOf(t, c)
			began := time.Now()
			loss.lose(workers[lost])
			sweeping(t, c, workers, lost)
			if took := time.Since(began); took > loss.within+time.Second { // the machine is busy
				t.Errorf("another goes on after %v, want %v", took, loss.within)
			}
			if name == "stopped" {
				workers[lost].Cont()
			}
			if now := tokenOf(t, c); now <= token {
				t.Errorf("the token is %d after %d", now, token)
			}
			servers.Eventually(t, limit, "nothing old is left", func() bool { return !there(t, c, jids[0]) && !there(t, c, jids[999]) && !there(t, c, jids[500]) })
		})
	}
}

// sweeping waits until another process than one has the lease, and tells which.
func sweeping(t *testing.T, c redis.UniversalClient, workers map[int]worker, other int) (pid int) {
	t.Helper()
	servers.Eventually(t, limit, "a worker that sweeps", func() bool {
		value, _ := c.Get(t.Context(), "returnd/{cleanup}/lease").Result()
		owner, _, _ := strings.Cut(value, " ")
		pid, _ = strconv.Atoi(owner[strings.LastIndexByte(owner, '/')+1:])
		_, known := workers[pid]
		return known && pid != other && c.Exists(t.Context(), "returnd/{cleanup}/at").Val() == 1
	})
	return pid
}

func tokenOf(t *testing.T, c redis.UniversalClient) int64 {
	t.Helper()
	token, err := c.Get(t.Context(), "returnd/{cleanup}/token").Int64()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
