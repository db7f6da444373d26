package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/test/servers"
)

// result is what a sweep leaves for everybody to see.
type result struct {
	Token     int64   `json:"token"`
	Takeovers int     `json:"takeovers"`
	Keys      int     `json:"keys"`
	Removed   int     `json:"removed"`
	Seconds   float64 `json:"seconds"`
	Error     string  `json:"error"`
}

func resultAt(t *testing.T, c redis.UniversalClient, key string) (r result) {
	t.Helper()
	text, err := c.Get(t.Context(), key).Result()
	if err != nil {
		return result{}
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestNextHolderGoesOnWhereTheKilledOneWas: of a sweep of 50,000 keys nothing is done twice but what the killed holder
// did after it last wrote down where it stood.
func TestNextHolderGoesOnWhereTheKilledOneWas(t *testing.T) {
	t.Parallel()
	const keys, rate = 50_000, 10_000
	r := newRig(t)
	c := r.db(t, 0)
	putMany(t, c, keys)
	workers := map[int]worker{}
	for range 2 {
		w := r.start(t, "--cleanup.interval", "1h", "--cleanup.lease", "2s", "--cleanup.rate", strconv.Itoa(rate))
		workers[w.PID()] = w
	}
	pid := sweeping(t, c, workers, 0)
	var at result
	servers.Eventually(t, limit, "half of the keys", func() bool {
		at = resultAt(t, c, "returnd/{cleanup}/at")
		return at.Keys > keys/2
	})
	workers[pid].Kill()
	lost := time.Now()
	var last result
	servers.Eventually(t, limit, "the end of the sweep", func() bool {
		last = resultAt(t, c, "returnd/{cleanup}/last")
		return last.Token != 0
	})
	// What it did after its last note, in a fifth of a second and on a busy machine some more, is done again if it was kept,
	// and counted by nobody if it was removed.
	if last.Takeovers != 1 || last.Error != "" || last.Keys < keys-rate || last.Keys > keys+rate {
		t.Errorf("got %+v, want one takeover and about %d keys", last, keys)
	}
	for _, i := range []int{0, keys / 2, keys - 1} {
		if there(t, c, numberedJID(i)) {
			t.Errorf("return %d is left", i)
		}
	}
	t.Logf("killed after %d keys; %d keys in all by two holders, the end %v later", at.Keys, last.Keys, time.Since(lost).Round(time.Millisecond))
}

func numberedJID(i int) string { return fmt.Sprintf("20200101000000%06d", i) }

// putMany puts so many old returns there.
func putMany(t *testing.T, c redis.UniversalClient, n int) {
	t.Helper()
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	for part := range slices.Chunk(all, 5000) {
		pipe := c.Pipeline()
		for _, i := range part {
			pipe.HSet(context.Background(), "ret:"+numberedJID(i), "web1", "{}")
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
