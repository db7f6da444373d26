package client

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"returnd/internal/job"
)

// request builds the JSON object of a request. Raw values go in as they are: what is to be stored must not be re-encoded.
type request struct {
	body []byte
	err  error
}

func (r *request) name(name string) {
	if len(r.body) > 0 {
		r.body = append(r.body, ", "...)
	}
	r.body = append(job.AppendString(r.body, name), ": "...)
}

// raw adds a value that is JSON already.
func (r *request) raw(name string, value []byte) *request {
	if err := job.Validate(value); err != nil && r.err == nil {
		r.err = fmt.Errorf("%s is not JSON: %w", name, err)
	}
	r.name(name)
	r.body = append(r.body, value...)
	return r
}

func (r *request) text(name, value string) *request {
	r.name(name)
	r.body = job.AppendString(r.body, value)
	return r
}

func (r *request) texts(name string, values []string) *request {
	r.name(name)
	r.body = append(r.body, '[')
	for i, value := range values {
		if i > 0 {
			r.body = append(r.body, ", "...)
		}
		r.body = job.AppendString(r.body, value)
	}
	r.body = append(r.body, ']')
	return r
}

func (r *request) value(name string, value any) *request {
	raw, err := json.Marshal(value)
	if err != nil {
		if r.err == nil {
			r.err = fmt.Errorf("%s: %w", name, err)
		}
		return r
	}
	return r.raw(name, raw)
}

// The following leave a member out where it says nothing.

func (r *request) optional(name, value string) *request {
	if value == "" {
		return r
	}
	return r.text(name, value)
}

func (r *request) number(name string, value int) *request {
	if value == 0 {
		return r
	}
	r.name(name)
	r.body = strconv.AppendInt(r.body, int64(value), 10)
	return r
}

func (r *request) flag(name string, value bool) *request {
	if !value {
		return r
	}
	r.name(name)
	r.body = append(r.body, "true"...)
	return r
}

func (r *request) instant(name string, value time.Time) *request {
	if value.IsZero() {
		return r
	}
	return r.text(name, value.UTC().Format(time.RFC3339Nano))
}

// encoded closes the object, with the client's profile in it.
func (r *request) encoded(profile string) ([]byte, error) {
	r.optional("profile", profile)
	return append(append([]byte{'{'}, r.body...), '}'), r.err
}
