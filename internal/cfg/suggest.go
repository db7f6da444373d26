package cfg

import "strings"

// nearest is the known key that was most likely meant, or "".
func (ks keys) nearest(path string) string {
	path = strings.ToLower(path)
	// One slip in eight letters, and one for good measure; beyond that it is another word.
	best, limit := "", 1+len(path)/8
	for _, known := range ks.paths() {
		if d := distance(path, known); d <= limit {
			best, limit = known, d-1
		}
	}
	if best != "" {
		return best
	}
	return ks.ending(path)
}

// ending finds the one key that ends with the path: url is what many forget to put under a section.
func (ks keys) ending(path string) string {
	found := ""
	for _, known := range ks.paths() {
		if !strings.HasSuffix(known, "."+path) {
			continue
		}
		if found != "" {
			return ""
		}
		found = known
	}
	return found
}

// distance counts the letters to insert, remove, change or swap with a neighbour (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
