package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/metric"

	"returnd/internal/job"
)

// Service answers requests. Any number of them share the work through one queue group.
type Service struct {
	cfg      Config
	subjects job.Subjects
	nc       *nats.Conn
	store    Store
	cleaner  Cleaner // nil: this worker does not clean up
	log      *slog.Logger
	tallies  map[string]*tally
	tracing  tracing
	jids     job.Generator
	// slots holds one token a request being worked on. Draining takes them all and keeps them.
	slots chan struct{}
	gate  *gate
	flows *flows
	// trouble is why the store could not be used lately.
	trouble trouble
	// ready is closed once the endpoints are subscribed.
	ready chan struct{}
}

// New makes a service that answers as soon as it runs.
func New(cfg Config, subjects job.Subjects, nc *nats.Conn, store Store, log *slog.Logger, meter metric.Meter) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(meter)
	if err != nil {
		return nil, err
	}
	tallies := map[string]*tally{}
	for _, e := range endpoints() {
		tallies[e.Name] = &tally{endpoint: e.Name, metrics: m}
	}
	return &Service{
		cfg: cfg, subjects: subjects, nc: nc, store: store, log: log, tallies: tallies,
		slots: make(chan struct{}, cfg.Concurrent), gate: newGate(cfg), flows: newFlows(nc, subjects.Returner()),
		ready: make(chan struct{}),
	}, nil
}

// Run answers requests until ctx ends, then finishes those being worked on, for a few seconds at most. It runs once.
func (s *Service) Run(ctx context.Context) error {
	// Requests outlive ctx: what was accepted is answered.
	work, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(nil)
	deafen, err := s.flows.listen()
	if err != nil {
		return err
	}
	defer func() { _ = deafen() }() // the last replies are sent; a closed connection has no subscription left
	svc, err := s.subscribe(work)
	if err != nil {
		return err
	}
	close(s.ready)
	<-ctx.Done()
	return s.drain(svc.Stop, abort)
}

// Ready is nil once requests reach this worker.
func (s *Service) Ready(context.Context) error {
	select {
	case <-s.ready:
	default:
		return errors.New("query: the endpoints are not subscribed yet")
	}
	if !s.nc.IsConnected() {
		return errors.New("query: not connected to NATS: check nats.url and the server")
	}
	return nil
}

// The bounds of a shutdown, which must leave the worker's ten seconds room for the last flush.
const (
	flushLimit = 500 * time.Millisecond
	drainLimit = time.Second
	abortLimit = 500 * time.Millisecond
)

// drain unsubscribes, waits for the answers under way, and tells those who would wait too long to try elsewhere.
// A request that turns up later still, out of the client's own buffer, finds no free slot and is told the same.
func (s *Service) drain(unsubscribe func() error, abort context.CancelCauseFunc) error {
	err := unsubscribe()
	s.flush() // behind the server's answer nothing more arrives
	if left := s.occupy(cap(s.slots), drainLimit); left > 0 {
		abort(errStopping)
		if left = s.occupy(left, abortLimit); left > 0 {
			s.log.Warn("queries left behind: the store did not come back", "queries", left)
		}
	}
	s.flush()
	if err != nil {
		return fmt.Errorf("stop query service: %w", err)
	}
	return nil
}

// flush sends what is buffered; without a connection there is nobody to send it to.
func (s *Service) flush() {
	if err := s.nc.FlushTimeout(flushLimit); err != nil {
		s.log.Debug("flush while stopping", "error", err)
	}
}

// occupy takes so many slots, each as soon as it is free, and tells how many it did not get in time.
func (s *Service) occupy(slots int, limit time.Duration) int {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for ; slots > 0; slots-- {
		select {
		case s.slots <- struct{}{}:
		case <-timer.C:
			return slots
		}
	}
	return 0
}

// pulse is how long a caller that reads parts waits for the next one while the work goes on.
func (s *Service) pulse() time.Duration { return min(time.Second, s.cfg.Timeout/4) }

// serve works on one request and answers it.
func (s *Service) serve(work context.Context, e *endpoint, c *call) {
	defer func() { <-s.slots }()
	defer c.begin(s.tracing.begin(work, e, c))()
	out, err := s.work(c, e)
	if err == nil {
		c.succeed(out)
		return
	}
	f, unexpected := s.failureOf(c.ctx, err)
	switch {
	case unexpected:
		s.log.ErrorContext(c.ctx, "query failed", "endpoint", e.Name, "error", err)
	case errors.Is(err, job.ErrUnavailable) && f.code == codeUnavailable && s.trouble.news(err, time.Now()):
		s.log.WarnContext(c.ctx, "queries cannot be answered", "endpoint", e.Name, "error", err)
	}
	c.fail(f)
}

// work runs the endpoint. A panic costs its own request only.
func (s *Service) work(c *call, e *endpoint) (out *reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	data := c.msg.Data()
	if limit := s.requestLimit(); len(data) > limit {
		return nil, fail(codeTooLarge, "the request has %d bytes, more than the %d this worker takes: send less, or raise query.max_request_bytes", len(data), limit)
	}
	in, err := parseRequest(data, &e.Endpoint)
	if err != nil {
		return nil, err
	}
	out = newReply(c)
	return out, s.handle(c, e, in, out)
}

func (s *Service) handle(c *call, e *endpoint, in *request, out *reply) (err error) {
	ctx, end := s.tracing.store(c.ctx, e)
	defer func() { end(err) }()
	return e.handle(s, ctx, in, out)
}

// margin is what a return needs besides itself to be answered again: the minion's name and headers. It is the same
// that returns on the stream leave free.
const margin = 8 << 10

// requestLimit is what a request may have: what it has kept must fit into one reply later.
func (s *Service) requestLimit() int {
	if s.cfg.MaxRequestBytes > 0 {
		return s.cfg.MaxRequestBytes
	}
	most := int(s.nc.MaxPayload())
	return max(most-margin, most/2)
}

// panicked tells the type of what was thrown and where. Its text only where the runtime made it: any other may
// quote a payload.
func panicked(p any) error {
	if err, ok := p.(runtime.Error); ok {
		return fmt.Errorf("panic: %w at %s", err, debug.Stack())
	}
	return fmt.Errorf("panic: %T at %s", p, debug.Stack())
}
