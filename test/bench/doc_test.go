// Package bench measures the whole way of a return against real nats-server and redis-server processes, beside what
// those parts alone allow, in the same run: only the ratio of the two is worth comparing between machines and days.
//
// Shapes: burst = one job's returns together, a thousand minions a job; inter = the same with returns displaced by up
// to twenty jobs; scatter = jobs interleaved, five thousand minions, twenty functions. BENCH_RETURNS sets how
// many are drained (default 60,000).
package bench
