package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// repository is the root, seen from any package of tests.
const repository = "../.."

// Site is a copy of what deploy/ says, with secrets of its own:
//
//	<root>/deploy        the folder itself; its secrets/ made by make-secrets
//	<root>/etc           nats/ and redis/, as compose.yaml mounts them
//	<root>/run/secrets   as compose.yaml names them
type Site struct{ root string }

// New makes a site.
func New(t testing.TB) *Site {
	t.Helper()
	s := &Site{t.TempDir()}
	s.copyFolder(t, filepath.Join(repository, "deploy"), "deploy")
	s.MakeSecrets(t)
	s.copyFolder(t, s.path("deploy/nats"), "etc/nats")
	s.copyFolder(t, s.path("deploy/redis"), "etc/redis")
	s.mountSecrets(t)
	s.moveRedis(t)
	return s
}

func (s *Site) path(below string) string { return filepath.Join(s.root, below) }

// MakeSecrets runs deploy/make-secrets.
func (s *Site) MakeSecrets(t testing.TB) {
	t.Helper()
	if out, err := exec.Command(s.path("deploy/make-secrets")).CombinedOutput(); err != nil {
		t.Fatalf("make-secrets: %v\n%s", err, out)
	}
}

// Secret is a password: nats-worker, redis-admin.
func (s *Site) Secret(t testing.TB, name string) string {
	t.Helper()
	return string(read(t, s.SecretFile(name)))
}

// SecretFile is where a secret of deploy/secrets/ lies.
func (s *Site) SecretFile(name string) string { return s.path("deploy/secrets/" + name) }

// NATS is what nats-server makes of a file of deploy/nats/. Only where it listens and stores is the test's own.
func (s *Site) NATS(t testing.TB, file string) func(*server.Options) {
	t.Helper()
	parsed, err := server.ProcessConfigFile(s.path("etc/nats/" + file))
	if err != nil {
		t.Fatal(err)
	}
	return func(o *server.Options) {
		parsed.Host, parsed.Port, parsed.HTTPPort = o.Host, o.Port, 0
		parsed.StoreDir, parsed.NoLog, parsed.NoSigs = o.StoreDir, o.NoLog, o.NoSigs
		*o = *parsed
	}
}

// Redis are the arguments with which a redis-server reads a file of deploy/redis/.
func (s *Site) Redis(file string) []string { return []string{"--include", s.path("etc/redis/" + file)} }

// moveRedis turns paths of containers into the site's: redis-server wants them whole. Where it stores is the test's own.
func (s *Site) moveRedis(t testing.TB) {
	t.Helper()
	paths := strings.NewReplacer("/etc/redis/", s.path("etc/redis")+"/", "/run/secrets/", s.path("run/secrets")+"/", "dir /data", "")
	for _, name := range files(t, s.path("etc/redis")) {
		path := s.path("etc/redis/" + name)
		write(t, path, []byte(paths.Replace(string(read(t, path)))))
	}
}

func (s *Site) mountSecrets(t testing.TB) {
	t.Helper()
	for name, secret := range ReadCompose(t).Secrets {
		write(t, s.path("run/secrets/"+name), read(t, s.path(secret.File)))
	}
}

// copyFolder copies the folder's files and those below it, but for secrets that are there.
func (s *Site) copyFolder(t testing.TB, from, to string) {
	t.Helper()
	for _, name := range files(t, from) {
		if !strings.HasPrefix(name, "secrets/") {
			write(t, s.path(filepath.Join(to, name)), read(t, filepath.Join(from, name)))
		}
	}
}

// files are the paths of all files below a folder.
func files(t testing.TB, folder string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		found = append(found, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// write makes the file and its folder; a script among them can be run.
func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o700); err != nil { // #nosec G306 -- a script among them
		t.Fatal(err)
	}
}
