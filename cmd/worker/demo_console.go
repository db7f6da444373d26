package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// console writes whole lines for people: coloured on a terminal, plain into a file. Many goroutines share it.
type console struct {
	mu  sync.Mutex
	out io.Writer
	screen
	// gone is called when nobody reads any more.
	gone func()
}

// The colours that only the demo uses.
const (
	bold   = "\x1b[1m"
	yellow = "\x1b[33m"
)

func newConsole(out io.Writer, gone func()) *console {
	return &console{out: out, screen: screenOf(out), gone: gone}
}

// line writes one line.
func (c *console) line(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := fmt.Fprintf(c.out, format+"\n", args...); err != nil {
		c.gone()
	}
}

// timed writes one line with the time of day before it.
func (c *console) timed(format string, args ...any) {
	c.line(c.paint(faint, time.Now().Format(time.TimeOnly))+"  "+format, args...)
}
