package persist

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"returnd/internal/job"
	"returnd/test/servers"
)

// reader is a cursored reading.
type reader func(cursor string, yield func(name, value string) error) (next string, err error)

func (r *rig) returnsOf(jid string) reader { return returnsOf(r.T, r.store, jid) }

func returnsOf(t *testing.T, s *Store, jid string) reader {
	t.Helper()
	return func(cursor string, yield func(name, value string) error) (string, error) {
		return s.Returns(t.Context(), "", jid, cursor, func(minion string, ret []byte) error { return yield(minion, string(ret)) })
	}
}

// page reads limit entries at most. No entry may come twice in it.
func (r reader) page(cursor string, limit int) (names []string, values map[string]string, next string, err error) {
	values = map[string]string{}
	next, err = r(cursor, func(name, value string) error {
		if len(names) == limit {
			return job.ErrPageFull
		}
		if _, twice := values[name]; twice {
			return fmt.Errorf("%q came twice in a page", name)
		}
		names = append(names, name)
		values[name] = value
		return nil
	})
	return names, values, next, err
}

// all reads page by page.
func (r reader) all(t fataler, limit func() int, between func()) (got map[string]string, handed int) {
	t.Helper()
	got = map[string]string{}
	for cursor := ""; ; {
		n := limit()
		names, values, next, err := r.page(cursor, n)
		if err != nil {
			t.Fatalf("page at %q: %v", cursor, err)
		}
		if next != "" && len(names) != n {
			t.Fatalf("a page has %d entries, asked for %d, and there are more", len(names), n)
		}
		if len(next) > maxCursor || strings.Trim(next, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.~") != "" {
			t.Fatalf("cursor %q is not as promised", next)
		}
		handed += len(names)
		maps.Copy(got, values)
		if cursor = next; cursor == "" {
			return got, handed
		}
		between()
	}
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func always(n int) func() int { return func() int { return n } }

func nothing() {}

// drawHash makes a hash of any size, of values that are kept in a list or in a table.
func drawHash(t *rapid.T) map[string]string {
	size := rapid.IntRange(1, 40).Draw(t, "bytes of a value") * rapid.SampledFrom([]int{1, 1, 40}).Draw(t, "times")
	n := rapid.SampledFrom([]int{1, 2, 7, 100, 600, 1500}).Draw(t, "about so many entries")
	hash := map[string]string{}
	for i := range rapid.IntRange(1, n).Draw(t, "entries") {
		hash[fmt.Sprintf("m%d", i)] = strings.Repeat("x", size) + strconv.Itoa(i)
	}
	return hash
}

func fillHash(t testing.TB, c redis.UniversalClient, key string, hash map[string]string) {
	t.Helper()
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(hash)), 500) {
		args := make([]any, 0, 2*len(chunk))
		for _, name := range chunk {
			args = append(args, name, hash[name])
		}
		if err := c.HSet(t.Context(), key, args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// Pages of any size hand over exactly what one reading does, each entry once where nothing changes.
func TestPagesOfAHash(t *testing.T) {
	r := newRig(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		jid, want := fmt.Sprintf("job %d", n), drawHash(rt)
		fillHash(t, r.redis, "ret:"+jid, want)
		got, handed := r.returnsOf(jid).all(rt, func() int { return rapid.IntRange(1, 300).Draw(rt, "limit") }, nothing)
		if diff := cmp.Diff(want, got); diff != "" || handed != len(want) {
			rt.Fatalf("%d handed over; (-want +got):\n%s", handed, diff)
		}
		whole, _, _, err := r.returnsOf(jid).page("", 1<<20)
		if err != nil || len(whole) != len(want) {
			rt.Fatalf("unpaged: %d entries, %v", len(whole), err)
		}
		r.redis.Unlink(t.Context(), "ret:"+jid)
	})
}

// What is there all the while is handed over, whatever comes and goes between the pages.
func TestPagesOfAHashThatChanges(t *testing.T) {
	r := newRig(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		jid, want := fmt.Sprintf("job %d", n), drawHash(rt)
		key := "ret:" + jid
		fillHash(t, r.redis, key, want)
		others, serial := map[string]string{}, 0
		change := func() {
			for name := range others {
				r.redis.HDel(t.Context(), key, name)
			}
			clear(others)
			for range rapid.SampledFrom([]int{0, 1, 30, 1000}).Draw(rt, "others") {
				serial++
				others[fmt.Sprintf("%c other %d", 'a'+serial%26, serial)] = strings.Repeat("y", 1+serial%100)
			}
			fillHash(t, r.redis, key, others)
		}
		limit := max(2, len(want)/5) // a few pages
		pages := 0
		got, _ := r.returnsOf(jid).all(rt, always(limit), func() {
			if pages++; pages < 50 {
				change()
			}
		})
		for name, value := range want {
			if got[name] != value {
				rt.Fatalf("%s was there all the while and is missing", name)
			}
		}
		r.redis.Unlink(t.Context(), key)
	})
}

