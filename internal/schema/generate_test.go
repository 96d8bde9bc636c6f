package schema_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

func num(s string) json.Number { return json.Number(s) }

// generated are schemas that Generate must find a value for.
var generated = []string{
	`{type: string, pattern: '^[0-9A-F]{32}$'}`,
	`{type: string, pattern: '^v1\.[A-Za-z0-9_-]{43}$'}`,
	`{type: string, pattern: '^[1-9][0-9]{2,8}$'}`,
	`{type: string, pattern: '^[0-9a-f]{24}$'}`,
	`{type: string, pattern: '^(foo|bar)-(\d+\.){2}\w*$', minLength: 40}`,
	`{type: string, pattern: '^[a-z]+$', minLength: 64, maxLength: 64}`,
	`{type: string, pattern: '^(ab|c){3,}$', minLength: 10, maxLength: 11}`,
	`{type: string, pattern: 'x?y+z*'}`,
	`{type: string, pattern: '^[^/]{3}(/[^/]+)*$'}`,
	`{type: string, pattern: '^\p{Greek}{3}$'}`,
	`{type: string, pattern: '(?i)^bearer .+$', maxLength: 20}`,
	`{allOf: [{type: string, pattern: '^[a-f0-9]+$'}, {pattern: '[0-9]', minLength: 5}]}`,
	`{type: string}`,
	`{type: string, minLength: 100, maxLength: 100}`,
	`{type: string, maxLength: 0}`,
	`{type: string, format: uuid}`,
	`{type: string, format: date-time}`,
	`{type: string, format: date}`,
	`{type: string, format: email, minLength: 30}`,
	`{type: string, format: uri, minLength: 60}`,
	`{type: string, format: ipv4}`,
	`{type: string, format: ipv6}`,
	`{type: string, format: byte, minLength: 50}`,
	`{type: string, format: password}`,
	`{type: integer, minimum: 1, maximum: 2147483647}`,
	`{type: integer, format: int32}`,
	`{type: integer, format: int64}`,
	`{type: integer, format: int64, minimum: -9223372036854775808}`,
	`{type: integer, maximum: -5}`,
	`{type: integer, minimum: 10, maximum: 20, multipleOf: 7}`,
	`{type: integer, minimum: 1, multipleOf: 2.5}`,
	`{type: number}`,
	`{type: number, minimum: 0.001, maximum: 0.002}`,
	`{type: number, minimum: 1, maximum: 2, multipleOf: 0.25}`,
	`{type: number, minimum: 7, maximum: 7}`,
	`{minimum: 1.5}`,
	`{type: boolean}`,
	`{enum: [NG, WEB]}`,
	`{type: array}`,
	`{type: array, minItems: 3, uniqueItems: true, items: {type: integer, minimum: 1, maximum: 3}}`,
	`{type: object, required: [b, a, z], properties: {a: {type: integer}, b: {type: object, required: [c], properties: {c: {enum: [1]}}}, d: {type: string}}}`,
	`{type: object, minProperties: 3, properties: {a: {type: integer}}, additionalProperties: {type: boolean}}`,
	`{type: object, required: [a, b], properties: {a: {type: string, writeOnly: true}, b: {type: string, readOnly: true}}}`,
	`{oneOf: [{type: string}, {type: object, required: [a], properties: {a: {type: integer}}}]}`,
	`{type: object, properties: {a: {type: string}, k: {type: integer}}, required: [a], anyOf: [{required: [k]}, {required: [l]}]}`,
	`{oneOf: [{properties: {a: {type: string}}, additionalProperties: false}, {properties: {b: {type: string}}, additionalProperties: false}]}`,
	`{not: {type: string, pattern: '^[A-M]'}, type: string}`,
}

// generated31 need what only JSON Schema has.
var generated31 = []string{
	`{const: {a: [1, null]}}`,
	`{exclusiveMinimum: 0, exclusiveMaximum: 1, type: number}`,
	`{exclusiveMinimum: 1, exclusiveMaximum: 3, type: integer}`,
	`{type: ['null', string]}`,
	`{type: 'null'}`,
	`{prefixItems: [{type: string}, {type: integer}], minItems: 3, items: {type: boolean}, type: array}`,
	`{allOf: [{type: object, required: [a], properties: {a: {type: string}}}, {properties: {a: {pattern: '^x{3}$'}}}]}`,
	`true`,
}

