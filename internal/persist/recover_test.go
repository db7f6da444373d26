package persist

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// The set of minions has gone, and everything made from returns with it; the returns are there.
func TestMinionsAreRecovered(t *testing.T) {
	begin := map[string]func(t *testing.T) (*Store, redis.UniversalClient){
		"one server": func(t *testing.T) (*Store, redis.UniversalClient) {
			t.Helper()
			r := newRig(t)
			return r.store, r.redis
		},
		"cluster": func(t *testing.T) (*Store, redis.UniversalClient) {
			t.Helper()
			return clusterRig(t, servers.Cluster(t, 3, 0))
		},
	}
	for name, start := range begin {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, look := start(t)
			want := plantReturns(t, look)
			ids := map[string]bool{}
			if _, err := s.Minions(t.Context(), "", "", func(id string) error { ids[id] = true; return nil }); err != nil {
				t.Fatal(err)
			}
			delete(ids, "odd") // whose return cannot be read, and has no pointer
			if len(ids) != len(want) {
				t.Errorf("%d minions, want %d", len(ids), len(want))
			}
			got := map[string]string{}
			_, err := s.LastReturns(t.Context(), "", "f.x", "", func(id string, body []byte) error {
				ret, err := job.ParseReturn(body)
				got[id] = ret.JID
				return err
			})
			if err != nil || !maps.Equal(got, want) {
				t.Errorf("last returns = %v, %v\nwant %v", got, err, want)
			}
			for id, jid := range want {
				if ttl := look.TTL(t.Context(), id+":f.x").Val(); ttl <= 0 {
					t.Errorf("the pointer of %s has the TTL %v", id, ttl)
				}
				if n := look.LLen(t.Context(), "returnd/history:"+id).Val(); n == 0 {
					t.Errorf("%s has no history of %s", id, jid)
				}
			}
			if n := look.ZCard(t.Context(), "returnd/seen").Val(); n != int64(len(want))+1 {
				t.Errorf("%d minions in returnd/seen", n)
			}
		})
	}
}

// plantReturns writes returns as Salt does, and nothing else. It gives each minion's last jid.
func plantReturns(t *testing.T, look redis.UniversalClient) map[string]string {
	t.Helper()
	last := map[string]string{}
	for i := range 30 {
		jid := jidAt(time.Duration(30-i) * time.Minute)
		for m := range 20 {
			if id := fmt.Sprintf("m%d", m); (i+m)%3 == 0 {
				look.HSet(t.Context(), "ret:"+jid, id, fmt.Sprintf(`{"id": %q, "jid": %q, "fun": "f.x", "return": true}`, id, jid))
				last[id] = jid
			}
		}
		look.Expire(t.Context(), "ret:"+jid, time.Hour)
	}
	look.HSet(t.Context(), "ret:"+jidAt(time.Minute), "odd", "no JSON", "no/minion", "{}")
	look.Set(t.Context(), "ret:a string", "x", 0)
	look.HSet(t.Context(), "retention", "a", "b")
	return last
}

func TestNothingToRecoverFrom(t *testing.T) {
	r := newRig(t)
	for range 2 {
		if _, err := r.store.Minions(t.Context(), "", "", func(string) error { t.Error("a minion"); return nil }); err != nil {
			t.Error(err)
		}
	}
	r.redis.Set(t.Context(), "minions", "a string", 0)
	if _, err := r.store.Minions(t.Context(), "", "", func(string) error { return nil }); !isWrongType(err) {
		t.Errorf("minions of another type: %v", err)
	}
}
