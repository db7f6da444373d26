package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"returnd/internal/job"
)

// jobRows shows {jid: entry}, or a list of entries that have their JID, in the answer's order.
type jobRows struct{ rows [][]string }

func (r *jobRows) add(e entry) error {
	c, err := cells(e.value)
	if err != nil {
		return err
	}
	if e.name != "" {
		c["JID"] = visible(e.name)
	}
	r.rows = append(r.rows, []string{c["JID"], c["StartTime"], c["User"], c["Target"], c["Function"], c["Arguments"]})
	return nil
}

func (r *jobRows) write(out io.Writer, s screen) error {
	g := grid{header: []string{"JID", "START", "USER", "TARGET", "FUNCTION", "ARGUMENTS"}, rows: r.rows}
	return g.writeWith(out, s, counted(len(g.rows), "job"))
}

// pastRows shows a minion's history.
type pastRows struct{ rows [][]string }

func (r *pastRows) add(e entry) error {
	c, err := cells(e.value)
	if err != nil {
		return err
	}
	r.rows = append(r.rows, []string{c["jid"], job.StartTime(c["jid"]), c["fun"]})
	return nil
}

func (r *pastRows) write(out io.Writer, s screen) error {
	g := grid{header: []string{"JID", "START", "FUNCTION"}, rows: r.rows}
	return g.writeWith(out, s, counted(len(g.rows), "job"))
}

type minionRows struct{ ids []string }

func (r *minionRows) add(e entry) error {
	r.ids = append(r.ids, oneLine(e.value))
	return nil
}

func (r *minionRows) write(out io.Writer, s screen) error {
	slices.Sort(r.ids)
	lines := append(slices.Clip(r.ids), s.paint(faint, counted(len(r.ids), "minion")))
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}

// progressRows shows how far one job is: a line of numbers, and below it who is missing.
type progressRows struct {
	cells   map[string]string
	missing []string
}

func (r *progressRows) add(e entry) error {
	if r.cells == nil {
		r.cells = map[string]string{}
	}
	if e.name != "missing" {
		r.cells[e.name] = oneLine(e.value)
		return nil
	}
	return job.Elements(e.value, func(value []byte) error {
		r.missing = append(r.missing, oneLine(value))
		return nil
	})
}

func (r *progressRows) write(out io.Writer, s screen) error {
	g := grid{header: []string{"RETURNED", "FAILED", "MISSING", "COMPLETE"}}
	expected, known := r.cells["expected"]
	if !known {
		g.rows = [][]string{{r.cells["returned"], r.failed(s), "?", "?"}}
		return g.writeWith(out, s, "nobody has said whom the job is meant for")
	}
	g.rows = [][]string{{r.cells["returned"] + " of " + expected, r.failed(s), counted(len(r.missing), "minion"), r.complete(s)}}
	if err := g.write(out, s); err != nil || len(r.missing) == 0 {
		return err
	}
	slices.Sort(r.missing)
	_, err := fmt.Fprintln(out, s.paint(faint, "missing"+named(r.missing, len(r.missing))))
	return err
}

func (r *progressRows) failed(s screen) string {
	if n := r.cells["failed"]; n != "0" {
		return s.paint(red, n)
	}
	return "0"
}

func (r *progressRows) complete(s screen) string {
	if r.cells["complete"] == "true" {
		return s.paint(green, "yes")
	}
	return "no"
}
