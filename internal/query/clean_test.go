package query

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/job"
)

// CleanOldJobs has the store's faults concern this endpoint as all others.
func (f *fakeStore) CleanOldJobs(ctx context.Context, _ string, _ bool) ([]byte, error) {
	return []byte("{}"), f.enter(ctx)
}

// fakeCleaner answers what it was asked, or fails.
type fakeCleaner struct {
	fails error
	slow  bool
}

func (f *fakeCleaner) CleanOldJobs(ctx context.Context, profile string, dryRun bool) ([]byte, error) {
	if f.slow {
		<-ctx.Done()
		return []byte(`{"running": true}`), nil
	}
	return fmt.Appendf(nil, `{"profile": %q, "dry_run": %v}`, profile, dryRun), f.fails
}

func TestCleanOldJobs(t *testing.T) {
	tests := []struct {
		name    string
		cleaner Cleaner
		request string
		want    answer
	}{
		{"everything", &fakeCleaner{}, ``, ok(`{"profile": "", "dry_run": false}`)},
		{"a trial of one profile", &fakeCleaner{}, `{"dry_run": true, "profile": "archive"}`, ok(`{"profile": "archive", "dry_run": true}`)},
		{"no profile is all of them", &fakeCleaner{}, `{"profile": null}`, ok(`{"profile": "", "dry_run": false}`)},
		{"a long sweep goes on", &fakeCleaner{slow: true}, ``, ok(`{"running": true}`)},
		{"no boolean", &fakeCleaner{}, `{"dry_run": "yes"}`, answer{Code: codeMalformed, Sentence: "dry_run must be true or false"}},
		{
			"another sweeps", &fakeCleaner{fails: fmt.Errorf("clean: %w", &Busy{By: "web7/12"})}, ``,
			answer{Code: codeUnavailable, Retry: "1", Sentence: "web7/12 sweeps right now: ask again later; /readyz and `worker cleanup --status` show how far it has come"},
		},
		{
			"no Redis", &fakeCleaner{fails: fmt.Errorf("%w: refused", job.ErrUnavailable)}, ``,
			answer{Code: codeUnavailable, Retry: "1", Sentence: "Redis cannot be used right now: try again in a few seconds; the worker's /readyz and log tell why"},
		},
		{
			"a surprise", &fakeCleaner{fails: errors.New("surprise")}, ``,
			answer{Code: codeInternal, Sentence: "something went wrong in the worker: its log has the details"},
		},
		{
			"no cleaner", nil, ``,
			answer{Code: codeUnavailable, Retry: "1", Sentence: "this worker does not clean up: ask another one, or run `worker cleanup`"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := startWith(t, startNATS(t, 1<<20), &fakeStore{}, test.cleaner, func(c *Config) { c.Timeout = time.Second })
			if diff := cmp.Diff(test.want, r.ask(t, "clean_old_jobs", test.request)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
