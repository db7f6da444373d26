//go:build !linux

package servers

import "syscall"

// supervise starts the process, reports how that went, and reaps it. Only
// t.Cleanup ends it here: other systems have no parent-death signal.
func supervise(r *run, started chan<- error) {
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	reap(r, started)
}
