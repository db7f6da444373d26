package query

import (
	"returnd/internal/job"
)

// entry is what get_jids tells of a job, taken from its load. The values are the load's bytes, so that number
// literals survive; nil is a member that the load does not have.
type entry struct {
	jid                                        string
	fun, arg, target, kind, user, meta, kwargs []byte
}

// parseEntry reads a load, if it is one. The entry is keyed by the load's own jid, as in Salt; where that is missing or no jid,
// which breaks Salt's whole list, by the key's.
func parseEntry(jid string, load []byte) (entry, bool) {
	e := entry{jid: jid}
	if job.Members(load, e.take) != nil {
		return e, false
	}
	if e.meta == nil && e.kwargs != nil {
		e.meta = metadata(e.kwargs)
	}
	return e, job.CheckJID(e.jid) == nil
}

// take keeps a member; of a name given twice the last counts, as in Python.
func (e *entry) take(name string, value []byte) error {
	switch name {
	case "jid":
		if own, ok := jidText(value); ok && job.CheckJID(own) == nil {
			e.jid = own
		}
	case "fun":
		e.fun = value
	case "arg":
		e.arg = value
	case "tgt":
		e.target = value
	case "tgt_type":
		e.kind = value
	case "user":
		e.user = value
	case "metadata":
		e.meta = value
	case "kwargs":
		e.kwargs = value
	}
	return nil
}

// metadata is what the command line's --metadata leaves within kwargs.
func metadata(kwargs []byte) (found []byte) {
	if kwargs[0] != '{' {
		return nil
	}
	_ = job.Members(kwargs, func(name string, value []byte) error { // the load around it was found well-formed
		if name == "metadata" {
			found = value
		}
		return nil
	})
	return found
}

// appendTo writes the entry with Salt's names, order and defaults.
func (e *entry) appendTo(dst []byte) []byte {
	dst = append(dst, `{"Function": `...)
	dst = appendOr(dst, e.fun, `"unknown-function"`)
	dst = append(dst, `, "Arguments": `...)
	dst = appendArguments(dst, e.arg)
	dst = append(dst, `, "Target": `...)
	dst = appendOr(dst, e.target, `"unknown-target"`)
	dst = append(dst, `, "Target-type": `...)
	dst = appendOr(dst, e.kind, `"list"`)
	dst = append(dst, `, "User": `...)
	dst = appendOr(dst, e.user, `"root"`)
	if e.meta != nil {
		dst = append(dst, `, "Metadata": `...)
		dst = append(dst, job.Strict(e.meta)...)
	}
	dst = append(dst, `, "StartTime": `...)
	dst = job.AppendString(dst, job.StartTime(e.jid))
	return append(dst, '}')
}

func appendOr(dst, value []byte, missing string) []byte {
	if value == nil {
		return append(dst, missing...)
	}
	return append(dst, job.Strict(value)...)
}

// appendArguments gives a list as it is and anything else whole in a list: Salt splits a text into its letters.
func appendArguments(dst, arg []byte) []byte {
	switch {
	case arg == nil || string(arg) == "null":
		return append(dst, "[]"...)
	case arg[0] == '[':
		return append(dst, job.Strict(arg)...)
	}
	dst = append(dst, '[')
	dst = append(dst, job.Strict(arg)...)
	return append(dst, ']')
}
