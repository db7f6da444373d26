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
func sweepAll(t *testing.T, admin redis.UniversalClient, store *persist.Store, databases int) {
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
	rules := job.SweepRules{
		Grace: time.Hour, MinionKeep: 30 * 24 * time.Hour,
		Returns: true, Loads: true, Pointers: true, Minions: true, Histories: true, Index: true,
	}
	dbs, err := store.Databases(t.Context())
	if err != nil || len(dbs) != databases {
		t.Errorf("databases %v, %v", dbs, err)
	}
	for _, db := range dbs {
		removed, mended := map[job.SweepKind]int64{}, map[job.SweepKind]int64{}
		for range 2 { // on a cluster a pointer may be looked at before the return that keeps it is removed
			report, err := store.Sweep(t.Context(), db, rules, "", func(job.SweepReport, string) error { return nil })
			if err != nil {
				t.Errorf("sweep of %+v: %v", db, err)
			}
			for _, kind := range kinds {
				removed[kind] += report.Count(kind).Removed
				mended[kind] += report.Count(kind).Mended
			}
		}
		for _, kind := range kinds {
			if db.DB == job.NoDB && (removed[kind] == 0 || mended[kind] == 0) {
				t.Errorf("%s: %d removed and %d mended, want some of both", kind, removed[kind], mended[kind])
			}
		}
	}
}

var kinds = []job.SweepKind{job.SweepReturns, job.SweepLoads, job.SweepPointers, job.SweepMinions, job.SweepHistories, job.SweepIndex}

// storeAs is the worker's store, logged in as the worker's user.
func storeAs(t *testing.T, addr, password string, change ...func(*persist.Redis)) *persist.Store {
	t.Helper()
	cfg := persist.DefaultConfig()
	cfg.Redis.Username, cfg.Redis.PasswordFile = "returnd", password
	cfg.Redis.Port, _ = strconv.Atoi(port(addr))
	for _, f := range change {
		f(&cfg.Redis)
	}
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
