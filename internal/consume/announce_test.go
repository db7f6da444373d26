package consume

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"returnd/internal/job"
	"returnd/test/servers"
)

func TestAnnouncement(t *testing.T) {
	tests := map[string]struct {
		done    job.Completion
		subject string
		body    string
	}{
		"a time jid":       {job.Completion{JID: "20261120080000007919", Expected: 2, Returned: 3}, "salt.job.20261120080000007919.complete", `{"jid":"20261120080000007919","expected":2,"returned":3}`},
		"a jid to encode":  {job.Completion{JID: "my own.job", Expected: 1, Returned: 1}, "salt.job.my%20own%2Ejob.complete", `{"jid":"my own.job","expected":1,"returned":1}`},
		"a wildcard's jid": {job.Completion{JID: "*.>", Expected: 1, Returned: 1}, "salt.job.%2A%2E%3E.complete", `{"jid":"*.\u003e","expected":1,"returned":1}`},
	}
	r := newRig(t)
	heard, err := r.connect().SubscribeSync("salt.job.*.complete")
	if err != nil {
		t.Fatal(err)
	}
	a := NewAnnouncer(r.connect(), subjects)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := a.Announce(t.Context(), test.done); err != nil {
				t.Fatal(err)
			}
			m, err := heard.NextMsg(10 * time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if m.Subject != test.subject || string(m.Data) != test.body {
				t.Errorf("got %s on %s, want %s on %s", m.Data, m.Subject, test.body, test.subject)
			}
		})
	}
	if _, err := heard.NextMsg(time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("more was announced than asked for: %v", err)
	}
}

// An announcement that may not have got through is never taken for made.
func TestAnnouncementFails(t *testing.T) {
	done := job.Completion{JID: "j", Expected: 1, Returned: 1}
	t.Run("the server is gone", func(t *testing.T) {
		t.Parallel()
		s := servers.EmbeddedNATS(t)
		nc, err := nats.Connect(s.ClientURL(), nats.MaxReconnects(-1))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		gone := nc.StatusChanged(nats.RECONNECTING)
		s.Shutdown()
		<-gone
		began := time.Now()
		if err := NewAnnouncer(nc, subjects).Announce(t.Context(), done); !errors.Is(err, job.ErrUnavailable) {
			t.Errorf("error = %v, want a hold", err)
		}
		if took := time.Since(began); took > announceLimit/2 {
			t.Errorf("took %v to notice that there is no connection", took)
		}
	})
	t.Run("the server does not answer", func(t *testing.T) {
		t.Parallel()
		p := servers.NATS(t)
		nc, err := nats.Connect(p.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		p.Stop()
		defer p.Cont()
		began := time.Now()
		if err := NewAnnouncer(nc, subjects).Announce(t.Context(), done); !errors.Is(err, job.ErrUnavailable) {
			t.Errorf("error = %v, want a hold", err)
		}
		if took := time.Since(began); took > 5*announceLimit {
			t.Errorf("took %v, want about %v", took, announceLimit)
		}
	})
	t.Run("nobody waits any more", func(t *testing.T) {
		t.Parallel()
		nc, err := nats.Connect(servers.EmbeddedNATS(t).ClientURL())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := NewAnnouncer(nc, subjects).Announce(ctx, done); !errors.Is(err, job.ErrUnavailable) {
			t.Errorf("error = %v, want a hold", err)
		}
	})
}
