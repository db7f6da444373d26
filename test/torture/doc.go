// Package torture holds the tests of what the project promises when things go wrong.
//
// Two questions are asked. Do repeats and disorder leave the state of one orderly pass (same_*_test.go)? And is
// everything that was acknowledged to a publisher in Redis, after servers and workers were stopped and killed
// (faults_test.go)? The second is answered by an oracle that the publishers keep; teeth_test.go shows that the oracle
// notices what it is there to notice.
//
// The same oracle is asked while primaries change under a steady load (cluster_test.go, sentinel_test.go): failovers that
// are asked for, primaries that are killed or deaf, slots that move. Replication is asynchronous: a primary that dies
// takes with it what it has confirmed and its replicas have not received. That is the servers' own promise and no
// worker's fault, so zero loss is asserted where redis.write.min_replicas asks for their confirmation, or where nobody
// loses a write: CLUSTER FAILOVER waits for the replica, MIGRATE moves keys whole, a closed connection loses nothing. How
// much goes without it is counted and logged (stale_test.go).
//
// Who sweeps is asked of Redis itself (lease_*_test.go): five workers, each on a wire of its own, sweep every second while
// the one that does is stopped, killed, cut off, ended and robbed of its lease. What MONITOR tells is the event log: whose
// script took the lease under which token, and who removed what under it. A wire tells whose a connection is, and when it
// is mended what was sent before arrives after all. Jobs begin meanwhile (sweep_race_test.go), and none may go. Workers
// that are altered, with a rule taken out or an end of trust, must fail the same test; so must none whose wall clock is
// an hour off.
//
// Every run prints its seed; TEST_SEED gives one. TEST_SLOW=1 makes the runs long.
package torture
