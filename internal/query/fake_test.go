package query

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"returnd/internal/job"
)

// pair is a name and a value in the order that a test wants them handed over.
type pair struct{ name, value string }

// fakeStore keeps what it is told. before, if set, runs ahead of every operation and fails it with its error.
type fakeStore struct {
	before func(ctx context.Context) error
	// between, if set, runs ahead of every value handed over.
	between func(ctx context.Context) error

	mu       sync.Mutex
	touched  int
	returns  map[string][]pair
	last     map[string][]pair
	loads    map[string]string
	jobs     []pair
	minions  []string
	history  map[string][]job.Past
	progress map[string]fakeProgress
	ends     map[string]string
	written  []job.Entry
	saved    map[string][]string
	reserved map[string]bool
	taken    int // the next so many reservations find the jid taken
	yielded  int
	orders   []order // callers' own commands, and what they are answered
	answer   any
	profile  string   // last asked for
	span     job.Span // last asked for
	refused  error    // what a yield answered last
}

// fakeProgress is how far a job has come, and who is missing.
type fakeProgress struct {
	job.Progress
	missing []string
}

var fakeNow = time.Date(2026, 11, 20, 8, 1, 2, 123456000, time.UTC)

func (f *fakeStore) enter(ctx context.Context) error {
	f.mu.Lock()
	f.touched++
	f.mu.Unlock()
	if f.before == nil {
		return nil
	}
	return f.before(ctx)
}

// hand hands over so many values from the cursor on, which is the number of one.
func (f *fakeStore) hand(ctx context.Context, profile, cursor string, count int, yield func(i int) error) (string, error) {
	if err := f.enter(ctx); err != nil {
		return "", err
	}
	first := 0
	if cursor != "" {
		var err error
		if first, err = strconv.Atoi(strings.TrimPrefix(cursor, "at-")); err != nil || first > count {
			return "", job.Reject(job.ReasonMalformed, "the cursor is none: begin again without one")
		}
	}
	for i := first; i < count; i++ {
		err := f.one(ctx, profile, i, yield)
		if errors.Is(err, job.ErrPageFull) {
			return "at-" + strconv.Itoa(i), nil
		}
		if err != nil {
			return "", fmt.Errorf("read: %w", err)
		}
	}
	return "", nil
}

func (f *fakeStore) one(ctx context.Context, profile string, i int, yield func(i int) error) error {
	if f.between != nil {
		if err := f.between(ctx); err != nil {
			return err
		}
	}
	err := yield(i)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.yielded++
	f.profile, f.refused = profile, err
	return err
}

func (f *fakeStore) pairs(ctx context.Context, profile, cursor string, pairs []pair, yield func(name string, value []byte) error) (string, error) {
	return f.hand(ctx, profile, cursor, len(pairs), func(i int) error { return yield(pairs[i].name, []byte(pairs[i].value)) })
}

func (f *fakeStore) Returns(ctx context.Context, profile, jid, cursor string, yield func(string, []byte) error) (string, error) {
	return f.pairs(ctx, profile, cursor, f.returns[jid], yield)
}

func (f *fakeStore) LastReturns(ctx context.Context, profile, fun, cursor string, yield func(string, []byte) error) (string, error) {
	return f.pairs(ctx, profile, cursor, f.last[fun], yield)
}

func (f *fakeStore) Jobs(ctx context.Context, profile string, span job.Span, cursor string, yield func(string, []byte) error) (string, error) {
	f.mu.Lock()
	f.span = span
	f.mu.Unlock()
	return f.pairs(ctx, profile, cursor, f.jobs, yield)
}

// Load looks where Jobs does, too.
func (f *fakeStore) Load(ctx context.Context, _, jid string) ([]byte, error) {
	if err := f.enter(ctx); err != nil {
		return nil, err
	}
	if load, ok := f.loads[jid]; ok {
		return []byte(load), nil
	}
	for _, p := range f.jobs {
		if p.name == jid {
			return []byte(p.value), nil
		}
	}
	return nil, nil
}

func (f *fakeStore) Minions(ctx context.Context, profile, cursor string, yield func(string) error) (string, error) {
	return f.hand(ctx, profile, cursor, len(f.minions), func(i int) error { return yield(f.minions[i]) })
}

func (f *fakeStore) History(ctx context.Context, _, minion string, limit int) ([]job.Past, error) {
	history := f.history[minion]
	return history[:min(limit, len(history))], f.enter(ctx)
}

func (f *fakeStore) Progress(ctx context.Context, profile, jid string, missing func(string) error) (job.Progress, error) {
	p := f.progress[jid]
	_, err := f.hand(ctx, profile, "", len(p.missing), func(i int) error { return missing(p.missing[i]) })
	return p.Progress, err
}

func (f *fakeStore) EndTime(ctx context.Context, _, jid string) (string, error) {
	err := f.enter(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ends[jid], err
}

func (f *fakeStore) SetEndTime(ctx context.Context, _, jid, text string) error {
	err := f.enter(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ends == nil {
		f.ends = map[string]string{}
	}
	f.ends[jid] = text
	return err
}

func (f *fakeStore) Now(ctx context.Context) (time.Time, error) {
	return fakeNow, f.enter(ctx)
}

func (f *fakeStore) Write(ctx context.Context, entries []job.Entry) []error {
	if err := f.enter(ctx); err != nil {
		return []error{err}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.written = append(f.written, entries...)
	return make([]error, len(entries))
}

func (f *fakeStore) SaveMinions(ctx context.Context, profile, jid string, minions []string) error {
	if err := f.enter(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.saved == nil {
		f.saved = map[string][]string{}
	}
	f.saved[profile+"/"+jid] = minions
	return nil
}

func (f *fakeStore) Reserve(ctx context.Context, _, jid string) (bool, error) {
	if err := f.enter(ctx); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reserved == nil {
		f.reserved = map[string]bool{}
	}
	if f.taken > 0 || f.reserved[jid] {
		f.taken--
		return false, nil
	}
	f.reserved[jid] = true
	return true, nil
}
