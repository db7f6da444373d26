package persist

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// A password that was changed while the worker runs: new connections are refused, and no pipeline down one of them has
// done anything.
func TestALoginThatIsRefusedConfirmsNothing(t *testing.T) {
	s := servers.RedisACL(t, []string{"worker on >secret ~* +@all"})
	store := storeOn(t, s.Process, func(c *Config) { c.Redis.Username, c.Redis.Password = "worker", "secret" })
	if err := store.Write(t.Context(), []job.Entry{ret(jidAt(time.Minute), "m", "f.x")})[0]; err != nil {
		t.Fatal(err)
	}
	before := store.clock.now()
	s.SetUsers("worker on >another ~* +@all")
	// The first ones may find a connection that is being closed.
	servers.Eventually(t, 10*time.Second, "a hold with the remedy", func() bool {
		err := store.Write(t.Context(), []job.Entry{ret(jidAt(0), "m", "f.x")})[0]
		if !errors.Is(err, job.ErrUnavailable) {
			t.Fatalf("error = %v, want it held", err)
		}
		return strings.Contains(err.Error(), "redis.password_file")
	})
	if ahead := store.clock.now().Sub(before); ahead < 0 || ahead > time.Minute {
		t.Errorf("the clock went on by %v: a time that nobody told", ahead)
	}
}

// The same for every pipeline, of every client that there is.
func TestEveryPipelineSaysThatTheLoginIsRefused(t *testing.T) {
	s := servers.RedisACL(t, []string{"worker on >secret ~* +@all"})
	r := at(t, s.Addr)
	r.Username, r.Password = "worker", "wrong"
	writer, reader := clients(t, r, modeStandalone, job.NoDB)
	for name, c := range map[string]redis.UniversalClient{"writer": writer, "reader": reader} {
		pipe := c.Pipeline()
		cmds := []redis.Cmder{pipe.HSet(t.Context(), "h", "k", "v"), pipe.Exists(t.Context(), "k"), pipe.Time(t.Context())}
		_, _ = pipe.Exec(t.Context())
		for _, cmd := range cmds {
			if cmd.Err() == nil {
				t.Errorf("%s: %s has no error", name, cmd.Name())
			}
		}
	}
}

// A cluster keeps a batch's commands apart, so that none tells of another.
func TestAClusterLoginThatIsRefusedConfirmsNothing(t *testing.T) {
	g := servers.Cluster(t, 3, 0)
	password := func(secret string) {
		for _, node := range g.Nodes {
			node.Do("acl", "setuser", "worker", "on", "resetpass", ">"+secret, "~*", "+@all")
			node.Do("client", "kill", "user", "worker")
		}
	}
	password("secret")
	s := storeOn(t, g.Nodes[0], func(c *Config) { c.Redis.Username, c.Redis.Password = "worker", "secret" })
	if err := s.Write(t.Context(), []job.Entry{ret(jidAt(time.Minute), "m", "f.x")})[0]; err != nil {
		t.Fatal(err)
	}
	password("another")
	jid := jidAt(0)
	servers.Eventually(t, 10*time.Second, "holds with the remedy", func() bool {
		told := true
		for i, err := range s.Write(t.Context(), []job.Entry{ret(jid, "m", "f.x"), load(t, jid, `{"fun": "f.x", "minions": ["m"]}`)}) {
			if !errors.Is(err, job.ErrUnavailable) {
				t.Fatalf("entry %d: %v, want it held", i, err)
			}
			told = told && strings.Contains(err.Error(), "redis.password_file")
		}
		return told
	})
	password("secret")
	servers.Eventually(t, 10*time.Second, "the return is stored", func() bool {
		return s.Write(t.Context(), []job.Entry{ret(jid, "m", "f.x")})[0] == nil
	})
	if got := g.OwnerOf(t, "ret:"+jid).Do("hexists", "ret:"+jid, "m").Val(); got != int64(1) {
		t.Error("the return is confirmed and not there")
	}
}
