package persist

import (
	"errors"
	"strings"
	"testing"
	"time"

	"returnd/internal/job"
	"returnd/test/servers"
)

// A name or a virtual address that leads to the primary: when that changes, the connections to the former one are given
// up once it says that it is a replica.
func TestADemotedServerIsLeft(t *testing.T) {
	former, next := newRig(t), newRig(t)
	w := newWire(t, former.proc.Addr)
	s := storeOn(t, &servers.Process{Addr: w.addr})
	if err := s.Write(t.Context(), []job.Entry{ret(jidAt(time.Minute), "m", "f.x")})[0]; err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(next.proc.Addr, ":")
	former.redis.ReplicaOf(t.Context(), host, port)
	w.lead(next.proc.Addr)
	e := ret(jidAt(0), "m", "f.x")
	if err := s.Write(t.Context(), []job.Entry{e})[0]; !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("error = %v, want it held", err)
	}
	servers.Eventually(t, 10*time.Second, "the new primary takes writes", func() bool {
		return s.Write(t.Context(), []job.Entry{e})[0] == nil
	})
	wantWritten(t, next, e)
}