// A small hash comes whole in one step, whatever is asked for.
func TestPagesWithinOneStep(t *testing.T) {
	r := newRig(t)
	want := map[string]string{}
	for i := range 100 {
		want[fmt.Sprintf("m%d", i)] = "1"
	}
	fillHash(t, r.redis, "ret:x", want)
	if encoding := r.redis.ObjectEncoding(t.Context(), "ret:x").Val(); encoding != "listpack" {
		t.Fatalf("encoding = %s, the test is about listpack", encoding)
	}
	got, handed := r.returnsOf("x").all(t, always(2), nothing)
	if !maps.Equal(got, want) || handed != 100 {
		t.Errorf("%d entries in %d", len(got), handed)
	}
	// Its cursor needs no certain process, and holds though the list becomes a table.
	first, _, cursor, _ := r.returnsOf("x").page("", 50)
	more := map[string]string{}
	for i := range 1000 {
		more[fmt.Sprintf("n%d", i)] = strings.Repeat("x", 100)
	}
	fillHash(t, r.redis, "ret:x", more)
	rest, _, next, err := r.returnsOf("x").page(cursor, 2000)
	if err != nil || next != "" {
		t.Fatalf("next = %q, %v", next, err)
	}
	both := append(first, rest...)
	slices.Sort(both)
	if len(both) != 1100 || len(slices.Compact(both)) != 1100 {
		t.Errorf("%d entries after the change", len(both))
	}
}

func TestPagesOfMinions(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	want := map[string]string{}
	var batch []job.Entry
	for i := range 1500 {
		e := ret(jid, fmt.Sprintf("minion-%d", i), "f.x")
		want[e.Return.Minion] = string(e.Return.Body)
		batch = append(batch, e)
	}
	r.write(batch...)
	last := reader(func(cursor string, yield func(string, string) error) (string, error) {
		return r.store.LastReturns(t.Context(), "", "f.x", cursor, func(id string, ret []byte) error { return yield(id, string(ret)) })
	})
	ids := reader(func(cursor string, yield func(string, string) error) (string, error) {
		return r.store.Minions(t.Context(), "", cursor, func(id string) error { return yield(id, want[id]) })
	})
	for name, read := range map[string]reader{"last returns": last, "minions": ids} {
		for _, limit := range []int{7, 100, 1499, 1500} {
			got, handed := read.all(t, always(limit), nothing)
			if diff := cmp.Diff(want, got); diff != "" || handed != len(want) {
				t.Errorf("%s by %d: %d handed over (-want +got):\n%s", name, limit, handed, diff)
			}
		}
	}
	_, _, cursor, _ := last.page("", 5)
	if _, _, _, err := ids.page(cursor, 5); !isMalformed(err) {
		t.Errorf("a cursor of get_fun for get_minions: %v, want it refused", err)
	}
}

