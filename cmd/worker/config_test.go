package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func configFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "returnd.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigCheck(t *testing.T) {
	tests := []struct {
		name, content string
		code          int
		want          []string
	}{
		{"fine", "redis.db: '3'\n", 0, []string{"configuration is fine\n"}},
		{"all faults", "redis.bd: 3\nlate_keep: 5\nlog: {level: loud}\n", 2, []string{
			"worker: unknown key redis.bd in ", "did you mean redis.db?\n", "worker: late_keep in ", "worker: log.level is \"loud\"",
		}},
		{"CA that is none", "nats: {tls: {ca: FILE}}\n", 2, []string{"worker: nats.tls, nats.creds or nats.nkey: ", "failed to parse root certificate"}},
		{"seed that is none", "nats: {nkey: FILE}\n", 2, []string{"worker: nats.nkey: read the seed in "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			other := configFile(t, "nothing of use")
			got := runCommand(t, "config", "check", "--config", configFile(t, strings.ReplaceAll(test.content, "FILE", other)))
			if got.code != test.code {
				t.Errorf("exit %d, want %d", got.code, test.code)
			}
			for _, want := range test.want {
				if !strings.Contains(got.out+got.errs, want) {
					t.Errorf("no %q in:\n%s", want, got.out+got.errs)
				}
			}
		})
	}
}

func TestConfigPrint(t *testing.T) {
	file := configFile(t, "redis: {password: cAnArY, host: redis.example.com}\n")
	t.Setenv("RETURND_NATS__URL", "nats://u:cAnArY@h:4222")
	plain := runCommand(t, "config", "print", "--config", file, "--stream.name=S")
	for _, want := range []string{"  host: redis.example.com\n", "  password: REDACTED\n", "  url: nats://REDACTED@h:4222\n", "  name: S\n"} {
		if !strings.Contains(plain.out, want) {
			t.Errorf("no %q in:\n%s", want, plain.out)
		}
	}
	sources := runCommand(t, "config", "print", "--config", file, "--stream.name=S", "--source")
	for _, want := range []string{"host: redis.example.com # " + file, "# RETURND_NATS__URL\n", "name: S # --stream.name\n", "port: 6379 # default\n"} {
		if !strings.Contains(sources.out, want) {
			t.Errorf("no %q in:\n%s", want, sources.out)
		}
	}
	if strings.Contains(plain.out+sources.out, "cAnArY") {
		t.Error("shows a secret")
	}
}
