package persist

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLS says whom to trust and what to show. The files are read anew for each connection, so that rotated ones are taken
// up without a restart.
type TLS struct {
	Enabled bool `koanf:"enabled"`
	// CA is a file with the certificates to trust; without it, those of the system.
	CA   string `koanf:"ca"`
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
	// ServerName is the name to find in the server's certificate, where it is not the host connected to. A cluster's
	// nodes and the primary behind Sentinels are connected to by the addresses that they announce.
	ServerName string `koanf:"server_name"`
	MinVersion string `koanf:"min_version"`
	// InsecureSkipVerify takes any certificate. It is for trying things out.
	InsecureSkipVerify bool `koanf:"insecure_skip_verify"`
}

// tlsVersions leaves out what has been broken.
var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// config is for one connection to a host.
func (t TLS) config(host string) (*tls.Config, error) {
	c := &tls.Config{
		MinVersion:         tlsVersions[t.MinVersion],
		ServerName:         host,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // asked for by name, and warned of at each start
	}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("redis.tls.ca: %w; name a file that this user may read", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("redis.tls.ca holds no certificate: name a file of PEM certificates")
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("redis.tls.cert and redis.tls.key: %w; name the certificate and its own key, both PEM", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
