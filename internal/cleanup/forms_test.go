package cleanup

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// forms are the ways in which Redis is run, each with a client as the store makes them.
var forms = map[string]func(t *testing.T) redis.UniversalClient{
	"one server": func(t *testing.T) redis.UniversalClient {
		t.Helper()
		return redis.NewClient(&redis.Options{Addr: servers.Redis(t).Addr, DisableIdentity: true, MaxRetries: -1})
	},
	"Sentinel": func(t *testing.T) redis.UniversalClient {
		t.Helper()
		g := servers.Sentinel(t, servers.SentinelOptions{})
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: g.MasterName, SentinelAddrs: servers.Addrs(g.Sentinels), DisableIdentity: true, MaxRetries: -1,
		})
	},
	"Cluster": func(t *testing.T) redis.UniversalClient {
		t.Helper()
		g := servers.Cluster(t, 3, 1)
		return redis.NewClusterClient(&redis.ClusterOptions{Addrs: servers.Addrs(g.Nodes), DisableIdentity: true, DisableRoutingPolicies: true, MaxRedirects: 2})
	},
}

// trial is two who want the lease, and a client to look behind them.
type trial struct {
	*testing.T
	a, b   *Lease
	client redis.UniversalClient
}

// features is every feature of redis-py's Lock, and the token that it lacks.
var features = []struct {
	name string
	run  func(t *trial)
}{
	{"a lock has a time limit, and a release frees it", func(t *trial) {
		h := mustTake(t, t.a)
		if left := t.client.PTTL(t.Context(), keyLease).Val(); left <= 0 || left > t.a.ttl {
			t.Errorf("got a TTL of %v, want %v at most", left, t.a.ttl)
		}
		if _, err := t.b.TryAcquire(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v while another has it, want ErrBusy", err)
		}
		if err := h.Release(t.Context()); err != nil {
			t.Errorf("Release: %v", err)
		}
		mustTake(t, t.b)
	}},
	{"it expires by itself, for one who waits", func(t *trial) {
		t.a.ttl = 200 * time.Millisecond
		start := time.Now()
		mustTake(t, t.a)
		h, err := t.b.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < t.a.ttl || took > t.a.ttl+maxPoll {
			t.Errorf("took over after %v, want it after %v, and %v at most", took, t.a.ttl, maxPoll)
		}
		if err := h.Err(); err != nil {
			t.Error(err)
		}
	}},
	{"locked and owned", func(t *trial) {
		if by, err := t.b.Locked(t.Context()); by != nil || err != nil {
			t.Errorf("a free lock: got %v, %v", by, err)
		}
		h := mustTake(t, t.a)
		by, err := t.b.Locked(t.Context())
		if err != nil || by == nil || by.By != "a" || time.Since(by.Since).Abs() > time.Minute || by.Until.Before(by.Since) {
			t.Errorf("a taken lock: got %+v, %v", by, err)
		}
		if owned, err := h.Owned(t.Context()); !owned || err != nil {
			t.Errorf("owned: got %v, %v", owned, err)
		}
		if err := h.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if owned, err := h.Owned(t.Context()); owned || err != nil {
			t.Errorf("owned after the release: got %v, %v", owned, err)
		}
	}},
	{"a second release is not ours", func(t *trial) {
		h := mustTake(t, t.a)
		if err := h.Release(t.Context()); err != nil {
			t.Error(err)
		}
		other := mustTake(t, t.b)
		if err := h.Release(t.Context()); !errors.Is(err, ErrNotOwned) {
			t.Errorf("got %v, want ErrNotOwned", err)
		}
		if owned, _ := other.Owned(t.Context()); !owned {
			t.Error("it has released the other's")
		}
	}},
	{"extend adds to what is left", func(t *trial) {
		h := mustTake(t, t.a)
		if err := h.Extend(t.Context(), time.Minute, false); err != nil {
			t.Fatal(err)
		}
		if left := t.client.PTTL(t.Context(), keyLease).Val(); left <= time.Minute || left > time.Minute+t.a.ttl {
			t.Errorf("got a TTL of %v", left)
		}
		if left := h.Left(); left <= trusted(time.Minute) || left > trusted(time.Minute+t.a.ttl) {
			t.Errorf("trusted for %v", left)
		}
	}},
	{"extend with replace_ttl shortens, too", func(t *trial) {
		h := mustTake(t, t.a)
		if err := h.Extend(t.Context(), time.Second, true); err != nil {
			t.Fatal(err)
		}
		if left := t.client.PTTL(t.Context(), keyLease).Val(); left <= 0 || left > time.Second {
			t.Errorf("got a TTL of %v", left)
		}
		if left := h.Left(); left <= 0 || left > trusted(time.Second) {
			t.Errorf("trusted for %v", left)
		}
	}},
	{"reacquire gives the full time", func(t *trial) {
		h := mustTake(t, t.a)
		if err := h.Extend(t.Context(), time.Second, true); err != nil {
			t.Fatal(err)
		}
		if err := h.Reacquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := t.client.PTTL(t.Context(), keyLease).Val(); left <= time.Second || left > t.a.ttl {
			t.Errorf("got a TTL of %v", left)
		}
	}},
	{"a renewal never shortens", func(t *trial) {
		h := mustTake(t, t.a)
		if err := h.Extend(t.Context(), time.Hour, true); err != nil {
			t.Fatal(err)
		}
		if err := h.renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := t.client.PTTL(t.Context(), keyLease).Val(); left < 59*time.Minute {
			t.Errorf("got a TTL of %v", left)
		}
	}},
	{"another's cannot be extended", func(t *trial) {
		for name, extend := range map[string]func(*Held) error{
			"extend":    func(h *Held) error { return h.Extend(t.Context(), time.Hour, false) },
			"replace":   func(h *Held) error { return h.Extend(t.Context(), time.Hour, true) },
			"reacquire": func(h *Held) error { return h.Reacquire(t.Context()) },
			"renew":     func(h *Held) error { return h.renew(t.Context()) },
			"confirm":   func(h *Held) error { return h.Confirm(t.Context()) },
			"note":      func(h *Held) error { return h.note(t.Context(), "forged", "forged") },
		} {
			t.client.Del(t.Context(), keyLease)
			h := mustTake(t, t.a)
			t.client.Del(t.Context(), keyLease)
			other := mustTake(t, t.b)
			if err := extend(h); !errors.Is(err, ErrNotOwned) || !errors.Is(err, ErrLeaseLost) {
				t.Errorf("%s: got %v, want ErrNotOwned and ErrLeaseLost", name, err)
			}
			if h.Err() == nil {
				t.Errorf("%s: it is still trusted", name)
			}
			if left := t.client.PTTL(t.Context(), keyLease).Val(); left > t.b.ttl {
				t.Errorf("%s: the other's lease has a TTL of %v", name, left)
			}
			if owned, err := other.Owned(t.Context()); !owned {
				t.Errorf("%s: the other's lease is gone: %v", name, err)
			}
		}
		if n := t.client.Exists(t.Context(), keyAt).Val() + t.client.Exists(t.Context(), keyLast).Val(); n != 0 {
			t.Error("a note was taken of one whose lease is another's")
		}
	}},
	{"a deleted lock is not extended", func(t *trial) {
		h := mustTake(t, t.a)
		t.client.Del(t.Context(), keyLease)
		if err := h.renew(t.Context()); !errors.Is(err, ErrNotOwned) {
			t.Errorf("got %v, want ErrNotOwned", err)
		}
		if t.client.Exists(t.Context(), keyLease).Val() != 0 {
			t.Error("the lease is there again")
		}
	}},
	{"tokens grow, whatever becomes of them", func(t *trial) {
		last := int64(0)
		take := func(l *Lease) {
			t.Helper()
			h := mustTake(t, l)
			if h.Token() <= last {
				t.Errorf("got the token %d after %d", h.Token(), last)
			}
			last = h.Token()
			_ = h.Release(t.Context())
		}
		take(t.a)
		take(t.b)
		t.client.Del(t.Context(), keyToken) // as a failover may
		take(t.a)
		last += time.Hour.Microseconds() // as if the server's clock had been an hour ahead
		t.client.Set(t.Context(), keyToken, last, 0)
		take(t.b)
		t.client.Set(t.Context(), keyToken, "garbage", 0)
		last = 0
		take(t.a)
	}},
	{"a try whose answer was lost", func(t *trial) {
		value := t.a.value()
		lost, err := t.a.try(t.Context(), value)
		if err != nil {
			t.Fatal(err)
		}
		h, err := t.a.try(t.Context(), value)
		if err != nil || h.Token() <= lost.Token() {
			t.Errorf("the second try: got %v, token %d after %d", err, h.Token(), lost.Token())
		}
	}},
	{"a lock that was put there by hand", func(t *trial) {
		t.client.Set(t.Context(), keyLease, "maintenance", 0)
		busy := new(BusyError)
		if _, err := t.a.TryAcquire(t.Context()); !errors.As(err, &busy) || busy.By != "maintenance" || busy.Left >= 0 {
			t.Errorf("got %v, left %v", err, busy.Left)
		}
		if by, _ := t.a.Locked(t.Context()); by == nil || !by.Until.IsZero() {
			t.Errorf("got %+v", by)
		}
	}},
	{"scripts that the server has lost", func(t *trial) {
		h := mustTake(t, t.a)
		if cluster, ok := t.client.(*redis.ClusterClient); ok {
			_ = cluster.ForEachShard(t.Context(), func(ctx context.Context, c *redis.Client) error { return c.ScriptFlush(ctx).Err() })
		} else {
			t.client.ScriptFlush(t.Context())
		}
		if err := h.renew(t.Context()); err != nil {
			t.Error(err)
		}
	}},
	{"a key of another type is an error and stays", func(t *trial) {
		t.client.LPush(t.Context(), keyLease, "a stranger's")
		if _, err := t.a.TryAcquire(t.Context()); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
			t.Errorf("got %v", err)
		}
		if t.client.LLen(t.Context(), keyLease).Val() != 1 {
			t.Error("the stranger's key is gone")
		}
	}},
}

func TestLeaseOnEveryForm(t *testing.T) {
	for form, dial := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			client := dial(t)
			defer client.Close()
			for _, f := range features {
				t.Run(f.name, func(t *testing.T) {
					client.Del(t.Context(), keyLease, keyToken, keyAt, keyLast)
					f.run(&trial{t, NewLease(always(client), 10*time.Second, "a"), NewLease(always(client), 10*time.Second, "b"), client})
				})
			}
		})
	}
}
