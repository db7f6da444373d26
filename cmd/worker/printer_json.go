package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"returnd/internal/job"
)

// jsonPrinter joins the parts into one value, every byte within as it came: what is stored is what is shown.
type jsonPrinter struct {
	out    io.Writer
	shape  shape
	begun  bool
	filled bool
}

// errShape is an answer that no worker gives.
var errShape = errors.New("the parts of the answer are of different shapes")

func (p *jsonPrinter) part(body []byte) error {
	body = bytes.TrimSpace(body)
	if p.begun && (p.shape != shapeOf(body) || p.shape == scalar) {
		return errShape
	}
	text := body
	if p.shape = shapeOf(body); p.shape != scalar {
		text = p.inner(body)
	}
	p.begun = true
	_, err := p.out.Write(text)
	return err
}

// inner is what is between the brackets, and before it what joins it to the part before.
func (p *jsonPrinter) inner(body []byte) []byte {
	inner := bytes.TrimSpace(body[1 : len(body)-1])
	var text []byte
	if !p.begun {
		text = append(text, byte(p.shape))
	}
	if len(inner) == 0 {
		return text
	}
	if p.filled {
		text = append(text, ", "...)
	}
	p.filled = true
	return append(text, inner...)
}

func (p *jsonPrinter) end() error {
	closing := "\n"
	switch p.shape {
	case object:
		closing = "}\n"
	case list:
		closing = "]\n"
	}
	_, err := io.WriteString(p.out, closing)
	return err
}

func (p *jsonPrinter) runs() bool { return true }

// prettyPrinter writes JSON indented, for a terminal: harmless, with order and number literals as they came.
type prettyPrinter struct {
	out    io.Writer
	shape  shape
	filled bool
}

func (p *prettyPrinter) part(body []byte) error {
	p.shape = shapeOf(body)
	return entries(body, func(e entry) error {
		var text bytes.Buffer
		if p.shape != scalar {
			text.WriteString(p.lead())
		}
		p.filled = true
		if p.shape == object {
			text.Write(job.AppendString(nil, e.name))
			text.WriteString(": ")
		}
		if err := json.Indent(&text, e.value, p.indent(), "  "); err != nil {
			return err
		}
		_, err := io.WriteString(p.out, escapeUnsafe(text.String()))
		return err
	})
}

func (p *prettyPrinter) indent() string {
	if p.shape == scalar {
		return ""
	}
	return "  "
}

// lead stands before an entry.
func (p *prettyPrinter) lead() string {
	if p.filled {
		return ",\n  "
	}
	return string(rune(p.shape)) + "\n  "
}

func (p *prettyPrinter) end() error {
	text := "\n"
	switch {
	case p.shape == object && p.filled:
		text = "\n}\n"
	case p.shape == list && p.filled:
		text = "\n]\n"
	case p.shape == object:
		text = "{}\n"
	case p.shape == list:
		text = "[]\n"
	}
	_, err := io.WriteString(p.out, text)
	return err
}

func (p *prettyPrinter) runs() bool { return true }

// linePrinter writes an entry a line. A member's name becomes a member of the line, by the endpoint's own word for it.
type linePrinter struct {
	out      io.Writer
	screen   screen
	endpoint string
}

func (p *linePrinter) part(body []byte) error {
	if shapeOf(body) == object && !slicesOfMembers[p.endpoint] {
		return p.line(bytes.TrimSpace(body))
	}
	return entries(body, func(e entry) error { return p.line(p.joined(shapeOf(body), e)) })
}

// slicesOfMembers are the endpoints whose object is a list by nature.
var slicesOfMembers = map[string]bool{"get_jid": true, "get_fun": true, "get_jids": true}

func (p *linePrinter) joined(s shape, e entry) []byte {
	switch {
	case s != object:
		return e.value
	case p.endpoint == "get_jids":
		// As get_jids_filter has it.
		line := job.AppendString([]byte(`{"JID": `), e.name)
		if inner := bytes.TrimSpace(bytes.TrimPrefix(e.value, []byte("{"))); len(inner) > 1 {
			return append(append(line, ", "...), inner...)
		}
		return append(line, '}')
	}
	line := append(job.AppendString([]byte(`{"minion": `), e.name), `, "ret": `...)
	return append(append(line, e.value...), '}')
}

// line ends the line: within a value, line ends are white space or escaped, and another white space is as good.
func (p *linePrinter) line(text []byte) error {
	text = bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, text)
	shown := string(text)
	if p.screen.terminal {
		shown = escapeUnsafe(shown)
	}
	_, err := io.WriteString(p.out, shown+"\n")
	return err
}

func (p *linePrinter) end() error { return nil }
func (p *linePrinter) runs() bool { return true }
