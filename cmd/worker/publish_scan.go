package main

// valueEnd follows one JSON value over any number of pieces, just far enough to find its end.
type valueEnd struct {
	// open holds the brackets that are not closed yet.
	open []byte
	// last is the last byte that is neither white space nor inside a string.
	last             byte
	quoted, escaped  bool
	began, bad, done bool
}

// scan takes the next piece, which begins a line where fresh is set, and says how much of it belongs to the value.
func (v *valueEnd) scan(piece []byte, fresh bool) int {
	if fresh && v.quoted {
		v.bad = true // no string of JSON goes over the end of a line
	}
	if !v.began {
		v.began = true
		v.bad = piece[0] != '{' && piece[0] != '['
	}
	if v.bad {
		return len(piece)
	}
	for i, c := range piece {
		if v.step(c); v.done {
			return i + 1
		}
	}
	return len(piece)
}

func (v *valueEnd) step(c byte) {
	switch {
	case v.escaped:
		v.escaped = false
	case v.quoted && c == '\\':
		v.escaped = true
	case c == '"':
		v.quoted = !v.quoted
		v.last = c
	case v.quoted || c <= ' ':
	case c == '{' || c == '[':
		v.open = append(v.open, c)
		v.last = c
	case c == '}' || c == ']':
		v.open = v.open[:len(v.open)-1]
		v.done = len(v.open) == 0
		v.last = c
	default:
		v.last = c
	}
}

// cutBefore tells that a line beginning with c cannot go on with the value, so that another one begins there.
func (v *valueEnd) cutBefore(c byte) bool {
	if c != '{' && c != '[' {
		return false
	}
	if v.bad || v.quoted {
		return true
	}
	inList := v.open[len(v.open)-1] == '['
	return v.last != ':' && v.last != '[' && (v.last != ',' || !inList)
}
