package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"returnd/internal/query"
	testservers "returnd/test/servers"
)

func TestQueryOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		o    queryOptions
		args []string
		want []string
	}{
		{"fine", queryOptions{timeout: time.Second}, []string{"get_jids"}, nil},
		{"no endpoint", queryOptions{timeout: time.Second}, nil, []string{"no endpoint given", "get_minions", "save_load"}},
		{"unknown endpoint", queryOptions{timeout: time.Second}, []string{"get_jib"}, []string{`there is no endpoint "get_jib"`, "get_jid ", "returner"}},
		{"all at once", queryOptions{output: "xml"}, []string{"x"}, []string{"--output", "--timeout", "no endpoint"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.o.check(tt.args)
			if (err != nil) != (tt.want != nil) {
				t.Fatalf("fault: %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}
		})
	}
}

func TestQueryCompletion(t *testing.T) {
	t.Parallel()
	endpoints, _ := completeQuery(nil, nil, "")
	if len(endpoints) != len(query.Endpoints()) || !strings.HasPrefix(endpoints[0], "get_jid\t") {
		t.Errorf("endpoints offered: %q", endpoints)
	}
	fields, _ := completeQuery(nil, []string{"get_jid"}, "")
	if diff := cmp.Diff([]string{"jid=", "limit=", "cursor=", "profile="}, fields); diff != "" {
		t.Errorf("fields offered (-want +got):\n%s", diff)
	}
}

// answered runs one reply through a service and back, as a caller of it gets it.
func answered(t *testing.T, reply func(micro.Request)) (*nats.Msg, error) {
	t.Helper()
	url := testservers.EmbeddedNATS(t).ClientURL()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if reply != nil {
		svc, err := micro.AddService(nc, micro.Config{Name: "returner", Version: "0.0.0", Endpoint: &micro.EndpointConfig{
			Subject: "salt.returner.get_jid", Handler: micro.HandlerFunc(reply),
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = svc.Stop() })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	return askService(ctx, nc, "salt.returner.get_jid", []byte("{}"))
}

func TestAskService(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		reply func(micro.Request)
		want  string
	}{
		{"data", func(r micro.Request) { _ = r.Respond([]byte("{}")) }, ""},
		{"error", func(r micro.Request) { _ = r.Error("503", "try again \x1b[2J", nil) }, `try again \u001b[2J (503)`},
		{"nobody there", nil, "nobody answers salt.returner.get_jid at nats://127.0.0.1:"},
		{"no answer", func(micro.Request) {}, "no answer to salt.returner.get_jid in time: look at the log of the workers, or raise --timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := answered(t, tt.reply)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if tt.reply == nil && (!strings.Contains(err.Error(), "worker run") || !strings.Contains(err.Error(), "nats.url")) {
				t.Errorf("%q names no remedy", err)
			}
		})
	}
}

func TestShowReply(t *testing.T) {
	t.Parallel()
	body := `{"m1": {"n": 123456789012345678901234567890, "f": 1.50, "a": "` + "\u0085" + `<"}, "a": []}`
	msg := &nats.Msg{Data: []byte(body), Header: nats.Header{query.HeaderSkipped: {"2"}}}
	var out, notes bytes.Buffer
	if err := showReply(&out, &notes, "get_jid", outputAuto, msg); err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(": ", ":", ", ", ",").Replace(body) + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("not a terminal (-want +got):\n%s", diff)
	}
	if got := notes.String(); !strings.Contains(got, "2 of the stored values") {
		t.Errorf("notes: %q", got)
	}
	out.Reset()
	if err := showReply(&out, &notes, "get_jid", outputTable, msg); err != nil || !strings.Contains(out.String(), "MINION") {
		t.Errorf("table: %q, %v", out.String(), err)
	}
	if err := showReply(&out, &notes, "get_jid", outputJSON, &nats.Msg{Data: []byte("hm")}); err == nil {
		t.Error("no JSON was shown as JSON")
	}
}
