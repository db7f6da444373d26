package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A job of 10,000 minions × 1 kB, in 100 parts.
const (
	largeParts   = 100
	largePerPart = 100
)

var largePadding = strings.Repeat("x", 950)

func largeReturn(i int) string {
	return fmt.Sprintf(`{"id": "m%05d", "jid":  "1", "fun": "f", "n": 1.50, "return": "%s"}`, i, largePadding)
}

func largePart(part int) string {
	var b strings.Builder
	for i := range largePerPart {
		n := (part-1)*largePerPart + i
		fmt.Fprintf(&b, `, "m%05d": %s`, n, largeReturn(n))
	}
	return "{" + b.String()[2:] + "}"
}

// weighing compares what comes to what must come, and measures what is alive meanwhile.
type weighing struct {
	t       *testing.T
	want    *bytes.Reader
	base    uint64
	highest uint64
	writes  int
}

func (w *weighing) Write(p []byte) (int, error) {
	want := make([]byte, len(p))
	if n, err := io.ReadFull(w.want, want); err != nil || !bytes.Equal(want, p) {
		w.t.Fatalf("after %d writes: %d bytes more are wanted (%v), or differ", w.writes, n, err)
	}
	if w.writes++; w.writes%10 == 0 {
		w.highest = max(w.highest, alive()-min(w.base, alive()))
	}
	return len(p), nil
}

func alive() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestLargeJobStreams(t *testing.T) {
	tests := []struct {
		output           string
		lead, between    string
		entry            func(i int) string
		closing          string
		mostBytesAtATime uint64
	}{
		{outputJSON, "{", ", ", func(i int) string { return fmt.Sprintf(`"m%05d": %s`, i, largeReturn(i)) }, "}\n", 6 << 20},
		{outputNDJSON, "", "\n", func(i int) string { return fmt.Sprintf(`{"minion": "m%05d", "ret": %s}`, i, largeReturn(i)) }, "\n", 6 << 20},
	}
	w := newFakeWorker(t)
	w.on("get_jid", func(a *fakeAnswer) { a.parts(largeParts, largePart, nil) })
	for _, tt := range tests {
		t.Run(tt.output, func(t *testing.T) {
			var want bytes.Buffer
			want.WriteString(tt.lead)
			for i := range largeParts * largePerPart {
				if i > 0 {
					want.WriteString(tt.between)
				}
				want.WriteString(tt.entry(i))
			}
			want.WriteString(tt.closing)
			out := &weighing{t: t, want: bytes.NewReader(want.Bytes()), base: alive()}
			q := newQuestion(w.nc, "salt", queryOptions{timeout: 10 * time.Second, output: tt.output}, "get_jid", []byte("{}"))
			if err := q.show(t.Context(), out, io.Discard); err != nil {
				t.Fatal(err)
			}
			if out.want.Len() > 0 {
				t.Errorf("%d bytes did not come", out.want.Len())
			}
			// 100 kB a part: those on their way, and the copies of those who send, keep and read them; of 10 MB in all.
			if out.highest > tt.mostBytesAtATime {
				t.Errorf("%d bytes were alive at once", out.highest)
			}
			t.Logf("%d bytes alive at most", out.highest)
		})
	}
}
