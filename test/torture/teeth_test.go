package torture

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"returnd/internal/job"
	"returnd/internal/persist"
	"returnd/test/servers"
)

// historyLimit is the default of history.limit.
func historyLimit() int { return persist.DefaultConfig().History.Limit }

// TestOracleNoticesPlantedFaults feeds the oracle a right keyspace, and then the same with one thing wrong. A checker
// that is content with everything would make the long tests worthless.
func TestOracleNoticesPlantedFaults(t *testing.T) {
	now := time.Now()
	right, knowing := rightKeyspace(t, now)
	if faults := knowing.faults(right, now, historyLimit()); len(faults) > 0 {
		t.Fatalf("faults in a right keyspace:\n%s", strings.Join(faults, "\n"))
	}
	first, last := jidOf(now, 0), jidOf(now, 5)
	for _, tt := range []struct {
		name  string
		plant func(k keyspace)
		want  string
	}{
		{"a return is missing", field("ret:"+first, func(f map[string]string) { delete(f, minionOf(1)) }), "lost: ret:"},
		{"all returns of a job are missing", drop("ret:" + first), "lost: ret:"},
		{"a byte is altered", field("ret:"+first, func(f map[string]string) { f[minionOf(1)] = strings.Replace(f[minionOf(1)], "0", "1", 1) }), "altered: ret:"},
		{"a byte is appended", field("ret:"+first, func(f map[string]string) { f[minionOf(1)] += " " }), "altered: ret:"},
		{"a return nobody published", field("ret:"+first, func(f map[string]string) { f["nobody"] = "{}" }), "invented: ret:"},
		{"a load is missing", drop("load:" + first), "lost: load:"},
		{"a load is altered", change("load:"+first, func(v *value) { v.text += " " }), "altered: load:"},
		{"a pointer has gone back", change(minionOf(1)+":"+funOf(5), func(v *value) { v.text = jidOf(now, 1) }), "pointer: "},
		{"a pointer is missing", drop(minionOf(1) + ":" + funOf(5)), "pointer: "},
		{"a history entry twice", history(func(m []string) []string { return append(m, m[0]) }), "twice"},
		{"a history entry is missing", history(func(m []string) []string { return m[1:] }), "lacks 1"},
		{"a history entry too many", history(func(m []string) []string { return append(m, "x\ty") }), "no return has left"},
		{"a minion is missing in the set", change("minions", func(v *value) { v.members = v.members[1:] }), "index: minions"},
		{"a job is missing in the index", drop("returnd/jobs"), "index: returnd/jobs"},
		{"a job has no TTL", change("ret:"+last, func(v *value) { v.expires = time.Time{} }), "expiry: ret:"},
		{"a load has no TTL", change("load:"+last, func(v *value) { v.expires = time.Time{} }), "expiry: load:"},
		{"the expected minions have no TTL", change("returnd/job:"+last, func(v *value) { v.expires = time.Time{} }), "expiry: returnd/job:"},
		{"a pointer has no TTL", change(minionOf(1)+":"+funOf(5), func(v *value) { v.expires = time.Time{} }), "expiry: " + minionOf(1)},
		{"a history has no TTL", change(historyPrefix+minionOf(1), func(v *value) { v.expires = time.Time{} }), "expiry: " + historyPrefix},
		{"a job outlives its keep", change("ret:"+last, func(v *value) { v.expires = now.Add(keep + time.Minute) }), "expiry: ret:"},
		{"a key of another type", change("load:"+last, func(v *value) { v.kind = "hash" }), "type: load:"},
		{"a key of nobody", func(k keyspace) { k["ret:nobody"] = value{kind: "hash"} }, "foreign: ret:nobody"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			planted := copyOf(right)
			tt.plant(planted)
			faults := knowing.faults(planted, now, historyLimit())
			if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, tt.want) }) {
				t.Errorf("got %q, want one with %q", faults, tt.want)
			}
		})
	}
}

// TestOracleAllowsWhatIsUnknown: without an acknowledgement a return may be absent or there, but not altered.
func TestOracleAllowsWhatIsUnknown(t *testing.T) {
	now := time.Now()
	right, knowing := rightKeyspace(t, now)
	absent := message{jid: jidOf(now, 0), minion: "late", body: bodyOf(now, 0, "late")}
	knowing.note(absent, false)
	if faults := knowing.faults(right, now, historyLimit()); len(faults) > 0 {
		t.Errorf("an unknown one that is absent: %q", faults)
	}
	there := message{jid: jidOf(now, 0), minion: minionOf(1), body: bodyOf(now, 0, minionOf(1))}
	knowing.note(there, false)
	if faults := knowing.faults(right, now, historyLimit()); len(faults) > 0 {
		t.Errorf("an unknown one that is there: %q", faults)
	}
	there.body += " "
	knowing.note(there, false)
	if faults := knowing.faults(right, now, historyLimit()); len(faults) != 1 {
		t.Errorf("an unknown one that is altered: got %q, want one fault", faults)
	}
}

// rightKeyspace is what a store leaves of some jobs, and the oracle of their publisher.
func rightKeyspace(t *testing.T, now time.Time) (keyspace, *oracle) {
	t.Helper()
	s := newStores(t, servers.Redis(t))
	knowing := newOracle()
	var entries []job.Entry
	for _, m := range steady(now, 6, 4) {
		e, err := m.entry(now)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
		knowing.note(m, true)
	}
	for i, err := range s.all[0].Write(t.Context(), entries) {
		if err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
	}
	k, err := readKeyspace(t.Context(), s.redis)
	if err != nil {
		t.Fatal(err)
	}
	return k, knowing
}

func copyOf(k keyspace) keyspace {
	c := maps.Clone(k)
	for key, v := range c {
		v.fields, v.scores, v.members = maps.Clone(v.fields), maps.Clone(v.scores), slices.Clone(v.members)
		c[key] = v
	}
	return c
}

func drop(key string) func(keyspace) { return func(k keyspace) { delete(k, key) } }

func change(key string, f func(*value)) func(keyspace) {
	return func(k keyspace) {
		v := k[key]
		f(&v)
		k[key] = v
	}
}

func field(key string, f func(map[string]string)) func(keyspace) {
	return change(key, func(v *value) { f(v.fields) })
}

func history(f func([]string) []string) func(keyspace) {
	return change(historyPrefix+minionOf(1), func(v *value) {
		v.members = f(v.members)
		slices.Sort(v.members)
	})
}
