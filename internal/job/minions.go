package job

import "slices"

// minionsName is the member in which Salt's jobs runner looks for who was expected to answer.
const minionsName = "Minions"

// appendMinions appends the valid ids of a scanned list; whatever is not a list holds none, and an element that is no id is passed over.
func appendMinions(dst []string, value []byte) []string {
	if len(value) == 0 || value[0] != '[' {
		return dst
	}
	_ = Elements(value, func(element []byte) error {
		if id, ok := String(element); ok && CheckMinion(id) == nil {
			dst = append(dst, id)
		}
		return nil
	})
	return dst
}

// SetMinions is the load with its top-level Minions set to the sorted ids: in place where it is there (of several, the last one, which
// counts for every reader), else as a new last member. Every other byte stays. It gives back body itself where that says just this
// already, where there are no ids, and where body is no object.
func SetMinions(body []byte, minions []string) []byte {
	if len(minions) == 0 {
		return body
	}
	ids := slices.Clone(minions)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var last, found member
	err := scanMembers(body, func(m member) {
		last = m
		if named(body[m.start:m.nameEnd], minionsName) {
			found = m
		}
	})
	switch {
	case err != nil:
		return body
	case found.end == 0:
		return addMinions(body, last, ids)
	case isList(body[found.value:found.end], ids):
		return body
	default:
		return replace(body, found.value, found.end, appendList(nil, ids))
	}
}

// addMinions puts the member behind the last one, or right behind the brace of an empty object.
func addMinions(body []byte, last member, ids []string) []byte {
	text := `, "` + minionsName + `": `
	at := last.end
	if at == 0 {
		at, text = space(body, 0)+1, text[len(", "):]
	}
	return replace(body, at, at, appendList([]byte(text), ids))
}

// replace is a copy of body with text in place of the bytes from start to end.
func replace(body []byte, start, end int, text []byte) []byte {
	return slices.Concat(body[:start], text, body[end:])
}

// isList tells whether a scanned value is the list of just these texts.
func isList(value []byte, texts []string) bool {
	if value[0] != '[' {
		return false
	}
	i, same := 0, true
	_ = Elements(value, func(element []byte) error {
		same = same && i < len(texts) && isText(element, texts[i])
		i++
		return nil
	})
	return same && i == len(texts)
}

// appendList writes a list of texts as Python does.
func appendList(dst []byte, texts []string) []byte {
	dst = append(dst, '[')
	for i, text := range texts {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = AppendString(dst, text)
	}
	return append(dst, ']')
}
