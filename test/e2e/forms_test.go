package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// password has what a URL must encode.
const password = `p@ss/w:rd %41"'`

// TestWaysToRedis: one NATS server and one Redis server with a password; each
// way has a worker with its own subjects, stream and database.
func TestWaysToRedis(t *testing.T) {
	r := &rig{nats: servers.NATS(t), redis: servers.Redis(t, "--requirepass", password)}
	r.nc, r.js = connect(t, r.nats.URL)
	host, port, _ := net.SplitHostPort(r.redis.Addr)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	admin := open(t, &redis.Options{Addr: r.redis.Addr, Password: password})
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "worker", "on", ">other", "~*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	secret := url.QueryEscape(password)
	encoded := url.UserPassword("", password).String() // ":…"
	for db, way := range []struct {
		name string
		env  []string // what a command line must not show
		args []string
	}{
		{"host, port and password file", nil, []string{"--redis.host", host, "--redis.port", port, "--redis.password_file", file}},
		{"password of the environment, database", []string{"RETURND_REDIS__PASSWORD=" + password}, []string{"--redis.port", port, "--redis.db", "1"}},
		{"unix socket", nil, []string{"--redis.unix_socket_path", r.redis.Socket, "--redis.db", "2", "--redis.password_file", file}},
		{"URL", []string{"RETURND_REDIS__URL=redis://" + encoded + "@" + r.redis.Addr + "/3"}, nil},
		{"URL of a socket", []string{"RETURND_REDIS__URL=unix://" + encoded + "@" + r.redis.Socket + "?db=4"}, nil},
		{"URL, database as option before the path", []string{"RETURND_REDIS__URL=redis://" + r.redis.Addr + "/9?db=5&password=" + secret}, nil},
		{"user", []string{"RETURND_REDIS__PASSWORD=other"}, []string{"--redis.port", port, "--redis.username", "worker", "--redis.db", "6"}},
		{"URL with user, database beside it", []string{"RETURND_REDIS__URL=redis://worker:other@" + r.redis.Addr}, []string{"--redis.db", "7"}},
		{"URL without password, the file beside it", nil, []string{"--redis.url", "redis://" + r.redis.Addr + "/8", "--redis.password_file", file}},
	} {
		t.Run(way.name, func(t *testing.T) { checkWay(t, r, db, way.env, way.args) })
	}
}

func checkWay(t *testing.T, r *rig, db int, env, args []string) {
	t.Helper()
	prefix, stream := fmt.Sprintf("way%d.salt", db), fmt.Sprintf("WAY%d", db)
	w := worker{servers.Worker(t, slices.Concat(env, []string{
		"run", "--nats.url", r.nats.URL, "--http.addr", "127.0.0.1:0", "--subjects.prefix", prefix, "--stream.name", stream,
	}, args)...)}
	w.awaitReady(t)
	now := time.Now()
	s := stored{jid: formatJID(now.Add(-time.Second)), minion: "web1", fun: "test.ping", published: now}
	s.body = request("id", s.minion, "jid", s.jid, "fun", s.fun, "return", true)
	r.publish(t, prefix+strings.TrimPrefix(returnSubject(s.jid, s.minion), "salt"), []byte(s.body), nil)
	settle(t, r.js, stream)
	want := keyspace{}
	want.keep(s)
	c := open(t, &redis.Options{Addr: r.redis.Addr, DB: db, Password: password})
	if diff := cmp.Diff(want, dump(t, c), nearly); diff != "" {
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

// TestRedisRefusesTheWorker: without its password a worker is not ready and
// names the remedy; nothing is settled, and all is kept once it may write.
func TestRedisRefusesTheWorker(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.db(t, 0)
	w := r.start(t)
	if err := c.ConfigSet(t.Context(), "requirepass", password).Err(); err != nil {
		t.Fatal(err)
	}
	// What is connected stays so: the connections must be made anew.
	if err := c.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal").Err(); err != nil {
		t.Fatal(err)
	}
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
	admin := open(t, &redis.Options{Addr: r.redis.Addr, Password: password})
	if n := admin.DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys were written", n)
	}
	if err := admin.ConfigSet(t.Context(), "requirepass", "").Err(); err != nil {
		t.Fatal(err)
	}
	r.settle(t)
	if n := admin.HLen(t.Context(), "ret:"+jid).Val(); n != 1 || len(r.letters(t)) != 0 {
		t.Errorf("%d returns kept, %d dead letters", n, len(r.letters(t)))
	}
}
