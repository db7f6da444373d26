package query

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// flow is the way back from a caller that reads parts.
type flow struct {
	subject    string
	window     int64
	nc         *nats.Conn
	reconnects uint64 // of the connection when the first part was sent
	sent       atomic.Int64
	confirmed  atomic.Int64
	woken      chan struct{} // holds one word at most: something was confirmed
	cancel     context.CancelCauseFunc
}

// free tells whether one more part may be sent.
func (f *flow) free() bool {
	return f.window == 0 || f.sent.Load()-f.confirmed.Load() < f.window
}

// confirm notes that the caller has all parts up to this one.
func (f *flow) confirm(seq int64) {
	if seq > f.sent.Load() || seq <= f.confirmed.Load() {
		return
	}
	f.confirmed.Store(seq) // only the subscription's goroutine stores
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// broken tells whether parts may have been lost with a connection. A reply without parts cannot have lost any.
func (f *flow) broken() bool {
	return f != nil && (!f.nc.IsConnected() || f.nc.Stats().Reconnects != f.reconnects)
}

// flows finds the flow that a message on one of the worker's own subjects <prefix>.returner.more.<worker>.<id> is for.
// These are no inboxes: callers must be allowed to publish to them, and must not be allowed to publish into the worker's.
// Ids are random, so that no caller can end or hasten another's reply.
type flows struct {
	nc     *nats.Conn
	prefix string
	mu     sync.Mutex
	byID   map[string]*flow
}

func newFlows(nc *nats.Conn, returner string) *flows {
	return &flows{nc: nc, prefix: returner + ".more." + rand.Text() + ".", byID: map[string]*flow{}}
}

// listen hears callers until stop is called.
func (f *flows) listen() (stop func() error, err error) {
	sub, err := f.nc.Subscribe(f.prefix+"*", f.hear)
	if err != nil {
		return nil, fmt.Errorf("listen to those who read parts: %w", err)
	}
	return sub.Unsubscribe, nil
}

func (f *flows) open(c *call) *flow {
	id := rand.Text()
	one := &flow{
		subject: f.prefix + id, window: int64(c.accept.window), nc: f.nc, reconnects: f.nc.Stats().Reconnects,
		woken: make(chan struct{}, 1), cancel: c.cancel,
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.byID[id] = one
	return one
}

func (f *flows) close(one *flow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.byID, strings.TrimPrefix(one.subject, f.prefix))
}

func (f *flows) find(subject string) *flow {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byID[strings.TrimPrefix(subject, f.prefix)]
}

// noResponders is the status that the server itself sends to a message's reply subject where nobody got the message.
const noResponders = "503"

// maxDigits is the length of the greatest int64.
const maxDigits = 19

// hear takes a confirmation, or the server's word that the caller is gone.
func (f *flows) hear(msg *nats.Msg) {
	one := f.find(msg.Subject)
	if one == nil || len(msg.Data) > maxDigits {
		return
	}
	if len(msg.Data) == 0 && msg.Header.Get("Status") == noResponders {
		one.cancel(because("caller_gone", fail(codeUnavailable, "nobody listened to the reply subject when a part was sent: ask again")))
		return
	}
	if seq, err := strconv.ParseInt(string(msg.Data), 10, 64); err == nil {
		one.confirm(seq)
	}
}
