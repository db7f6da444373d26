package persist

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/job"
)

func TestWriteLeavesSaltsKeys(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	e := ret(jid, "web1.example.com", "test.ping")
	r.write(e)

	if got, want := r.redis.HGet(t.Context(), "ret:"+jid, "web1.example.com").Val(), string(e.Return.Body); got != want {
		t.Errorf("return = %q, want %q", got, want)
	}
	if got := r.get("web1.example.com:test.ping"); got != jid {
		t.Errorf("pointer = %q, want %q", got, jid)
	}
	if got := r.redis.SMembers(t.Context(), "minions").Val(); !slices.Equal(got, []string{"web1.example.com"}) {
		t.Errorf("minions = %q", got)
	}
	if got, want := r.list("web1.example.com"), []string{jid + "\ttest.ping"}; !slices.Equal(got, want) {
		t.Errorf("history = %q, want %q", got, want)
	}
	for _, key := range []string{"ret:" + jid, "web1.example.com:test.ping", "returnd/history:web1.example.com"} {
		if got := r.ttl(key); got < 86400*time.Second-70*time.Second || got > 86400*time.Second-58*time.Second {
			t.Errorf("TTL of %s = %v, want 24h less the minute since the start", key, got)
		}
	}
	if got, want := int64(r.redis.ZScore(t.Context(), "returnd/seen", "web1.example.com").Val()), e.Start().Truncate(time.Hour).UnixMicro(); got != want {
		t.Errorf("seen = %d, want %d", got, want)
	}
}

func TestPointerNeverGoesBack(t *testing.T) {
	now := time.Now()
	older, newer := job.FormatJID(now.Add(-time.Hour)), job.FormatJID(now.Add(-time.Minute))
	future := job.FormatJID(now.Add(30 * time.Hour))
	tests := map[string]struct {
		order []string
		want  string
	}{
		"newer after older":               {[]string{older, newer}, newer},
		"older after newer":               {[]string{newer, older}, newer},
		"custom after time":               {[]string{older, "zzz"}, older},
		"time after custom":               {[]string{"zzz", older}, older},
		"custom, bytewise":                {[]string{"deploy-B", "deploy-a", "deploy-Z"}, "deploy-a"},
		"too far ahead counts as custom":  {[]string{older, future}, older},
		"one too far ahead gives way":     {[]string{future, older}, older},
		"year 9999 pins nothing":          {[]string{"99991231235959999999", older}, older},
		"month 13 is custom":              {[]string{"20261320080000000010", older}, older},
		"hour 24 is custom":               {[]string{older[:8] + "245959000000", older}, older},
		"minute 60 is custom":             {[]string{older[:8] + "236000000000", older}, older},
		"unique jid beats its plain form": {[]string{older + "_17", older}, older + "_17"},
		"plain form before a unique jid":  {[]string{older, older + "_17"}, older + "_17"},
		"29 February only in leap years":  {[]string{"20250229080000000000", "20240229080000000000"}, "20240229080000000000"},
	}
	r := newRig(t)
	for name, tc := range tests {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in one batch %v", name, together), func(t *testing.T) {
				minion := fmt.Sprintf("m-%s-%v", strings.ReplaceAll(name, " ", "-"), together)
				var batch []job.Entry
				for _, jid := range tc.order {
					batch = append(batch, ret(jid, minion, "f.x"))
					if !together {
						r.write(batch[len(batch)-1])
					}
				}
				if together {
					r.write(batch...)
				}
				if got := r.get(minion + ":f.x"); got != tc.want {
					t.Errorf("pointer = %s, want %s", got, tc.want)
				}
				if ttl := r.ttl(minion + ":f.x"); ttl <= 0 {
					t.Errorf("pointer has no expiry: %v", ttl)
				}
			})
		}
	}
}

// An old return that is delivered once more, more than a day after its stream timestamp, must not push the pointer of a
// newer job away.
func TestPointerHoldsAgainstALateRedelivery(t *testing.T) {
	r := newRig(t, func(c *Config) { c.KeepJobsSeconds = 10 * 86400 })
	old := ret(jidAt(72*time.Hour), "m", "f.x")
	old.Published = time.Now().Add(-72 * time.Hour)
	newer := ret(jidAt(time.Hour), "m", "f.x")
	r.write(old)
	r.write(newer)
	r.write(old)
	if got := r.get("m:f.x"); got != newer.Return.JID {
		t.Errorf("pointer = %s, want %s", got, newer.Return.JID)
	}
}

