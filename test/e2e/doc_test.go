// Package e2e drives worker processes from outside, against real nats-server
// and redis-server processes: what is published, what is left in Redis and in
// the dead letters, and what callers are answered.
//
// The tests know nothing of the product's packages: subjects, keys and shapes
// are spelled out here once more, as the specification has them, so that a
// mistake in the product is not repeated by its test.
package e2e

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
