package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Error is a worker's answer that is no data.
type Error struct {
	// Code is what HTTP means by it: 400, 403, 413, 500, 503, 504.
	Code int
	// Message is a sentence that names the remedy.
	Message string
	// RetryAfter is the worker's hint when to try again; 0 is none.
	RetryAfter time.Duration
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%d)", e.Message, e.Code) }

// Is makes errors.Is compare by the code alone where target is one of the sentinels.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Message == "" && t.Code == e.Code
}

// IsRetryable tells whether the same request may succeed later: Redis was away, the worker was busy or stopped, or the time was too short.
func (e *Error) IsRetryable() bool {
	return e.Code == http.StatusServiceUnavailable || e.Code == http.StatusGatewayTimeout
}

// What errors.Is may ask about an [*Error].
var (
	ErrMalformed   = &Error{Code: http.StatusBadRequest}            // the request is at fault
	ErrForbidden   = &Error{Code: http.StatusForbidden}             // the worker's settings do not allow it
	ErrTooLarge    = &Error{Code: http.StatusRequestEntityTooLarge} // request or reply does not fit
	ErrInternal    = &Error{Code: http.StatusInternalServerError}   // a fault of the worker; its log tells more
	ErrUnavailable = &Error{Code: http.StatusServiceUnavailable}    // Redis is away, or the worker is busy: try again
	ErrDeadline    = &Error{Code: http.StatusGatewayTimeout}        // not done within the worker's limit
)

// Errors that no worker told.
var (
	// ErrNoWorker means that nobody listens. It is nats.ErrNoResponders too.
	ErrNoWorker = fmt.Errorf("no worker answers: start one with `worker run`, or connect to the NATS server that the workers use (%w)", nats.ErrNoResponders)
	// ErrNoAnswer means that somebody listens, and did not answer within [Timeout].
	ErrNoAnswer = errors.New("no answer in time")
	// ErrIncomplete means that a reply in parts did not come whole and in order.
	ErrIncomplete = errors.New("the reply is not complete")
	// errWorkerGone is the end of a reply that its worker did not live to send.
	errWorkerGone = errors.New("the worker that answered is gone: ask again")
	// ErrNoStream means that no stream takes what was published. It is nats.ErrNoResponders too.
	ErrNoStream = fmt.Errorf("no stream takes this subject: start `worker run`, which creates the stream, or create it yourself (%w)", nats.ErrNoResponders)
)

// IsRetryable tells whether doing the same again later may succeed. It holds for ErrNoWorker as well, and for a reply that broke off.
func IsRetryable(err error) bool {
	var answered *Error
	if errors.As(err, &answered) {
		return answered.IsRetryable()
	}
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, ErrNoAnswer) || errors.Is(err, ErrIncomplete)
}

// headerRetryAfter is in seconds, as HTTP has it.
const headerRetryAfter = "Retry-After"

// answeredError reads micro's error headers; nil is none.
func answeredError(m *nats.Msg) error {
	code := m.Header.Get(micro.ErrorCodeHeader)
	if code == "" {
		return nil
	}
	number, err := strconv.Atoi(code)
	if err != nil {
		number = http.StatusInternalServerError
	}
	e := &Error{Code: number, Message: m.Header.Get(micro.ErrorHeader)}
	if seconds, err := strconv.ParseFloat(m.Header.Get(headerRetryAfter), 64); err == nil && seconds > 0 && seconds < 1e6 {
		e.RetryAfter = time.Duration(seconds * float64(time.Second))
	}
	return e
}

// explain puts our own words for what the NATS client says of a request.
func (c *Client) explain(ctx context.Context, endpoint string, err error) error {
	subject := c.subject(endpoint)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("ask %s: %w", subject, ErrNoWorker)
	case ctx.Err() != nil:
		return fmt.Errorf("ask %s: %w", subject, ctx.Err())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return fmt.Errorf("ask %s: %w: nothing for %v; the workers' log may tell why", subject, ErrNoAnswer, c.timeout)
	}
	return fmt.Errorf("ask %s: %w", subject, err)
}
