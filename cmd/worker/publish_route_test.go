package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"returnd/client"
)

func TestRoute(t *testing.T) {
	t.Parallel()
	const (
		ret    = `{"id": "web1", "jid": "20261120080000000000", "fun": "test.ping", "return": true}`
		load   = `{"jid": "20261120080000000000", "fun": "test.ping", "tgt": "*"}`
		noJID  = `{"fun": "test.ping", "tgt": "*"}`
		noID   = `{"jid": "20261120080000000000", "fun": "test.ping", "return": 1}`
		prefix = "salt.job.20261120080000000000."
	)
	tests := []struct {
		name   string
		router router
		body   string
		want   string
		fault  string
	}{
		{"a return", router{}, ret, prefix + "ret.web1", ""},
		{"a load", router{}, load, prefix + "new", ""},
		{"a return without return, as a syndic sends it", router{}, `{"id": "web1", "jid": "20261120080000000000", "fun": "x.y"}`, prefix + "ret.web1", ""},
		{"names that need encoding", router{}, `{"id": "a b", "jid": "deploy 7", "fun": "x.y", "return": 1}`, "salt.job.deploy%207.ret.a%20b", ""},
		{"a return's id is missing", router{}, noID, "", "id is missing"},
		{"forced to be a load", router{as: asLoad}, ret, prefix + "new", ""},
		{"forced to be a return", router{as: asReturn}, load, "", "id is missing"},
		{"a load without jid", router{}, noJID, "", "--jid"},
		{"a load without jid, named", router{jid: "20261120080000000000"}, noJID, prefix + "new", ""},
		{"a load keeps its own jid", router{jid: "other"}, load, prefix + "new", ""},
		{"a hostile id", router{}, `{"id": "../etc", "jid": "1", "fun": "x.y", "return": 1}`, "", "identity"},
		{"no object", router{}, `[1, 2]`, "", "malformed"},
		{"no JSON", router{}, `hello`, "", "malformed"},
		{"refused by the worker's policy only: jid req", router{}, `{"id": "web1", "jid": "req", "fun": "x.y", "return": 1}`, "salt.job.req.ret.web1", ""},
		{"refused by the worker's policy only: ret_kwargs", router{}, `{"id": "web1", "jid": "1", "fun": "x.y", "return": 1, "ret_kwargs": {"host": "h"}}`, "salt.job.1.ret.web1", ""},
		{"a subject for all", router{subject: "any.where"}, ret, "any.where", ""},
		{"a subject does not take what is refused", router{subject: "any.where"}, noID, "", "id is missing"},
		{"unless forced", router{subject: "any.where", force: true}, noID, "any.where", ""},
		{"even what is no JSON", router{subject: "any.where", force: true}, "hello", "any.where", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.router.client = client.New(nil)
			if tt.router.as == "" {
				tt.router.as = asAuto
			}
			got, err := tt.router.route([]byte(tt.body))
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("got %q and %v, want a refusal with %q", got, err, tt.fault)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %q and %v, want %q", got, err, tt.want)
			}
		})
	}
}

// The rule of --as auto must hold for real documents; the three loads that Salt made of returns cannot be told from them.
func TestAutoKnowsTheSamples(t *testing.T) {
	t.Parallel()
	looksLikeReturn := map[string]bool{
		"12_from_store_job_req.json": true, "13_overwritten_by_return.json": true, "15_runner.json": true,
	}
	for _, folder := range []string{"returns", "loads"} {
		files, _, err := findInputs([]string{filepath.Join(samples, folder)})
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			seen, err := look(body)
			if err != nil {
				t.Fatal(err)
			}
			want := folder == "returns" || looksLikeReturn[filepath.Base(file)]
			if seen.isReturn() != want {
				t.Errorf("%s: taken for a return: %v, want %v", file, seen.isReturn(), want)
			}
		}
	}
}

func TestRedate(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 1, 2, 3, 4, 5, 6000, time.UTC)
	tests := []struct {
		name, raw, want string
	}{
		{"the first becomes now", `"20261120080000000000"`, `"20270102030405000006"`},
		{"the same one again", `"20261120080000000000"`, `"20270102030405000006"`},
		{"a later one keeps its distance", `"20261120080001000000"`, `"20270102030406000006"`},
		{"an earlier one too", `"20261120075959000000"`, `"20270102030404000006"`},
		{"a suffix stays", `"20261120080000000000_4711"`, `"20270102030405000006_4711"`},
		{"a number", `20261120080000000000`, `20270102030405000006`},
		{"a custom one stays", `"deploy 7"`, `"deploy 7"`},
		{"month 13 is no time", `"20261320080000000000"`, `"20261320080000000000"`},
		{"null stays", `null`, `null`},
		{"none at all", ``, ``},
	}
	r := &redater{now: now}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := []byte(tt.raw)
			r.apply(raw)
			if string(raw) != tt.want {
				t.Errorf("got %s, want %s", raw, tt.want)
			}
		})
	}
}

// Only the top level's jid moves; a return that tells of other jobs goes on telling of them.
func TestRedateChangesNothingElse(t *testing.T) {
	t.Parallel()
	body := []byte(`{"return": {"jid": "20261120080000000000"}, "id": "m", "fun": "f", "jid":  "20261120080000000000" }`)
	r := &router{client: client.New(nil), as: asAuto, redate: &redater{now: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)}}
	subject, err := r.route(body)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"return": {"jid": "20261120080000000000"}, "id": "m", "fun": "f", "jid":  "20270102030405000000" }`
	if string(body) != want || subject != "salt.job.20270102030405000000.ret.m" {
		t.Errorf("got %s under %s, want %s", body, subject, want)
	}
}
