package consume

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// session pulls from one consumer until it is gone or ctx ends. It returns once every delivery that was on its way has
// reached the queue.
func (c *Consumer) session(ctx context.Context, consumer jetstream.Consumer) error {
	gone := make(chan struct{}, 1)
	lanes, err := c.openLanes(gone)
	defer func() { closeLanes(lanes) }()
	if err != nil {
		return err
	}
	subject := fmt.Sprintf("$JS.API.CONSUMER.MSG.NEXT.%s.%s", c.streams.cfg.Name, c.cfg.Durable)
	connection := c.nc.StatusChanged(nats.CONNECTED)
	defer c.nc.RemoveStatusListener(connection)
	tick := time.NewTicker(heartbeat / 2)
	defer tick.Stop()
	watched, stopWatching := context.WithCancel(ctx)
	lost := make(chan struct{})
	defer func() { stopWatching(); <-lost }()
	look := make(chan struct{}, 1)
	go func() { defer close(lost); c.watchOver(watched, consumer, look) }()
	for {
		c.watch.turn()
		c.request(lanes, subject)
		select {
		case <-ctx.Done():
			return nil
		case <-c.poke:
		case <-tick.C:
		case <-connection: // what was asked for on the old link will not come
			for _, l := range lanes {
				l.lost()
			}
		case <-gone: // it seems so: make sure
			select {
			case look <- struct{}{}:
			default:
			}
		case <-lost:
			return nil
		}
	}
}

// request asks on every idle lane that the credit allows for. What cannot be asked now is asked at the next turn.
func (c *Consumer) request(lanes []*lane, subject string) {
	if !c.nc.IsConnected() {
		return
	}
	refusal := ""
	for _, l := range lanes {
		if err := l.request(c.nc, subject, c.cfg.Batch.Returns, c.laneBytes); err != nil {
			refusal = err.Error()
		}
		refusal = cmp.Or(refusal, l.refusedAgain())
	}
	c.watch.update(func(s *watched) { s.refusal = refusal })
}

func (c *Consumer) openLanes(gone chan<- struct{}) ([]*lane, error) {
	lanes := make([]*lane, 0, c.lanes())
	for range cap(lanes) {
		l := &lane{inbox: c.nc.NewInbox() + ".", credit: c.credit}
		sub, err := c.nc.Subscribe(l.inbox+"*", func(m *nats.Msg) {
			if !l.fromServer(m) {
				c.accept(m)
				l.received(m.Size())
			} else if l.status(m) {
				select {
				case gone <- struct{}{}:
				default:
				}
			}
		})
		if err != nil {
			return lanes, fmt.Errorf("subscribe for deliveries: %w", err)
		}
		// The credit bounds what can be on its way; the client's own limits would drop messages.
		if err := sub.SetPendingLimits(-1, -1); err != nil {
			return lanes, fmt.Errorf("subscribe for deliveries: %w", err)
		}
		l.sub = sub
		lanes = append(lanes, l)
	}
	return lanes, nil
}

// closeLanes stops asking and waits for what has been sent already.
func closeLanes(lanes []*lane) {
	limit := time.After(time.Second)
	drained := make(chan struct{}, len(lanes))
	waiting := 0
	for _, l := range lanes {
		l.sub.SetClosedHandler(func(string) { drained <- struct{}{} })
		if l.sub.Drain() == nil {
			waiting++
		}
	}
	for ; waiting > 0; waiting-- {
		select {
		case <-drained:
		case <-limit: // the server is away: what it has sent will come again
			waiting = 1
		}
	}
	for _, l := range lanes {
		l.lost()
	}
}

// accept decodes a message and puts it where it belongs: the batch, the dead letters, or nowhere (nocache).
func (c *Consumer) accept(m *nats.Msg) {
	d, err := received(m)
	if err != nil {
		c.log.Error("a message came that no stream has sent: check who may publish to the inbox of the worker", "error", err)
		c.credit.release(1, m.Size())
		return
	}
	c.count(&d)
	e, err := c.decoder.decode(m, d.published)
	grown := e.Size() - len(m.Data)
	c.credit.overdraw(grown)
	d.size += max(grown, 0)
	switch {
	case err != nil:
		c.letters.post(d, asRejection(err))
	case e.JID() == noCache:
		c.metrics.noCache.Add(context.Background(), 1)
		c.settle(&d, ack)
	case d.delivered > uint64(c.cfg.MaxDeliver):
		if !c.queue.addAlone(d, e) {
			c.nak(&d, stopDelay)
		}
	default:
		if !c.queue.add(d, e) {
			c.nak(&d, stopDelay)
		}
	}
}
