package e2e

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"returnd/test/servers"
)

// unusable is a Redis that cannot be written to, and what an operator is told.
type unusable struct {
	name string
	// start gives what a worker needs to reach it; look is a server that must
	// stay empty, nil for none.
	start func(t *testing.T) (env, args []string, look *servers.Process)
	says  []string // each in the log and in /readyz
}

// plain is one server, reached by its port.
func plain(p *servers.Process, more ...string) []string {
	_, port, _ := net.SplitHostPort(p.Addr)
	return append([]string{"--redis.port", port}, more...)
}

func overTLS(kind servers.Certificate) func(*testing.T) ([]string, []string, *servers.Process) {
	return func(t *testing.T) ([]string, []string, *servers.Process) {
		t.Helper()
		s := servers.RedisTLS(t, servers.TLSOptions{Certificate: kind})
		return nil, plain(s.Process, "--redis.host", "localhost", "--redis.tls.enabled", "--redis.tls.ca", s.CA), s.Process
	}
}

// lacking is a server whose user may do everything but some commands. What it
// may write it writes: a part of a return's keys is nothing to be afraid of,
// since the return is not acknowledged and completes them when it comes again.
func lacking(commands ...string) func(*testing.T) ([]string, []string, *servers.Process) {
	return func(t *testing.T) ([]string, []string, *servers.Process) {
		t.Helper()
		s := servers.RedisACL(t, []string{"worker on >secret ~* &* +@all -" + strings.Join(commands, " -")})
		return []string{"RETURND_REDIS__PASSWORD=secret"}, plain(s.Process, "--redis.username", "worker"), nil
	}
}

// locked is a server with another password than the worker's.
func locked(env ...string) func(*testing.T) ([]string, []string, *servers.Process) {
	return func(t *testing.T) ([]string, []string, *servers.Process) {
		t.Helper()
		p := servers.Redis(t, "--requirepass", "right")
		return env, plain(p), p
	}
}

func clusterWithDatabase(t *testing.T) (env, args []string, look *servers.Process) {
	t.Helper()
	g := servers.Cluster(t, 3, 0)
	return nil, plain(g.Nodes[0], "--redis.db", "3"), g.Nodes[0]
}

func nowhere(t *testing.T) (env, args []string, look *servers.Process) {
	t.Helper()
	return nil, []string{"--redis.host", "redis.invalid"}, nil
}

func unusables() []unusable {
	return []unusable{
		{"TLS, certificate of another name", overTLS(servers.WrongName), []string{"TLS", servers.WrongHost, "redis.tls.server_name"}},
		{"TLS, certificate expired", overTLS(servers.Expired), []string{"TLS", "expired"}},
		{"TLS, certificate of an unknown authority", overTLS(servers.Untrusted), []string{"TLS", "unknown authority", "redis.tls.ca"}},
		{"wrong password", locked("RETURND_REDIS__PASSWORD=hunter2"), []string{"redis.password_file"}},
		{"no password", locked(), []string{"redis.password_file"}},
		{"a user that may not HSET", lacking("hset"), []string{"permission"}},
		{"a user that may not run scripts", lacking("evalsha"), []string{"permission"}},
		{"a user that may not load scripts", lacking("script|load"), []string{"permission"}},
		{"a user that may not ask for the time", lacking("time"), []string{"permission"}},
		{"a database, on what turns out to be a cluster", clusterWithDatabase, []string{"redis.db", "cluster"}},
		{"a host that nobody knows", nowhere, []string{"redis.invalid", "no such host"}},
	}
}

