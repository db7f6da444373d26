package persist

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

func TestTargetsOfOneServer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	execute(t, r.store, "set k v", "")
	addr := r.proc.Addr
	for target, want := range map[string]any{
		"": int64(0), job.TargetRandom: int64(0), addr: int64(0),
		job.TargetPrimaries: map[any]any{addr: int64(0)}, job.TargetAll: map[any]any{addr: int64(0)},
	} {
		if got := execute(t, r.store, "slowlog len", target); !reflect.DeepEqual(got, want) {
			t.Errorf("slowlog len at %q gave %#v, want %#v", target, got, want)
		}
		if got := execute(t, r.store, "get k", target); got != "v" {
			t.Errorf("get at %q gave %#v", target, got)
		}
		if got := execute(t, r.store, "dbsize", target); got != int64(1) {
			t.Errorf("dbsize at %q gave %#v", target, got)
		}
	}
	for target, want := range map[string]string{
		job.TargetReplicas: "there are no replicas", "10.0.0.1:6379": "is none of primaries, replicas, all, random and the servers " + addr, "x": "is none of",
	} {
		for _, line := range []string{"dbsize", "get k", "keys *"} {
			_, err := r.store.Execute(t.Context(), anybody, job.Command{Args: strings.Fields(line), Target: target})
			refused(t, err, job.RefusedMalformed, want)
		}
	}
}

func TestTargetsBehindSentinels(t *testing.T) {
	t.Parallel()
	g := servers.Sentinel(t, servers.SentinelOptions{Password: "watch"})
	s := storeOn(t, g.Nodes[0], behind(g), func(c *Config) { c.Redis.Sentinel.Password = "watch" })
	execute(t, s, "set k v", "")
	for _, r := range g.Replicas(t) {
		servers.Eventually(t, 10*time.Second, "the replica has it", func() bool { return r.Do("get", "k").Val() == "v" })
	}
	primary := g.Primary(t).Addr
	for target, want := range map[string][]string{
		job.TargetPrimaries: {primary}, job.TargetReplicas: servers.Addrs(g.Replicas(t)), job.TargetAll: servers.Addrs(g.Nodes),
	} {
		var got []string
		for addr, reply := range execute(t, s, "role", target).(map[any]any) {
			got = append(got, addr.(string))
			if role := reply.([]any)[0]; (role == "master") != (addr == primary) {
				t.Errorf("%s says that it is a %s", addr, role)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s are %q, want %q", target, got, want)
		}
		if got := execute(t, s, "get k", target); got != "v" {
			t.Errorf("get at %s gave %#v", target, got)
		}
	}
	_, err := s.Execute(t.Context(), anybody, job.Command{Args: []string{"set", "k", "w"}, Target: job.TargetReplicas})
	refused(t, err, job.RefusedMalformed, "is a replica")
	if got := execute(t, s, "dbsize", g.Replicas(t)[0].Addr); got != int64(1) {
		t.Errorf("dbsize at a replica gave %v", got)
	}
	g.Failover(t)
	servers.Eventually(t, 15*time.Second, "commands find the new primary", func() bool {
		_, err := s.Set(t.Context(), anybody, "k", "w", job.SetOptions{})
		return err == nil
	})
}

func TestUnknownProfileIsTheDefault(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := servers.Redis(t)
	s := storeOn(t, r.proc, func(c *Config) {
		profile := c.Redis
		profile.UnixSocketPath = other.Socket
		c.Profiles = map[string]Redis{"other": profile}
	})
	for _, name := range []string{"", "other", "nobody"} {
		if _, err := s.Set(t.Context(), job.Access{Profile: name, Limit: room}, "k", name, job.SetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if mine, theirs := r.get("k"), other.Do("get", "k").Val(); mine != "nobody" || theirs != "other" {
		t.Errorf("the default holds %q, the other %q", mine, theirs)
	}
}

func TestDatabaseOfTheProfile(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Redis.DB = 3 })
	execute(t, r.store, "set k v", "")
	third := redis.NewClient(&redis.Options{Addr: r.proc.Addr, DB: 3, DisableIdentity: true})
	defer third.Close()
	if got := third.Get(t.Context(), "k").Val(); got != "v" {
		t.Errorf("database 3 holds %q", got)
	}
}
