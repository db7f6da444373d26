// Package acl holds docs/operations.md to its word: a worker with the permissions given there, and no others, does
// everything it can do today, on a real redis-server and a real NATS server.
package acl

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"returnd/test/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func operations(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// block is the first fenced block of docs/operations.md that holds a text.
func block(t *testing.T, holding string) string {
	t.Helper()
	for i, part := range strings.Split(operations(t), "\n```") {
		_, body, _ := strings.Cut(part, "\n")
		if i%2 == 1 && strings.Contains(body, holding) {
			return body
		}
	}
	t.Fatalf("docs/operations.md has no block with %q", holding)
	return ""
}

// setUser is the documented redis-cli command, as arguments.
func setUser(t *testing.T) []any {
	t.Helper()
	words := strings.Fields(strings.NewReplacer("\\\n", " ", "'", "").Replace(block(t, "ACL SETUSER")))
	args := make([]any, 0, len(words))
	for _, word := range words[slices.Index(words, "ACL"):] {
		args = append(args, word)
	}
	return args
}

// granted lists the commands that the documented user may give.
func granted(args []any) []string {
	var commands []string
	for _, arg := range args {
		if name, ok := strings.CutPrefix(arg.(string), "+"); ok {
			commands = append(commands, name)
		}
	}
	slices.Sort(commands)
	return commands
}

func redisWithUser(t *testing.T) (*servers.Process, *redis.Client, []any) {
	t.Helper()
	p := servers.Redis(t)
	admin := redis.NewClient(&redis.Options{Addr: p.Addr, DisableIdentity: true, Protocol: 2})
	t.Cleanup(func() { _ = admin.Close() })
	args := setUser(t)
	if err := admin.Do(t.Context(), args...).Err(); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return p, admin, args
}

func TestRedisUserMayDoWhatTheWorkerDoesAndNoMore(t *testing.T) {
	p, admin, args := redisWithUser(t)
	if err := admin.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	nats := servers.EmbeddedNATS(t)
	start := func(keep string) *servers.Process {
		return startWorker(t, nats.ClientURL(), "--redis.host", "127.0.0.1", "--redis.port", port(p.Addr), "--history.limit", "1",
			"--redis.username", "returnd", "--redis.password_file", passwordFile(t), "--keep_jobs_seconds", keep)
	}
	t.Cleanup(func() { refusedNothing(t, admin) }) // also where the worker waits in vain for a permission
	worker := start("86400")
	c := everything(t, connect(t, nats.ClientURL()), anyDatabase, func() {
		flushScripts(t, admin)
		foreignLoad(t, admin)
	})
	worker.Terminate()
	sweepAll(t, admin, storeAs(t, p.Addr, passwordFile(t)), 2) // database 1 was written to by ret_kwargs
	start("0")
	c.publishReturn("kept for ever", "web1", "test.ping", "")
	c.settled()

	for line := range strings.Lines(admin.ClientList(t.Context()).Val()) {
		if strings.Contains(line, "name=returnd") && !strings.Contains(line, "user=returnd") {
			t.Errorf("a connection of another user: %s", line)
		}
	}
	if diff := cmp.Diff(used(t, admin), granted(args)); diff != "" {
		t.Errorf("commands used (-) and granted (+):\n%s", diff)
	}
}

func refusedNothing(t *testing.T, admin *redis.Client) {
	t.Helper()
	if log := admin.Do(context.Background(), "ACL", "LOG").Val(); fmt.Sprint(log) != "[]" {
		t.Errorf("refused: %v", log)
	}
}

// flushScripts does to the server what a restart does: the worker has to load its scripts again.
func flushScripts(t *testing.T, admin *redis.Client) {
	t.Helper()
	if err := admin.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

// foreignLoad leaves what only a scan finds, of a job whose start only its TTL tells.
func foreignLoad(t *testing.T, admin *redis.Client) {
	t.Helper()
	if err := admin.Set(t.Context(), "load:of others", `{"jid": "of others", "fun": "test.ping"}`, time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
}

// mine are the commands by which the test itself looks at the server, and those that need no permission.
var mine = []string{"acl|log", "acl|setuser", "client|list", "config|resetstat", "hello", "script|flush"} // and info, which the worker asks too

// used lists the commands that the server has been given.
func used(t *testing.T, admin *redis.Client) []string {
	t.Helper()
	stats, err := admin.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	lines := bufio.NewScanner(strings.NewReader(stats))
	for lines.Scan() {
		name, _, found := strings.Cut(strings.TrimPrefix(lines.Text(), "cmdstat_"), ":calls=")
		if found && !slices.Contains(mine, name) {
			commands = append(commands, name)
		}
	}
	slices.Sort(commands)
	return commands
}

func TestRedisUserIsDeniedTheRest(t *testing.T) {
	p, _, _ := redisWithUser(t)
	worker := redis.NewClient(&redis.Options{Addr: p.Addr, Username: "returnd", Password: "PASSWORD", DisableIdentity: true})
	defer worker.Close()
	tests := map[string][]any{
		"a key of somebody else": {"set", "session", "x"},
		"the keyspace at once":   {"keys", "*"},
		"deleting":               {"del", "minions"},
		"flushing":               {"flushall"},
		"the configuration":      {"config", "get", "*"},
		"scripts of one's own":   {"eval", "return 1", 0},
		"other users":            {"acl", "list"},
		"listening in":           {"subscribe", "x"},
	}
	for name, command := range tests {
		t.Run(name, func(t *testing.T) {
			err := worker.Do(t.Context(), command...).Err()
			if err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
				t.Errorf("%v: got %v, want NOPERM", command, err)
			}
		})
	}
}

func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

func passwordFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte("PASSWORD\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
