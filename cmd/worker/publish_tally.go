package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// tally counts what became of the documents, and shows it while it happens. Reading and collecting share it.
type tally struct {
	mu        sync.Mutex
	out       io.Writer
	bar       *progressbar.ProgressBar // nil where nobody looks
	began     time.Time
	published int
	bytes     int64
	failed    int
}

// newTally shows a progress bar for size bytes (-1: unknown) where out is a terminal.
func newTally(out io.Writer, size int64) *tally {
	t := &tally{out: out, began: time.Now()}
	if file, ok := out.(*os.File); ok && isTerminal(file) {
		t.bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(out), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("publishing"), progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return t
}

func isTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }

// settled takes the stream's answer to one document.
func (t *tally) settled(d document, err error) {
	if err != nil {
		t.refused(d, err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.published++
	t.bytes += int64(len(d.body))
	t.advance(len(d.body))
}

// refused lists one document that was not published, above the bar.
func (t *tally) refused(d document, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed++
	if t.bar != nil {
		_ = t.bar.Clear() // a bar that cannot be drawn is no reason to stop
	}
	fmt.Fprintf(t.out, "refused %s: %v\n", d.where(), err)
	t.advance(len(d.body))
}

func (t *tally) advance(n int) {
	if t.bar != nil {
		_ = t.bar.Add(n)
	}
}

// finish writes the one line that sums up.
func (t *tally) finish(out io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bar != nil {
		_ = t.bar.Finish()
	}
	took := time.Since(t.began).Seconds()
	fmt.Fprintf(out, "published %s, %s in %.2f s (%.0f/s, %s/s), refused %d\n", counted(t.published, "document"), sized(float64(t.bytes)),
		took, float64(t.published)/took, sized(float64(t.bytes)/took), t.failed)
}

// err makes the exit code 1 where anything was refused.
func (t *tally) err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == 0 {
		return nil
	}
	return errors.New(counted(t.failed, "document") + " refused")
}

// counted is "1 job", "2 jobs".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// sized is a number of bytes to be read by eye.
func sized(bytes float64) string {
	switch {
	case bytes < 1e3:
		return fmt.Sprintf("%.0f B", bytes)
	case bytes < 1e6:
		return fmt.Sprintf("%.1f kB", bytes/1e3)
	}
	return fmt.Sprintf("%.1f MB", bytes/1e6)
}
