package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/test/servers"
)

// password has what a URL must encode.
const password = `p@ss/w:rd %41"'`

// TestWaysToRedis: one NATS server and one Redis with a password; each way has
// a worker with its own subjects and stream, and a database of its own or the
// emptied one.
func TestWaysToRedis(t *testing.T) {
	r := newRigOn(t, newStore(t, password))
	for _, p := range r.redis.nodes {
		// Users are not replicated.
		if err := p.Do("ACL", "SETUSER", "worker", "on", ">other", "~*", "&*", "+@all").Err(); err != nil {
			t.Fatal(err)
		}
	}
	possible, refused := r.redis.ways(passwordFile(t, password))
	for i, way := range possible {
		t.Run(way.name, func(t *testing.T) { checkWay(t, r, i, way) })
	}
	for _, way := range refused {
		t.Run(way.name, func(t *testing.T) {
			args := slices.Concat(way.env, []string{"run", "--nats.url", r.nats.URL, "--http.addr", "127.0.0.1:0"}, way.args)
			out, errs, code := servers.Run(t, args...)
			if code != 2 || out != "" || !strings.Contains(errs, way.says) || strings.Contains(errs, password) {
				t.Errorf("exit code %d, said %q, want 2 and %q", code, out+errs, way.says)
			}
		})
	}
}

func passwordFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func checkWay(t *testing.T, r *rig, number int, way wayToRedis) {
	t.Helper()
	for _, p := range r.redis.primaries(t) {
		if err := p.Do("FLUSHALL").Err(); err != nil {
			t.Fatal(err)
		}
	}
	prefix, stream := fmt.Sprintf("way%d.salt", number), fmt.Sprintf("WAY%d", number)
	w := worker{servers.Worker(t, slices.Concat(way.env, []string{
		"run", "--nats.url", r.nats.URL, "--http.addr", "127.0.0.1:0", "--subjects.prefix", prefix, "--stream.name", stream,
	}, way.args)...)}
	w.awaitReady(t)
	now := time.Now()
	s := stored{jid: formatJID(now.Add(-time.Second)), minion: "web1", fun: "test.ping", published: now}
	s.body = request("id", s.minion, "jid", s.jid, "fun", s.fun, "return", true)
	r.publish(t, prefix+strings.TrimPrefix(returnSubject(s.jid, s.minion), "salt"), []byte(s.body), nil)
	settle(t, r.js, stream)
	want := keyspace{}
	want.keep(s)
	if diff := cmp.Diff(want, dump(t, r.db(t, way.db)), nearly); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	got, err := r.nc.Request(prefix+".returner.get_jid", []byte(request("jid", s.jid)), askLimit)
	if err != nil || string(got.Data) != `{"web1": `+s.body+`}` {
		t.Errorf("get_jid gives %v (%v)", got, err)
	}
	for _, canary := range []string{password, ":other", url.QueryEscape(password), url.UserPassword("", password).String()} {
		if strings.Contains(w.Output(), canary) {
			t.Errorf("the log shows %q", canary)
		}
	}
	if code, took := w.Terminate(); code != 0 || took > 10*time.Second {
		t.Errorf("exit code %d after %v", code, took)
	}
}

// TestRedisRefusesTheWorker: with a password that holds no longer, a worker is
// not ready and names the remedy; nothing is settled, and all is kept once the
// file holds the right one, without a restart.
func TestRedisRefusesTheWorker(t *testing.T) {
	t.Parallel()
	r := newRigOn(t, newStore(t, password))
	file := passwordFile(t, password)
	w := r.start(t, "--redis.password_file", file)
	if err := os.WriteFile(file, []byte("another one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// What is connected stays so: the connections must be made anew.
	r.redis.disconnect(t)
	servers.Eventually(t, limit, "a worker that is not ready, with the remedy", func() bool {
		code, body := w.get("/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "redis.password_file")
	})
	jid := formatJID(time.Now())
	r.publish(t, returnSubject(jid, "web1"), []byte(request("id", "web1", "jid", jid, "fun", "test.ping", "return", true)), nil)
	if got := r.ask(t, "get_jid", request("jid", jid)); got.code != "503" {
		t.Errorf("get_jid gives %q %q %s", got.code, got.sentence, got.body)
	}
	servers.Eventually(t, limit, "a return that is held", func() bool {
		_, body := w.get("/metrics")
		return held.MatchString(body)
	})
	c := r.db(t, 0)
	if n := c.DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys were written", n)
	}
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.settle(t)
	if n := c.HLen(t.Context(), "ret:"+jid).Val(); n != 1 || len(r.letters(t)) != 0 {
		t.Errorf("%d returns kept, %d dead letters", n, len(r.letters(t)))
	}
}
