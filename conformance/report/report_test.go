package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/mockauth/mockauth/conformance"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// writers are all that write a whole result, by the name of the golden file.
var writers = map[string]func(io.Writer, *conformance.Result) error{
	"report.html":   HTML,
	"junit.xml":     JUnit,
	"results.json":  JSON,
	"conform.sarif": SARIF,
	"github.txt":    GitHub,
	"summary.md":    Summary,
	"terminal.txt":  func(w io.Writer, r *conformance.Result) error { return Terminal(w, r, Style{}) },
	"terminal.ansi": func(w io.Writer, r *conformance.Result) error {
		return Terminal(w, r, Style{Colour: true, Width: 80})
	},
	"progress.txt":  func(w io.Writer, r *conformance.Result) error { return progress(w, r, Style{}) },
	"progress.ansi": func(w io.Writer, r *conformance.Result) error { return progress(w, r, Style{Colour: true, Live: true}) },
	"verbose.txt": func(w io.Writer, r *conformance.Result) error {
		for _, v := range r.Verdicts {
			if err := Verbose(w, v); err != nil {
				return err
			}
		}
		return nil
	},
	"text.txt": func(w io.Writer, r *conformance.Result) error {
		for _, v := range r.Verdicts {
			if _, err := io.WriteString(w, v.ID[:4]+": "+Line(v)+"\n"+Text(v)+"\n\n"); err != nil {
				return err
			}
		}
		return nil
	},
}

// tester is testing.T, or that of rapid.
type tester interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func progress(w io.Writer, r *conformance.Result, s Style) error {
	p := NewProgress(w, s)
	p.Start(r, len(r.Verdicts))
	for _, v := range r.Verdicts {
		p.Verdict(v)
	}
	p.Done()
	return nil
}

func write(t tester, to func(io.Writer, *conformance.Result) error, r *conformance.Result) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := to(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEachReportIsAsTheGoldenFiles(t *testing.T) {
	results := map[string]*conformance.Result{"sample": sample(), "good": good(12), "nothing": head()}
	for name, r := range results {
		for file, to := range writers {
			t.Run(name+"/"+file, func(t *testing.T) {
				got := write(t, to, r)
				golden := filepath.Join("testdata", name, file)
				if *update {
					if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(golden, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("go test ./conformance/report -update rewrites %s. It says\n%s\nwant\n%s", golden, got, want)
				}
			})
		}
	}
}

func TestNoWriterChangesTheResult(t *testing.T) {
	for name, to := range writers {
		r := sample()
		before := write(t, JSON, r)
		first := write(t, to, r)
		if !bytes.Equal(before, write(t, JSON, r)) {
			t.Errorf("%s changed the result", name)
		}
		if !bytes.Equal(first, write(t, to, r)) {
			t.Errorf("%s writes another thing the second time", name)
		}
	}
}

func TestATextNeverEscapesItsFormat(t *testing.T) {
	for name, to := range writers {
		got := write(t, to, sample())
		for _, bad := range []string{"\x00", "\u202e", "\ufffe", "\xff\xfe"} {
			if name != "results.json" && bytes.Contains(got, []byte(bad)) {
				t.Errorf("%s has %q in it", name, bad)
			}
		}
		if name != "terminal.ansi" && name != "progress.ansi" && bytes.Contains(got, []byte("\x1b")) {
			t.Errorf("%s has an escape of a terminal in it", name)
		}
	}
}

func TestAllReportsSayTheSame(t *testing.T) {
	r := sample()
	r.Verdicts = r.Verdicts[4:6]
	for _, words := range []string{"After logout the access token is refused.", "status: wanted 401, got 200", "specs/shop/openapi.yaml:233", "documented S1"} {
		for _, name := range []string{"junit.xml", "conform.sarif", "text.txt"} {
			if !bytes.Contains(write(t, writers[name], r), []byte(words)) {
				t.Errorf("%s does not say %q", name, words)
			}
		}
	}
}

func TestThreeHundredFailuresStayReadable(t *testing.T) {
	r := bad(300, 1500)
	limits := map[string]struct{ bytes, lines int }{
		"report.html":   {6 << 20, 1 << 20},
		"junit.xml":     {1 << 20, 1 << 20},
		"conform.sarif": {1 << 20, 1 << 20},
		"github.txt":    {16 << 10, 30},
		"summary.md":    {64 << 10, 200},
		"terminal.txt":  {128 << 10, 20*16 + 280 + 10},
		"progress.txt":  {64 << 10, 330},
		"progress.ansi": {1 << 20, 10000},
	}
	for name, limit := range limits {
		got := write(t, writers[name], r)
		if n := len(got); n > limit.bytes {
			t.Errorf("%s has %d bytes, more than %d", name, n, limit.bytes)
		}
		if n := bytes.Count(got, []byte("\n")); n > limit.lines {
			t.Errorf("%s has %d lines, more than %d", name, n, limit.lines)
		}
	}
}

func TestThePageIsBoundedWhateverBodiesAreKept(t *testing.T) {
	r := bad(300, 1500)
	big := string(bytes.Repeat([]byte("0123456789abcdef"), 1024))
	for i := range r.Verdicts {
		for j := range r.Verdicts[i].Exchanges {
			r.Verdicts[i].Exchanges[j].Request.Body = big
			r.Verdicts[i].Exchanges[j].Response.Body = big
		}
	}
	page := write(t, HTML, r)
	if len(page) > 12<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
	if !bytes.Contains(page, []byte("results.json has")) {
		t.Error("the page does not say that it left something out")
	}
}

func TestWriteMakesTheFolderAndReplacesWhatIsThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		paths, err := Write(dir, sample())
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"report.html", "junit.xml", "results.json", "conform.sarif"} {
			if paths[i] != filepath.Join(dir, name) {
				t.Errorf("path %d is %s", i, paths[i])
			}
			got, err := os.ReadFile(paths[i])
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, write(t, writers[name], sample())) {
				t.Errorf("%s differs from what its function writes", name)
			}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Errorf("%d files are there, %v", len(entries), err)
	}
}

func TestWriteSaysWhatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(filepath.Join(file, "reports"), sample()); err == nil {
		t.Error("there is no error")
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "junit.xml", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	paths, err := Write(dir, sample())
	if err == nil || len(paths) != 1 {
		t.Errorf("%v, %v", paths, err)
	}
}

func TestWhatCannotBeWrittenIsKnownBefore(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "full", "junit.xml"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "reports"), filepath.Join(dir, "full")} {
		if err := Writable(path); err == nil {
			t.Errorf("%s can be written to", path)
		}
	}
	fresh := filepath.Join(dir, "a", "b")
	for range 2 {
		if err := Writable(fresh); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(fresh); err != nil || len(entries) > 0 {
		t.Errorf("%v is left there, %v", entries, err)
	}
}
