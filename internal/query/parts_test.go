package query

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"returnd/internal/job"
)

// large is a store whose every answer needs several messages of a server that takes 8 KiB.
func large() *fakeStore {
	store := &fakeStore{
		returns: map[string][]pair{}, last: map[string][]pair{}, history: map[string][]job.Past{},
		progress: map[string]fakeProgress{"j": {Progress: job.Progress{Known: true, Expected: 5000, Returned: 4000, Failed: 3}}},
	}
	var missing []string
	for i := range 1000 {
		id := fmt.Sprintf("minion-%04d.example.com", i)
		name := fmt.Sprintf("20261120080102%06d", i)
		store.returns["j"] = append(store.returns["j"], pair{id, `{"return": "` + strings.Repeat("x", i%200) + `", "jid": "j"}`})
		store.jobs = append(store.jobs, pair{name, `{"jid": "` + name + `", "fun": "test.ping", "user": "u` + strconv.Itoa(i%10) + `"}`})
		store.history["m"] = append(store.history["m"], job.Past{JID: name, Fun: "test.ping"})
		store.minions, missing = append(store.minions, id), append(missing, id)
	}
	store.returns["j"][500].value = `{broken`
	store.last["test.ping"] = store.returns["j"]
	store.progress["j"] = fakeProgress{Progress: store.progress["j"].Progress, missing: missing}
	return store
}

// largeRequests are answered at length by large.
var largeRequests = map[string]string{
	"get_jid": `{"jid": "j"}`, "get_fun": `{"fun": "test.ping"}`, "get_minions": ``, "get_jids": ``,
	"get_jids_filter": `{"count": 1000}`, "get_history": `{"minion": "m"}`, "get_progress": `{"jid": "j"}`,
}

// stream asks for parts, with further headers as name, value.
func (r *rig) stream(t testing.TB, endpoint, request string, headers ...string) *nats.Subscription {
	t.Helper()
	inbox := r.caller.NewInbox()
	sub, err := r.caller.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	msg := &nats.Msg{Subject: "salt.returner." + endpoint, Reply: inbox, Data: []byte(request), Header: nats.Header{HeaderAccept: {acceptParts}}}
	for i := 0; i+1 < len(headers); i += 2 {
		msg.Header.Set(headers[i], headers[i+1])
	}
	if err := r.caller.PublishMsg(msg); err != nil {
		t.Fatal(err)
	}
	return sub
}

func next(t testing.TB, sub *nats.Subscription) *nats.Msg {
	t.Helper()
	msg, err := sub.NextMsg(20 * time.Second)
	if err != nil {
		t.Fatalf("no further message: %v", err)
	}
	return msg
}

// all reads as a caller does that knows Returnd-More alone, and checks what else there is to see.
func all(t testing.TB, sub *nats.Subscription, before ...*nats.Msg) (parts []*nats.Msg) {
	t.Helper()
	parts = before
	for more := true; more; {
		msg := next(t, sub)
		parts = append(parts, msg)
		more = msg.Header.Get(HeaderMore) == "true"
		if got := msg.Header.Get(HeaderSeq); got != strconv.Itoa(len(parts)) {
			t.Fatalf("message %d has the number %q", len(parts), got)
		}
	}
	return parts
}

// silent tells that nothing follows the last message: what the service answers afterwards has been sent afterwards.
func (r *rig) silent(t *testing.T, sub *nats.Subscription) {
	t.Helper()
	r.ask(t, "prep_jid", "")
	if n, _, err := sub.Pending(); err != nil || n != 0 {
		t.Errorf("%d messages behind the last one: %v", n, err)
	}
}

// merge joins parts of an object or of a list, or of an object that holds a list first.
func merge(parts []*nats.Msg) string {
	opening, closing := "[", "]"
	if first := string(parts[0].Data); strings.HasPrefix(first, `{"missing": [`) {
		opening, closing = `{"missing": [`, "]}"
	} else if first[0] == '{' {
		opening, closing = "{", "}"
	}
	var inner []string
	for i, msg := range parts {
		body := strings.TrimPrefix(string(msg.Data), opening)
		if i < len(parts)-1 {
			body = strings.TrimSuffix(body, closing)
		}
		inner = append(inner, body)
	}
	return opening + strings.Join(inner, ", ")
}

