package consume

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/trace"

	"returnd/internal/job"
)

// delivery is one handing-over of a message.
type delivery struct {
	msg       *nats.Msg
	sequence  uint64 // in the stream
	delivered uint64 // times handed over, this one included
	published time.Time
	size      int // bytes it holds, unpacked; reserved until it is settled
}

// batch is deliveries that are written together. entries and deliveries run in parallel.
type batch struct {
	entries []job.Entry
	bytes   int
	born    time.Time // when its first delivery came
	alone   bool      // one delivery that came too often

	span  trace.Span // nil: not followed
	taken time.Time  // when a writer took it

	mu         sync.Mutex // guards deliveries against the keep-alive
	deliveries []delivery
}

func (b *batch) add(d delivery, e job.Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.deliveries) == 0 {
		b.born = time.Now()
	}
	b.entries = append(b.entries, e)
	b.deliveries = append(b.deliveries, d)
	b.bytes += d.size
}

func (b *batch) full(limit Batch) bool {
	return len(b.entries) >= limit.Returns || b.bytes >= limit.Bytes
}

// keep leaves only the entries at the given positions, in ascending order.
func (b *batch) keep(positions []int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes = 0
	for to, from := range positions {
		b.entries[to], b.deliveries[to] = b.entries[from], b.deliveries[from]
		b.bytes += b.deliveries[to].size
	}
	clear(b.entries[len(positions):])
	clear(b.deliveries[len(positions):])
	b.entries, b.deliveries = b.entries[:len(positions)], b.deliveries[:len(positions)]
}

// unsettled lists the replies by which the server can be told that deliveries from before a time are being worked on.
func (b *batch) unsettled(replies []string, before time.Time) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.deliveries) == 0 || !b.born.Before(before) {
		return replies
	}
	for i := range b.deliveries {
		replies = append(replies, b.deliveries[i].msg.Reply)
	}
	return replies
}

func (b *batch) size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.deliveries)
}
