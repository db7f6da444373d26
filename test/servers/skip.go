package servers

import (
	"os"
	"testing"
)

// missing skips the test for want of a server, and fails it in CI: there, a
// skipped test is a test that nobody ever runs.
func missing(t testing.TB, why string) {
	t.Helper()
	if InCI() {
		t.Fatalf("%s (a skip is a failure in CI)", why)
	}
	t.Skip(why)
}

// InCI tells that nobody looks: there a skipped test is a failed one.
func InCI() bool {
	switch os.Getenv("CI") {
	case "", "0", "false":
		return false
	}
	return true
}

// Slow skips a test that takes long, unless `make slow` runs it. This skip
// holds in CI as well: there a later stage runs what it skips.
func Slow(t testing.TB) {
	t.Helper()
	if os.Getenv("TEST_SLOW") != "1" {
		t.Skip("takes long: run it with `make slow`")
	}
}
