package persist

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
)

// minimumVersion is the first whose EXPIREAT knows LT and GT, and whose scripts may write what they have computed.
const minimumVersion = 7

// checkup looks at what a target's servers are, before anything is written: what cannot work is an error, what may lose
// returns a warning in the log, once for each server.
func (c *connection) checkup(ctx context.Context, log *slog.Logger) error {
	if c.cluster != nil && !c.target.redis.Cluster.SkipFullCoverageCheck {
		missing, err := uncovered(ctx, c.cluster)
		if err != nil {
			return hold(classify(err, ""))
		}
		if missing > 0 {
			return fmt.Errorf("%w: %d slots of the cluster have no owner: repair it, or set redis.cluster.skip_full_coverage_check", job.ErrUnavailable, missing)
		}
	}
	return c.eachPrimary(ctx, func(ctx context.Context, server *redis.Client) error {
		info, err := server.Info(ctx).Result()
		if err != nil {
			// Without the permission to ask, the server is taken as it is.
			log.Debug("Redis does not tell what it is: let the user run INFO", "error", err)
			return nil
		}
		return c.judge(fields(info), server.Options().Addr, log)
	})
}

func (c *connection) judge(info map[string]string, addr string, log *slog.Logger) error {
	major, _, _ := strings.Cut(info["redis_version"], ".")
	if n, err := strconv.Atoi(major); err == nil && n < minimumVersion {
		return fmt.Errorf("%w: Redis is %s: use Redis or Valkey %d.0 or later", job.ErrUnavailable, info["redis_version"], minimumVersion)
	}
	if info["loading"] == "1" { // and tells of no append-only file meanwhile
		return fmt.Errorf("%w: %s (LOADING)", job.ErrUnavailable, remedies["LOADING"])
	}
	if _, told := c.target.warned.LoadOrStore(addr, true); told {
		return nil
	}
	if policy := info["maxmemory_policy"]; policy != "" && policy != "noeviction" {
		log.Warn("Redis may evict returns that were confirmed: set its maxmemory-policy to noeviction", "redis", addr, "maxmemory_policy", policy)
	}
	if info["aof_enabled"] == "0" {
		log.Warn("Redis keeps no append-only file: a crash loses what it has confirmed since its last snapshot; set its appendonly to yes", "redis", addr)
	}
	return nil
}

// fields reads the answer to INFO.
func fields(info string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			m[name] = value
		}
	}
	return m
}
