package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"returnd/internal/job"
)

const (
	// readPatience is how long a published return may take to be readable before the demo says so.
	readPatience = 10 * time.Second
	// readPoll is the pace of waiting for a job's returns, probePoll that of measuring.
	readPoll  = 25 * time.Millisecond
	probePoll = time.Millisecond
	// lastLook is how long an ending demo waits for what it has published.
	lastLook = time.Second
)

// course is one job under way.
type course struct {
	*simulation
	plan
	began     time.Time
	published int
	// readable is how long it took from the first return's publishing to a query's showing it.
	readable chan time.Duration
}

// follow runs a job from its load to its last return.
func (d *simulation) follow(ctx context.Context, p plan) {
	c := &course{simulation: d, plan: p, began: time.Now(), readable: make(chan time.Duration, 1)}
	seen, err := c.play(ctx)
	if ctx.Err() != nil {
		seen, err = c.finalLook(ctx)
	}
	if err != nil {
		d.console.timed("%s  %s", p.jid, d.console.paint(red, err.Error()))
	}
	d.totals.add(c, seen)
}

// play publishes in the planned order of time; on the way it shows the job twice at most: when all that were in time
// are there, and when the late ones are too.
func (c *course) play(ctx context.Context) (seen, error) {
	if _, err := c.js.Publish(ctx, c.subjects.Load(c.jid), c.load); err != nil {
		return seen{}, fmt.Errorf("publish the load: %w", err)
	}
	prompt := len(c.returns)
	for prompt > 0 && c.returns[prompt-1].late {
		prompt--
	}
	got, err := c.round(ctx, c.returns[:prompt])
	if err != nil {
		return got, err
	}
	c.show(got)
	late := c.returns[prompt:]
	if len(late) == 0 {
		return got, nil
	}
	if got, err = c.round(ctx, late); err == nil {
		c.showLate(got, len(late))
	}
	return got, err
}

// round publishes some returns at their time and waits until a query shows them.
func (c *course) round(ctx context.Context, returns []plannedReturn) (seen, error) {
	for _, r := range returns {
		if err := c.pause(ctx, r.after); err != nil {
			return seen{}, err
		}
		if err := c.publish(ctx, r); err != nil {
			return seen{}, err
		}
	}
	return c.await(ctx, c.published, readPoll)
}

// pause waits for a moment of the job.
func (c *course) pause(ctx context.Context, after time.Duration) error {
	timer := time.NewTimer(after - time.Since(c.began))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *course) publish(ctx context.Context, r plannedReturn) error {
	at := time.Now()
	if _, err := c.js.Publish(ctx, c.subjects.Return(c.jid, r.minion), r.body); err != nil {
		return fmt.Errorf("publish the return of %s: %w", r.minion, err)
	}
	c.published++
	if c.published == 1 {
		go c.measure(ctx, at)
	}
	return nil
}

// measure waits until the first return is readable.
func (c *course) measure(ctx context.Context, published time.Time) {
	defer close(c.readable)
	if _, err := c.await(ctx, 1, probePoll); err == nil {
		c.readable <- time.Since(published)
	}
}

// await asks until a query shows so many returns of the job.
func (c *course) await(ctx context.Context, returns int, pace time.Duration) (got seen, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readPatience, errors.New("not readable in time"))
	defer cancel()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		got, err = c.ask(ctx, c.jid)
		if err == nil && got.returned >= returns {
			return got, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err == nil {
				err = context.Cause(ctx)
			}
			return got, fmt.Errorf("%d of %d returns readable: %w", got.returned, returns, err)
		}
	}
}

// finalLook outlives ctx, so that the summary tells the truth about a job that was cut short.
func (c *course) finalLook(ctx context.Context) (seen, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	return c.await(ctx, c.published, readPoll)
}

// seen is what a query shows of a job.
type seen struct{ returned, failed int }

// ask queries a job as any client would.
func (d *simulation) ask(ctx context.Context, jid string) (seen, error) {
	body := `{"jid": ` + pyString(jid) + `}`
	reply, err := d.nc.RequestWithContext(ctx, d.subjects.Returner()+".get_jid", []byte(body))
	if err != nil {
		return seen{}, err
	}
	return readSeen(reply)
}

func readSeen(reply *nats.Msg) (seen, error) {
	if code := reply.Header.Get(micro.ErrorCodeHeader); code != "" {
		return seen{}, fmt.Errorf("get_jid answered %s: %s", code, reply.Header.Get(micro.ErrorHeader))
	}
	var got seen
	err := job.Members(reply.Data, func(_ string, body []byte) error {
		ret, err := job.ParseReturn(body)
		if err != nil {
			return err
		}
		got.returned++
		if ret.Failed {
			got.failed++
		}
		return nil
	})
	return got, err
}
