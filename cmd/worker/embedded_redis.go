package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"returnd/internal/persist"
)

const (
	// redisStartLimit allows for a large append-only file to be read.
	redisStartLimit = 2 * time.Minute
	redisPoll       = 5 * time.Millisecond
	// redisStopLimit is plenty: with the append-only file there is nothing to save but the last second. Behind it, it is killed.
	redisStopLimit = 1400 * time.Millisecond
	// socketLimit is what the kernel takes as the path of a socket, on every Unix.
	socketLimit = 100
)

// startRedis takes the redis-server of this machine, or else the in-process one.
func startRedis(ctx context.Context, o embeddedOptions, lock *os.File, log *slog.Logger) (redisPart, error) {
	if o.memory {
		return startMemoryRedis("--memory-redis", log)
	}
	path, version, err := findRedis(ctx)
	if err != nil {
		return startMemoryRedis(err.Error(), log)
	}
	child, err := startRedisChild(ctx, path, redisFolder(o.data), lock)
	if err != nil {
		return redisPart{}, err
	}
	return redisPart{
		name: version + ", " + child.socket, cli: "redis-cli -s " + child.socket,
		apply: func(r *persist.Redis) { r.UnixSocketPath = child.socket },
		run:   child.run, close: child.close,
	}, nil
}

func redisFolder(data string) string { return filepath.Join(data, "redis") }

// redisEmpty tells that no redis-server has written anything in the data folder yet.
func redisEmpty(data string) bool {
	_, err := os.Stat(filepath.Join(redisFolder(data), "appendonlydir"))
	return errors.Is(err, os.ErrNotExist)
}

// versionText is in the first line of --version: "Redis server v=7.0.15 sha=…", "Valkey server v=8.0.1 …".
var versionText = regexp.MustCompile(`v=((\d+)\.\d+\.\d+)`)

// findRedis finds a server on the PATH that is new enough: 7.0 is the first with EXPIREAT … LT.
func findRedis(ctx context.Context) (path, version string, err error) {
	reason := errors.New("no redis-server on the PATH")
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err = exec.LookPath(name); err != nil {
			continue
		}
		text, err := exec.CommandContext(ctx, path, "--version").Output()
		found := versionText.FindSubmatch(text)
		if err != nil || found == nil {
			reason = fmt.Errorf("%s does not tell its version", path)
			continue
		}
		if major, _ := strconv.Atoi(string(found[2])); major < 7 {
			reason = fmt.Errorf("%s is %s, and 7.0 is the oldest that will do", path, found[1])
			continue
		}
		return path, name + " " + string(found[1]), nil
	}
	return "", "", reason
}

// redisChild is a redis-server that keeps its data in the data folder and ends with this process.
type redisChild struct {
	folder string
	socket string
	// scratch holds the socket where the folder's own path is too long for one; else it is empty.
	scratch string
	process *os.Process
	// ended is closed after the process, and died says how it ended.
	ended chan struct{}
	died  error
}

func startRedisChild(ctx context.Context, path, folder string, lock *os.File) (_ *redisChild, err error) {
	r := &redisChild{folder: folder, ended: make(chan struct{})}
	if err := r.prepare(); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", folder, err)
	}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.process, err = startChild(r.command(path, lock), r.exited); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return r, r.await(ctx)
}

func (r *redisChild) prepare() (err error) {
	if err := os.MkdirAll(r.folder, 0o700); err != nil {
		return err
	}
	r.socket = filepath.Join(r.folder, "redis.sock")
	if len(r.socket) > socketLimit {
		r.scratch, err = os.MkdirTemp("", "returnd-")
		r.socket = filepath.Join(r.scratch, "redis.sock")
		return err
	}
	return nil
}

// command listens on a socket alone: no port to be taken, and nobody else on the machine may connect.
// The lock's file is handed down, so that no second server starts on the same files while this one is still ending.
func (r *redisChild) command(path string, lock *os.File) *exec.Cmd {
	cmd := exec.Command(path,
		"--port", "0", "--unixsocket", r.socket, "--unixsocketperm", "700",
		"--dir", r.folder, "--logfile", "redis.log",
		"--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
		"--maxmemory-policy", "noeviction")
	cmd.ExtraFiles = []*os.File{lock}
	return cmd
}

func (r *redisChild) exited(err error) {
	r.died = err
	close(r.ended)
}

// await waits until the server answers: it says LOADING while it reads its file.
func (r *redisChild) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisStartLimit)
	defer cancel()
	tick := time.NewTicker(redisPoll)
	defer tick.Stop()
	for !r.answers() {
		select {
		case <-tick.C:
		case <-r.ended:
			return r.death()
		case <-ctx.Done():
			return fmt.Errorf("redis-server did not answer in time: see %s", filepath.Join(r.folder, "redis.log"))
		}
	}
	return nil
}

func (r *redisChild) answers() bool {
	conn, err := net.Dial("unix", r.socket)
	if err != nil {
		return false
	}
	defer conn.Close()
	reply := make([]byte, 64)
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	n, err := conn.Read(reply)
	return err == nil && bytes.HasPrefix(reply[:n], []byte("+PONG"))
}

// death is the sentence for a server that ended without being told to.
func (r *redisChild) death() error {
	how := "with exit code 0"
	if r.died != nil {
		how = r.died.Error()
	}
	return fmt.Errorf("redis-server (pid %d) ended: %s; see %s, then start again: its data is on disk, and what comes meanwhile waits in the stream",
		r.process.Pid, how, filepath.Join(r.folder, "redis.log"))
}

// run watches the server, which was started already, and ends it with ctx.
func (r *redisChild) run(ctx context.Context) error {
	select {
	case <-r.ended:
		return r.death()
	case <-ctx.Done():
		r.close()
		return nil
	}
}

func (r *redisChild) close() {
	if r.process != nil {
		r.end()
	}
	if r.scratch != "" {
		_ = os.RemoveAll(r.scratch) // a socket that nobody listens on
	}
}

func (r *redisChild) end() {
	_ = r.process.Signal(endSignal) // fails only if it has ended
	timer := time.NewTimer(redisStopLimit)
	defer timer.Stop()
	select {
	case <-r.ended:
	case <-timer.C:
		_ = r.process.Kill()
		<-r.ended
	}
}
