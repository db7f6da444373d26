package main

import (
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"

	"returnd/internal/cfg"
)

// handlers log what becomes of the connection.
func handlers(log *slog.Logger) []nats.Option {
	var t trouble
	return []nats.Option{
		nats.ConnectHandler(func(nc *nats.Conn) {
			t.over()
			log.Debug("connected to NATS", "server", nc.ConnectedUrlRedacted())
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			t.over()
			log.Info("reconnected to NATS", "server", nc.ConnectedUrlRedacted())
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err == nil { // we closed it ourselves
				log.Debug("disconnected from NATS")
				return
			}
			log.Warn("lost the connection to NATS, trying again", "error", err)
		}),
		nats.ReconnectErrHandler(func(nc *nats.Conn, err error) {
			if t.news(err) {
				log.Warn("cannot reach NATS, trying again", "servers", servers(nc), "error", err)
			}
		}),
		nats.LameDuckModeHandler(func(nc *nats.Conn) {
			log.Info("the NATS server is about to stop, moving on", "server", nc.ConnectedUrlRedacted())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if isRefusal(err) && !t.news(err) {
				return
			}
			attributes := []any{"error", err}
			if sub != nil {
				attributes = append(attributes, "subscription", sub.Subject)
			}
			log.Warn("NATS reports an error", attributes...)
		}),
	}
}

func servers(nc *nats.Conn) []string {
	shown := nc.Servers()
	for i, server := range shown {
		shown[i] = cfg.RedactURL(server)
	}
	return shown
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

func (t *trouble) over() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = ""
}
