package cleanup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

var (
	// ErrBusy says that another has the lease; a *BusyError tells who.
	ErrBusy = errors.New("the lease is taken")
	// ErrNotOwned says that the lease is not, or no longer, the caller's. Who only gives it back may ignore it.
	ErrNotOwned = errors.New("the lease is not ours")
	// ErrLeaseLost says that the lease can no longer be trusted: nothing may be done in its name.
	ErrLeaseLost = errors.New("the lease is lost")

	errReply = errors.New("the lease's script answers what it never should")
)

// BusyError is ErrBusy with the holder.
type BusyError struct {
	// By names the holder.
	By string
	// Left is after how long the holder is taken for dead, unless it renews; negative is never.
	Left time.Duration
}

func (e *BusyError) Error() string { return fmt.Sprintf("%v by %s", ErrBusy, e.By) }
func (e *BusyError) Unwrap() error { return ErrBusy }

// maxPoll is the longest pause between two tries to get a lease, and with it the longest that a released one lies idle.
const maxPoll = time.Second

// Lease is a lock that ends by itself. Any number of goroutines and processes may try for it; see the package for what
// holds.
type Lease struct {
	scripts *scripts
	ttl     time.Duration
	owner   string
	// now is the clock by which trust ends. Only differences count, so that nobody's wall clock matters.
	now func() time.Time
}

// NewLease makes a lease of so long a time. It does no I/O. The owner is what others are shown.
func NewLease(dial Dial, ttl time.Duration, owner string) *Lease {
	return &Lease{scripts: newScripts(dial), ttl: ttl, owner: plain(owner), now: time.Now}
}

// Owner names this process: host and process id.
func Owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + strconv.Itoa(os.Getpid())
}

// plain keeps blanks out of a name, as one divides it from what makes the value unique.
func plain(name string) string { return strings.Join(strings.Fields(name), "-") }

// value is what the key holds: the owner to be shown, and what nobody else can hold.
func (l *Lease) value() string { return l.owner + " " + rand.Text() }

// ownerOf is the inverse of value. What somebody has put there by hand is its own owner.
func ownerOf(value string) string {
	if at := strings.LastIndexByte(value, ' '); at > 0 {
		return value[:at]
	}
	return value
}

// TryAcquire takes the lease if nobody has it, and else answers a *BusyError at once.
func (l *Lease) TryAcquire(ctx context.Context) (*Held, error) { return l.try(ctx, l.value()) }

// Acquire waits for the lease until ctx ends; that error is the last *BusyError joined with ctx's. Redis' own errors are
// not waited out. Where the answer to a try is lost, nobody may have the lease until its time is over.
func (l *Lease) Acquire(ctx context.Context) (*Held, error) {
	value := l.value()
	for {
		held, err := l.try(ctx, value)
		busy := new(BusyError)
		if !errors.As(err, &busy) {
			return held, err
		}
		if !sleep(ctx, l.pause(busy.Left)) {
			return nil, errors.Join(busy, context.Cause(ctx))
		}
	}
}

func (l *Lease) try(ctx context.Context, value string) (*Held, error) {
	began := l.now() // the server counts from later on
	reply, err := l.scripts.run(ctx, l.scripts.acquire, []string{keyLease, keyToken}, value, l.ttl.Milliseconds())
	if err != nil {
		return nil, fmt.Errorf("take the lease: %w", err)
	}
	parts, _ := reply.([]any)
	if len(parts) < 2 {
		return nil, errReply
	}
	told, _ := parts[1].(string)
	if parts[0] == int64(1) {
		token, err := strconv.ParseInt(told, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: token %q", errReply, told)
		}
		return &Held{lease: l, value: value, token: token, until: began.Add(trusted(l.ttl))}, nil
	}
	left, ok := parts[len(parts)-1].(int64)
	if !ok {
		return nil, errReply
	}
	return nil, &BusyError{By: ownerOf(told), Left: time.Duration(left) * time.Millisecond}
}

// pause is how long to wait before the next try: until the holder may be dead, but no longer than maxPoll. Several who
// wait spread out.
func (l *Lease) pause(left time.Duration) time.Duration {
	poll := min(maxPoll, l.ttl)
	poll -= mathrand.N(poll / 4) // #nosec G404 -- jitter
	if left < 0 {
		return poll
	}
	const later = 2 * time.Millisecond                           // a key lives on for the rest of its last millisecond
	return min(poll, left+later+mathrand.N(10*time.Millisecond)) // #nosec G404 -- jitter
}

// sleep tells whether ctx lasted that long.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
