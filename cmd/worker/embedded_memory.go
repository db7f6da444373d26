package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/alicebob/miniredis/v2"

	"returnd/internal/persist"
)

// memoryTick is how far the in-process Redis' clock may lag. Each tick costs a look at every key.
const memoryTick = 250 * time.Millisecond

// startMemoryRedis starts a Redis inside this process. It keeps nothing on disk, and its clock stands unless it is driven.
func startMemoryRedis(reason string, log *slog.Logger) (redisPart, error) {
	r := miniredis.NewMiniRedis()
	// With its clock set from outside, TIME, EXPIREAT and the passing of TTLs agree, and keys are looked at once a tick;
	// left to the real clock, every command would look at every key.
	setClock(r, time.Now())
	r.ClockTTL(true)
	if err := r.Start(); err != nil {
		return redisPart{}, fmt.Errorf("start the in-process Redis: %w", err)
	}
	log.Warn("the in-process Redis forgets everything when the worker ends; the next start reads the stream from its beginning",
		"reason", reason, "remedy", "install redis-server 7.0 or newer")
	port, _ := strconv.Atoi(r.Port()) // a listener's own port is a number
	return redisPart{
		name: "in-process (" + reason + "): FORGETS everything at the end", cli: "redis-cli -p " + r.Port(), forgets: true,
		apply: func(c *persist.Redis) { c.Host, c.Port = r.Host(), port },
		run:   func(ctx context.Context) error { return driveClock(ctx, r) },
		close: r.Close,
	}, nil
}

// setClock gives the time without its monotonic reading: one clock for what is set by TIME and what passes since.
func setClock(r *miniredis.Miniredis, now time.Time) { r.SetTime(now.Round(0)) }

// driveClock moves the clock on until ctx ends, and then closes the server.
func driveClock(ctx context.Context, r *miniredis.Miniredis) error {
	defer r.Close()
	tick := time.NewTicker(memoryTick)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			setClock(r, now)
		case <-ctx.Done():
			return nil
		}
	}
}
