package cfg

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"returnd/internal/cleanup"
	"returnd/internal/consume"
	"returnd/internal/persist"
	"returnd/internal/query"
	"returnd/internal/telemetry"
)

// Config is the configuration of a worker: that of each part, under its section.
type Config struct {
	NATS     NATS                 `koanf:"nats"`
	Subjects Subjects             `koanf:"subjects"`
	Stream   consume.StreamConfig `koanf:"stream"`
	Consume  consume.Config       `koanf:"consume"`
	// Persist's keys stand at the top: they have the names of Salt's own options.
	Persist persist.Config       `koanf:",squash"`
	Query   query.Config         `koanf:"query"`
	Cleanup cleanup.Config       `koanf:"cleanup"`
	HTTP    telemetry.HTTPConfig `koanf:"http"`
	Log     telemetry.LogConfig  `koanf:"log"`
}

// Subjects says under which name all subjects stand.
type Subjects struct {
	// Prefix is one or more tokens, such as salt or site.salt.
	Prefix string `koanf:"prefix"`
}

// Default is a worker beside a NATS server and a Redis on the same machine.
func Default() Config {
	return Config{
		NATS:     DefaultNATS(),
		Subjects: Subjects{Prefix: "salt"},
		Stream:   consume.DefaultStreamConfig(),
		Consume:  consume.DefaultConfig(),
		Persist:  persist.DefaultConfig(),
		Query:    query.DefaultConfig(),
		Cleanup:  cleanup.DefaultConfig(),
		HTTP:     telemetry.DefaultHTTPConfig(),
		Log:      telemetry.DefaultLogConfig(),
	}
}

// Validate names every fault of every part at once.
func (c Config) Validate() error {
	return errors.Join(
		c.NATS.Validate(), c.Subjects.Validate(), c.Stream.Validate(), c.Consume.Validate(),
		c.Persist.Validate(), c.Query.Validate(), c.Cleanup.Validate(), c.HTTP.Validate(), c.Log.Validate(),
		c.checkReplies(),
	)
}

// subjectTokens leaves out what NATS gives a meaning (blank, *, >, $) and what would need encoding.
var subjectTokens = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// Validate names every fault at once.
func (s Subjects) Validate() error {
	if subjectTokens.MatchString(s.Prefix) {
		return nil
	}
	return fmt.Errorf("subjects.prefix is %q: use letters, digits, _ and -, with single dots between them, such as salt or site.salt", s.Prefix)
}

// checkReplies keeps replies away from our own subjects: else a caller could name a minion's return subject as its
// reply subject, and the worker would publish a forged return.
func (c Config) checkReplies() error {
	own := c.Subjects.Prefix + "."
	var faults []error
	for _, reply := range c.Query.ReplyPrefixes {
		if strings.HasPrefix(own, reply) || strings.HasPrefix(reply, own) {
			faults = append(faults, fmt.Errorf("query.reply_prefixes holds %q, which meets subjects.prefix %q: a caller could have a return forged; use an inbox prefix such as _INBOX", reply, c.Subjects.Prefix))
		}
	}
	return errors.Join(faults...)
}
