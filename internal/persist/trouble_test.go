package persist

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"returnd/internal/job"
	"returnd/test/servers"
)

func TestWrongTypeFailsOnlyItsOwn(t *testing.T) {
	r := newRig(t)
	bad, good := jidAt(2*time.Minute), jidAt(time.Minute)
	r.redis.Set(t.Context(), "ret:"+bad, "a string", 0)
	r.redis.HSet(t.Context(), "app:users", "k", "v")
	r.redis.HSet(t.Context(), "load:"+bad, "k", "v")
	r.redis.Set(t.Context(), "returnd/history:m3", "a string", 0)
	entries := []job.Entry{
		ret(bad, "m1", "f.x"), ret(good, "m1", "f.x"), ret(good, "app", "users"), ret(good, "m2", "f.x"), ret(good, "m3", "f.x"),
		load(t, bad, `{"fun": "f.x"}`), load(t, good, `{"fun": "f.x"}`),
	}
	var got []string
	for _, err := range r.store.Write(t.Context(), entries) {
		var rejection *job.Rejection
		switch {
		case err == nil:
			got = append(got, "stored")
		case errors.As(err, &rejection):
			got = append(got, string(rejection.Reason))
		default:
			got = append(got, err.Error())
		}
	}
	want := []string{"wrong_type", "stored", "wrong_type", "stored", "wrong_type", "wrong_type", "stored"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if got := r.redis.HGetAll(t.Context(), "app:users").Val(); !cmp.Equal(got, map[string]string{"k": "v"}) {
		t.Errorf("a stranger's key was touched: %v", got)
	}
}

func TestASharedKeyOfAnotherTypeHolds(t *testing.T) {
	r := newRig(t)
	r.redis.Set(t.Context(), "minions", "a string", 0)
	errs := r.store.Write(t.Context(), []job.Entry{ret(jidAt(time.Minute), "m", "f.x")})
	if !errors.Is(errs[0], job.ErrUnavailable) {
		t.Errorf("error = %v, want it held: no return is at fault for the key minions", errs[0])
	}
}

func TestReturnForAnotherDatabase(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	other, none, plain := ret(jid, "m", "f.x"), ret(jid, "n", "f.x"), ret(jid, "o", "f.x")
	other.Return.DB, none.Return.DB = 3, 4711
	errs := r.store.Write(t.Context(), []job.Entry{other, none, plain})
	var rejection *job.Rejection
	if errs[0] != nil || errs[2] != nil || !errors.As(errs[1], &rejection) || rejection.Reason != job.ReasonRetKwargs {
		t.Fatalf("errors = %v, want none but ret_kwargs for a database that is not there", errs)
	}
	if got := r.redis.HKeys(t.Context(), "ret:"+jid).Val(); !slices.Equal(got, []string{"o"}) {
		t.Errorf("database 0 holds %q, want the plain return alone", got)
	}
	conn := r.redis.Conn()
	defer conn.Close()
	conn.Select(t.Context(), 3)
	if got := conn.HKeys(t.Context(), "ret:"+jid).Val(); !slices.Equal(got, []string{"m"}) {
		t.Errorf("database 3 holds %q", got)
	}
}

func TestScriptsAreLoadedAgain(t *testing.T) {
	r := newRig(t)
	r.write(ret(jidAt(2*time.Minute), "m", "f.x"))
	r.redis.ScriptFlush(t.Context())
	jid := jidAt(time.Minute)
	r.write(ret(jid, "m", "f.x"), load(t, jid, `{"fun": "f.x", "minions": ["m"]}`))
	r.redis.ScriptFlush(t.Context())
	if err := r.store.SaveMinions(t.Context(), "", jid, []string{"n"}); err != nil && !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("SaveMinions: %v", err)
	}
	if got := r.get("m:f.x"); got != jid {
		t.Errorf("pointer = %q, want %q", got, jid)
	}
}

