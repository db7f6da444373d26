package servers

import (
	"testing"
)

// TLS is a Redis server that speaks TLS alone on its port (its unix socket
// stays plain). The files stand in its directory and keep their paths.
type TLS struct {
	*Process
	CA   string // what a client trusts
	Cert string // a client's own certificate …
	Key  string // … and key

	authority *Authority
}

// TLSOptions say what the server shows and asks for.
type TLSOptions struct {
	Certificate   Certificate // "" is Valid
	ClientCert    Certificate // of Cert and Key; "" is Valid
	RequireClient bool        // refuse clients without a certificate of the CA
}

// RedisTLS starts a redis-server with a throw-away authority of its own. Addr
// is 127.0.0.1:port and the URL is rediss://; the certificate is also good for
// localhost. Extra arguments come last and win.
func RedisTLS(t testing.TB, o TLSOptions, extra ...string) *TLS {
	t.Helper()
	s := &TLS{Process: newRedis(t, "redis-tls", extra)}
	s.authority = NewAuthority(t, s.Dir)
	cert, key := s.authority.Issue("server", o.Certificate)
	s.CA = s.authority.CA
	s.Cert, s.Key = s.authority.Issue("client", o.ClientCert)
	asks := "no"
	if o.RequireClient {
		asks = "yes"
	}
	s.startOnFreePort("rediss", func(port int) []string {
		return s.redisArgs("--tls-port", port, []string{
			"--port", "0", "--tls-ca-cert-file", s.CA, "--tls-cert-file", cert, "--tls-key-file", key,
			"--tls-auth-clients", asks,
		}, extra)
	})
	return s
}

// Use restarts the server with another kind of certificate.
func (s *TLS) Use(kind Certificate) {
	s.t.Helper()
	s.authority.Issue("server", kind)
	s.Restart()
}

// Rotate restarts the server under a new authority: CA, client and server
// certificates are all replaced, so that a client which keeps what it read at
// its start can no longer connect.
func (s *TLS) Rotate() {
	s.t.Helper()
	s.authority = NewAuthority(s.t, s.Dir)
	s.authority.Issue("client", Valid)
	s.Use(Valid)
}

// TLSGroup says whether the nodes of a group speak TLS alone, among
// themselves too. nil is plain.
type TLSGroup struct{ *Authority }

// NewTLSGroup makes an authority whose certificates are good for every node.
func NewTLSGroup(t testing.TB) *TLSGroup {
	t.Helper()
	return &TLSGroup{NewAuthority(t, t.TempDir())}
}

// args are what makes a node listen on the port in the group's way.
func (g *TLSGroup) args(p *Process, port int) []string {
	if g == nil {
		return p.redisArgs("--port", port)
	}
	cert, key := g.Issue("node", Valid)
	return p.redisArgs("--tls-port", port, []string{
		"--port", "0", "--tls-ca-cert-file", g.CA, "--tls-cert-file", cert, "--tls-key-file", key,
		"--tls-auth-clients", "no", "--tls-replication", "yes",
	})
}

func (g *TLSGroup) scheme() string {
	if g == nil {
		return "redis"
	}
	return "rediss"
}
