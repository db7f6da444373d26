package query

import (
	"context"
	"fmt"
	"sync"
	"time"

	"returnd/internal/job"
)

// pair is a name and a value in the order that a test wants them handed over.
type pair struct{ name, value string }

// fakeStore keeps what it is told. before, if set, runs ahead of every operation and fails it with its error.
type fakeStore struct {
	before func(ctx context.Context) error

	mu       sync.Mutex
	touched  int
	returns  map[string][]pair
	last     map[string][]pair
	loads    map[string]string
	jobs     []pair
	minions  []string
	written  []job.Entry
	saved    map[string][]string
	reserved map[string]bool
	taken    int // the next so many reservations find the jid taken
	yielded  int
	orders   []order // callers' own commands, and what they are answered
	answer   any
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

func (f *fakeStore) hand(ctx context.Context, pairs []pair, yield func(name string, value []byte) error) (string, error) {
	if err := f.enter(ctx); err != nil {
		return "", err
	}
	for _, p := range pairs {
		f.yielded++
		if err := yield(p.name, []byte(p.value)); err != nil {
			return "", fmt.Errorf("read: %w", err)
		}
	}
	return "", nil
}

func (f *fakeStore) Returns(ctx context.Context, _, jid, _ string, yield func(string, []byte) error) (string, error) {
	return f.hand(ctx, f.returns[jid], yield)
}

func (f *fakeStore) LastReturns(ctx context.Context, _, fun, _ string, yield func(string, []byte) error) (string, error) {
	return f.hand(ctx, f.last[fun], yield)
}

func (f *fakeStore) Jobs(ctx context.Context, _ string, _ job.Span, _ string, yield func(string, []byte) error) (string, error) {
	return f.hand(ctx, f.jobs, yield)
}

func (f *fakeStore) Load(ctx context.Context, _, jid string) ([]byte, error) {
	if err := f.enter(ctx); err != nil {
		return nil, err
	}
	if load, ok := f.loads[jid]; ok {
		return []byte(load), nil
	}
	return nil, nil
}

func (f *fakeStore) Minions(ctx context.Context, _, _ string, yield func(string) error) (string, error) {
	if err := f.enter(ctx); err != nil {
		return "", err
	}
	for _, id := range f.minions {
		if err := yield(id); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (f *fakeStore) History(ctx context.Context, _, _ string, _ int) ([]job.Past, error) {
	return nil, f.enter(ctx)
}

func (f *fakeStore) Progress(ctx context.Context, _, _ string, _ func(string) error) (job.Progress, error) {
	return job.Progress{}, f.enter(ctx)
}

func (f *fakeStore) EndTime(ctx context.Context, _, _ string) (string, error) {
	return "", f.enter(ctx)
}

func (f *fakeStore) SetEndTime(ctx context.Context, _, _, _ string) error { return f.enter(ctx) }

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
