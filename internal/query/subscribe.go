package query

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/nats-io/nats.go/micro"
)

const (
	// serviceName is what discovery shows.
	serviceName = "returner"
	// queueGroup makes the replicas share the requests.
	queueGroup = "returner"
	// pendingRequests and pendingBytes bound what the client buffers per endpoint. A request is handed to its
	// goroutine, or refused, within microseconds, so that these limits are a last resort: beyond them NATS drops.
	pendingRequests = 4096
	pendingBytes    = 32 << 20
)

// subscribe announces the service and its endpoints.
func (s *Service) subscribe(work context.Context) (micro.Service, error) {
	svc, err := micro.AddService(s.nc, micro.Config{
		Name: serviceName, Version: version(), QueueGroup: queueGroup,
		Description:  "Answers for the returns of remote jobs, in the shapes of Salt's redis returner.",
		StatsHandler: func(e *micro.Endpoint) any { return s.tallies[e.Name].stats() },
		ErrorHandler: func(_ micro.Service, err *micro.NATSError) {
			s.log.Warn("query subscription", "subject", err.Subject, "error", err.Description)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("query service: %w", err)
	}
	if err := s.addEndpoints(work, svc); err != nil {
		_ = svc.Stop() // the first error is the one to mend
		return nil, err
	}
	return svc, nil
}

func (s *Service) addEndpoints(work context.Context, svc micro.Service) error {
	group := svc.AddGroup(s.subjects.Returner())
	pending := micro.WithEndpointPendingLimits(pendingRequests, max(pendingBytes, 4*int(s.nc.MaxPayload())))
	for _, e := range endpoints() {
		about := micro.WithEndpointMetadata(map[string]string{"about": e.About, "fields": strings.Join(e.Fields, ", ")})
		if err := group.AddEndpoint(e.Name, s.handler(work, &e), pending, about); err != nil {
			return fmt.Errorf("query endpoint %s: %w", e.Name, err)
		}
	}
	return nil
}

// handler decides in the subscription's goroutine whether a request is heard at all, and whether there is room for it.
func (s *Service) handler(work context.Context, e *endpoint) micro.HandlerFunc {
	tally := s.tallies[e.Name]
	return func(msg micro.Request) {
		if !s.cfg.mayReply(msg.Reply()) {
			tally.ignore() // before anything else: it must have no effect either
			return
		}
		accept, fault := acceptOf(msg.Headers())
		c := &call{service: s, tally: tally, msg: msg, began: time.Now(), accept: accept}
		if fault != nil {
			c.fail(fault)
			return
		}
		select {
		case s.slots <- struct{}{}:
			go s.serve(work, e, c)
		default:
			c.fail(fail(codeUnavailable, "this worker has no room for one more request (query.concurrent is %d): try again in a second", s.cfg.Concurrent))
		}
	}
}

// version is the build's, in the form that micro insists on.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || !strings.HasPrefix(info.Main.Version, "v") {
		return "0.0.0"
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}