func isMalformed(err error) bool {
	var rejection *job.Rejection
	return errors.As(err, &rejection) && rejection.Reason == job.ReasonMalformed
}

func large(n int) map[string]string {
	hash := map[string]string{}
	for i := range n {
		hash[fmt.Sprintf("m%d", i)] = strings.Repeat("x", 100)
	}
	return hash
}

func TestCursorsThatAreWorthless(t *testing.T) {
	r := newRig(t)
	fillHash(t, r.redis, "ret:x", large(1000))
	fillHash(t, r.redis, "ret:y", large(1000))
	_, _, cursor, err := r.returnsOf("x").page("", 400)
	if err != nil || cursor == "" {
		t.Fatalf("cursor = %q, %v", cursor, err)
	}
	for name, broken := range map[string]string{
		"no cursor": "garbage!", "cut": cursor[:len(cursor)/2], "too long": strings.Repeat("A", 2000), "another kind": "ag" + cursor[2:], "a letter": "A",
	} {
		if _, _, _, err := r.returnsOf("x").page(broken, 10); !isMalformed(err) {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
	if _, _, _, err := r.returnsOf("y").page(cursor, 10); !isMalformed(err) {
		t.Errorf("of another job: %v, want it refused", err)
	}
	if _, err := r.store.Jobs(t.Context(), "", job.Span{}, cursor, func(string, []byte) error { return nil }); !isMalformed(err) {
		t.Errorf("of another endpoint: %v, want it refused", err)
	}
	r.proc.Kill()
	r.proc.Restart()
	fillHash(t, r.redis, "ret:x", large(1000))
	if _, _, _, err := r.returnsOf("x").page(cursor, 10); !isMalformed(err) {
		t.Errorf("from before a restart: %v, want it refused", err)
	}
	_, _, cursor, _ = r.returnsOf("x").page("", 400)
	r.redis.Unlink(t.Context(), "ret:x")
	if _, _, _, err := r.returnsOf("x").page(cursor, 10); !isMalformed(err) {
		t.Errorf("of a job that is gone: %v, want it refused", err)
	}
}

// A reader never takes a part for the whole.
func TestWhatChangesUnderAReading(t *testing.T) {
	tests := map[string]func(r *rig){
		"a restart": func(r *rig) {
			r.proc.Kill()
			r.proc.Restart()
			fillHash(r.T, r.redis, "ret:x", large(5000))
		},
		"the key is deleted":     func(r *rig) { r.redis.Unlink(r.Context(), "ret:x") },
		"the server goes":        func(r *rig) { r.proc.Kill() },
		"the key's type changes": func(r *rig) { r.redis.Set(r.Context(), "ret:x", "a string", 0) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			fillHash(t, r.redis, "ret:x", large(5000))
			n := 0
			_, err := r.returnsOf("x")("", func(string, string) error {
				if n++; n == 1000 {
					change(r)
				}
				return nil
			})
			if !errors.Is(err, job.ErrUnavailable) && !isWrongType(err) {
				t.Errorf("after %d entries: %v, want an error that a retry may help", n, err)
			}
		})
	}
}

// A key that moves takes its readings along, or ends them; a cursor does not move.
func TestPagesInACluster(t *testing.T) {
	g := servers.Cluster(t, 3, 0)
	s, look := clusterRig(t, g)
	const jid = "x"
	fillHash(t, look, "ret:"+jid, large(3000))
	read := returnsOf(t, s, jid)
	got, handed := read.all(t, always(700), nothing)
	if len(got) != 3000 || handed != 3000 {
		t.Errorf("%d entries in %d", len(got), handed)
	}
	_, _, cursor, err := read.page("", 700)
	if err != nil {
		t.Fatal(err)
	}
	slot := servers.KeySlot("ret:" + jid)
	from := g.OwnerOfSlot(t, slot)
	to := g.Nodes[(slices.Index(g.Nodes, from)+1)%3]
	move := g.BeginMove(t, from, to, slot)
	n := 0
	_, err = read("", func(string, string) error {
		if n++; n == 1000 {
			move.Keys(10) // the key is at its new owner, the slot still at the old one
		}
		return nil
	})
	if !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("the key moved under a reading: %v after %d entries, want unavailable", err, n)
	}
	if names, _, _, err := read.page("", 5000); err != nil || len(names) != 3000 {
		t.Errorf("while the slot moves: %d entries, %v", len(names), err)
	}
	if _, _, _, err := read.page(cursor, 10); !isMalformed(err) {
		t.Errorf("a cursor of the old owner: %v, want it refused", err)
	}
	move.Finish()
	servers.Eventually(t, 10*time.Second, "all is read at the new owner", func() bool {
		names, _, _, err := read.page("", 5000)
		return err == nil && len(names) == 3000
	})
	got, handed = read.all(t, always(700), nothing)
	if len(got) != 3000 || handed != 3000 {
		t.Errorf("at the new owner %d entries in %d", len(got), handed)
	}
}

