package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"returnd/internal/cleanup"
	"returnd/internal/job"
)

// fakeNower sweeps what it is told to have swept.
type fakeNower struct {
	result  cleanup.Result
	fails   error
	ordered cleanup.Order
}

func (f *fakeNower) Now(_ context.Context, o cleanup.Order, progress func(cleanup.Result)) (cleanup.Result, error) {
	f.ordered = o
	progress(f.result)
	return f.result, f.fails
}

func (f *fakeNower) Status(context.Context) (cleanup.Status, error) {
	return cleanup.Status{Last: &f.result}, nil
}

func swept() cleanup.Result {
	r := cleanup.Result{By: "web1/7", Seconds: 1.25, Looked: 5, Removed: 2, SweepReport: job.SweepReport{Keys: 9}}
	c := r.Count(job.SweepReturns)
	c.Looked, c.Removed, c.Kept = 5, 2, map[string]int64{"young": 1, "load": 2}
	r.Count(job.SweepMinions).Looked = 3
	return r
}

func TestCleanupShowsWhatWasDone(t *testing.T) {
	dry := swept()
	dry.DryRun = true
	failed := swept()
	failed.Error = "archive: connection refused"
	tests := []struct {
		name   string
		o      cleanupOptions
		result cleanup.Result
		fails  error
		want   []string
		err    string
	}{
		{"a table", cleanupOptions{output: outputTable}, swept(), nil, []string{
			"KIND     LOOKED AT  REMOVED  MENDED  KEPT\n", "minions  3          0        0\n", "returns  5          2        0       2 load, 1 young\n",
			"removed 2 of 5, 9 keys scanned in 1.2 s by web1/7\n",
		}, ""},
		{"JSON", cleanupOptions{}, swept(), nil, []string{`"by":"web1/7"`, `"looked":5,"removed":2`, `"returns":{"looked":5,"removed":2,"mended":0,"kept":{"load":2,"young":1}}`}, ""},
		{"a trial", cleanupOptions{dryRun: true, profile: "archive", output: outputTable}, dry, nil, []string{"dry run: would remove 2 of 5"}, ""},
		{"a part of it failed", cleanupOptions{}, failed, nil, []string{`"error":"archive: connection refused"`}, "not all could be swept: archive: connection refused"},
		{"another sweeps", cleanupOptions{}, swept(), &cleanup.BusyError{By: "web2/8\x1b[2J", Left: time.Second}, nil, `web2/8\u001b[2J sweeps right now`},
		{"held by hand", cleanupOptions{}, swept(), &cleanup.BusyError{By: "maintenance", Left: -1}, nil, "maintenance keeps everybody from sweeping"},
		{"no Redis", cleanupOptions{}, swept(), errors.New("connection refused"), nil, "connection refused"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &fakeNower{result: test.result, fails: test.fails}
			var out, errs bytes.Buffer
			cmd := &cobra.Command{}
			cmd.SetOut(&out)
			cmd.SetErr(&errs)
			cmd.SetContext(t.Context())
			err := test.o.sweep(cmd, f)
			if got := errText(err); !strings.Contains(got, test.err) || (got == "") != (test.err == "") {
				t.Errorf("got the error %q, want %q", got, test.err)
			}
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in:\n%s", want, out.String())
				}
			}
			if want := (cleanup.Order{DryRun: test.o.dryRun, Profile: test.o.profile}); f.ordered != want {
				t.Errorf("ordered %+v, want %+v", f.ordered, want)
			}
			if errs.Len() != 0 {
				t.Errorf("a bar for nobody: %q", errs.String())
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestCleanupStatus(t *testing.T) {
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	last := swept()
	last.Finished = now.Add(-time.Minute)
	so := last
	so.Takeovers = 2
	tests := []struct {
		name   string
		status cleanup.Status
		want   []string
	}{
		{"at the beginning", cleanup.Status{Now: now, Next: now}, []string{"sweeping  nobody\n", "next      due\n", "last      never"}},
		{"never by itself", cleanup.Status{Now: now}, []string{"when told to (cleanup.interval is 0s)"}},
		{"between two", cleanup.Status{Now: now, Next: now.Add(30 * time.Minute), Last: &last}, []string{"(in 30m0s)", "1m0s ago: removed 2 of 5"}},
		{
			"at it",
			cleanup.Status{Now: now, Running: &so, Holder: &cleanup.Holder{By: "web1/7", Since: now.Add(-5 * time.Second), Until: now.Add(time.Second)}},
			[]string{"web1/7, since ", "(5s ago)", "so far    removed 2 of 5", "taken over 2 times", "next      planned when this one is done"},
		},
		{"left unfinished", cleanup.Status{Now: now, Next: now, Running: &so}, []string{"sweeping    nobody", "unfinished  removed 2 of 5", "due: the unfinished one is gone on with"}},
		{"held by hand", cleanup.Status{Now: now, Holder: &cleanup.Holder{By: "maintenance"}}, []string{"maintenance, for ever: its lease has no TTL"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := (screen{}).cleanupStatus(&out, test.status); err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in:\n%s", want, out.String())
				}
			}
		})
	}
}

// What others are to read keeps its names.
func TestCleanupStatusAsJSON(t *testing.T) {
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	body, err := json.Marshal(cleanup.Status{Now: now, Token: 7, Next: now, Holder: &cleanup.Holder{By: "a", Since: now}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"now":"2026-11-20T08:00:00Z","holder":{"by":"a","since":"2026-11-20T08:00:00Z"},"token":7,"next":"2026-11-20T08:00:00Z"}`
	if diff := cmp.Diff(want, string(body)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCleanupUsage(t *testing.T) {
	for line, want := range map[string]string{
		"cleanup --output yaml":           `--output is "yaml": use json or table`,
		"cleanup --profile nowhere":       `there is no profile "nowhere"`,
		"cleanup --dry-run --status":      "dry-run status",
		"cleanup everything":              "cleanup",
		"cleanup --cleanup.interval 10ms": "cleanup.interval is 10ms: use 1s or more",
	} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), strings.Fields(line), nil, &out, &errs)
		if code != 2 || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: exit %d, %q, want 2 and %q", line, code, errs.String(), want)
		}
	}
}
