package torture

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"returnd/internal/job"
)

// The load of the torture runs: jobs, each with a load and a return of every minion. Their jids lie an hour back, so
// that the minutes a run takes do not reach the clock; some are of the other kinds.
func steady(now time.Time, jobs, minions int) []message {
	ids := make([]string, minions)
	for i := range ids {
		ids[i] = minionOf(i)
	}
	all := make([]message, 0, jobs*(minions+1))
	for n := range jobs {
		jid := jidOf(now, n)
		all = append(all, message{jid: jid, body: fmt.Sprintf(`{"jid": %s, "fun": "test.ping", "tgt": "*", "Minions": %s}`, quoted(jid), listed(ids))})
		for _, id := range ids {
			all = append(all, message{jid: jid, minion: id, body: bodyOf(now, n, id)})
		}
	}
	return all
}

func minionOf(i int) string { return fmt.Sprintf("web%d.example.com", i) }

func jidOf(now time.Time, n int) string {
	jid := job.FormatJID(now.Add(-time.Hour + time.Duration(n)*time.Millisecond))
	switch n % 10 {
	case 3:
		return jid + "_4711"
	case 7:
		return fmt.Sprintf("deploy {%d}: %s", n, jid[:8])
	}
	return jid
}

// funOf goes around the functions, so that many jobs share each pointer.
func funOf(n int) string {
	r, err := job.ParseReturn([]byte(`{"id": "a", "jid": "1", "fun": ` + funNames[n%len(funNames)] + `}`))
	if err != nil {
		panic(err) // a name in the table above
	}
	return r.Fun
}

func bodyOf(now time.Time, n int, minion string) string {
	return fmt.Sprintf(`{"id": %s, "jid": %s, "fun": %s, "return": {"n": %d, "text": "%s"}, "retcode": 0, "success": true}`,
		quoted(minion), quoted(jidOf(now, n)), funNames[n%len(funNames)], n, strings.Repeat("ü", n%150))
}

const (
	publishers = 8
	// impatience is how long a publisher waits for an acknowledgement.
	impatience = 500 * time.Millisecond
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
)

// generator publishes messages at a steady rate and tells the oracle the outcomes.
type generator struct {
	broker  broker
	prefix  string
	oracle  *oracle
	sent    atomic.Int64
	unknown atomic.Int64
	again   atomic.Int64 // attempts after the first
}

// run publishes everything within a time; what waits for a server that is away is made up for afterwards. Half
// of the publishers try until the stream has acknowledged; the others give up at once, and never know. The last tenth
// is kept until the last fault strikes, however slow the machine is.
func (g *generator) run(t *testing.T, all []message, lasting time.Duration, last <-chan struct{}) {
	t.Helper()
	ready := make(chan message, len(all))
	var group sync.WaitGroup
	for i := range publishers {
		group.Go(func() {
			for m := range ready {
				g.publish(t, m, i%2 > 0)
			}
		})
	}
	began := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for next := 0; next < len(all); {
		if next > len(all)*9/10 {
			<-last
		}
		<-tick.C
		due := int(float64(len(all)) * float64(time.Since(began)) / float64(lasting))
		for ; next < min(due, len(all)); next++ {
			ready <- all[next]
		}
	}
	close(ready)
	group.Wait()
}

func (g *generator) publish(t *testing.T, m message, patient bool) {
	t.Helper()
	defer g.sent.Add(1)
	subject := m.subject(subjects(g.prefix))
	pause := firstPause
	for {
		ctx, cancel := context.WithTimeout(t.Context(), impatience)
		_, err := g.broker.js.Publish(ctx, subject, []byte(m.body))
		cancel()
		if err == nil || !patient || t.Context().Err() != nil {
			if err != nil {
				g.unknown.Add(1)
			}
			g.oracle.note(m, err == nil)
			return
		}
		g.again.Add(1)
		<-time.After(pause) // the backoff of a publisher
		pause = min(2*pause, lastPause)
	}
}
