//go:build unix

package driver

import (
	"io"
	"os"
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

// waiting reads what is in a pipe at this moment, and waits for nothing. A pipe
// holds 1 MiB at most; more than that is a flood.
func waiting(r *os.File, to io.Writer) {
	c, err := r.SyscallConn()
	if err != nil {
		return
	}
	b := make([]byte, 64<<10)
	_ = c.Read(func(fd uintptr) bool {
		for range 16 {
			n, err := syscall.Read(int(fd), b)
			if err != nil || n <= 0 {
				break
			}
			_, _ = to.Write(b[:n])
		}
		return true
	})
}
