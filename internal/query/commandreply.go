package query

import (
	"encoding/base64"
	"math"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"

	"returnd/internal/job"
)

// appendReply writes a reply of Redis as JSON.
func appendReply(dst []byte, reply any) []byte {
	switch v := reply.(type) {
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case *big.Int:
		return v.Append(dst, 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(dst, null...)
		}
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	case string:
		return appendText(dst, v)
	case error: // one among others, as of a function that went on
		return append(appendText(append(dst, `{"error": `...), v.Error()), '}')
	case []any:
		return appendList(dst, v)
	case map[any]any:
		return appendMapping(dst, v)
	}
	return append(dst, null...)
}

func appendList(dst []byte, list []any) []byte {
	dst = append(dst, '[')
	for i, element := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendReply(dst, element)
	}
	return append(dst, ']')
}

// appendMapping writes the members in the order of their names: a map has none.
func appendMapping(dst []byte, mapping map[any]any) []byte {
	values := map[string]any{}
	names := make([]string, 0, len(mapping))
	for key, value := range mapping {
		name, ok := key.(string)
		if !ok || !utf8.ValidString(name) {
			name = string(appendReply(nil, key))
		}
		if _, twice := values[name]; !twice {
			names = append(names, name)
		}
		values[name] = value
	}
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(job.AppendString(dst, name), ": "...)
		dst = appendReply(dst, values[name])
	}
	return append(dst, '}')
}

// appendText writes a string, and what is no text as {"base64": …}: nothing else tells a caller which of the two it is.
func appendText(dst []byte, text string) []byte {
	if utf8.ValidString(text) {
		return job.AppendString(dst, text)
	}
	dst = append(dst, `{"base64": "`...)
	dst = base64.StdEncoding.AppendEncode(dst, []byte(text))
	return append(dst, `"}`...)
}
