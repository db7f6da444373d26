package torture

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// fault is one thing that is done to the servers, and undone.
type fault struct {
	name string
	// after is the pause before it, once the one before is over and made up for.
	after time.Duration
	// lasts is how long Redis is stopped, or what was killed stays away.
	lasts  time.Duration
	worker int // the worker that is killed
}

// Whatever is killed is killed while Redis is stopped, so that it dies with work in hand: a worker with returns it holds,
// Redis with writes it has not read, NATS before the acks of what is written next.
const (
	stopRedis  = "stop Redis"
	killRedis  = "kill Redis"
	killWorker = "kill a worker"
	killNATS   = "kill NATS"
)

// awayAtLeast is longer than publishers wait for an acknowledgement: while NATS is away some outcomes stay unknown.
const awayAtLeast = impatience + 100*time.Millisecond

// plan is how much is published and what happens meanwhile.
type plan struct {
	jobs, minions int
	ackWait       time.Duration
	frozen        time.Duration // how long Redis is stopped, in one piece
	kills         map[string]int
}

// ordinary is for every test run: Redis is stopped for longer than the workers' read timeout (5 s) and far longer than
// the ack wait, so that without in-progress signals everything held would be delivered again.
func ordinary() plan {
	return plan{
		jobs: 100, minions: 100, ackWait: 2 * time.Second, frozen: 7 * time.Second,
		kills: map[string]int{killRedis: 1, killWorker: 2, killNATS: 1},
	}
}

// long is the run that the promises are measured by. The histories of 1,000 minions stay complete with 100 jobs.
func long() plan {
	return plan{
		jobs: 100, minions: 1000, ackWait: 5 * time.Second, frozen: 30 * time.Second,
		kills: map[string]int{killRedis: 3, killWorker: 6, killNATS: 3},
	}
}

// schedule draws the order and the pauses of a plan's faults. The same seed gives the same.
func (p plan) schedule(seed uint64) []fault {
	random := rand.New(rand.NewPCG(seed, 1))
	upTo := func(d time.Duration) time.Duration {
		return time.Duration(random.Int64N(int64(d))).Round(time.Millisecond)
	}
	faults := []fault{{name: stopRedis, lasts: p.frozen}}
	for _, name := range []string{killRedis, killWorker, killNATS} {
		for range p.kills[name] {
			faults = append(faults, fault{name: name, lasts: awayAtLeast + upTo(500*time.Millisecond), worker: random.IntN(workers)})
		}
	}
	random.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	for i := range faults {
		faults[i].after = 300*time.Millisecond + upTo(700*time.Millisecond)
	}
	return faults
}

// redeliveries is how many messages may come again over a fault. While Redis is away, the workers' in-progress signals
// hold all of them. What a killed worker held comes again once. What NATS has forgotten when it is killed, and lets
// come again, is its own affair: that is reported only.
func (f fault) redeliveries(unsettled int) int {
	switch f.name {
	case killWorker:
		return unsettled
	case killNATS:
		return math.MaxInt
	}
	return 0
}

// lasting is about how long a schedule takes; everything is published steadily over that time.
func (p plan) lasting(faults []fault) (sum time.Duration) {
	for _, f := range faults {
		sum += f.after + workInHand + f.lasts + p.ackWait
	}
	return sum
}

func describe(faults []fault) string {
	var lines []string
	for _, f := range faults {
		line := fmt.Sprintf("after %v: %s for %v", f.after, f.name, f.lasts)
		if f.name == killWorker {
			line += fmt.Sprintf(" (number %d)", f.worker)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
