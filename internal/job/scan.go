package job

// The scanner proves well-formedness by rule 1 in one pass without allocating: RFC 8259 plus Python's NaN, Infinity and -Infinity as values,
// valid UTF-8, no lone surrogate escapes, bounded nesting. Each function takes the offset at which its part begins and gives the offset behind it,
// or the offset of a fault. Recursion is bounded by MaxDepth; measured, it is as fast as a loop with a stack of its own.

// MaxDepth is how deep objects and lists may nest; the outermost counts as 1. Python's JSON reader gives up at about 1000, and one deeper
// value would break Salt's whole read.
const MaxDepth = 500

// Validate tells whether data is one well-formed JSON value. The error is a *Rejection that names the offset.
func Validate(data []byte) error {
	i, f := scanValue(data, space(data, 0), 0)
	if f != fine {
		return f.at(i)
	}
	i, f = scanEnd(data, i)
	return f.at(i)
}

// scanEnd demands that nothing but white space follows.
func scanEnd(data []byte, i int) (int, fault) {
	i = space(data, i)
	if i < len(data) {
		return i, faultTrailing
	}
	return i, fine
}

// scanValue takes the value at i, which is no white space. depth is the number of objects and lists around it.
func scanValue(data []byte, i, depth int) (int, fault) {
	if i >= len(data) {
		return i, faultEnd
	}
	switch data[i] {
	case '"':
		return scanString(data, i+1)
	case '{':
		return scanObject(data, i, depth+1)
	case '[':
		return scanArray(data, i, depth+1)
	case 't':
		return scanWord(data, i, "true")
	case 'f':
		return scanWord(data, i, "false")
	case 'n':
		return scanWord(data, i, "null")
	case 'N':
		return scanWord(data, i, "NaN")
	case 'I':
		return scanWord(data, i, "Infinity")
	default:
		return scanNumber(data, i)
	}
}

// scanObject takes the object whose brace is at i.
func scanObject(data []byte, i, depth int) (int, fault) {
	if depth > MaxDepth {
		return i, faultDepth
	}
	i = space(data, i+1)
	if i < len(data) && data[i] == '}' {
		return i + 1, fine
	}
	for {
		m, f := scanMember(data, i, depth)
		if f != fine {
			return m.end, f
		}
		next, more, f := scanComma(data, m.end, '}')
		if f != fine || !more {
			return next, f
		}
		i = next
	}
}

// scanArray takes the list whose bracket is at i.
func scanArray(data []byte, i, depth int) (int, fault) {
	if depth > MaxDepth {
		return i, faultDepth
	}
	i = space(data, i+1)
	if i < len(data) && data[i] == ']' {
		return i + 1, fine
	}
	for {
		end, f := scanValue(data, i, depth)
		if f != fine {
			return end, f
		}
		next, more, f := scanComma(data, end, ']')
		if f != fine || !more {
			return next, f
		}
		i = next
	}
}

// member is where a member of an object lies: the name's quote, the offset behind its closing one, the value, the offset behind it.
type member struct{ start, nameEnd, value, end int }

// scanMember takes the member at i, inside of depth objects and lists. After a fault, end is its offset.
func scanMember(data []byte, i, depth int) (member, fault) {
	if i >= len(data) {
		return member{end: i}, faultEnd
	}
	if data[i] != '"' {
		return member{end: i}, faultName
	}
	nameEnd, f := scanString(data, i+1)
	if f != fine {
		return member{end: nameEnd}, f
	}
	colon := space(data, nameEnd)
	if colon >= len(data) || data[colon] != ':' {
		return member{end: colon}, faultColon
	}
	value := space(data, colon+1)
	end, f := scanValue(data, value, depth)
	return member{start: i, nameEnd: nameEnd, value: value, end: end}, f
}

// scanComma takes what follows a member or an element: a comma, after which the next one begins, or the closing bracket.
func scanComma(data []byte, i int, closing byte) (next int, more bool, f fault) {
	i = space(data, i)
	if i >= len(data) {
		return i, false, faultEnd
	}
	switch data[i] {
	case ',':
		return space(data, i+1), true, fine
	case closing:
		return i + 1, false, fine
	default:
		return i, false, faultComma
	}
}

// scanWord takes a literal name.
func scanWord(data []byte, i int, word string) (int, fault) {
	end := i + len(word)
	if end > len(data) || string(data[i:end]) != word {
		return i, faultValue
	}
	return end, fine
}

// scanNumber takes a number, or -Infinity.
func scanNumber(data []byte, i int) (int, fault) {
	start := i
	if data[i] == '-' {
		i++
		if i < len(data) && data[i] == 'I' {
			return scanWord(data, i, "Infinity")
		}
	}
	end := scanDigits(data, i)
	if end == i {
		if start == i {
			return i, faultValue
		}
		return i, faultNumber
	}
	if data[i] == '0' && end > i+1 {
		return i, faultNumber // a leading zero
	}
	return scanFraction(data, end)
}

// scanFraction takes a number's fraction and exponent, if there are any.
func scanFraction(data []byte, i int) (int, fault) {
	if i < len(data) && data[i] == '.' {
		end := scanDigits(data, i+1)
		if end == i+1 {
			return end, faultNumber
		}
		i = end
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		end := scanDigits(data, i)
		if end == i {
			return end, faultNumber
		}
		i = end
	}
	return i, fine
}

func scanDigits(data []byte, i int) int {
	for i < len(data) && data[i]-'0' <= 9 {
		i++
	}
	return i
}

// space is the offset of the first byte from i on that is no white space. It is small enough to be inlined.
func space(data []byte, i int) int {
	for i < len(data) && data[i] <= ' ' && 1<<data[i]&(1<<' '|1<<'\n'|1<<'\r'|1<<'\t') != 0 {
		i++
	}
	return i
}
