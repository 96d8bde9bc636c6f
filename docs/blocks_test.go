package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mockauth/mockauth/mockserver"
)

// block is a fenced block that has a comment of its own above it:
//
//	<!-- run -->     a shell block that is run
//	<!-- prints -->  what the block before it prints: each line is found in its
//	                 output, … standing for anything
var block = regexp.MustCompile("(?ms)^<!-- (run|prints) -->\n```\\w+\n(.*?)^```$")

// Ports in the documents, and what listens there. The blocks are run against
// others.
const (
	documented = ":4010" // a mock
	staging    = ":4020" // what plays a server of the reader's own: see stage
)

// stage starts a server as test-a-server.md has it: it cannot be asked who may
// log in, and is set up otherwise than the contract says.
func stage(t *testing.T) *mockserver.Mock {
	t.Helper()
	return mockserver.Start(t, mockserver.System("wedia"), mockserver.Setting("wedia", "tokenShortLifeTime", "10m"),
		mockserver.AdminApart(), mockserver.NoDiagnostics())
}

// port is the port of a mock, with the colon before it.
func port(m *mockserver.Mock) string { return m.URL()[strings.LastIndexByte(m.URL(), ':'):] }

// shell is one terminal: a folder, commands that were built for it, and the
// variables that the blocks before have exported.
type shell struct{ dir, bin string }

func newShell(t *testing.T, commands string) shell {
	t.Helper()
	s := shell{dir: t.TempDir(), bin: commands}
	// What a block has started in the background ends with the test.
	t.Cleanup(func() {
		started, _ := os.ReadFile(filepath.Join(s.dir, ".started"))
		for _, text := range strings.Fields(string(started)) {
			if pid, err := strconv.Atoi(text); err == nil {
				if p, err := os.FindProcess(pid); err == nil {
					_ = p.Kill()
				}
			}
		}
	})
	return s
}

func (s shell) run(t *testing.T, text string, env ...string) string {
	t.Helper()
	text = "[ ! -f .exported ] || . ./.exported\n" + text + "\nexport -p > .exported; [ -z \"${!:-}\" ] || echo $! >> .started"
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", text)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PATH="+s.bin+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_CACHE_HOME="+filepath.Join(s.dir, "cache"))
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s\n%s", err, text, out)
	}
	return string(out)
}

func TestShellBlocksPrintWhatTheDocumentsShow(t *testing.T) {
	wantTools(t)
	dir := build(t)
	ran := 0
	for _, file := range documents(t) {
		blocks := block.FindAllStringSubmatch(read(t, file), -1)
		if len(blocks) == 0 {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			// A mock a document: what one block does, those below it see.
			mock := mockserver.Start(t)
			ports := strings.NewReplacer(documented, port(mock), staging, port(stage(t)))
			terminal := newShell(t, dir)
			output := ""
			for _, b := range blocks {
				text := ports.Replace(b[2])
				if b[1] == "prints" {
					contains(t, output, text)
					continue
				}
				ran++
				output = terminal.run(t, text)
			}
		})
	}
	if ran == 0 {
		t.Error("no block was run; the form of the marks has changed")
	}
}

// wantTools skips a test that runs shell blocks where there is no shell.
func wantTools(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "python3"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("the documents show shell blocks, and %s is not here", tool)
		}
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

func TestEveryFlagIsInTheDocumentation(t *testing.T) {
	dir := build(t)
	for _, c := range []struct{ command, sub, file string }{
		{"mockauth", "serve", "run-a-mock.md"},
		{"conform", "server", "test-a-server.md"},
		{"conform", "client", "test-a-client.md"},
	} {
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, c.command), c.sub, "--help").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		text := read(t, c.file)
		flags := regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[\w-]+)`).FindAllStringSubmatch(string(out), -1)
		if len(flags) < 10 {
			t.Fatalf("only %d flags were found in the help:\n%s", len(flags), out)
		}
		for _, f := range flags {
			if f[1] != "--help" && !strings.Contains(text, "`"+f[1]) {
				t.Errorf("%s says nothing of %s", c.file, f[1])
			}
		}
	}
}

func TestEveryCommandOfConformIsInTheDocumentation(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), filepath.Join(build(t), "conform"), "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, list, _ := strings.Cut(string(out), "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	text := read(t, "test-a-server.md") + read(t, "test-a-client.md")
	for line := range strings.Lines(list) {
		if name := strings.Fields(line)[0]; name != "help" && !strings.Contains(text, "conform "+name) {
			t.Errorf("neither test-a-server.md nor test-a-client.md says anything of conform %s", name)
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

// bin is where the commands are built, once.
var bin = struct {
	sync.Once
	dir string
	out []byte
	err error
}{}

// build builds the commands, and returns their folder.
func build(t *testing.T) string {
	t.Helper()
	bin.Do(func() {
		bin.out, bin.err = exec.Command("go", "build", "-o", bin.dir, "github.com/mockauth/mockauth/cmd/mockauth", "github.com/mockauth/mockauth/cmd/conform").CombinedOutput()
	})
	if bin.err != nil {
		t.Fatalf("%v\n%s", bin.err, bin.out)
	}
	return bin.dir
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "docs")
	if err != nil {
		panic(err)
	}
	bin.dir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
