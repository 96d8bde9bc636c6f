//go:build !unix

package driver

import (
	"io"
	"os"
	"os/exec"
)

func group(*exec.Cmd) {}

func kill(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = cmd.Process.Kill()
	}
}

func waiting(*os.File, io.Writer) {}
