package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// show is the line of a job whose prompt minions have all returned.
func (c *course) show(got seen) {
	c.console.timed("%s  %-18s %-7s %s", c.jid, c.fun, c.target, c.counts(got)+c.speed())
}

// showLate is the line of a job whose late minions have come too.
func (c *course) showLate(got seen, late int) {
	c.console.timed("%s  %-18s %-7s %s", c.jid, c.fun, c.target,
		c.counts(got)+", "+c.console.paint(yellow, fmt.Sprintf("%d came late", late)))
}

func (c *course) counts(got seen) string {
	text := fmt.Sprintf("%d of %d returned", got.returned, c.expected)
	if missing := c.expected - got.returned; missing > 0 {
		text += ", " + c.console.paint(yellow, fmt.Sprintf("%d missing", missing))
	}
	if got.failed > 0 {
		text += ", " + c.console.paint(red, fmt.Sprintf("%d failed", got.failed))
	}
	return text
}

// speed tells the measured time, where there is one.
func (c *course) speed() string {
	if c.published == 0 {
		return ""
	}
	took, ok := <-c.readable
	if !ok {
		return ""
	}
	c.totals.measured(took)
	return ", " + c.console.paint(green, "readable in "+brief(took))
}

// brief is a duration to be read by eye.
func brief(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// totals add up all jobs of a demo.
type totals struct {
	mu                                          sync.Mutex
	jobs, expected, published, readable, failed int
	times                                       []time.Duration
}

func (t *totals) add(c *course, got seen) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs++
	t.expected += c.expected
	t.published += c.published
	t.readable += got.returned
	t.failed += got.failed
}

func (t *totals) measured(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.times = append(t.times, took)
}

// sumUp is the demo's last word.
func (d *simulation) sumUp(took time.Duration) {
	t, s := &d.totals, d.console
	t.mu.Lock()
	defer t.mu.Unlock()
	s.line("\n%s  %s in %v: %d of %d minions returned, %d failed", s.paint(bold, "ended"), counted(t.jobs, "job"),
		took.Round(100*time.Millisecond), t.published, t.expected, t.failed)
	verdict := s.paint(green, "all readable")
	if t.readable < t.published {
		verdict = s.paint(red, fmt.Sprintf("only %d readable", t.readable))
	}
	s.line("  %d returns acknowledged by the stream, %s", t.published, verdict)
	if len(t.times) > 0 {
		slices.Sort(t.times)
		s.line("  readable after %s in the middle, %s at worst", brief(t.times[len(t.times)/2]), brief(t.times[len(t.times)-1]))
	}
}
