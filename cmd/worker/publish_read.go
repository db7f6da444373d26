package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// document is one JSON text of an input, and where it begins.
type document struct {
	name string
	line int
	// body has no white space around it; inside, every byte is as it was read.
	body []byte
}

// where is how an operator finds the document; line 0 is the file as a whole.
func (d document) where() string {
	if d.line == 0 {
		return d.name
	}
	return fmt.Sprintf("%s:%d", d.name, d.line)
}

// maxDocument bounds the memory of one document; no NATS server takes more than 64 MiB.
const maxDocument = 64 << 20

var errTooLong = fmt.Errorf("larger than %d MiB", maxDocument>>20)

// splitter cuts an input into documents: one or many, one a line or pretty-printed, with or without white space between.
// Only the ends are looked for; whether a document is well-formed is judged later. What is broken off ends
// before the next line that begins with an object or a list, so that one bad document does not take its neighbours along.
type splitter struct {
	name string
	in   *bufio.Reader
	line int
	// fresh: the next byte begins a line.
	fresh bool
	max   int
}

func newSplitter(name string, in io.Reader) *splitter {
	return &splitter{name: name, in: bufio.NewReaderSize(in, 64<<10), line: 1, fresh: true, max: maxDocument}
}

// next gives the next document, io.EOF behind the last one, and errTooLong for one that was left out.
func (s *splitter) next() (document, error) {
	if err := s.skipBlanks(); err != nil {
		return document{}, err
	}
	d := document{name: s.name, line: s.line}
	var v valueEnd
	size := 0
	for {
		window, err := s.window()
		if errors.Is(err, io.EOF) || err == nil && size > 0 && s.fresh && v.cutBefore(window[0]) {
			break
		}
		if err != nil {
			return d, err
		}
		n := v.scan(window, s.fresh)
		if size += n; size <= s.max {
			d.body = append(d.body, window[:n]...)
		}
		s.discard(n)
		if v.done {
			break
		}
	}
	if size > s.max {
		return document{name: d.name, line: d.line}, errTooLong
	}
	d.body = bytes.TrimRight(d.body, blanks)
	return d, nil
}

// blanks is JSON's white space.
const blanks = " \t\r\n"

func (s *splitter) skipBlanks() error {
	for {
		window, err := s.window()
		if err != nil {
			return err
		}
		rest := bytes.TrimLeft(window, blanks)
		s.discard(len(window) - len(rest))
		if len(rest) > 0 {
			return nil
		}
	}
}

// window is what is buffered of the line at hand, one byte at least.
func (s *splitter) window() ([]byte, error) {
	if _, err := s.in.Peek(1); err != nil {
		return nil, err
	}
	window, err := s.in.Peek(s.in.Buffered())
	if end := bytes.IndexByte(window, '\n'); end >= 0 {
		window = window[:end+1]
	}
	return window, err
}

// discard steps over n bytes of the window.
func (s *splitter) discard(n int) {
	if n == 0 {
		return
	}
	window, _ := s.in.Peek(n)
	s.fresh = window[n-1] == '\n'
	if s.fresh {
		s.line++
	}
	_, _ = s.in.Discard(n)
}
