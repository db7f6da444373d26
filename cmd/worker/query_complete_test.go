package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/query"
)

// offered is what a shell gets to show.
func offered(t *testing.T, args ...string) []string {
	t.Helper()
	out, errs, code := command(t, "", append([]string{"__complete", "query"}, args...)...)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[:len(lines)-1] // the last one is the directive
}

func TestQueryCompletion(t *testing.T) {
	t.Parallel()
	w := newFakeWorker(t)
	w.says("get_jids", `{"20261120080102123456": {"Function": ["a", "b"], "Target": "web*"}, "20261120": {"Function": "f", "Target": ["x"]}, "7": {"Function": "f"}}`)
	w.says("get_minions", `["web2", "web1", "db"]`)
	at := []string{"--nats.url", w.url}
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"fields", []string{"save_minions", "jid=1", ""}, []string{"minions=", "syndic_id=", "profile="}},
		{"jids", append(at, "get_jid", "jid=2026"), []string{"jid=20261120080102123456\ta, b on web*", "jid=20261120\tf on [\"x\"]"}},
		{"minions", append(at, "get_history", "minion=w"), []string{"minion=web1", "minion=web2"}},
		{"nobody there", []string{"--nats.url", "nats://127.0.0.1:1", "get_jid", "jid="}, nil},
		{"no configuration", []string{"--config", "/none", "get_jid", "jid="}, nil},
		{"nothing known of it", append(at, "get_jid", "profile="), nil},
		{"formats", []string{"get_jid", "-o", ""}, outputs},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := offered(t, tt.args...)
			if len(got) == 0 {
				got = nil
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	endpoints := offered(t, "")
	if len(endpoints) != len(query.Endpoints()) || !strings.HasPrefix(endpoints[0], "get_jid\t") {
		t.Errorf("endpoints offered: %q", endpoints)
	}
}

// Jids have no answer where the worker is too old for limit, or Redis is away: then there is nothing to offer, and nothing to say.
func TestQueryCompletionIsSilent(t *testing.T) {
	t.Parallel()
	w := newFakeWorker(t)
	w.on("get_jids", func(a *fakeAnswer) { a.fail("503", "Redis is away") })
	if got := offered(t, "--nats.url", w.url, "get_jid", "jid="); len(got) > 0 {
		t.Errorf("offered %q", got)
	}
}

func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if out, errs, code := command(t, "", "completion", shell); code != 0 || !strings.Contains(out, "__complete") {
			t.Errorf("%s: exit %d, %s", shell, code, errs)
		}
	}
	if _, errs, code := command(t, "", "completion", "tcsh"); code != 2 || !strings.Contains(errs, "tcsh") {
		t.Errorf("tcsh: exit %d, %s", code, errs)
	}
}
