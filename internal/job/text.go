package job

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// String gives the text of a raw JSON string value; false where the value is anything else. The text may share memory with value, which must
// not be changed afterwards.
func String(value []byte) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if end, f := scanString(value, 1); f != fine || end != len(value) {
		return "", false
	}
	return unquote(value), true
}

// unquote gives the text of a string that has been scanned, quotes included: a window into it, or a copy where there are escapes.
func unquote(value []byte) string {
	inner := value[1 : len(value)-1]
	escape := bytes.IndexByte(inner, '\\')
	if escape >= 0 {
		return unescape(inner, escape)
	}
	return window(inner)
}

// window is a string over the same memory. That is safe because nobody writes to a payload once it has been parsed: the client hands each
// message its own buffer, and everything here that edits a payload builds a new one. The string keeps the whole payload alive,
// which it travels with anyway.
func window(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// unescape resolves the escapes of a scanned text, the first of which is at escape.
func unescape(text []byte, escape int) string {
	out := make([]byte, 0, len(text))
	for escape >= 0 {
		out = append(out, text[:escape]...)
		r, size := escaped(text[escape:])
		out = utf8.AppendRune(out, r)
		text = text[escape+size:]
		escape = bytes.IndexByte(text, '\\')
	}
	return string(append(out, text...))
}

// escaped reads the scanned escape that text begins with, and its size.
func escaped(text []byte) (rune, int) {
	switch c := text[1]; c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default:
		return rune(c), 2
	}
	unit, _ := codeUnit(text)
	if !utf16.IsSurrogate(unit) {
		return unit, 6
	}
	low, _ := codeUnit(text[6:])
	return utf16.DecodeRune(unit, low), 12
}

// AppendString appends s as a JSON string, as Python's json.dumps(ensure_ascii=False) writes it: only quotes, backslashes and control characters
// below the space are escaped. Bytes that are not UTF-8 become U+FFFD, so that the result can always be read.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = appendControl(dst, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// appendControl escapes a control character, by its short name where it has one.
func appendControl(dst []byte, r rune) []byte {
	switch r {
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	default:
		return appendHex(append(dst, `\u`...), r, 4)
	}
}
