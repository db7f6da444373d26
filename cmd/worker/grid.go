package main

import (
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// grid is a table of which the last column gives way to the width.
type grid struct {
	header []string
	rows   [][]string
}

// gap stands between columns.
const gap = "  "

// narrowest is what the last column keeps on the smallest screen.
const narrowest = 16

func (g *grid) write(out io.Writer, s screen) error {
	room := g.room(s.width)
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", gap
	t.SetStyle(style)
	t.AppendRow(tableRow(g.header, room, func(c string) string { return s.paint(faint, c) }))
	for _, row := range g.rows {
		t.AppendRow(tableRow(row, room, func(c string) string { return c }))
	}
	t.SuppressTrailingSpaces()
	_, err := fmt.Fprintln(out, t.Render())
	return err
}

// writeWith adds a line that sums the table up.
func (g *grid) writeWith(out io.Writer, s screen, sum string) error {
	if err := g.write(out, s); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, s.paint(faint, sum))
	return err
}

// room is what the other columns leave to the last one; 0 is no bound.
func (g *grid) room(width int) int {
	if width == 0 {
		return 0
	}
	last := len(g.header) - 1
	for i, name := range g.header[:last] {
		widest := text.StringWidthWithoutEscSequences(name)
		for _, row := range g.rows {
			widest = max(widest, text.StringWidthWithoutEscSequences(row[i]))
		}
		width -= widest + len(gap)
	}
	return max(width-1, narrowest)
}

func tableRow(cells []string, room int, paint func(string) string) table.Row {
	row := make(table.Row, len(cells))
	for i, c := range cells {
		if i == len(cells)-1 && room > 0 {
			c = text.Snip(c, room, "…")
		}
		row[i] = paint(c)
	}
	return row
}
