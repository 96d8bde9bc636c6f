package schema_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/schema"
)

// load makes a Set of a document with the given components/schemas, indented
// by four spaces or not at all.
func load(t testing.TB, version, schemas string) *schema.Set {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "openapi: %s\npaths: {}\ncomponents:\n  schemas:\n", version)
	for line := range strings.SplitSeq(schemas, "\n") {
		b.WriteString("    " + line + "\n")
	}
	doc, err := document.Parse("test.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return schema.New(doc)
}

const at = "/components/schemas/"

// one makes a Set with one schema, called S, in YAML's flow style.
func one(t testing.TB, version, text string) *schema.Set {
	t.Helper()
	return load(t, version, "S: "+text)
}

func compile(t testing.TB, s *schema.Set, name string, dir schema.Direction) *schema.Validator {
	t.Helper()
	v, err := s.Compile(at+name, dir)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func decode(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var x any
	if err := d.Decode(&x); err != nil {
		t.Fatal(err)
	}
	return x
}

// brief writes findings as "pointer keyword" in one line.
func brief(fs []schema.Finding) string {
	var out []string
	for _, f := range fs {
		out = append(out, f.Pointer+" "+f.Keyword)
	}
	return strings.Join(out, "; ")
}

var versions = []string{"3.0.3", "3.1.0"}

func TestCompileFollowsReferencesOnTheWay(t *testing.T) {
	doc, err := document.Parse("a.yaml", []byte(`
openapi: 3.0.3
paths:
  /a:
    post:
      requestBody: {$ref: '#/components/requestBodies/Login'}
components:
  requestBodies:
    Login: {content: {application/json: {schema: {$ref: '#/components/schemas/Login'}}}}
  schemas:
    Login: {type: object, required: [user], properties: {user: {type: string}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	s := schema.New(doc)
	const pointer = "/paths/~1a/post/requestBody/content/application~1json/schema"
	v, err := s.Compile(pointer, schema.Request)
	if err != nil {
		t.Fatal(err)
	}
	if got := brief(v.Validate(map[string]any{})); got != "/user required" {
		t.Errorf("got %q", got)
	}
	n, ok := s.Node(pointer)
	if !ok || n.RefName != "Login" || n.Pointer != at+"Login" {
		t.Errorf("got %+v, %v", n, ok)
	}
}

func TestCompileSaysWhatIsWrongWithASchemaAndWhere(t *testing.T) {
	for name, c := range map[string]struct{ version, schema, pointer, message string }{
		"external reference":     {"3.0.3", `{properties: {a: {$ref: 'other.yaml#/X'}}}`, "/properties/a", "leads out of the document"},
		"reference by URL":       {"3.1.0", `{properties: {a: {$ref: 'https://example.com/x.json'}}}`, "/properties/a", "leads out of the document"},
		"reference to nothing":   {"3.0.3", `{properties: {a: {$ref: '#/components/schemas/No'}}}`, "/properties/a", "leads nowhere"},
		"reference to itself":    {"3.0.3", `{$ref: '#/components/schemas/S'}`, "", "circle"},
		"no such anchor":         {"3.1.0", `{properties: {a: {$ref: '#no'}}}`, "/properties/a", "no schema has the $anchor"},
		"reference below an $id": {"3.1.0", `{$id: 'https://example.com/s', properties: {a: {$ref: '#/$defs/x'}}, $defs: {x: {}}}`, "/properties/a", "$id"},
		"pattern":                {"3.0.3", `{properties: {a: {type: string, pattern: '(?<'}}}`, "/properties/a/pattern", "neither as RE2 nor as ECMAScript"},
		"pattern of names":       {"3.1.0", `{patternProperties: {'(': {}}}`, "/patternProperties/(", "neither as RE2 nor as ECMAScript"},
		"type":                   {"3.1.0", `{properties: {a: {type: text}}}`, "/properties/a/type", "not a valid schema: want one of"},
		"boolean required":       {"3.0.3", `{properties: {a: {required: true}}}`, "/properties/a/required", "not a valid schema: want an array, got a boolean"},
		"boolean bound in 3.1":   {"3.1.0", `{minimum: 1, exclusiveMinimum: true}`, "/exclusiveMinimum", "want a number, got a boolean"},
		"no schema":              {"3.0.3", `{properties: {a: text}}`, "/properties/a", "want a schema"},
		"no map of schemas":      {"3.0.3", `{properties: [a]}`, "/properties", "want a map of schemas"},
		"no list of schemas":     {"3.0.3", `{allOf: {a: {}}}`, "/allOf", "want a list of schemas"},
		"endless number":         {"3.1.0", `{multipleOf: 1e-9999999}`, "/multipleOf", "want numbers"},
	} {
		t.Run(name, func(t *testing.T) {
			s := one(t, c.version, c.schema)
			for _, dir := range []schema.Direction{schema.Request, schema.Response} {
				_, err := s.Compile(at+"S", dir)
				e, ok := err.(*schema.Error)
				if !ok {
					t.Fatalf("got %v", err)
				}
				if e.Pointer != at+"S"+c.pointer || !strings.Contains(e.Message, c.message) || e.Line == 0 || e.Name != "test.yaml" {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

func TestCompileRefusesAPointerToNothing(t *testing.T) {
	s := one(t, "3.0.3", `{}`)
	for _, pointer := range []string{"/components/schemas/T", "components", "/openapi/0", "/components/schemas/S/0"} {
		if _, err := s.Compile(pointer, schema.Request); err == nil {
			t.Errorf("%q compiled", pointer)
		}
		if _, ok := s.Node(pointer); ok {
			t.Errorf("%q has a Node", pointer)
		}
	}
}

func TestAFaultySchemaDoesNotSpoilItsNeighbours(t *testing.T) {
	s := load(t, "3.0.3", `A: {properties: {b: {$ref: '#/components/schemas/B'}, c: {$ref: '#/components/schemas/C'}}}
B: {type: string}
C: {$ref: 'other.yaml'}
D: {properties: {a: {$ref: '#/components/schemas/A'}}}`)
	for _, name := range []string{"A", "D", "A"} {
		if _, err := s.Compile(at+name, schema.Request); err == nil || !strings.Contains(err.Error(), "out of the document") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	compile(t, s, "B", schema.Request)
}

func TestCompileOnceForManyAtOnce(t *testing.T) {
	s := load(t, "3.1.0", `A: {type: object, properties: {next: {$ref: '#/components/schemas/A'}, b: {$ref: '#/components/schemas/B'}}}
B: {type: object, required: [id], properties: {id: {type: string, pattern: '^(?=a)'}, a: {$ref: '#/components/schemas/A'}}}`)
	done := make(chan *schema.Validator)
	for i := range 16 {
		go func() {
			v, err := s.Compile(at+string("AB"[i%2]), schema.Direction(i/2%2))
			if err != nil {
				t.Error(err)
			}
			n, _ := s.Node(at + string("AB"[i%2]))
			for range 10 {
				n.Properties()
				if n = n.Property("next"); n == nil {
					break
				}
			}
			if got := brief(v.Validate(map[string]any{"id": "a", "b": map[string]any{}})); i%2 == 0 && got != "/b/id required" {
				t.Errorf("got %q", got)
			}
			done <- v
		}()
	}
	seen := map[*schema.Validator]bool{}
	for range 16 {
		seen[<-done] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d validators for 2 schemas and 2 directions", len(seen))
	}
}
