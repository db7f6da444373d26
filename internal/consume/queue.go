package consume

import (
	"iter"
	"sync"
	"time"

	"returnd/internal/job"
)

// queue gathers deliveries into batches. Any number of lanes add, any number of writers take. It does not bound
// itself: the credit of the pull requests does.
type queue struct {
	limit Batch

	mu      sync.Mutex
	changed sync.Cond // a batch is full or due, or the queue was closed
	filling *batch
	due     bool // filling has waited long enough
	timer   *time.Timer
	ready   []*batch
	taken   map[*batch]struct{}
	closed  bool
	spare   sync.Pool
}

func newQueue(limit Batch) *queue {
	q := &queue{limit: limit, taken: map[*batch]struct{}{}}
	q.changed.L = &q.mu
	q.spare.New = func() any { return &batch{} }
	q.filling = q.fresh()
	return q
}

func (q *queue) fresh() *batch { return q.spare.Get().(*batch) }

// add puts a delivery into the batch being filled. It reports false once the queue is closed.
func (q *queue) add(d delivery, e job.Entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.filling.add(d, e)
	if q.filling.full(q.limit) {
		q.handOver()
	} else if len(q.filling.entries) == 1 {
		b := q.filling
		q.timer = time.AfterFunc(q.limit.Wait, func() { q.wake(b) })
	}
	return true
}

// addAlone makes a batch of its own of a delivery that came too often.
func (q *queue) addAlone(d delivery, e job.Entry) bool {
	b := q.fresh()
	b.alone = true
	b.add(d, e)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.ready = append(q.ready, b)
	q.changed.Signal()
	return true
}

func (q *queue) handOver() {
	if q.timer != nil {
		q.timer.Stop()
	}
	q.ready = append(q.ready, q.filling)
	q.filling, q.due = q.fresh(), false
	q.changed.Signal()
}

// wake marks a batch as due. The writer that takes it then finds what has come meanwhile too.
func (q *queue) wake(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.filling == b {
		q.due = true
		q.changed.Signal()
	}
}

// take waits for a batch that is full or due; nil once the queue is closed and empty.
func (q *queue) take() *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 {
		if len(q.filling.entries) > 0 && (q.due || q.closed) {
			q.handOver()
			break
		}
		if q.closed {
			return nil
		}
		q.changed.Wait()
	}
	b := q.ready[0]
	q.ready[0] = nil
	q.ready = q.ready[1:]
	q.taken[b] = struct{}{}
	return b
}

// done gives a settled batch back.
func (q *queue) done(b *batch) {
	q.mu.Lock()
	delete(q.taken, b)
	q.mu.Unlock()
	b.keep(nil)
	b.alone, b.span = false, nil
	q.spare.Put(b)
}

// close lets the writers take what is left, and end.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}

// unsettled lists the replies of all deliveries that came before a time.
func (q *queue) unsettled(before time.Time) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var replies []string
	for b := range q.all() {
		replies = b.unsettled(replies, before)
	}
	return replies
}

// size is the number of deliveries held.
func (q *queue) size() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for b := range q.all() {
		n += b.size()
	}
	return n
}

// all goes over every batch that is not done. The caller holds the lock.
func (q *queue) all() iter.Seq[*batch] {
	return func(yield func(*batch) bool) {
		if !yield(q.filling) {
			return
		}
		for _, b := range q.ready {
			if !yield(b) {
				return
			}
		}
		for b := range q.taken {
			if !yield(b) {
				return
			}
		}
	}
}
