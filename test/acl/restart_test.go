package acl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/deploy"
	"returnd/test/servers"
)

// TestRestartKeepsWhatWasConfirmed: under the users of deploy/redis, all that Redis had confirmed is there after it was
// killed. With a default user that may not write it would not be: see docs/operations.md.
func TestRestartKeepsWhatWasConfirmed(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(users string) string
		kept   bool
	}{
		{"as they stand", func(users string) string { return users }, true},
		{"with a default user that may do nothing", func(users string) string {
			return strings.Replace(users, "user default off sanitize-payload ~* &* +@all", "user default off -@all", 1)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site := deploy.New(t)
			p, admin := redisWithUsers(t, site, tt.change)
			store := storeAs(t, p.Addr, site.SecretFile("redis-worker"))
			var entries []job.Entry
			jid := job.FormatJID(time.Now())
			for _, id := range []string{"web1", "web2", "web3"} {
				body := `{"id": "` + id + `", "jid": "` + jid + `", "fun": "test.ping", "return": true}`
				entries = append(entries, job.Entry{Return: job.Return{JID: jid, Minion: id, Fun: "test.ping", DB: job.NoDB, Body: []byte(body)}, Published: time.Now()})
			}
			for _, err := range store.Write(t.Context(), entries) {
				if err != nil {
					t.Fatal(err)
				}
			}
			p.Kill()
			p.Restart()
			returns, pointers := admin.HLen(t.Context(), "ret:"+jid).Val(), admin.Exists(t.Context(), "web1:test.ping", "web2:test.ping", "web3:test.ping").Val()
			if kept := returns == 3 && pointers == 3; kept != tt.kept {
				t.Errorf("%d returns and %d pointers of 3 after the restart, want all of them: %t", returns, pointers, tt.kept)
			}
		})
	}
}

// redisWithUsers is a redis-server as deploy/redis has it, with its users changed.
func redisWithUsers(t *testing.T, site *deploy.Site, change func(string) string) (*servers.Process, *redis.Client) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "users.acl")
	if err := os.WriteFile(file, []byte(change(site.Secret(t, "redis-users.acl"))), 0o600); err != nil {
		t.Fatal(err)
	}
	p := servers.Redis(t, append(site.Redis("redis.conf"), "--aclfile", file)...)
	admin := redis.NewClient(&redis.Options{Addr: p.Addr, Username: "admin", Password: site.Secret(t, "redis-admin"), DisableIdentity: true})
	t.Cleanup(func() { _ = admin.Close() })
	return p, admin
}
