package acl

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"returnd/test/deploy"
	"returnd/test/servers"
)

// clusterOnly are the commands that docs/operations.md grants besides: on a cluster, and where replicas have to confirm.
func clusterOnly(t *testing.T) []string {
	t.Helper()
	const begin = "On a cluster add"
	for part := range strings.SplitSeq(operations(t), "\n\n") {
		if strings.HasPrefix(part, begin) {
			return commandsOf(regexp.MustCompile(`\+[a-z|]+`).FindAllString(part, -1))
		}
	}
	t.Fatalf("docs/operations.md has no paragraph %q", begin)
	return nil
}

// deployedRules are the rules of a user of deploy/redis/users.acl, hashes filled in.
func deployedRules(t *testing.T, site *deploy.Site, user string) []string {
	t.Helper()
	for line := range strings.Lines(site.Secret(t, "redis-users.acl")) {
		if words := strings.Fields(line); len(words) > 2 && words[1] == user {
			return words[2:]
		}
	}
	t.Fatalf("deploy/redis/users.acl has no user %s", user)
	return nil
}

func commandsOf(rules []string) []string {
	args := make([]any, len(rules))
	for i, rule := range rules {
		args[i] = rule
	}
	return granted(args)
}

func TestDeployedCommandsAreTheDocumentedOnes(t *testing.T) {
	want := slices.Concat(granted(setUser(t)), clusterOnly(t))
	slices.Sort(want)
	if diff := cmp.Diff(want, commandsOf(deployedRules(t, deploy.New(t), "returnd"))); diff != "" {
		t.Errorf("docs/operations.md (-) and deploy/redis/users.acl (+):\n%s", diff)
	}
}

// deployedRedis is a redis-server with the file of users as the containers have it.
func deployedRedis(t *testing.T, site *deploy.Site) (*servers.Process, *redis.Client) {
	t.Helper()
	p := servers.Redis(t, site.Redis("redis.conf")...)
	admin := redis.NewClient(&redis.Options{
		Addr: p.Addr, Username: "admin", Password: site.Secret(t, "redis-admin"), DisableIdentity: true, Protocol: 2,
	})
	t.Cleanup(func() { _ = admin.Close() })
	return p, admin
}

func TestDeployedRedisUserMayDoWhatTheWorkerDoes(t *testing.T) {
	site := deploy.New(t)
	p, admin := deployedRedis(t, site)
	t.Cleanup(func() { refusedNothing(t, admin) })
	nats := servers.EmbeddedNATS(t)
	password := site.SecretFile("redis-worker")
	worker := startWorker(t, nats.ClientURL(), "--redis.host", "127.0.0.1", "--redis.port", port(p.Addr), "--history.limit", "1",
		"--redis.username", "returnd", "--redis.password_file", password)
	everything(t, connect(t, nats.ClientURL()), anyDatabase, func() {
		flushScripts(t, admin)
		foreignLoad(t, admin)
	})
	worker.Terminate()
	sweepAll(t, admin, storeAs(t, p.Addr, password), 2) // database 1 was written to by ret_kwargs
}

// TestDeployedRedisUsersAreDeniedTheRest: health may ping and no more, and nobody comes in without a login.
func TestDeployedRedisUsersAreDeniedTheRest(t *testing.T) {
	site := deploy.New(t)
	p, _ := deployedRedis(t, site)
	for user, password := range map[string]string{"health": "none", "returnd": site.Secret(t, "redis-worker"), "replica": site.Secret(t, "redis-replica")} {
		c := redis.NewClient(&redis.Options{Addr: p.Addr, Username: user, Password: password, DisableIdentity: true, Protocol: 2})
		defer c.Close()
		if err := c.Ping(t.Context()).Err(); err != nil {
			t.Errorf("%q: %v", user, err)
		}
		for _, command := range [][]any{{"keys", "*"}, {"flushall"}, {"config", "get", "*"}, {"acl", "list"}, {"set", "session", "x"}, {"shutdown"}} {
			if err := c.Do(t.Context(), command...).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
				t.Errorf("%q %v: got %v, want NOPERM", user, command, err)
			}
		}
	}
	for _, command := range [][]any{{"ping"}, {"get", "x"}} {
		nobody := redis.NewClient(&redis.Options{Addr: p.Addr, DisableIdentity: true, Protocol: 2, MaxRetries: -1})
		defer nobody.Close()
		if err := nobody.Do(t.Context(), command...).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOAUTH") {
			t.Errorf("without a login %v: got %v, want NOAUTH", command, err)
		}
	}
	stranger := redis.NewClient(&redis.Options{Addr: p.Addr, Username: "admin", Password: "admin", DisableIdentity: true, MaxRetries: -1})
	defer stranger.Close()
	if err := stranger.Ping(t.Context()).Err(); err == nil || !strings.HasPrefix(err.Error(), "WRONGPASS") {
		t.Errorf("with a wrong password: %v", err)
	}
}

// TestDeployedReplicaFollows: a node logs in at its primary as the user that is there for that.
func TestDeployedReplicaFollows(t *testing.T) {
	site := deploy.New(t)
	p, admin := deployedRedis(t, site)
	servers.Redis(t, append(site.Redis("redis.conf"), "--replicaof", "127.0.0.1 "+port(p.Addr), "--include", site.SecretFile("redis-replication.conf"))...)
	servers.Eventually(t, limit, "a replica", func() bool {
		return strings.Contains(admin.Info(t.Context(), "replication").Val(), "state=online")
	})
}
