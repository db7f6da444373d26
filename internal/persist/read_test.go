package persist

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

func TestReturnsOfALargeJob(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	want := map[string]string{}
	var batch []job.Entry
	for i := range 3000 {
		e := ret(jid, fmt.Sprintf("minion-%d", i), "f.x")
		want[e.Return.Minion] = string(e.Return.Body)
		batch = append(batch, e)
	}
	r.write(batch...)
	got := map[string]string{}
	_, err := r.store.Returns(t.Context(), "", jid, "", func(minion string, body []byte) error {
		if _, twice := got[minion]; twice {
			t.Errorf("%s came twice", minion)
		}
		got[minion] = string(body)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("returns (-want +got):\n%s", diff)
	}
}

func TestMissingIsEmpty(t *testing.T) {
	r := newRig(t)
	none := func(string, []byte) error { t.Error("something was found"); return nil }
	if _, err := r.store.Returns(t.Context(), "", "none", "", none); err != nil {
		t.Errorf("Returns: %v", err)
	}
	if _, err := r.store.LastReturns(t.Context(), "", "none", "", none); err != nil {
		t.Errorf("LastReturns: %v", err)
	}
	if _, err := r.store.Jobs(t.Context(), "", job.Span{}, "", none); err != nil {
		t.Errorf("Jobs: %v", err)
	}
	if load, err := r.store.Load(t.Context(), "", "none"); load != nil || err != nil {
		t.Errorf("Load = %q, %v", load, err)
	}
}

func TestJobsNewestFirst(t *testing.T) {
	r := newRig(t)
	older, newer, foreign := jidAt(time.Hour), jidAt(time.Minute), jidAt(30*time.Minute)
	custom := load(t, "custom jid", `{"fun": "c"}`)
	custom.Published = time.Now().Add(-45 * time.Minute)
	r.write(load(t, older, `{"fun": "a"}`), load(t, newer, `{"fun": "b"}`), custom)
	r.redis.Set(t.Context(), "load:"+foreign, `{"fun": "d"}`, time.Hour) // as Salt's own returner writes it
	r.redis.ZAdd(t.Context(), "returnd/jobs", redis.Z{Member: "gone", Score: 1})
	r.redis.HSet(t.Context(), "load:odd", "k", "v")
	var got []string
	_, err := r.store.Jobs(t.Context(), "", job.Span{}, "", func(jid string, _ []byte) error { got = append(got, jid); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"odd", newer, foreign, "custom jid", older}; !slices.Equal(got, want) { // odd is there, be it of another type
		t.Errorf("jobs = %q, want %q", got, want)
	}
}

func TestLastReturns(t *testing.T) {
	r := newRig(t)
	older, newer := jidAt(time.Hour), jidAt(time.Minute)
	r.write(ret(older, "a", "f.x"), ret(newer, "a", "f.x"), ret(older, "b", "f.x"), ret(newer, "b", "f.y"), ret(newer, "ret", "f.x"))
	r.redis.Set(t.Context(), "c:f.x", "expired", 0)
	r.redis.RPush(t.Context(), "d:f.x", "foreign")
	r.redis.Set(t.Context(), "e:f.x", "odd", 0)
	r.redis.Set(t.Context(), "ret:odd", "foreign", 0)
	r.redis.SAdd(t.Context(), "minions", "c", "d", "e")
	got := map[string]string{}
	_, err := r.store.LastReturns(t.Context(), "", "f.x", "", func(minion string, body []byte) error {
		parsed, _ := job.ParseReturn(body)
		got[minion] = parsed.JID
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"a": newer, "b": older, "e": ""}; !maps.Equal(got, want) {
		t.Errorf("last returns = %v, want %v", got, want)
	}
}

func TestMinions(t *testing.T) {
	r := newRig(t)
	want := map[string]bool{}
	for i := range 2000 {
		id := fmt.Sprintf("m%d", i)
		want[id] = true
		r.redis.SAdd(t.Context(), "minions", id)
	}
	got := map[string]bool{}
	if _, err := r.store.Minions(t.Context(), "", "", func(id string) error { got[id] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("%d minions, want %d", len(got), len(want))
	}
}

func TestReadingAWrongType(t *testing.T) {
	r := newRig(t)
	r.redis.Set(t.Context(), "ret:x", "a string", 0)
	r.redis.HSet(t.Context(), "load:x", "k", "v")
	var rejection *job.Rejection
	_, err := r.store.Returns(t.Context(), "", "x", "", func(string, []byte) error { return nil })
	if !errors.As(err, &rejection) || rejection.Reason != job.ReasonWrongType {
		t.Errorf("Returns = %v, want wrong_type", err)
	}
	if _, err := r.store.Load(t.Context(), "", "x"); !errors.As(err, &rejection) || rejection.Reason != job.ReasonWrongType {
		t.Errorf("Load = %v, want wrong_type", err)
	}
}

func TestReadingStopsWhenTheCallerHasEnough(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	r.write(ret(jid, "a", "f.x"), ret(jid, "b", "f.x"))
	enough := errors.New("enough")
	n := 0
	_, err := r.store.Returns(t.Context(), "", jid, "", func(string, []byte) error { n++; return enough })
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("err = %v after %d returns", err, n)
	}
}
