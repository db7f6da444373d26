package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"returnd/internal/cfg"
)

const (
	// embeddedPayload lets the reply with a whole job of some ten thousand minions fit in one message.
	embeddedPayload = 8 << 20
	// embeddedSync bounds what a loss of power costs, as Redis' everysec does; the death of the process costs nothing.
	embeddedSync = time.Second
	// natsStartLimit is thousands of times what an empty server takes; a large stream is read at the start.
	natsStartLimit = time.Minute
)

// startNATS starts the server and points the configuration at it.
func (e *embedded) startNATS(c *cfg.Config, folder string, log *slog.Logger) error {
	host, port, err := listenAt(c.NATS.URL)
	if err != nil {
		return err
	}
	if e.nats, err = newNATS(host, port, folder); err != nil {
		return fmt.Errorf("set up the embedded NATS server: %w", err)
	}
	e.nats.SetLoggerV2(natsLog{log.With("part", "nats-server")}, false, false, false)
	e.nats.Start()
	if !e.nats.ReadyForConnections(natsStartLimit) {
		return fmt.Errorf("the embedded NATS server was not ready after %v: see the log, and the disk below %s", natsStartLimit, folder)
	}
	e.url = e.nats.ClientURL()
	e.moved = e.url != cfg.DefaultNATS().URL
	c.NATS.URL = e.url
	return nil
}

func newNATS(host string, port int, folder string) (*server.Server, error) {
	return server.NewServer(&server.Options{
		ServerName: "returnd", Host: host, Port: port,
		JetStream: true, StoreDir: folder, SyncInterval: embeddedSync,
		MaxPayload: embeddedPayload, MaxPending: 8 * embeddedPayload,
		NoSigs: true, // signals are the worker's
	})
}

// listenAt is nats.url's own address. The default one, if it is taken, gives way to a free port: the commands that are
// shown say so then. One that was asked for does not.
func listenAt(natsURL string) (host string, port int, err error) {
	u, err := url.Parse(natsURL)
	if err != nil || u.Scheme != "nats" {
		return "", 0, usage(fmt.Errorf("nats.url is %s, but the embedded NATS server listens at one plain address: use nats://127.0.0.1:PORT, or leave it out", cfg.RedactURL(natsURL)))
	}
	host = u.Hostname()
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, usage(fmt.Errorf("nats.url is %s, but the embedded NATS server knows no passwords and so listens on this machine only: use nats://127.0.0.1:PORT, or leave it out", cfg.RedactURL(natsURL)))
	}
	port = server.DEFAULT_PORT
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return "", 0, usage(fmt.Errorf("nats.url has the port %q: use a number", u.Port()))
		}
	}
	if port == 0 {
		return host, server.RANDOM_PORT, nil
	}
	if err := probe(host, port); err == nil {
		return host, port, nil
	} else if natsURL != cfg.DefaultNATS().URL {
		return "", 0, fmt.Errorf("listen for NATS: %w; end what listens there, or change nats.url", err)
	}
	return host, server.RANDOM_PORT, nil
}

// probe tells whether an address is free. The server itself would go on without listening.
func probe(host string, port int) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return listener.Close()
}

// runNATS watches the server, which was started already, and ends it with ctx.
func (e *embedded) runNATS(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		e.nats.WaitForShutdown()
		close(ended)
	}()
	select {
	case <-ended:
		return errors.New("the embedded NATS server shut itself down: see the log, and the space on the disk")
	case <-ctx.Done():
	}
	e.nats.Shutdown()
	<-ended
	return nil
}

// rewind removes the durable, so that the consumer makes it anew, at the stream's beginning.
func (e *embedded) rewind(ctx context.Context, stream, durable string) error {
	nc, err := nats.Connect("", nats.InProcessServer(e.nats))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	err = js.DeleteConsumer(ctx, stream, durable)
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	return err
}

// natsLog passes the server's own messages on, a level lower than it gives them: its notices tell each start's details,
// its warnings that a folder is a temporary one.
type natsLog struct{ log *slog.Logger }

func (l natsLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l natsLog) Warnf(format string, v ...any)   { l.log.Info(fmt.Sprintf(format, v...)) }
func (l natsLog) Errorf(format string, v ...any)  { l.log.Error(fmt.Sprintf(format, v...)) }

// Fatalf is a sentence too: ending is for the worker to decide.
func (l natsLog) Fatalf(format string, v ...any) { l.log.Error(fmt.Sprintf(format, v...)) }
func (l natsLog) Debugf(string, ...any)          {}
func (l natsLog) Tracef(string, ...any)          {}