func TestPagesFromReplicas(t *testing.T) {
	replicas := func(c *Config) { c.Redis.ReadFromReplicas = true }
	tests := map[string]func(t *testing.T) (*Store, redis.UniversalClient, []*servers.Process){
		"sentinel": func(t *testing.T) (*Store, redis.UniversalClient, []*servers.Process) {
			t.Helper()
			g := servers.Sentinel(t, servers.SentinelOptions{})
			return storeOn(t, g.Nodes[0], behind(g), replicas), clientOn(t, g.Nodes[0]), g.Replicas(t)
		},
		"cluster": func(t *testing.T) (*Store, redis.UniversalClient, []*servers.Process) {
			t.Helper()
			g := servers.Cluster(t, 3, 1)
			s := storeOn(t, g.Nodes[0], replicas, func(c *Config) { c.Redis.Cluster.StartupNodes = servers.Addrs(g.Nodes) })
			look := redis.NewClusterClient(&redis.ClusterOptions{Addrs: servers.Addrs(g.Nodes)})
			t.Cleanup(func() { _ = look.Close() })
			return s, look, nil
		},
	}
	for name, begin := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, look, copies := begin(t)
			fillHash(t, look, "ret:x", large(2000))
			servers.Eventually(t, 10*time.Second, "the replicas have it all", func() bool {
				for _, p := range copies {
					if p.Do("hlen", "ret:x").Val() != int64(2000) {
						return false
					}
				}
				names, _, _, err := returnsOf(t, s, "x").page("", 5000)
				return err == nil && len(names) == 2000
			})
			got, handed := returnsOf(t, s, "x").all(t, always(700), nothing)
			if len(got) != 2000 || handed != 2000 {
				t.Errorf("%d entries in %d", len(got), handed)
			}
		})
	}
}

// Without the permission to ask who answers, what takes one step is read, and nothing else.
func TestReadingWithoutInfo(t *testing.T) {
	p := servers.RedisACL(t, []string{"worker on >secret ~* +@all -info"})
	s := storeOn(t, p.Process, func(c *Config) { c.Redis.Username, c.Redis.Password = "worker", "secret" })
	var batch []job.Entry
	for i := range 1000 {
		batch = append(batch, ret("large", fmt.Sprintf("m%d", i), "f.x"))
	}
	for _, err := range s.Write(t.Context(), append(batch, ret("small", "m1", "f.x"))) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if names, _, _, err := returnsOf(t, s, "small").page("", 10); err != nil || len(names) != 1 {
		t.Errorf("a small job: %q, %v", names, err)
	}
	if _, _, _, err := returnsOf(t, s, "large").page("", 5000); !errors.Is(err, job.ErrUnavailable) || !strings.Contains(err.Error(), "permission") {
		t.Errorf("a large job: %v, want an error that names the permission", err)
	}
}
