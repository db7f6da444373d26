package containers

import (
	"errors"
	"runtime"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

// verdict records how a constructor gave up.
type verdict struct {
	testing.TB
	skipped, failed bool
}

func (v *verdict) Helper() {}

func (v *verdict) Skip(...any) {
	v.skipped = true
	runtime.Goexit()
}

func (v *verdict) Fatalf(string, ...any) {
	v.failed = true
	runtime.Goexit()
}

func TestMissingEngineSkipsAndFailsInCI(t *testing.T) {
	for _, tt := range []struct {
		ci              string
		skipped, failed bool
	}{
		{ci: "", skipped: true},
		{ci: "false", skipped: true},
		{ci: "true", failed: true},
		{ci: "1", failed: true},
	} {
		t.Run("CI="+tt.ci, func(t *testing.T) {
			t.Setenv("CI", tt.ci)
			v := &verdict{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				leaveOut(v, noEngine(errors.New("refused")))
			}()
			<-done
			if v.skipped != tt.skipped || v.failed != tt.failed {
				t.Errorf("skipped %v, failed %v; want %v, %v", v.skipped, v.failed, tt.skipped, tt.failed)
			}
		})
	}
}

func TestTheReasonIsOneLine(t *testing.T) {
	got := noEngine(errors.New("cannot connect\n\tto the socket")).Error()
	if strings.Contains(got, "\n") || !strings.HasSuffix(got, "cannot connect to the socket") {
		t.Errorf("got %q", got)
	}
}
