package containers

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// aclAdmin is the user that Do speaks as where a test names the users.
const aclAdmin = "containers-admin"

// RedisACL starts a redis-server with an ACL file. Users are written as in
// `ACL SETUSER`: "worker on >secret ~* +@all -debug". Who is not named cannot
// log in; that holds for "default" as well.
func RedisACL(t testing.TB, n *Network, users []string, extra ...string) *Server {
	t.Helper()
	password := rand.Text()
	lines := []string{"user " + aclAdmin + " on >" + password + " ~* &* +@all"}
	// A user may stand in the file once.
	if !slices.ContainsFunc(users, func(user string) bool { return strings.HasPrefix(user, "default ") }) {
		lines = append(lines, "user default off")
	}
	for _, user := range users {
		lines = append(lines, "user "+user)
	}
	s := redisSpec(t, n, "redis-acl", []string{"--aclfile", "/acl/users.acl"}, extra)
	s.files = map[string]string{"/acl/users.acl": strings.Join(lines, "\n") + "\n"}
	return startServers(t, redis.Options{Username: aclAdmin, Password: password}, s)[0]
}
