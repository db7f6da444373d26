package job

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// FunName is what stands behind the colon of the pointer key: the plain name, or for a list (compound command) what Python's repr makes of
// it, since that is the key that Salt writes and reads: ['test.ping', 'cmd.run'].
func FunName(names []string, list bool) string {
	if !list {
		return strings.Join(names, "") // exactly one name
	}
	text := []byte{'['}
	for i, name := range names {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = appendRepr(text, name)
	}
	return string(append(text, ']'))
}

// appendRepr writes a str as Python's repr does: single quotes unless the text holds those and no double ones; whatever Python does not
// call printable is escaped.
func appendRepr(dst []byte, s string) []byte {
	quote := '\''
	if strings.ContainsRune(s, '\'') && !strings.ContainsRune(s, '"') {
		quote = '"'
	}
	dst = append(dst, byte(quote))
	for _, r := range s {
		dst = appendReprRune(dst, r, quote)
	}
	return append(dst, byte(quote))
}

// appendReprRune relies on unicode.IsPrint, which as Python's isprintable takes the space for the only printable white space.
func appendReprRune(dst []byte, r, quote rune) []byte {
	switch {
	case r == quote || r == '\\':
		return append(dst, '\\', byte(r))
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r == '\t':
		return append(dst, `\t`...)
	case unicode.IsPrint(r):
		return utf8.AppendRune(dst, r)
	case r <= 0xff:
		return appendHex(append(dst, `\x`...), r, 2)
	case r <= 0xffff:
		return appendHex(append(dst, `\u`...), r, 4)
	default:
		return appendHex(append(dst, `\U`...), r, 8)
	}
}

// appendHex writes width lower-case hex digits.
func appendHex(dst []byte, r rune, width int) []byte {
	for width--; width >= 0; width-- {
		dst = append(dst, "0123456789abcdef"[r>>(4*width)&0xf])
	}
	return dst
}
