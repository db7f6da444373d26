package cfg

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   string // a part of the fault; "" = fine
	}{
		{"defaults", func(*Config) {}, ""},
		{"several servers", func(c *Config) { c.NATS.URL = "nats://a:4222, tls://b:4222,wss://c" }, ""},
		{"one of several", func(c *Config) { c.NATS.URL = "nats://a:4222,b:4222" }, `nats.url holds "b:4222"`},
		{"no server", func(c *Config) { c.NATS.URL = " , " }, "nats.url is empty"},
		{"no host", func(c *Config) { c.NATS.URL = "nats://" }, "nats.url holds"},
		{"user and password", func(c *Config) { c.NATS.User, c.NATS.Password = "worker", "pw" }, ""},
		{"password alone", func(c *Config) { c.NATS.Password = "pw" }, "without nats.user"},
		{"two identities", func(c *Config) { c.NATS.User, c.NATS.NKey = "worker", "seed" }, "nats.nkey and nats.user are given together"},
		{"user that cannot be in a subject", func(c *Config) { c.NATS.User = "a b" }, "nats.user is"},
		{"user in the URL that cannot be", func(c *Config) { c.NATS.URL = "nats://%3E:pw@h" }, "nats.user is"},
		{"key without certificate", func(c *Config) { c.NATS.TLS.Key = "k" }, "belong together"},
		{"prefix of two tokens", func(c *Config) { c.Subjects.Prefix = "site-1.salt_2" }, ""},
		{"empty prefix", func(c *Config) { c.Subjects.Prefix = "" }, "subjects.prefix"},
		{"prefix with an empty token", func(c *Config) { c.Subjects.Prefix = "a..b" }, "subjects.prefix"},
		{"prefix with a dot at its end", func(c *Config) { c.Subjects.Prefix = "salt." }, "subjects.prefix"},
		{"prefix with a wildcard", func(c *Config) { c.Subjects.Prefix = "salt.>" }, "subjects.prefix"},
		{"prefix with a line end", func(c *Config) { c.Subjects.Prefix = "salt\n" }, "subjects.prefix"},
		{"replies into our subjects", func(c *Config) { c.Query.ReplyPrefixes = []string{"salt.job."} }, "have a return forged"},
		{"replies above our subjects", func(c *Config) { c.Subjects.Prefix = "_INBOX.salt" }, "have a return forged"},
		{"replies beside our subjects", func(c *Config) { c.Query.ReplyPrefixes = []string{"salty."} }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := Default()
			test.change(&c)
			err := c.Validate()
			if test.want == "" && err != nil {
				t.Fatalf("got %v, want none", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestInboxUser(t *testing.T) {
	tests := []struct {
		name string
		nats NATS
		want string
	}{
		{"none", DefaultNATS(), ""},
		{"key", NATS{URL: "nats://other:pw@h", User: "worker"}, "worker"},
		{"URL", NATS{URL: "nats://a,nats://worker:pw@b"}, "worker"},
		{"a URL's token", NATS{URL: "nats://token@h"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.nats.InboxUser(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