// TestUnusableRedisIsTold: whatever is wrong with Redis, the worker stays up
// and not ready, with a sentence that names the remedy; nothing is written,
// acknowledged or made a dead letter. It starts servers of its own, which are
// the same whatever form the suite runs on.
func TestUnusableRedisIsTold(t *testing.T) {
	t.Parallel()
	servers.WorkerBinary(t) // once, before all want it
	nats := servers.NATS(t)
	for i, tt := range unusables() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &rig{nats: nats}
			r.nc, r.js = connect(t, nats.URL)
			env, args, look := tt.start(t)
			stream := "UNUSABLE" + string(rune('A'+i))
			prefix := strings.ToLower(stream)
			w := worker{servers.Worker(t, slices.Concat(env, []string{
				"run", "--nats.url", nats.URL, "--http.addr", "127.0.0.1:0", "--subjects.prefix", prefix, "--stream.name", stream,
			}, args)...)}
			r.offer(t, prefix, stream)
			checkTold(t, w, tt.says)
			r.checkNothingSettled(t, stream)
			if look != nil {
				if n, err := look.Do("DBSIZE").Int(); n != 0 || err != nil {
					t.Errorf("%d keys were written (%v)", n, err)
				}
			}
			if code, took := w.Terminate(); code != 0 || took > stopGoal {
				t.Errorf("exit code %d after %v", code, took)
			}
		})
	}
}

// offer publishes a return once the worker has made its stream.
func (r *rig) offer(t *testing.T, prefix, stream string) {
	t.Helper()
	servers.Eventually(t, limit, "the worker's consumer", func() bool {
		_, err := r.js.Consumer(t.Context(), stream, "returnd")
		return err == nil
	})
	jid := formatJID(time.Now())
	r.publish(t, prefix+strings.TrimPrefix(returnSubject(jid, "web1"), "salt"), []byte(request("id", "web1", "jid", jid, "fun", "test.ping", "return", true)), nil)
}

// checkTold waits for the sentence in both places.
func checkTold(t *testing.T, w worker, says []string) {
	t.Helper()
	told := func(text string) bool {
		return !slices.ContainsFunc(says, func(part string) bool { return !strings.Contains(text, part) })
	}
	var seen string
	defer func() {
		if t.Failed() {
			t.Logf("want %q in /readyz and in a line of the log, got\n%s", says, seen)
		}
	}()
	servers.Eventually(t, limit/2, "the remedy in /readyz and in the log", func() bool {
		code, body := w.get("/readyz")
		lines := slices.DeleteFunc(slices.Collect(strings.Lines(w.Stderr())), func(line string) bool {
			return !strings.Contains(line, "level=WARN") && !strings.Contains(line, "level=ERROR")
		})
		seen = body + strings.Join(lines, "")
		return code == http.StatusServiceUnavailable && told(body) && slices.ContainsFunc(lines, told) && !strings.Contains(seen, "hunter2")
	})
}

// TestDatabaseOfACluster: where the mode is said, the database is refused
// before anything is started.
func TestDatabaseOfACluster(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"cluster_mode":  {"--redis.cluster_mode", "--redis.db", "3"},
		"mode":          {"--redis.mode", "cluster", "--redis.db", "3"},
		"startup_nodes": {"--redis.cluster.startup_nodes", "127.0.0.1:7000", "--redis.db", "3"},
	} {
		out, errs, code := servers.Run(t, append([]string{"run"}, args...)...)
		if code != 2 || out != "" || !strings.Contains(errs, "redis.db is 3, and a cluster has only database 0") {
			t.Errorf("%s: exit code %d, said %q", name, code, out+errs)
		}
	}
}

// checkNothingSettled looks at the consumer: the return is still its own.
func (r *rig) checkNothingSettled(t *testing.T, stream string) {
	t.Helper()
	durable, err := r.js.Consumer(t.Context(), stream, "returnd")
	if err != nil {
		t.Fatal(err)
	}
	if i := durable.CachedInfo(); i.AckFloor.Stream != 0 || i.NumAckPending+int(i.NumPending) != 1 {
		t.Errorf("ack floor %d, %d unsettled: want nothing settled", i.AckFloor.Stream, i.NumAckPending+int(i.NumPending))
	}
	dead, err := r.js.Stream(t.Context(), stream+"_DEAD")
	if err != nil || dead.CachedInfo().State.Msgs != 0 {
		t.Errorf("dead letters: %+v (%v)", dead, err)
	}
}
