package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"returnd/internal/cleanup"
	"returnd/internal/job"
)

// sweepBar shows how far a sweep has come, where somebody looks.
type sweepBar struct {
	bar   *progressbar.ProgressBar // nil where nobody does
	total int64
	began time.Time
}

// firstLook is when a bar is drawn first: of a shorter time there is no keys a second to tell.
const firstLook = 200 * time.Millisecond

// newSweepBar takes the last sweep's keys for the number of those to come: nothing else tells without a scan.
func newSweepBar(ctx context.Context, out io.Writer, cleaner nower, o cleanupOptions) *sweepBar {
	file, ok := out.(*os.File)
	if !ok || !isTerminal(file) {
		return &sweepBar{}
	}
	b := &sweepBar{total: -1, began: time.Now()}
	if s, err := cleaner.Status(ctx); err == nil && s.Last != nil && s.Last.Keys > 0 && o.profile == "" {
		b.total = s.Last.Keys
	}
	what := "sweeping"
	if o.dryRun {
		what = "looking"
	}
	b.bar = progressbar.NewOptions64(b.total, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30), progressbar.OptionShowIts(), progressbar.OptionSetItsString("keys"),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	return b
}

// told takes the numbers so far. A bar that cannot be drawn is no reason to stop.
func (b *sweepBar) told(r cleanup.Result) {
	if b.bar == nil || time.Since(b.began) < firstLook {
		return
	}
	if b.total > 0 && r.Keys > b.total {
		b.total = r.Keys + r.Keys/10
		b.bar.ChangeMax64(b.total)
	}
	_ = b.bar.Set64(r.Keys)
}

func (b *sweepBar) finish() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}

// sweepResult shows what became of each kind of thing.
func (s screen) sweepResult(out io.Writer, r cleanup.Result) error {
	if len(r.Of) == 0 { // a table of nothing
		_, err := fmt.Fprintln(out, sweepLine(r))
		return err
	}
	g := grid{header: []string{"KIND", "LOOKED AT", "REMOVED", "MENDED", "KEPT"}}
	for _, kind := range slices.Sorted(maps.Keys(r.Of)) {
		g.rows = append(g.rows, sweepRow(kind, r.Of[kind]))
	}
	return g.writeWith(out, s, sweepLine(r))
}

func sweepRow(kind job.SweepKind, c *job.SweepCount) []string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	return []string{visible(string(kind)), number(c.Looked), number(c.Removed), number(c.Mended), keptBecause(c.Kept)}
}

// keptBecause is the reasons with their numbers, most first.
func keptBecause(kept map[string]int64) string {
	reasons := slices.SortedFunc(maps.Keys(kept), func(a, b string) int {
		if kept[a] != kept[b] {
			return int(kept[b] - kept[a])
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for _, reason := range reasons {
		parts = append(parts, fmt.Sprintf("%d %s", kept[reason], visible(reason)))
	}
	return strings.Join(parts, ", ")
}

// sweepLine sums a sweep up.
func sweepLine(r cleanup.Result) string {
	did := "removed"
	if r.DryRun {
		did = "dry run: would remove"
	}
	line := fmt.Sprintf("%s %d of %d, %s scanned in %.1f s by %s", did, r.Removed, r.Looked, counted(int(r.Keys), "key"), r.Seconds, visible(r.By))
	if r.Takeovers > 0 {
		line += ", taken over " + counted(r.Takeovers, "time")
	}
	if r.Error != "" {
		line += "; " + visible(r.Error)
	}
	return line
}

// cleanupStatus shows who sweeps, when, and what came of it.
func (s screen) cleanupStatus(out io.Writer, status cleanup.Status) error {
	since := func(at time.Time) string { return status.Now.Sub(at).Round(time.Second).String() + " ago" }
	rows := [][]string{{"sweeping", "nobody"}}
	if h := status.Holder; h != nil {
		rows[0][1] = fmt.Sprintf("%s, since %s (%s)", visible(h.By), h.Since.Local().Format(time.DateTime), since(h.Since))
		if h.Until.IsZero() {
			rows[0][1] = visible(h.By) + ", for ever: its lease has no TTL, somebody has put it there"
		}
	}
	if r := status.Running; r != nil {
		rows = append(rows, []string{unfinished(status), sweepLine(*r)})
	}
	rows = append(rows, []string{"next", nextSweep(status)}, []string{"last", "never"})
	if r := status.Last; r != nil {
		rows[len(rows)-1][1] = since(r.Finished) + ": " + sweepLine(*r)
	}
	g := grid{header: []string{"", "SWEEPS"}, rows: rows}
	return g.write(out, s)
}

// unfinished names a sweep that goes on, or one whose sweeper is gone.
func unfinished(status cleanup.Status) string {
	if status.Holder == nil {
		return "unfinished"
	}
	return "so far"
}

func nextSweep(status cleanup.Status) string {
	switch {
	case status.Running != nil && status.Holder != nil:
		return "planned when this one is done"
	case status.Running != nil && !status.Next.IsZero():
		return "due: the unfinished one is gone on with"
	case status.Next.IsZero():
		return "when told to (cleanup.interval is 0s)"
	case !status.Next.After(status.Now):
		return "due"
	}
	return fmt.Sprintf("%s (in %s)", status.Next.Local().Format(time.DateTime), status.Next.Sub(status.Now).Round(time.Second))
}
