package job

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Reason says why a message went to the dead letters. It is the last part of their subject, so it never changes.
type Reason string

// The reasons of dead letters.
const (
	ReasonMalformed  Reason = "malformed"   // not the JSON that rule 1 asks for
	ReasonIdentity   Reason = "identity"    // an id, jid or fun that rules 2 to 4 refuse
	ReasonSubject    Reason = "subject"     // the subject is not canonical, or names another jid or minion than the body
	ReasonTooLarge   Reason = "too_large"   // beyond consume.max_return_bytes, packed or unpacked
	ReasonWrongType  Reason = "wrong_type"  // a foreign value of another type sits at the key
	ReasonRetKwargs  Reason = "ret_kwargs"  // the return asks for a host, a password or a database that cannot be
	ReasonJIDReq     Reason = "jid_req"     // the jid is the request for one
	ReasonMaxDeliver Reason = "max_deliver" // delivered too often without being stored
)

// Reasons lists every reason, for metrics and permissions that must know them all beforehand.
func Reasons() []Reason {
	return []Reason{
		ReasonMalformed, ReasonIdentity, ReasonSubject, ReasonTooLarge,
		ReasonWrongType, ReasonRetKwargs, ReasonJIDReq, ReasonMaxDeliver,
	}
}

// ErrUnavailable means that the store cannot be reached or refuses writes for now: hold the entries and retry.
var ErrUnavailable = errors.New("store unavailable")

// Rejection is the error of a message that is itself at fault, so that no retry would help.
type Rejection struct {
	Reason Reason
	// Detail tells an operator where the fault is and what to do. It never holds text of the payload:
	// it goes into logs and headers, and the payload may hold secrets.
	Detail string
}

// maxDetail keeps a dead letter's headers small.
const maxDetail = 256

// Reject makes a Rejection. The arguments must be offsets, lengths and field names, never payload text.
func Reject(reason Reason, format string, args ...any) *Rejection {
	return &Rejection{Reason: reason, Detail: printable(fmt.Sprintf(format, args...))}
}

func (r *Rejection) Error() string { return string(r.Reason) + ": " + r.Detail }

// printable bounds a detail and blanks control characters: it becomes a NATS header line.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) <= maxDetail {
		return s
	}
	cut := maxDetail
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}

// isControl tells C0, DEL and C1.
func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }
