package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificate is a kind of certificate: the good one, or one thing wrong.
type Certificate string

// Every kind but Valid is refused by a client that looks.
const (
	Valid     Certificate = "valid"      // for localhost and 127.0.0.1
	WrongName Certificate = "wrong name" // for WrongHost alone
	Expired   Certificate = "expired"    // an hour ago
	Untrusted Certificate = "untrusted"  // signed by an authority that nobody knows
)

// WrongHost is the one name in a WrongName certificate.
const WrongHost = "elsewhere.invalid"

// Authority is a throw-away certificate authority. Its files live in one
// directory, go with it, and are overwritten in place, as a rotation does.
type Authority struct {
	CA string // path of its own certificate, for clients to trust

	dir  string
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority and writes its certificate to dir/ca.crt.
func NewAuthority(t testing.TB, dir string) *Authority {
	t.Helper()
	a := &Authority{CA: filepath.Join(dir, "ca.crt"), dir: dir, t: t}
	a.cert, a.key = a.root()
	a.write(a.CA, "CERTIFICATE", a.cert.Raw)
	return a
}

// Issue writes a certificate and its key, good for servers and clients, to
// dir/<name>.crt and dir/<name>.key, in the place of earlier ones.
func (a *Authority) Issue(name string, kind Certificate) (cert, key string) {
	a.t.Helper()
	template := a.template(name)
	template.DNSNames, template.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	issuer, signer := a.cert, a.key
	switch kind {
	case WrongName:
		template.DNSNames, template.IPAddresses = []string{WrongHost}, nil
	case Expired:
		template.NotAfter = time.Now().Add(-time.Hour)
	case Untrusted:
		issuer, signer = a.root()
	}
	raw, private := a.sign(template, issuer, signer)
	cert, key = filepath.Join(a.dir, name+".crt"), filepath.Join(a.dir, name+".key")
	a.write(cert, "CERTIFICATE", raw)
	a.writeKey(key, private)
	return cert, key
}

// root makes a self-signed certificate, named apart from all others so that
// no verifier takes one authority for another.
func (a *Authority) root() (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	template := a.template("test authority " + rand.Text())
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	raw, key := a.sign(template, template, nil)
	cert, err := x509.ParseCertificate(raw)
	a.check(err)
	return cert, key
}

func (a *Authority) template(name string) *x509.Certificate {
	a.t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	a.check(err)
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// sign makes a fresh key and its certificate; signer nil means itself.
func (a *Authority) sign(template, issuer *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.check(err)
	if signer == nil {
		signer = key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, signer)
	a.check(err)
	return raw, key
}

func (a *Authority) writeKey(path string, key *ecdsa.PrivateKey) {
	a.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	a.check(err)
	a.write(path, "PRIVATE KEY", der)
}

// write renames a whole file into place: a client that reads its files anew
// at each connection never sees half of one.
func (a *Authority) write(path, kind string, der []byte) {
	a.t.Helper()
	data := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	a.check(errors.Join(os.WriteFile(path+".new", data, 0o600), os.Rename(path+".new", path)))
}

func (a *Authority) check(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatalf("make certificates in %s: %v", a.dir, err)
	}
}
