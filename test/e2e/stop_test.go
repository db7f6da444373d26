package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// stopGoal is within what supervisors wait before they kill.
const stopGoal = 10 * time.Second

// held is the counter of returns that wait for Redis, once it is not 0.
var held = regexp.MustCompile(`(?m)^returnd_consume_held\w*(?:\{[^}]*\})? [1-9]`)

// publishSome has the stream acknowledge returns of so many jobs, one each.
func publishSome(t *testing.T, r *rig, base time.Time, from, count int) bool {
	t.Helper()
	for i := from; i < from+count; i++ {
		jid, id, body := numbered(base, i)
		if _, err := r.js.PublishAsync(returnSubject(jid, id), []byte(body)); err != nil {
			t.Error(err)
			return false
		}
	}
	select {
	case <-r.js.PublishAsyncComplete():
		return true
	case <-time.After(limit):
		t.Error("the stream does not acknowledge")
		return false
	}
}

// numbered is the return of the i-th job.
func numbered(base time.Time, i int) (jid, id, body string) {
	jid, id = formatJID(base.Add(time.Duration(i)*time.Millisecond)), fmt.Sprintf("m%d", i%97)
	return jid, id, request("id", id, "jid", jid, "fun", "test.ping", "return", i)
}

// TestStopUnderLoad: told to stop in the middle of a stream of returns, a
// worker ends in order and in time, with exit code 0; what it had not settled
// is done by the next one, and nothing is lost or a dead letter.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.db(t, 0)
	w := r.start(t)
	base := time.Now().Add(-time.Hour)
	var published atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ctx.Err() == nil && publishSome(t, r, base, n, 500); n += 500 {
			published.Add(500)
		}
	}()
	defer func() {
		cancel()
		<-done
	}()
	for range 3 {
		before := c.DBSize(t.Context()).Val()
		servers.Eventually(t, limit, "returns flowing", func() bool { return c.DBSize(t.Context()).Val() > before+300 })
		code, took := w.Terminate()
		if code != 0 || took > stopGoal || !strings.Contains(w.Stderr(), "msg=stopped") {
			t.Errorf("exit code %d after %v\n%s", code, took, w.Stderr())
		}
		w = r.start(t)
	}
	cancel()
	<-done
	r.settle(t)
	checkNumbered(t, r, base, int(published.Load()))
	if got := r.letters(t); len(got) > 0 {
		t.Errorf("%d dead letters, the first: %+v", len(got), got[0])
	}
}

// checkNumbered demands that each of so many returns is kept as published.
func checkNumbered(t *testing.T, r *rig, base time.Time, count int) {
	t.Helper()
	pipe := r.db(t, 0).Pipeline()
	kept := make([]*redis.MapStringStringCmd, count)
	for i := range kept {
		jid, _, _ := numbered(base, i)
		kept[i] = pipe.HGetAll(t.Context(), "ret:"+jid)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i, got := range kept {
		_, id, body := numbered(base, i)
		if len(got.Val()) != 1 || got.Val()[id] != body {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d returns are missing or wrong", wrong, count)
	}
}

// TestStopWithoutRedis: with Redis away a worker still ends in time; a second
// signal ends it at once; the returns are with the stream.
func TestStopWithoutRedis(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const returns = 500
	base := time.Now().Add(-time.Hour)
	for _, signals := range []int{1, 2} {
		t.Run(fmt.Sprintf("%d signals", signals), func(t *testing.T) {
			w := r.start(t)
			r.redis.Stop()
			publishSome(t, r, base, returns*(signals-1), returns)
			servers.Eventually(t, limit, "returns on their way", func() bool {
				durable, err := r.js.Consumer(t.Context(), "RETURNS", "returnd")
				return err == nil && durable.CachedInfo().NumAckPending > 0
			})
			code, took := endBy(t, w, signals)
			if signals == 1 && (code != 0 || took > stopGoal) {
				t.Errorf("exit code %d after %v\n%s", code, took, w.Stderr())
			}
			if signals == 2 && (code != 1 || took > time.Second) {
				t.Errorf("exit code %d, %v after the second signal\n%s", code, took, w.Stderr())
			}
			r.redis.Cont()
		})
	}
	r.start(t, "--consume.ack_wait", "1s") // what the killed one left comes again soon
	r.settle(t)
	checkNumbered(t, r, base, 2*returns)
}

// endBy sends the signals, the second once the first was heard, and measures
// from the last one.
func endBy(t *testing.T, w worker, signals int) (code int, took time.Duration) {
	t.Helper()
	if signals == 1 {
		return w.Terminate()
	}
	w.Signal(syscall.SIGTERM)
	servers.Eventually(t, limit, "the first signal heard", func() bool { return strings.Contains(w.Stderr(), "stopping") })
	return w.Terminate()
}

// TestBadConfigurationIsRefused: exit code 2, every fault at once, and nothing
// was started.
func TestBadConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file := filepath.Join(t.TempDir(), "worker.yaml")
	text := "redis: {hots: a, port: 0}\nkeep_jobs_seconds: -1\nconsume: {batch: {wait: fast}}\nnats: {password_file: /nowhere}\nsubjects: {prefix: 'a b'}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := servers.Run(t, "run", "--nats.url", r.nats.URL, "--config", file, "--stream.manage", "maybe", "--query.concurrent", "0", "--log.level", "loud", "--http.addr", "nowhere")
	if code != 2 || out != "" {
		t.Errorf("exit code %d, output %q", code, out)
	}
	for _, fault := range []string{
		"redis.hots", "redis.host?", "redis.port is 0", "keep_jobs_seconds is -1", "consume.batch.wait", "nats.password_file", "subjects.prefix",
		"stream.manage", "query.concurrent is 0", "log.level", "http.addr",
	} {
		if !strings.Contains(errs, fault) {
			t.Errorf("%q is not among the faults:\n%s", fault, errs)
		}
	}
	info, err := r.js.AccountInfo(t.Context())
	if err != nil || info.Streams != 0 {
		t.Errorf("streams were made: %+v (%v)", info, err)
	}
	for name, args := range map[string][]string{
		"unknown flag": {"run", "--redis.prot", "1"}, "argument": {"run", "now"}, "secret as a flag": {"run", "--redis.password", "x"},
		"secret in a URL of a flag": {"run", "--redis.url", "redis://:hunter2@127.0.0.1"},
	} {
		if _, errs, code := servers.Run(t, args...); code != 2 || errs == "" || strings.Contains(errs, "hunter2") {
			t.Errorf("%s: exit code %d, said %q", name, code, errs)
		}
	}
}
