package persist

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/job"
)

func (r *rig) progress(jid string) (job.Progress, []string, error) {
	var missing []string
	p, err := r.store.Progress(r.Context(), "", jid, func(id string) error { missing = append(missing, id); return nil })
	return p, missing, err
}

func TestProgress(t *testing.T) {
	const meant = `{"fun": "f.x", "minions": ["c", "a", "b"]}`
	bad := func(jid, minion, more string) job.Entry {
		return retBody(jid, minion, "f.x", fmt.Sprintf(`{"id": %q, "jid": %q, "fun": "f.x", %s}`, minion, jid, more))
	}
	tests := map[string]struct {
		write   func(r *rig, jid string)
		want    job.Progress
		missing []string
	}{
		"nothing known": {func(*rig, string) {}, job.Progress{}, nil},
		"nobody yet":    {func(r *rig, jid string) { r.write(load(t, jid, meant)) }, job.Progress{Known: true, Expected: 3}, []string{"a", "b", "c"}},
		"one of three": {
			func(r *rig, jid string) { r.write(load(t, jid, meant), ret(jid, "b", "f.x")) },
			job.Progress{Known: true, Expected: 3, Returned: 1},
			[]string{"a", "c"},
		},
		"all, and one that nobody expected": {func(r *rig, jid string) {
			r.write(load(t, jid, meant), ret(jid, "a", "f.x"), ret(jid, "b", "f.x"), bad(jid, "c", `"success": false`), bad(jid, "d", `"retcode": {"f.x": 0, "f.y": 1}`))
		}, job.Progress{Known: true, Expected: 3, Returned: 4, Failed: 2, Complete: true}, nil},
		"returns without a load": {func(r *rig, jid string) {
			r.write(ret(jid, "a", "f.x"), bad(jid, "b", `"retcode": [0, 2]`), bad(jid, "c", `"retcode": 0, "success": true`))
		}, job.Progress{Returned: 3, Failed: 1}, nil},
		"a return that is no JSON has returned, and does not say that it failed": {func(r *rig, jid string) {
			r.redis.HSet(t.Context(), "ret:"+jid, "a", "no JSON", "b", "", "c", `{"success": false}`)
		}, job.Progress{Returned: 3, Failed: 1}, nil},
		"a load that others have written": {func(r *rig, jid string) {
			r.redis.Set(t.Context(), "load:"+jid, `{"jid": "`+jid+`", "Minions": ["b", "a"]}`, 0)
			r.redis.HSet(t.Context(), "ret:"+jid, "a", "{}")
		}, job.Progress{Known: true, Expected: 2, Returned: 1}, []string{"b"}},
		"a load that is none": {func(r *rig, jid string) { r.redis.Set(t.Context(), "load:"+jid, `"text"`, 0) }, job.Progress{}, nil},
		"reserved alone": {func(r *rig, jid string) {
			if ok, err := r.store.Reserve(t.Context(), "", jid); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}, job.Progress{}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			jid := jidAt(time.Minute)
			tc.write(r, jid)
			got, missing, err := r.progress(jid)
			if err != nil || got != tc.want || !slices.Equal(missing, tc.missing) {
				t.Errorf("got %+v, missing %q, %v; want %+v, missing %q", got, missing, err, tc.want, tc.missing)
			}
		})
	}
}

func TestProgressOfALargeJob(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	minions := make([]string, 5000)
	var batch []job.Entry
	for i := range minions {
		minions[i] = fmt.Sprintf("m%04d", i)
		if i >= 10 {
			batch = append(batch, ret(jid, minions[i], "f.x"))
		}
	}
	r.write(batch...)
	if err := r.store.SaveMinions(t.Context(), "", jid, minions); err != nil {
		t.Fatal(err)
	}
	got, missing, err := r.progress(jid)
	if want := (job.Progress{Known: true, Expected: 5000, Returned: 4990}); err != nil || got != want || !slices.Equal(missing, minions[:10]) {
		t.Errorf("got %+v, missing %q, %v", got, missing, err)
	}
	enough := errors.New("enough")
	if _, err := r.store.Progress(t.Context(), "", jid, func(string) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("err = %v", err)
	}
}

