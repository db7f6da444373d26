package servers

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// frozen tells whether no thread of a process runs any more. One that has ended counts.
func frozen(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return true
	}
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		// The state stands behind the name, which may hold anything.
		if state := stat[bytes.LastIndexByte(stat, ')')+2]; state != 'T' && state != 'Z' {
			return false
		}
	}
	return true
}
