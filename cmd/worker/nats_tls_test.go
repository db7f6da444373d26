package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"returnd/internal/cfg"
)

// selfSigned is a certificate for one name that is its own authority, and the file to trust it by.
func selfSigned(t *testing.T, name string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, secretFile(t, string(authority))
}

func TestConnectNATSOverTLS(t *testing.T) {
	certificate, authority := selfSigned(t, "nats.example.com")
	_, stranger := selfSigned(t, "nats.example.com")
	tests := []struct {
		name    string
		tls     cfg.TLS
		highest uint16
		want    string // a part of the error; "" = connected
	}{
		{"trusted", cfg.TLS{CA: authority, ServerName: "nats.example.com"}, tls.VersionTLS13, ""},
		{"nothing known of it", cfg.TLS{}, tls.VersionTLS13, "check nats.url and nats.tls"},
		{"another authority", cfg.TLS{CA: stranger, ServerName: "nats.example.com"}, tls.VersionTLS13, "check nats.url and nats.tls"},
		{"another name", cfg.TLS{CA: authority, ServerName: "other.example.com"}, tls.VersionTLS13, "not other.example.com"},
		{"too old", cfg.TLS{CA: authority, ServerName: "nats.example.com"}, tls.VersionTLS11, "protocol version"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := cfg.DefaultNATS()
			c.TLS = test.tls
			s := natsServer(t, server.Options{TLSTimeout: 5, TLSConfig: &tls.Config{
				Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS10, MaxVersion: test.highest,
			}})
			c.URL = strings.Replace(s.ClientURL(), "tls://", "nats://", 1)
			nc, err := connectNATS(c, discard())
			if err == nil {
				defer nc.Close()
				if _, err := nc.TLSConnectionState(); err != nil {
					t.Errorf("not over TLS: %v", err)
				}
			}
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}
