package client

import (
	"time"

	"github.com/nats-io/nats.go"

	"returnd/internal/job"
)

// The defaults of the options.
const (
	// DefaultPrefix is the worker's own default of subjects.prefix.
	DefaultPrefix = "salt"
	// DefaultTimeout is longer than the workers' own default limit of 10 s, so that their explanation arrives first.
	DefaultTimeout = 15 * time.Second
	// DefaultWindow keeps a distant worker busy, and costs 4 MiB with NATS' usual max_payload.
	DefaultWindow = 4
	// MaxWindow is what the protocol allows.
	MaxWindow = 64
)

// Client asks and publishes over one connection. It is safe for concurrent use and needs no closing.
type Client struct {
	nc       *nats.Conn
	subjects job.Subjects
	profile  string
	timeout  time.Duration
	window   int
	skipped  func(n int)
	packing  packing
	nameless bool
	tracer   Tracer
}

// Option changes a Client.
type Option func(*Client)

// New makes a client over a connection; it does no I/O, and never closes the connection.
func New(nc *nats.Conn, opts ...Option) *Client {
	c := &Client{nc: nc, subjects: job.NewSubjects(DefaultPrefix), timeout: DefaultTimeout, window: DefaultWindow}
	return c.With(opts...)
}

// With is the same client with other options, for a call or for good:
//
//	c.With(client.Profile("archive")).GetJID(ctx, jid)
func (c *Client) With(opts ...Option) *Client {
	other := *c
	for _, option := range opts {
		option(&other)
	}
	return &other
}

// Prefix is the workers' subjects.prefix.
func Prefix(prefix string) Option {
	return func(c *Client) { c.subjects = job.NewSubjects(prefix) }
}

// Profile names the Redis to ask, as Salt's return_config does; "" is the default one.
func Profile(name string) Option {
	return func(c *Client) { c.profile = name }
}

// Timeout bounds how long the first message of a reply, and each further part, may take. 0 and less is the default.
func Timeout(limit time.Duration) Option {
	return func(c *Client) {
		if c.timeout = limit; limit <= 0 {
			c.timeout = DefaultTimeout
		}
	}
}

// Window is how many parts may be on their way beyond those that the reader has finished with, 1 to MaxWindow; what lies outside
// is moved to the nearer end.
func Window(parts int) Option {
	return func(c *Client) { c.window = min(max(parts, 1), MaxWindow) }
}

// OnSkipped is told how many stored values a complete reply leaves out because they are not JSON; it is not called for none.
func OnSkipped(tell func(n int)) Option {
	return func(c *Client) { c.skipped = tell }
}

// Encoding has documents packed before they are published; name is what the header Content-Encoding then says: gzip or zstd, the two
// that workers unpack. See [Gzip].
func Encoding(name string, pack func(body []byte) ([]byte, error)) Option {
	return func(c *Client) { c.packing = packing{name, pack} }
}

// WithoutMessageID publishes without Nats-Msg-Id. Storing is idempotent, so a retry that comes twice is harmless; in return the server
// need not remember every document for its window of duplicates, which is worth it for many.
func WithoutMessageID() Option {
	return func(c *Client) { c.nameless = true }
}
