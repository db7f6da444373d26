package query

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Pages one after the other are the whole, whatever ends each of them.
func TestPages(t *testing.T) {
	t.Parallel()
	wide, narrow := start(t, large()), startAt(t, startNATS(t, 8<<10), large())
	for endpoint, request := range map[string]string{
		"get_jid": `{"jid": "j"}`, "get_fun": `{"fun": "test.ping"}`, "get_minions": `{}`, "get_jids": `{}`,
	} {
		t.Run(endpoint, func(t *testing.T) {
			whole := wide.ask(t, endpoint, request)
			for _, limit := range []string{`"limit": 7`, `"limit": 100000`} { // ended by its limit; by a full message
				inner, pages := narrow.pages(t, endpoint, with(request, limit))
				if got := whole.Body[:1] + strings.Join(inner, ", ") + whole.Body[len(whole.Body)-1:]; got != whole.Body {
					t.Errorf("%s: %d pages are not the whole: %.500s", limit, pages, got)
				}
				if limit == `"limit": 7` && pages != 143 || pages < 3 {
					t.Errorf("%s: %d pages", limit, pages)
				}
			}
		})
	}
}

// pages asks for one page after the other, and gives what is inside of their brackets.
func (r *rig) pages(t *testing.T, endpoint, request string) (inner []string, pages int) {
	t.Helper()
	for cursor := ""; ; pages++ {
		asked := request
		if cursor != "" {
			asked = with(request, `"cursor": "`+cursor+`"`)
		}
		got := r.ask(t, endpoint, asked)
		if got.Code != codeOK || pages > 1000 {
			t.Fatalf("page %d: %+v", pages, got)
		}
		if body := got.Body[1 : len(got.Body)-1]; body != "" {
			inner = append(inner, body)
		}
		if cursor = got.Cursor; cursor == "" {
			return inner, pages + 1
		}
	}
}

func TestLastPage(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeStore{minions: []string{"a", "b", "c"}})
	for request, want := range map[string]answer{
		`{"limit": 2}`:                     {Code: codeOK, Body: `["a", "b"]`, Cursor: "at-2"},
		`{"limit": 2, "cursor": "at-2"}`:   ok(`["c"]`),
		`{"limit": 3}`:                     ok(`["a", "b", "c"]`),
		`{"cursor": "at-1"}`:               ok(`["b", "c"]`),
		`{"cursor": "", "limit": null}`:    ok(`["a", "b", "c"]`),
		`{"limit": 1, "cursor": "broken"}`: {Code: codeMalformed, Sentence: "malformed: the cursor is none: begin again without one"},
	} {
		if diff := cmp.Diff(want, r.ask(t, "get_minions", request)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", request, diff)
		}
	}
}

// A value that no message can carry is told of, by name: alone, within a page, and between parts.
func TestValueThatFitsNowhere(t *testing.T) {
	t.Parallel()
	store := large()
	store.returns["j"][300].value = `"` + strings.Repeat("x", 8<<10) + `"`
	store.returns["worse"] = []pair{{"web1", `"` + strings.Repeat("x", 64<<10) + `"`}}
	r := startAt(t, startNATS(t, 8<<10), store)
	wrong := func(got answer, name string) bool {
		return got.Code != codeTooLarge || !strings.Contains(got.Sentence, `the value of "`+name+`" has `) ||
			!strings.Contains(got.Sentence, "raise max_payload") || got.Body != ""
	}
	parts := all(t, r.stream(t, "get_jid", `{"jid": "j"}`))
	if got := answerOf(t, parts[len(parts)-1]); wrong(got, "minion-0300.example.com") || len(parts) < 3 {
		t.Errorf("behind %d parts came %+v", len(parts), got)
	}
	if got := r.ask(t, "get_jid", `{"jid": "j", "limit": 10, "cursor": "at-295"}`); got.Cursor != "at-300" {
		t.Errorf("the page before it: %+v", got)
	}
	if got := r.ask(t, "get_jid", `{"jid": "j", "limit": 10, "cursor": "at-300"}`); wrong(got, "minion-0300.example.com") {
		t.Errorf("its own page: %+v", got)
	}
	if got := r.ask(t, "get_jid", `{"jid": "worse"}`); wrong(got, "web1") {
		t.Errorf("much too large: %+v", got)
	}
}

// A filter that finds nothing must neither read for ever nor be taken for the end.
func TestFilteredPageIsBounded(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	for i := range maxExamined + 10 {
		store.jobs = append(store.jobs, pair{fmt.Sprintf("j%d", i), `{"fun": "a"}`})
	}
	store.jobs = append(store.jobs, pair{"wanted", `{"fun": "b"}`})
	r := start(t, store)
	if diff := cmp.Diff(answer{Code: codeOK, Body: `{}`, Cursor: fmt.Sprintf("at-%d", maxExamined)}, r.ask(t, "get_jids", `{"fun": "b", "limit": 5}`)); diff != "" {
		t.Errorf("first page (-want +got):\n%s", diff)
	}
	got := r.ask(t, "get_jids", fmt.Sprintf(`{"fun": "b", "limit": 5, "cursor": "at-%d"}`, maxExamined))
	if !strings.HasPrefix(got.Body, `{"wanted": `) || got.Cursor != "" {
		t.Errorf("second page: %+v", got)
	}
	if got := r.ask(t, "get_jids", `{"limit": 100000}`); strings.Count(got.Body, "Function") < 5000 {
		t.Errorf("without a filter there is no such bound: %d jobs, cursor %s", strings.Count(got.Body, "Function"), got.Cursor)
	}
}

// slow is a store that takes a while for each value.
func slow(store *fakeStore, each time.Duration) *fakeStore {
	store.between = func(ctx context.Context) error {
		select {
		case <-time.After(each):
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	return store
}

// A slow page ends early, with a cursor, instead of late, with an error.
func TestSlowPage(t *testing.T) {
	t.Parallel()
	r := start(t, slow(large(), 5*time.Millisecond), func(c *Config) { c.Timeout = 400 * time.Millisecond })
	got := r.ask(t, "get_minions", `{"limit": 1000}`)
	if n := strings.Count(got.Body, "minion-"); got.Code != codeOK || n == 0 || n > 100 || got.Cursor == "" {
		t.Errorf("%d minions, %+.200v", n, got)
	}
	if got := r.ask(t, "get_minions", ``); got.Code != codeDeadline {
		t.Errorf("all of them: %+.200v, want 504", got)
	}
}

// Who reads parts is kept from giving up while the work goes on, though it finds nothing to send.
func TestSlowParts(t *testing.T) {
	t.Parallel()
	store := large()
	store.jobs = store.jobs[:80] // together they take longer than a request may
	r := start(t, slow(store, 15*time.Millisecond), func(c *Config) { c.Timeout = time.Second })
	parts := all(t, r.stream(t, "get_jids", `{"user": "u9"}`))
	if got := strings.Count(merge(parts[:1]), "Function"); answerOf(t, parts[len(parts)-1]).Code != codeOK || len(parts) < 3 || got > 3 {
		t.Errorf("%d parts, %d jobs in the first, the last is %+v", len(parts), got, answerOf(t, parts[len(parts)-1]))
	}
	if parts = all(t, r.stream(t, "get_jids", `{"user": "nobody"}`)); string(parts[0].Data) != "{}" || string(parts[len(parts)-1].Data) != "{}" {
		t.Errorf("nothing found: %q to %q", parts[0].Data, parts[len(parts)-1].Data)
	}
}
