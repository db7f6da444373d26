package persist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"
)

// Whatever stands in the place of EXEC's reply: nothing panics, and a command is either answered by its own member of
// the list or has an error.
func FuzzTransactionReply(f *testing.F) {
	for _, reply := range []string{
		"*2\r\n:3\r\n*0\r\n", "*2\r\n:3\r\n*2\r\n:1\r\n$5\r\nWRONG\r\n", "*2\r\n-OOM no\r\n-NOPERM no\r\n", "*1\r\n:3\r\n", "*3\r\n:1\r\n:1\r\n:1\r\n",
		"*2\r\n_\r\n_\r\n", "*2\r\n$-1\r\n*-1\r\n", "*-1\r\n", "_\r\n", "-EXECABORT no\r\n", "!5\r\nOOM x\r\n", "*2\r\n!5\r\nOOM x\r\n:1\r\n",
		"*2\r\n#t\r\n,1.5\r\n", "*2\r\n%1\r\n:1\r\n:2\r\n:3\r\n", "*2\r\n=7\r\ntxt:abc\r\n:1\r\n", "~2\r\n:1\r\n:1\r\n", "|1\r\n+a\r\n+b\r\n*2\r\n:1\r\n:1\r\n",
		"+QUEUED\r\n", "*2\r\n+QUEUED\r\n+QUEUED\r\n", "$9223372036854775807\r\n", "*9223372036854775807\r\n", "*2\r\n:1\r\n:1\r\n:1\r\n", "",
	} {
		f.Add([]byte(reply))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		set, script := redis.NewIntCmd(t.Context(), "hset"), redis.NewCmd(t.Context(), "evalsha")
		settleWith(t.Context(), reply, set, script)
		value, rest, err := parseReply(reply)
		members, _ := value.([]any)
		if err != nil || len(rest) > 0 || len(members) != 2 {
			if set.Err() == nil || script.Err() == nil {
				t.Fatalf("confirmed by %q", reply)
			}
			return
		}
		if n, ok := members[0].(int64); (set.Err() == nil) != ok || set.Val() != n {
			t.Errorf("the number is %d, %v after %q", set.Val(), set.Err(), reply)
		}
		if _, failed := members[1].(replyError); (script.Err() == nil) != (!failed && members[1] != nil) {
			t.Errorf("the script's error is %v after %q", script.Err(), reply)
		}
		if script.Err() == nil && !cmp.Equal(script.Val(), members[1]) {
			t.Errorf("the script's answer is %v after %q", script.Val(), reply)
		}
	})
}

// settleWith is a transaction that was taken in, and ended with a reply.
func settleWith(ctx context.Context, reply []byte, cmds ...redis.Cmder) {
	t := transaction{cmds: cmds, exec: redis.NewRawCmd(ctx, "exec")}
	for range 1 + len(cmds) {
		queued := redis.NewRawCmd(ctx)
		queued.SetVal([]byte("+QUEUED\r\n"))
		t.sent = append(t.sent, queued)
	}
	t.exec.SetVal(reply)
	t.settle()
}

// What a server writes is read as it was meant, up to its end and no further; and nothing of it is confirmed by less.
func TestRepliesAreReadWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := replies(3).Draw(t, "value")
		data := encodeReply(nil, want)
		behind := rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "behind")
		got, rest, err := parseReply(append(bytes.Clone(data), behind...))
		if err != nil || !bytes.Equal(rest, behind) || !cmp.Equal(got, want) {
			t.Fatalf("%q is read as %v, %q, %v", data, got, rest, err)
		}
		if _, _, err := parseReply(data[:rapid.IntRange(0, len(data)-1).Draw(t, "cut")]); err == nil {
			t.Fatalf("a part of %q is read without an error", data)
		}
	})
}

func replies(depth int) *rapid.Generator[any] {
	line := rapid.StringMatching(`[A-Z ]{0,8}`)
	kinds := []*rapid.Generator[any]{
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(line, func(s string) any { return replyError(s) }),
		rapid.Just[any](nil),
	}
	if depth > 0 {
		kinds = append(kinds, rapid.Map(rapid.SliceOfN(replies(depth-1), 0, 4), func(l []any) any { return l }))
	}
	return rapid.OneOf(kinds...)
}

func encodeReply(data []byte, value any) []byte {
	switch v := value.(type) {
	case int64:
		return fmt.Appendf(data, ":%d\r\n", v)
	case string:
		return fmt.Appendf(data, "$%d\r\n%s\r\n", len(v), v)
	case replyError:
		return fmt.Appendf(data, "-%s\r\n", string(v))
	case []any:
		data = fmt.Appendf(data, "*%d\r\n", len(v))
		for _, member := range v {
			data = encodeReply(data, member)
		}
		return data
	}
	return append(data, "_\r\n"...)
}

// The connection breaks somewhere: what was answered before counts, and nothing else.
func TestATransactionThatBreaksOff(t *testing.T) {
	broken := errors.New("EOF")
	for name, tc := range map[string]struct {
		exec string
		want bool
	}{
		"before EXEC's reply": {"", false}, "within it": {"*1\r\n:", false}, "behind it": {"*1\r\n:1\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := redis.NewIntCmd(t.Context(), "hset")
			tx := transaction{cmds: []redis.Cmder{cmd}, exec: redis.NewRawCmd(t.Context(), "exec")}
			tx.exec.SetVal([]byte(tc.exec))
			tx.exec.SetErr(broken)
			tx.settle()
			if tc.want != (cmd.Err() == nil) || !tc.want && !errors.Is(cmd.Err(), broken) {
				t.Errorf("error = %v", cmd.Err())
			}
		})
	}
}
