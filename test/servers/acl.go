package servers

import (
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"testing"
)

// aclAdmin is the user that Do speaks as where a test names the users.
const aclAdmin = "servers-admin"

// ACL is a Redis server with users.
type ACL struct {
	*Process
	file string
}

// RedisACL starts a redis-server with an ACL file. Users are written as in
// `ACL SETUSER`: "worker on >secret ~* +@all -debug". Who is not named cannot
// log in; that holds for "default" as well.
func RedisACL(t testing.TB, users []string, extra ...string) *ACL {
	t.Helper()
	s := &ACL{Process: newRedis(t, "redis-acl", extra)}
	s.file = s.Process.file("users.acl")
	s.login = login{aclAdmin, rand.Text()}
	s.write(users)
	s.startOnFreePort("redis", func(port int) []string {
		return s.redisArgs("--port", port, []string{"--aclfile", s.file}, extra)
	})
	return s
}

// SetUsers replaces all users at once, as an operator's `ACL LOAD` does: the
// connections of users that are gone or have changed are closed.
func (s *ACL) SetUsers(users ...string) {
	s.t.Helper()
	s.write(users)
	s.must("ACL", "LOAD")
}

func (s *ACL) write(users []string) {
	s.t.Helper()
	lines := []string{"user " + s.login.user + " on >" + s.login.password + " ~* &* +@all"}
	// A user may stand in the file once.
	if !slices.ContainsFunc(users, func(user string) bool { return strings.HasPrefix(user, "default ") }) {
		lines = append(lines, "user default off")
	}
	for _, user := range users {
		lines = append(lines, "user "+user)
	}
	if err := os.WriteFile(s.file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatalf("write the ACL file: %v", err)
	}
}
