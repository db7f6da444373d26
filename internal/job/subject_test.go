package job

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSubjects(t *testing.T) {
	s := NewSubjects("acme.salt")
	for got, want := range map[string]string{
		s.Return("20261120080000000001", "web1.example.com"): "acme.salt.job.20261120080000000001.ret.web1.example.com",
		s.Return("deploy-1.2:web {x}", "rack:17"):            "acme.salt.job.deploy-1%2E2:web%20%7Bx%7D.ret.rack:17",
		s.Load("a b"):           "acme.salt.job.a%20b.new",
		s.Complete("1"):         "acme.salt.job.1.complete",
		s.Dead(ReasonMalformed): "acme.salt.dead.malformed",
		s.DeadAll():             "acme.salt.dead.>",
		s.Returner():            "acme.salt.returner",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if diff := cmp.Diff([]string{"acme.salt.job.*.ret.>", "acme.salt.job.*.new"}, s.Streams()); diff != "" {
		t.Error(diff)
	}
}

func TestEncode(t *testing.T) {
	tests := []struct{ name, text, jid, minion string }{
		{"usual", "web1", "web1", "web1"},
		{"every plain byte", "AZaz09_-:@=+~,", "AZaz09_-:@=+~,", "AZaz09_-:@=+~,"},
		{"dots", "a.b.c", "a%2Eb%2Ec", "a.b.c"},
		{"dot first", ".a.b", "%2Ea%2Eb", "%2Ea%2Eb"},
		{"dot last", "a.b.", "a%2Eb%2E", "a%2Eb%2E"},
		{"two dots in a row", "a..b.c", "a%2E%2Eb%2Ec", "a%2E%2Eb%2Ec"},
		{"blanks and braces", "{r} [7]", "%7Br%7D%20%5B7%5D", "%7Br%7D%20%5B7%5D"},
		{"NATS wildcards", "*>", "%2A%3E", "%2A%3E"},
		{"percent", "100%", "100%25", "100%25"},
		{"looks encoded", "%41", "%2541", "%2541"},
		{"UTF-8", "ü.é", "%C3%BC%2E%C3%A9", "%C3%BC.%C3%A9"},
		{"any byte", "\x00\xff/", "%00%FF%2F", "%00%FF%2F"},
		{"empty", "", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := EncodeJID(test.text); got != test.jid {
				t.Errorf("jid: got %s, want %s", got, test.jid)
			}
			if got := EncodeMinion(test.text); got != test.minion {
				t.Errorf("minion: got %s, want %s", got, test.minion)
			}
		})
	}
}

// TestStays compares the bits with the list that the documentation gives.
func TestStays(t *testing.T) {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-:@=+~,"
	for c := range 256 {
		want := strings.IndexByte(plain, byte(c)) >= 0
		if got := stays(byte(c), true); got != want {
			t.Errorf("byte %d: got %v, want %v", c, got, want)
		}
		if got := stays(byte(c), false); got != (want || c == '.') {
			t.Errorf("byte %d where dots stay: got %v", c, got)
		}
	}
}