func TestPartsMergeToTheWhole(t *testing.T) {
	t.Parallel()
	const limit = 8 << 10
	wide, narrow := start(t, large()), startAt(t, startNATS(t, limit), large())
	for endpoint, request := range largeRequests {
		t.Run(endpoint, func(t *testing.T) {
			whole := wide.ask(t, endpoint, request)
			parts := all(t, narrow.stream(t, endpoint, request))
			if len(parts) < 3 {
				t.Errorf("%d parts", len(parts))
			}
			for i, msg := range parts {
				if msg.Size()-len(msg.Subject)-len(msg.Reply) > limit || len(msg.Data) < limit/2 && i < len(parts)-1 {
					t.Errorf("part %d of %d has %d bytes of data", i+1, len(parts), len(msg.Data))
				}
			}
			last := answerOf(t, parts[len(parts)-1])
			last.Body = merge(parts)
			if diff := cmp.Diff(whole, last); diff != "" {
				t.Errorf("merged (-whole +parts):\n%.2000s", diff)
			}
			if got := parts[len(parts)-1].Header.Get(HeaderTotal); got != strconv.Itoa(len(parts)) {
				t.Errorf("total %q of %d parts", got, len(parts))
			}
			if got := narrow.ask(t, endpoint, request); got.Code != codeTooLarge || !strings.Contains(got.Sentence, "Returnd-Accept: parts") {
				t.Errorf("without the header: %+v, want 413 with the remedy", got)
			}
		})
	}
	narrow.idle(t)
	if got := narrow.count(t, "returnd.query.streams"); got != 0 {
		t.Errorf("%d streams are still counted as being sent", got)
	}
	if got := narrow.count(t, "returnd.query.parts", "endpoint=get_jid"); got < 3 {
		t.Errorf("%d parts counted", got)
	}
}

// What fits one message comes as one part.
func TestOnePart(t *testing.T) {
	t.Parallel()
	r := start(t, golden(), func(c *Config) { c.RedisExecute.Allow = []string{"ping"} })
	for _, e := range Endpoints() {
		msg := next(t, r.stream(t, e.Name, valid[e.Name]))
		got := []string{msg.Header.Get(HeaderSeq), msg.Header.Get(HeaderMore), msg.Header.Get(HeaderTotal), msg.Reply}
		if diff := cmp.Diff([]string{"1", "false", "1", ""}, got); diff != "" {
			t.Errorf("%s: seq, more, total, reply (-want +got):\n%s", e.Name, diff)
		}
	}
	msg := next(t, r.stream(t, "get_jid", `{}`))
	if msg.Header.Get(micro.ErrorCodeHeader) != "400" || msg.Header.Get(HeaderSeq) != "1" || msg.Header.Get(HeaderMore) != "" {
		t.Errorf("an error came with %v", msg.Header)
	}
}

// A page may itself come in parts.
func TestPageInParts(t *testing.T) {
	t.Parallel()
	r := startAt(t, startNATS(t, 8<<10), large())
	parts := all(t, r.stream(t, "get_minions", `{"limit": 900}`))
	last := answerOf(t, parts[len(parts)-1])
	if got := strings.Count(merge(parts), ", ") + 1; got != 900 || len(parts) < 2 || last.Cursor == "" {
		t.Errorf("%d ids in %d parts, then the cursor %q", got, len(parts), last.Cursor)
	}
}

// The reader's confirmations alone let parts come, as many as the window has room for.
func TestWindow(t *testing.T) {
	t.Parallel()
	store := large()
	r := startAt(t, startNATS(t, 8<<10), store, func(c *Config) { c.PartTimeout = 300 * time.Millisecond })
	sub := r.stream(t, "get_jid", `{"jid": "j"}`, HeaderWindow, "2")
	first := next(t, sub)
	next(t, sub)
	if !strings.HasPrefix(first.Reply, "salt.returner.more.") {
		t.Errorf("the reply subject is %s", first.Reply)
	}
	for _, word := range []string{"99", "-1", "x", "1e1", strings.Repeat("1", 30)} { // none of them confirms anything
		r.confirm(t, first.Reply, word)
	}
	r.ask(t, "prep_jid", "") // behind it, a third part would be there
	if n, _, _ := sub.Pending(); n != 0 {
		t.Errorf("%d parts came beyond the window", n)
	}
	r.confirm(t, first.Reply, "2")
	next(t, sub)
	next(t, sub)
	last := answerOf(t, next(t, sub))
	if last.Code != codeDeadline || !strings.Contains(last.Sentence, "no part was confirmed for 300ms") {
		t.Errorf("after silence: %+v, want 504", last)
	}
	r.silent(t, sub)
	if got := r.count(t, "returnd.query.streams.cut", "reason=slow_reader"); got != 1 {
		t.Errorf("%d slow readers counted", got)
	}
	store.mu.Lock()
	defer store.mu.Unlock()
	if store.yielded > 500 {
		t.Errorf("%d of 1000 values were read for 4 parts", store.yielded)
	}
}

