// Package docs_test keeps the documentation true: its tables are made from the
// contracts, its shell blocks are run, its links lead somewhere.
package docs_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/specs"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/systems.md")

// A table stands between these two comments, and everything between them is
// rewritten with -update.
var tableAt = regexp.MustCompile(`(?s)<!-- table: (\w+)(?: ([\w-]+))? -->\n(.*?)<!-- end -->`)

func TestTablesOfSystemsAreThoseOfTheContracts(t *testing.T) {
	const file = "systems.md"
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	text := tableAt.ReplaceAllStringFunc(string(old), func(s string) string {
		m := tableAt.FindStringSubmatch(s)
		seen[m[1]+" "+m[2]] = true
		return strings.TrimSuffix(s, m[3]+"<!-- end -->") + table(t, m[1], m[2]) + "<!-- end -->"
	})
	for _, system := range specs.Systems() {
		for _, kind := range []string{"operations", "profiles", "settings"} {
			if !seen[kind+" "+system] {
				t.Errorf("%s has no table %q of %s", file, kind, system)
			}
		}
	}
	if text == string(old) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the contracts say; go test ./docs -update rewrites its tables", file)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func table(t *testing.T, kind, system string) string {
	t.Helper()
	switch kind {
	case "systems":
		return systemsTable(t)
	case "evidence":
		return evidenceTable(t)
	}
	c := contract(t, system)
	switch kind {
	case "operations":
		return operationsTable(c)
	case "profiles":
		return profilesTable(c)
	case "settings":
		return settingsTable(c)
	}
	t.Fatalf("there is no table %q", kind)
	return ""
}

func contract(t *testing.T, system string) *specs.Contract {
	t.Helper()
	c, err := specs.System(system)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rows writes a Markdown table; bars and line ends in cells are taken out.
func rows(head string, body [][]string) string {
	var b strings.Builder
	b.WriteString("| " + head + " |\n|" + strings.Repeat(" --- |", strings.Count(head, "|")+1) + "\n")
	for _, r := range body {
		for i, cell := range r {
			r[i] = strings.ReplaceAll(strings.Join(strings.Fields(cell), " "), "|", `\|`)
		}
		b.WriteString("| " + strings.Join(r, " | ") + " |\n")
	}
	return b.String()
}

func code(s string) string { return "`" + s + "`" }

func systemsTable(t *testing.T) string {
	t.Helper()
	var body [][]string
	for _, name := range specs.Systems() {
		c := contract(t, name)
		bases := make([]string, len(c.BasePaths))
		for i, b := range c.BasePaths {
			bases[i] = code(b + "/")
		}
		body = append(body, []string{fmt.Sprintf("[%s](#%s)", code(name), name), c.Title, strings.Join(bases, ", "), fmt.Sprint(len(c.Operations)), code(c.DefaultProfile)})
	}
	return rows("name | API | base path | operations | default profile", body)
}

// evidenceTable counts what the answers of each contract rest on, so that
// nobody has to believe a summary.
func evidenceTable(t *testing.T) string {
	t.Helper()
	var body [][]string
	for _, name := range specs.Systems() {
		c := contract(t, name)
		var successes, refusals []specs.Evidence
		tables := []specs.FailureTable{c.Failures}
		for _, k := range c.Tokens {
			tables = append(tables, k.Failures)
		}
		for _, op := range c.Operations {
			for _, a := range op.Answers {
				successes = append(successes, a.Evidence)
			}
			tables = append(tables, op.Failures)
		}
		for _, table := range tables {
			for _, entries := range table {
				for _, e := range entries {
					refusals = append(refusals, e.Evidence)
				}
			}
		}
		body = append(body, []string{code(name),
			fmt.Sprint(len(successes)), levels(successes, "shape"), levels(successes, "status"),
			fmt.Sprint(len(refusals)), levels(refusals, "refusal"), levels(refusals, "status")})
	}
	return rows("system | successes | their form | their status | refusals | that it is refused | their status", body)
}

func levels(list []specs.Evidence, part string) string {
	var n [3]int
	for _, e := range list {
		n[e.Part(part).Level]++
	}
	return fmt.Sprintf("%d / %d / %d", n[specs.Documented], n[specs.Observed], n[specs.Inferred])
}

func operationsTable(c *specs.Contract) string {
	var body [][]string
	for _, op := range c.Operations {
		summary := op.Summary
		if op.Offered != nil {
			summary += " (if " + code(op.Offered.Src) + ")"
		}
		body = append(body, []string{code(op.Method + " " + op.Path), code(op.ID), summary})
	}
	return rows("request | operation | what it does", body)
}

func profilesTable(c *specs.Contract) string {
	var body [][]string
	for _, p := range c.Profiles {
		name := code(p.Name)
		if p.Name == c.DefaultProfile {
			name += " (default)"
		}
		var changed []string
		for _, s := range c.Settings {
			if v, ok := p.Settings[s.Name]; ok {
				changed = append(changed, code(s.Name+"="+plain(v)))
			}
		}
		body = append(body, []string{name, p.Description, strings.Join(changed, ", ")})
	}
	return rows("profile | what it is | settings", body)
}

func settingsTable(c *specs.Contract) string {
	var body [][]string
	for _, s := range c.Settings {
		value := code(plain(s.Default))
		if text, ok := s.Default.(string); ok && strings.Contains(text, "\n") {
			first, _, _ := strings.Cut(text, "\n")
			value = code(first + " …") // a key in PEM
		}
		if s.Secret {
			value = "a test secret"
		}
		typ := s.Type
		if len(s.Enum) > 0 {
			var words []string
			for _, e := range s.Enum {
				words = append(words, code(plain(e)))
			}
			typ = strings.Join(words, ", ")
		}
		body = append(body, []string{code(s.Name), typ, value, s.Description, evidence(s.Evidence)})
	}
	return rows("setting | type | default | what it says | rests on", body)
}

func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case time.Duration:
		s := v.String()
		s = strings.TrimSuffix(s, "0s")
		if strings.HasSuffix(s, "h0m") {
			s = strings.TrimSuffix(s, "0m")
		}
		if s == "" || !strings.ContainsAny(s[len(s)-1:], "hms") {
			s = v.String()
		}
		return s
	case []any:
		b, err := json.Marshal(v)
		if err == nil {
			return string(b)
		}
	case string:
		if v == "" {
			return `""`
		}
	}
	return fmt.Sprint(v)
}

// evidence is the levels of a fact, without its sources: those stand in the
// contract.
func evidence(e specs.Evidence) string {
	if len(e.Parts) == 0 {
		if e.Whole == nil {
			return specs.Inferred.String()
		}
		return e.Whole.Level.String()
	}
	var parts []string
	for name, m := range e.Parts {
		parts = append(parts, name+" "+m.Level.String())
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
