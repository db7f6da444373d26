package query

import (
	"strconv"
	"strings"
	"time"

	"returnd/internal/job"
)

// span reads since and until.
func (in *request) span() job.Span {
	return job.Span{Since: in.moment("since"), Until: in.moment("until")}
}

// moment is an optional time, in one of the forms that callers have at hand.
func (in *request) moment(name string) time.Time {
	value, ok := in.given(name)
	if !ok {
		return time.Time{}
	}
	at, ok := unixTime(string(value)) // a number in JSON
	if text, is := job.String(value); is {
		at, ok = momentOf(strings.TrimSpace(text))
	}
	if !ok {
		in.blame("%s is no time: use Unix seconds, RFC 3339 (2026-11-20T08:01:02Z), the first 4 to 20 digits of a jid (20261120, in UTC), "+
			"or a StartTime (2026, Nov 20 08:01:02.123456)", name)
	}
	return at
}

// startTime is how Salt writes a StartTime; a fraction of a second may follow.
const startTime = "2006, Jan 02 15:04:05"

// momentOf tries digits of a jid ahead of Unix seconds: until 2033 no text is both, as jids begin with the year 2000 at
// the earliest here.
func momentOf(text string) (time.Time, bool) {
	if at, ok := jidPrefix(text); ok {
		return at, true
	}
	if at, ok := unixTime(text); ok {
		return at, true
	}
	for _, layout := range []string{time.RFC3339, startTime} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// jidPrefix is the earliest time of all jids that begin so.
func jidPrefix(text string) (time.Time, bool) {
	if len(text) < len("2026") || text < "2000" || text > "9" {
		return time.Time{}, false
	}
	for i := len(text); i < len("20261120080102123456"); i++ {
		text += string(padding(text, i))
	}
	return job.JIDTime(text)
}

// padding is the smallest digit at a place of a jid. Months and days begin at 01.
func padding(text string, place int) byte {
	const month, day = 5, 7 // of their second digits
	if (place == month || place == day) && text[place-1] == '0' {
		return '1'
	}
	return '0'
}

// maxUnix is the year 9999: what is greater is no number of seconds, but a jid without its quotes.
const maxUnix = 253_402_300_800

// unixTime reads seconds since 1970, with a fraction perhaps.
func unixTime(text string) (time.Time, bool) {
	seconds, err := strconv.ParseFloat(text, 64)
	if strings.ContainsAny(text, "xX_") { // Go's own forms
		return time.Time{}, false
	}
	if err != nil || !(seconds >= 0 && seconds < maxUnix) { // NaN is neither
		return time.Time{}, false
	}
	return time.UnixMicro(int64(seconds * 1e6)).UTC(), true
}
