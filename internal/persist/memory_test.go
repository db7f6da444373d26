package persist

import (
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"returnd/internal/job"
	"returnd/test/servers"
)

// The in-process Redis of `worker demo` gives everything in one step, and does not tell who it is.
func TestReadingTheInProcessRedis(t *testing.T) {
	m := miniredis.RunT(t)
	s := storeOn(t, &servers.Process{Addr: m.Addr()})
	jid := jidAt(time.Minute)
	batch := []job.Entry{load(t, jid, `{"fun": "f.x", "minions": ["m1", "m2"]}`)}
	for i := range 300 {
		batch = append(batch, ret(jid, fmt.Sprintf("m%d", i), "f.x"))
	}
	none, err := s.Minions(t.Context(), "", "", func(string) error { return nil })
	if err != nil || none != "" {
		t.Errorf("of an empty one: %q, %v", none, err)
	}
	for _, err := range s.Write(t.Context(), batch) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, handed := returnsOf(t, s, jid).all(t, always(7), nothing); len(got) != 300 || handed != 300 {
		t.Errorf("%d returns in %d", len(got), handed)
	}
	if got := jobsOf(t, s, job.Span{}).inOrder(t, always(7), nothing); len(got) != 1 {
		t.Errorf("jobs = %q", got)
	}
	p, err := s.Progress(t.Context(), "", jid, func(string) error { return nil })
	if err != nil || !p.Complete || p.Returned != 300 {
		t.Errorf("progress = %+v, %v", p, err)
	}
}
