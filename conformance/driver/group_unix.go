//go:build unix

package driver

import (
	"os/exec"
	"syscall"
)

// group puts a process into a group of its own, so that what it starts ends
// with it, and so that Ctrl-C reaches the runner alone.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

func kill(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
