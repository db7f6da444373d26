package servers

import (
	"bytes"
	"sync"
)

// tailSize is how much of a process's output a failed test shows: some
// screens, not the log of a whole run.
const tailSize = 4 << 10

// buffer takes a process's output while tests read it.
type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

// Write satisfies io.Writer; it never fails.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

func tail(s string) string {
	if len(s) <= tailSize {
		return s
	}
	return "…" + s[len(s)-tailSize:]
}
