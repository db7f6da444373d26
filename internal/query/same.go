package query

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"returnd/internal/job"
)

// document decodes a JSON value, numbers as their text. What is none becomes nil.
func document(value []byte) (decoded any) {
	if value == nil {
		return nil
	}
	reader := json.NewDecoder(bytes.NewReader(job.Strict(value)))
	reader.UseNumber()
	if reader.Decode(&decoded) != nil {
		return nil
	}
	return decoded
}

// sameValue tells whether two decoded values are equal: objects in any order, numbers by what they are worth.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, is := b.(map[string]any)
		return is && sameObject(a, b)
	case []any:
		b, is := b.([]any)
		return is && sameList(a, b)
	case json.Number:
		b, is := b.(json.Number)
		return is && sameNumber(string(a), string(b))
	}
	return a == b // text, true, false, null
}

func sameObject(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for name, value := range a {
		if other, there := b[name]; !there || !sameValue(value, other) {
			return false
		}
	}
	return true
}

func sameList(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !sameValue(a[i], b[i]) {
			return false
		}
	}
	return true
}

// sameNumber compares by decimal digits: a float would take large integers for each other, and an exact number of
// 1e999999999 has no place in memory.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	signA, digitsA, powerA := decimal(a)
	signB, digitsB, powerB := decimal(b)
	if digitsA == "" || digitsB == "" { // zero has neither sign nor power
		return digitsA == digitsB
	}
	return signA == signB && digitsA == digitsB && powerA == powerB
}

// decimal takes a JSON number apart: ±0.digits times ten to the power, without zeros at either end of the digits.
func decimal(text string) (negative bool, digits string, power int) {
	text, negative = strings.CutPrefix(text, "-")
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		power, _ = strconv.Atoi(text[at+1:]) // beyond an int it is the greatest: no such number is equal to another form
		text = text[:at]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	power += len(whole)
	digits = strings.TrimLeft(whole+fraction, "0")
	power -= len(whole+fraction) - len(digits)
	return negative, strings.TrimRight(digits, "0"), power
}