func TestProgressOfWrongTypes(t *testing.T) {
	for _, key := range []string{"ret:", "load:", "returnd/job:"} {
		r := newRig(t)
		r.redis.SAdd(t.Context(), key+"x", "a")
		if _, _, err := r.progress("x"); !isWrongType(err) {
			t.Errorf("%s: %v, want wrong_type", key, err)
		}
	}
}

func TestHistory(t *testing.T) {
	r := newRig(t, func(c *Config) { c.History.Limit = 4 })
	var batch []job.Entry
	var want []job.Past
	for i := range 8 {
		jid := jidAt(time.Duration(i+1) * time.Minute)
		if i%2 == 0 { // not in their order
			batch = append(batch, ret(jid, "m", "f.x"))
		} else {
			batch = append([]job.Entry{ret(jid, "m", "f.x")}, batch...)
		}
		want = append(want, job.Past{JID: jid, Fun: "f.x"})
	}
	for _, e := range batch {
		r.write(e)
	}
	r.write(ret("custom", "m", "f.y"))
	r.redis.LPush(t.Context(), "returnd/history:m", want[0].JID+"\tf.z", "no entry", jidAt(-48*time.Hour)+"\tf.far") // a day and more ahead is none
	want[0].Fun = "f.z"                                                                                              // came last
	got, err := r.store.History(t.Context(), "", "m", 3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want[:3], got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	all, err := r.store.History(t.Context(), "", "m", 1000)
	if err != nil || len(all) < 5 || all[len(all)-2].JID != "custom" || all[len(all)-1].Fun != "f.far" {
		t.Errorf("all = %v, %v, want the jids that are no times last, the greatest first", all, err)
	}
	if none, err := r.store.History(t.Context(), "", "nobody", 3); len(none) != 0 || err != nil {
		t.Errorf("of nobody: %v, %v", none, err)
	}
	r.redis.Set(t.Context(), "returnd/history:n", "a string", 0)
	if _, err := r.store.History(t.Context(), "", "n", 3); !isWrongType(err) {
		t.Errorf("of another type: %v", err)
	}
}

func TestEndTime(t *testing.T) {
	r := newRig(t, func(c *Config) { c.KeepJobsSeconds = 3600 })
	jid := jidAt(10 * time.Minute)
	if text, err := r.store.EndTime(t.Context(), "", jid); text != "" || err != nil {
		t.Errorf("before: %q, %v", text, err)
	}
	for _, want := range []string{"2026, Nov 20 08:01:02.123456", "later"} {
		if err := r.store.SetEndTime(t.Context(), "", jid, want); err != nil {
			t.Fatal(err)
		}
		if text, err := r.store.EndTime(t.Context(), "", jid); text != want || err != nil {
			t.Errorf("got %q, %v, want %q", text, err, want)
		}
	}
	if ttl := r.ttl("returnd/job:" + jid); ttl > 50*time.Minute || ttl < 49*time.Minute {
		t.Errorf("TTL = %v, want what is left of the job's keep", ttl)
	}
	r.redis.Set(t.Context(), "returnd/job:x", "a string", 0)
	if _, err := r.store.EndTime(t.Context(), "", "x"); !isWrongType(err) {
		t.Errorf("EndTime of another type: %v", err)
	}
	if err := r.store.SetEndTime(t.Context(), "", "x", "now"); !isWrongType(err) {
		t.Errorf("SetEndTime of another type: %v", err)
	}
	r.proc.Kill()
	if _, err := r.store.EndTime(t.Context(), "", jid); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("EndTime with Redis away: %v", err)
	}
	if err := r.store.SetEndTime(t.Context(), "", jid, "now"); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("SetEndTime with Redis away: %v", err)
	}
}
