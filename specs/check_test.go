package specs

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	brokenDir = "../testdata/contracts/broken"
	bookshop  = "../testdata/contracts/bookshop/openapi.yaml"
)

func brokenFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(brokenDir, "*.yaml"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d broken contracts, %v", len(files), err)
	}
	return files
}

func load(t testing.TB, file string) Findings {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = LoadData(nameOf(file), filepath.Base(file), data)
	if err == nil {
		return nil
	}
	var f Findings
	if !errors.As(err, &f) {
		t.Fatalf("%v is no Findings", err)
	}
	return f
}

func TestBrokenContractsSayEverythingThatIsWrong(t *testing.T) {
	for _, file := range brokenFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			findings := load(t, file)
			got := findings.Error() + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("go test ./specs -update rewrites %s. It says\n%s\nwant\n%s", golden, got, want)
			}
			// The name of the file begins with the code that it is there for.
			codes := map[string]bool{}
			for _, f := range findings {
				codes[f.Code] = true
			}
			found := false
			for c := range codes {
				found = found || strings.HasPrefix(filepath.Base(file), c+"-")
			}
			if !found {
				t.Errorf("it is there for a code that it does not have: %v", sortedKeys(codes))
			}
		})
	}
}

func TestEveryCodeHasABrokenContractAndNoOtherIsUsed(t *testing.T) {
	used := map[string]string{}
	for _, file := range brokenFiles(t) {
		for _, f := range load(t, file) {
			used[f.Code] = file
		}
	}
	for c := range Codes() {
		if used[c] == "" {
			t.Errorf("no broken contract leads to %s", c)
		}
	}
	for c, file := range used {
		if Codes()[c] == "" {
			t.Errorf("%s: the code %q is not in Codes", file, c)
		}
	}
}

// A contract that was just begun lacks evidence everywhere; what else is wrong
// must not be hidden among that.
func TestWhatOnlyLacksEvidenceComesLast(t *testing.T) {
	data, err := os.ReadFile(bookshop)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), ", evidence: documented page", "")
	text = strings.Replace(text, "not reader.blocked", "not reader.bloked", 1)
	_, err = LoadData("bookshop", "openapi.yaml", []byte(text))
	var f Findings
	if !errors.As(err, &f) || len(f) < 5 {
		t.Fatalf("%v", err)
	}
	i := slices.IndexFunc(f, func(f Finding) bool { return f.Code == "no-evidence" })
	j := slices.IndexFunc(f, func(f Finding) bool { return f.Code == "unknown-name" })
	if i < 0 || j < 0 || slices.ContainsFunc(f[i:], func(f Finding) bool { return f.Code != "no-evidence" }) {
		t.Errorf("%v", err)
	}
}

func TestEveryFindingHasItsPlace(t *testing.T) {
	for _, file := range brokenFiles(t) {
		for _, f := range load(t, file) {
			if f.File == "" || f.Line < 1 || f.Message == "" {
				t.Errorf("%s: %+v", filepath.Base(file), f)
			}
			if f.Pointer != "" && !strings.HasPrefix(f.Pointer, "/") {
				t.Errorf("%s: %q is no JSON pointer", filepath.Base(file), f.Pointer)
			}
		}
	}
}

// Maps are walked on the way, and their order must not be seen.
func TestFindingsComeInTheSameOrderEachTime(t *testing.T) {
	for _, file := range brokenFiles(t) {
		first := load(t, file).Error()
		for range 5 {
			if again := load(t, file).Error(); again != first {
				t.Fatalf("%s: first\n%s\nthen\n%s", filepath.Base(file), first, again)
			}
		}
	}
}

func TestShippedContractsAreClean(t *testing.T) {
	systems := Systems()
	if len(systems) < 6 {
		t.Fatalf("systems: %v", systems)
	}
	for _, name := range systems {
		t.Run(name, func(t *testing.T) {
			if _, err := Load(name); err != nil {
				t.Errorf("\n%v", err)
			}
		})
	}
}

func TestTheWorkedExampleIsTheFileAndLoads(t *testing.T) {
	file, err := os.ReadFile(bookshop)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../docs/contracts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(doc), "\n## A first contract\n")
	if !ok {
		t.Fatal("docs/contracts.md has no section \"A first contract\"")
	}
	_, section, ok = strings.Cut(section, "\n```yaml\n")
	if !ok {
		t.Fatal("\"A first contract\" shows none")
	}
	shown, _, _ := strings.Cut(section, "```")
	if shown != string(file) {
		t.Errorf("docs/contracts.md shows another contract than %s", bookshop)
	}
	lines := fmt.Sprintf("%d lines, complete", strings.Count(shown, "\n"))
	if !strings.Contains(string(doc), lines) {
		t.Errorf("the contents of docs/contracts.md do not say %q", lines)
	}
	c, err := Load(bookshop)
	if err != nil {
		t.Fatal(err)
	}
	if c.Operation("login") == nil || c.Token("refresh") == nil || !c.Token("refresh").Once {
		t.Error("the worked example is not what it was: a login, and a refresh token that is used once")
	}
}

// A copy of the worked example with one thing changed shows that a check looks
// at what it is about, and at nothing else.
func TestOneMistakeIsOneFinding(t *testing.T) {
	data, err := os.ReadFile(bookshop)
	if err != nil {
		t.Fatal(err)
	}
	cases, err := os.ReadFile("../testdata/contracts/one-mistake.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(cases)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		part := strings.Split(line, " => ")
		if len(part) != 3 {
			t.Fatalf("%q is not OLD => NEW => CODE POINTER", line)
		}
		n++
		old, replacement, want := part[0], part[1], part[2]
		if strings.Count(string(data), old) != 1 {
			t.Errorf("%q stands %d times in %s, want once", old, strings.Count(string(data), old), bookshop)
			continue
		}
		_, err := LoadData("bookshop", "openapi.yaml", []byte(strings.Replace(string(data), old, replacement, 1)))
		var f Findings
		if !errors.As(err, &f) {
			t.Errorf("%s -> %s: nothing is found, want %s", old, replacement, want)
			continue
		}
		var got []string
		for _, x := range f {
			got = append(got, x.Code+" "+x.Pointer)
		}
		if !slices.Equal(got, strings.Split(want, ", ")) {
			t.Errorf("%s -> %s: %s\nwant %s\n%v", old, replacement, strings.Join(got, ", "), want, err)
		}
	}
	if n < 20 {
		t.Errorf("%d cases only", n)
	}
}

func TestAPlainDocumentHasNoSessionsToFindFaultWith(t *testing.T) {
	data, err := os.ReadFile("../testdata/contracts/plain.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := LoadData("plain", "plain.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Operations) < 2 {
		t.Errorf("%d operations", len(c.Operations))
	}
}
