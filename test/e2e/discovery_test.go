package e2e

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// endpoints are what the service is to have by now.
var endpoints = []string{
	"clean_old_jobs", "get_endtime", "get_fun", "get_history", "get_jid", "get_jids", "get_jids_filter", "get_load", "get_minions", "get_progress",
	"prep_jid", "redis_execute", "redis_get", "redis_set", "returner", "save_load", "save_minions", "update_endtime",
}

// TestDiscovery: nats.go's own discovery finds every worker and what it does.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	r.start(t)
	pings := gather[micro.Ping](t, r.nc, "$SRV.PING.returner", 2)
	if pings[0].ID == pings[1].ID {
		t.Errorf("both workers call themselves %s", pings[0].ID)
	}
	for _, p := range pings {
		if p.Name != "returner" || p.Version == "" || p.Type != micro.PingResponseType {
			t.Errorf("PING gives %+v", p)
		}
		checkInfo(t, r, p.ID)
	}
	const asked = 10
	for range asked {
		r.ask(t, "get_minions", "{}")
	}
	answered := 0
	for _, s := range gather[micro.Stats](t, r.nc, "$SRV.STATS.returner", 2) {
		for _, e := range s.Endpoints {
			if e.Name == "get_minions" {
				answered += e.NumRequests
			}
		}
	}
	if answered != asked {
		t.Errorf("STATS counts %d requests, want %d", answered, asked)
	}
}

func checkInfo(t *testing.T, r *rig, id string) {
	t.Helper()
	info := gather[micro.Info](t, r.nc, "$SRV.INFO.returner."+id, 1)[0]
	var got []string
	for _, e := range info.Endpoints {
		got = append(got, e.Name)
		if e.Subject != "salt.returner."+e.Name || e.Metadata["about"] == "" {
			t.Errorf("INFO gives %+v", e)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(endpoints, got); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

// gather asks all workers and takes so many answers.
func gather[T any](t *testing.T, nc *nats.Conn, subject string, count int) []T {
	t.Helper()
	inbox := nats.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := nc.PublishRequest(subject, inbox, nil); err != nil {
		t.Fatal(err)
	}
	all := make([]T, count)
	for i := range all {
		m, err := sub.NextMsg(limit)
		if err != nil {
			t.Fatalf("answer %d of %d to %s: %v", i+1, count, subject, err)
		}
		if err := json.Unmarshal(m.Data, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestServiceLeavesWithItsWorker: a worker that has gone is not found, and
// the requests go to the other one.
func TestServiceLeavesWithItsWorker(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.start(t)
	r.start(t)
	if code, took := first.Terminate(); code != 0 || took > 10*time.Second {
		t.Errorf("exit code %d after %v", code, took)
	}
	for range 20 {
		if got := r.ask(t, "get_minions", "{}"); string(got.body) != "[]" {
			t.Fatalf("got %s %s %s", got.body, got.code, got.sentence)
		}
	}
	gather[micro.Ping](t, r.nc, "$SRV.PING.returner", 1)
}
