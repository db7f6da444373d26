package job

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// One bit pattern per byte of a word of eight, so that eight bytes are looked at by one subtraction.
const (
	eachLow  = 0x0101010101010101
	eachHigh = 0x8080808080808080
)

// scanString takes a string whose opening quote is at i-1, eight bytes at a time. UTF-8 is checked once, at the end, and only where a byte
// beyond ASCII was seen.
func scanString(data []byte, i int) (int, fault) {
	start, seen := i, uint64(0)
	for i >= 0 && i <= len(data)-8 { // in this form the compiler drops its own checks
		word := binary.LittleEndian.Uint64(data[i:])
		seen |= word
		stops := stopBytes(word)
		if stops == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(stops) / 8
		if data[i] == '"' {
			if seen&eachHigh == 0 {
				return i + 1, fine
			}
			return scanUTF8(data, start, i)
		}
		var f fault
		if i, f = scanEscape(data, i); f != fine {
			return i, f
		}
	}
	return scanStringEnd(data, start, i)
}

// scanStringEnd goes on with a string, byte by byte, where less than a word of the document is left.
func scanStringEnd(data []byte, start, i int) (int, fault) {
	for i < len(data) {
		switch {
		case data[i] == '"':
			return scanUTF8(data, start, i)
		case data[i] != '\\' && data[i] >= ' ':
			i++
			continue
		}
		var f fault
		if i, f = scanEscape(data, i); f != fine {
			return i, f
		}
	}
	return i, faultQuote
}

// stopBytes marks the quotes, backslashes and control characters of a word by the high bit of their byte. With one bit flipped, the quote is
// the least byte above the control characters, so that one subtraction finds both. Only the lowest mark is exact: a borrow may mark a byte
// above a true one.
func stopBytes(word uint64) uint64 {
	low := (word ^ eachLow*('"'^' ')) - eachLow*(' '+1)
	slash := (word ^ eachLow*'\\') - eachLow
	return (low | slash) &^ word & eachHigh
}

// scanUTF8 ends the string whose closing quote is at end.
func scanUTF8(data []byte, start, end int) (int, fault) {
	if utf8.Valid(data[start:end]) {
		return end + 1, fine
	}
	for {
		r, size := utf8.DecodeRune(data[start:end])
		if r == utf8.RuneError && size <= 1 {
			return start, faultUTF8
		}
		start += size
	}
}

// scanEscape takes the escape whose backslash is at i; what is no backslash there is a control character. Two surrogates that form a pair
// are one escape.
func scanEscape(data []byte, i int) (int, fault) {
	if data[i] != '\\' {
		return i, faultControl
	}
	if i+1 >= len(data) {
		return i, faultQuote
	}
	switch data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, fine
	case 'u':
	default:
		return i, faultEscape
	}
	unit, ok := codeUnit(data[i:])
	switch {
	case !ok:
		return i, faultEscape
	case unit < 0xd800 || unit > 0xdfff:
		return i + 6, fine
	}
	if low, ok := codeUnit(data[i+6:]); unit > 0xdbff || !ok || low < 0xdc00 || low > 0xdfff {
		return i, faultSurrogate
	}
	return i + 12, fine
}

// codeUnit reads the \uXXXX that data begins with.
func codeUnit(data []byte) (rune, bool) {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, c := range data[2:6] {
		digit, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		unit = unit<<4 | rune(digit)
	}
	return unit, true
}

// hexDigit reads a hex digit of either case.
func hexDigit(c byte) (byte, bool) {
	switch {
	case c-'0' <= 9:
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	default:
		return 0, false
	}
}
