// Package e2e drives worker processes from outside, against real nats-server
// and redis-server processes: what is published, what is left in Redis and in
// the dead letters, and what callers are answered.
//
// The tests know nothing of the product's packages, but for client, which is
// tried too, and the list of endpoints: subjects, keys and shapes are spelled
// out here once more, as the specification has them, so that a mistake in the
// product is not repeated by its test.
//
// TEST_REDIS says what Redis is: standalone (unless told otherwise), sentinel
// or cluster. The tests are the same; what a form does not have (databases,
// unix sockets) is refused there, and that is what is asserted.
package e2e

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
