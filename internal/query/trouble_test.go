package query

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"returnd/internal/job"
)

func TestTroubleIsToldOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen trouble
		away, full := fmt.Errorf("%w: refused", job.ErrUnavailable), fmt.Errorf("%w: full", job.ErrUnavailable)
		for _, step := range []struct {
			err  error
			rest time.Duration
			want bool
		}{
			{away, time.Second, true},
			{away, time.Second, false},
			{full, time.Second, true},
			{away, troubleEvery, true},
			{away, 0, true},
		} {
			if got := seen.news(step.err, time.Now()); got != step.want {
				t.Errorf("%v is news: %v, want %v", step.err, got, step.want)
			}
			<-time.After(step.rest)
		}
	})
}
