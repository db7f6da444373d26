package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"returnd/client"
	"returnd/test/servers"
)

// TestReplicasShareRequests: two workers take their turns, and nothing is answered twice.
func TestReplicasShareRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	both := []worker{r.start(t), r.start(t)}
	const asked = 200
	for range asked {
		if got := r.ask(t, "get_minions", ""); got.code != "" {
			t.Fatal(got.code, got.sentence)
		}
	}
	sum := 0
	for i, w := range both {
		answered := w.metric(`returnd_query_requests_total{code="200",endpoint="get_minions"`)
		if answered == 0 {
			t.Errorf("worker %d has answered nothing", i)
		}
		sum += answered
	}
	if sum != asked {
		t.Errorf("%d answers to %d requests", sum, asked)
	}
}

// TestReplicasReserveJIDs: nobody else is given the same jid, whoever is asked.
func TestReplicasReserveJIDs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	r.start(t)
	var mu sync.Mutex
	seen := map[string]bool{}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 50 {
				got, err := r.nc.Request("salt.returner.prep_jid", nil, askLimit)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if jid := string(got.Data); seen[jid] || len(jid) != 22 {
					t.Errorf("%s %v", jid, got.Header)
				}
				seen[string(got.Data)] = true
				mu.Unlock()
			}
		})
	}
	callers.Wait()
}

// midAnswer is a caller of the Go client that has the first part of a large job and takes no more until it is told to.
type midAnswer struct {
	worker  worker // the one that answers
	proceed chan struct{}
	ended   chan error
	got     map[string]string
}

func (r *rig) midAnswer(t *testing.T, jid string, workers ...worker) *midAnswer {
	t.Helper()
	m := &midAnswer{proceed: make(chan struct{}), ended: make(chan error, 1), got: map[string]string{}}
	started := make(chan struct{})
	go func() {
		c, first := client.New(r.nc, client.Window(1), client.Timeout(askLimit)), true
		for ret, err := range c.Returns(t.Context(), jid) {
			if err != nil {
				m.ended <- err
				return
			}
			if first {
				first = false
				close(started)
				<-m.proceed
			}
			m.got[ret.Minion] = string(ret.Body)
		}
		m.ended <- nil
	}()
	<-started
	servers.Eventually(t, limit, "a worker in mid-answer", func() bool {
		for _, w := range workers {
			if w.metric("returnd_query_streams{") > 0 {
				m.worker = w
				return true
			}
		}
		return false
	})
	return m
}

// end lets the caller go on, and tells how it ended.
func (m *midAnswer) end(t *testing.T) (took time.Duration, err error) {
	t.Helper()
	began := time.Now()
	close(m.proceed)
	select {
	case err = <-m.ended:
	case <-time.After(limit):
		t.Fatal("the caller is left waiting")
	}
	return time.Since(began), err
}

// TestKilledInMidAnswer: the caller learns soon that there will be no whole, and the other worker answers the next request.
func TestKilledInMidAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := r.start(t), r.start(t)
	giant := giantJob(5000, 1000)
	r.publishJob(t, giant)
	m := r.midAnswer(t, giant.jid, a, b)
	m.worker.Kill()
	took, err := m.end(t)
	if !errors.Is(err, client.ErrIncomplete) || !client.IsRetryable(err) || !strings.Contains(err.Error(), "the worker that answered is gone") {
		t.Errorf("got %v", err)
	}
	if took > askLimit/2 {
		t.Errorf("it took %v", took)
	}
	giant.check(t, asText(r.readRaw(t, "get_jid", request("jid", giant.jid), 0)))
	// Who does not look after its worker is told by the silence.
	err = readUntilKilled(r, giant.jid, func() { a.Kill(); b.Kill() })
	if !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("a plain client got %v", err)
	}
}

// readUntilKilled reads with a short patience, and has the workers killed behind the first part.
func readUntilKilled(r *rig, jid string, kill func()) error {
	sub, err := r.nc.SubscribeSync(r.nc.NewInbox())
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	header := nats.Header{"Returnd-Accept": {"parts"}, "Returnd-Window": {"1"}}
	if err := r.nc.PublishMsg(&nats.Msg{Subject: "salt.returner.get_jid", Reply: sub.Subject, Data: []byte(request("jid", jid)), Header: header}); err != nil {
		return err
	}
	for {
		m, err := sub.NextMsg(2 * time.Second)
		if err != nil {
			return err
		}
		if m.Header.Get("Returnd-More") != "true" {
			return fmt.Errorf("the last part came: %v", m.Header)
		}
		kill()
	}
}

// TestTerminatedInMidAnswer: a worker that is told to stop finishes an answer whose caller goes on reading, and ends the other
// ones with an error; either way nobody takes a part for the whole.
func TestTerminatedInMidAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := r.start(t), r.start(t)
	giant := giantJob(5000, 1000)
	r.publishJob(t, giant)
	quick, slow := r.midAnswer(t, giant.jid, a, b), r.midAnswer(t, giant.jid, a, b)
	stopped := make(chan int, 2)
	for _, w := range []worker{a, b} {
		go func() {
			code, _ := w.Terminate()
			stopped <- code
		}()
	}
	if _, err := quick.end(t); err == nil {
		giant.check(t, quick.got)
	} else if !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("who read on got %v", err)
	}
	for range 2 {
		if code := <-stopped; code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
	if _, err := slow.end(t); !errors.Is(err, client.ErrIncomplete) || !strings.Contains(err.Error(), "stopping") {
		t.Errorf("who did not read got %v", err)
	}
}

// TestAskedWhileReplicasComeAndGo: of callers who ask again where they are told that this may help, nobody is left without an
// answer while one worker after the other is replaced.
func TestAskedWhileReplicasComeAndGo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	present := r.start(t)
	giant := giantJob(2000, 1000)
	r.publishJob(t, giant)
	ctx, done := context.WithCancel(t.Context())
	defer done()
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for ctx.Err() == nil {
				if err := askAgain(ctx, r.nc, giant); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 4 {
		next := r.start(t)
		if i%2 == 0 {
			present.Kill()
		} else if code, _ := present.Terminate(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		present = next
	}
	done()
	callers.Wait()
}

func askAgain(ctx context.Context, nc *nats.Conn, j bigJob) error {
	var err error
	for range 5 {
		var got map[string]json.RawMessage
		got, err = client.New(nc, client.Timeout(5*time.Second)).GetJID(ctx, j.jid)
		switch {
		case err == nil && len(got) != len(j.returns):
			return fmt.Errorf("%d of %d returns were taken for the whole", len(got), len(j.returns))
		case err == nil || !client.IsRetryable(err):
			return err
		}
	}
	return fmt.Errorf("after five tries: %w", err)
}
