package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"returnd/internal/cfg"
	"returnd/internal/telemetry"
)

// alive is liveness: the consumer's loop turns.
func (w *worker) alive() error { return w.consumer.Alive() }

// checks are readiness, part by part. They are asked only once the parts are there.
func (w *worker) checks() []telemetry.Check {
	return []telemetry.Check{
		{Name: "nats", Ready: w.natsReady},
		{Name: "consumer", Ready: func(ctx context.Context) error { return w.consumer.Ready(ctx) }},
		{Name: "query", Ready: func(ctx context.Context) error { return w.service.Ready(ctx) }},
		{Name: "redis", Ready: w.redisReady},
	}
}

func (w *worker) natsReady(context.Context) error {
	if w.nc.IsConnected() {
		return nil
	}
	return fmt.Errorf("not connected to %s (%v): start the NATS server, or check nats.url; the worker goes on trying",
		redactURLs(w.config.NATS.Servers()), w.nc.Status())
}

func (w *worker) redisReady(ctx context.Context) error {
	if err := w.store.Ping(ctx); err != nil {
		return fmt.Errorf("%s: %w; returns stay in the stream meanwhile", w.config.Persist.Redis.Name(), err)
	}
	return nil
}

const (
	// readyPoll is short beside the half second in which a worker is ready.
	readyPoll = 10 * time.Millisecond
	// readyPatience is after how long the log says what a worker is waiting for.
	readyPatience = 3 * time.Second
)

// announce waits until every check has passed once, and says so in one line.
func (w *worker) announce(ctx context.Context) {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	late := time.NewTimer(readyPatience)
	defer late.Stop()
	for reason := w.unready(ctx); reason != nil; reason = w.unready(ctx) {
		select {
		case <-tick.C:
		case <-late.C:
			w.log.Warn("not ready yet", "reason", reason)
		case <-ctx.Done():
			return
		}
	}
	w.log.Info("ready", "after", time.Since(w.began).Round(time.Millisecond), "http", w.health.Addr())
	close(w.ready)
}

func (w *worker) unready(ctx context.Context) error {
	for _, check := range w.checks() {
		if err := check.Ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// redactURLs is what may be logged of servers' addresses.
func redactURLs(servers []string) string {
	shown := make([]string, len(servers))
	for i, server := range servers {
		shown[i] = cfg.RedactURL(server)
	}
	return strings.Join(shown, ",")
}
