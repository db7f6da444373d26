package persist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"

	"returnd/internal/job"
)

const (
	// sweepStep is how many keys one SCAN is asked for: with what is then done to them it holds Redis for a millisecond
	// or two, in parts of which none is longer than one script.
	sweepStep = 500
	// sweepPage is how many entries of a shared key are looked at in one step.
	sweepPage = 256
	// perCall is how many keys one script handles: it holds Redis for some 0.1 ms.
	perCall = 64
	// stepsPerSecond spreads a paced sweep: SCAN is its longest command, and the shorter the smaller the steps are. Twice as
	// many cost more of Redis' time.
	stepsPerSecond = 50
)

// sweep is one pass over one database.
//
// A live job is kept by two rules, each of which would do alone. By age: nothing is removed of a job that is not older
// than keep and grace by the server's clock, so a job whose load is not written yet is never looked at. By load: a
// return stays whose load is there at the moment of the removal. On a single server that moment is the removal itself
// (one script for both keys). In a cluster the load is asked for one round trip before; what is written in between is a
// job that came late, and late returns expire within late_keep, which keeps them too.
type sweep struct {
	store *Store
	conn  *connection
	rules job.SweepRules
	tell  func(job.SweepReport, string) error
	pace  *rate.Limiter // nil where nothing slows it down

	at     mark
	report job.SweepReport
	now    time.Time // the server's, at the beginning of the step

	old    func(jid string) bool   // the rule of age
	loadOf func(jid string) string // the key that keeps a job's returns
}

// errTold marks the caller's own error.
var errTold = errors.New("the sweep was ended")

// Sweep does one pass over a database, from where from says ("" or what another server understood: the beginning). After
// each small step it tells step what this pass has done so far and where it stands; step's error ends it, as does ctx:
// after its end nothing is removed. What a step does may be done again.
func (s *Store) Sweep(ctx context.Context, db job.Database, rules job.SweepRules, from string, step func(job.SweepReport, string) error) (job.SweepReport, error) {
	c, err := s.swept(ctx, db)
	if err != nil {
		return job.SweepReport{}, fmt.Errorf("sweep: %w", err)
	}
	w := s.newSweep(c, rules, from, step)
	err = w.run(ctx)
	return w.report, err
}

func (s *Store) newSweep(c *connection, rules job.SweepRules, from string, step func(job.SweepReport, string) error) *sweep {
	w := &sweep{store: s, conn: c, rules: rules, tell: step, at: markOf(from), loadOf: loadKey}
	w.old = w.outlived
	if rules.Rate > 0 {
		w.pace = rate.NewLimiter(rate.Limit(rules.Rate), w.stepSize())
	}
	return w
}

// stepSize is how many keys are looked at in one step: few where the pace is slow, so that it is even.
func (w *sweep) stepSize() int {
	if w.rules.Rate == 0 {
		return sweepStep
	}
	return min(max(w.rules.Rate/stepsPerSecond, 10), sweepStep)
}

// run goes through the phases, beginning with the one where the sweep stands.
func (w *sweep) run(ctx context.Context) error {
	minions := w.rules.Minions && w.rules.MinionKeep > 0
	phases := []struct {
		name string
		on   bool
		do   func(context.Context) error
	}{
		{phaseKeys, true, w.keys},
		{phaseMinions, minions, w.meetMinions},
		{phaseSeen, minions && w.store.keep > 0, w.forgetMinions},
		{phaseIndex, w.rules.Index && w.store.keep > 0, w.trimIndex},
	}
	begun := false
	for _, p := range phases {
		if p.name == w.at.Phase {
			begun = true
		} else if begun {
			w.at = mark{Phase: p.name}
		}
		if !begun || !p.on {
			continue
		}
		if err := p.do(ctx); err != nil {
			return fmt.Errorf("sweep (%s): %w", p.name, err)
		}
	}
	return nil
}

// stepped tells how far the sweep has come, and keeps the pace.
func (w *sweep) stepped(ctx context.Context, looked int) error {
	var report job.SweepReport
	report.Add(w.report) // a copy: the caller may keep it
	if err := w.tell(report, w.at.String()); err != nil {
		return fmt.Errorf("%w: %w", errTold, err)
	}
	if w.pace == nil {
		return ctx.Err()
	}
	for ; looked > 0; looked -= w.stepSize() { // SCAN may bring more than it was asked for
		if err := w.pace.WaitN(ctx, min(looked, w.stepSize())); err != nil {
			return err
		}
	}
	return nil
}

// do sends commands, each to the server of its key, and once more those that a server has no script for. Every one may
// be repeated. WRONGTYPE is left to the caller: a stranger's key ends no sweep.
func (w *sweep) do(ctx context.Context, cmds ...redis.Cmder) error {
	w.send(ctx, cmds)
	var again []redis.Cmder
	for _, cmd := range cmds {
		if missing(cmd.Err()) {
			again = append(again, cmd)
		}
	}
	if len(again) > 0 {
		// A server that is down keeps none of the others from having them.
		failed := w.store.sweeps.install(ctx, w.conn)
		w.send(ctx, again)
		if failed != nil && slices.ContainsFunc(again, func(cmd redis.Cmder) bool { return missing(cmd.Err()) }) {
			return failed
		}
	}
	for _, cmd := range cmds {
		if err := classify(cmd.Err(), w.keyOf(cmd)); err != nil && !isWrongType(err) {
			return err
		}
	}
	return nil
}

// send runs commands, but none after the end.
func (w *sweep) send(ctx context.Context, cmds []redis.Cmder) {
	pipe := w.store.pipes(w.conn)
	for _, cmd := range cmds {
		cmd.SetErr(ctx.Err())
		if cmd.Err() == nil {
			pipe.add(ctx, w.keyOf(cmd), cmd)
		}
	}
	pipe.exec(ctx)
}

// keyOf is the first key of a command.
func (w *sweep) keyOf(cmd redis.Cmder) string {
	args := cmd.Args()
	at := 1
	if args[0] == "evalsha" {
		at = 3
	}
	key, _ := args[at].(string)
	return key
}

// tick asks the server of a key for the time.
func (w *sweep) tick(ctx context.Context, key string) error {
	server, err := w.conn.primary(ctx, key)
	if err != nil {
		return hold(classify(err, key))
	}
	now, err := server.Time(ctx).Result()
	if err != nil {
		return hold(classify(err, key))
	}
	w.now = now
	return nil
}

// inCluster tells that keys of one job are on several servers.
func (w *sweep) inCluster() bool { return w.conn.cluster != nil }

// perScript is how many keys one call of a script may touch: keys of one slot, in a cluster.
func (w *sweep) perScript() int {
	if w.inCluster() {
		return 1
	}
	return perCall
}

func (w *sweep) dry() string { return flag(w.rules.DryRun) }
