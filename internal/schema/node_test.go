package schema_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

func node(t testing.TB, s *schema.Set, name string) *schema.Node {
	t.Helper()
	n, ok := s.Node(at + name)
	if !ok {
		t.Fatalf("no Node for %s", name)
	}
	return n
}

func propertyNames(n *schema.Node) string {
	var out []string
	for _, p := range n.Properties() {
		out = append(out, p.Name)
	}
	return strings.Join(out, " ")
}

func TestPropertiesStandInDocumentOrderWithThoseOfAllOfInPlace(t *testing.T) {
	for _, version := range versions {
		s := load(t, version, `Base: {required: [m], properties: {z: {type: string}, m: {type: string}}}
S:
  allOf:
    - $ref: '#/components/schemas/Base'
    - {properties: {y: {type: string}, m: {minLength: 2}}}
  properties: {b: {type: string}, a: {type: string}}
  required: [a]
T:
  properties: {b: {type: string}, a: {type: string}}
  allOf: [{$ref: '#/components/schemas/Base'}]`)
		n := node(t, s, "S")
		if got := propertyNames(n); got != "z m y b a" {
			t.Errorf("%s: got %q", version, got)
		}
		if got := propertyNames(node(t, s, "T")); got != "b a z m" {
			t.Errorf("%s: got %q", version, got)
		}
		if !reflect.DeepEqual(n.Required, []string{"a", "m"}) {
			t.Errorf("got %v", n.Required)
		}
		if !n.Is("object") || n.Is("array") || n.Scalar() {
			t.Error("properties make an object")
		}
		if n.Property("m") == nil || n.Property("none") != nil {
			t.Error("Property does not find what Properties lists")
		}
	}
}

func TestNodeReadsTheFields(t *testing.T) {
	n := node(t, one(t, "3.0.3", `{type: string, nullable: true, format: date, pattern: x, enum: [a, b], default: a, readOnly: true, writeOnly: true,
      xml: {name: n, namespace: ns, prefix: p, attribute: true, wrapped: true, x-nodeType: text}, x-a: {d: 1, c: 2}, description: d}`), "S")
	want := schema.Node{
		Pointer: "/components/schemas/S", Types: []string{"string", "null"}, Format: "date", Pattern: "x", Enum: []any{"a", "b", nil},
		Default: "a", HasDefault: true, Additional: true, ReadOnly: true, WriteOnly: true,
		XML:        schema.XML{Name: "n", Namespace: "ns", Prefix: "p", Attribute: true, Wrapped: true, NodeType: "text"},
		Extensions: map[string]any{"x-a": value.Object{{Name: "d", Value: num("1")}, {Name: "c", Value: num("2")}}},
	}
	if got := exported(n); !reflect.DeepEqual(got, exported(&want)) {
		t.Errorf("got  %+v\nwant %+v", got, exported(&want))
	}
	if !n.Scalar() || !n.Nullable() || !n.Is("string") || n.Is("integer") {
		t.Error("it is a nullable string")
	}
}

// exported returns the exported fields.
func exported(n *schema.Node) []any {
	v := reflect.ValueOf(*n)
	var out []any
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			out = append(out, v.Field(i).Interface())
		}
	}
	return out
}

func TestANodeThroughAReferenceIsTheTargetUnderItsName(t *testing.T) {
	for _, version := range versions {
		s := load(t, version, `S: {properties: {a: {$ref: '#/components/schemas/Tilde~0Name'}, next: {$ref: '#/components/schemas/S'}, b: {$ref: '#/components/schemas/Tilde~0Name', description: d}}}
Tilde~Name: {type: object, properties: {x: {type: integer}}}`)
		n := node(t, s, "S")
		if n.RefName != "" {
			t.Errorf("got %q", n.RefName)
		}
		a := n.Property("a")
		if a.RefName != "Tilde~Name" || a.Pointer != "/components/schemas/Tilde~0Name" || !a.Is("object") {
			t.Errorf("got %+v", a)
		}
		if a.Property("x") != node(t, s, "Tilde~0Name").Property("x") || a.Property("x") != n.Property("b").Property("x") {
			t.Error("the children are built more than once")
		}
		next := n.Property("next")
		if next.RefName != "S" || next.Property("next") != next {
			t.Error("recursion does not close")
		}
	}
}

func TestKeywordsBesideAReferenceCountFrom31On(t *testing.T) {
	const schemas = `S: {properties: {a: {$ref: '#/components/schemas/A', readOnly: true, xml: {name: x}}}}
A: {type: object, properties: {b: {type: string}}}`
	a := node(t, load(t, "3.0.3", schemas), "S").Property("a")
	if a.ReadOnly || a.XML.Name != "" || a.RefName != "A" {
		t.Errorf("3.0: got %+v", a)
	}
	a = node(t, load(t, "3.1.0", schemas), "S").Property("a")
	if !a.ReadOnly || a.XML.Name != "x" || a.RefName != "A" || !a.Is("object") || propertyNames(a) != "b" {
		t.Errorf("3.1: got %+v", a)
	}
}

