package cfg

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// NATS says how to reach the servers, and as whom.
type NATS struct {
	// URL is one server or several with commas between: nats, tls, ws or wss.
	URL string `koanf:"url"`
	// Name is what the server's monitoring shows.
	Name string `koanf:"name"`

	// Creds is a file with a user's JWT and seed, NKey one with a seed alone.
	Creds string `koanf:"creds"`
	NKey  string `koanf:"nkey"`

	User         string `koanf:"user"`
	Password     string `koanf:"password"`
	PasswordFile string `koanf:"password_file"`
	Token        string `koanf:"token"`
	TokenFile    string `koanf:"token_file"`

	TLS TLS `koanf:"tls"`
}

// TLS says whom to trust and what to show. Any of its keys makes TLS a must. All are read anew at every connect.
type TLS struct {
	CA   string `koanf:"ca"`
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
	// ServerName is the name to find in the server's certificate, where it is not the host of the URL.
	ServerName string `koanf:"server_name"`
}

// DefaultNATS is a server on this machine without accounts.
func DefaultNATS() NATS {
	return NATS{URL: "nats://127.0.0.1:4222", Name: "returnd"}
}

// Servers splits the URL.
func (c NATS) Servers() []string { return splitList(c.URL) }

// InboxUser is the name that the private inbox prefix is built from: the user's, be it given by key or in the URL.
// It is "" where there is none.
func (c NATS) InboxUser() string {
	if c.User != "" {
		return c.User
	}
	for _, server := range c.Servers() {
		u, err := url.Parse(server)
		if err != nil || u.User == nil {
			continue
		}
		// A URL's user without a password is a token.
		if _, withPassword := u.User.Password(); withPassword {
			return u.User.Username()
		}
	}
	return ""
}

// Validate names every fault at once. No message holds a URL's password.
func (c NATS) Validate() error {
	return errors.Join(c.checkServers(), c.checkIdentity(), c.checkTLS())
}

func (c NATS) checkServers() error {
	servers := c.Servers()
	if len(servers) == 0 {
		return errors.New("nats.url is empty: use a URL such as nats://127.0.0.1:4222, or several with commas between")
	}
	var faults []error
	for _, server := range servers {
		u, err := url.Parse(server)
		if err != nil || !natsScheme(u.Scheme) || u.Hostname() == "" {
			faults = append(faults, fmt.Errorf("nats.url holds %q: use nats://, tls://, ws:// or wss:// with a host and a port, such as nats://127.0.0.1:4222", RedactURL(server)))
		}
	}
	return errors.Join(faults...)
}

func natsScheme(scheme string) bool {
	switch scheme {
	case "nats", "tls", "ws", "wss":
		return true
	}
	return false
}

// checkIdentity refuses to guess which of several identities is meant.
func (c NATS) checkIdentity() error {
	var given []string
	add := func(name string, values ...string) {
		if strings.Join(values, "") != "" {
			given = append(given, name)
		}
	}
	add("nats.creds", c.Creds)
	add("nats.nkey", c.NKey)
	add("nats.user", c.User)
	add("nats.token", c.Token, c.TokenFile)
	var faults []error
	if len(given) > 1 {
		faults = append(faults, fmt.Errorf("%s are given together: keep one of them, the server takes one identity", strings.Join(given, " and ")))
	}
	if c.User == "" && c.Password+c.PasswordFile != "" {
		faults = append(faults, errors.New("nats.password is given without nats.user: name the user"))
	}
	if user := c.InboxUser(); strings.ContainsAny(user, "*> \t\r\n") || strings.HasSuffix(user, ".") {
		faults = append(faults, fmt.Errorf("nats.user is %q: replies go to _INBOX.<user>, so use a name without blanks, * and >, and without a dot at its end", user))
	}
	return errors.Join(faults...)
}

func (c NATS) checkTLS() error {
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		return errors.New("nats.tls.cert and nats.tls.key belong together: give both or neither")
	}
	return nil
}

// files are the keys that name a file which must be readable, beside the secrets' own.
func (c NATS) files() []namedFile {
	return []namedFile{
		{"nats.creds", c.Creds},
		{"nats.nkey", c.NKey},
		{"nats.tls.ca", c.TLS.CA},
		{"nats.tls.cert", c.TLS.Cert},
		{"nats.tls.key", c.TLS.Key},
	}
}
