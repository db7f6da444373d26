package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// watchMemory samples how much a process has in memory until the growth is asked for.
func watchMemory(t *testing.T, pid int) (grown func() int) {
	t.Helper()
	before := resident(t, pid)
	done, most := make(chan struct{}), make(chan int)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		highest := before
		for {
			select {
			case <-tick.C:
				highest = max(highest, resident(t, pid))
			case <-done:
				most <- highest
				return
			}
		}
	}()
	return func() int {
		close(done)
		return <-most - before
	}
}

// resident is VmRSS of /proc/<pid>/status in bytes; 0 where the process is gone.
func resident(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Errorf("VmRSS is %q", fields[0])
	}
	return kilobytes << 10
}
