//go:build unix

package conformance

import (
	"errors"
	"os"
	"syscall"
)

// lockFile keeps a ledger for this process until the file is closed, or the
// process is gone.
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLedgerInUse
	}
	return nil // a file system without locks: as elsewhere
}
