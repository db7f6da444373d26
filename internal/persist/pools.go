package persist

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// pool is a bounded word for connections of one kind: of a profile, to write or to read, in use or idle.
type pool struct{ profile, use, state string }

// observePools registers the connections there are, counted when somebody looks.
func (s *Store) observePools(meter metric.Meter) error {
	_, err := meter.Int64ObservableGauge("returnd.redis.connections", metric.WithUnit("{connection}"),
		metric.WithDescription("Connections to Redis, by profile, by use (write or read) and by state (used or idle)"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for p, n := range s.pools() {
				o.Observe(n, metric.WithAttributes(
					attribute.String("profile", p.profile), attribute.String("use", p.use), attribute.String("state", p.state)))
			}
			return nil
		}))
	if err != nil {
		return fmt.Errorf("metrics of the connections: %w", err)
	}
	return nil
}

// pools counts connections, those to all databases of a profile together: returns can ask for thousands.
func (s *Store) pools() map[pool]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[pool]int64{}
	for key, t := range s.targets {
		c := t.conn.Load()
		// The library looks for a cluster's nodes where it knows none yet: whoever reads metrics must not wait for that.
		if c == nil || c.cluster != nil && !c.loaded.Load() {
			continue
		}
		profile := key.profile
		if profile == "" {
			profile = "default"
		}
		count(counts, profile, "write", c.writer.PoolStats())
		count(counts, profile, "read", c.reader.PoolStats())
	}
	return counts
}

func count(counts map[pool]int64, profile, use string, stats *redis.PoolStats) {
	total, idle := int64(stats.TotalConns), int64(stats.IdleConns)
	if p := stats.PipelineStats; p != nil {
		total, idle = total+int64(p.TotalConns), idle+int64(p.IdleConns)
	}
	counts[pool{profile, use, "used"}] += max(total-idle, 0) // the two are not read at once
	counts[pool{profile, use, "idle"}] += idle
}
