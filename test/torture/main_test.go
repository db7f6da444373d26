package torture

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"returnd/internal/job"
)

// keep is the default of keep_jobs_seconds, lateKeep that of late_keep.
const (
	keep     = 24 * time.Hour
	lateKeep = time.Hour
)

// subjects is the space of a prefix: streams of several passes live side by side on one server.
func subjects(prefix string) job.Subjects { return job.NewSubjects(prefix) }

func TestMain(m *testing.M) {
	flag.Parse()
	// A failing case is small and printed; files beside the tests would only litter the tree.
	_ = flag.Set("rapid.nofailfile", "true")
	_ = flag.Set("rapid.shrinktime", "10s")
	if seed := os.Getenv("TEST_SEED"); seed != "" {
		_ = flag.Set("rapid.seed", seed)
	}
	goleak.VerifyTestMain(m)
}

// slow tells that the long runs are asked for.
func slow() bool { return os.Getenv("TEST_SLOW") == "1" }

// seedOf is TEST_SEED, else a fresh seed; it is in the output of the test.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(rand.Uint32())
	if text := os.Getenv("TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TEST_SEED: %v", err)
		}
	}
	t.Logf("TEST_SEED=%d", seed)
	return seed
}

// checks says how many cases a property is tried on. The tests that call it do not run side by side: the flag is the
// library's only setting.
func checks(t *testing.T, ordinary, long int) {
	t.Helper()
	n := ordinary
	if slow() {
		n = long
	}
	if err := flag.Set("rapid.checks", strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
}
