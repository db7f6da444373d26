package telemetry

import (
	"context"
	"sync"
)

// Detail is what a part has to tell besides; it makes nobody unready.
type Detail struct {
	// Name is the part, as /readyz shows it.
	Name string
	// Tell answers what has a form in JSON. It must end with its context.
	Tell func(ctx context.Context) (any, error)
}

// page is the reply of /readyz with the details.
type page struct {
	readiness
	Details map[string]any `json:"details,omitempty"`
}

// tell asks for all details at once, each within checkLimit. Where one fails, the reason stands in its place.
func tell(ctx context.Context, details []Detail) map[string]any {
	told := make(map[string]any, len(details))
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, detail := range details {
		group.Go(func() {
			value := tellOne(ctx, detail)
			mu.Lock()
			defer mu.Unlock()
			told[detail.Name] = value
		})
	}
	group.Wait()
	return told
}

// tellOne is bounded as a check is.
func tellOne(ctx context.Context, detail Detail) any {
	var value any // read only after the check has come to its end
	why := askOne(ctx, Check{Name: detail.Name, Ready: func(ctx context.Context) (err error) {
		value, err = detail.Tell(ctx)
		return err
	}})
	if why != "ok" {
		return why
	}
	return value
}
