package containers

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"

	"returnd/test/servers"
)

const (
	// engineLimit bounds the first question to the engine: one that answers at
	// all does so in milliseconds.
	engineLimit = 10 * time.Second
	// callLimit bounds one request to the engine on a busy machine.
	callLimit = time.Minute
)

// engine connects to the container engine once for the life of the test
// binary, whose place is a variable of the package.
var engine = sync.OnceValues(func() (provider *testcontainers.DockerProvider, err error) {
	// The library panics where it finds no socket to ask.
	defer func() {
		if r := recover(); r != nil {
			provider, err = nil, noEngine(fmt.Errorf("%v", r))
		}
	}()
	// The library tells of every step; tests tell of those that fail.
	log.SetDefault(log.NewNoopLogger())
	// Its helper that removes what a dead test left is an image of its own,
	// which cannot be had everywhere: guard.go does the same without one.
	if os.Getenv("TESTCONTAINERS_RYUK_DISABLED") == "" {
		if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), engineLimit)
	defer cancel()
	provider, err = testcontainers.NewDockerProvider()
	if err != nil {
		return nil, noEngine(err)
	}
	if _, err := provider.Client().Ping(ctx, client.PingOptions{}); err != nil {
		return nil, noEngine(err)
	}
	return provider, nil
})

// noEngine says on one line why there is none.
func noEngine(err error) error {
	return fmt.Errorf("no container engine answers (DOCKER_HOST names one that is elsewhere): %s",
		strings.Join(strings.Fields(err.Error()), " "))
}

// Available tells whether a container engine answers, and if not, why.
func Available() error {
	_, err := engine()
	return err
}

// need gives the engine. Without one the test is skipped, and fails in CI:
// there, a skipped test is a test that nobody ever runs.
func need(t testing.TB) client.APIClient {
	t.Helper()
	provider, err := engine()
	if err != nil {
		leaveOut(t, err)
	}
	return provider.Client()
}

func leaveOut(t testing.TB, why error) {
	t.Helper()
	if servers.InCI() {
		t.Fatalf("%v (a skip is a failure in CI)", why)
	}
	t.Skip(why)
}

// call does one thing at the engine that the test cannot go on without. It
// goes on after the end of the test's own context: cleaning up is one of them.
func call(t testing.TB, what string, do func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	if err := do(ctx); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
