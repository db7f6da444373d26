package deploy

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// TestMakeSecretsKeepsWhatIsThere: it runs twice without a change, makes what is missing, and leaves nothing readable
// beyond the folder's owner.
func TestMakeSecretsKeepsWhatIsThere(t *testing.T) {
	s := New(t)
	first := s.secrets(t)
	s.MakeSecrets(t)
	if diff := cmp.Diff(first, s.secrets(t)); diff != "" {
		t.Errorf("the second run changed something (-first +second):\n%s", diff)
	}
	if err := os.Remove(s.SecretFile("nats-reader")); err != nil {
		t.Fatal(err)
	}
	s.MakeSecrets(t)
	changed := s.secrets(t)
	for name, content := range first {
		if replaced := changed[name] != content; replaced != slices.Contains([]string{"nats-reader", "nats-users.conf"}, name) {
			t.Errorf("a password replaced: %s changed: %v", name, replaced)
		}
	}
	folder, err := os.Stat(s.path("deploy/secrets"))
	if err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", folder.Mode(), err)
	}
	for name := range first {
		file, err := os.Stat(s.SecretFile(name))
		if err != nil || file.Mode().Perm() != 0o444 { // a container reads it as another user
			t.Errorf("%s is %v, %v", name, file.Mode(), err)
		}
	}
}

func (s *Site) secrets(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range files(t, s.path("deploy/secrets")) {
		all[name] = s.Secret(t, name)
	}
	return all
}

// TestPasswordsAreLongAndEachItsOwn, and none of them stands in the repository.
func TestPasswordsAreLongAndEachItsOwn(t *testing.T) {
	first, second := New(t).secrets(t), New(t).secrets(t)
	password := regexp.MustCompile(`^[0-9a-f]{48}$`)
	seen := map[string]string{}
	for name, content := range first {
		if strings.Contains(name, ".") {
			continue // made of passwords
		}
		if !password.MatchString(content) || content == second[name] || seen[content] != "" {
			t.Errorf("%s: too short, another's (%q), or always the same", name, seen[content])
		}
		seen[content] = name
	}
	for _, placeholder := range []string{"WORKER_HASH", "REPLICA_HASH", "ADMIN_HASH"} {
		if strings.Contains(first["redis-users.acl"], placeholder) {
			t.Errorf("%s was left in redis-users.acl", placeholder)
		}
	}
}

// TestRedisConfiguration: each form starts, and nothing that was confirmed is pushed out or kept in memory alone.
func TestRedisConfiguration(t *testing.T) {
	for file, enabled := range map[string]string{"redis.conf": "0", "cluster.conf": "1"} {
		t.Run(file, func(t *testing.T) {
			s := New(t)
			p := servers.Redis(t, append(s.Redis(file), "--appendonly", "yes")...)
			admin := redis.NewClient(&redis.Options{Addr: p.Addr, Username: "admin", Password: s.Secret(t, "redis-admin"), DisableIdentity: true})
			defer admin.Close()
			settings, err := admin.ConfigGet(t.Context(), "*").Result()
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{
				"maxmemory-policy": "noeviction", "appendfsync": "everysec", "protected-mode": "no", "appendonly": "yes",
			} {
				if got := settings[name]; got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if info := admin.Info(t.Context(), "cluster").Val(); !strings.Contains(info, "cluster_enabled:"+enabled) {
				t.Errorf("cluster_enabled is not %s", enabled)
			}
		})
	}
	if common := string(read(t, repository+"/deploy/redis/common.conf")); !strings.Contains(common, "\nappendonly yes\n") {
		t.Error("no append-only file") // the servers of tests say otherwise on their command line
	}
}

// TestNATSConfiguration: each form is one that nats-server takes, with JetStream, short pings and our roles.
func TestNATSConfiguration(t *testing.T) {
	t.Setenv("SERVER_NAME", "nats-1")
	for file, routes := range map[string]int{"nats.conf": 0, "cluster.conf": 3} {
		t.Run(file, func(t *testing.T) {
			o, err := server.ProcessConfigFile(New(t).path("etc/nats/" + file))
			if err != nil {
				t.Fatal(err)
			}
			if !o.JetStream || o.StoreDir != "/data" || o.ServerName == "" || len(o.Users) != 6 || len(o.Routes) != routes {
				t.Errorf("JetStream %v in %s, name %q, %d users, %d routes", o.JetStream, o.StoreDir, o.ServerName, len(o.Users), len(o.Routes))
			}
			if o.MaxPingsOut != 1 || o.PingInterval.Seconds() != 5 {
				t.Errorf("a worker that is gone is missed after %d pings of %v", o.MaxPingsOut, o.PingInterval)
			}
			if routes > 0 && (o.Cluster.Password == "" || o.Cluster.Name == "") {
				t.Error("any server may join the cluster")
			}
		})
	}
}

// TestWorkerConfiguration: what the workers of compose.yaml are told is free of faults.
func TestWorkerConfiguration(t *testing.T) {
	s := New(t)
	for _, name := range []string{"worker.yaml", "worker-cluster.yaml"} {
		file := s.path(name)
		write(t, file, []byte(strings.ReplaceAll(string(read(t, s.path("deploy/"+name))), "/run/secrets/", s.path("run/secrets")+"/")))
		if out, errs, code := servers.Run(t, "config", "check", "--config", file); code != 0 {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, errs)
		}
	}
}
