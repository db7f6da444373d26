package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"returnd/test/servers"
)

// publishByCommand has the worker's own command move the jids to now. It takes
// as many runs as there are ways to publish, each with its own distance.
func publishByCommand(flags ...string) func(*testing.T, *rig, []*sample) {
	return func(t *testing.T, r *rig, all []*sample) {
		t.Helper()
		returns, loads, strays := apart(t, all)
		other := loadSubject(formatJID(time.Now().Add(-time.Second)))
		command(t, r, returns, flags)
		command(t, r, loads, slices.Concat(flags, []string{"--as", "load"}))
		command(t, r, strays, slices.Concat(flags, []string{"--as", "load", "--subject", other}))
		for _, s := range strays {
			s.subject = other
		}
	}
}

// apart sorts the samples by how they have to be published; strays are loads
// that are to go to another subject than their own.
func apart(t *testing.T, all []*sample) (returns, loads, strays []*sample) {
	t.Helper()
	for _, s := range all {
		switch {
		case !s.isLoad():
			returns = append(returns, s)
		case outcomeOf(t, s) == "subject":
			strays = append(strays, s)
		default:
			loads = append(loads, s)
		}
	}
	return returns, loads, strays
}

// command runs `worker publish` over some documents, and learns from the
// first one's jid by how much all of them were moved.
func command(t *testing.T, r *rig, some []*sample, flags []string) {
	t.Helper()
	args := append([]string{"publish", "--redate", "--nats.url", r.nats.URL}, flags...)
	for _, s := range some {
		args = append(args, s.path())
	}
	before := time.Now()
	out, errs, code := servers.Run(t, args...)
	if code != 0 || !strings.Contains(out, "refused 0") {
		t.Fatalf("exit code %d:\n%s%s", code, out, errs)
	}
	stream, err := r.js.Stream(t.Context(), "RETURNS")
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.GetMsg(t.Context(), stream.CachedInfo().State.LastSeq-uint64(len(some))+1)
	if err != nil {
		t.Fatal(err)
	}
	shift := shiftOf(t, some[0], unpacked(t, first.Header, first.Data))
	for _, s := range some {
		s.redate(shift)
	}
	if moved, _ := jidTime(some[0].jid); moved.Before(before.Add(-tolerance)) || moved.After(time.Now()) {
		t.Errorf("moved to %v, want now", moved)
	}
}

// shiftOf is how far a published document is from its sample.
func shiftOf(t *testing.T, s *sample, published string) time.Duration {
	t.Helper()
	found := ownJID.FindStringSubmatch(published)
	if found == nil {
		t.Fatalf("%s was published without its jid", s.name)
	}
	now, _ := jidTime(found[1])
	then, _ := jidTime(s.oldJID)
	return now.Sub(then)
}

// publishBackwards is a client that knows the subjects, and nothing of the
// worker. Disorder must not be seen in the end.
func publishBackwards(t *testing.T, r *rig, all []*sample) {
	t.Helper()
	first, _ := jidTime(all[0].oldJID)
	shift := time.Now().Add(-2 * time.Second).Truncate(time.Microsecond).Sub(first)
	for _, s := range slices.Backward(all) {
		s.redate(shift)
		if outcomeOf(t, s) == "subject" {
			s.subject = loadSubject(s.jid + "1")
		}
		r.publish(t, s.subject, s.body, nil)
	}
}
