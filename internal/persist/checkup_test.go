package persist

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"returnd/internal/job"
)

func TestServersAreJudged(t *testing.T) {
	tests := map[string]struct {
		info, fault string
		warnings    []string
	}{
		"as it should be":    {info: "redis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"},
		"too old":            {info: "redis_version:6.2.14\r\n", fault: "7.0 or later"},
		"evicting":           {info: "redis_version:8.2.0\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:1\r\n", warnings: []string{"noeviction"}},
		"keeping nothing":    {info: "redis_version:7.2.4\r\nmaxmemory_policy:noeviction\r\naof_enabled:0\r\n", warnings: []string{"append-only"}},
		"still loading":      {info: "redis_version:7.0.15\r\naof_enabled:0\r\nloading:1\r\n", fault: "loading its data"},
		"telling too little": {info: "redis_version:\r\n"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			log := slog.New(slog.NewTextHandler(&said, nil))
			c := &connection{target: &target{}}
			for range 2 { // the second time nothing is said again
				err := c.judge(fields(tc.info), "a:6379", log)
				if (err != nil) != (tc.fault != "") || (err != nil && (!errors.Is(err, job.ErrUnavailable) || !strings.Contains(err.Error(), tc.fault))) {
					t.Errorf("error = %v, want one that says %q", err, tc.fault)
				}
			}
			if got := strings.Count(said.String(), "level=WARN"); got != len(tc.warnings) {
				t.Errorf("%d warnings, want %d: %s", got, len(tc.warnings), said.String())
			}
			for _, want := range tc.warnings {
				if !strings.Contains(said.String(), want) {
					t.Errorf("nothing said of %s: %s", want, said.String())
				}
			}
		})
	}
}