func TestTypesOfANode(t *testing.T) {
	for _, c := range []struct {
		version, schema, types string
		nullable, scalar       bool
	}{
		{"3.0.3", `{type: integer}`, "integer", false, true},
		{"3.0.3", `{allOf: [{type: string}, {type: string, nullable: true}]}`, "string", false, true},
		{"3.0.3", `{nullable: true, allOf: [{type: object}]}`, "object null", true, false},
		{"3.0.3", `{allOf: [{type: number}, {type: integer}]}`, "", false, false},
		{"3.0.3", `{allOf: [{type: integer}, {type: number}]}`, "integer", false, true},
		{"3.1.0", `{type: [string, 'null']}`, "string null", true, true},
		{"3.1.0", `{type: [string, 'null'], allOf: [{type: string}]}`, "string", false, true},
		{"3.1.0", `{oneOf: [{type: string}, {type: 'null'}]}`, "", true, true},
		{"3.1.0", `{oneOf: [{type: string}, {type: object}]}`, "", false, false},
		{"3.1.0", `{const: 1}`, "", false, true},
		{"3.1.0", `{enum: [[1]]}`, "", false, false},
		{"3.1.0", `{}`, "", false, false},
		{"3.1.0", `true`, "", false, false},
		{"3.1.0", `{type: array, items: {type: string}}`, "array", false, false},
	} {
		n := node(t, one(t, c.version, c.schema), "S")
		if got := strings.Join(n.Types, " "); got != c.types || n.Nullable() != c.nullable || n.Scalar() != c.scalar {
			t.Errorf("%s %s: got %q, nullable %v, scalar %v", c.version, c.schema, got, n.Nullable(), n.Scalar())
		}
	}
}

func TestAdditional(t *testing.T) {
	for schemaText, want := range map[string]bool{
		`{}`:                                     true,
		`{additionalProperties: true}`:           true,
		`{additionalProperties: {type: string}}`: true,
		`{additionalProperties: false}`:          false,
		`{additionalProperties: false, patternProperties: {a: {}}}`:        true,
		`{unevaluatedProperties: false}`:                                   false,
		`{unevaluatedProperties: false, oneOf: [{properties: {a: true}}]}`: true,
		`{allOf: [{additionalProperties: false}]}`:                         false,
	} {
		if got := node(t, one(t, "3.1.0", schemaText), "S").Additional; got != want {
			t.Errorf("%s: got %v", schemaText, got)
		}
	}
}

func TestItemsValuesAndAlternatives(t *testing.T) {
	n := node(t, one(t, "3.1.0", `{properties: {a: {items: {type: string}}, b: {additionalProperties: {type: integer}}, c: {anyOf: [{type: string}, {type: integer}]}, d: {items: false}}}`), "S")
	if a := n.Property("a"); !a.Is("array") || !a.Items().Is("string") || a.Values() != nil || a.Alternatives() != nil {
		t.Errorf("got %+v", a)
	}
	if b := n.Property("b"); !b.Is("object") || !b.Values().Is("integer") || b.Items() != nil {
		t.Errorf("got %+v", b)
	}
	if c := n.Property("c").Alternatives(); len(c) != 2 || !c[1].Is("integer") {
		t.Errorf("got %+v", c)
	}
	if d := n.Property("d"); d.Items() != nil {
		t.Errorf("got %+v", d.Items())
	}
}

func TestAllOfInACircleEnds(t *testing.T) {
	s := load(t, "3.0.3", `A: {allOf: [{$ref: '#/components/schemas/B'}], properties: {a: {type: string}}}
B: {allOf: [{$ref: '#/components/schemas/A'}], properties: {b: {$ref: '#/components/schemas/No'}, c: {type: string}}}`)
	if got := propertyNames(node(t, s, "A")); got != "c a" {
		t.Errorf("got %q", got)
	}
}

func TestWalkingAllocatesNothing(t *testing.T) {
	s := load(t, "3.0.3", login)
	walk := func() {
		n, _ := s.Node(at + "S")
		for _, p := range n.Properties() {
			if !p.Schema.Property("login").Scalar() {
				t.Fatal("no scalar")
			}
		}
	}
	if got := testing.AllocsPerRun(100, walk); got > 1 { // the pointer asked for
		t.Errorf("%v allocations", got)
	}
}
