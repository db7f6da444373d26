package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/spf13/pflag"

	"returnd/internal/cfg"
	"returnd/internal/persist"
)

// embeddedOptions say how a worker brings its own servers along.
type embeddedOptions struct {
	data   string
	memory bool
}

// addFlags takes what --data is by default, in words.
func (o *embeddedOptions) addFlags(f *pflag.FlagSet, folder string) {
	f.StringVar(&o.data, "data", "", "folder of the embedded servers' data (default: "+folder+")")
	f.BoolVar(&o.memory, "memory-redis", false, "take the in-process Redis even where there is a redis-server; it forgets everything at the end")
}

// folder is where the data lies by the rules of XDG, unless --data says otherwise.
func (o *embeddedOptions) folder() (string, error) {
	if o.data != "" {
		return filepath.Abs(o.data)
	}
	if base := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "returnd"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for the data: %w; name one with --data", err)
	}
	return filepath.Join(home, ".local", "share", "returnd"), nil
}

// embedded is a NATS server and a Redis that live and end with the worker.
type embedded struct {
	lock  *os.File
	nats  *server.Server
	redis redisPart
	url   string
	// moved: the NATS server listens elsewhere than clients look by default.
	moved bool
}

// redisPart is a Redis of our own, be it a process or a part of this one.
type redisPart struct {
	// name and cli are for people: what it is, and how redis-cli reaches it.
	name, cli string
	// forgets tells that its data ends with it.
	forgets bool
	// apply points the store at it.
	apply func(*persist.Redis)
	run   func(context.Context) error
	// close ends it, and does nothing where it has ended.
	close func()
}

// startEmbedded starts the servers in the data folder and points the configuration at them.
func startEmbedded(ctx context.Context, c *cfg.Config, o embeddedOptions, log *slog.Logger) (_ *embedded, err error) {
	if err := checkEmbeddable(*c); err != nil {
		return nil, usage(err)
	}
	e := &embedded{}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.lock, err = lockFolder(ctx, o.data); err != nil {
		return nil, err
	}
	if err = e.startNATS(c, filepath.Join(o.data, "nats"), log); err != nil {
		return nil, err
	}
	// Before the redis-server makes its first file: should we be killed in between, the mark is there.
	if redisEmpty(o.data) {
		if err = markReplay(o.data); err != nil {
			return nil, err
		}
	}
	if e.redis, err = startRedis(ctx, o, e.lock, log); err != nil {
		return nil, err
	}
	e.redis.apply(&c.Persist.Redis)
	return e, e.replay(ctx, c, o.data)
}

// checkEmbeddable refuses settings that name a Redis: to pass over them in silence would keep the returns where their
// owner does not look for them. nats.url may be set: that is where the embedded server listens then.
func checkEmbeddable(c cfg.Config) error {
	r, d := c.Persist.Redis, persist.DefaultConfig().Redis
	var given []string
	for _, option := range []struct {
		name string
		set  bool
	}{
		{"redis.url", r.URL != d.URL},
		{"redis.host", r.Host != d.Host},
		{"redis.port", r.Port != d.Port},
		{"redis.unix_socket_path", r.UnixSocketPath != d.UnixSocketPath},
		{"redis.username", r.Username != d.Username},
		{"redis.password", r.Password != d.Password || r.PasswordFile != d.PasswordFile},
		{"redis.mode", r.Mode != d.Mode || r.ClusterMode != d.ClusterMode},
		{"redis.cluster", !reflect.DeepEqual(r.Cluster, d.Cluster)},
		{"redis.sentinel", !reflect.DeepEqual(r.Sentinel, d.Sentinel)},
		{"redis.tls", !reflect.DeepEqual(r.TLS, d.TLS)},
		{"profiles", len(c.Persist.Profiles) > 0},
	} {
		if option.set {
			given = append(given, option.name)
		}
	}
	if len(given) == 0 {
		return nil
	}
	return fmt.Errorf("the embedded mode brings its own Redis, but the configuration names one (%s): leave that out, or start `worker run` without --embedded",
		strings.Join(given, ", "))
}

// replayMarker says that Redis may lack returns which the consumer has settled. It outlives the run: after one with the
// in-process Redis, the redis-server lacks that run's returns.
func replayMarker(folder string) string { return filepath.Join(folder, "replay") }

func markReplay(folder string) error {
	err := os.WriteFile(replayMarker(folder), []byte("The next start reads the stream from its beginning.\n"), 0o600)
	if err != nil {
		return fmt.Errorf("mark the data folder: %w", err)
	}
	return nil
}

// replay makes the consumer begin the stream anew where the folder is marked.
func (e *embedded) replay(ctx context.Context, c *cfg.Config, folder string) error {
	if e.redis.forgets {
		if err := markReplay(folder); err != nil {
			return err
		}
	}
	if _, err := os.Stat(replayMarker(folder)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := e.rewind(ctx, c.Stream.Name, c.Consume.Durable); err != nil {
		return fmt.Errorf("have the stream read from its beginning: %w", err)
	}
	if e.redis.forgets {
		return nil
	}
	return os.Remove(replayMarker(folder))
}

// stages end after the worker's clients: Redis, which was written to, before NATS, which could deliver again.
func (e *embedded) stages() []stage {
	return []stage{{"redis", redisStopLimit + 100*time.Millisecond, e.redis.run}, {"nats-server", time.Second, e.runNATS}}
}

// close ends what is running still; after a run of the stages that is nothing but the lock.
func (e *embedded) close() {
	if e.redis.close != nil {
		e.redis.close()
	}
	if e.nats != nil {
		e.nats.Shutdown()
		e.nats.WaitForShutdown()
	}
	if e.lock != nil {
		_ = e.lock.Close() // which unlocks; the data was written by others
	}
}

// command is what to type to reach this worker from another terminal.
func (e *embedded) command(arguments string) string {
	command := program() + " " + arguments
	if e.moved {
		command += " --nats.url " + e.url
	}
	return command
}

// program is this program as it was called; what `go run` builds has a path that nobody can type.
func program() string {
	name := os.Args[0]
	if strings.Contains(name, string(filepath.Separator)+"go-build") {
		return "go run ./cmd/worker"
	}
	if strings.ContainsAny(name, " \t'\"\\$&;()") {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
