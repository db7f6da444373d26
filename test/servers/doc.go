// Package servers starts what the tests run against: real redis-server,
// nats-server and worker processes, and an in-process NATS server.
//
// What enters is a testing.TB and the arguments a test wants to add; what
// leaves is a running, answering server on a free loopback port with a
// directory of its own. Promised: it answers before the constructor returns,
// it can be killed, stopped, continued and restarted on the same port and
// directory, and it never outlives the test, not even when the test binary
// is killed (see start_linux.go).
//
// A server that cannot be had skips the test and names the make target that
// brings it; in CI the same is a failure, so that nothing is skipped silently.
package servers
