package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// burstWindow and burstLines say how many lines of the same words the log takes: a person reads no more than that.
	burstWindow = time.Second
	burstLines  = 10
	// burstKinds bounds the different words that are told apart in a window. The parts' messages are constant, some dozens;
	// those of libraries may not be.
	burstKinds = 256
)

// bursts keeps equal lines from flooding the log: of those with the same level and message it lets the first ones of a
// second through, and says how many more there were when the second is over.
type bursts struct {
	mu   sync.Mutex
	open map[kind]*burst
}

// kind is what equal lines have in common.
type kind struct {
	level   slog.Level
	message string
}

type burst struct {
	kind
	seen, left int
	to         slog.Handler // where the last line left out was to go
	timer      *time.Timer
}

func newBursts() *bursts { return &bursts{open: map[kind]*burst{}} }

// admits tells whether a line may pass now.
func (b *bursts) admits(to slog.Handler, k kind) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.find(k)
	one.seen++
	if one.seen <= burstLines {
		return true
	}
	one.left++
	one.to = to
	return false
}

func (b *bursts) find(k kind) *burst {
	if one := b.open[k]; one != nil {
		return one
	}
	if len(b.open) >= burstKinds {
		k.message = "(others)"
		if one := b.open[k]; one != nil {
			return one
		}
	}
	one := &burst{kind: k}
	one.timer = time.AfterFunc(burstWindow, func() { b.end(one) })
	b.open[k] = one
	return one
}

// end closes a window.
func (b *bursts) end(one *burst) {
	b.mu.Lock()
	if b.open[one.kind] == one {
		delete(b.open, one.kind)
	}
	left, to := one.left, one.to
	one.left = 0
	b.mu.Unlock()
	if left > 0 {
		one.sumUp(left, to)
	}
}

func (k kind) sumUp(left int, to slog.Handler) {
	r := slog.NewRecord(time.Now(), k.level, "more lines like this were left out", 0)
	r.AddAttrs(slog.String("like", k.message), slog.Int("lines", left))
	_ = to.Handle(context.Background(), r) // a log that cannot be written has no other place to say so
}

// flush closes all windows: the process ends.
func (b *bursts) flush() {
	b.mu.Lock()
	open := make([]*burst, 0, len(b.open))
	for _, one := range b.open {
		one.timer.Stop()
		open = append(open, one)
	}
	b.mu.Unlock()
	for _, one := range open {
		b.end(one)
	}
}

// sparing is a handler that leaves out what floods the log. Who asks for debug wants all of it.
type sparing struct {
	to     slog.Handler
	bursts *bursts
}

func (h sparing) Enabled(ctx context.Context, level slog.Level) bool { return h.to.Enabled(ctx, level) }

func (h sparing) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo && !h.bursts.admits(h.to, kind{r.Level, r.Message}) {
		return nil
	}
	return h.to.Handle(ctx, r)
}

func (h sparing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return sparing{h.to.WithAttrs(attrs), h.bursts}
}

func (h sparing) WithGroup(name string) slog.Handler { return sparing{h.to.WithGroup(name), h.bursts} }
