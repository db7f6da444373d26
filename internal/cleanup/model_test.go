package cleanup

import (
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"
)

// grant is a lease that a replica was given, and what the model knows of it.
type grant struct {
	held  *Held
	value string
	by    int
	// orphan tells that somebody has deleted the key under it: it may trust in vain, until it asks.
	orphan bool
}

// model is replicas whose clocks run alike, or stand still while they are stopped, and the one Redis they share. It knows
// when a lease ends by the rules of redis-py's Lock; the scripts have to agree.
type model struct {
	server *miniredis.Miniredis
	client *redis.Client
	now    time.Time
	leases []*Lease
	clocks []*hands
	grants []*grant

	holder *grant    // who has the lease by the rules; nil is nobody
	ends   time.Time // when
	token  int64
}

const modelTTL = 10 * time.Second

func newModel(t *testing.T) *model {
	t.Helper()
	server, client := inMemory(t)
	m := &model{server: server, client: client}
	for range 3 {
		clock := &hands{}
		l := NewLease(always(client), modelTTL, "replica")
		l.now = clock.Now
		m.leases, m.clocks = append(m.leases, l), append(m.clocks, clock)
	}
	return m
}

// reset makes everything new for the next run; wall clocks differ by years.
func (m *model) reset() {
	m.server.FlushAll()
	m.set(time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC))
	for i, clock := range m.clocks {
		clock.jump(time.Duration(i) * 1000 * time.Hour)
	}
	m.grants, m.holder, m.token = nil, nil, 0
}

func (m *model) set(now time.Time) {
	m.now = now
	m.server.SetTime(now)
}

// expire has the rules take notice of the time.
func (m *model) expire() {
	if m.holder != nil && !m.now.Before(m.ends) {
		m.holder = nil
	}
}

func (m *model) any(t *rapid.T) *grant {
	if len(m.grants) == 0 {
		t.Skip("nobody was given anything yet")
	}
	return rapid.SampledFrom(m.grants).Draw(t, "grant")
}

func (m *model) acquire(t *rapid.T) {
	m.expire()
	by := rapid.IntRange(0, len(m.leases)-1).Draw(t, "replica")
	h, err := m.leases[by].TryAcquire(t.Context())
	if free := m.holder == nil; free != (err == nil) {
		t.Fatalf("free: %v, got %v", free, err)
	}
	if err != nil {
		if !errors.Is(err, ErrBusy) {
			t.Fatal(err)
		}
		return
	}
	if h.Token() <= m.token {
		t.Fatalf("got the token %d after %d", h.Token(), m.token)
	}
	m.holder, m.ends, m.token = &grant{held: h, value: h.value, by: by}, m.now.Add(modelTTL), h.Token()
	m.grants = append(m.grants, m.holder)
}

// prolong does one of the ways to get more time. What is not trusted or not one's own is not prolonged.
func (m *model) prolong(t *rapid.T) {
	m.expire()
	g := m.any(t)
	trusts := g.held.Err() == nil
	by := time.Duration(rapid.IntRange(1, 30_000).Draw(t, "ms")) * time.Millisecond
	var err error
	ends := m.ends
	switch rapid.SampledFrom([]string{"renew", "extend", "replace", "reacquire"}).Draw(t, "how") {
	case "renew":
		err = g.held.renew(t.Context())
		if end := m.now.Add(modelTTL); end.After(ends) {
			ends = end
		}
	case "extend":
		err = g.held.Extend(t.Context(), by, false)
		ends = ends.Add(by)
	case "replace":
		err = g.held.Extend(t.Context(), by, true)
		ends = m.now.Add(by)
	case "reacquire":
		err = g.held.Reacquire(t.Context())
		ends = m.now.Add(modelTTL)
	}
	if may := trusts && g == m.holder; may != (err == nil) {
		t.Fatalf("trusted %v, holder %v, got %v", trusts, g == m.holder, err)
	}
	if err == nil {
		m.ends = ends
	} else if g.held.Err() == nil {
		t.Fatalf("still trusted after %v", err)
	}
}

func (m *model) release(t *rapid.T) {
	m.expire()
	g := m.any(t)
	err := g.held.Release(t.Context())
	if g == m.holder {
		if err != nil {
			t.Fatal(err)
		}
		m.holder = nil
		return
	}
	if !errors.Is(err, ErrNotOwned) {
		t.Fatalf("gave back what it does not have: %v", err)
	}
}

func (m *model) confirm(t *rapid.T) {
	m.expire()
	g := m.any(t)
	trusts := g.held.Err() == nil
	if err := g.held.Confirm(t.Context()); (err == nil) != (trusts && g == m.holder) {
		t.Fatalf("trusted %v, holder %v, got %v", trusts, g == m.holder, err)
	}
}

// pass lets time pass for everybody.
func (m *model) pass(t *rapid.T) {
	m.tick(time.Duration(rapid.IntRange(1, 8000).Draw(t, "ms")) * time.Millisecond)
}

func (m *model) tick(d time.Duration) {
	m.set(m.now.Add(d))
	for _, clock := range m.clocks {
		clock.jump(d)
	}
}

// drift lets the server's clock run ahead of all others, for less than the margin of one lease in its time.
func (m *model) drift(t *rapid.T) {
	d := time.Duration(rapid.IntRange(100, 5000).Draw(t, "ms")) * time.Millisecond
	m.set(m.now.Add(d))
	for _, clock := range m.clocks {
		part := rapid.IntRange(82, 120).Draw(t, "percent")
		clock.jump(d * time.Duration(part) / 100)
	}
}

func (m *model) tamper(t *rapid.T) {
	switch rapid.SampledFrom([]string{"lease", "token"}).Draw(t, "key") {
	case "lease":
		m.client.Del(t.Context(), keyLease)
		if m.holder != nil {
			m.holder.orphan, m.holder = true, nil
		}
	case "token": // as a failover may; the server's time goes on
		m.client.Del(t.Context(), keyToken)
		m.tick(time.Millisecond)
	}
}

// check is what must hold at any time.
func (m *model) check(t *rapid.T) {
	m.expire()
	there, _ := m.client.Get(t.Context(), keyLease).Result()
	want := ""
	if m.holder != nil {
		want = m.holder.value
	}
	if there != want {
		t.Fatalf("the lease is %q, by the rules it is %q", there, want)
	}
	for _, g := range m.grants {
		if g.held.Err() == nil && g != m.holder && !g.orphan {
			t.Fatalf("replica %d trusts the token %d, which has ended", g.by, g.held.Token())
		}
	}
}

func TestLeaseKeepsToTheModel(t *testing.T) {
	m := newModel(t)
	rapid.Check(t, func(t *rapid.T) {
		m.reset()
		t.Repeat(map[string]func(*rapid.T){
			"acquire": m.acquire, "prolong": m.prolong, "release": m.release, "confirm": m.confirm,
			"pass": m.pass, "drift": m.drift, "tamper": m.tamper, "": m.check,
		})
	})
}
