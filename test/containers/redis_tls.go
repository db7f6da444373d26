package containers

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// TLS is a Redis container that speaks TLS alone.
type TLS struct {
	*Server
	CA string // path here of what a client trusts; in the container it is /tls/ca.crt
}

// RedisTLS starts a redis-server behind TLS. Its certificate is for localhost
// and 127.0.0.1: whoever reaches it by its name in the network has to say
// which name it wants to see.
func RedisTLS(t testing.TB, n *Network, extra ...string) *TLS {
	t.Helper()
	authority := servers.NewAuthority(t, t.TempDir())
	cert, key := authority.Issue("server", servers.Valid)
	s := redisSpec(t, n, "redis-tls", []string{
		"--port", "0", "--tls-port", "6379", "--tls-auth-clients", "no",
		"--tls-ca-cert-file", "/tls/ca.crt", "--tls-cert-file", "/tls/server.crt", "--tls-key-file", "/tls/server.key",
	}, extra)
	s.files = map[string]string{
		"/tls/ca.crt": read(t, authority.CA), "/tls/server.crt": read(t, cert), "/tls/server.key": read(t, key),
	}
	o := redis.Options{Password: password(extra), TLSConfig: trusting(t, authority.CA)}
	return &TLS{startServers(t, o, s)[0], authority.CA}
}

// trusting is what a client needs to verify a server.
func trusting(t testing.TB, ca string) *tls.Config {
	t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	if !c.RootCAs.AppendCertsFromPEM([]byte(read(t, ca))) {
		t.Fatalf("no certificate in %s", ca)
	}
	return c
}

func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
