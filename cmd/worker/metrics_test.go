package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"returnd/internal/job"
)

// A worker's metrics, after it has done all it can do: Prometheus' own linter finds no fault in names, units and help, and
// 100,000 minions more are not one line more.
func TestMetrics(t *testing.T) {
	r := newTracedRig(t) // no OTEL_* asks for traces here
	exercise(t, r)
	before := settledPage(t, r)
	problems, err := promlint.New(strings.NewReader(before)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, want := range documented {
		if !strings.Contains(before, "\n"+want) {
			t.Errorf("no %s", want)
		}
	}
	for _, name := range undocumented(t, before) {
		t.Errorf("docs/operations.md does not tell of %s", name)
	}
	writeMany(t, r, 100_000)
	after := settledPage(t, r)
	if a, b := series(before), series(after); !slices.Equal(a, b) {
		t.Errorf("%d lines before, %d after; new ones: %q", len(a), len(b), slices.DeleteFunc(b, func(s string) bool { return slices.Contains(a, s) }))
	}
	if strings.Contains(after, "web1") || strings.Contains(after, tracedJID) || strings.Contains(after, "fleet-") {
		t.Error("a jid or a minion is a label")
	}
}

// documented are the names of docs/operations.md.
var documented = []string{
	"returnd_build_info{", "target_info{", "messaging_client_consumed_messages_total{", "messaging_process_duration_seconds_bucket{",
	"db_client_operation_duration_seconds_bucket{", "returnd_consume_latency_seconds_bucket{", "returnd_redis_connections{",
	"returnd_consume_fetched_total ", "returnd_consume_stored_total ", "returnd_consume_dead_total{", "returnd_consume_nocache_total ",
	"returnd_consume_batch_size_bucket{", "returnd_consume_batch_age_seconds_bucket{", "returnd_consume_lag ", "returnd_consume_unacked ",
	"returnd_consume_oldest_seconds ", "returnd_consume_holding ", "returnd_redis_write_duration_seconds_bucket{",
	"returnd_redis_returns_repeated_total ", "returnd_query_requests_total{", "returnd_query_duration_seconds_bucket{",
	"returnd_query_ignored_total{", "returnd_query_parts_total{",
}

// undocumented are the metrics of ours on a page that the documents leave out.
func undocumented(t *testing.T, page string) (names []string) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(page) {
		name, is := strings.CutPrefix(line, "# TYPE ")
		name, _, _ = strings.Cut(name, " ")
		library := strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "promhttp_")
		if is && !library && !strings.Contains(string(doc), "`"+name) {
			names = append(names, name)
		}
	}
	return names
}

// exercise has every endpoint asked, well and badly, and one return of each kind published.
func exercise(t *testing.T, r *tracedRig) {
	t.Helper()
	for range 2 { // the second time is a repetition
		if _, err := r.client.PublishReturn(t.Context(), []byte(tracedRet)); err != nil {
			t.Fatal(err)
		}
	}
	for i, body := range []string{`{"jid": "nocache", "id": "web1", "fun": "x.y", "return": 1}`, "{", `{"fun": "x.y"}`} {
		subject := "salt.job.nocache.ret.web1"
		if i == 2 {
			subject = "salt.job." + tracedJID + ".new"
		}
		if err := r.nc.Publish(subject, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	endpoints := []string{"get_jid", "get_load", "get_jids", "get_jids_filter", "get_fun", "get_minions", "get_history", "get_progress", "prep_jid", "returner"}
	for _, endpoint := range endpoints {
		for _, request := range []string{`{}`, `{"jid": "` + tracedJID + `"}`, `{"minion": "web1"}`, `{"fun": "test.ping"}`, `{"ret": ` + tracedRet + `}`} {
			_, _ = r.client.Call(t.Context(), endpoint, []byte(request)) // what is refused is counted, too
		}
	}
	if err := r.nc.PublishMsg(&nats.Msg{Subject: "salt.returner.get_jids", Reply: "salt.job.1.new"}); err != nil {
		t.Fatal(err)
	}
	writeMany(t, r, 3000) // enough for a reply in parts
	if _, err := r.client.GetJID(t.Context(), manyJID); err != nil {
		t.Fatal(err)
	}
}

const manyJID = "20261120090000000000"

// writeMany has the store write the returns of so many minions, which no other ones have returned before.
func writeMany(t *testing.T, r *tracedRig, minions int) {
	t.Helper()
	const batch = 2048
	for from := 0; from < minions; from += batch {
		entries := make([]job.Entry, 0, batch)
		for i := from; i < min(from+batch, minions); i++ {
			minion := fmt.Sprintf("fleet-%d-%d", minions, i)
			body := fmt.Appendf(nil, `{"id": %q, "jid": %q, "fun": "test.ping", "return": %q}`, minion, manyJID, strings.Repeat("x", 100))
			entries = append(entries, job.Entry{
				Return:    job.Return{JID: manyJID, Minion: minion, Fun: "test.ping", DB: job.NoDB, Body: body},
				Published: time.Now(),
			})
		}
		for _, err := range r.store.Write(t.Context(), entries) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// settledPage is /metrics once everything published is settled.
func settledPage(t *testing.T, r *tracedRig) (page string) {
	t.Helper()
	until(t, "everything is settled and counted", func() bool {
		page = r.page(t, "/metrics")
		// Two loads of the stream's state come every two seconds; the dead letter goes last.
		return strings.Contains(page, "returnd_consume_dead_total") && strings.Contains(page, "returnd_consume_nocache_total") &&
			strings.Contains(page, "returnd_query_ignored_total") && strings.Contains(page, "returnd_query_parts_total") &&
			strings.Contains(page, "returnd_redis_returns_repeated_total")
	})
	return page
}

// series are a page's lines without their values. A histogram of the Go runtime that grows with use is none of ours.
func series(page string) (names []string) {
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "go_") || strings.HasPrefix(line, "promhttp_") {
			continue
		}
		names = append(names, line[:strings.LastIndexByte(strings.TrimSpace(line), ' ')])
	}
	slices.Sort(names)
	return names
}
