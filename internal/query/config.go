package query

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Config bounds the query service.
type Config struct {
	// ReplyPrefixes are the only beginnings of reply subjects that get an answer: else a caller could have
	// the worker publish into a minion's return subject.
	ReplyPrefixes []string `koanf:"reply_prefixes"`
	// Concurrent bounds the requests worked on at once; more are answered 503.
	Concurrent int `koanf:"concurrent"`
	// Timeout ends with 504 what has not been answered by then, or has not sent a further part.
	Timeout time.Duration `koanf:"timeout"`
	// PartTimeout ends with 504 a reply whose caller promised to confirm its parts, and is silent for so long.
	PartTimeout time.Duration `koanf:"part_timeout"`
	// MaxRequestBytes bounds a request; more is answered 413. 0 is 8 KiB below the NATS server's max_payload.
	MaxRequestBytes int `koanf:"max_request_bytes"`
	// RedisExecute opens Redis to commands of callers.
	RedisExecute RedisExecute `koanf:"redis_execute"`
	// Heavy bounds the requests at once that read much; a further one waits a little, then it is answered 503.
	Heavy int `koanf:"heavy"`
	// HeavyRateBytes is what those may read in a second, all together; 0 is no bound.
	HeavyRateBytes int `koanf:"heavy_rate_bytes"`
}

// DefaultConfig answers inboxes only.
func DefaultConfig() Config {
	return Config{
		ReplyPrefixes: []string{"_INBOX."}, Concurrent: 64, Timeout: 10 * time.Second, PartTimeout: 5 * time.Second,
		Heavy: 2, HeavyRateBytes: 32 << 20,
		RedisExecute: RedisExecute{Allow: []string{}, Keys: []string{}},
	}
}

// Validate names every fault at once.
func (c Config) Validate() error {
	faults := c.prefixFaults()
	if c.Concurrent < 1 || c.Concurrent > 4096 {
		faults = append(faults, fmt.Errorf("query.concurrent is %d: use 1 to 4096", c.Concurrent))
	}
	if c.Timeout < 100*time.Millisecond || c.Timeout > 10*time.Minute {
		faults = append(faults, fmt.Errorf("query.timeout is %v: use 100ms to 10m", c.Timeout))
	}
	if c.PartTimeout < 100*time.Millisecond || c.PartTimeout > 10*time.Minute {
		faults = append(faults, fmt.Errorf("query.part_timeout is %v: use 100ms to 10m", c.PartTimeout))
	}
	if c.MaxRequestBytes < 0 || c.MaxRequestBytes > maxMaxPayload {
		faults = append(faults, fmt.Errorf("query.max_request_bytes is %d: use 0 (8 KiB below the server's max_payload) to %d", c.MaxRequestBytes, maxMaxPayload))
	}
	if c.Heavy < 1 || c.Heavy > 4096 {
		faults = append(faults, fmt.Errorf("query.heavy is %d: use 1 to 4096", c.Heavy))
	}
	if c.HeavyRateBytes != 0 && c.HeavyRateBytes < 1<<20 {
		faults = append(faults, fmt.Errorf("query.heavy_rate_bytes is %d: use 1MiB or more, or 0 for no bound", c.HeavyRateBytes))
	}
	return errors.Join(append(faults, c.RedisExecute.faults()...)...)
}

func (c Config) prefixFaults() (faults []error) {
	if len(c.ReplyPrefixes) == 0 {
		faults = append(faults, errors.New("query.reply_prefixes is empty: no caller could be answered; use [_INBOX.]"))
	}
	for _, p := range c.ReplyPrefixes {
		if !strings.HasSuffix(p, ".") || strings.ContainsAny(p, "*> \t\r\n") {
			faults = append(faults, fmt.Errorf("query.reply_prefixes holds %q: use a subject without wildcards that ends with a dot", p))
		}
	}
	return faults
}

// maxMaxPayload is the most that a NATS server can be set to take in one message.
const maxMaxPayload = 64 << 20

// mayReply tells whether an answer to this subject is harmless. No wildcard is a subject to publish to.
func (c Config) mayReply(subject string) bool {
	if strings.ContainsAny(subject, "*> \t\r\n") {
		return false
	}
	for _, prefix := range c.ReplyPrefixes {
		if len(subject) > len(prefix) && strings.HasPrefix(subject, prefix) {
			return true
		}
	}
	return false
}
