package job

import "bytes"

// Strict puts null for NaN, Infinity and -Infinity, which Python writes and RFC 8259 does not know. Strings stay. It gives back the same slice
// where there is nothing to do. data is well-formed; of anything else, the rest from the first fault on stays as it is.
func Strict(data []byte) []byte {
	if !bytes.Contains(data, []byte("NaN")) && !bytes.Contains(data, []byte("Infinity")) {
		return data
	}
	start, end := nextSpecial(data, 0)
	if start == len(data) {
		return data
	}
	out := make([]byte, 0, len(data)+len("null"))
	kept := 0
	for start < len(data) {
		out = append(append(out, data[kept:start]...), "null"...)
		kept = end
		start, end = nextSpecial(data, end)
	}
	return append(out, data[kept:]...)
}

// nextSpecial finds the next of the three outside strings from i on; start is len(data) where there is none.
func nextSpecial(data []byte, i int) (start, end int) {
	for i < len(data) {
		f := fine
		switch data[i] {
		case '"':
			i, f = scanString(data, i+1)
		case '-':
			if end, f := scanNumber(data, i); f == fine && data[end-1] == 'y' {
				return i, end
			}
			i++
		case 'N', 'I':
			if end, f := scanValue(data, i, 0); f == fine {
				return i, end
			}
			i++
		default:
			i++
		}
		if f != fine {
			break
		}
	}
	return len(data), len(data)
}