func TestWhatIsGeneratedFits(t *testing.T) {
	type entry struct {
		text string
		node *schema.Node
		v    *schema.Validator
	}
	var table []entry
	add := func(version string, texts []string) {
		for _, text := range texts {
			s := one(t, version, text)
			table = append(table, entry{version + " " + text, node(t, s, "S"), compile(t, s, "S", schema.Response)})
		}
	}
	for _, version := range versions {
		add(version, generated)
	}
	add("3.1.0", generated31)
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		for _, e := range table {
			x, err := schema.Generate(e.node, rand.New(rand.NewPCG(seed, 1)))
			if err != nil {
				t.Fatalf("%s: %v", e.text, err)
			}
			if fs := e.v.Validate(x); fs != nil {
				t.Fatalf("%s: %v does not fit: %v", e.text, x, fs)
			}
			y, _ := schema.Generate(e.node, rand.New(rand.NewPCG(seed, 1)))
			if !reflect.DeepEqual(x, y) {
				t.Fatalf("%s: the same seed gave %v and %v", e.text, x, y)
			}
		}
	})
}

func TestGenerateMakesOrderedObjectsOfWhatIsRequired(t *testing.T) {
	n := node(t, one(t, "3.0.3", `{type: object, required: [c, a], properties: {a: {enum: [1]}, b: {type: string}, c: {enum: [2]}}, example: {a: 1, b: x, c: 2}}`), "S")
	x, err := schema.Generate(n, rand.New(rand.NewPCG(1, 1)))
	want := value.Object{{Name: "a", Value: num("1")}, {Name: "c", Value: num("2")}}
	if err != nil || !reflect.DeepEqual(x, any(want)) {
		t.Errorf("got %v, %v", x, err)
	}
}

func TestGenerateMakesUUIDsOfVersion4(t *testing.T) {
	n := node(t, one(t, "3.0.3", `{type: string, format: uuid}`), "S")
	v4 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	rnd := rand.New(rand.NewPCG(1, 1))
	seen := map[any]bool{}
	for range 1000 {
		x, err := schema.Generate(n, rnd)
		if s, ok := x.(string); err != nil || !ok || !v4.MatchString(s) || seen[x] {
			t.Fatalf("got %v, %v", x, err)
		}
		seen[x] = true
	}
}

func TestGeneratedIntegersAreUniform(t *testing.T) {
	n := node(t, one(t, "3.0.3", `{type: integer, minimum: 1, maximum: 4}`), "S")
	rnd := rand.New(rand.NewPCG(1, 1))
	seen := map[any]int{}
	for range 4000 {
		x, _ := schema.Generate(n, rnd)
		seen[x]++
	}
	for _, k := range []string{"1", "2", "3", "4"} {
		if c := seen[num(k)]; c < 850 || c > 1150 {
			t.Errorf("%s came %d times of 4000", k, c)
		}
	}
}

func TestGenerateSaysWhyThereIsNoValue(t *testing.T) {
	for text, want := range map[string]string{
		`{type: string, pattern: '^(?=a)b$'}`:                                "patterns of RE2",
		`{type: string, minLength: 5, maxLength: 4}`:                         "minLength",
		`{type: integer, minimum: 3, maximum: 2}`:                            "no number lies in its bounds",
		`{required: [s], properties: {s: {$ref: '#/components/schemas/S'}}}`: "nest without end",
		`{not: {}}`: "not",
		`{type: string, pattern: '[^\x00-\x{10FFFF}]'}`: "no value can be made",
		`{type: array, minItems: 1000000000}`:           "at most 10000 are made",
		`{type: string, minLength: 1000000000}`:         "at most 1048576 are made",
	} {
		_, err := schema.Generate(node(t, one(t, "3.0.3", text), "S"), rand.New(rand.NewPCG(1, 1)))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), at+"S") {
			t.Errorf("%s: got %v", text, err)
		}
	}
	if _, err := schema.Generate(nil, rand.New(rand.NewPCG(1, 1))); err == nil {
		t.Error("no error without a schema")
	}
}

func BenchmarkGenerateToken(b *testing.B) {
	n := node(b, one(b, "3.0.3", `{type: string, pattern: '^[0-9A-F]{32}$'}`), "S")
	rnd := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := schema.Generate(n, rnd); err != nil {
			b.Fatal(err)
		}
	}
}
