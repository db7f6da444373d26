package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"returnd/internal/job"
)

// table writes a reply for eyes: what does not fit a line is cut, which -o json does not.
func (s screen) table(out io.Writer, endpoint string, body []byte) error {
	var err error
	switch {
	case string(body) == "null":
		_, err = fmt.Fprintln(out, "done")
	case string(body) == "{}" || string(body) == "[]":
		_, err = fmt.Fprintln(out, "nothing found")
	case job.Validate(body) != nil:
		err = s.json(out, body) // says so
	case endpoint == "get_jid", endpoint == "get_fun":
		err = s.returns(out, body, endpoint == "get_fun")
	case endpoint == "get_jids":
		err = s.jobs(out, body)
	case endpoint == "get_minions":
		err = s.minions(out, body)
	case body[0] == '{':
		err = s.members(out, body)
	default:
		_, err = fmt.Fprintln(out, oneLine(body))
	}
	return err
}

// outcome is what a return's row shows.
type outcome struct {
	minion, jid, verdict, retcode, value string
}

// The verdicts on a return.
const (
	verdictOK      = "ok"
	verdictFailed  = "failed"
	verdictUnclear = "unclear" // written by someone else, without what makes a return
)

// returns shows {minion: ret} by minion, with the job where they may differ.
func (s screen) returns(out io.Writer, body []byte, withJID bool) error {
	var rows []outcome
	err := job.Members(body, func(minion string, ret []byte) error {
		rows = append(rows, outcomeOf(minion, ret))
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b outcome) int { return strings.Compare(a.minion, b.minion) })
	g := grid{header: []string{"MINION", "RESULT", "RETURN"}}
	if withJID {
		g.header = []string{"MINION", "JID", "RESULT", "RETURN"}
	}
	count := map[string]int{}
	for _, o := range rows {
		count[o.verdict]++
		row := []string{o.minion, s.result(o), o.value}
		if withJID {
			row = slices.Insert(row, 1, o.jid)
		}
		g.rows = append(g.rows, row)
	}
	return g.writeWith(out, s, counted(len(rows), "minion")+": "+summary(count))
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
	_ = job.Members(raw, func(name string, value []byte) error { // a ret that is no object just shows nothing
		switch name {
		case "jid":
			o.jid = oneLine(value)
		case "return":
			o.value = oneLine(value)
		case "retcode":
			o.retcode = retcode(value)
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
	return o
}

// retcode is worth showing where it is one number other than 0.
func retcode(value []byte) string {
	text := oneLine(value)
	if n, err := strconv.Atoi(text); err != nil || n == 0 {
		return ""
	}
	return text
}

// jobs shows {jid: entry} in the reply's order: newest first.
func (s screen) jobs(out io.Writer, body []byte) error {
	g := grid{header: []string{"JID", "START", "USER", "TARGET", "FUNCTION", "ARGUMENTS"}}
	err := job.Members(body, func(jid string, entry []byte) error {
		cells := map[string]string{}
		fault := job.Members(entry, func(name string, value []byte) error {
			cells[name] = oneLine(value)
			return nil
		})
		g.rows = append(g.rows, []string{visible(jid), cells["StartTime"], cells["User"], cells["Target"], cells["Function"], cells["Arguments"]})
		return fault
	})
	if err != nil {
		return err
	}
	return g.writeWith(out, s, counted(len(g.rows), "job"))
}

func (s screen) minions(out io.Writer, body []byte) error {
	var ids []string
	err := job.Elements(body, func(value []byte) error {
		ids = append(ids, oneLine(value))
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(ids)
	ids = append(ids, s.paint(faint, counted(len(ids), "minion")))
	_, err = fmt.Fprintln(out, strings.Join(ids, "\n"))
	return err
}

// members shows an object, such as a load, a member a line.
func (s screen) members(out io.Writer, body []byte) error {
	g := grid{header: []string{"NAME", "VALUE"}}
	err := job.Members(body, func(name string, value []byte) error {
		g.rows = append(g.rows, []string{visible(name), oneLine(value)})
		return nil
	})
	if err != nil {
		return err
	}
	return g.write(out, s)
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