func TestRepeatsLeaveHistoryAlone(t *testing.T) {
	r := newRig(t)
	a, b := ret(jidAt(2*time.Minute), "m", "f.x"), ret(jidAt(time.Minute), "m", "f.y")
	r.write(a, b)
	r.write(b, a)
	r.write(a, a, b)
	want := []string{b.Return.JID + "\tf.y", a.Return.JID + "\tf.x"}
	if got := r.list("m"); !slices.Equal(got, want) {
		t.Errorf("history = %q, want %q", got, want)
	}
}

func TestAnotherBodyWinsWhole(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	r.write(ret(jid, "m", "f.x"))
	other := ret(jid, "m", "f.y")
	r.write(other)
	if got := r.redis.HGet(t.Context(), "ret:"+jid, "m").Val(); got != string(other.Return.Body) {
		t.Errorf("return = %q", got)
	}
	if got, want := r.list("m"), []string{jid + "\tf.y"}; !slices.Equal(got, want) {
		t.Errorf("history = %q, want the job once: %q", got, want)
	}
}

func TestHistoryIsTrimmedWithSlack(t *testing.T) {
	r := newRig(t, func(c *Config) { c.History.Limit = 10 })
	start := time.Now().Add(-time.Hour)
	var newest string
	for i := range 60 {
		newest = job.FormatJID(start.Add(time.Duration(i) * time.Second))
		r.write(ret(newest, "m", "f.x"))
	}
	got := r.list("m")
	if len(got) < 10 || len(got) > 10+10/4+8 {
		t.Errorf("history holds %d entries, want 10 and some slack", len(got))
	}
	if got[0] != newest+"\tf.x" {
		t.Errorf("first entry = %q, want the latest arrival", got[0])
	}
}

func TestExpiry(t *testing.T) {
	day := 86400 * time.Second
	tests := map[string]struct {
		jid       string
		published time.Duration // ago
		want      time.Duration
	}{
		"time jid":                {jidAt(time.Hour), 0, day - time.Hour},
		"time jid, late":          {jidAt(48 * time.Hour), 0, time.Hour},
		"time jid ahead of time":  {jidAt(-10 * time.Hour), 0, day},
		"custom jid":              {"custom", 2 * time.Hour, day - 2*time.Hour},
		"custom jid, late":        {"custom late", 48 * time.Hour, time.Hour},
		"year 9999":               {"99991231235959999999", 0, day},
		"a job just about to end": {jidAt(day - 2*time.Second), 0, 2 * time.Second},
	}
	r := newRig(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			e := ret(tc.jid, "m-"+strings.ReplaceAll(name, " ", "-"), "f.x")
			e.Published = time.Now().Add(-tc.published)
			r.write(e)
			for _, key := range []string{"ret:" + tc.jid, e.Return.Minion + ":f.x", "returnd/history:" + e.Return.Minion} {
				if got := r.ttl(key); got > tc.want || got < tc.want-3*time.Second {
					t.Errorf("TTL of %s = %v, want %v", key, got, tc.want)
				}
			}
		})
	}
}

func TestALateReturnNeverProlongsAJob(t *testing.T) {
	r := newRig(t)
	first, second := ret("custom", "a", "f.x"), ret("custom", "b", "f.x")
	first.Published = time.Now().Add(-10 * time.Hour)
	for _, order := range [][]job.Entry{{first, second}, {second, first}} {
		r.redis.FlushDB(t.Context())
		for _, e := range order {
			r.write(e)
		}
		if got, want := r.ttl("ret:custom"), 14*time.Hour; got > want || got < want-3*time.Second {
			t.Errorf("TTL = %v, want that of the earliest anchor, %v", got, want)
		}
	}
}

func TestKeepForEver(t *testing.T) {
	r := newRig(t, func(c *Config) { c.KeepJobsSeconds = 0 })
	jid := jidAt(100 * 24 * time.Hour)
	r.write(ret(jid, "m", "f.x"), load(t, jid, `{"fun": "f.x", "minions": ["m"]}`))
	for _, key := range []string{"ret:" + jid, "m:f.x", "returnd/history:m", "load:" + jid, "returnd/job:" + jid} {
		if got := r.ttl(key); got != -1 {
			t.Errorf("TTL of %s = %v, want none", key, got)
		}
	}
}

