package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mockauth/mockauth/conformance"
)

// file is one report.
type file struct {
	name  string
	write func(io.Writer, *conformance.Result) error
}

// files are all that stand in a folder of reports.
func files() []file {
	return []file{
		{"report.html", writeHTML},
		{"junit.xml", writeJUnit},
		{"results.json", writeResult},
		{"conform.sarif", writeSARIF},
	}
}

// Write writes report.html, junit.xml, results.json and conform.sarif into dir,
// which is made if it is missing, and returns their paths. Each file is there
// whole or as it was before: a reader never sees half of one.
func Write(dir string, r *conformance.Result) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a CI server reads reports as another user
		return nil, fmt.Errorf("the folder for the reports cannot be made: %w", err)
	}
	r = legal(r)
	var paths []string
	for _, f := range files() {
		var b bytes.Buffer
		if err := f.write(&b, r); err != nil {
			return paths, err
		}
		path := filepath.Join(dir, f.name)
		if err := replace(path, b.Bytes()); err != nil {
			return paths, fmt.Errorf("%s cannot be written: %w", path, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// Writable makes dir and finds out whether Write can write there, so that this
// is known before a run and not after it. What is there stays as it is.
func Writable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a CI server reads reports as another user
		return fmt.Errorf("the folder for the reports cannot be made: %w", err)
	}
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return fmt.Errorf("nothing can be written into the folder for the reports: %w", err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return fmt.Errorf("nothing can be written into the folder for the reports: %w", err)
	}
	for _, f := range files() {
		path := filepath.Join(dir, f.name)
		if info, err := os.Lstat(path); err == nil && info.IsDir() {
			return fmt.Errorf("%s is a folder, and a report is to stand there: name another folder", path)
		}
	}
	return nil
}

// replace writes a file beside its place and then moves it there.
func replace(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil { //nolint:gosec // a CI server reads reports as another user
		return err
	}
	return os.Rename(f.Name(), path)
}
