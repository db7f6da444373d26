package persist

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"returnd/internal/job"
	"returnd/test/servers"
)

// TestRefusedLogins: with a password that holds no longer, nothing passes for written, and nothing for missing
// (see unsent).
func TestRefusedLogins(t *testing.T) {
	for _, form := range []string{"one server", "cluster"} {
		t.Run(form, func(t *testing.T) {
			nodes := []*servers.Process{}
			if form == "cluster" {
				nodes = servers.Cluster(t, 3, 0).Nodes
			} else {
				nodes = append(nodes, servers.Redis(t))
			}
			s := storeOn(t, nodes[0], func(c *Config) { c.Redis.Retry.Attempts = 0 })
			jid := jidAt(time.Minute)
			if errs := s.Write(t.Context(), []job.Entry{ret(jid, "a", "f.x"), load(t, jid, `{"fun": "f.x", "minions": ["a", "b"]}`)}); errors.Join(errs...) != nil {
				t.Fatal(errs)
			}
			for _, p := range nodes {
				if err := errors.Join(p.Do("CONFIG", "SET", "requirepass", "new").Err(), p.Do("AUTH", "new").Err()); err != nil && !strings.Contains(err.Error(), "NOAUTH") {
					t.Fatal(err)
				}
				kill(t, p)
			}
			var entries []job.Entry
			for i := range 40 { // of a cluster, on every server
				entries = append(entries, ret(jidAt(time.Duration(i)*time.Second), fmt.Sprintf("m%d", i), "f.x"))
			}
			for i, err := range s.Write(t.Context(), entries) {
				if !errors.Is(err, job.ErrUnavailable) {
					t.Errorf("return %d: %v, want it held", i, err)
				}
			}
			none := func(string, []byte) error { return nil }
			_, returns := s.Returns(t.Context(), "", jid, "", none)
			_, last := s.LastReturns(t.Context(), "", "f.x", "", none)
			_, jobs := s.Jobs(t.Context(), "", job.Span{}, "", none)
			_, progress := s.Progress(t.Context(), "", jid, func(string) error { return nil })
			_, end := s.EndTime(t.Context(), "", jid)
			_, history := s.History(t.Context(), "", "a", 10)
			_, loads := s.Load(t.Context(), "", jid)
			_, reserved := s.Reserve(t.Context(), "", jidAt(0))
			_, swept := s.Sweep(t.Context(), job.Database{DB: job.NoDB}, everything(), "", func(job.SweepReport, string) error { return nil })
			for name, err := range map[string]error{
				"Returns": returns, "LastReturns": last, "Jobs": jobs, "Progress": progress, "EndTime": end, "History": history, "Load": loads,
				"Reserve": reserved, "Sweep": swept, "SaveMinions": s.SaveMinions(t.Context(), "", jid, []string{"c"}), "SetEndTime": s.SetEndTime(t.Context(), "", jid, "x"),
			} {
				if !errors.Is(err, job.ErrUnavailable) {
					t.Errorf("%s: %v, want it to say that Redis cannot be used", name, err)
				}
			}
		})
	}
}

// kill ends the connections of all clients, by a client that knows the new password.
func kill(t *testing.T, p *servers.Process) {
	t.Helper()
	c := clientOn(t, p)
	conn := c.Conn()
	defer func() { _ = conn.Close() }()
	if err := errors.Join(conn.Auth(t.Context(), "new").Err(), conn.ClientKillByFilter(t.Context(), "TYPE", "normal").Err()); err != nil {
		t.Fatal(err)
	}
}
