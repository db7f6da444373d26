package job

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyID is arbitrary bytes, with a liking for those that the encoding treats specially.
func anyID() *rapid.Generator[string] {
	special := rapid.SampledFrom([]byte(".%2EaA*> :{}\x00\xff"))
	return rapid.Map(rapid.SliceOfN(rapid.OneOf(special, rapid.Byte()), 1, 40), func(b []byte) string { return string(b) })
}

// nearID is drawn from so few texts that different ones would meet if the encoding let them.
func nearID() *rapid.Generator[string] {
	parts := rapid.SampledFrom([]string{".", "%", "2", "E", "e", "%2E", "a", "%61"})
	return rapid.Map(rapid.SliceOfN(parts, 1, 5), func(parts []string) string { return strings.Join(parts, "") })
}

func TestSubjectRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSubjects(rapid.SampledFrom([]string{"salt", "acme.salt"}).Draw(t, "prefix"))
		want := Name{JID: anyID().Draw(t, "jid"), Minion: anyID().Draw(t, "minion")}
		if got, err := DecodeToken(EncodeJID(want.JID)); err != nil || got != want.JID {
			t.Fatalf("jid: got %q, %v", got, err)
		}
		if got, err := DecodeToken(EncodeMinion(want.Minion)); err != nil || got != want.Minion {
			t.Fatalf("minion: got %q, %v", got, err)
		}
		for _, parse := range []func(string) (Name, error){s.Parse, s.ParseLenient} {
			if got, err := parse(s.Return(want.JID, want.Minion)); err != nil || got != want {
				t.Fatalf("return: got %+v, %v", got, err)
			}
			load := Name{JID: want.JID, Load: true}
			if got, err := parse(s.Load(want.JID)); err != nil || got != load {
				t.Fatalf("load: got %+v, %v", got, err)
			}
		}
	})
}

func TestSubjectsDiffer(t *testing.T) {
	s := NewSubjects("salt")
	rapid.Check(t, func(t *rapid.T) {
		a := Name{JID: nearID().Draw(t, "jid a"), Minion: nearID().Draw(t, "minion a")}
		b := Name{JID: nearID().Draw(t, "jid b"), Minion: nearID().Draw(t, "minion b")}
		same := s.Return(a.JID, a.Minion) == s.Return(b.JID, b.Minion)
		if want := a == b; same != want {
			t.Fatalf("%+v and %+v share a subject: %v, want %v", a, b, same, want)
		}
		if same := EncodeMinion(a.Minion) == EncodeMinion(b.Minion); same != (a.Minion == b.Minion) {
			t.Fatalf("minions %q and %q share a token", a.Minion, b.Minion)
		}
	})
}

// anyJID is time jids around the horizon, unique ones, and custom ones.
func anyJID(reference time.Time) *rapid.Generator[string] {
	timed := rapid.Map(rapid.Int64Range(-3, 3), func(n int64) string {
		return FormatJID(reference.Add(Horizon + time.Duration(n)*time.Microsecond))
	})
	unique := rapid.Map(timed, func(jid string) string { return jid + "_7" })
	return rapid.OneOf(timed, unique, rapid.SampledFrom([]string{"", "2", "20261121", "99991231235959999999", "a", "é"}))
}

func TestRankIsAStrictWeakOrder(t *testing.T) {
	reference := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		jids := rapid.SliceOfN(anyJID(reference), 3, 3).Draw(t, "jids")
		a, b, c := RankOf(jids[0], reference), RankOf(jids[1], reference), RankOf(jids[2], reference)
		if a.Less(a) {
			t.Fatal("less than itself")
		}
		if a.Less(b) && b.Less(a) {
			t.Fatal("less both ways")
		}
		if a.Less(b) && b.Less(c) && !a.Less(c) {
			t.Fatal("not transitive")
		}
		if equal := !a.Less(b) && !b.Less(a); equal != (jids[0] == jids[1]) {
			t.Fatal("different jids have no order")
		}
	})
}

func TestJIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// from the year 1 to 9999
		want := time.UnixMicro(rapid.Int64Range(-62135596800_000_000, 253402300799_999_999).Draw(t, "microseconds"))
		got, ok := JIDTime(FormatJID(want))
		if !ok || !got.Equal(want) {
			t.Fatalf("got %v, %v; want %v", got, ok, want)
		}
	})
}

func TestGeneratorGrows(t *testing.T) {
	var g Generator
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	const workers, each = 8, 500
	jids := make([][]string, workers)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := range each {
				// clocks that stand, run and go back
				jids[worker] = append(jids[worker], g.Next(now.Add(time.Duration(i%7)*time.Microsecond)))
			}
		})
	}
	group.Wait()
	var all []string
	for worker, own := range jids {
		if !slices.IsSorted(own) {
			t.Errorf("worker %d saw a jid smaller than an earlier one", worker)
		}
		all = append(all, own...)
	}
	slices.Sort(all)
	if got, want := len(slices.Compact(all)), workers*each; got != want {
		t.Errorf("got %d different jids, want %d", got, want)
	}
}

func TestStringRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "text")
		got, ok := String(AppendString(nil, want))
		if !ok || got != want {
			t.Fatalf("got %q, %v; want %q", got, ok, want)
		}
	})
}
