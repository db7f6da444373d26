package cleanup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"returnd/internal/job"
)

// pass is one sweep by one holder of the lease.
type pass struct {
	c        *Cleaner
	held     *Held
	order    Order
	progress func(Result)               // nil: nobody wants to know
	due      func(Status) time.Duration // nil: at once
	// begun is when this holder began by our clock, and clock the same by the server's. The result's times are the server's.
	begun, clock time.Time
	result       Result
	// from is where another left off; nil is at the beginning.
	from *place
	// done is the report of the databases that are finished, and of what another has done.
	done job.SweepReport
	// faults are what could not be swept; broken is why nothing more can be, since nobody can tell whose the lease is.
	faults []string
	broken error
	// at is where the sweep stands, and noted when it was last written down.
	at    place
	noted time.Time
}

// noteEvery is how often is written down where a sweep stands, and asked whether the lease is still ours: five small
// scripts a second, and what a holder goes on for at most whose lease was lost without its notice.
const noteEvery = 200 * time.Millisecond

// run sweeps, if it is time.
func (p *pass) run(ctx context.Context) error {
	s, err := p.c.lease.state(ctx)
	if err != nil || p.due != nil && p.due(s) > 0 {
		return err
	}
	p.begin(s)
	return p.everything(ctx)
}

// begin starts anew, or where another left off.
func (p *pass) begin(s Status) {
	p.begun, p.clock = time.Now(), s.Now
	p.result = Result{DryRun: p.order.DryRun, Profile: p.order.Profile, Started: s.Now}
	if s.place != nil && p.order.whole() {
		p.from, p.result, p.done = s.place, s.place.Result, s.place.SweepReport
		p.result.Takeovers++
	}
	p.result.Running, p.result.By, p.result.Token = true, p.c.lease.owner, p.held.Token()
	p.at = place{Result: p.result}
	if p.from != nil {
		p.at.Database, p.at.Cursor = p.from.Database, p.from.Cursor
	}
	p.c.log.Info("sweep begins", "token", p.held.Token(), "dry_run", p.order.DryRun, "goes_on", p.from != nil)
}

// everything is every database. One that cannot be swept is no reason to leave out the others.
func (p *pass) everything(ctx context.Context) error {
	all, err := p.c.sweeper.Databases(ctx)
	if err != nil {
		return fmt.Errorf("list the databases: %w", err)
	}
	all = ofProfile(all, p.order.Profile)
	for _, db := range p.left(all) {
		if err := p.database(ctx, db); err != nil {
			return err
		}
	}
	return p.finish(ctx)
}

// left are the databases from the one on where another left off. Where that is gone, the sweep begins anew.
func (p *pass) left(all []job.Database) []job.Database {
	if p.from == nil {
		return all
	}
	at := slices.Index(all, p.from.Database)
	if at < 0 {
		p.from, p.done = nil, job.SweepReport{}
		return all
	}
	return all[at:]
}

// database sweeps one. Its error ends the sweep; a database's own is noted.
func (p *pass) database(ctx context.Context, db job.Database) error {
	from := ""
	if p.from != nil && p.from.Database == db {
		from = p.from.Cursor
	}
	report, err := p.sweep(ctx, db, from)
	if rejection := new(job.Rejection); from != "" && p.broken == nil && errors.As(err, &rejection) {
		report, err = p.sweep(ctx, db, "")
	}
	p.c.metrics.count(ctx, report, p.order.DryRun)
	p.done = p.result.with(p.done, report).SweepReport
	p.tell(job.SweepReport{})
	switch lost := p.unfit(ctx); {
	case lost != nil:
		return lost
	case err != nil:
		p.faults = append(p.faults, name(db)+": "+err.Error())
	}
	return nil
}

// unfit is why nothing more may be done, if so.
func (p *pass) unfit(ctx context.Context) error {
	if lost := p.held.Err(); lost != nil {
		return lost
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return p.broken
}

func name(db job.Database) string {
	text := "redis"
	if db.Profile != "" {
		text = db.Profile
	}
	if db.DB != job.NoDB {
		text += fmt.Sprintf(" database %d", db.DB)
	}
	return text
}

func (p *pass) sweep(ctx context.Context, db job.Database, from string) (job.SweepReport, error) {
	step := func(report job.SweepReport, cursor string) error {
		if err := p.unfit(ctx); err != nil {
			return err
		}
		p.tell(report)
		p.at.Database, p.at.Cursor = db, cursor
		if time.Since(p.noted) < noteEvery {
			return nil
		}
		return p.note(ctx)
	}
	// Begun with a look at the server, so that not one step is made under a lease that was lost meanwhile.
	p.at.Database, p.at.Cursor = db, from
	if err := p.note(ctx); err != nil {
		return job.SweepReport{}, err
	}
	return p.c.sweeper.Sweep(ctx, db, p.c.cfg.rules(p.order.DryRun), from, step)
}

// tell makes the result that of all finished databases and of the one at hand.
func (p *pass) tell(current job.SweepReport) {
	p.result = p.result.with(p.done, current)
	p.result.Seconds = p.elapsed().Seconds()
	if p.progress != nil {
		p.progress(p.result)
	}
}

// elapsed is how long has been worked at it, by others too.
func (p *pass) elapsed() time.Duration {
	before := time.Duration(0)
	if p.from != nil {
		before = time.Duration(p.from.Seconds * float64(time.Second))
	}
	return before + time.Since(p.begun)
}

// note asks whether the lease is still ours and, where another could go on, writes down where.
func (p *pass) note(ctx context.Context) error {
	p.noted = time.Now()
	at := unchanged
	if p.order.whole() {
		p.at.Result = p.result
		at = encode(p.at)
	}
	p.broken = p.held.note(ctx, at, "")
	return p.broken
}

// finish writes the result down for everybody to see. That of a trial or of a single profile is for its caller.
func (p *pass) finish(ctx context.Context) error {
	p.tell(job.SweepReport{})
	r := &p.result
	r.Running, r.Error = false, strings.Join(p.faults, "; ")
	r.Finished = p.clock.Add(time.Since(p.begun))
	if !p.order.whole() {
		return p.held.Confirm(ctx)
	}
	r.Next = p.c.next(r.Started, r.Finished)
	return p.held.note(ctx, "", encode(r))
}

// end says in the log and the metrics what came of it.
func (p *pass) end(ctx context.Context, err error) error {
	r := p.result
	about := []any{"token", r.Token, "dry_run", r.DryRun, "keys", r.Keys, "looked", r.Looked, "removed", r.Removed, "mended", r.Mended, "kept", r.Kept, "took", p.elapsed()}
	p.c.metrics.swept(ctx, outcome(r, err), p.elapsed())
	switch {
	case err == nil && r.Error == "":
		if p.order.whole() {
			p.c.succeeded.Store(r.Finished.Unix())
			about = append(about, "next", r.Next)
		}
		p.c.log.Info("sweep done", about...)
	case err == nil:
		p.c.log.Error("sweep done, but for what could not be swept", append(about, "error", r.Error)...)
	case errors.Is(err, ErrLeaseLost):
		p.c.log.Warn("sweep left to another replica: the lease is lost", append(about, "error", err)...)
	case ctx.Err() != nil:
		p.leave(ctx)
		p.c.log.Info("sweep left to another replica: this one stops", about...)
	default:
		p.c.log.Error("sweep broken off; it is gone on with", append(about, "error", err)...)
	}
	return err
}

// leave writes down where the next one is to go on, while the lease is still ours.
func (p *pass) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	_ = p.note(ctx) // else it goes on from where was noted last
}
