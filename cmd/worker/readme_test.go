package main

import (
	"os"
	"strings"
	"testing"
)

// The README's table has a row for each command, and the rows have their commands.
func TestReadmeNamesEveryCommand(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n| command | what it does |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	named := map[string]bool{}
	for row := range strings.Lines(table) {
		if _, command, found := strings.Cut(row, "| `worker "); found {
			named[strings.FieldsFunc(command, func(r rune) bool { return r == ' ' || r == '`' })[0]] = true
		}
	}
	for _, cmd := range newRoot().Commands() {
		if cmd.Runnable() && cmd.Name() != "help" && !cmd.Hidden && !named[cmd.Name()] {
			t.Errorf("README.md has no row for worker %s", cmd.Name())
		}
		delete(named, cmd.Name())
	}
	for name := range named {
		t.Errorf("README.md has a row for worker %s, which there is not", name)
	}
}