func TestNamesThatWouldLandOnJobs(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	r.write(ret(jid, "ret", "test.ping"), ret(jid, "load", "test.ping"), ret(jid, "load:x", "test.ping"), ret(jid, "returns", "test.ping"))
	if n := r.redis.Exists(t.Context(), "ret:test.ping", "load:test.ping", "load:x:test.ping").Val(); n != 0 {
		t.Errorf("%d pointers landed on keys of jobs", n)
	}
	if got := r.get("returns:test.ping"); got != jid {
		t.Errorf("pointer of a minion whose name only begins alike = %q", got)
	}
	if got := r.redis.HLen(t.Context(), "ret:"+jid).Val(); got != 4 {
		t.Errorf("%d returns stored, want 4", got)
	}
}

// Several stores on one Redis, the same returns in any order: one state.
func TestConcurrentWritersAgree(t *testing.T) {
	r := newRig(t)
	start := time.Now().Add(-time.Hour)
	var entries []job.Entry
	for i := range 40 {
		for m := range 10 {
			entries = append(entries, ret(job.FormatJID(start.Add(time.Duration(i)*time.Second)), fmt.Sprintf("m%d", m), fmt.Sprintf("f.%d", i%3)))
		}
	}
	var wg sync.WaitGroup
	for w := range 3 {
		s := storeOn(t, r.proc)
		wg.Go(func() {
			for i := range entries {
				e := entries[(i*7+w*131)%len(entries)]
				if err := s.Write(t.Context(), []job.Entry{e, entries[(i*11+w)%len(entries)]})[0]; err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for m := range 10 {
		minion := fmt.Sprintf("m%d", m)
		got := r.list(minion)
		slices.Sort(got)
		if len(got) != 40 || len(slices.Compact(slices.Clone(got))) != 40 {
			t.Errorf("history of %s has %d entries, want 40 and none twice", minion, len(got))
		}
		for f := range 3 {
			last := 39 - (39-f)%3
			if got, want := r.get(fmt.Sprintf("%s:f.%d", minion, f)), job.FormatJID(start.Add(time.Duration(last)*time.Second)); got != want {
				t.Errorf("pointer %s:f.%d = %s, want %s", minion, f, got, want)
			}
		}
	}
}

// A server that loses the scripts again and again: what is confirmed is there.
// Old returns that come once more do not push the latest out of a full history.
func TestOldRepeatsLeaveAFullHistoryAlone(t *testing.T) {
	r := newRig(t, func(c *Config) { c.History.Limit = 10 })
	start := time.Now().Add(-time.Hour)
	var all []job.Entry
	for i := range 60 {
		all = append(all, ret(job.FormatJID(start.Add(time.Duration(i)*time.Second)), "m", "f.x"))
	}
	r.write(all...)
	before := r.list("m")
	r.write(all[:30]...)
	if diff := cmp.Diff(before, r.list("m")); diff != "" {
		t.Errorf("history (-before +after):\n%s", diff)
	}
}

// The order of custom jids is not that of their expiries: a pointer that moved proves nothing.
func TestCustomJobsStandOnceInAHistory(t *testing.T) {
	r := newRig(t)
	for _, jid := range []string{"zzz", "bbb"} {
		r.write(ret(jid, "m", "f.x"))
	}
	r.redis.Del(t.Context(), "m:f.x") // as if zzz had expired
	for _, jid := range []string{"aaa", "bbb"} {
		r.write(ret(jid, "m", "f.x"))
	}
	if got := r.list("m"); !slices.Equal(got, []string{"aaa\tf.x", "bbb\tf.x", "zzz\tf.x"}) {
		t.Errorf("history = %q", got)
	}
}

func TestHistoryExpiryFollowsAChangedKeep(t *testing.T) {
	r := newRig(t, func(c *Config) { c.KeepJobsSeconds = 0 })
	r.write(ret(jidAt(3*time.Minute), "m", "f.x"))
	daily := storeOn(t, r.proc)
	if err := daily.Write(t.Context(), []job.Entry{ret(jidAt(2*time.Minute), "m", "f.x")})[0]; err != nil {
		t.Fatal(err)
	}
	if got := r.ttl("returnd/history:m"); got <= 0 {
		t.Errorf("TTL = %v after keep came down from for ever", got)
	}
	r.write(ret(jidAt(time.Minute), "m", "f.x"))
	if got := r.ttl("returnd/history:m"); got != -1 {
		t.Errorf("TTL = %v after keep went up to for ever", got)
	}
}
