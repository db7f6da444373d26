package job

import (
	"sync/atomic"
	"time"
)

// JIDs that Salt gives a meaning of their own.
const (
	JIDRequest = "req"     // "allocate one for me": the master's business, a dead letter here
	JIDNoCache = "nocache" // "do not store"
)

// timeDigits is the length of a time jid: YYYYMMDDHHMMSSffffff.
const timeDigits = 20

// JIDTime gives the instant of a time jid: 20 digits that are a real UTC time of the year 1 or later, optionally followed by
// an underscore and digits (Salt's unique_jid).
func JIDTime(jid string) (time.Time, bool) {
	if len(jid) < timeDigits || !digits(jid[:timeDigits]) || !jidSuffix(jid[timeDigits:]) {
		return time.Time{}, false
	}
	year, month, day := number(jid[:4]), number(jid[4:6]), number(jid[6:8])
	hour, minute, second := number(jid[8:10]), number(jid[10:12]), number(jid[12:14])
	if year < 1 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, number(jid[14:20])*1000, time.UTC)
	// time.Date carries a 31st of April over into May and a month 13 into January: such a jid is no real time.
	if t.Day() != day || t.Month() != time.Month(month) {
		return time.Time{}, false
	}
	return t, true
}

// jidSuffix tells whether what stands behind the 20 digits may stand there: nothing, or "_" and digits.
func jidSuffix(s string) bool {
	return s == "" || s[0] == '_' && len(s) > 1 && digits(s[1:])
}

// FormatJID is the time jid of an instant between the years 1 and 9999, cut to microseconds.
func FormatJID(t time.Time) string {
	t = t.UTC()
	var buf [timeDigits + 8]byte
	text := t.AppendFormat(buf[:0], "20060102150405")
	for unit := 100_000; unit > 0; unit /= 10 {
		text = append(text, '0'+byte(t.Nanosecond()/1000/unit%10))
	}
	return string(text)
}

// StartTime is what Salt's jobs runner shows and parses: "2026, Nov 20 08:01:02.123456", or "" where the jid is not a time.
func StartTime(jid string) string {
	t, ok := JIDTime(jid)
	if !ok {
		return ""
	}
	return t.Format("2006, Jan 02 15:04:05.000000")
}

// Start is the instant from which a job's keep runs: the earlier of the time in its jid and of published, the stream's timestamp.
// So a jid from the future cannot outlive its keep, and a replay cannot prolong a job. A custom jid starts when it is published.
func Start(jid string, published time.Time) time.Time {
	if t, ok := JIDTime(jid); ok && t.Before(published) {
		return t
	}
	return published
}

// Generator makes time jids that strictly grow within the process. Its zero value is ready; it is safe for concurrent use.
type Generator struct {
	last atomic.Int64 // microseconds since 1970 of the latest jid given out
}

// Next is a 20-digit jid: that of now, or one microsecond behind the latest one if the clock stands still or went back.
func (g *Generator) Next(now time.Time) string {
	for {
		last := g.last.Load()
		next := max(now.UnixMicro(), last+1)
		if g.last.CompareAndSwap(last, next) {
			return FormatJID(time.UnixMicro(next))
		}
	}
}

// number reads digits; it is called on at most six of them.
func number(s string) int {
	n := 0
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}
