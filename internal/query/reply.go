package query

import (
	"time"
	"unicode/utf8"

	"returnd/internal/job"
)

// reply assembles the answer: one message, or a page of it, or parts that it hands to the call as they get full. It
// refuses what fits none of these, so that a giant job costs no more memory than a message.
type reply struct {
	call *call
	page *page // nil where the caller did not ask for one

	body []byte
	// entry is the encoded entry to be added; kept to be used again.
	entry            []byte
	opening, closing string
	entries          int // in the body
	// most is what the server takes in one message, headroom what our headers need of it, limit what is left for the body.
	// target is where a part counts as full.
	most, headroom, limit, target int
	// skipped counts the stored values that are not JSON.
	skipped int
	// weight is what was read and not weighed yet.
	weight int
	// parted is when the last part was sent.
	parted time.Time
	// next is the cursor that the store ended with.
	next string
}

const (
	// headerRoom is kept free for the longest headers of a reply with data: the status line, Returnd-Skipped with a
	// 20-digit number, and the empty line are 52 bytes.
	headerRoom = 64
	// partRoom is for Returnd-Seq, -More and -Total besides: 95 bytes.
	partRoom = 128
	// cursorRoom is for Returnd-Cursor with the longest cursor: 530 bytes.
	cursorRoom = 544
	// firstPart is small, so that it is there soon; nextParts are what costs no noticeable overhead any more.
	firstPart = 64 << 10
	nextParts = 256 << 10
	// entryCost is what looking at an entry costs besides its bytes, in bytes; loadCost is more, since a load is taken apart.
	entryCost = 64
	loadCost  = 320
)

func newReply(c *call) *reply {
	out := &reply{call: c, most: int(c.service.nc.MaxPayload()), headroom: headerRoom, parted: c.began}
	if c.accept.parts {
		out.headroom += partRoom
	}
	out.limit = out.most - out.headroom
	out.target = out.limit
	if c.accept.parts {
		out.target = min(firstPart, out.limit)
	}
	return out
}

// begin says what stands before and behind the entries, of every part.
func (r *reply) begin(opening, closing string) {
	r.opening, r.closing = opening, closing
	r.body = append(r.body, opening...)
}

// reserve keeps so many bytes free in every message.
func (r *reply) reserve(bytes int) {
	r.limit -= bytes
	r.target = min(r.target, r.limit)
}

// closed is the body with its end.
func (r *reply) closed() []byte { return append(r.body, r.closing...) }

// ended notes what a reading from the store ended with.
func (r *reply) ended(next string, err error) error {
	r.next = next
	return err
}

// value makes one whole value the reply.
func (r *reply) value(raw []byte) error {
	if len(raw) > r.limit {
		return fail(codeTooLarge, "the value has %d bytes, more than fits one message of this NATS server (%d), and it cannot be split: raise max_payload on the server",
			len(raw), r.limit)
	}
	r.body = append(r.body, raw...)
	return nil
}

// stored adds a value from the store to the object under a name, unless one of them is not JSON.
func (r *reply) stored(name string, raw []byte) error {
	if err := r.examine(len(name) + len(raw)); err != nil {
		return err
	}
	if readable := utf8.ValidString(name) && job.Validate(raw) == nil; !readable {
		r.skipped++
		return nil
	}
	if len(raw)/9*4 > r.limit { // -Infinity shrinks to null; spares copying what cannot fit
		return r.oversized(name, len(raw))
	}
	r.entry = append(appendName(r.entry[:0], name), job.Strict(raw)...)
	return r.add(name)
}

// element adds a string to the list, unless it is not UTF-8.
func (r *reply) element(text string) error {
	if err := r.examine(len(text)); err != nil {
		return err
	}
	if !utf8.ValidString(text) {
		r.skipped++
		return nil
	}
	r.entry = job.AppendString(r.entry[:0], text)
	return r.add(text)
}

func appendName(dst []byte, name string) []byte {
	return append(job.AppendString(dst, name), ": "...)
}

// examine is told of every stored value of so many bytes before it is looked at, also of those that will not be shown.
func (r *reply) examine(bytes int) error {
	if r.page.over() {
		return job.ErrPageFull
	}
	r.weight += bytes + entryCost
	if r.weight >= heavyBytes {
		if err := r.call.weigh(r.weight); err != nil {
			return err
		}
		r.weight = 0
	}
	if r.call.accept.parts && time.Since(r.parted) > r.call.service.pulse() {
		return r.send()
	}
	return nil
}

// add puts the entry into the body, or into the next part's. Separators are Python's, like everything Salt writes.
func (r *reply) add(name string) error {
	for !r.fits(len(r.entry)) {
		if err := r.turn(name); err != nil {
			return err
		}
	}
	if r.entries > 0 {
		r.body = append(r.body, ", "...)
	}
	r.body = append(r.body, r.entry...)
	r.entries++
	r.page.count()
	return nil
}

// fits tells whether so many bytes more fit. What is alone in its message may be as large as the server allows.
func (r *reply) fits(more int) bool {
	if r.entries == 0 {
		return len(r.body)+more+len(r.closing) <= r.limit
	}
	return len(r.body)+len(", ")+more+len(r.closing) <= r.target
}

// turn makes room for the entry of that name, the way the caller wants it.
func (r *reply) turn(name string) error {
	switch {
	case r.entries == 0:
		return r.oversized(name, len(r.entry))
	case r.call.accept.parts:
		return r.send()
	case r.page != nil:
		return job.ErrPageFull
	}
	return r.tooLarge()
}

// send sends what there is as a part, be it empty: who waits for a part learns that the work goes on.
func (r *reply) send() error {
	if err := r.call.part(r.closed()); err != nil {
		return err
	}
	r.body, r.entries = append(r.body[:0], r.opening...), 0
	r.target, r.parted = min(nextParts, r.limit), time.Now()
	return nil
}

// tooLarge is the answer to what does not fit one message.
func (r *reply) tooLarge() *failure {
	return fail(codeTooLarge, "the reply does not fit one message of this NATS server (%d bytes): ask with the header %s: %s, or for less "+
		"(limit, where the endpoint has it), or raise max_payload on the server", r.most, HeaderAccept, acceptParts)
}

// oversized is the answer to a single value that fits no message. It is never left out: that would look like a minion
// that did not return.
func (r *reply) oversized(name string, bytes int) *failure {
	return fail(codeTooLarge, "the value of %s has %d bytes and does not fit one message of this NATS server (%d bytes): raise max_payload on the server",
		shown(name), bytes, r.most)
}
