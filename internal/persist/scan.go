package persist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// The commands that read a collection by cursor.
const (
	scanHash = "hscan"
	scanSet  = "sscan"
)

// scan reads a hash or a set in steps of bounded size, each entry once, and can stop and go on at any entry. What is in
// it all the while is handed over, over all pages; an entry may come again in a later page.
type scan struct {
	conn       *connection
	command    string
	key, match string
	subject    uint32 // of its cursors

	anchor  anchor
	process uint64 // the one that is read from, once it is known
	pace    pace
	seen    map[string]struct{}
	resumed scanPlace // where this page began
	known   bool      // the names before resumed.from have been handed over
}

// newScan reads a key; about tells apart what is read by way of the same key.
func newScan(c *connection, command, key string, about ...string) *scan {
	subject := subjectOf(append([]string{c.target.key.profile, command, key}, about...)...)
	return &scan{conn: c, command: command, key: key, subject: subject, pace: newPace(), seen: map[string]struct{}{}}
}

// field is one entry of a hash, or of a set, where it has no value.
type field struct{ name, value string }

// bytes views the value without a copy: it must not be written to.
func (f field) bytes() []byte { return view(f.value) }

// step is a part of the entries.
type step struct {
	at, next uint64
	count    int64
	fields   []field // sorted by name
}

// take is given a step's entries. With job.ErrPageFull it names the first one that it did not take.
type take func(fields []field) (refused string, err error)

// run reads from a cursor on.
func (s *scan) run(ctx context.Context, cursor string, take take) (next string, err error) {
	if s.resumed, err = parsePlace(cursor, s.subject); err != nil {
		return "", err
	}
	s.known = s.resumed.from != ""
	defer s.anchor.drop()
	for part, err := s.begin(ctx); ; part, err = s.more(ctx, part.next) {
		if err != nil {
			return "", fmt.Errorf("read %s: %w", keyKind(s.key), classify(err, s.key))
		}
		refused, err := take(s.fresh(&part))
		part.fields = nil // the next step is not to find this one still in memory
		switch {
		case full(err):
			return s.placeOf(&part, refused).encode(s.subject), nil
		case err != nil:
			return "", err
		case part.next == 0:
			return "", nil
		}
	}
}

// begin does the page's first step.
func (s *scan) begin(ctx context.Context) (step, error) {
	if s.resumed.whole() {
		return s.first(ctx)
	}
	var err error
	s.process, s.pace.count = s.resumed.server, s.resumed.count
	if s.anchor, err = s.conn.anchorOf(ctx, s.key, s.process); err != nil {
		return step{}, err
	}
	part, err := s.more(ctx, s.resumed.scan)
	if errors.Is(err, errChanged) || errors.Is(err, errGone) {
		return step{}, errWorthlessCursor()
	}
	return part, err
}

// first does the first step of all, again where a cluster sends it elsewhere or a connection has died under it: nothing
// has been handed over yet.
func (s *scan) first(ctx context.Context) (step, error) {
	for attempt := 1; ; attempt++ {
		cmd := s.cmd(ctx, 0)
		run, err := s.try(ctx, cmd)
		if err == nil {
			s.process = processOf(run)
			return s.brought(cmd, 0), nil
		}
		if attempt == firstAttempts || !s.elsewhere(ctx, err, attempt) {
			return step{}, err
		}
	}
}

func (s *scan) try(ctx context.Context, cmd *redis.ScanCmd) (run string, err error) {
	if s.anchor.server == nil {
		if s.anchor, err = s.conn.anchorFor(ctx, s.key); err != nil {
			return "", err
		}
	}
	return s.anchor.first(ctx, cmd)
}

// elsewhere prepares another attempt, where one may help.
func (s *scan) elsewhere(ctx context.Context, err error, attempt int) bool {
	s.anchor.drop()
	switch {
	case cutOff(err):
		return true
	case !s.conn.inCluster():
		return false
	case moved(err):
		var named bool
		s.anchor, named = s.conn.redirected(ctx, err)
		return named || s.conn.pause(ctx, attempt)
	}
	return passing(err) && s.conn.pause(ctx, attempt)
}

// passing tells what ends by itself once a cluster has found its balance.
func passing(err error) bool {
	code, _, _ := strings.Cut(err.Error(), " ")
	return !isReply(err) || slices.Contains([]string{"CLUSTERDOWN", "TRYAGAIN", "LOADING", "MASTERDOWN"}, code)
}

// more does another step, if it is still the same process that does it.
func (s *scan) more(ctx context.Context, at uint64) (step, error) {
	for attempt := 1; ; attempt++ {
		cmd := s.cmd(ctx, at)
		run, there, err := s.anchor.more(ctx, s.key, cmd)
		switch {
		case err != nil && moved(err):
			return step{}, errChanged
		case err != nil && s.conn.inCluster() && !isReply(err) && attempt < firstAttempts && s.conn.pause(ctx, attempt):
			continue // of a single server, the client library tries again by itself
		case err != nil:
			return step{}, err
		case processOf(run) != s.process:
			return step{}, errChanged
		case !there:
			return step{}, errGone
		}
		return s.brought(cmd, at), nil
	}
}

func (s *scan) cmd(ctx context.Context, at uint64) *redis.ScanCmd {
	args := append(make([]any, 0, 7), s.command, s.key, at, "count", s.pace.count)
	if s.match != "" {
		args = append(args, "match", s.match)
	}
	return redis.NewScanCmd(ctx, nil, args...)
}

// brought makes a step of an answer.
func (s *scan) brought(cmd *redis.ScanCmd, at uint64) step {
	list, next := cmd.Val()
	width := 1
	if s.command == scanHash {
		width = 2
	}
	part := step{at: at, next: next, count: s.pace.count, fields: make([]field, 0, len(list)/width)}
	size := 0
	for i := 0; i+width <= len(list); i += width {
		f := field{name: list[i]}
		if width == 2 {
			f.value = list[i+1]
		}
		size += len(f.name) + len(f.value)
		part.fields = append(part.fields, f)
	}
	slices.SortFunc(part.fields, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	s.pace.add(len(part.fields), size)
	return part
}

// fresh leaves out what was handed over before, in this page or, as far as the cursor tells, in the one before it.
func (s *scan) fresh(part *step) []field {
	s.known = s.known && s.resumed.covers(part.next)
	return slices.DeleteFunc(part.fields, func(f field) bool {
		if s.known && f.name < s.resumed.from {
			return true
		}
		_, twice := s.seen[f.name]
		s.seen[f.name] = struct{}{}
		return twice
	})
}

// placeOf is where a page ends that was full at an entry of a step.
func (s *scan) placeOf(part *step, refused string) scanPlace {
	p := scanPlace{scan: part.at, until: part.next, count: part.count, from: refused}
	if part.at|part.next != 0 {
		p.server = s.process
	}
	return p
}
