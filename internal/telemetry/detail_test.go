package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// Details are told beside the parts; that one fails or hangs makes nobody unready.
func TestDetailsMakeNobodyUnready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		details := []Detail{
			{"cleanup", func(context.Context) (any, error) { return map[string]any{"by": "a"}, nil }},
			{"broken", func(context.Context) (any, error) { return nil, errors.New("connection refused") }},
			{"deaf", func(context.Context) (any, error) { <-release; return nil, nil }},
		}
		reply := httptest.NewRecorder()
		serveReady([]Check{{"nats", ready}}, details...)(reply, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		var got map[string]any
		if err := json.Unmarshal(reply.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"ready": true, "parts": map[string]any{"nats": "ok"},
			"details": map[string]any{
				"cleanup": map[string]any{"by": "a"}, "broken": "connection refused",
				"deaf": "no answer within 2s: context deadline exceeded",
			},
		}
		if diff := cmp.Diff(want, got); diff != "" || reply.Code != http.StatusOK {
			t.Errorf("status %d (-want +got):\n%s", reply.Code, diff)
		}
	})
}
