package persist

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/job"
)

func TestLoadIsStoredAsPublished(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	r.write(load(t, jid, `{"fun": "test.ping", "key": "secret", "n": 1.50, "jid": "`+jid+`"}`))
	if got, want := r.get("load:"+jid), `{"fun": "test.ping", "n": 1.50, "jid": "`+jid+`"}`; got != want {
		t.Errorf("load = %s, want %s", got, want)
	}
	if got := r.ttl("load:" + jid); got <= 0 || got > 86400*time.Second {
		t.Errorf("TTL = %v", got)
	}
	if got := r.redis.ZRange(t.Context(), "returnd/jobs", 0, -1).Val(); !slices.Equal(got, []string{jid}) {
		t.Errorf("index = %q", got)
	}
}

func TestWhichLoadWins(t *testing.T) {
	const (
		real1 = `{"fun": "a", "tgt": "*"}`
		real2 = `{"fun": "b", "tgt": "*"}`
		fake  = `{"fun": "a", "cmd": "_return", "return": 1}`
	)
	tests := map[string]struct {
		bodies []string
		want   string
	}{
		"the first real one":              {[]string{real1, real2}, real1},
		"real over a return":              {[]string{fake, real1}, real1},
		"a return never over a real one":  {[]string{real1, fake}, real1},
		"a return alone":                  {[]string{fake}, fake},
		"a repeat changes nothing":        {[]string{real1, real1, fake, real1}, real1},
		"the first real one, after fakes": {[]string{fake, fake, real2, real1}, real2},
	}
	r := newRig(t)
	at := 0
	for name, tc := range tests {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in one batch %v", name, together), func(t *testing.T) {
				at++
				jid := jidAt(time.Duration(at) * time.Second)
				var batch []job.Entry
				for _, body := range tc.bodies {
					batch = append(batch, load(t, jid, body))
					if !together {
						r.write(batch[len(batch)-1])
					}
				}
				if together {
					r.write(batch...)
				}
				if got := r.get("load:" + jid); got != tc.want {
					t.Errorf("load = %s, want %s", got, tc.want)
				}
			})
		}
	}
}

func TestMinionsAreMergedInAnyOrder(t *testing.T) {
	r := newRig(t)
	steps := map[string]func(jid string) error{
		"load": func(jid string) error {
			return r.store.Write(t.Context(), []job.Entry{load(t, jid, `{"fun": "x", "minions": ["c", "a"]}`)})[0]
		},
		"syndic": func(jid string) error {
			return r.store.Write(t.Context(), []job.Entry{load(t, jid, `{"fun": "x", "master_id": "m", "Minions": ["d"]}`)})[0]
		},
		"minions": func(jid string) error { return r.store.SaveMinions(t.Context(), "", jid, []string{"b", "a"}) },
	}
	orders := [][]string{
		{"load", "syndic", "minions"},
		{"load", "minions", "syndic"},
		{"minions", "load", "syndic"},
	}
	for i, order := range orders {
		jid := jidAt(time.Duration(i+1) * time.Second)
		for _, step := range order {
			if err := steps[step](jid); err != nil {
				t.Fatalf("%s: %v", step, err)
			}
		}
		want := `{"fun": "x", "minions": ["c", "a"], "Minions": ["a", "b", "c", "d"]}`
		if got := r.get("load:" + jid); got != want {
			t.Errorf("%v: load = %s, want %s", order, got, want)
		}
	}
}

func TestConcurrentMergesLoseNoMinion(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	var want []string
	var wg sync.WaitGroup
	for i := range 12 {
		id := fmt.Sprintf("minion-%02d", i)
		want = append(want, id)
		wg.Go(func() {
			if i == 5 {
				if err := r.store.Write(t.Context(), []job.Entry{load(t, jid, `{"fun": "x", "minions": ["`+id+`"]}`)})[0]; err != nil {
					t.Errorf("Write: %v", err)
				}
				return
			}
			if err := r.store.SaveMinions(t.Context(), "", jid, []string{id}); err != nil {
				t.Errorf("SaveMinions: %v", err)
			}
		})
	}
	wg.Wait()
	var got struct{ Minions []string }
	if err := json.Unmarshal([]byte(r.get("load:"+jid)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Minions); diff != "" {
		t.Errorf("Minions (-want +got):\n%s", diff)
	}
}

func TestManyMinions(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	var want []string
	for i := range 5000 {
		want = append(want, fmt.Sprintf("minion-%05d.example.com", i))
	}
	body, err := json.Marshal(map[string]any{"fun": "x", "minions": want})
	if err != nil {
		t.Fatal(err)
	}
	r.write(load(t, jid, string(body)))
	if err := r.store.SaveMinions(t.Context(), "", jid, []string{"zz"}); err != nil {
		t.Fatal(err)
	}
	var got struct{ Minions []string }
	if err := json.Unmarshal([]byte(r.get("load:"+jid)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append(want, "zz"), got.Minions); diff != "" {
		t.Errorf("Minions (-want +got):\n%s", diff)
	}
}

func TestReserve(t *testing.T) {
	r := newRig(t)
	jid := jidAt(0)
	var wg sync.WaitGroup
	won := make(chan bool, 8)
	for range cap(won) {
		wg.Go(func() {
			ok, err := r.store.Reserve(t.Context(), "", jid)
			if err != nil {
				t.Errorf("Reserve: %v", err)
			}
			won <- ok
		})
	}
	wg.Wait()
	close(won)
	n := 0
	for ok := range won {
		if ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d callers got the same jid, want 1", n)
	}
	used := jidAt(time.Second)
	r.write(ret(used, "m", "f.x"))
	if ok, err := r.store.Reserve(t.Context(), "", used); ok || err != nil {
		t.Errorf("Reserve of a jid in use = %v, %v", ok, err)
	}
	if got := r.ttl("returnd/job:" + jid); got <= 0 {
		t.Errorf("the reservation has no expiry: %v", got)
	}
}
