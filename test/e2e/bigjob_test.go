package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// bigJob is a job with more returns, or larger ones, than one message takes.
type bigJob struct {
	jid     string
	returns map[string]string // by minion
}

// giantJob has so many minions, whose returns have so many bytes each.
func giantJob(minions, size int) bigJob {
	j := bigJob{jid: formatJID(time.Now().Add(-time.Second)), returns: map[string]string{}}
	for i := range minions {
		id := fmt.Sprintf("web%05d.example.com", i)
		body := fmt.Sprintf(`{"id": %q, "jid": %q, "fun": "big.one", "n": %d.50, "return": "ü\u00fc %%s", "retcode": 0}`, id, j.jid, i)
		j.returns[id] = fmt.Sprintf(body, strings.Repeat("x", max(0, size-len(body))))
	}
	return j
}

// publishJob publishes all returns and waits until they are in Redis.
func (r *rig) publishJob(t *testing.T, j bigJob) {
	t.Helper()
	for id, body := range j.returns {
		if _, err := r.js.PublishAsync(returnSubject(j.jid, id), []byte(body), jetstream.WithStallWait(limit)); err != nil {
			t.Fatal(err)
		}
	}
	<-r.js.PublishAsyncComplete()
	r.settle(t)
}

func asText(values map[string]json.RawMessage) map[string]string {
	all := make(map[string]string, len(values))
	for name, value := range values {
		all[name] = string(value)
	}
	return all
}

// check compares byte by byte.
func (j bigJob) check(t *testing.T, got map[string]string) {
	t.Helper()
	if len(got) != len(j.returns) {
		t.Errorf("%d returns, want %d", len(got), len(j.returns))
	}
	for id, want := range j.returns {
		if got[id] != want {
			t.Fatalf("%s: %.200q, want %.200q", id, got[id], want)
		}
	}
}
