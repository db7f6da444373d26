package main

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"returnd/client"
	"returnd/internal/job"
)

// The shapes of a load: how the returns of jobs lie in the stream.
const (
	shapeBurst   = "burst"   // one job's returns together
	shapeInter   = "inter"   // the same, displaced by up to displacedBy jobs
	shapeScatter = "scatter" // all jobs interleaved, five times the minions, twenty functions
)

var shapes = []string{shapeBurst, shapeInter, shapeScatter}

const (
	displacedBy = 20
	benchFuns   = 20
	// spread is how many times the minions of a job there are in all, in shapeScatter.
	spread = 5
	// leastSize is what the names in a return take.
	leastSize = 300
)

// workload is what one run publishes. The same seed gives the same order; jids are of the run alone.
type workload struct {
	benchOptions
	run  string // what the run's jids end in
	jids []string
	next job.Generator
	rng  *rand.Rand
}

func newWorkload(o benchOptions, now time.Time) *workload {
	w := &workload{
		benchOptions: o,
		run:          "_" + strconv.Itoa(100_000_000+rand.IntN(900_000_000)), //nolint:gosec // a name, no secret
		rng:          rand.New(rand.NewPCG(1, 2)),                            //nolint:gosec // repeatable
	}
	for range (o.returns + o.minions - 1) / o.minions {
		w.jids = append(w.jids, w.newJID(now))
	}
	return w
}

func (w *workload) newJID(now time.Time) string { return w.next.Next(now) + w.run }

// place is one return's: its job, its minion, its function.
type place struct{ job, minion, fun int }

func (w *workload) at(i int) place {
	if w.shape != shapeScatter {
		return place{i / w.minions, i % w.minions, i / w.minions % benchFuns}
	}
	round := i / len(w.jids)
	return place{i % len(w.jids), round*spread + i%spread, w.rng.IntN(benchFuns)}
}

// expected counts the returns of a job.
func (w *workload) expected(number int) int {
	if w.shape != shapeScatter {
		return min(w.minions, w.returns-number*w.minions)
	}
	return (w.returns - number + len(w.jids) - 1) / len(w.jids)
}

// order yields all places; those that are displaced wait in a window, so that memory does not grow with the run.
func (w *workload) order() iter.Seq[place] {
	return func(yield func(place) bool) {
		room := 1
		if w.shape != shapeBurst {
			room = displacedBy * w.minions
		}
		var window []place
		for i := range w.returns {
			if window = append(window, w.at(i)); len(window) < room {
				continue
			}
			if !yield(w.take(&window)) {
				return
			}
		}
		for more := true; more && len(window) > 0; {
			more = yield(w.take(&window))
		}
	}
}

// take removes any of the window's places.
func (w *workload) take(window *[]place) place {
	all := *window
	i, last := w.rng.IntN(len(all)), len(all)-1
	p := all[i]
	all[i] = all[last]
	*window = slices.Delete(all, last, last+1)
	return p
}

// document is a return of about the size asked for.
func (w *workload) document(subjects job.Subjects, p place) client.Document {
	return benchReturn(subjects, w.jids[p.job], fmt.Sprintf("bench%05d.returnd.invalid", p.minion), fmt.Sprintf("bench.fun%02d", p.fun), w.size)
}

func benchReturn(subjects job.Subjects, jid, minion, fun string, size int) client.Document {
	head := `{"cmd": "_return", "id": ` + pyString(minion) + `, "success": true, "return": "`
	tail := `", "retcode": 0, "jid": ` + pyString(jid) + `, "fun": ` + pyString(fun) + `, "fun_args": [], "user": "root", "_stamp": ` + pyStamp(time.Now()) + `}`
	const text = "output "
	room := max(0, size-len(head)-len(tail))
	body := head + strings.Repeat(text, room/len(text)+1)[:room] + tail
	return client.Document{Subject: subjects.Return(jid, minion), Body: []byte(body)}
}
