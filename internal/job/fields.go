package job

import "bytes"

// field numbers the top-level members of a return that matter here.
type field uint8

const (
	fieldID field = iota
	fieldJID
	fieldFun
	fieldSuccess
	fieldRetcode
	fieldConfig
	fieldKwargs
	fieldOther // and the number of fields
)

// longestField is "ret_kwargs" with each letter written as \uXXXX; a longer raw name is none of ours.
const longestField = 6 * len("ret_kwargs")

// fieldOf tells which field a raw name, quotes included, spells. Most names hold no escapes, and one look tells.
func fieldOf(raw []byte) field {
	inner := raw[1 : len(raw)-1]
	if f := plainField(window(inner)); f != fieldOther {
		return f
	}
	if len(inner) <= longestField && bytes.IndexByte(inner, '\\') >= 0 {
		return plainField(unquote(raw))
	}
	return fieldOther
}

func plainField(name string) field {
	switch name {
	case "id":
		return fieldID
	case "jid":
		return fieldJID
	case "fun":
		return fieldFun
	case "success":
		return fieldSuccess
	case "retcode":
		return fieldRetcode
	case "ret_config":
		return fieldConfig
	case "ret_kwargs":
		return fieldKwargs
	default:
		return fieldOther
	}
}

// fields is where the values of a return's fields lie.
type fields struct {
	body  []byte
	value [fieldOther]span
	seen  [fieldOther]bool
	twice [fieldOther]bool
}

// span is a part of the payload.
type span struct{ start, end int }

// find scans the payload. The identity must be unambiguous, since other readers than Python's may take the first of several.
func (f *fields) find(body []byte) error {
	if err := f.locate(body); err != nil {
		return err
	}
	return f.once()
}

// locate scans the payload. A field that occurs again overwrites: the last one counts, as for Python's reader.
func (f *fields) locate(body []byte) error {
	f.body = body
	w := walkMembers(body)
	for w.next() {
		name := fieldOf(body[w.start:w.nameEnd])
		if name == fieldOther {
			continue
		}
		f.twice[name], f.seen[name] = f.seen[name], true
		f.value[name] = span{w.value, w.end}
	}
	return w.fault.at(w.at)
}

// once demands id, jid and fun exactly once each.
func (f *fields) once() error {
	for name, label := range [...]string{fieldID: "id", fieldJID: "jid", fieldFun: "fun"} {
		switch {
		case !f.seen[name]:
			return Reject(ReasonMalformed, "%s is missing: a return needs id, jid and fun", label)
		case f.twice[name]:
			return Reject(ReasonMalformed, "%s occurs twice, the second time before offset %d: name it once", label, f.value[name].end)
		}
	}
	return nil
}

// raw is the field's value as published, nil where the field is absent.
func (f *fields) raw(name field) []byte {
	s := f.value[name]
	return f.body[s.start:s.end]
}

// text is the field's value where that is a text.
func (f *fields) text(name field) (string, bool) {
	value := f.raw(name)
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	return unquote(value), true
}
