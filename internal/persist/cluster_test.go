package persist

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// clusterRig is a store on a cluster, and a plain client to look at what it leaves.
func clusterRig(t testing.TB, g *servers.ClusterGroup) (*Store, *redis.ClusterClient) {
	t.Helper()
	look := redis.NewClusterClient(&redis.ClusterOptions{Addrs: servers.Addrs(g.Nodes)})
	t.Cleanup(func() { _ = look.Close() })
	return storeOn(t, g.Nodes[0]), look // with mode auto, the server tells
}

func TestClusterHoldsTheSame(t *testing.T) {
	g := servers.Cluster(t, 3, 0)
	s, look := clusterRig(t, g)
	start := time.Now().Add(-time.Hour)
	var batch []job.Entry
	for i := range 60 {
		jid := job.FormatJID(start.Add(time.Duration(i) * time.Second))
		batch = append(batch, load(t, jid, `{"fun": "f.x", "minions": ["m0", "m1"]}`))
		for m := range 10 {
			batch = append(batch, ret(jid, fmt.Sprintf("m%d", m), "f.x"))
		}
	}
	for round := range 2 { // the second time repeats everything
		for i, err := range s.Write(t.Context(), batch) {
			if err != nil {
				t.Fatalf("round %d, entry %d: %v", round, i, err)
			}
		}
	}
	last := job.FormatJID(start.Add(59 * time.Second))
	for m := range 10 {
		minion := fmt.Sprintf("m%d", m)
		if got := look.Get(t.Context(), minion+":f.x").Val(); got != last {
			t.Errorf("pointer of %s = %q, want %q", minion, got, last)
		}
		history := look.LRange(t.Context(), "returnd/history:"+minion, 0, -1).Val()
		slices.Sort(history)
		if len(slices.Compact(history)) != 60 {
			t.Errorf("history of %s has %d entries, want 60", minion, len(history))
		}
	}
	var jids []string
	if _, err := s.Jobs(t.Context(), "", job.Span{}, "", func(jid string, _ []byte) error { jids = append(jids, jid); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(jids) != 60 || jids[0] != last {
		t.Errorf("%d jobs, the first %q", len(jids), jids[0])
	}
	returns := 0
	if _, err := s.LastReturns(t.Context(), "", "f.x", "", func(string, []byte) error { returns++; return nil }); err != nil || returns != 10 {
		t.Errorf("%d last returns, %v", returns, err)
	}
}

// Slots move while returns are written: each command finds its key's server, or is held.
func TestClusterWhileSlotsMove(t *testing.T) {
	g := servers.Cluster(t, 3, 0)
	s, look := clusterRig(t, g)
	jid := jidAt(time.Minute)
	e := ret(jid, "m", "f.x")
	if err := s.Write(t.Context(), []job.Entry{e})[0]; err != nil {
		t.Fatal(err)
	}
	slot := servers.KeySlot("ret:" + jid)
	from := g.OwnerOfSlot(t, slot)
	to := g.Nodes[(slices.Index(g.Nodes, from)+1)%3]
	move := g.BeginMove(t, from, to, slot)
	other := ret(jid, "n", "f.x")
	servers.Eventually(t, 10*time.Second, "a return is stored while its slot moves", func() bool {
		return s.Write(t.Context(), []job.Entry{other})[0] == nil
	})
	move.Finish()
	third := ret(jid, "o", "f.x")
	servers.Eventually(t, 10*time.Second, "a return is stored after its slot has moved", func() bool {
		return s.Write(t.Context(), []job.Entry{third})[0] == nil
	})
	if got := look.HLen(t.Context(), "ret:"+jid).Val(); got != 3 {
		t.Errorf("%d returns in Redis, want 3", got)
	}
}

// A shard that is down holds back its own returns, and no others.
func TestClusterShardDown(t *testing.T) {
	g := servers.Cluster(t, 3, 1)
	s, _ := clusterRig(t, g)
	var batch []job.Entry
	for i := range 30 {
		batch = append(batch, ret(jidAt(time.Duration(i+1)*time.Second), fmt.Sprintf("m%d", i), "f.x"))
	}
	for _, err := range s.Write(t.Context(), batch) {
		if err != nil {
			t.Fatal(err)
		}
	}
	g.Primaries(t)[1].Kill()
	began := time.Now()
	stored := 0
	for _, err := range s.Write(t.Context(), batch) {
		if err == nil {
			stored++
		}
	}
	t.Logf("with a shard just killed %d of %d were stored after %v", stored, len(batch), time.Since(began))
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("a batch took %v beside a dead shard", took)
	}
	servers.Eventually(t, 15*time.Second, "everything is stored again", func() bool {
		return !slices.ContainsFunc(s.Write(t.Context(), batch), func(err error) bool { return err != nil })
	})
	t.Logf("recovered %v after the kill (node timeout 2s)", time.Since(began))
}

// A write counts once replicas have it: without enough of them it is held.
func TestReplicasConfirm(t *testing.T) {
	tests := map[string]func(t *testing.T) (*servers.Process, func(*Config), []*servers.Process){
		"cluster": func(t *testing.T) (*servers.Process, func(*Config), []*servers.Process) {
			t.Helper()
			g := servers.Cluster(t, 3, 1)
			return g.Nodes[0], func(*Config) {}, g.Replicas(t)
		},
		"sentinel": func(t *testing.T) (*servers.Process, func(*Config), []*servers.Process) {
			t.Helper()
			g := servers.Sentinel(t, servers.SentinelOptions{})
			return g.Nodes[0], behind(g), g.Replicas(t)
		},
	}
	for name, begin := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, change, replicas := begin(t)
			s := storeOn(t, first, change, func(c *Config) {
				c.Redis.Write.MinReplicas, c.Redis.Write.WaitTimeout = 1, 200*time.Millisecond
			})
			e := ret(jidAt(time.Minute), "m", "f.x")
			servers.Eventually(t, 10*time.Second, "a replica confirms", func() bool {
				return s.Write(t.Context(), []job.Entry{e})[0] == nil
			})
			for _, r := range replicas {
				r.Stop()
			}
			err := s.Write(t.Context(), []job.Entry{ret(jidAt(0), "m", "f.x")})[0]
			if !errors.Is(err, job.ErrUnavailable) || !strings.Contains(err.Error(), "replicas") {
				t.Errorf("error = %v, want a hold that names the replicas", err)
			}
			for _, r := range replicas {
				r.Cont()
			}
			servers.Eventually(t, 10*time.Second, "a replica confirms again", func() bool {
				return s.Write(t.Context(), []job.Entry{e})[0] == nil
			})
		})
	}
}

