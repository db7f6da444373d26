package job

import (
	"strings"
	"testing"
	"time"
)

func TestJIDTime(t *testing.T) {
	tests := []struct {
		name, jid string
		want      time.Time
	}{
		{"usual", "20261120080102123456", time.Date(2026, 11, 20, 8, 1, 2, 123456000, time.UTC)},
		{"unique", "20261120080102123456_20871", time.Date(2026, 11, 20, 8, 1, 2, 123456000, time.UTC)},
		{"leap day", "20240229000000000000", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)},
		{"first", "00010101000000000000", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"last", "99991231235959999999", time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := JIDTime(test.jid)
			if !ok || !got.Equal(test.want) {
				t.Errorf("got %v, %v; want %v", got, ok, test.want)
			}
		})
	}
}

func TestJIDTimeRefuses(t *testing.T) {
	for name, jid := range map[string]string{
		"empty":                            "",
		"19 digits":                        "2026112008010212345",
		"21 digits":                        "202611200801021234567",
		"a letter":                         "2026112008010212345x",
		"sign":                             "+2026112008010212345",
		"full-width digits":                "２026112008010212345",
		"underscore alone":                 "20261120080102123456_",
		"letters behind":                   "20261120080102123456_a",
		"two suffixes":                     "20261120080102123456_1_2",
		"blank behind":                     "20261120080102123456 ",
		"dash behind":                      "20261120080102123456-1",
		"year 0":                           "00000101000000000000",
		"month 0":                          "20260020080102123456",
		"month 13":                         "20261320080000000010",
		"day 0":                            "20261100080102123456",
		"31st of April":                    "20260431080102123456",
		"29th of February in another year": "20260229080102123456",
		"day 99":                           "20261199080102123456",
		"hour 24":                          "20261120240102123456",
		"minute 60":                        "20261120086002123456",
		"second 60":                        "20261120080160123456",
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := JIDTime(jid); ok {
				t.Errorf("%s: got %v, want none", jid, got)
			}
		})
	}
}

func TestFormatJID(t *testing.T) {
	zone := time.FixedZone("", 2*60*60)
	for want, at := range map[string]time.Time{
		"20261120080102123456": time.Date(2026, 11, 20, 10, 1, 2, 123456999, zone),
		"20260101000000000001": time.Date(2026, 1, 1, 0, 0, 0, 1000, time.UTC),
		"00010101000000000000": {},
	} {
		if got := FormatJID(at); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestStartTime(t *testing.T) {
	for jid, want := range map[string]string{
		"20261120080102123456":     "2026, Nov 20 08:01:02.123456",
		"20260105000000000001_123": "2026, Jan 05 00:00:00.000001",
		"20261320080000000010":     "",
		"custom":                   "",
	} {
		if got := StartTime(jid); got != want {
			t.Errorf("%s: got %q, want %q", jid, got, want)
		}
	}
}

func TestStart(t *testing.T) {
	published := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	for jid, want := range map[string]time.Time{
		"20261120075959000000": published.Add(-time.Second),
		"20261120080001000000": published,
		"20251120080000000000": published.AddDate(-1, 0, 0),
		"custom":               published,
		"20261320080000000010": published,
	} {
		if got := Start(jid, published); !got.Equal(want) {
			t.Errorf("%s: got %v, want %v", jid, got, want)
		}
	}
	entries := []Entry{
		{Return: Return{JID: "20261120075959000000"}, Published: published},
		{Load: &Load{JID: "20261120075959000000"}, Published: published},
	}
	for _, entry := range entries {
		if got, want := entry.Start(), published.Add(-time.Second); !got.Equal(want) {
			t.Errorf("entry of %s: got %v, want %v", entry.JID(), got, want)
		}
	}
}

func TestRank(t *testing.T) {
	reference := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	// each one is greater than those before it
	order := []string{
		"",
		"99991231235959999999", // beyond the horizon: custom, and text order puts it after digits
		"A",
		"a",
		"deploy",
		"é",
		"00010101000000000000",
		"20261120080000000000",
		"20261120080000000000_1",
		"20261120080000000000_2",
		"20261120080000000001",
		"20261121080000000000", // just on the horizon
	}
	for i, low := range order {
		for j, high := range order {
			got := RankOf(low, reference).Less(RankOf(high, reference))
			if want := i < j; got != want {
				t.Errorf("%q < %q: got %v, want %v", low, high, got, want)
			}
		}
	}
	if RankOf("20261121080000000001", reference).Timed() {
		t.Error("a jid a microsecond beyond the horizon counts as timed")
	}
	if !RankOf("20261121080000000000", reference).Timed() {
		t.Error("a jid on the horizon does not count as timed")
	}
	if !(Rank{}).Less(RankOf("a", reference)) {
		t.Error("the zero rank is not the lowest")
	}
}

func TestGenerator(t *testing.T) {
	now := time.Date(2026, 11, 20, 8, 1, 2, 123456789, time.UTC)
	var g Generator
	for _, step := range []struct {
		now  time.Time
		want string
	}{
		{now, "20261120080102123456"},
		{now, "20261120080102123457"},
		{now.Add(-time.Hour), "20261120080102123458"},
		{now.Add(time.Second), "20261120080103123456"},
	} {
		if got := g.Next(step.now); got != step.want {
			t.Errorf("got %s, want %s", got, step.want)
		}
	}
}

func TestCheck(t *testing.T) {
	long := strings.Repeat("x", 256)
	tests := []struct {
		name, text       string
		jid, minion, fun bool // refused as such
	}{
		{"usual", "web1.example.com", false, false, false},
		{"255 bytes", long[1:], false, false, false},
		{"blanks, braces, stars", "{a} * [b]?", false, false, false},
		{"UTF-8", "Jürgen 😀\u200d", false, false, false},
		{"replacement character", "a\ufffdb", false, false, false},
		{"empty", "", true, true, true},
		{"256 bytes", long, true, true, true},
		{"256 bytes of UTF-8", strings.Repeat("ü", 128), true, true, true},
		{"NUL", "a\x00b", true, true, true},
		{"CR LF", "a\r\nb", true, true, true},
		{"DEL", "a\x7f", true, true, true},
		{"C1", "a\u0085", true, true, true},
		{"control behind UTF-8", "ü\x01", true, true, true},
		{"invalid UTF-8", "a\xff", true, true, true},
		{"cut UTF-8", "a\xe2\x82", true, true, true},
		{"slash", "a/b", false, true, false},
		{"slash behind UTF-8", "ü/b", false, true, false},
		{"backslash", `a\b`, false, true, false},
		{"dot", ".", false, true, false},
		{"dots", "..", false, true, false},
		{"three dots", "...", false, false, false},
		{"colon", "a:b", false, false, true},
		{"colon behind UTF-8", "ü:b", false, false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reason := map[bool]Reason{true: ReasonIdentity}
			checkReason(t, CheckJID(test.text), reason[test.jid])
			checkReason(t, CheckMinion(test.text), reason[test.minion])
			checkReason(t, CheckFun(test.text), reason[test.fun])
		})
	}
}
