package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"returnd/internal/query"
	"returnd/test/servers"
)

// everyRequest is a request to each endpoint that Redis is needed for, or that would have an effect.
var everyRequest = map[string]string{
	"get_jid":         `{"jid": "mine"}`,
	"get_load":        `{"jid": "mine"}`,
	"get_jids":        `{}`,
	"get_jids_filter": `{"count": 10}`,
	"get_fun":         `{"fun": "test.ping"}`,
	"get_minions":     ``,
	"get_history":     `{"minion": "web1"}`,
	"get_progress":    `{"jid": "mine"}`,
	"get_endtime":     `{"jid": "mine"}`,
	"update_endtime":  `{"jid": "mine", "time": 1}`,
	"save_load":       `{"jid": "mine", "load": {"fun": "test.ping"}, "minions": ["web1"]}`,
	"save_minions":    `{"jid": "mine", "minions": ["web1"]}`,
	"prep_jid":        `{}`,
	"clean_old_jobs":  `{}`,
	"returner":        `{"ret": {"id": "web1", "jid": "mine", "fun": "test.ping", "return": true}}`,
	"redis_set":       `{"redis_key": "app/x", "redis_val": "1"}`,
	"redis_get":       `{"redis_key": "app/x"}`,
	"redis_execute":   `{"redis_cmd": "get app/x"}`,
}

// allowGet lets redis_execute do something.
var allowGet = []string{"--query.redis_execute.allow", "get"}

func TestEveryEndpointIsTried(t *testing.T) {
	t.Parallel()
	var names []string
	for _, e := range query.Endpoints() {
		names = append(names, e.Name)
	}
	if got := len(everyRequest); got != len(names) {
		t.Errorf("%d requests for %d endpoints", got, len(names))
	}
	for _, name := range names {
		if _, ok := everyRequest[name]; !ok {
			t.Errorf("%s is never tried", name)
		}
	}
}

// askAll asks every endpoint at once, alone and in parts, and hands over what is answered first.
func (r *rig) askAll(t *testing.T, patience time.Duration, check func(what string, got *nats.Msg, took time.Duration)) {
	t.Helper()
	var callers sync.WaitGroup
	var mu sync.Mutex
	for endpoint, request := range everyRequest {
		for _, header := range []nats.Header{{}, {"Returnd-Accept": {"parts"}, "Returnd-Window": {"4"}}} {
			callers.Go(func() {
				began := time.Now()
				msg := &nats.Msg{Subject: "salt.returner." + endpoint, Data: []byte(request), Header: header}
				got, err := r.nc.RequestMsg(msg, patience)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("%s %v is not answered: %v", endpoint, header, err)
					return
				}
				check(fmt.Sprint(endpoint, " ", header), got, time.Since(began))
			})
		}
	}
	callers.Wait()
}

// TestEveryEndpointWhileRedisIsAway: with the settings that a worker has by itself, everybody is told so within the limit.
func TestEveryEndpointWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(t, allowGet...)
	r.askAll(t, askLimit, func(what string, got *nats.Msg, _ time.Duration) {
		if code := got.Header.Get(micro.ErrorCodeHeader); code != "" {
			t.Errorf("%s is answered %s %s", what, code, got.Header.Get(micro.ErrorHeader))
		}
	})
	away := func(how string) {
		t.Helper()
		r.askAll(t, askLimit, func(what string, got *nats.Msg, took time.Duration) {
			code, sentence := got.Header.Get(micro.ErrorCodeHeader), got.Header.Get(micro.ErrorHeader)
			if !slices.Contains([]string{"503", "504"}, code) || !strings.Contains(sentence, "try again") && !strings.Contains(sentence, "not known") {
				t.Errorf("%s: %s is answered %q %q %s after %v", how, what, code, sentence, got.Data, took)
			}
		})
	}
	r.redis.Stop()
	away("stopped")
	r.redis.Cont()
	w.awaitReady(t)
	r.redis.Kill()
	away("killed")
	r.redis.Restart(t)
	w.awaitReady(t)
	servers.Eventually(t, limit, "an answer again", func() bool { return string(r.ask(t, "get_minions", "").body) == "[]" })
	if !strings.Contains(w.Output(), "queries cannot be answered") {
		t.Error("the log does not tell")
	}
}

// TestEveryEndpointInTime: where Redis is silent, the limit of the service holds, not those of its client.
func TestEveryEndpointInTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t, append(allowGet, "--query.timeout", "500ms", "--redis.read_timeout", "20s", "--redis.dial_timeout", "20s")...)
	r.redis.Stop()
	r.askAll(t, askLimit, func(what string, got *nats.Msg, took time.Duration) {
		code, sentence := got.Header.Get(micro.ErrorCodeHeader), got.Header.Get(micro.ErrorHeader)
		if strings.HasPrefix(what, "clean_old_jobs") && code == "" {
			return // tells how far it has come
		}
		if code != "504" || took > 5*time.Second {
			t.Errorf("%s is answered %q %q after %v", what, code, sentence, took)
		}
	})
	r.redis.Cont()
}

// TestForgedReplySubjects: whoever names a minion's return as reply subject gets no answer, has no effect, and leaves no return,
// at any endpoint, with parts or without.
func TestForgedReplySubjects(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(t, allowGet...)
	before := dump(t, r.db(t, 0))
	asked := 0
	for endpoint, request := range everyRequest {
		for _, header := range []nats.Header{nil, {"Returnd-Accept": {"parts"}}} {
			err := r.nc.PublishMsg(&nats.Msg{
				Subject: "salt.returner." + endpoint, Reply: returnSubject("mine", "b"), Data: []byte(request), Header: header,
			})
			if err != nil {
				t.Fatal(err)
			}
			asked++
		}
	}
	servers.Eventually(t, limit, "all of them ignored", func() bool { return w.ignored() == asked })
	stream, err := r.js.Stream(t.Context(), "RETURNS")
	if err != nil || stream.CachedInfo().State.LastSeq != 0 {
		t.Errorf("the stream holds %+v (%v)", stream.CachedInfo().State, err)
	}
	if diff := cmp.Diff(before, dump(t, r.db(t, 0))); diff != "" {
		t.Errorf("Redis (-before +after):\n%s", diff)
	}
}

// ignored counts the requests that were not heard.
func (w worker) ignored() (count int) {
	_, body := w.get("/metrics")
	for _, found := range ignored.FindAllStringSubmatch(body, -1) {
		n, _ := strconv.Atoi(found[1])
		count += n
	}
	return count
}

// metric is the value of the first line of /metrics that begins so, 0 where there is none.
func (w worker) metric(begins string) int {
	_, body := w.get("/metrics")
	for line := range strings.Lines(body) {
		if words := strings.Fields(line); strings.HasPrefix(line, begins) && len(words) > 1 {
			n, _ := strconv.Atoi(words[len(words)-1])
			return n
		}
	}
	return 0
}
