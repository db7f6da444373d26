package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Time limits of the server. The slowest reply is /readyz's, which takes checkLimit.
const (
	requestLimit  = 5 * time.Second
	replyLimit    = 30 * time.Second
	idleLimit     = time.Minute
	shutdownLimit = 3 * time.Second
)

// Server serves /healthz, /readyz and /metrics.
type Server struct {
	addr     string
	handler  http.Handler
	log      *slog.Logger
	listener net.Listener
}

// New makes a server for addr, which is host:port; "" makes one that serves nothing. It does not bind yet.
func New(addr string, metrics *Metrics, alive func() error, checks []Check, log *slog.Logger, details ...Detail) *Server {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", serveAlive(alive))
	mux.Handle("GET /readyz", serveReady(checks, details...))
	mux.Handle("GET /metrics", metrics.Handler())
	return &Server{addr: addr, handler: mux, log: log}
}

// Listen binds the address, so that a taken one is known before anything else is started. Run does it if nobody has.
func (s *Server) Listen(ctx context.Context) error {
	if s.addr == "" || s.listener != nil {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listen on http.addr %s: %w; choose another address (port 0 takes a free one), or set it empty to serve nothing", s.addr, err)
	}
	s.listener = listener
	return nil
}

// Addr is the address in use, with the port that was taken for port 0; "" before Listen.
func (s *Server) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Close lets go of the address of a server that was never Run.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}

// Run serves until ctx ends, then lets running requests finish for a moment. It returns nil after a clean stop.
func (s *Server) Run(ctx context.Context) error {
	if s.addr == "" {
		<-ctx.Done()
		return nil
	}
	if err := s.Listen(ctx); err != nil {
		return err
	}
	server := s.server()
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	s.log.Info("serving health and metrics", "addr", s.Addr())
	select {
	case err := <-served:
		return fmt.Errorf("serve on http.addr %s: %w", s.addr, err)
	case <-ctx.Done():
	}
	return errors.Join(shutdown(ctx, server), unlessClosed(<-served))
}

// unlessClosed leaves out what Serve says of an ordinary end.
func unlessClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) server() *http.Server {
	return &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: requestLimit,
		ReadTimeout:       requestLimit,
		WriteTimeout:      replyLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}

// shutdown cuts off what is still running at its limit: a reader of metrics must not hold up the worker's end.
func shutdown(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if err != nil {
		return fmt.Errorf("stop serving on http.addr: %w", err)
	}
	return nil
}
