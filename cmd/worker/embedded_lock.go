//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// lockPatience outlasts the redis-server of a worker that was killed: it holds the lock until its file is written.
	lockPatience = time.Second
	lockPoll     = 20 * time.Millisecond
)

// lockFolder makes the folder and keeps others out of it for as long as the file, or a child's copy of it, is open.
func lockFolder(ctx context.Context, folder string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the data folder's lock: %w", err)
	}
	if err := lockFile(ctx, file); err != nil {
		owner, _ := os.ReadFile(file.Name())
		_ = file.Close()
		return nil, fmt.Errorf("the data folder %s is in use by another worker (pid %s) or its redis-server: end it, or take another folder with --data",
			folder, strings.TrimSpace(string(owner)))
	}
	// Only people read the number: a failure to write it is no reason to stop.
	_ = file.Truncate(0)
	_, _ = fmt.Fprintf(file, "%d\n", os.Getpid())
	return file, nil
}

func lockFile(ctx context.Context, file *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
