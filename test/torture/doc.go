// Package torture holds the tests of what the project promises when things go wrong.
//
// Two questions are asked. Do repeats and disorder leave the state of one orderly pass (same_*_test.go)? And is
// everything that was acknowledged to a publisher in Redis, after servers and workers were stopped and killed
// (faults_test.go)? The second is answered by an oracle that the publishers keep; teeth_test.go shows that the oracle
// notices what it is there to notice.
//
// Every run prints its seed; TEST_SEED gives one. TEST_SLOW=1 makes the runs long.
package torture
