package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Check tells whether one part can do its work.
type Check struct {
	// Name is the part, as /readyz shows it.
	Name string
	// Ready is nil when the part is; else the error says what is wrong and what to do. It must end with its context.
	Ready func(ctx context.Context) error
}

// checkLimit is below the 5 s that most probes allow, so that the reason arrives and not a time-out.
const checkLimit = 2 * time.Second

// readiness is the reply of /readyz.
type readiness struct {
	Ready bool              `json:"ready"`
	Parts map[string]string `json:"parts"`
}

// ask runs the checks at once, each within checkLimit.
func ask(ctx context.Context, checks []Check) readiness {
	reasons := make([]string, len(checks))
	var group sync.WaitGroup
	for i, check := range checks {
		group.Go(func() { reasons[i] = askOne(ctx, check) })
	}
	group.Wait()
	answer := readiness{Ready: true, Parts: make(map[string]string, len(checks))}
	for i, check := range checks {
		answer.Parts[check.Name] = reasons[i]
		answer.Ready = answer.Ready && reasons[i] == "ok"
	}
	return answer
}

// askOne answers in time even for a check that does not heed its context: that goroutine ends when the check does.
func askOne(ctx context.Context, check Check) string {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- check.Ready(ctx) }()
	select {
	case err := <-done:
		return reason(err)
	case <-ctx.Done():
	}
	// Both may be there at once: a check's own words are worth more than ours.
	select {
	case err := <-done:
		return reason(err)
	default:
		return reason(ctx.Err())
	}
}

func reason(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %v: %v", checkLimit, err)
	}
	return err.Error()
}

// serveReady answers 503 when any part is not ready, with the reason of each.
func serveReady(checks []Check, details ...Detail) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		told := make(chan map[string]any, 1)
		go func() { told <- tell(r.Context(), details) }()
		answer := page{readiness: ask(r.Context(), checks), Details: <-told}
		status := http.StatusOK
		if !answer.Ready {
			status = http.StatusServiceUnavailable
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer) // the caller went away: nobody is left to tell
	}
}

// serveAlive answers 503 with the reason when the worker should be restarted.
func serveAlive(alive func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if err := alive(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	}
}
