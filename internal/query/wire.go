package query

import (
	"strconv"

	"github.com/nats-io/nats.go/micro"
)

// The headers of requests and replies; docs/protocol.md tells callers the same.
const (
	// HeaderAccept is "parts" where the caller can read a reply that comes in several messages.
	HeaderAccept = "Returnd-Accept"
	// HeaderWindow is how many parts the caller lets come unconfirmed, 1 to 64. Without it the worker paces alone.
	HeaderWindow = "Returnd-Window"
	// HeaderSeq numbers the messages of one reply from 1 on.
	HeaderSeq = "Returnd-Seq"
	// HeaderMore is "true" on every part but the last.
	HeaderMore = "Returnd-More"
	// HeaderTotal is the number of parts, on the last one.
	HeaderTotal = "Returnd-Total"
	// HeaderSkipped counts the stored values that a reply leaves out because they are not JSON.
	HeaderSkipped = "Returnd-Skipped"
	// HeaderCursor is where the next page begins; without it there is none.
	HeaderCursor = "Returnd-Cursor"
	// HeaderRetryAfter is in seconds, beside a 503.
	HeaderRetryAfter = "Retry-After"
)

const (
	acceptParts = "parts"
	maxWindow   = 64
)

// accept is what a caller says it understands.
type accept struct {
	parts  bool
	window int // 0: the caller confirms nothing
}

// acceptOf reads the request's headers. A form of reply that is not known here is not asked for.
func acceptOf(h micro.Headers) (accept, *failure) {
	a := accept{parts: h.Get(HeaderAccept) == acceptParts}
	text := h.Get(HeaderWindow)
	if text == "" || !a.parts {
		return a, nil
	}
	window, err := strconv.Atoi(text)
	if err != nil || window < 1 || window > maxWindow {
		return a, malformed("the header %s is %s: use 1 to %d", HeaderWindow, shown(text), maxWindow)
	}
	a.window = window
	return a, nil
}
