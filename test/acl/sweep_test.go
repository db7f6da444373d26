package acl

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/metric/noop"

	"returnd/internal/job"
	"returnd/internal/persist"
)

// sweepAll sweeps, as the documented user, a keyspace in which every kind of thing is to be removed and to be mended.
func sweepAll(t *testing.T, admin *redis.Client, addr string) {
	t.Helper()
	old, young := job.FormatJID(time.Now().Add(-72*time.Hour)), job.FormatJID(time.Now().Add(-time.Hour))
	const ancient = 1_000_000
	pipe := admin.Pipeline()
	for _, jid := range []string{old, young, "my custom job"} {
		pipe.Do(t.Context(), "hset", "ret:"+jid, "swept", `{"jid": "`+jid+`"}`)
		pipe.Do(t.Context(), "set", "swept:"+jid, jid)
		pipe.Do(t.Context(), "hset", "returnd/job:"+jid, "minion:swept", "")
	}
	pipe.Do(t.Context(), "set", "load:"+young, "{}")
	pipe.Do(t.Context(), "set", "load:my custom job", "{}")
	pipe.Do(t.Context(), "set", "load:"+old+"_1", "{}")
	pipe.Do(t.Context(), "sadd", "minions", "swept", "met", "forgotten")
	pipe.Do(t.Context(), "zadd", "returnd/seen", ancient, "forgotten")
	pipe.Do(t.Context(), "zadd", "returnd/jobs", ancient, old)
	pipe.Do(t.Context(), "lpush", "returnd/history:swept", old+"\tx", young+"\tx")
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	store := storeAs(t, "returnd", addr)
	rules := job.SweepRules{
		Grace: time.Hour, MinionKeep: 30 * 24 * time.Hour,
		Returns: true, Loads: true, Pointers: true, Minions: true, Histories: true, Index: true,
	}
	dbs, err := store.Databases(t.Context())
	if err != nil || len(dbs) != 2 { // database 1 was written to by ret_kwargs
		t.Errorf("databases %v, %v", dbs, err)
	}
	for _, db := range dbs {
		report, err := store.Sweep(t.Context(), db, rules, "", func(job.SweepReport, string) error { return nil })
		if err != nil {
			t.Errorf("sweep of %+v: %v", db, err)
		}
		for _, kind := range []job.SweepKind{job.SweepReturns, job.SweepLoads, job.SweepPointers, job.SweepMinions, job.SweepHistories, job.SweepIndex} {
			if c := report.Count(kind); db.DB == job.NoDB && (c.Removed == 0 || c.Mended == 0) {
				t.Errorf("%s: %+v, want some removed and some mended", kind, *c)
			}
		}
	}
}

// storeAs is the worker's store, logged in as a user.
func storeAs(t *testing.T, user, addr string) *persist.Store {
	t.Helper()
	cfg := persist.DefaultConfig()
	cfg.Redis.Username, cfg.Redis.PasswordFile = user, passwordFile(t)
	cfg.Redis.Port, _ = strconv.Atoi(port(addr))
	store, err := persist.New(cfg, nil, slog.New(slog.DiscardHandler), noop.Meter{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := store.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	return store
}
