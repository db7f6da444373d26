//go:build unix && !linux

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// endSignal asks a child to end in good order.
const endSignal = syscall.SIGTERM

// startChild starts a process in a group of its own, and calls exited once it has ended. Only Linux can tie its life to
// ours: elsewhere, a killed worker leaves it behind, and the lock on the data folder tells.
func startChild(cmd *exec.Cmd, exited func(error)) (*os.Process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { exited(cmd.Wait()) }()
	return cmd.Process, nil
}
