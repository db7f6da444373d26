package persist

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// A cluster writes pointers and histories by other scripts than one server: whatever comes, in any order, again and by
// two workers at once, they leave the same.
func TestClusterHoldsWhatOneServerHolds(t *testing.T) {
	one := newRig(t)
	g := servers.Cluster(t, 3, 0)
	s, look := clusterRig(t, g)
	other := storeOn(t, g.Nodes[1])
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- repeatable
	for round := range 30 {
		entries := oddReturns(random, round)
		one.write(entries...)
		twice := slices.Concat(entries, entries)
		random.Shuffle(len(twice), func(i, j int) { twice[i], twice[j] = twice[j], twice[i] })
		var writers sync.WaitGroup
		for i, store := range []*Store{s, other} {
			writers.Go(func() { writeInParts(t, store, twice[i*len(entries):][:len(entries)], 1+round%7) })
		}
		writers.Wait()
		for m := range 3 {
			minion := fmt.Sprintf("m%d-%d", round, m)
			if diff := cmp.Diff(stateOf(t, one.redis, minion), stateOf(t, look, minion)); diff != "" {
				t.Fatalf("%s (-one server +cluster):\n%s", minion, diff)
			}
		}
	}
}

// oddReturns are those of three minions for jobs with jids of all sorts.
func oddReturns(random *rand.Rand, round int) []job.Entry {
	start := time.Now().Add(-time.Hour)
	var entries []job.Entry
	for i := range 12 {
		jid := job.FormatJID(start.Add(time.Duration(round*12+i) * time.Second))
		jids := []string{jid, jid, jid, jid + "_7", fmt.Sprintf("deploy-%d-%d", round, i), "9999" + jid[4:], jid[:4] + "13" + jid[6:], jid[:8] + "25" + jid[10:], jid[:10] + "60" + jid[12:]}
		e := ret(jids[random.IntN(len(jids))], fmt.Sprintf("m%d-%d", round, random.IntN(3)), "")
		e.Return.Fun = fmt.Sprintf("f.%d", len(e.Return.JID)%3) // of one job always the same
		entries = append(entries, e)
	}
	return entries
}

func writeInParts(t *testing.T, s *Store, entries []job.Entry, size int) {
	t.Helper()
	for part := range slices.Chunk(entries, size) {
		for _, err := range s.Write(t.Context(), part) {
			if err != nil {
				t.Errorf("Write: %v", err)
			}
		}
	}
}

// stateOf is a minion's pointers, its history in the order of jids, and when these expire.
func stateOf(t *testing.T, c redis.Cmdable, minion string) map[string]string {
	t.Helper()
	history := c.LRange(t.Context(), histPrefix+minion, 0, -1).Val()
	slices.Sort(history)
	state := map[string]string{"history": strings.Join(history, " ")}
	for _, key := range []string{histPrefix + minion, minion + ":f.0", minion + ":f.1", minion + ":f.2"} {
		state["expiry of "+key] = c.ExpireTime(t.Context(), key).Val().String()
		if key != histPrefix+minion {
			state[key] = c.Get(t.Context(), key).Val()
		}
	}
	return state
}

// The greatest time jid is the proof that a greater one is not in the list: it stays at the head.
func TestClusterHistoryKeepsTheGreatestAtItsHead(t *testing.T) {
	s, look := clusterRig(t, servers.Cluster(t, 3, 0))
	start := time.Now().Add(-time.Hour)
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- repeatable
	greatest := ""
	for _, i := range random.Perm(60) {
		jid := job.FormatJID(start.Add(time.Duration(i) * time.Second))
		if i%5 == 0 {
			jid = fmt.Sprintf("deploy-%d", i)
		} else {
			greatest = max(greatest, jid)
		}
		e := ret(jid, "m", "f.x")
		for _, err := range s.Write(t.Context(), []job.Entry{e, e}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if head := look.LIndex(t.Context(), histPrefix+"m", 0).Val(); greatest != "" && head != greatest+"\tf.x" {
			t.Fatalf("head = %q, want %q", head, greatest)
		}
	}
	history := look.LRange(t.Context(), histPrefix+"m", 0, -1).Val()
	slices.Sort(history)
	if n := len(slices.Compact(history)); n != 60 {
		t.Errorf("%d jobs in the history, want 60", n)
	}
}

// An old return that comes again to a full list does not push a later one out.
func TestClusterOldRepeatsLeaveAFullHistoryAlone(t *testing.T) {
	g := servers.Cluster(t, 3, 0)
	_, look := clusterRig(t, g)
	s := storeOn(t, g.Nodes[0], func(c *Config) { c.History.Limit = 10 })
	for _, jidOf := range []func(i int) string{
		func(i int) string { return jidAt(time.Hour - time.Duration(i)*time.Second) },
		func(i int) string { return fmt.Sprintf("deploy-%03d", i) },
	} {
		minion := "m" + jidOf(0)[:6]
		var all []job.Entry
		for i := range 60 {
			all = append(all, ret(jidOf(i), minion, "f.x"))
		}
		writeInParts(t, s, all, 7)
		before := look.LRange(t.Context(), histPrefix+minion, 0, -1).Val()
		if n := len(before); n < 10 || n > 20 {
			t.Errorf("history holds %d entries, want 10 and some slack", n)
		}
		writeInParts(t, s, all[:30], 7)
		if diff := cmp.Diff(before, look.LRange(t.Context(), histPrefix+minion, 0, -1).Val()); diff != "" {
			t.Errorf("history of %s (-before +after):\n%s", minion, diff)
		}
	}
}

func TestClusterWrongTypeFailsOnlyItsOwn(t *testing.T) {
	s, look := clusterRig(t, servers.Cluster(t, 3, 0))
	jid := jidAt(time.Minute)
	look.Set(t.Context(), histPrefix+"a", "a string", 0)
	look.HSet(t.Context(), "b:f.x", "k", "v")
	errs := s.Write(t.Context(), []job.Entry{ret(jid, "a", "f.x"), ret(jid, "b", "f.x"), ret(jid, "c", "f.x")})
	if !isWrongType(errs[0]) || !isWrongType(errs[1]) || errs[2] != nil {
		t.Errorf("errors = %v, want wrong_type for the first two", errs)
	}
	if got := look.HGetAll(t.Context(), "b:f.x").Val(); !cmp.Equal(got, map[string]string{"k": "v"}) {
		t.Errorf("a stranger's key was touched: %v", got)
	}
}
