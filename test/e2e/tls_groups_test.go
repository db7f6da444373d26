package e2e

import (
	"fmt"
	"strings"
	"testing"

	"returnd/test/servers"
)

// TestTLSToEveryNode: the nodes that Sentinels and a cluster name are spoken to
// by TLS as well, and their certificates are looked at.
func TestTLSToEveryNode(t *testing.T) {
	t.Parallel()
	servers.WorkerBinary(t)
	for _, tt := range []struct {
		form  string
		start func(t *testing.T, o *servers.TLSGroup) *store
	}{
		{sentinel, func(t *testing.T, o *servers.TLSGroup) *store {
			t.Helper()
			g := servers.Sentinel(t, servers.SentinelOptions{TLS: o})
			return &store{form: sentinel, nodes: g.Nodes, sentinels: g}
		}},
		{cluster, func(t *testing.T, o *servers.TLSGroup) *store {
			t.Helper()
			g := servers.ClusterTLS(t, o, 3, 0)
			return &store{form: cluster, nodes: g.Nodes, cluster: g}
		}},
	} {
		t.Run(tt.form, func(t *testing.T) {
			t.Parallel()
			authority := servers.NewTLSGroup(t)
			r := newRigOn(t, tt.start(t, authority))
			stranger := servers.NewTLSGroup(t)
			refused := worker{servers.Worker(t, r.args("--redis.tls.enabled", "--redis.tls.ca", stranger.CA)...)}
			servers.Eventually(t, limit, "the refusal of a certificate", func() bool {
				_, body := refused.get("/readyz")
				return strings.Contains(body, "unknown authority") && strings.Contains(body, "redis.tls.ca")
			})
			refused.Kill()

			r.start(t, "--redis.tls.enabled", "--redis.tls.ca", authority.CA)
			const jid, minions = "20261120080000000001", 20
			for i := range minions {
				body := fmt.Sprintf(`{"id":"m%d","jid":%q,"fun":"test.ping","return":true}`, i, jid)
				r.publish(t, fmt.Sprintf("salt.job.%s.ret.m%d", jid, i), []byte(body), nil)
			}
			r.settle(t)
			got := r.ask(t, "get_jid", `{"jid":"`+jid+`"}`)
			if found := strings.Count(string(got.body), `"fun":"test.ping"`); found != minions {
				t.Errorf("%d returns of %d: %s %s", found, minions, got.code, got.sentence)
			}
		})
	}
}
