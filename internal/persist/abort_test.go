package persist

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"returnd/internal/job"
	"returnd/test/servers"
)

// The server takes all commands in and refuses EXEC: its memory is full by then, or it has become a replica. What it
// says then begins with EXECABORT, and is no return's fault.
func TestWhatAbortsATransactionIsHeld(t *testing.T) {
	for _, reply := range []string{
		"EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.",
		"EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica.",
		"EXECABORT Transaction discarded because of: MISCONF Redis is configured to save RDB snapshots, ...",
		"EXECABORT Transaction discarded because of: NOPERM this user has no permissions to run the 'exec' command",
		"EXECABORT Transaction discarded because of previous errors.",
	} {
		if err := confirmed(replyError(reply), "ret:x"); !errors.Is(err, job.ErrUnavailable) {
			t.Errorf("%s: %v, want it held", reply, err)
		}
	}
}

// Something happens to the server between the commands of a transaction and its EXEC: the whole is refused, and held.
func TestATransactionThatIsRefusedAtItsEndIsHeld(t *testing.T) {
	tests := map[string]struct {
		args []any
		want string
	}{
		"memory full": {[]any{"config", "set", "maxmemory", "1"}, "maxmemory"},
		"a replica":   {[]any{"replicaof", "127.0.0.1", "1"}, "read-only replica"},
		"no replica":  {[]any{"config", "set", "min-replicas-to-write", "1"}, "replicas"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			ctx := t.Context()
			c, err := r.store.target("", job.NoDB).connect(ctx)
			if err != nil {
				t.Fatal(err)
			}
			cmds := []redis.Cmder{redis.NewIntCmd(ctx, "hset", "h", "k", "v"), redis.NewCmd(ctx, "get", "k")}
			p := r.store.pipes(c)
			p.addTransaction(ctx, cmds)
			n := p.nodes[0]
			conn := n.server.Conn()
			defer conn.Close()
			send := func(cmds ...redis.Cmder) {
				pipe := conn.Pipeline()
				_ = pipe.BatchProcess(ctx, cmds...)
				_, _ = pipe.Exec(ctx)
			}
			end := len(n.cmds) - 1
			send(n.cmds[:end]...)
			if err := r.redis.Do(ctx, tc.args...).Err(); err != nil {
				t.Fatal(err)
			}
			send(n.cmds[end])
			n.transactions[0].settle()
			for _, cmd := range cmds {
				if err := confirmed(cmd.Err(), "ret:x"); !errors.Is(err, job.ErrUnavailable) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%s: %v, want a hold that says %q", cmd.Name(), err, tc.want)
				}
			}
		})
	}
}

// Where the server refuses MULTI or EXEC themselves, the error names them.
func TestTransactionsThatAreNotPermitted(t *testing.T) {
	for _, command := range []string{"multi", "exec"} {
		t.Run(command+" not permitted", func(t *testing.T) {
			s := servers.RedisACL(t, []string{"worker on >secret ~* +@all -" + command})
			store := storeOn(t, s.Process, func(c *Config) { c.Redis.Username, c.Redis.Password = "worker", "secret" })
			for range 2 {
				err := store.Write(t.Context(), []job.Entry{ret(jidAt(time.Minute), "m", "f.x")})[0]
				if !errors.Is(err, job.ErrUnavailable) || !strings.Contains(err.Error(), "permission") {
					t.Errorf("error = %v, want a hold that names the permission", err)
				}
			}
		})
		t.Run(command+" renamed", func(t *testing.T) {
			store := storeOn(t, servers.Redis(t, "--rename-command", command, ""))
			err := store.Write(t.Context(), []job.Entry{ret(jidAt(time.Minute), "m", "f.x")})[0]
			if !errors.Is(err, job.ErrUnavailable) || !strings.Contains(err.Error(), "renamed") {
				t.Errorf("error = %v, want a hold that tells of renamed commands", err)
			}
		})
	}
}