// behind configures a store by the Sentinels.
func behind(g *servers.SentinelGroup) func(*Config) {
	return func(c *Config) {
		c.Redis.Host, c.Redis.Port = DefaultConfig().Redis.Host, DefaultConfig().Redis.Port
		c.Redis.Sentinel.Master, c.Redis.Sentinel.Addresses = g.MasterName, servers.Addrs(g.Sentinels)
	}
}

func TestSentinelFailover(t *testing.T) {
	g := servers.Sentinel(t, servers.SentinelOptions{})
	s := storeOn(t, g.Nodes[0], behind(g))
	e := ret(jidAt(time.Minute), "m", "f.x")
	if err := s.Write(t.Context(), []job.Entry{e})[0]; err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	primary := g.Failover(t)
	next := ret(jidAt(0), "n", "f.x")
	servers.Eventually(t, 15*time.Second, "the new primary takes writes", func() bool {
		return s.Write(t.Context(), []job.Entry{next})[0] == nil
	})
	t.Logf("stored again %v after the failover began", time.Since(began).Round(time.Millisecond))
	if got := primary.Do("hlen", "ret:"+next.Return.JID).Val(); got != int64(1) {
		t.Errorf("the new primary holds %v returns of the new job, want 1", got)
	}
}

func TestProfiles(t *testing.T) {
	r := newRig(t)
	other := servers.Redis(t)
	down := servers.Redis(t)
	s := storeOn(t, r.proc, func(c *Config) {
		c.Profiles = map[string]Redis{}
		for name, p := range map[string]*servers.Process{"other": other, "down": down} {
			profile := c.Redis
			profile.UnixSocketPath = p.Socket
			c.Profiles[name] = profile
		}
	})
	down.Kill()
	jid := jidAt(time.Minute)
	entries := []job.Entry{ret(jid, "a", "f.x"), ret(jid, "b", "f.x"), ret(jid, "c", "f.x"), ret(jid, "d", "f.x")}
	entries[1].Return.Profile, entries[2].Return.Profile, entries[3].Return.Profile = "other", "nobody knows", "down"
	errs := s.Write(t.Context(), entries)
	if errs[0] != nil || errs[1] != nil || errs[2] != nil || !errors.Is(errs[3], job.ErrUnavailable) {
		t.Fatalf("errors = %v, want only the last held", errs)
	}
	if !strings.Contains(errs[3].Error(), "profile down:") {
		t.Errorf("%v does not say whose Redis is away", errs[3])
	}
	if got := r.redis.HKeys(t.Context(), "ret:"+jid).Val(); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"a", "c"}) {
		t.Errorf("the default holds %q, want its own and that of the unknown profile", got)
	}
	kept := load(t, jid, `{"fun": "f.x"}`)
	kept.Load.Profile = "other"
	if err := s.Write(t.Context(), []job.Entry{kept})[0]; err != nil {
		t.Fatal(err)
	}
	for profile, want := range map[string]bool{"other": true, "": false} {
		if body, err := s.Load(t.Context(), profile, jid); (body != nil) != want || err != nil {
			t.Errorf("load in profile %q: %q, %v", profile, body, err)
		}
	}
	var got []string
	if _, err := s.Returns(t.Context(), "other", jid, "", func(id string, _ []byte) error { got = append(got, id); return nil }); err != nil || !slices.Equal(got, []string{"b"}) {
		t.Errorf("the profile other holds %q, %v", got, err)
	}
}

