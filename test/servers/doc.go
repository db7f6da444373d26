// Package servers starts what the tests run against: real redis-server,
// nats-server and worker processes, and an in-process NATS server.
//
//	Redis      one node, on a port and a unix socket
//	RedisTLS   one node behind TLS, with certificates of its own (Authority)
//	RedisACL   one node with users
//	Sentinel   one primary, two replicas, three Sentinels
//	Cluster    primaries with replicas, any number of both
//	NATS       a nats-server process; EmbeddedNATS is one within the test
//	Worker     the worker; Run is one command of it; Altered has a rule taken out of its source, or a wrong clock
//
// What enters is a testing.TB and the arguments a test wants to add; what
// leaves is a running, answering server on a free loopback port with a
// directory of its own. Promised: it answers before the constructor returns,
// it can be killed, stopped, continued and restarted on the same port and
// directory, and it never outlives the test, not even when the test binary
// is killed (see start_linux.go). Groups of nodes find their balance before
// their constructor returns, and Settle waits for it after a disturbance; all
// nodes are a Process each, to be killed and stopped as any other.
//
// A server that cannot be had skips the test and names the make target that
// brings it; in CI the same is a failure, so that nothing is skipped silently.
package servers
