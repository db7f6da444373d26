package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"returnd/internal/job"
)

// outcome is what a return's row shows.
type outcome struct {
	minion, jid, verdict, retcode, value string
	// took is the time from the job's start to the master's stamp on the return, where both are known.
	took  time.Duration
	timed bool
}

// The verdicts on a return.
const (
	verdictOK      = "ok"
	verdictFailed  = "failed"
	verdictUnclear = "unclear" // written by someone else, without what makes a return
)

// returnRows shows {minion: ret} by minion, with the job where they may differ.
type returnRows struct {
	withJID bool
	rows    []outcome
}

func (r *returnRows) add(e entry) error {
	r.rows = append(r.rows, outcomeOf(e.name, e.value))
	return nil
}

func (r *returnRows) write(out io.Writer, s screen) error {
	slices.SortFunc(r.rows, func(a, b outcome) int { return strings.Compare(a.minion, b.minion) })
	timed := slices.ContainsFunc(r.rows, func(o outcome) bool { return o.timed })
	g := grid{header: r.columns("MINION", "JID", "RESULT", "TOOK", "RETURN", timed)}
	count := map[string]int{}
	for _, o := range r.rows {
		count[o.verdict]++
		g.rows = append(g.rows, r.columns(o.minion, o.jid, s.result(o), o.duration(), o.value, timed))
	}
	return g.writeWith(out, s, counted(len(r.rows), "minion")+": "+summary(count))
}

// columns leaves out those that say nothing.
func (r *returnRows) columns(minion, jid, result, took, value string, timed bool) []string {
	row := []string{minion}
	if r.withJID {
		row = append(row, jid)
	}
	row = append(row, result)
	if timed {
		row = append(row, took)
	}
	return append(row, value)
}

// result is the cell that an eye looks for.
func (s screen) result(o outcome) string {
	switch o.verdict {
	case verdictOK:
		return s.paint(green, o.verdict)
	case verdictFailed:
		return s.paint(red, strings.TrimSpace(o.verdict+" "+o.retcode))
	default:
		return s.paint(faint, o.verdict)
	}
}

func (o outcome) duration() string {
	if !o.timed {
		return ""
	}
	return o.took.Round(time.Millisecond).String()
}

func summary(count map[string]int) string {
	text := fmt.Sprintf("%d ok, %d failed", count[verdictOK], count[verdictFailed])
	if n := count[verdictUnclear]; n > 0 {
		text += fmt.Sprintf(", %d unclear", n)
	}
	return text
}

// outcomeOf reads a ret. Failure is judged as everywhere: success false, or a retcode other than 0.
func outcomeOf(minion string, raw []byte) outcome {
	o := outcome{minion: visible(minion), verdict: verdictOK}
	stamp := ""
	_ = job.Members(raw, func(name string, value []byte) error { // a ret that is no object just shows nothing
		switch name {
		case "jid":
			o.jid = oneLine(value)
		case "return":
			o.value = oneLine(value)
		case "retcode":
			o.retcode = retcode(value)
		case "_stamp":
			stamp, _ = job.String(value)
		}
		return nil
	})
	ret, err := job.ParseReturn(raw)
	switch {
	case err != nil:
		o.verdict = verdictUnclear
	case ret.Failed:
		o.verdict = verdictFailed
	}
	o.took, o.timed = took(o.jid, stamp)
	return o
}

// took is how long a minion needed, by the clock of the master that gave out the jid and stamped the return. Returns that never went
// through a master have no stamp.
func took(jid, stamp string) (time.Duration, bool) {
	began, timed := job.JIDTime(jid)
	ended, err := time.Parse("2006-01-02T15:04:05", stamp) // Go reads the fraction behind it, too
	if !timed || err != nil || ended.Before(began) {
		return 0, false
	}
	return ended.Sub(began), true
}

// retcode is worth showing where it is one number other than 0.
func retcode(value []byte) string {
	text := oneLine(value)
	if n, err := strconv.Atoi(text); err != nil || n == 0 {
		return ""
	}
	return text
}

// longestLine bounds a value before it is measured: a return may have megabytes.
const longestLine = 1024

// oneLine shows a value in one line: of a text its lines joined by a sign, of anything else its JSON.
func oneLine(raw []byte) string {
	if s, ok := job.String(raw); ok {
		s = strings.TrimRight(s, "\n")
		return visible(strings.ReplaceAll(cut(s), "\n", " ⏎ "))
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return visible(cut(string(raw)))
	}
	return visible(cut(b.String()))
}

func cut(s string) string {
	if len(s) <= longestLine {
		return s
	}
	return strings.ToValidUTF8(s[:longestLine], "") + "…"
}
