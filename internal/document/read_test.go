package document

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

func TestAFileWithoutEndIsRefused(t *testing.T) {
	if _, err := os.Stat("/dev/zero"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("this system has no /dev/zero")
	}
	if data, err := ReadFile("/dev/zero"); err == nil {
		t.Errorf("%d bytes were read", len(data))
	}
}
