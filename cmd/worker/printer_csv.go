package main

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"returnd/internal/job"
)

// csvPrinter writes a header and an entry a line, whole: nothing is cut as in a table. The columns are the endpoint's.
type csvPrinter struct {
	out      *csv.Writer
	terminal bool
	columns  []string
	row      func(entry) []string
	// single takes the answer for one row instead of a row an entry.
	single bool
	begun  bool
}

func newCSVPrinter(out io.Writer, s screen, endpoint string) *csvPrinter {
	p := &csvPrinter{out: csv.NewWriter(out), terminal: s.terminal}
	switch endpoint {
	case "get_jid", "get_fun":
		p.columns, p.row = []string{"minion", "jid", "fun", "result", "retcode", "seconds", "return"}, csvReturn
	case "get_jids", "get_jids_filter":
		p.columns, p.row = []string{"jid", "start", "user", "target", "target_type", "function", "arguments", "metadata"}, csvJob
	case "get_minions":
		p.columns, p.row = []string{"minion"}, func(e entry) []string { return []string{plainText(e.value)} }
	case "get_history":
		p.columns, p.row = []string{"jid", "function"}, func(e entry) []string { return memberTexts(e.value, "jid", "fun") }
	case "get_progress":
		p.columns, p.single = []string{"expected", "returned", "failed", "missing", "complete"}, true
		p.row = func(e entry) []string { return memberTexts(e.value, p.columns...) }
	}
	return p
}

func (p *csvPrinter) part(body []byte) error {
	if p.row == nil {
		p.plain(shapeOf(body))
	}
	if !p.begun {
		p.begun = true
		if err := p.out.Write(p.columns); err != nil {
			return err
		}
	}
	write := func(e entry) error { return p.write(p.row(e)) }
	var err error
	if p.single {
		err = write(entry{value: body})
	} else {
		err = entries(body, write)
	}
	p.out.Flush()
	if err == nil {
		err = p.out.Error()
	}
	return err
}

// plain chooses the columns of any other answer.
func (p *csvPrinter) plain(s shape) {
	p.columns, p.row = []string{"value"}, func(e entry) []string { return []string{plainText(e.value)} }
	if s == object {
		p.columns, p.row = []string{"name", "value"}, func(e entry) []string { return []string{e.name, plainText(e.value)} }
	}
}

func (p *csvPrinter) write(row []string) error {
	for i, cell := range row {
		if p.terminal {
			cell = visible(cell)
		}
		row[i] = harmless(cell)
	}
	return p.out.Write(row)
}

func (p *csvPrinter) end() error { return nil }
func (p *csvPrinter) runs() bool { return true }

// harmless puts a quote before a text that a spreadsheet would take for a formula and run: a minion chooses what its returns hold.
// Numbers stay as they are.
func harmless(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil && cell[0] == '-' {
		return cell
	}
	return "'" + cell
}

// plainText is a string's text, and of anything else its JSON; null is nothing.
func plainText(raw []byte) string {
	if text, ok := job.String(raw); ok {
		return text
	}
	if string(raw) == "null" {
		return ""
	}
	return string(raw)
}

// memberTexts gives some members of an object, "" for what it does not have.
func memberTexts(raw []byte, names ...string) []string {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(raw, &members) // what is no object has none of them
	row := make([]string, len(names))
	for i, name := range names {
		row[i] = plainText(members[name])
	}
	return row
}

func csvReturn(e entry) []string {
	o := outcomeOf(e.name, e.value)
	m := memberTexts(e.value, "jid", "fun", "retcode", "return")
	seconds := ""
	if o.timed {
		seconds = strconv.FormatFloat(o.took.Seconds(), 'f', -1, 64)
	}
	return []string{e.name, m[0], m[1], o.verdict, m[2], seconds, m[3]}
}

func csvJob(e entry) []string {
	m := memberTexts(e.value, "JID", "StartTime", "User", "Target", "Target-type", "Function", "Arguments", "Metadata")
	if e.name != "" {
		m[0] = e.name
	}
	return m
}
