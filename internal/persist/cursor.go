package persist

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"math/bits"

	"returnd/internal/job"
)

// maxCursor is the longest cursor that is looked at.
const maxCursor = 512

// maxNameInCursor keeps a cursor below maxCursor. No id and no jid of ours is longer. Where a stranger's is, its
// beginning stands in the cursor, and some entries are handed over again.
const maxNameInCursor = 255

// The kinds of cursors.
const (
	cursorScan byte = 's'
	cursorJobs byte = 'j'
)

// scanPlace is where a reading by HSCAN or SSCAN stands: before an entry within a step. A step's entries are handed over in
// the order of their names, so that the first name left tells which of them have been taken. That holds for the part of
// the hash table that the step has covered, from scan to until, and no further.
type scanPlace struct {
	server uint64 // tells the process whose cursors these are; 0 where the step covered everything, which needs none
	scan   uint64 // the step's cursor
	until  uint64 // the cursor behind it; 0 is the end
	count  int64  // the step's size
	from   string // the first name left
}

// whole tells that the place is within a step that covered everything, or before the first one.
func (p scanPlace) whole() bool { return p.server == 0 }

// covers tells that a step from the place's cursor which ends at next has gone no further than the one that the place
// was made in: all names before from have been handed over then. A scan goes through the table in the order of the
// reversed bits, whatever the table's size becomes meanwhile (dictScan in Redis, hashtableScan in Valkey).
func (p scanPlace) covers(next uint64) bool {
	if p.until == 0 || next == p.until {
		return true
	}
	return next != 0 && bits.Reverse64(next) < bits.Reverse64(p.until)
}

// encode makes the cursor. subject tells what is read, so that a cursor of another request is noticed.
func (p scanPlace) encode(subject uint32) string {
	b := begin(cursorScan, subject)
	b = binary.BigEndian.AppendUint64(b, p.server)
	b = binary.AppendUvarint(b, p.scan)
	b = binary.AppendUvarint(b, p.until)
	b = binary.AppendUvarint(b, uint64(p.count))
	return finish(b, p.from)
}

// parsePlace reads a cursor; an empty one is the beginning.
func parsePlace(cursor string, subject uint32) (scanPlace, error) {
	if cursor == "" {
		return scanPlace{}, nil
	}
	r, err := parse(cursor, cursorScan, subject)
	if err != nil {
		return scanPlace{}, err
	}
	p := scanPlace{server: r.fixed(), scan: r.number(), until: r.number(), count: int64(r.number())}
	p.from = string(r.rest)
	if r.short || p.count < 1 || p.count > stepEntries || p.whole() && p.scan|p.until != 0 {
		return scanPlace{}, errNoCursor()
	}
	return p, nil
}

func errNoCursor() error {
	return job.Reject(job.ReasonMalformed, "the cursor is none that this request has given: begin again without one")
}

func errWorthlessCursor() error {
	return job.Reject(job.ReasonMalformed, "the cursor is worthless, the Redis server has changed or was restarted, or the key is gone: begin again without one")
}

// subjectOf is a digest of what is read.
func subjectOf(parts ...string) uint32 {
	h := fnv.New32a()
	for _, part := range parts {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum32()
}

// processOf is a digest of a server's run_id; never 0.
func processOf(run string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(run))
	return max(h.Sum64(), 1)
}

func begin(kind byte, subject uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{kind}, subject)
}

func finish(b []byte, name string) string {
	return base64.RawURLEncoding.EncodeToString(append(b, name[:min(len(name), maxNameInCursor)]...))
}

// parse opens a cursor up to where its kinds differ.
func parse(cursor string, kind byte, subject uint32) (*cursorReader, error) {
	if len(cursor) > maxCursor {
		return nil, errNoCursor()
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) < 5 || b[0] != kind || binary.BigEndian.Uint32(b[1:]) != subject {
		return nil, errNoCursor()
	}
	return &cursorReader{rest: b[5:]}, nil
}

// cursorReader takes numbers off the front. short tells that there were too few bytes.
type cursorReader struct {
	rest  []byte
	short bool
}

func (r *cursorReader) fixed() uint64 {
	if len(r.rest) < 8 {
		r.short = true
		return 0
	}
	n := binary.BigEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return n
}

func (r *cursorReader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.short = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}
