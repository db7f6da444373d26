package main

import (
	"bytes"
	"io"

	"returnd/internal/job"
)

// printer writes an answer part by part. Each part is JSON of the answer's own shape.
type printer interface {
	part(body []byte) error
	// end writes what can only come at the end: it is not called for an answer that broke off.
	end() error
	// runs tells whether it writes while the parts come.
	runs() bool
}

func newPrinter(out io.Writer, s screen, output, endpoint string) printer {
	if output == outputAuto {
		if output = outputJSON; s.terminal {
			output = outputTable
		}
	}
	switch output {
	case outputTable:
		return newTablePrinter(out, s, endpoint)
	case outputNDJSON:
		return &linePrinter{out: out, screen: s, endpoint: endpoint}
	case outputCSV:
		return newCSVPrinter(out, s, endpoint)
	case outputYAML:
		return &yamlPrinter{out: out, screen: s}
	}
	if s.terminal {
		return &prettyPrinter{out: out}
	}
	return &jsonPrinter{out: out}
}

// entry is a member of an object or an element of a list; of anything else, the value itself.
type entry struct {
	// name is empty but for members.
	name  string
	value []byte
}

// shape is what an answer is, as its first byte tells.
type shape byte

const (
	object shape = '{'
	list   shape = '['
	scalar shape = 0
)

func shapeOf(body []byte) shape {
	switch first := shape(bytes.TrimSpace(body)[0]); first {
	case object, list:
		return first
	}
	return scalar
}

// entries goes through one part.
func entries(body []byte, yield func(entry) error) error {
	switch shapeOf(body) {
	case object:
		return job.Members(body, func(name string, value []byte) error { return yield(entry{name, value}) })
	case list:
		return job.Elements(body, func(value []byte) error { return yield(entry{value: value}) })
	}
	return yield(entry{value: bytes.TrimSpace(body)})
}
