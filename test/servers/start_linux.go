package servers

import (
	"runtime"
	"syscall"
)

// supervise starts the process, reports how that went, and reaps it.
//
// The kernel kills the child when the thread that started it ends, which is
// how no server outlives a test binary that is killed or panics. It is the
// thread and not the process that counts: so this goroutine stays locked to
// its thread for as long as the child lives.
func supervise(r *run, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	reap(r, started)
}
