package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"returnd/internal/cfg"
)

// natsEvents log what becomes of a connection.
type natsEvents struct {
	config cfg.NATS
	log    *slog.Logger
	// nc is set once nats.Connect has returned; attempts may be made before.
	nc      atomic.Pointer[nats.Conn]
	trouble trouble
}

func (e *natsEvents) options() []nats.Option {
	return []nats.Option{
		nats.ConnectHandler(func(nc *nats.Conn) { e.connected(nc, slog.LevelDebug) }),
		nats.ReconnectHandler(func(nc *nats.Conn) { e.connected(nc, slog.LevelInfo) }),
		nats.DisconnectErrHandler(e.disconnected),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { e.failed(err) }),
		nats.CustomReconnectDelay(e.delay),
		nats.LameDuckModeHandler(func(nc *nats.Conn) {
			e.log.Info("the NATS server is about to stop, moving on", "server", nc.ConnectedUrlRedacted())
		}),
		nats.ErrorHandler(e.reported),
	}
}

// connected is worth a line to everybody where it ends an outage.
func (e *natsEvents) connected(nc *nats.Conn, level slog.Level) {
	if e.trouble.over() {
		level = slog.LevelInfo
	}
	e.log.Log(context.Background(), level, "connected to NATS", "server", nc.ConnectedUrlRedacted())
}

func (e *natsEvents) disconnected(_ *nats.Conn, err error) {
	if err == nil { // we closed it ourselves
		e.log.Debug("disconnected from NATS")
		return
	}
	e.log.Warn("lost the connection to NATS, trying again", "error", err)
}

// failed is told of one attempt in vain.
func (e *natsEvents) failed(err error) {
	if e.trouble.news(err) {
		e.log.Warn("no connection to NATS, trying again", "error", natsFault(e.config, err))
	}
}

// delay is asked before each round of attempts. It also looks why the round before failed: of a refusal or a failed TLS
// handshake before the first connection, nats.go calls no other handler.
func (e *natsEvents) delay(int) time.Duration {
	if nc := e.nc.Load(); nc != nil {
		e.failed(nc.LastError())
	}
	return reconnectWait + rand.N(reconnectJitter) //nolint:gosec // no secret: it only spreads the clients
}

// reported is what the server complains of, and what overtaxes us.
func (e *natsEvents) reported(_ *nats.Conn, sub *nats.Subscription, err error) {
	switch {
	case isRefusal(err):
		e.failed(err)
	case sub != nil:
		e.log.Warn("NATS reports an error", "error", err, "subscription", sub.Subject)
	default:
		e.log.Warn("NATS reports an error", "error", err)
	}
}

// trouble remembers the last reason of an outage: with a try every second, each reason is logged once.
type trouble struct {
	mu   sync.Mutex
	last string
}

func (t *trouble) news(err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil || err.Error() == t.last {
		return false
	}
	t.last = err.Error()
	return true
}

// over tells whether there was trouble.
func (t *trouble) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.last != ""
	t.last = ""
	return was
}
