package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"returnd/internal/job"
)

// Call asks any endpoint and gives its whole reply: objects merged, lists joined. The request is a JSON object, or nothing; the client's
// profile is not added to it.
func (c *Client) Call(ctx context.Context, endpoint string, request []byte) (json.RawMessage, error) {
	var whole json.RawMessage
	for part, err := range c.Parts(ctx, endpoint, request) {
		if err != nil {
			return nil, err
		}
		if whole, err = join(whole, part.Body); err != nil {
			return nil, fmt.Errorf("%w: part %d: %w", ErrIncomplete, part.Seq, err)
		}
		c.ended(part)
	}
	return whole, nil
}

func (c *Client) ended(part Part) {
	if n := part.Skipped(); part.Last && n > 0 && c.skipped != nil {
		c.skipped(n)
	}
}

// join appends a part to what has come before it; a single part stays as it is.
func join(whole, part []byte) ([]byte, error) {
	if err := job.Validate(part); err != nil {
		return nil, fmt.Errorf("it is no JSON, so it does not come from a worker: %w", err)
	}
	part = bytes.TrimSpace(part)
	if len(whole) == 0 {
		return part, nil
	}
	if opens := whole[0]; opens != part[0] || opens != '{' && opens != '[' {
		return nil, errors.New("it is not of the first one's shape")
	}
	head, tail := bytes.TrimSpace(whole[:len(whole)-1]), bytes.TrimSpace(part[1:])
	switch {
	case len(tail) == 1:
		return whole, nil
	case len(head) == 1:
		return part, nil
	}
	return append(append(head, ", "...), tail...), nil
}

// call is Call for a request of ours.
func (c *Client) call(ctx context.Context, endpoint string, r *request) (json.RawMessage, error) {
	body, err := r.encoded(c.profile)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", endpoint, err)
	}
	return c.Call(ctx, endpoint, body)
}

// decode is call with a reply of a fixed shape.
func (c *Client) decode(ctx context.Context, endpoint string, r *request, into any) error {
	body, err := c.call(ctx, endpoint, r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the reply of %s: %w", endpoint, err)
	}
	return nil
}

// done is call where the reply says nothing.
func (c *Client) done(ctx context.Context, endpoint string, r *request) error {
	_, err := c.call(ctx, endpoint, r)
	return err
}

// splitter hands over the entries of one part, until yield has had enough.
type splitter[T any] func(part []byte, yield func(T) error) error

// errEnough leaves a part before its end.
var errEnough = errors.New("enough")

// entries yields what is in the parts of a reply, and holds one of them at a time.
func entries[T any](ctx context.Context, c *Client, endpoint string, r *request, split splitter[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		body, err := r.encoded(c.profile)
		if err != nil {
			yield(none, fmt.Errorf("ask %s: %w", endpoint, err))
			return
		}
		for part, err := range c.Parts(ctx, endpoint, body) {
			if err == nil {
				err = split(part.Body, func(entry T) error {
					if !yield(entry, nil) {
						return errEnough
					}
					return nil
				})
			}
			if errors.Is(err, errEnough) {
				return
			}
			if err != nil {
				yield(none, fmt.Errorf("read %s: %w", endpoint, err))
				return
			}
			c.ended(part)
		}
	}
}

// Page asks for a part of a list: Limit entries at most, from where Cursor says, "" being the beginning.
type Page struct {
	Limit  int
	Cursor string
}

// page reads one page and the cursor of the next, which is empty behind the last one.
func page[T any](ctx context.Context, c *Client, endpoint string, r *request, p Page, split splitter[T]) ([]T, string, error) {
	r.number("limit", p.Limit).optional("cursor", p.Cursor)
	body, err := r.encoded(c.profile)
	if err != nil {
		return nil, "", fmt.Errorf("ask %s: %w", endpoint, err)
	}
	var list []T
	next := ""
	for part, err := range c.Parts(ctx, endpoint, body) {
		if err == nil {
			err = split(part.Body, func(entry T) error {
				list = append(list, entry)
				return nil
			})
		}
		if err != nil {
			return nil, "", fmt.Errorf("read %s: %w", endpoint, err)
		}
		next = part.Cursor()
		c.ended(part)
	}
	return list, next, nil
}

// members splits {name: value}. The value is a window into the part; the name is a copy, since it would break if the value were changed.
func members[T any](as func(name string, value json.RawMessage) (T, error)) splitter[T] {
	return func(part []byte, yield func(T) error) error {
		return job.Members(part, func(name string, value []byte) error {
			entry, err := as(strings.Clone(name), value[:len(value):len(value)])
			if err != nil {
				return err
			}
			return yield(entry)
		})
	}
}

// texts splits a list of strings.
func texts(part []byte, yield func(string) error) error {
	return job.Elements(part, func(value []byte) error {
		text, ok := job.String(value)
		if !ok {
			return errors.New("an element is no text")
		}
		return yield(strings.Clone(text))
	})
}
