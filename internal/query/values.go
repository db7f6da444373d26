package query

import (
	"encoding/json"
	"strconv"
	"unicode"

	"returnd/internal/job"
)

// count is an optional whole number from 1 to most; 0 where it is not given.
func (in *request) count(name string, most int) int {
	value, ok := in.given(name)
	if !ok {
		return 0
	}
	number, err := strconv.Atoi(string(value))
	if err != nil || number < 1 || number > most {
		in.blame("%s must be a whole number from 1 to %d", name, most)
		return 0
	}
	return number
}

// cursor is the value of Returnd-Cursor, as it came; the store knows what it means.
func (in *request) cursor(name string) string {
	text := in.text(name)
	if len(text) > maxCursor {
		in.blame("%s is no cursor: pass the value of the header %s as it came", name, HeaderCursor)
		return ""
	}
	return text
}

// maxPattern bounds a text to look for; no function's name and no list of them that is sensible to type is longer.
const maxPattern = 1024

// pattern is an optional text to look for.
func (in *request) pattern(name string) *string {
	if _, ok := in.given(name); !ok {
		return nil
	}
	text := in.text(name)
	if len(text) > maxPattern {
		in.blame("%s has %d bytes: use %d at most", name, len(text), maxPattern)
	}
	return &text
}

// minion is a minion's id, which must be there.
func (in *request) minion(name string) string {
	value, ok := in.need(name)
	if !ok {
		return ""
	}
	id, ok := job.String(value)
	if !ok {
		in.blame("%s must be a string", name)
		return ""
	}
	in.check(name, job.CheckMinion(id))
	return id
}

// time is a point in time that must be there, in the caller's own words: a number stays the text it is.
func (in *request) time(name string) string {
	value, ok := in.need(name)
	if !ok {
		return ""
	}
	text, ok := job.String(value)
	if !ok {
		text = string(value)
		ok = json.Unmarshal(value, new(float64)) == nil
	}
	if !ok {
		in.blame("%s must be a string or a number", name)
		return ""
	}
	if text == "" || len(text) > maxEndTime || !printable(text) {
		in.blame("%s must have 1 to %d bytes and no control characters", name, maxEndTime)
	}
	return text
}

func printable(text string) bool {
	for _, r := range text {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}
