package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"returnd/internal/job"
)

// queryRequest makes the JSON object of the NAME=VALUE arguments, in their order.
func queryRequest(args []string, in io.Reader) ([]byte, error) {
	request := []byte{'{'}
	seen := map[string]bool{}
	for _, arg := range args {
		name, text, ok := strings.Cut(arg, "=")
		switch {
		case !ok || name == "":
			return nil, usage(fmt.Errorf("%q is no argument of an endpoint: write NAME=VALUE", arg))
		case seen[name]:
			return nil, usage(fmt.Errorf("%s is given twice", name))
		}
		value, err := queryValue(name, text, in)
		if err != nil {
			return nil, err
		}
		if len(seen) > 0 {
			request = append(request, ", "...)
		}
		seen[name] = true
		request = append(append(job.AppendString(request, name), ": "...), value...)
	}
	return append(request, '}'), nil
}

// queryValue reads one value, from where the text says.
func queryValue(name, text string, in io.Reader) ([]byte, error) {
	file, fromFile := strings.CutPrefix(text, "@")
	raw := []byte(text)
	if fromFile {
		var err error
		if raw, err = readValue(file, in); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		// The line end that an editor leaves behind a name is no part of it.
		raw = bytes.TrimRight(raw, "\r\n")
	}
	if kind, known := valueKinds[name]; known {
		return kind.read(name, raw)
	}
	return jsonOrText(name, raw)
}

func readValue(file string, in io.Reader) ([]byte, error) {
	switch file {
	case "":
		return nil, usage(errors.New("no file is named behind @: write @FILE, or @- for standard input"))
	case stdin:
		return io.ReadAll(in)
	default:
		return os.ReadFile(file)
	}
}

// jsonOrText passes JSON on as it is, NaN and all; a text that merely begins like JSON, as a jid may, stays a text.
func jsonOrText(name string, raw []byte) ([]byte, error) {
	trimmed := bytes.TrimSpace(raw)
	switch string(trimmed) {
	case "true", "false", "null":
		return trimmed, nil
	}
	if len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && job.Validate(trimmed) == nil {
		return trimmed, nil
	}
	if !utf8.Valid(raw) {
		return nil, fmt.Errorf("%s is not UTF-8: encode it", name)
	}
	return job.AppendString(nil, string(raw)), nil
}
