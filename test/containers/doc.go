// Package containers starts what package servers starts, as containers: each
// one has an address and a name of its own, and can be cut off its network.
//
//	Redis        one node; RedisTLS, RedisACL, RedisSocket (on a volume)
//	Sentinel     one primary, two replicas, three Sentinels
//	Cluster      primaries with replicas, any number of both
//	NATS         a nats-server with JetStream
//	Worker       the worker's own image
//
// What enters is a testing.TB, the networks to stand in and the arguments a
// test wants to add; what leaves is a running, answering container whose port
// is mapped to this machine's loopback. Promised: it answers before the
// constructor returns, keeps its name, data and mapped port over Stop, Start,
// Pause, Cut and Mend, and is removed with its network and volumes at the end
// of the test, also when the test binary is killed (see guard.go).
//
// Sentinels and Cluster nodes announce their names in the network, which mean
// nothing on this machine: clients that follow them run in containers.
//
// The images are the official ones where they can be pulled, else small local
// ones (image.go, `make test-images`); TEST_REDIS_IMAGE, TEST_NATS_IMAGE and
// TEST_WORKER_IMAGE name others. The worker's is made of what stands here.
//
// Where no engine answers, the tests are skipped and say why; in CI the same
// is a failure, so that nothing is skipped silently.
package containers
