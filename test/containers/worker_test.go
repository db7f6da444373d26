package containers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"returnd/test/servers"
)

const (
	// limit bounds every wait: far beyond what anything takes.
	limit = 30 * time.Second
	// askLimit is above the service's own limit of 10 s, whose error must
	// arrive first.
	askLimit = 15 * time.Second
	returns  = 200
	// ackWait is short: what nats-server hands to a connection that is dead,
	// before it notices, comes again after that long and no sooner.
	ackWait = "5s"
)

func connect(t *testing.T, s *NATSServer) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	nc, err := nats.Connect(s.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}

// TestNATSKeepsItsStreams over kill and network cut.
func TestNATSKeepsItsStreams(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	s := NATS(t, n)
	_, js := connect(t, s)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept"}}); err != nil {
		t.Fatal(err)
	}
	for i, disturb := range []func(){
		func() {},
		func() { s.Kill(); s.Start() },
		func() { s.Cut(n); s.Mend(n) },
	} {
		disturb()
		servers.Eventually(t, limit, "an acknowledged message", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			ack, err := js.Publish(ctx, "kept", nil)
			return err == nil && ack.Sequence >= uint64(i+1)
		})
	}
}

// TestEveryReturnIsReadable: from a publisher here, through NATS, the worker
// and Redis in containers, and back by query.
func TestEveryReturnIsReadable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		redis func(t *testing.T, n *Network) (args []string, volumes map[string]string)
	}{
		{"by network", func(t *testing.T, n *Network) ([]string, map[string]string) {
			t.Helper()
			return []string{"--redis.host", Redis(t, n).Name}, nil
		}},
		{"by unix socket", func(t *testing.T, n *Network) ([]string, map[string]string) {
			t.Helper()
			return []string{"--redis.unix_socket_path", SocketPath}, map[string]string{SocketFolder: RedisSocket(t, n).Volume}
		}},
		{"behind Sentinels", func(t *testing.T, n *Network) ([]string, map[string]string) {
			t.Helper()
			g := Sentinel(t, n)
			return []string{"--redis.sentinel.master", g.MasterName, "--redis.sentinel.addresses", names(g.Sentinels)}, nil
		}},
		{"over a cluster", func(t *testing.T, n *Network) ([]string, map[string]string) {
			t.Helper()
			return []string{"--redis.mode", "cluster", "--redis.cluster.startup_nodes", names(Cluster(t, n, 3, 1).Nodes)}, nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := NewNetwork(t)
			broker := NATS(t, n)
			args, volumes := tt.redis(t, n)
			Workers(t, WorkerOptions{Networks: []*Network{n}, Volumes: volumes}, 1,
				append(args, "--nats.url", broker.InsideURL())...)
			nc, js := connect(t, broker)
			jid := strings.Replace(time.Now().UTC().Format("20060102150405.000000"), ".", "", 1)
			for i := range returns {
				publish(t, js, jid, fmt.Sprintf("web%d.example.com", i))
			}
			var all map[string]answer
			servers.Eventually(t, limit, "every return readable", func() bool {
				var err error
				if all, err = ask(nc, jid, askLimit); err != nil {
					t.Fatal(err)
				}
				return len(all) == returns
			})
			for minion, got := range all {
				if got.Return != minion {
					t.Errorf("%s is said to have returned %q", minion, got.Return)
				}
			}
		})
	}
}

// names is how a container in the network reaches servers.
func names(all []*Server) string {
	var inside []string
	for _, s := range all {
		inside = append(inside, s.Inside)
	}
	return strings.Join(inside, ",")
}

// publish waits for the stream's ack of one return.
func publish(t *testing.T, js jetstream.JetStream, jid, minion string) {
	t.Helper()
	body := fmt.Sprintf(`{"id":%q,"jid":%q,"fun":"test.echo","return":%q,"retcode":0,"success":true}`, minion, jid, minion)
	if _, err := js.Publish(t.Context(), "salt.job."+jid+".ret."+minion, []byte(body)); err != nil {
		t.Fatalf("publish %s: %v", minion, err)
	}
}

// answer is what the query service tells of one minion.
type answer struct {
	Return string `json:"return"`
}

func ask(nc *nats.Conn, jid string, limit time.Duration) (map[string]answer, error) {
	m, err := nc.Request("salt.returner.get_jid", []byte(`{"jid":"`+jid+`"}`), limit)
	if err != nil {
		return nil, fmt.Errorf("get_jid: %w", err)
	}
	var all map[string]answer
	if err := json.Unmarshal(m.Data, &all); err != nil {
		return nil, fmt.Errorf("get_jid gives %s %v: %w", m.Data, m.Header, err)
	}
	return all, nil
}

// TestWorkerOutlivesTheCut: with a network for each of its sides, a worker can
// lose one and keep the other; what was acknowledged meanwhile is there later.
func TestWorkerOutlivesTheCut(t *testing.T) {
	t.Parallel()
	front, back := NewNetwork(t), NewNetwork(t)
	broker, store := NATS(t, front), Redis(t, back)
	worker := Workers(t, WorkerOptions{Networks: []*Network{front, back}}, 1,
		"--nats.url", broker.InsideURL(), "--redis.host", store.Name, "--consume.ack_wait", ackWait)[0]
	nc, js := connect(t, broker)
	jid := strings.Replace(time.Now().UTC().Format("20060102150405.000000"), ".", "", 1)
	publish(t, js, jid, "before")
	for _, cut := range []struct {
		side *Network
		part string // of /readyz
	}{{back, "redis"}, {front, "nats"}} {
		worker.Cut(cut.side)
		servers.Eventually(t, limit, "a worker that misses "+cut.part, func() bool {
			err := ready(worker)
			return err != nil && strings.Contains(err.Error(), "not ready") && !strings.Contains(err.Error(), `"`+cut.part+`":"ok"`)
		})
		publish(t, js, jid, "without-"+cut.part)
		worker.Mend(cut.side)
	}
	// nats-server may not have missed the worker yet, and hands a question to
	// the connection that is dead: whoever asks has to ask again.
	servers.Eventually(t, limit, "every return readable", func() bool {
		all, err := ask(nc, jid, time.Second)
		return err == nil && len(all) == 3
	})
}
