package schema_test

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

const fuzzed = `S:
  type: object
  required: [a, k]
  properties:
    a: {type: integer, minimum: 1, maximum: 1e20, multipleOf: 0.5, format: int32}
    k: {oneOf: [{type: string, pattern: '^(?=x)'}, {type: array, uniqueItems: true, items: {$ref: '#/components/schemas/S'}}, {$ref: '#/components/schemas/S'}]}
    f: {anyOf: [{format: date-time}, {format: email}, {format: uri}, {format: byte}]}
    r: {type: string, readOnly: true}
    w: {not: {type: string}, writeOnly: true}
    m: {propertyNames: {maxLength: 2}, additionalProperties: {enum: [1, null, {b: []}]}}
    u: {allOf: [{properties: {x: {const: 1}}}], unevaluatedProperties: false}
    n: {contains: {type: number}, minItems: 1, maxItems: 3}
  additionalProperties: false`

const secret = "S3CR3T"

// FuzzValidate holds that Validate does not panic, gives the same findings in
// order each time, for ordered values too, and that no message quotes a value.
func FuzzValidate(f *testing.F) {
	for _, text := range []string{
		`{"a": 1, "k": "x"}`, `{"a": 1.5, "k": [{}, {"a": 2, "k": []}, {}], "z": 1}`, `null`, `[]`, `{"a": 1e999999999}`,
		`{"k": {"k": {"k": {}}}, "f": "2026-01-31T12:00:00Z", "m": {"abc": 1, "d": {"b": []}}, "u": {"x": 2, "y": 3}, "n": ["a"], "r": "x", "w": "y"}`,
		`{"f": "a@b@c", "n": [1, 2, 3, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}`,
	} {
		f.Add(text)
	}
	var validators []*schema.Validator
	for _, version := range versions {
		s := load(f, version, fuzzed)
		validators = append(validators, compile(f, s, "S", schema.Request), compile(f, s, "S", schema.Response))
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var x any
		if d.Decode(&x) != nil {
			x = json.Number(text)
		}
		for _, v := range validators {
			fs := v.Validate(x)
			if !reflect.DeepEqual(fs, v.Validate(x)) || !reflect.DeepEqual(fs, v.Validate(sorted(x))) {
				t.Fatal("the findings differ from time to time")
			}
			if !slices.IsSortedFunc(fs, func(a, b schema.Finding) int {
				return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Keyword, b.Keyword))
			}) {
				t.Fatalf("not in order: %v", fs)
			}
			for _, f := range v.Validate(marked(x)) {
				if f.Keyword == "" || f.Message == "" || strings.Contains(f.Message, secret) {
					t.Fatalf("a bad finding: %+v", f)
				}
			}
		}
	})
}

// sorted returns x with its maps as ordered objects.
func sorted(x any) any {
	switch x := x.(type) {
	case map[string]any:
		o := value.Object{}
		for name, e := range x {
			o = append(o, value.Member{Name: name, Value: sorted(e)})
		}
		return o
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = sorted(x[i])
		}
		return out
	}
	return x
}

// marked returns x with a secret in all its texts.
func marked(x any) any {
	switch x := x.(type) {
	case string:
		return secret + x
	case map[string]any:
		out := map[string]any{}
		for name, e := range x {
			out[name] = marked(e)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = marked(x[i])
		}
		return out
	}
	return x
}
