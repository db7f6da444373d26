package cleanup

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"returnd/internal/job"
)

// measured is every number that the meters show, by name and labels.
func measured(t *testing.T, meters *sdk.ManualReader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := meters.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	add := func(name string, points []metricdata.DataPoint[int64]) {
		for _, p := range points {
			label := []string{name}
			for _, kv := range p.Attributes.ToSlice() {
				label = append(label, kv.Value.AsString())
			}
			found[strings.Join(label, " ")] = p.Value
		}
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				add(m.Name, data.DataPoints)
			case metricdata.Gauge[int64]:
				add(m.Name, data.DataPoints)
			}
		}
	}
	return found
}

func TestMetrics(t *testing.T) {
	bubble(t, func(f *fleet) {
		meters := sdk.NewManualReader()
		sweeper := &fakeSweeper{keyspace: f.space, who: "a"}
		c, err := New(f.config, always(f.client), sweeper, slog.New(slog.DiscardHandler), sdk.NewMeterProvider(sdk.WithReader(meters)).Meter("test"))
		if err != nil {
			t.Fatal(err)
		}
		held := int64(0)
		sweeper.token = func() int64 { held += c.held.Load(); return 0 }
		for _, o := range []Order{{}, {DryRun: true}} { // a trial counts as a sweep, and adds nothing
			if _, err := c.Now(f.Context(), o, nil); err != nil {
				t.Fatal(err)
			}
		}
		s := f.state()
		want := map[string]int64{
			"returnd.cleanup.sweeps done": 2, "returnd.cleanup.keys": 100,
			"returnd.cleanup.looked returns": 100, "returnd.cleanup.removed returns": 50, "returnd.cleanup.mended returns": 0,
			"returnd.cleanup.kept returns young": 50,
			"returnd.cleanup.lease.held":         0, "returnd.cleanup.lease.token": s.Token, "returnd.cleanup.last_success": s.Last.Finished.Unix(),
		}
		if diff := cmp.Diff(want, measured(t, meters)); diff != "" || held != 50 {
			t.Errorf("held at %d of 50 removals (-want +got):\n%s", held, diff)
		}
	})
}

func TestOutcome(t *testing.T) {
	tests := []struct {
		err  error
		told string
		want string
	}{
		{nil, "", outcomeDone},
		{nil, "redis: refused", outcomeFailed},
		{errors.New("refused"), "", outcomeFailed},
		{errors.Join(ErrLeaseLost, context.Canceled), "", outcomeLost},
		{context.Canceled, "", outcomeStopped},
	}
	for _, test := range tests {
		if got := outcome(Result{Error: test.told}, test.err); got != test.want {
			t.Errorf("%v, %q: got %s, want %s", test.err, test.told, got, test.want)
		}
	}
}

// What a sweeper goes on counting in does not change what was told before.
func TestResultIsACopy(t *testing.T) {
	var report job.SweepReport
	report.Count(job.SweepReturns).Keep("young")
	r := Result{Started: time.Unix(1, 0)}.with(report)
	report.Count(job.SweepReturns).Keep("young")
	if r.Kept["young"] != 1 || r.Of[job.SweepReturns].Kept["young"] != 1 {
		t.Errorf("got %+v", r)
	}
}
