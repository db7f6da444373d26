package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"returnd/internal/cfg"
)

// How soon a lost server is noticed and looked for again.
const (
	// connectLimit is for one server; a TLS handshake on a busy machine can take seconds.
	connectLimit = 5 * time.Second
	// A half-open connection is noticed at the second ping that finds the first unanswered: after 10 s at most.
	pingInterval = 5 * time.Second
	maxPingsOut  = 1
	// Within a second all of a server's clients have tried again, but not all in the same moment.
	reconnectWait   = 500 * time.Millisecond
	reconnectJitter = 500 * time.Millisecond
)

// waitForNATS has connectNATS return at once and go on trying for ever, where there is no server yet. Without it a server
// that does not answer is an error: whoever types a command wants to know.
func waitForNATS() nats.Option { return nats.RetryOnFailedConnect(true) }

// connectNATS connects as nats.* says. Once connected, it reconnects for ever.
func connectNATS(c cfg.NATS, log *slog.Logger, more ...nats.Option) (*nats.Conn, error) {
	options, err := natsOptions(c, log)
	if err != nil {
		return nil, usage(err)
	}
	events := &natsEvents{config: c, log: log}
	options = append(append(options, events.options()...), more...)
	nc, err := nats.Connect(strings.Join(c.Servers(), ","), options...)
	if err != nil {
		return nil, natsFault(c, err)
	}
	events.nc.Store(nc)
	return nc, nil
}

// natsFault says what to do. It shows servers without their passwords.
func natsFault(c cfg.NATS, err error) error {
	servers := cfg.RedactURL(c.URL)
	var network net.Error
	switch {
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.As(err, &network):
		return fmt.Errorf("no NATS server answers at %s: start one there, or set nats.url (--nats.url or RETURND_NATS__URL) to where it is (%w)", servers, err)
	case isRefusal(err):
		return fmt.Errorf("the NATS server at %s refuses us: check nats.user and nats.password_file, nats.token_file, nats.creds or nats.nkey (%w)", servers, err)
	}
	return fmt.Errorf("connect to the NATS server at %s: %w; check nats.url and nats.tls", servers, err)
}

func isRefusal(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) ||
		errors.Is(err, nats.ErrAuthRevoked) || errors.Is(err, nats.ErrAccountAuthExpired)
}

func natsOptions(c cfg.NATS, log *slog.Logger) ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name(c.Name),
		nats.Timeout(connectLimit),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(maxPingsOut),
		// The finite default leaves a dead connection behind that looks alive.
		nats.MaxReconnects(-1),
		// A refusal may end: with a new password in the file, or a server that has learned ours.
		nats.IgnoreAuthErrorAbort(),
	}
	if user := c.InboxUser(); user != "" {
		// Nobody else may listen to our replies, where permissions say so.
		options = append(options, nats.CustomInboxPrefix("_INBOX."+user))
	}
	options = append(options, tlsOptions(c.TLS)...)
	identity, err := identityOptions(c, log)
	return append(options, identity...), err
}

// identityOptions reads secrets at every connect, so that new ones are taken up without a restart. Only the public half
// of an nkey stays as it was.
func identityOptions(c cfg.NATS, log *slog.Logger) ([]nats.Option, error) {
	var options []nats.Option
	if c.Creds != "" {
		options = append(options, nats.UserCredentials(c.Creds))
	}
	if c.NKey != "" {
		nkey, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, fmt.Errorf("nats.nkey: read the seed in %s: %w", c.NKey, err)
		}
		options = append(options, nkey)
	}
	if c.User != "" {
		options = append(options, nats.UserInfoHandler(func() (string, string) {
			return c.User, secret(c.Password, "nats.password_file", c.PasswordFile, log)
		}))
	}
	if c.Token != "" || c.TokenFile != "" {
		options = append(options, nats.TokenHandler(func() string {
			return secret(c.Token, "nats.token_file", c.TokenFile, log)
		}))
	}
	return options, nil
}

// secret is the value, or what the file holds now. Without it the server refuses us, and we try again.
func secret(value, key, file string, log *slog.Logger) string {
	if file == "" {
		return value
	}
	value, err := cfg.ReadSecret(file)
	if err != nil {
		log.Error("cannot read "+key, "error", err)
	}
	return value
}

// tlsOptions are empty where nothing of nats.tls is set: then the URL decides, tls:// or wss://.
func tlsOptions(c cfg.TLS) []nats.Option {
	if c == (cfg.TLS{}) {
		return nil
	}
	options := []nats.Option{nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName})}
	if c.CA != "" {
		options = append(options, nats.RootCAs(c.CA))
	}
	if c.Cert != "" {
		options = append(options, nats.ClientCert(c.Cert, c.Key))
	}
	return options
}
