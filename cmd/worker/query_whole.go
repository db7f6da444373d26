package main

import (
	"bytes"

	"returnd/client"
	"returnd/internal/job"
)

// whole keeps the parts of the one reply whose parts do not stand for themselves: of get_progress, lists go on and numbers hold as they
// are in the last part.
type whole struct {
	endpoint string
	// missing are the elements so far, without the brackets.
	missing []byte
}

// add gives what is ready to be shown.
func (w *whole) add(part client.Part) (body []byte, ready bool) {
	if w.endpoint != "get_progress" || part.Seq == 1 && part.Last {
		return part.Body, true
	}
	var rest []byte
	_ = job.Members(part.Body, func(name string, value []byte) error { // was found to be JSON; what is no object has no members
		if name == "missing" {
			w.gather(value)
			return nil
		}
		rest = job.AppendString(append(rest, ", "...), name)
		rest = append(append(rest, ": "...), value...)
		return nil
	})
	if !part.Last {
		return nil, false
	}
	body = append(append([]byte(`{"missing": [`), w.missing...), ']')
	return append(append(body, rest...), '}'), true
}

func (w *whole) gather(list []byte) {
	inner := bytes.TrimSpace(bytes.Trim(list, "[]"))
	if len(inner) == 0 {
		return
	}
	if len(w.missing) > 0 {
		w.missing = append(w.missing, ", "...)
	}
	w.missing = append(w.missing, inner...)
}
