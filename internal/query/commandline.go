package query

import (
	"errors"
	"strings"
)

var (
	errUnclosed = errors.New("a quote is not closed")
	errGlued    = errors.New("a closing quote must be followed by a space")
)

// splitCommand takes a command line apart as redis-cli does: at white space; in double quotes \n \r \t \b \a \xHH and
// the backslash before any other character, in single quotes only \'. A word may turn into a quoted one in its middle.
func splitCommand(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, spaces)
		if line == "" {
			return words, nil
		}
		word, rest, err := nextWord(line)
		if err != nil {
			return nil, err
		}
		words, line = append(words, word), rest
	}
}

// spaces are C's, as in redis-cli.
const spaces = " \t\n\v\f\r"

func nextWord(line string) (word, rest string, err error) {
	end := strings.IndexAny(line, spaces+`"'`)
	if end < 0 {
		return line, "", nil
	}
	head := line[:end]
	switch line[end] {
	case '"':
		word, rest, err = doubleQuoted(line[end+1:])
	case '\'':
		word, rest, err = singleQuoted(line[end+1:])
	default:
		return head, line[end:], nil
	}
	if err == nil && rest != "" && !strings.ContainsRune(spaces, rune(rest[0])) {
		err = errGlued
	}
	return head + word, rest, err
}

func singleQuoted(line string) (word, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\'':
			return b.String(), line[i+1:], nil
		case strings.HasPrefix(line[i:], `\'`):
			i++
		}
		b.WriteByte(line[i])
	}
	return "", "", errUnclosed
}

func doubleQuoted(line string) (word, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '"':
			return b.String(), line[i+1:], nil
		case '\\':
			c, length := escaped(line[i:])
			b.WriteByte(c)
			i += length - 1
		default:
			b.WriteByte(line[i])
		}
	}
	return "", "", errUnclosed
}

// escaped reads what a backslash begins, and how long that is.
func escaped(text string) (c byte, length int) {
	if len(text) < 2 {
		return '\\', 1
	}
	if len(text) >= 4 && text[1] == 'x' {
		high, low := hexDigit(text[2]), hexDigit(text[3])
		if high >= 0 && low >= 0 {
			return byte(high<<4 | low), 4
		}
	}
	if at := strings.IndexByte("nrtba", text[1]); at >= 0 {
		return "\n\r\t\b\a"[at], 2
	}
	return text[1], 2
}

// hexDigit is negative where there is none.
func hexDigit(c byte) int {
	if 'A' <= c && c <= 'F' {
		c += 'a' - 'A'
	}
	return strings.IndexByte("0123456789abcdef", c)
}
