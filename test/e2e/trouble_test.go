package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/micro"

	"returnd/test/servers"
)

// TestReplyThatDoesNotFit: a job larger than a message is an error with its
// remedy, and the job's neighbours are answered.
func TestReplyThatDoesNotFit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	giant, small := formatJID(time.Now().Add(-2*time.Second)), formatJID(time.Now().Add(-time.Second))
	filler := strings.Repeat("x", 400_000)
	for i := range 3 {
		id := fmt.Sprintf("m%d", i)
		r.publish(t, returnSubject(giant, id), []byte(request("id", id, "jid", giant, "fun", "big.one", "return", filler)), nil)
	}
	r.publish(t, returnSubject(small, "m0"), []byte(request("id", "m0", "jid", small, "fun", "test.ping", "return", true)), nil)
	r.settle(t)
	for endpoint, request := range map[string]string{"get_jid": request("jid", giant), "get_fun": request("fun", "big.one")} {
		if got := r.ask(t, endpoint, request); got.code != "413" || !strings.Contains(got.sentence, "max_payload") || len(got.body) > 0 {
			t.Errorf("%s: got %s %q and %d bytes", endpoint, got.code, got.sentence, len(got.body))
		}
	}
	if got := r.ask(t, "get_jid", request("jid", small)); !strings.HasPrefix(string(got.body), `{"m0": `) {
		t.Errorf("got %s %s", got.body, got.sentence)
	}
}

// TestRedisAway: callers are told so, long before they would give up, and are
// answered again once it is back.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(t, "--redis.read_timeout", "500ms", "--redis.dial_timeout", "500ms")
	requests := map[string]string{
		"get_jid": request("jid", "1"), "get_load": request("jid", "1"), "get_jids": "{}", "get_fun": request("fun", "test.ping"), "get_minions": "{}",
		"save_load": `{"jid": "1", "load": {"fun": "test.ping"}}`, "save_minions": `{"jid": "1", "minions": ["a"]}`, "prep_jid": "{}",
		"returner": `{"ret": {"id": "a", "jid": "1", "fun": "test.ping", "return": 1}}`,
	}
	check := func(how string) {
		t.Helper()
		checkAway(t, r, how, requests)
		if code, body := w.get("/readyz"); code != 503 || !strings.Contains(body, "redis") {
			t.Errorf("%s: /readyz gives %d %s", how, code, body)
		}
	}
	r.redis.Stop()
	check("stopped")
	r.redis.Cont()
	w.awaitReady(t)
	r.redis.Kill()
	check("killed")
	r.redis.Restart(t)
	w.awaitReady(t)
	if got := r.ask(t, "get_minions", "{}"); string(got.body) != "[]" {
		t.Errorf("afterwards: got %s %s", got.body, got.sentence)
	}
}

// checkAway asks everything at once.
func checkAway(t *testing.T, r *rig, how string, requests map[string]string) {
	t.Helper()
	var callers sync.WaitGroup
	for endpoint, request := range requests {
		callers.Go(func() {
			began := time.Now()
			got, err := r.nc.Request("salt.returner."+endpoint, []byte(request), askLimit)
			if err != nil {
				t.Errorf("%s: %s: %v", how, endpoint, err)
				return
			}
			code, sentence := got.Header.Get(micro.ErrorCodeHeader), got.Header.Get(micro.ErrorHeader)
			if took := time.Since(began); code != "503" || !strings.Contains(sentence, "try again") || took > askLimit/2 {
				t.Errorf("%s: %s is answered %q %q %s after %v", how, endpoint, code, sentence, got.Data, took)
			}
		})
	}
	callers.Wait()
}

// ignored is the counter of requests that are not answered.
var ignored = regexp.MustCompile(`(?m)^returnd_query_ignored\w*\{[^}]*\} (\d+)`)

// TestForgedReplySubject: a request that names a minion's return as its reply
// subject is not answered, and has no effect either.
func TestForgedReplySubject(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.start(t)
	jid := formatJID(time.Now())
	forged := returnSubject(jid, "b")
	asked := []struct{ endpoint, request string }{
		{"get_jid", request("jid", jid)},
		{"prep_jid", request("passed_jid", "mine")},
		{"save_load", fmt.Sprintf(`{"jid": "%s", "load": {"fun": "test.ping"}}`, jid)},
		{"returner", fmt.Sprintf(`{"ret": {"id": "b", "jid": "%s", "fun": "test.ping", "return": 1}}`, jid)},
	}
	for _, a := range asked {
		if err := r.nc.PublishRequest("salt.returner."+a.endpoint, forged, []byte(a.request)); err != nil {
			t.Fatal(err)
		}
	}
	servers.Eventually(t, limit, "all of them ignored", func() bool {
		_, body := w.get("/metrics")
		count := 0
		for _, found := range ignored.FindAllStringSubmatch(body, -1) {
			n, _ := strconv.Atoi(found[1])
			count += n
		}
		return count == len(asked)
	})
	stream, err := r.js.Stream(t.Context(), "RETURNS")
	if err != nil || stream.CachedInfo().State.LastSeq != 0 {
		t.Errorf("the stream holds %+v (%v)", stream.CachedInfo().State, err)
	}
	if diff := cmp.Diff(keyspace{}, dump(t, r.db(t, 0))); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}
