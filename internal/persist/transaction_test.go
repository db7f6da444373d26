package persist

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

func TestParseReply(t *testing.T) {
	tests := map[string]struct {
		data string
		want any
	}{
		"number":            {":-7\r\n", int64(-7)},
		"status":            {"+OK\r\n", "OK"},
		"text":              {"$4\r\na\r\nb\r\n", "a\r\nb"},
		"empty text":        {"$0\r\n\r\n", ""},
		"error":             {"-OOM no\r\n", replyError("OOM no")},
		"nothing":           {"*0\r\n", []any{}},
		"lists":             {"*3\r\n:1\r\n*2\r\n:1\r\n$1\r\nx\r\n-OOM no\r\n", []any{int64(1), []any{int64(1), "x"}, replyError("OOM no")}},
		"nothing at all":    {"", nil},
		"no end of line":    {":1", nil},
		"no number":         {":x\r\n", nil},
		"too short a text":  {"$4\r\nab\r\n", nil},
		"too short a list":  {"*2\r\n:1\r\n", nil},
		"no such length":    {"$-2\r\n", nil},
		"longer than all":   {"$9223372036854775807\r\nab\r\n", nil},
		"no end of a text":  {"$2\r\nabcd", nil},
		"a list of no list": {"*-2\r\n", nil},
		"nil inside":        {"*4\r\n_\r\n$-1\r\n*-1\r\n:1\r\n", []any{nil, nil, nil, int64(1)}},
		"another kind":      {"%1\r\n:1\r\n:2\r\n", nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, rest, err := parseReply([]byte(tc.data))
			if (err != nil) != (tc.want == nil) || len(rest) > 0 {
				t.Fatalf("error = %v, rest %q", err, rest)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("reply (-want +got):\n%s", diff)
			}
		})
	}
}

// Replies of every kind inside of a transaction, and none of them taken for an answer to what comes behind it: OOM and
// NOPERM are errors that the library reads otherwise than others.
func TestTransactionsAnswerEachCommand(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.redis.Set(ctx, "text", "x", 0)
	c, err := r.store.target("", job.NoDB).connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	script := func(text string) *redis.Cmd { return redis.NewCmd(ctx, "eval", text, 0) }
	cmds := []redis.Cmder{
		redis.NewIntCmd(ctx, "hset", "hash", "a", "1", "b", "2"), redis.NewIntCmd(ctx, "hset", "text", "a", "1"),
		script("return redis.error_reply('OOM as if')"), script("return {1, 'two', {}}"),
		script("return redis.error_reply('NOPERM as if')"), script("return 5"),
	}
	p := r.store.pipes(c)
	before, after := redis.NewStatusCmd(ctx, "ping"), redis.NewIntCmd(ctx, "hlen", "hash")
	p.add(ctx, "", before)
	p.addTransaction(ctx, cmds)
	p.add(ctx, "", after)
	p.exec(ctx)

	got := []string{before.Val()}
	for _, cmd := range cmds {
		switch cmd := cmd.(type) {
		case *redis.IntCmd:
			got = append(got, fmt.Sprint(cmd.Val(), cmd.Err()))
		case *redis.Cmd:
			got = append(got, fmt.Sprint(cmd.Val(), cmd.Err()))
		}
	}
	got = append(got, fmt.Sprint(after.Val(), after.Err()))
	want := []string{
		"PONG", "2<nil>", "0WRONGTYPE Operation against a key holding the wrong kind of value", "<nil>OOM as if",
		"[1 two []]<nil>", "<nil>NOPERM as if", "5<nil>", "2<nil>",
	}
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], " ", "")
	}
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], " ", "")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// A command that the server does not even take in undoes the whole transaction: all of it says why.
func TestTransactionsAreRefusedWhole(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	c, err := r.store.target("", job.NoDB).connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cmds := []redis.Cmder{redis.NewIntCmd(ctx, "hset", "hash", "a", "1"), redis.NewCmd(ctx, "no such command")}
	p := r.store.pipes(c)
	p.addTransaction(ctx, cmds)
	after := redis.NewIntCmd(ctx, "exists", "hash")
	p.add(ctx, "", after)
	p.exec(ctx)
	for _, cmd := range cmds {
		if err := cmd.Err(); err == nil || !strings.Contains(err.Error(), "unknown command") {
			t.Errorf("%s: error = %v, want what the server refused", cmd.Name(), err)
		}
	}
	if after.Err() != nil || after.Val() != 0 {
		t.Errorf("EXISTS = %d, %v: want nothing written", after.Val(), after.Err())
	}
}

