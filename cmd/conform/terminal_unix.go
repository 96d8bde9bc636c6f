//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// windowSize asks the terminal; what is none has no size to tell.
func windowSize(f *os.File) (width, height int, terminal bool) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0, false
	}
	return int(size.Col), int(size.Row), true
}
