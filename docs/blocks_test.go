package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/mockserver"
)

// block is a fenced block that has a comment of its own above it:
//
//	<!-- run -->     a shell block that is run
//	<!-- prints -->  what the block before it prints: each line is found in its
//	                 output, … standing for anything
var block = regexp.MustCompile("(?ms)^<!-- (run|prints) -->\n```\\w+\n(.*?)^```$")

// documented is the port in the documents; the blocks are run against a mock on
// another.
const documented = ":4010"

func TestShellBlocksPrintWhatTheDocumentsShow(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("the documents show shell blocks, and %s is not here", tool)
		}
	}
	mockauth := build(t)
	ran := 0
	for _, file := range documents(t) {
		blocks := block.FindAllStringSubmatch(read(t, file), -1)
		if len(blocks) == 0 {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			// A mock a document: what one block does, those below it see.
			mock := mockserver.Start(t)
			port := mock.URL()[strings.LastIndexByte(mock.URL(), ':'):]
			dir := t.TempDir()
			output := ""
			for _, b := range blocks {
				text := strings.ReplaceAll(b[2], documented, port)
				if b[1] == "prints" {
					contains(t, output, text)
					continue
				}
				ran++
				cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", text)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(mockauth)+string(os.PathListSeparator)+os.Getenv("PATH"))
				out, err := cmd.CombinedOutput()
				output = string(out)
				if err != nil {
					t.Errorf("%v\n%s\n%s", err, text, out)
				}
			}
		})
	}
	if ran == 0 {
		t.Error("no block was run; the form of the marks has changed")
	}
}

func contains(t *testing.T, output, want string) {
	t.Helper()
	for line := range strings.Lines(want) {
		parts := strings.Split(strings.TrimSpace(line), "…")
		for i, p := range parts {
			parts[i] = regexp.QuoteMeta(p)
		}
		if !regexp.MustCompile(strings.Join(parts, ".*")).MatchString(output) {
			t.Errorf("the document shows\n  %s\nbut what is printed is\n%s", line, output)
		}
	}
}

func TestEveryFlagOfServeIsInTheDocumentation(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), build(t), "serve", "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text := read(t, "run-a-mock.md")
	flags := regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[\w-]+)`).FindAllStringSubmatch(string(out), -1)
	if len(flags) < 10 {
		t.Fatalf("only %d flags were found in the help:\n%s", len(flags), out)
	}
	for _, f := range flags {
		if f[1] != "--help" && !strings.Contains(text, "`"+f[1]) {
			t.Errorf("run-a-mock.md says nothing of %s", f[1])
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, file := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			path := file
			if target != "" {
				path = filepath.Join(filepath.Dir(file), target)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %s leads nowhere", file, m[1])
				continue
			}
			if anchor != "" && strings.HasSuffix(path, ".md") && !headings(read(t, path))[anchor] {
				t.Errorf("%s: %s has no heading %s", file, path, anchor)
			}
		}
	}
}

// headings are the anchors of a document, as GitHub makes them.
func headings(text string) map[string]bool {
	out := map[string]bool{}
	drop := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			out[strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-")] = true
		}
	}
	return out
}

func documents(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.md")
	if err != nil || len(files) == 0 {
		t.Fatal("no documents", err)
	}
	return append(files, "../README.md", "../CONTRIBUTING.md", "../CHANGELOG.md")
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// build builds the command once a test.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "mockauth")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/mockauth/mockauth/cmd/mockauth").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}
