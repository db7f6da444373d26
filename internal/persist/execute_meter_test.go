package persist

import (
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"returnd/internal/job"
)

// Lengths are seen however the bytes come, and nothing else is taken for one.
func TestAnnouncedSizes(t *testing.T) {
	tests := []struct {
		stream string
		want   int64
	}{
		{"+OK\r\n:1234567890\r\n,1.5e9\r\n_\r\n#t\r\n(99999999999\r\n-ERR 99999999 wrong\r\n", 0},
		{"$5\r\nhello\r\n", 5},
		{"$9999999\r\n", 9999999},
		{"$9999999\r\nhe", 9999999},
		{"$9\r\n$9999\r\n*5\r\n+OK\r\n", 9},
		{"$-1\r\n*-1\r\n$1\r\nx\r\n", 1},
		{"*2\r\n:1\r\n:2\r\n", 6},
		{"*1000\r\n", 3000},
		{"%1000\r\n", 6000},
		{"=9999999\r\n", 9999999},
		{"*1\r\n$1000000\r\n", 1000000},
	}
	for _, tt := range tests {
		if got := (&sizes{}).most([]byte(tt.stream)); got != tt.want {
			t.Errorf("%q announces %d, want %d", tt.stream, got, tt.want)
		}
		var s sizes
		var got int64
		for i := range len(tt.stream) {
			got = max(got, s.most([]byte{tt.stream[i]}))
		}
		if s.kind != 0 || got != tt.want {
			t.Errorf("%q, byte by byte, announces %d, and ends within a line of kind %q, want %d", tt.stream, got, s.kind, tt.want)
		}
	}
}

func TestMeteredConnection(t *testing.T) {
	m := &meter{}
	m.allow(0)
	client, server := net.Pipe()
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	go func() {
		buffer := make([]byte, 16)
		for _, reply := range []string{"+OK\r\n", "$2000000\r\nxx"} {
			if _, err := server.Read(buffer); err != nil {
				return
			}
			_, _ = io.WriteString(server, reply)
		}
	}()
	c := &meteredConn{Conn: client, meter: m}
	buffer := make([]byte, 64)
	for _, want := range []error{nil, errTooLarge} {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(buffer); !errors.Is(err, want) || want != nil && n != 0 {
			t.Errorf("Read = %d, %v, want %v", n, err, want)
		}
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, errTooLarge) {
		t.Errorf("Write behind what was kept back = %v", err)
	}
	if _, err := c.Read(buffer); !errors.Is(err, errTooLarge) {
		t.Errorf("Read behind what was kept back = %v", err)
	}
}

// A value that cannot be handed on costs no memory.
func TestLargeValuesCostNoMemory(t *testing.T) {
	r := newRig(t)
	for _, args := range [][]any{{"setrange", "large", 200 << 20, "x"}, {"eval", "for i = 1, 400 do local l = {} for j = 1, 5000 do l[j] = '' end redis.call('rpush', 'list', unpack(l)) end return redis.call('llen', 'list')", 0}} {
		if err := r.proc.Do(args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, line := range []string{"get large", "mget a large", "lrange list 0 -1"} {
		_, err := r.store.Execute(t.Context(), anybody, job.Command{Args: strings.Fields(line)})
		if refused := asRefusal(err); refused == nil || refused.Kind != job.RefusedTooLarge {
			t.Errorf("%s: %v, want it to be too large", line, err)
		}
	}
	runtime.ReadMemStats(&after)
	if taken := (after.TotalAlloc - before.TotalAlloc) >> 20; taken > 8 {
		t.Errorf("%d MiB were taken for what was refused", taken)
	}
}
