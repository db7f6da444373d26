package query

import "unicode/utf8"

// globMatch matches a whole text as Python's fnmatch.fnmatchcase does: * is anything, ? one character, [a-z] one of these,
// [!a-z] one of the others; a bracket that is never closed means itself. The time is bounded by the product of the lengths.
func globMatch(pattern, text string) bool {
	p, t := 0, 0
	star, from := -1, 0 // the last star, and where what follows it was tried last
	for t < len(text) {
		if p < len(pattern) && pattern[p] == '*' {
			star, from = p, t
			p++
			continue
		}
		_, width := utf8.DecodeRuneInString(text[t:])
		if next, ok := globOne(pattern, p, text[t:t+width]); ok {
			p, t = next, t+width
			continue
		}
		if star < 0 {
			return false
		}
		_, width = utf8.DecodeRuneInString(text[from:])
		from += width
		p, t = star+1, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// globOne matches one character against what stands at p, and tells where the pattern goes on.
func globOne(pattern string, p int, char string) (next int, ok bool) {
	if p >= len(pattern) {
		return p, false
	}
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '[':
		if end := setEnd(pattern, p); end > 0 {
			r, _ := utf8.DecodeRuneInString(char)
			return end + 1, inSet(pattern[p+1:end], r)
		}
	}
	_, width := utf8.DecodeRuneInString(pattern[p:])
	return p + width, pattern[p:p+width] == char
}

// setEnd finds the bracket that closes a set; one that stands first in it is a member. It is 0 where there is none.
func setEnd(pattern string, p int) int {
	i := p + 1
	if i < len(pattern) && pattern[i] == '!' {
		i++
	}
	for i++; i < len(pattern); i++ {
		if pattern[i] == ']' {
			return i
		}
	}
	return 0
}

// inSet tells whether a set has the character. A range that runs backwards is empty.
func inSet(set string, r rune) bool {
	without := set[0] == '!'
	if without {
		set = set[1:]
	}
	chars := []rune(set)
	for i := 0; i < len(chars); i++ {
		low, high := chars[i], chars[i]
		if i+2 < len(chars) && chars[i+1] == '-' {
			high = chars[i+2]
			i += 2
		}
		if low <= r && r <= high {
			return !without
		}
	}
	return without
}
