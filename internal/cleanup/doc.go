// Package cleanup removes what is left of old jobs, once an interval, and by one replica at a time.
//
// In comes a Sweeper, which knows the keys of jobs and removes in small steps; out go the sweeps' reports: to the log, to
// the metrics, and to Redis for everybody to see. Promised: while one replica sweeps no other does, as far as a lease can
// promise that; and no job is harmed where it cannot. The Cleaner says when; the Lease says who.
//
// # Protocol
//
//	returnd/{cleanup}/lease   who has it: "<owner> <nonce>", with a TTL     returnd/{cleanup}/at     where a sweep stands
//	returnd/{cleanup}/token   the greatest token, for ever                  returnd/{cleanup}/last   the last sweep's result
//
//	holder   acquire ───────renew───────renew──────╳ dead              next one
//	lease    ├──────────────├───────────├──────────────────────┤ gone  ├────────
//	trust    ├─────────────────────────────────────────────┤           ├────────
//	         0             TTL/3       2/3             trust ends    acquire, with a greater token
//	                                                   TTL/5 before the lease
//
// One script takes the lease, if nobody has it, and sets the token to the greater of token+1 and the server's time in
// microseconds; what is taken has a nonce that nobody else can hold. Every other script first compares that nonce:
// renewing, giving back, noting how far the sweep has come. The four keys share one slot, so all of this works the same on
// one server, behind Sentinels and in a cluster. A waiting replica looks again when the lease's time is over, and once a
// second.
//
// Trust ends on the monotonic clock, counted from before the last successful request to renew was sent, and a fifth of the
// time before the lease itself does. Then the context of the sweep is dead. It is asked by the clock at each step
// (Held.Err, and Err of the context) besides a timer's end, because after SIGSTOP and SIGCONT a timer is late. At least
// every 200 ms of a sweep the server is asked too: noting the sweep's place fails when the lease is another's.
//
// # Safety
//
// At most one replica trusts the lease at any time, and tokens only grow, as long as
//   - clocks run evenly: the server's and ours differ by less than a fifth over one TTL. What they show does not matter;
//     no wall clock of a replica is looked at;
//   - the server keeps the key for its time. It does not where the key is deleted by hand, where the server's clock is set
//     forward, and where a failover loses the key because the replica did not have it yet. Then two replicas may trust
//     their leases, under different tokens, until the older one asks: 200 ms and a step;
//   - the process sees time pass. Linux' monotonic clock stands still while the machine is suspended, and that of a
//     virtual machine may too. The next question to the server finds out: again 200 ms and a step;
//   - there is one server. An old primary that is cut off together with a replica goes on renewing for it, until the
//     Sentinels or the cluster turn it around, and its notes are lost with it.
//
// A failover may lose the token: the server's time keeps it growing, unless the new primary's clock is behind by more
// than the failover took.
//
// No lease can promise more: a process may be stopped between its last look at the clock and the arrival of what it sends,
// for as long as it likes, and the keys to remove lie in other slots, where a token cannot be compared. So the sweep must
// be harmless without a lease, and is, by the Sweeper's own rule: what it removes is older than keep and grace and proven
// dead at that moment on its own server. Two sweeps at once cost time. What another must not overwrite (place, result) lies
// beside the lease and is written by a script that compares the nonce.
//
// # Liveness
//
// A replica looks a second after its start at the latest, and from then on at least twice in a lease's time. A holder that
// stops in order gives the lease back: the next one has it within a second. One that dies, hangs or is cut
// off is replaced within TTL and a second. It goes on where the other has been 200 ms before at the latest. A replica that
// loses the lease tries again as any other. An answer that is lost on the way may leave the lease to nobody, for a TTL.
// Without Redis nobody sweeps, and there is nothing to sweep.
//
// A lease that was put there by hand without a TTL (SET returnd/{cleanup}/lease maintenance) keeps everybody from sweeping
// until it is deleted.
package cleanup
