package schema

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/value"
)

// What quick accepts, the library must accept: it may only save work.
func TestQuickAcceptsNothingThatTheLibraryRefuses(t *testing.T) {
	schemas := []string{
		`{type: string}`, `{type: string, minLength: 2, maxLength: 3}`, `{type: string, pattern: "^[a-c]+$"}`,
		`{type: integer, minimum: 0, maximum: 5}`, `{type: number}`, `{type: boolean}`, `{type: string, enum: [a, b]}`,
		`{type: string, nullable: true}`, `{type: array, items: {type: integer}}`, `{type: array}`, `{}`,
		`{type: object, required: [a], properties: {a: {type: string}, b: {type: integer}}, additionalProperties: false}`,
		`{type: object, properties: {a: {$ref: "#/components/schemas/X"}}, additionalProperties: {type: boolean}}`,
		`{type: object, required: [z], properties: {a: {type: string, readOnly: true}}}`, `{type: object, properties: {a: {writeOnly: true}, b: {type: integer, readOnly: true, nullable: true}}}`,
		`{type: object, properties: {a: {oneOf: [{type: string}, {type: integer}]}}}`,
		`{oneOf: [{type: string, maxLength: 1}, {type: string}]}`, `{oneOf: [{type: object, required: [a]}, {type: array}]}`,
		`{anyOf: [{type: string, maxLength: 1}, {type: integer, minimum: 3}]}`, `{allOf: [{type: object, required: [a]}, {type: object, required: [b], properties: {b: {type: boolean}}}]}`,
		`{type: string, enum: [a, b], nullable: true}`, `{type: string, format: email}`, `{type: integer, format: int32}`, `{oneOf: [{type: integer}, {type: number}]}`,
		`{allOf: [{$ref: "#/components/schemas/X"}], nullable: true}`, `{oneOf: [{$ref: "#/components/schemas/X"}, {type: object, additionalProperties: false}]}`,
		`{type: object, oneOf: [{required: [a]}, {required: [b]}]}`, `{oneOf: [{type: string, enum: [a, b]}, {type: string, enum: [b, x]}]}`, `{oneOf: [{type: string, enum: [a], nullable: true}, {enum: [b]}]}`,
		`{type: string, not: {enum: [a]}}`, `{not: {required: [a], properties: {a: {}}}}`, `{type: object, not: {type: object, required: [a, b]}}`, `{not: {type: integer}}`, `{not: {not: {type: string}}}`,
		`{type: object, maxProperties: 1}`, `{maxProperties: 0, nullable: true}`,
	}
	text := "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n    X: {type: string, maxLength: 1}\n"
	for i, s := range schemas {
		text += fmt.Sprintf("    S%d: %s\n", i, s)
	}
	doc, err := document.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set := New(doc)
	accepted := 0
	for i, schema := range schemas {
		rapid.Check(t, func(t *rapid.T) {
			x := anyValue(t, 3)
			for _, dir := range []Direction{Request, Response} {
				v, err := set.Compile(fmt.Sprintf("/components/schemas/S%d", i), dir)
				if err != nil {
					t.Fatal(err)
				}
				if !v.quick.accepts(x, &v.bits, 0) {
					continue
				}
				accepted++
				if err := v.schema.Validate(value.Plain(x)); err != nil {
					t.Fatalf("%s %s: quick accepts %v, the library says %v", schema, dir, x, err)
				}
			}
		})
	}
	if accepted == 0 {
		t.Fatal("nothing was accepted: the test proves nothing")
	}
}

func anyValue(t *rapid.T, depth int) any {
	kinds := 5
	if depth > 0 {
		kinds = 8
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2, 3:
		return rapid.SampledFrom([]string{"", "a", "b", "ab", "abc", "abcd", "é", "x"}).Draw(t, "text")
	case 4:
		return json.Number(rapid.SampledFrom([]string{"0", "1", "5", "6", "-1", "1.0", "1e0", "0.5", "00", "9999999999999999999"}).Draw(t, "number"))
	case 5:
		n := rapid.IntRange(0, 2).Draw(t, "n")
		out := make([]any, n)
		for i := range out {
			out[i] = anyValue(t, depth-1)
		}
		return out
	case 6:
		out := map[string]any{}
		for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "z"}), 0, 3, rapid.ID).Draw(t, "keys") {
			out[k] = anyValue(t, depth-1)
		}
		return out
	}
	out := value.Object{}
	for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "z"}), 0, 3, rapid.ID).Draw(t, "keys") {
		out = append(out, value.Member{Name: k, Value: anyValue(t, depth-1)})
	}
	return out
}