func TestParseSubject(t *testing.T) {
	tests := []struct {
		name, subject string
		want          Reason
		jid, minion   string
		load          bool
	}{
		{"return", "salt.job.1.ret.web1", "", "1", "web1", false},
		{"dots in the minion", "salt.job.1.ret.web1.example.com", "", "1", "web1.example.com", false},
		{"load", "salt.job.1.new", "", "1", "", true},
		{"encoded", "salt.job.a%2Eb%20c.ret.%7Bx%7D.y", "", "a.b c", "{x}.y", false},
		{"encoded load", "salt.job.a%2Eb.new", "", "a.b", "", true},
		{"every dot encoded", "salt.job.1.ret.a%2E%2Eb%2Ec", "", "1", "a..b.c", false},
		{"a minion named new", "salt.job.1.ret.new", "", "1", "new", false},
		{"a minion that ends in new", "salt.job.1.ret.a.new", "", "1", "a.new", false},
		{"a minion that holds ret", "salt.job.1.ret.ret.b", "", "1", "ret.b", false},
		{"a jid named ret", "salt.job.ret.ret.a", "", "ret", "a", false},
		{"a jid named new", "salt.job.new.new", "", "new", "", true},

		{"another prefix", "salty.job.1.ret.a", ReasonSubject, "", "", false},
		{"no prefix", "job.1.ret.a", ReasonSubject, "", "", false},
		{"prefix alone", "salt.job.", ReasonSubject, "", "", false},
		{"empty", "", ReasonSubject, "", "", false},
		{"no jid", "salt.job..ret.a", ReasonSubject, "", "", false},
		{"no minion", "salt.job.1.ret.", ReasonSubject, "", "", false},
		{"no kind", "salt.job.1", ReasonSubject, "", "", false},
		{"ret alone", "salt.job.1.ret", ReasonSubject, "", "", false},
		{"completion", "salt.job.1.complete", ReasonSubject, "", "", false},
		{"behind a load", "salt.job.1.new.x", ReasonSubject, "", "", false},
		{"two tokens in the jid", "salt.job.a.b.ret.c", ReasonSubject, "", "", false},
		{"lower-case hex", "salt.job.1.ret.%7bx", ReasonSubject, "", "", false},
		{"lower-case hex in the jid", "salt.job.%7bx.new", ReasonSubject, "", "", false},
		{"needless escape", "salt.job.1.ret.%61", ReasonSubject, "", "", false},
		{"needless escape in the jid", "salt.job.%61.ret.a", ReasonSubject, "", "", false},
		{"needlessly encoded dot", "salt.job.1.ret.a%2Eb", ReasonSubject, "", "", false},
		{"one dot of two encoded", "salt.job.1.ret.a%2E.b", ReasonSubject, "", "", false},
		{"dots that should be encoded", "salt.job.1.ret.a..b", ReasonSubject, "", "", false},
		{"dot last", "salt.job.1.ret.a.", ReasonSubject, "", "", false},
		{"raw byte", "salt.job.1.ret.{x}", ReasonSubject, "", "", false},
		{"raw UTF-8", "salt.job.1.ret.ü", ReasonSubject, "", "", false},
		{"cut escape", "salt.job.1.ret.a%2", ReasonSubject, "", "", false},
		{"percent alone", "salt.job.1.ret.%", ReasonSubject, "", "", false},
		{"no hex", "salt.job.%zz.ret.a", ReasonSubject, "", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := NewSubjects("salt").Parse(test.subject)
			checkReason(t, err, test.want)
			if diff := cmp.Diff(Name{test.jid, test.minion, test.load}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseLenient(t *testing.T) {
	tests := []struct {
		name, subject string
		want          Reason
		jid, minion   string
		load          bool
	}{
		{"canonical", "salt.job.a%20b.ret.c.d", "", "a b", "c.d", false},
		{"lower-case hex and needless escapes", "salt.job.%61.ret.%7bx%2ey", "", "a", "{x.y", false},
		{"raw bytes", "salt.job.{1}.ret.ü", "", "{1}", "ü", false},
		{"cannot be decoded", "salt.job.a%.ret.%zz", "", "a%", "%zz", false},
		{"load", "salt.job.%61.new", "", "a", "", true},
		{"not ours", "other.job.1.new", ReasonSubject, "", "", false},
		{"neither", "salt.job.1.x", ReasonSubject, "", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := NewSubjects("salt").ParseLenient(test.subject)
			checkReason(t, err, test.want)
			if diff := cmp.Diff(Name{test.jid, test.minion, test.load}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseSubjectDoesNotAllocate(t *testing.T) {
	s := NewSubjects("salt")
	for _, subject := range []string{"salt.job.20261120080000000001.ret.web1.example.com", "salt.job.20261120080000000001.new"} {
		if got := testing.AllocsPerRun(100, func() { _, _ = s.Parse(subject) }); got != 0 {
			t.Errorf("%s: got %v allocations, want none", subject, got)
		}
	}
}

func BenchmarkParseSubject(b *testing.B) {
	s := NewSubjects("salt")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Parse("salt.job.20261120080000000001.ret.web1.dc1.example.com"); err != nil {
			b.Fatal(err)
		}
	}
}
