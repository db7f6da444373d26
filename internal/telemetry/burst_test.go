package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// plainLog writes lines without their time.
func plainLog(out *bytes.Buffer, level slog.Level) slog.Handler {
	return slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
}

func TestBursts(t *testing.T) {
	warn := func(log *slog.Logger, n int) {
		for i := range n {
			log.Warn("dead letter", "n", i)
		}
	}
	tests := []struct {
		name  string
		level slog.Level
		write func(log *slog.Logger)
		lines int
		sums  []string
	}{
		{"few", slog.LevelInfo, func(log *slog.Logger) { warn(log, burstLines) }, burstLines, nil},
		{"many", slog.LevelInfo, func(log *slog.Logger) { warn(log, 5000) }, burstLines, []string{`level=WARN msg="more lines like this were left out" like="dead letter" lines=4990`}},
		{"twice, a second apart", slog.LevelInfo, func(log *slog.Logger) {
			warn(log, 15)
			time.Sleep(burstWindow + time.Millisecond) // of the bubble's clock
			warn(log, 12)
		}, 2 * burstLines, []string{"lines=5", "lines=2"}},
		{"of several kinds", slog.LevelInfo, func(log *slog.Logger) {
			warn(log, 11)
			for range 12 {
				log.Info("dead letter")
				log.Warn("held")
			}
		}, 3 * burstLines, []string{`level=WARN msg="more lines like this were left out" like="dead letter" lines=1`, `level=INFO`, `like=held lines=2`}},
		{"with attributes", slog.LevelInfo, func(log *slog.Logger) { warn(log.With("part", "consume"), 11) }, burstLines, []string{"part=consume like="}},
		{"below the level", slog.LevelError, func(log *slog.Logger) { warn(log, 50) }, 0, nil},
		{"debug is asked for", slog.LevelDebug, func(log *slog.Logger) {
			for range 50 {
				log.Debug("much")
			}
		}, 50, nil},
		{"too many kinds to tell apart", slog.LevelInfo, func(log *slog.Logger) {
			for i := range burstKinds + 100 {
				log.Warn("kind " + strconv.Itoa(i)) //nolint:sloglint // a library's
			}
		}, burstKinds + burstLines, []string{`like=(others) lines=90`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				test.write(slog.New(sparing{plainLog(&out, test.level), newBursts()}))
				time.Sleep(2 * burstWindow) // of the bubble's clock
				synctest.Wait()
				lines, sums := 0, []string(nil)
				for line := range strings.Lines(out.String()) {
					if strings.Contains(line, "left out") {
						sums = append(sums, line)
					} else {
						lines++
					}
				}
				if lines != test.lines || len(sums) != len(test.sums) {
					t.Fatalf("%d lines and %d sums, want %d and %d:\n%s", lines, len(sums), test.lines, len(test.sums), out.String())
				}
				for _, want := range test.sums {
					if !strings.Contains(strings.Join(sums, ""), want) {
						t.Errorf("no %q in\n%s", want, strings.Join(sums, ""))
					}
				}
			})
		})
	}
}

// A process that ends within the second says what it left out, once.
func TestBurstsFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		all := newBursts()
		log := slog.New(sparing{plainLog(&out, slog.LevelInfo), all})
		for range 25 {
			log.Warn("held")
		}
		all.flush()
		all.flush()
		time.Sleep(2 * burstWindow) // of the bubble's clock
		synctest.Wait()
		if got := strings.Count(out.String(), "lines=15"); got != 1 {
			t.Errorf("said %d times:\n%s", got, out.String())
		}
	})
}

func TestTraceIDs(t *testing.T) {
	ids := trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}
	unsampled := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(ids))
	ids.TraceFlags = trace.FlagsSampled
	sampled := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(ids))
	tests := []struct {
		name string
		ctx  context.Context
		want string
	}{
		{"in a span", sampled, "msg=m part=p trace_id=01000000000000000000000000000000 span_id=0200000000000000\n"},
		{"in one that is not sampled", unsampled, "msg=m part=p\n"},
		{"outside", t.Context(), "msg=m part=p\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			slog.New(traced{plainLog(&out, slog.LevelInfo)}).With("part", "p").InfoContext(test.ctx, "m")
			if got := out.String(); got != "level=INFO "+test.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
