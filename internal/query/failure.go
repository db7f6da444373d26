package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"returnd/internal/job"
)

// The codes of failed requests, in the sense HTTP gives them. There is no 404: a job that is not there is {} as in Salt.
const (
	codeOK          = 200
	codeMalformed   = 400 // the request, or what it wants to write, is at fault
	codeForbidden   = 403 // not allowed by this worker's configuration
	codeTooLarge    = 413 // the request or the reply does not fit
	codeInternal    = 500 // nobody's fault but ours
	codeUnavailable = 503 // try again
	codeDeadline    = 504 // not done in time
)

// failure is an answer that is no data: a code and a sentence for the caller.
type failure struct {
	code     int
	sentence string
	// reason is a word for the metrics, where the code alone does not tell.
	reason string
}

func (f *failure) Error() string { return f.sentence }

// maxSentence keeps the error header small enough for any server's max_payload.
const maxSentence = 1024

// fail makes a failure; its sentence becomes one header line, so control characters and length are tamed here.
func fail(code int, format string, args ...any) *failure {
	sentence := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, fmt.Sprintf(format, args...))
	if len(sentence) > maxSentence {
		sentence = strings.ToValidUTF8(sentence[:maxSentence], "")
	}
	return &failure{code: code, sentence: sentence}
}

// because gives a failure its own word in the metrics.
func because(reason string, f *failure) *failure {
	f.reason = reason
	return f
}

// word is what the metrics call the failure.
func (f *failure) word() string {
	if f.reason != "" {
		return f.reason
	}
	switch f.code {
	case codeMalformed:
		return "rejected"
	case codeForbidden:
		return "forbidden"
	case codeTooLarge:
		return "too_large"
	case codeUnavailable:
		return "unavailable"
	case codeDeadline:
		return "deadline"
	}
	return "internal"
}

// malformed is what the caller can mend by asking differently.
func malformed(format string, args ...any) *failure { return fail(codeMalformed, format, args...) }

// errStopping ends the requests that are still being worked on when the service has waited long enough.
var errStopping = errors.New("the service is stopping")

// failureOf turns any error into an answer; the second result tells whether it belongs into the log.
// The context comes before the store's own words: a store calls a cut-off read "unavailable".
func (s *Service) failureOf(ctx context.Context, err error) (*failure, bool) {
	var own *failure
	var rejection *job.Rejection
	switch {
	case errors.As(err, &own):
		return own, false
	case errors.As(err, &rejection):
		return s.rejected(rejection), false
	case ctx.Err() != nil:
		return s.cutOff(ctx), false
	case errors.Is(err, job.ErrUnavailable):
		return fail(codeUnavailable, "Redis cannot be used right now: try again in a few seconds; the worker's /readyz and log tell why"), false
	case errors.Is(err, context.DeadlineExceeded):
		return s.late(), false
	default:
		return fail(codeInternal, "something went wrong in the worker: its log has the details"), true
	}
}

// cutOff explains a context that has ended: by its cause, which is the failure itself but for the service's end.
func (s *Service) cutOff(ctx context.Context) *failure {
	cause := context.Cause(ctx)
	var own *failure
	switch {
	case errors.As(cause, &own):
		return own
	case errors.Is(cause, errStopping):
		return because("stopping", fail(codeUnavailable, "this worker is stopping: try again in a second"))
	}
	return s.late()
}

func (s *Service) late() *failure {
	return fail(codeDeadline, "not done within %v: try again, ask for less, or raise query.timeout", s.cfg.Timeout)
}

// rejected explains a refusal by the rules for returns and loads, or by what already sits in Redis.
func (s *Service) rejected(r *job.Rejection) *failure {
	switch r.Reason {
	case job.ReasonJIDReq:
		return malformed("%s: the jid asks for a new one: get it from %s.prep_jid first", r.Reason, s.subjects.Returner())
	default:
		return malformed("%s: %s", r.Reason, r.Detail)
	}
}