func (r *rig) confirm(t testing.TB, subject, word string) {
	t.Helper()
	if err := r.caller.Publish(subject, []byte(word)); err != nil {
		t.Fatal(err)
	}
}

func TestWindowToTheEnd(t *testing.T) {
	t.Parallel()
	r := startAt(t, startNATS(t, 8<<10), large())
	whole := merge(all(t, r.stream(t, "get_jid", `{"jid": "j"}`)))
	for _, window := range []string{"1", "3", "64"} {
		sub := r.stream(t, "get_jid", `{"jid": "j"}`, HeaderWindow, window)
		var parts []*nats.Msg
		for more := true; more; {
			msg := next(t, sub)
			parts = append(parts, msg)
			if more = msg.Header.Get(HeaderMore) == "true"; more {
				r.confirm(t, msg.Reply, msg.Header.Get(HeaderSeq))
			}
		}
		if got := merge(parts); got != whole {
			t.Errorf("window %s: %d bytes in %d parts, want %d bytes", window, len(got), len(parts), len(whole))
		}
	}
	for _, window := range []string{"0", "65", "-1", "x"} {
		if got := answerOf(t, next(t, r.stream(t, "get_jid", `{"jid": "j"}`, HeaderWindow, window))); got.Code != codeMalformed ||
			!strings.Contains(got.Sentence, "Returnd-Window") {
			t.Errorf("window %s: %+v, want 400", window, got)
		}
	}
}

// endless hands over more returns than any request here reads.
func endless() *fakeStore {
	store := &fakeStore{returns: map[string][]pair{"j": make([]pair, 1<<18)}}
	for i := range store.returns["j"] {
		store.returns["j"][i] = pair{"m", `{"return": "0123456789012345678901234567890123456789012345678901234567890123456789"}`}
	}
	return store
}

func TestCallerGone(t *testing.T) {
	t.Parallel()
	store := endless()
	r := startAt(t, startNATS(t, 8<<10), store)
	sub := r.stream(t, "get_jid", `{"jid": "j"}`)
	next(t, sub)
	if err := sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	r.idle(t)
	store.mu.Lock()
	defer store.mu.Unlock()
	if store.refused == nil || store.yielded > 1<<17 {
		t.Errorf("%d values were read, the last yield answered %v", store.yielded, store.refused)
	}
	if got := r.count(t, "returnd.query.streams.cut", "reason=caller_gone"); got != 1 {
		t.Errorf("%d callers counted as gone", got)
	}
}

// idle waits until no request is being worked on.
func (r *rig) idle(t *testing.T) {
	t.Helper()
	for range cap(r.slots) {
		select {
		case r.slots <- struct{}{}:
		case <-time.After(10 * time.Second):
			t.Fatal("a request is still being worked on")
		}
	}
	for range cap(r.slots) {
		<-r.slots
	}
}

// Whatever ends a reply in parts, its last message says so, and nothing follows.
func TestCutOff(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	tests := []struct {
		name         string
		then         func(ctx context.Context) error // what the store does in the middle
		code         int
		sentence     string
		stop, logged bool
	}{
		{"the store is away", func(context.Context) error { return job.ErrUnavailable }, codeUnavailable, "Redis cannot be used", false, false},
		{"a cursor of the store's own is worthless", func(context.Context) error { return job.Reject(job.ReasonMalformed, "the cursor is none") }, codeMalformed, "the cursor", false, false},
		{"the store hangs", hang, codeDeadline, "not done within 200ms", false, false},
		{"a panic", func(context.Context) error { panic("canary") }, codeInternal, "its log has the details", false, true},
		{"the worker stops", hang, codeUnavailable, "stopping: try again", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store, values := large(), 0
			r := startAt(t, startNATS(t, 8<<10), store, func(c *Config) {
				if !tt.stop {
					c.Timeout = 200 * time.Millisecond
				}
			})
			store.between = func(ctx context.Context) error {
				if values++; values > 300 {
					return tt.then(ctx)
				}
				return nil
			}
			sub := r.stream(t, "get_jid", `{"jid": "j"}`)
			first := next(t, sub)
			if tt.stop {
				r.stop()
			}
			parts := all(t, sub, first)
			last := answerOf(t, parts[len(parts)-1])
			if last.Code != tt.code || !strings.Contains(last.Sentence, tt.sentence) || len(last.Body) > 0 {
				t.Errorf("last message %+v, want %d %q", last, tt.code, tt.sentence)
			}
			if !tt.stop {
				r.silent(t, sub)
			}
			if logged := strings.Contains(r.log.String(), "query failed"); logged != tt.logged {
				t.Errorf("log: %s", r.log)
			}
		})
	}
}
