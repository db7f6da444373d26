package query

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"returnd/internal/job"
)

// request is the JSON object of a caller, one raw value a member. The getters note the first fault in it, so that an
// endpoint reads all it needs and checks once. A member that is null counts as not given, as Python's None does.
type request struct {
	members map[string][]byte
	fault   *failure
}

// parseRequest takes the object apart. The values stay the caller's bytes: load and ret are stored as they came.
func parseRequest(data []byte, e *Endpoint) (*request, error) {
	in := &request{members: map[string][]byte{}}
	if len(bytes.TrimSpace(data)) == 0 {
		return in, nil
	}
	err := job.Members(data, func(name string, value []byte) error {
		if !slices.Contains(e.Fields, name) {
			return malformed("%s does not take %s: it takes %s", e.Name, shown(name), strings.Join(e.Fields, ", "))
		}
		if _, twice := in.members[name]; twice {
			return malformed("%s is given twice", name)
		}
		in.members[name] = value
		return nil
	})
	var rejection *job.Rejection
	if errors.As(err, &rejection) {
		return nil, malformed("the request must be one JSON object: %s", rejection.Detail)
	}
	return in, err
}

// maxShown bounds a caller's text within our sentence.
const maxShown = 64

func shown(text string) string {
	if len(text) > maxShown {
		return fmt.Sprintf("%+q (cut)", text[:maxShown])
	}
	return fmt.Sprintf("%+q", text)
}

// given is the raw value, and whether there is one.
func (in *request) given(name string) ([]byte, bool) {
	value, ok := in.members[name]
	return value, ok && !bytes.Equal(value, []byte("null"))
}

// need is the raw value of a member that must be there.
func (in *request) need(name string) ([]byte, bool) {
	value, ok := in.given(name)
	if !ok {
		in.blame("%s is missing", name)
	}
	return value, ok
}

// blame keeps the first fault.
func (in *request) blame(format string, args ...any) {
	if in.fault == nil {
		in.fault = malformed(format, args...)
	}
}

// err is the first fault, as an untyped nil where there is none.
func (in *request) err() error {
	if in.fault == nil {
		return nil
	}
	return in.fault
}

// profile names the Redis to ask; empty is the default one.
func (in *request) profile() string { return in.text("profile") }

// text is an optional string.
func (in *request) text(name string) string {
	value, ok := in.given(name)
	if !ok {
		return ""
	}
	text, ok := job.String(value)
	if !ok {
		in.blame("%s must be a string", name)
	}
	return text
}

// flag is an optional boolean, false where it is not given.
func (in *request) flag(name string) bool { return in.flagOr(name, false) }

// flagOr is an optional boolean.
func (in *request) flagOr(name string, missing bool) bool {
	value, ok := in.given(name)
	if !ok {
		return missing
	}
	switch string(value) {
	case "true":
		return true
	case "false":
	default:
		in.blame("%s must be true or false", name)
	}
	return false
}

// jid is a job's id, which must be there.
func (in *request) jid(name string) string {
	value, ok := in.need(name)
	if !ok {
		return ""
	}
	jid, ok := jidText(value)
	if !ok {
		in.blame("%s must be a string, or a whole number of plain digits", name)
		return ""
	}
	in.check(name, job.CheckJID(jid))
	return jid
}

// jidText reads a jid: Salt stores a whole number under its text.
func jidText(value []byte) (string, bool) {
	if jid, ok := job.String(value); ok {
		return jid, true
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return "", false
		}
	}
	return string(value), len(value) > 0
}

// object is a JSON object that must be there, as the caller wrote it.
func (in *request) object(name string) []byte {
	value, ok := in.need(name)
	if ok && value[0] != '{' {
		in.blame("%s must be an object", name)
	}
	return value
}

// minions is an optional list of minion ids.
func (in *request) minions(name string) []string {
	value, ok := in.given(name)
	if !ok {
		return nil
	}
	minions := in.strings(name, value)
	for _, id := range minions {
		in.check(name, job.CheckMinion(id))
	}
	return minions
}

// fun is a function's name, or a compound command's list of them, as the name that returns are filed under.
func (in *request) fun(name string) string {
	value, ok := in.need(name)
	if !ok {
		return ""
	}
	single, plain := job.String(value)
	names := []string{single}
	if !plain {
		names = in.strings(name, value)
	}
	for _, one := range names {
		in.check(name, job.CheckFun(one))
	}
	if len(names) == 0 {
		in.blame("%s must name at least one function", name)
		return ""
	}
	return job.FunName(names, !plain)
}

// strings reads a list of strings.
func (in *request) strings(name string, value []byte) []string {
	var list []string
	fault := job.Elements(value, func(element []byte) error {
		text, ok := job.String(element)
		if !ok {
			return malformed("no string")
		}
		list = append(list, text)
		return nil
	})
	if fault != nil {
		in.blame("%s must be a list of strings", name)
	}
	return list
}

// check notes a rule's refusal of a member.
func (in *request) check(name string, err error) {
	var rejection *job.Rejection
	switch {
	case errors.As(err, &rejection):
		in.blame("%s: %s", name, rejection.Detail)
	case err != nil:
		in.blame("%s is not valid", name)
	}
}
