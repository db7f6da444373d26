package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"returnd/internal/job"
)

// valueKind is what a member of a request must be. Most are text, or whatever the worker makes of them; for these, a slip of the shell or of
// the fingers is explained here, where the remedy is known.
type valueKind int

const (
	number valueKind = iota
	truth
	anObject
	aList
)

var valueKinds = map[string]valueKind{
	"limit": number, "count": number, "ex": number, "px": number,
	"nocache": truth, "filter_find_job": truth, "dry_run": truth, "nx": truth, "xx": truth,
	"load": anObject, "ret": anObject, "metadata": anObject,
	"minions": aList,
}

// examples of how to write a value, for a shell.
var examples = map[valueKind]string{
	number:   "a whole number: NAME=100",
	truth:    "true or false: NAME=true",
	anObject: `an object, quoted for the shell or from a file: NAME='{"a": 1}', NAME=@FILE`,
	aList:    `a list, quoted for the shell or from a file: NAME='["web1", "web2"]', NAME=@FILE`,
}

// read takes a value that is what it must be, or null, which counts as not given. Its errors show nothing of the value, which may have
// come from a file with secrets.
func (k valueKind) read(name string, raw []byte) ([]byte, error) {
	raw = bytes.TrimSpace(raw)
	remedy := "write " + strings.ReplaceAll(examples[k], "NAME", name)
	if string(raw) != "null" && !k.fits(raw) {
		return nil, usage(fmt.Errorf("%s is not what it must be: %s", name, remedy))
	}
	if err := job.Validate(raw); err != nil {
		return nil, usage(fmt.Errorf("%s is broken JSON (%w): %s", name, err, remedy))
	}
	return raw, nil
}

func (k valueKind) fits(raw []byte) bool {
	switch k {
	case number:
		return len(raw) > 0 && len(strings.Trim(string(raw), "0123456789")) == 0
	case truth:
		return slices.Contains([]string{"true", "false"}, string(raw))
	case anObject:
		return bytes.HasPrefix(raw, []byte("{"))
	default:
		return bytes.HasPrefix(raw, []byte("["))
	}
}
