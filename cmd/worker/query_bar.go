package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"returnd/client"
)

// watched is a terminal that somebody may look at: no log of a CI run, and none where colours and the like are unwanted.
func watched(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && isTerminal(file) && os.Getenv("CI") == "" && os.Getenv("TERM") != "dumb"
}

// streaming shows that a large answer is coming in; a small one needs no bar.
type streaming struct {
	out io.Writer // nil where nobody looks
	bar *progressbar.ProgressBar
}

// newStreaming shows nothing where the entries themselves run over the same terminal.
func newStreaming(out io.Writer, p printer) *streaming {
	if !watched(out) || p.runs() {
		return &streaming{}
	}
	return &streaming{out: out}
}

// part counts a part of so many bytes. How many will come nobody knows.
func (s *streaming) part(size int, last bool) {
	if s.out == nil {
		return
	}
	if s.bar == nil && last {
		return
	}
	if s.bar == nil {
		s.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(s.out), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("reading"), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	_ = s.bar.Add(size) // a bar that cannot be drawn is no reason to stop
}

func (s *streaming) end() {
	if s.bar != nil {
		_ = s.bar.Finish()
		s.bar = nil
	}
}

// watchBar shows how far a job is, on a terminal.
type watchBar struct {
	out io.Writer // nil where nobody looks
	bar *progressbar.ProgressBar
}

func newWatchBar(out io.Writer) *watchBar {
	if !watched(out) {
		return &watchBar{}
	}
	return &watchBar{out: out}
}

func (b *watchBar) show(p client.Progress) {
	if b.out == nil {
		return
	}
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(b.out), progressbar.OptionSetWidth(30),
			progressbar.OptionShowCount(), progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish())
	}
	text := "returned"
	if p.Failed > 0 {
		text = fmt.Sprintf("returned, %d failed", p.Failed)
	}
	b.bar.Describe(text)
	if p.Known {
		b.bar.ChangeMax(max(p.Expected, p.Returned+1)) // a bar that is full would end itself
	}
	_ = b.bar.Set(p.Returned)
}

func (b *watchBar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
