package main

import (
	"fmt"
	"io"

	"returnd/internal/job"
)

// tablePrinter gathers rows, cut to what a line can show, and writes them once it knows how wide they are.
type tablePrinter struct {
	out      io.Writer
	screen   screen
	endpoint string
	table    rows
	shape    shape
	filled   bool
}

// rows is a table in the making.
type rows interface {
	add(e entry) error
	write(out io.Writer, s screen) error
}

func newTablePrinter(out io.Writer, s screen, endpoint string) *tablePrinter {
	p := &tablePrinter{out: out, screen: s, endpoint: endpoint}
	switch endpoint {
	case "get_jid", "get_fun":
		p.table = &returnRows{withJID: endpoint == "get_fun"}
	case "get_jids", "get_jids_filter":
		p.table = &jobRows{}
	case "get_minions":
		p.table = &minionRows{}
	case "get_history":
		p.table = &pastRows{}
	case "get_progress":
		p.table = &progressRows{}
	}
	return p
}

func (p *tablePrinter) part(body []byte) error {
	p.shape = shapeOf(body)
	if p.table == nil {
		p.table = &memberRows{}
		if p.shape != object {
			p.table = &valueRows{}
		}
	}
	if _, whole := p.table.(*valueRows); whole {
		p.filled = string(body) != "[]"
		return p.table.add(entry{value: body})
	}
	return entries(body, func(e entry) error {
		p.filled = true
		return p.table.add(e)
	})
}

func (p *tablePrinter) end() error {
	if !p.filled {
		_, err := fmt.Fprintln(p.out, "nothing found")
		return err
	}
	return p.table.write(p.out, p.screen)
}

func (p *tablePrinter) runs() bool { return false }

// memberRows shows an object, such as a load, a member a line.
type memberRows struct{ rows [][]string }

func (r *memberRows) add(e entry) error {
	r.rows = append(r.rows, []string{visible(e.name), oneLine(e.value)})
	return nil
}

func (r *memberRows) write(out io.Writer, s screen) error {
	g := grid{header: []string{"NAME", "VALUE"}, rows: r.rows}
	return g.write(out, s)
}

// valueRows shows any other answer as one line.
type valueRows struct{ text string }

func (r *valueRows) add(e entry) error {
	if r.text = oneLine(e.value); r.text == "null" {
		r.text = "done"
	}
	return nil
}

func (r *valueRows) write(out io.Writer, _ screen) error {
	_, err := fmt.Fprintln(out, r.text)
	return err
}

// cells are the members of an object, a line each.
func cells(raw []byte) (map[string]string, error) {
	found := map[string]string{}
	err := job.Members(raw, func(name string, value []byte) error {
		found[name] = oneLine(value)
		return nil
	})
	return found, err
}
