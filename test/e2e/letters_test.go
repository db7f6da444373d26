package e2e

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"
)

// checkLetters compares letters without regard to their order; packed bodies
// are unpacked, whatever they were sent as.
func checkLetters(t *testing.T, want, got []letter) {
	t.Helper()
	for i := range got {
		got[i].Body = unpacked(t, got[i].header, []byte(got[i].Body))
	}
	order := cmpopts.SortSlices(func(a, b letter) bool { return a.Subject < b.Subject })
	if diff := cmp.Diff(want, got, order, cmpopts.IgnoreUnexported(letter{})); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
}

// unpacked is a body as it was before it was packed for its way.
func unpacked(t *testing.T, header nats.Header, data []byte) string {
	t.Helper()
	if header.Get("Content-Encoding") != "zstd" {
		return string(data)
	}
	r, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
