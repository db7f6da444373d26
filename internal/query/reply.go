package query

import (
	"unicode/utf8"

	"returnd/internal/job"
)

// reply assembles one message of JSON and refuses what would no longer fit it, so that a giant job costs no more
// memory than a message.
type reply struct {
	body []byte
	// limit is what the server takes in one message, less our headers.
	limit int
	// skipped counts the stored values that are not JSON.
	skipped int
	filled  bool
}

// headerRoom is kept free for the longest headers of a reply with data:
// the status line, Returnd-Skipped with a 20-digit number, and the empty line are 52 bytes.
const headerRoom = 64

// tooLarge is the answer to what does not fit.
func (r *reply) tooLarge() *failure {
	return fail(codeTooLarge, "the reply does not fit one message of this NATS server (%d bytes): ask for less, or raise max_payload on the server",
		r.limit+headerRoom)
}

// open begins an object or a list.
func (r *reply) open(bracket byte) { r.body = append(r.body, bracket) }

// close ends it; room for the bracket was kept by fits.
func (r *reply) close(bracket byte) { r.body = append(r.body, bracket) }

// fits tells whether so many more bytes, and a closing bracket, still fit.
func (r *reply) fits(more int) bool { return len(r.body)+more+1 <= r.limit }

// value makes one whole value the reply.
func (r *reply) value(raw []byte) error {
	if len(raw) > r.limit {
		return r.tooLarge()
	}
	r.body = append(r.body, raw...)
	return nil
}

// stored adds a value from the store to the object under a name, unless one of them is not JSON.
func (r *reply) stored(name string, raw []byte) error {
	if !r.fits(len(name) + len(raw)/2) { // a lower bound: Infinity shrinks to null. Spares checking what cannot fit
		return r.tooLarge()
	}
	if readable := utf8.ValidString(name) && job.Validate(raw) == nil; !readable {
		r.skipped++
		return nil
	}
	return r.member(name, job.Strict(raw))
}

// member adds a value that is known to be JSON.
func (r *reply) member(name string, raw []byte) error {
	if !r.fits(len(name) + len(raw)) {
		return r.tooLarge()
	}
	r.separate()
	r.body = job.AppendString(r.body, name)
	r.body = append(r.body, ": "...)
	r.body = append(r.body, raw...)
	return r.checked()
}

// element adds a string to the list, unless it is not UTF-8.
func (r *reply) element(text string) error {
	if !utf8.ValidString(text) {
		r.skipped++
		return nil
	}
	r.separate()
	r.body = job.AppendString(r.body, text)
	return r.checked()
}

// separate writes the comma between members. Separators are Python's, like everything Salt writes.
func (r *reply) separate() {
	if r.filled {
		r.body = append(r.body, ", "...)
	}
	r.filled = true
}

func (r *reply) checked() error {
	if !r.fits(0) {
		return r.tooLarge()
	}
	return nil
}
