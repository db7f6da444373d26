package consume

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

// TestLettersAreReadBack: plain, packed, in parts, with headers in the body; each gives back what was published.
func TestLettersAreReadBack(t *testing.T) {
	r := newRig(t)
	r.start()
	room := int(r.nc.MaxPayload()) - 512
	want := map[string]string{
		"salt.job.j.ret.plain":  "no JSON",
		"salt.job.j.ret.packed": long(room),
		"salt.job.j.ret.parts":  noise(room),
		"salt.job.j.ret.other":  noise(room),
	}
	for subject, body := range want {
		r.publish(subject, body, "X-Mine", "yes", "Nats-Msg-Id", "id of "+subject, "Content-Encoding", "identity")
	}
	many := &nats.Msg{Subject: "salt.job.j.ret.headers", Header: nats.Header{}, Data: []byte("no JSON either")}
	for i := range 60 {
		many.Header.Set("X-"+strings.Repeat("h", i+1), long(1000))
	}
	if _, err := r.js.PublishMsg(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	want[many.Subject] = string(many.Data)
	r.settled()
	got := map[string]string{}
	err := ReadLetters(t.Context(), r.js, "RETURNS_DEAD", func(l Letter, err error) error {
		if err != nil {
			t.Errorf("%s: %v", l.Subject, err)
		}
		got[l.Subject] = string(l.Body)
		if l.Reason == "" || l.Detail == "" || l.Sequence == 0 || l.Published.IsZero() {
			t.Errorf("%s: reason %q, detail %q, sequence %d, published %v", l.Subject, l.Reason, l.Detail, l.Sequence, l.Published)
		}
		if l.Subject == many.Subject {
			if len(l.Original().Header) != len(many.Header) {
				t.Errorf("%d headers of %d", len(l.Header), len(many.Header))
			}
			return nil
		}
		if diff := cmp.Diff(nats.Header{"X-Mine": {"yes"}, "Content-Encoding": {"identity"}}, l.Original().Header); diff != "" {
			t.Errorf("%s: headers to publish again (-want +got)\n%s", l.Subject, diff)
		}
		if parts := strings.HasSuffix(l.Subject, "parts") || strings.HasSuffix(l.Subject, "other"); parts != (len(l.Sequences) > 1) {
			t.Errorf("%s came in %d messages", l.Subject, len(l.Sequences))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for subject, body := range want {
		if got[subject] != body {
			t.Errorf("%s: %d bytes, want %d", subject, len(got[subject]), len(body))
		}
	}
	if len(got) != len(want) {
		t.Errorf("letters of %q", slices.Sorted(maps.Keys(got)))
	}
}

func TestLettersThatAreNotAllThere(t *testing.T) {
	header := func(part string) nats.Header {
		return nats.Header{"Returnd-Stream-Seq": {"7"}, "Returnd-Part": {part}}
	}
	for _, tt := range []struct {
		name   string
		parts  []string
		broken bool
	}{
		{"whole", []string{"1/2", "2/2"}, false},
		{"the first is missing", []string{"2/2"}, true},
		{"the last is missing", []string{"1/2"}, true},
		{"one in the middle is missing", []string{"1/3", "3/3"}, true},
		{"no number", []string{"x"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			open := map[string]*assembly{}
			var errs []error
			note := func(_ Letter, err error) error { errs = append(errs, err); return nil }
			for i, part := range tt.parts {
				_ = join(open, uint64(i+1), header(part), []byte("x"), note)
			}
			_ = unfinished(open, note)
			if len(errs) == 0 || errors.Is(errors.Join(errs...), errParts) != tt.broken {
				t.Errorf("errors %v, want missing parts to be told: %t", errs, tt.broken)
			}
		})
	}
}

// noise cannot be packed.
func noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32()) // #nosec G404 -- noise
	}
	return string(b)
}