func TestWhatCannotWorkIsSaid(t *testing.T) {
	t.Parallel()
	cluster := servers.Cluster(t, 3, 0)
	single := servers.Redis(t)
	acl := servers.RedisACL(t, []string{"worker on >secret ~* +@all"})
	withTLS := servers.RedisTLS(t, servers.TLSOptions{Certificate: servers.WrongName})
	tests := map[string]struct {
		at     *servers.Process
		change func(*Config)
		want   string
	}{
		"a cluster called standalone":    {cluster.Nodes[0], func(c *Config) { c.Redis.Mode = "standalone" }, "set it to cluster"},
		"a single server called cluster": {single, func(c *Config) { c.Redis.Mode = "cluster" }, "is no cluster"},
		"a wrong password":               {acl.Process, func(c *Config) { c.Redis.Username, c.Redis.Password = "worker", "wrong" }, "redis.password_file"},
		"no password":                    {acl.Process, func(*Config) {}, "password"},
		"a certificate for another name": {withTLS.Process, func(c *Config) { c.Redis.TLS.Enabled, c.Redis.TLS.CA = true, withTLS.CA }, "certificate"},
		"a host that does not resolve":   {single, func(c *Config) { c.Redis.Host = "no-such-host.invalid" }, "no-such-host.invalid"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := storeOn(t, tc.at, tc.change)
			err := s.Write(t.Context(), []job.Entry{ret(jidAt(time.Minute), "m", "f.x")})[0]
			if !errors.Is(err, job.ErrUnavailable) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v, want a hold that says %q", err, tc.want)
			}
			if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Ping = %v, want it to say %q", err, tc.want)
			}
		})
	}
}
