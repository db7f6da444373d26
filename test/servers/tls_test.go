package servers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// ping asks a TLS server as a client that trusts what stands in its CA file
// now and shows the client certificate if asked to.
func ping(t *testing.T, s *TLS, show bool) error {
	t.Helper()
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	config.RootCAs.AppendCertsFromPEM(pem)
	if show {
		cert, err := tls.LoadX509KeyPair(s.Cert, s.Key)
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return pingWith(s, config)
}

func pingWith(s *TLS, config *tls.Config) error {
	c := redis.NewClient(&redis.Options{Addr: s.Addr, TLSConfig: config.Clone(), MaxRetries: -1})
	defer c.Close()
	return c.Ping(context.Background()).Err()
}

func TestTLSCertificates(t *testing.T) {
	t.Parallel()
	s := RedisTLS(t, TLSOptions{})
	if !strings.HasPrefix(s.URL, "rediss://127.0.0.1:") {
		t.Errorf("the URL is %s", s.URL)
	}
	for _, tt := range []struct {
		kind   Certificate
		refuse func(error) bool
	}{
		{WrongName, isError[x509.HostnameError]},
		{Expired, func(err error) bool {
			var invalid x509.CertificateInvalidError
			return errors.As(err, &invalid) && invalid.Reason == x509.Expired
		}},
		{Untrusted, isError[x509.UnknownAuthorityError]},
		{Valid, func(err error) bool { return err == nil }},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			s.Use(tt.kind)
			if err := ping(t, s, false); !tt.refuse(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func isError[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func TestTLSAsksForTheClientsCertificate(t *testing.T) {
	t.Parallel()
	s := RedisTLS(t, TLSOptions{RequireClient: true}, "--requirepass", "pass")
	if err := ping(t, s, false); err == nil || strings.HasPrefix(err.Error(), "NOAUTH") {
		t.Errorf("without a certificate: %v", err)
	}
	if err := ping(t, s, true); err == nil || !strings.HasPrefix(err.Error(), "NOAUTH") {
		t.Errorf("with a certificate: got %v, want NOAUTH", err)
	}
	expired := RedisTLS(t, TLSOptions{RequireClient: true, ClientCert: Expired})
	if err := ping(t, expired, true); err == nil {
		t.Error("an expired certificate was accepted")
	}
}

func TestTLSRotationNeedsTheNewFiles(t *testing.T) {
	t.Parallel()
	s := RedisTLS(t, TLSOptions{RequireClient: true})
	before, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	s.Rotate()
	if err := ping(t, s, true); err != nil {
		t.Errorf("with the new files: %v", err)
	}
	old := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	old.RootCAs.AppendCertsFromPEM(before)
	if err := pingWith(s, old); !isError[x509.UnknownAuthorityError](err) {
		t.Errorf("with the old authority: got %v", err)
	}
}

// TestTLSGroups: the nodes are refused without TLS, and talk to each other.
func TestTLSGroups(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		start func(o *TLSGroup) *Process
	}{
		{"cluster", func(o *TLSGroup) *Process { return ClusterTLS(t, o, 3, 1).Nodes[0] }},
		{"sentinel", func(o *TLSGroup) *Process { return Sentinel(t, SentinelOptions{TLS: o}).Sentinels[0] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := NewTLSGroup(t)
			s := &TLS{Process: tt.start(o), CA: o.CA}
			if err := ping(t, s, false); err != nil {
				t.Error(err)
			}
			plain := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
			defer plain.Close()
			if err := plain.Ping(t.Context()).Err(); err == nil {
				t.Error("a client without TLS was answered")
			}
		})
	}
}
