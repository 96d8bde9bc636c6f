package specs

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mockauth/mockauth/internal/document"
)

func extension(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(ExtensionSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("x-session.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("x-session.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func judge(t *testing.T, s *jsonschema.Schema, file string, data []byte) error {
	t.Helper()
	doc, err := document.Parse(file, data)
	if err != nil {
		t.Fatal(err)
	}
	text, err := doc.JSON()
	if err != nil {
		t.Fatal(err)
	}
	x, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(x)
}

func cleanContracts(t *testing.T) []string {
	t.Helper()
	files := []string{bookshop, "../testdata/contracts/plain.yaml"}
	for _, name := range Systems() {
		files = append(files, name+"/openapi.yaml")
	}
	return files
}

func TestCleanContractsFitTheExtensionsSchema(t *testing.T) {
	s := extension(t)
	for _, file := range cleanContracts(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := judge(t, s, file, data); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestTheExtensionsSchemaRefusesUnknownWords(t *testing.T) {
	s := extension(t)
	data, err := os.ReadFile(bookshop)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"x-session:\n  format: 1", "x-session:\n  formt: 1\n  format: 1"},
		{"accessLifetime: {type", "accessLifetime: {tpye: a, type"},
		{"opens: [{with:", "opens: [{wiht: a, with:"},
		{"accepts: [{bind: {/refreshToken", "accepts: [{bnid: a, bind: {/refreshToken"},
		{"issues: [access, refresh]\n        answers: [{status: 200, example: tokens, evidence: documented page}]\n        failures", "isues: []\n        failures"},
		{"scheme: bearer, x-session: {bind", "scheme: bearer, x-session: {bnid: a, bind"},
		{"x-session: {bind: {/email", "x-session: {each: 3, bind: {/email"},
		{"evidence: inferred a pair", "evidence: asumed a pair"},
		{"failures: {reader.blocked: {status", "failures: {reader.blocked: {statsu: 3, status"},
	} {
		if strings.Count(string(data), change[0]) != 1 {
			t.Errorf("%q stands %d times in %s", change[0], strings.Count(string(data), change[0]), bookshop)
			continue
		}
		if err := judge(t, s, bookshop, []byte(strings.Replace(string(data), change[0], change[1], 1))); err == nil {
			t.Errorf("%q is not refused", change[1])
		}
	}
}

// The reader and the schema for editors must know the same words. The reader
// notes the words of each thing that it reads; the contracts that are tested
// have every thing in them.
func TestReaderAndExtensionsSchemaKnowTheSameWords(t *testing.T) {
	read := map[string][]string{}
	for _, file := range append(cleanContracts(t), brokenFiles(t)...) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		(&reader{words: read}).parse("test", filepath.Base(file), data)
	}
	var doc struct {
		Defs map[string]struct {
			Title      string
			Properties map[string]struct{ Description string }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(ExtensionSchema(), &doc); err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for name, def := range doc.Defs {
		for word, p := range def.Properties {
			if def.Title != "" && p.Description == "" {
				t.Errorf("$defs/%s: the word %s has no description", name, word)
			}
		}
		if def.Title == "" {
			continue
		}
		said[def.Title] = true
		words, ok := read[def.Title]
		if !ok {
			t.Errorf("$defs/%s describes %q, which the reader was not seen to read", name, def.Title)
			continue
		}
		if got := sortedKeys(def.Properties); !slices.Equal(got, words) {
			t.Errorf("%s: the schema has %v, the reader %v", def.Title, got, words)
		}
	}
	for what := range read {
		if !said[what] {
			t.Errorf("the reader reads %q, which the schema does not describe", what)
		}
	}
}
