package deploy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, text      string
		metrics, faults []string
	}{
		{"a series", `up`, []string{"up"}, nil},
		{"with labels", `rate(a_total{code="503", by="x(y"}[5m])`, []string{"a_total"}, nil},
		{"grouped", `sum by (le, reason) (increase(a_bucket[$__rate_interval])) > 0.1`, []string{"a_bucket"}, nil},
		{"two", `time() - max(a) and on(job) b unless c offset 10m > 3 * 1e3`, []string{"a", "b", "c"}, nil},
		{"not closed", `sum(a`, []string{"a"}, []string{"a ( is not closed"}},
		{"closed twice", `sum(a))`, []string{"a"}, []string{"a ) too many"}},
		{"crossed", `rate(a[5m)]`, []string{"a"}, []string{"a ) too many"}},
		{"no such function", `rat(a[5m])`, []string{"a"}, []string{"rat is no function known here"}},
		{"no span", `rate(a)`, []string{"a"}, []string{"rate without a span of time"}},
		{"the span of another", `rate(a) + rate(b[5m])`, []string{"a", "b"}, []string{"rate without a span of time"}},
		{"bad span", `rate(a[5])`, []string{"a"}, []string{"5 is no span of time"}},
		{"nothing", ` `, nil, []string{"nothing at all"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := parse(tt.text)
			if diff := cmp.Diff(tt.metrics, got.metrics); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.faults, got.faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}