// The scripts do not see what a batch holds twice: the returns come behind them.
func TestARepeatWithinABatch(t *testing.T) {
	now := time.Now()
	jid, newer := job.FormatJID(now.Add(-time.Minute)), job.FormatJID(now)
	custom := ret("custom", "m", "f.x")
	later := retBody("custom", "m", "f.x", `{"later": true}`)
	later.Published = now.Add(time.Hour)
	tests := map[string]struct {
		batch []job.Entry
		want  []string
	}{
		"twice":                  {[]job.Entry{ret(jid, "m", "f.x"), ret(jid, "m", "f.x")}, []string{jid + "\tf.x"}},
		"below a newer pointer":  {[]job.Entry{ret(newer, "m", "f.x"), ret(jid, "m", "f.x"), ret(jid, "m", "f.x"), ret(jid, "m", "f.x")}, []string{jid + "\tf.x", newer + "\tf.x"}},
		"another function":       {[]job.Entry{ret(newer, "m", "f.x"), ret(jid, "m", "f.x"), ret(jid, "m", "f.y")}, []string{jid + "\tf.y", newer + "\tf.x"}},
		"published at two hours": {[]job.Entry{custom, later}, []string{"custom\tf.x"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.write(tc.batch...)
			last := tc.batch[len(tc.batch)-1]
			if got := r.redis.HGet(t.Context(), "ret:"+last.Return.JID, "m").Val(); got != string(last.Return.Body) {
				t.Errorf("return = %s, want the last one: %s", got, last.Return.Body)
			}
			if got := r.list("m"); !slices.Equal(got, tc.want) {
				t.Errorf("history = %q, want %q", got, tc.want)
			}
		})
	}
}

// The earlier one of two returns goes into a group that is full; the later one must not go into one before it.
func TestARepeatIsWrittenAfterTheFirst(t *testing.T) {
	for _, kind := range []string{"one server", "cluster"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t)
			store, hash := r.store, r.redis.HGet
			if kind == "cluster" {
				s, look := clusterRig(t, servers.Cluster(t, 3, 0))
				store, hash = s, look.HGet
			}
			jid := jidAt(time.Minute)
			var batch []job.Entry
			for i := range 2*returnsPerGroup + 10 {
				e := ret(jid, fmt.Sprintf("m%d", i), "f.x")
				batch = append(batch, e)
				if i%100 == 0 || i == 2*returnsPerGroup+9 {
					batch = append(batch, retBody(jid, e.Return.Minion, "f.x", `{"second": true}`))
				}
			}
			for _, err := range store.Write(t.Context(), batch) {
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, i := range []int{0, 100, 500, 2*returnsPerGroup + 9} {
				if got := hash(t.Context(), "ret:"+jid, fmt.Sprintf("m%d", i)).Val(); got != `{"second": true}` {
					t.Errorf("return of m%d = %s, want the second", i, got)
				}
			}
		})
	}
}

// Where the pointer proves nothing, the returns do: a job is put into a history once, whatever is lost.
func TestHistoriesHoldAJobOnceWithoutPointers(t *testing.T) {
	r := newRig(t)
	newer, e := ret(jidAt(0), "m", "f.x"), ret(jidAt(time.Minute), "m", "f.x")
	r.write(newer)
	r.write(e)
	r.write(e)
	r.redis.LRem(t.Context(), "returnd/history:m", 0, e.Return.JID+"\tf.x") // as if it had been cut off before the script ran
	r.write(e)
	if got, want := r.list("m"), []string{e.Return.JID + "\tf.x", newer.Return.JID + "\tf.x"}; !slices.Equal(got, want) {
		t.Errorf("history = %q, want %q", got, want)
	}
}

// A stranger's key in the place of the returns: what cannot be stored is not noted either, and nothing else suffers from it.
func TestHistoriesBesideAForeignKey(t *testing.T) {
	r := newRig(t)
	newer, foreign, e := ret(jidAt(0), "m", "f.x"), ret(jidAt(2*time.Minute), "m", "f.x"), ret(jidAt(time.Minute), "m", "f.x")
	r.redis.Set(t.Context(), "ret:"+foreign.Return.JID, "a string", 0)
	r.write(newer)
	for range 2 {
		errs := r.store.Write(t.Context(), []job.Entry{foreign, e})
		if !isWrongType(errs[0]) || errs[1] != nil {
			t.Errorf("errors = %v, want wrong_type for the first alone", errs)
		}
	}
	want := []string{e.Return.JID + "\tf.x", newer.Return.JID + "\tf.x"}
	if got := r.list("m"); !slices.Equal(got, want) {
		t.Errorf("history = %q, want what is stored, once: %q", got, want)
	}
}
