package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// screen is what an answer is shown on.
type screen struct {
	terminal bool
	colour   bool
	// width is in columns, 0 where lines may be as long as they are.
	width int
}

// screenOf looks at where the output goes. NO_COLOR and a dumb terminal mean what they mean everywhere; in CI nobody sees colours.
func screenOf(out io.Writer) screen {
	file, ok := out.(*os.File)
	if !ok || !isTerminal(file) {
		return screen{}
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		width = 0
	}
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("CI") != "" || os.Getenv("TERM") == "dumb"
	return screen{terminal: true, colour: !plain, width: width}
}

// The colours, as a terminal's escape sequences.
const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	faint = "\x1b[2m"
	plain = "\x1b[0m"
)

func (s screen) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return colour + text + plain
}

// json writes a document indented for eyes and compact for programs. Order and number literals stay as they are.
func (s screen) json(out io.Writer, body []byte) error {
	var text bytes.Buffer
	var err error
	if s.terminal {
		err = json.Indent(&text, body, "", "  ")
	} else {
		err = json.Compact(&text, body)
	}
	if err != nil {
		return fmt.Errorf("this is no JSON: %w", err)
	}
	shown := text.String()
	if s.terminal {
		shown = escapeUnsafe(shown)
	}
	_, err = fmt.Fprintln(out, shown)
	return err
}

// escapeUnsafe writes the characters that may command a terminal, and that JSON allows within strings, as \u00XX: the
// same JSON, harmless to look at. A minion chooses what its returns hold.
func escapeUnsafe(text string) string {
	if strings.IndexFunc(text, commands) < 0 {
		return text
	}
	return escapeRunes(text, func(r rune) bool { return r != '\n' && commands(r) }) // line ends are the indenting's own
}

// visible is text for one line: what could move the cursor or hide something shows as its escape.
func visible(text string) string {
	return escapeRunes(strings.ToValidUTF8(text, "\uFFFD"), commands)
}

func commands(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

func escapeRunes(text string, is func(rune) bool) string {
	var b strings.Builder
	for _, r := range text {
		if is(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
