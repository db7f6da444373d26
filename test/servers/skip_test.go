package servers

import (
	"path/filepath"
	"runtime"
	"testing"
)

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

func TestMissingServerSkipsAndFailsInCI(t *testing.T) {
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
			t.Setenv("PATH", t.TempDir())
			v := &verdict{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				Redis(v)
			}()
			<-done
			if v.skipped != tt.skipped || v.failed != tt.failed {
				t.Errorf("skipped %v, failed %v; want %v, %v", v.skipped, v.failed, tt.skipped, tt.failed)
			}
		})
	}
}

func TestBinaryIsBuiltOnceAndWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache", "servers")
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() { errs <- buildOnce(path, "returnd/test/servers/testdata/hello") }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	left, err := filepath.Glob(path + "*")
	if err != nil || len(left) != 2 {
		t.Errorf("got %v (%v), want the binary and its lock", left, err)
	}
}