func TestRedisAwayIsHeld(t *testing.T) {
	r := newRig(t)
	e := ret(jidAt(time.Minute), "m", "f.x")
	r.write(e)
	r.proc.Kill()
	if errs := r.store.Write(t.Context(), []job.Entry{e}); !errors.Is(errs[0], job.ErrUnavailable) {
		t.Errorf("error = %v, want ErrUnavailable", errs[0])
	}
	if err := r.store.Ping(t.Context()); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("Ping = %v, want ErrUnavailable", err)
	}
	r.proc.Restart()
	servers.Eventually(t, 5*time.Second, "the store finds the server again", func() bool {
		return r.store.Write(t.Context(), []job.Entry{e})[0] == nil
	})
	if got := r.get("m:f.x"); got != e.Return.JID {
		t.Errorf("pointer = %q after the restart", got)
	}
}

func TestOutOfMemoryIsHeld(t *testing.T) {
	r := newRig(t)
	r.write(ret(jidAt(time.Minute), "m", "f.x"))
	r.redis.ConfigSet(t.Context(), "maxmemory", "1")
	errs := r.store.Write(t.Context(), []job.Entry{ret(jidAt(0), "m", "f.x"), load(t, jidAt(0), `{"fun": "f.x"}`)})
	for i, err := range errs {
		if !errors.Is(err, job.ErrUnavailable) || !strings.Contains(err.Error(), "maxmemory") {
			t.Errorf("error %d = %v, want a hold that names maxmemory", i, err)
		}
	}
}

func TestScriptsFlushedAllTheTime(t *testing.T) {
	r := newRig(t)
	ctx, stop := context.WithCancel(t.Context())
	var flusher sync.WaitGroup
	flusher.Go(func() {
		for ctx.Err() == nil {
			r.redis.ScriptFlush(ctx)
		}
	})
	confirmed := map[string]bool{}
	for i := range 200 {
		jid := jidAt(time.Duration(i+1) * time.Second)
		errs := r.store.Write(t.Context(), []job.Entry{load(t, jid, `{"fun": "f.x"}`), ret(jid, "m", "f.x")})
		for k, err := range errs {
			if err != nil && !errors.Is(err, job.ErrUnavailable) {
				t.Fatalf("entry %d: %v", k, err)
			}
		}
		confirmed["load:"+jid], confirmed["ret:"+jid] = errs[0] == nil, errs[1] == nil
	}
	stop()
	flusher.Wait()
	for key, ok := range confirmed {
		if ok && r.redis.Exists(t.Context(), key).Val() != 1 {
			t.Errorf("%s was confirmed and is not there", key)
		}
	}
}

func TestAForeignKeyGetsNoExpiry(t *testing.T) {
	r := newRig(t)
	jid := jidAt(time.Minute)
	r.redis.Set(t.Context(), "ret:"+jid, "a string", 0)
	errs := r.store.Write(t.Context(), []job.Entry{ret(jid, "m", "f.x")})
	if errs[0] == nil {
		t.Fatal("a return was stored in a string")
	}
	if got := r.ttl("ret:" + jid); got != -1 {
		t.Errorf("TTL of a stranger's key = %v, want none", got)
	}
}

func TestADatabaseThatIsNotOpenToTheWorker(t *testing.T) {
	s := servers.RedisACL(t, []string{"worker on >secret ~* +@all -select"})
	store := storeOn(t, s.Process, func(c *Config) { c.Redis.Username, c.Redis.Password = "worker", "secret" })
	e := ret(jidAt(time.Minute), "m", "f.x")
	e.Return.DB = 3
	errs := store.Write(t.Context(), []job.Entry{e, ret(jidAt(time.Minute), "n", "f.x")})
	var rejection *job.Rejection
	if !errors.As(errs[0], &rejection) || rejection.Reason != job.ReasonRetKwargs || errs[1] != nil {
		t.Errorf("errors = %v, want ret_kwargs for the first alone", errs)
	}
}

func TestAMissingPermissionHolds(t *testing.T) {
	for _, command := range []string{"lpush", "set", "mget", "evalsha", "hset", "sadd", "time"} {
		t.Run(command, func(t *testing.T) {
			s := servers.RedisACL(t, []string{"worker on >secret ~* +@all -" + command})
			store := storeOn(t, s.Process, func(c *Config) { c.Redis.Username, c.Redis.Password = "worker", "secret" })
			err := store.Write(t.Context(), []job.Entry{ret(jidAt(time.Minute), "m", "f.x")})[0]
			if !errors.Is(err, job.ErrUnavailable) || !strings.Contains(err.Error(), "permission") {
				t.Errorf("error = %v, want a hold that names the permission", err)
			}
		})
	}
}
