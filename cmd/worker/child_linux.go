package main

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// endSignal asks a child to end in good order.
const endSignal = syscall.SIGTERM

// startChild starts a process that ends when this one does, however that comes about, and calls exited once it has.
// It gets a process group of its own: Ctrl-C at the terminal is for the worker, which ends its child last.
func startChild(cmd *exec.Cmd, exited func(error)) (*os.Process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: endSignal}
	started := make(chan error, 1)
	go func() {
		// The kernel sends the death signal when the starting thread ends, not the process: the thread must stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			exited(cmd.Wait())
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return cmd.Process, nil
}
