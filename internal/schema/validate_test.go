package schema_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

// judgement is a schema, a value, and the findings that are due, as brief
// writes them.
type judgement struct{ schema, value, want string }

func judge(t *testing.T, versions []string, dir schema.Direction, cases []judgement) {
	t.Helper()
	for _, version := range versions {
		for _, c := range cases {
			t.Run(version+" "+c.schema+" "+c.value, func(t *testing.T) {
				v := compile(t, one(t, version, c.schema), "S", dir)
				if got := brief(v.Validate(decode(t, c.value))); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		}
	}
}

func TestBothVersionsJudgeAlike(t *testing.T) {
	judge(t, versions, schema.Request, []judgement{
		{`{type: string}`, `"a"`, ""},
		{`{type: string}`, `1`, " type"},
		{`{type: string}`, `null`, " type"},
		{`{type: integer}`, `1.0`, ""},
		{`{type: integer}`, `1.5`, " type"},
		{`{type: number, minimum: 1, maximum: 2}`, `0.5`, " minimum"},
		{`{type: number, minimum: 1, maximum: 2}`, `3`, " maximum"},
		{`{type: number, multipleOf: 0.01}`, `0.07`, ""},
		{`{type: number, multipleOf: 0.01}`, `0.075`, " multipleOf"},
		{`{type: string, enum: [NG, WEB]}`, `"WEB"`, ""},
		{`{type: string, enum: [NG, WEB]}`, `"XX"`, " enum"},
		{`{type: string, minLength: 2, maxLength: 3}`, `"é"`, " minLength"},
		{`{type: string, minLength: 2, maxLength: 3}`, `"éééé"`, " maxLength"},
		{`{type: string, pattern: '^[0-9A-F]{4}$'}`, `"00FF"`, ""},
		{`{type: string, pattern: '^[0-9A-F]{4}$'}`, `"00ff"`, " pattern"},
		{`{type: array, minItems: 1, maxItems: 2, items: {type: string}}`, `[]`, " minItems"},
		{`{type: array, minItems: 1, maxItems: 2, items: {type: string}}`, `["a", 1, "b"]`, " maxItems; /1 type"},
		{`{type: array, uniqueItems: true}`, `[1, 2, 1.0]`, " uniqueItems"},
		{`{type: object, minProperties: 1}`, `{}`, " minProperties"},
		{`{type: object, maxProperties: 1}`, `{"a": 1, "b": 2}`, " maxProperties"},
		{`{type: object, required: [b, a]}`, `{}`, "/a required; /b required"},
		{`{type: object, properties: {a: {type: object, required: [b/c]}}}`, `{"a": {}}`, "/a/b~1c required"},
		{`{type: object, properties: {a: {}}, additionalProperties: false}`, `{"b": 1, "a": 2, "c~": 3}`, "/b additionalProperties; /c~0 additionalProperties"},
		{`{type: object, additionalProperties: {type: integer}}`, `{"b": "1"}`, "/b type"},
		{`{not: {type: string}}`, `"a"`, " not"},
		{`{allOf: [{required: [a]}, {required: [a, b]}]}`, `{}`, "/a required; /b required"},
		{`{type: object, properties: {$ref: {type: string}}}`, `{"$ref": 1}`, "/$ref type"},
		{`{x-schema: 1, example: 5, xml: 3, discriminator: 7, title: [], default: {}, type: string}`, `"a"`, ""},
	})
}

func TestDialectOf30(t *testing.T) {
	judge(t, []string{"3.0.0", "3.0.3", "3.0.4"}, schema.Request, []judgement{
		{`{type: string, nullable: true}`, `null`, ""},
		{`{type: string, nullable: true, enum: [a]}`, `null`, ""},
		{`{type: string, nullable: true, enum: [a]}`, `"b"`, " enum"},
		{`{type: string, nullable: false}`, `null`, " type"},
		{`{nullable: true, allOf: [{type: object, required: [a]}]}`, `null`, ""},
		{`{nullable: true, allOf: [{type: object, required: [a]}]}`, `{}`, "/a required"},
		{`{nullable: true, allOf: [{type: object, required: [a]}]}`, `"a"`, " type"},
		{`{type: number, minimum: 1, exclusiveMinimum: true}`, `1`, " exclusiveMinimum"},
		{`{type: number, minimum: 1, exclusiveMinimum: false}`, `1`, ""},
		{`{type: number, maximum: 1, exclusiveMaximum: true}`, `1`, " exclusiveMaximum"},
		{`{type: number, exclusiveMaximum: true}`, `1`, ""},
		{`{properties: {a: {$ref: '#/components/schemas/S/properties/b', type: string, nullable: true}, b: {type: integer}}}`, `{"a": 1}`, ""},
		{`{properties: {a: {$ref: '#/components/schemas/S/properties/b', type: string, nullable: true}, b: {type: integer}}}`, `{"a": null}`, "/a type"},
	})
}

func TestDialectOf31(t *testing.T) {
	judge(t, []string{"3.1.0", "3.1.1"}, schema.Request, []judgement{
		{`{type: [string, 'null']}`, `null`, ""},
		{`{type: string, nullable: true}`, `null`, " type"},
		{`{exclusiveMinimum: 1}`, `1`, " exclusiveMinimum"},
		{`{const: 1}`, `2`, " const"},
		{`{const: 1}`, `1.0`, ""},
		{`{properties: {a: {$ref: '#/components/schemas/S/$defs/b', minLength: 2}}, $defs: {b: {type: string}}}`, `{"a": "x"}`, "/a minLength"},
		{`{properties: {a: {$ref: '#b'}}, $defs: {b: {$anchor: b, type: string}}}`, `{"a": 1}`, "/a type"},
		{`{properties: {a: {$dynamicRef: '#b'}}, $defs: {b: {$dynamicAnchor: b, type: string}}}`, `{"a": 1}`, "/a type"},
		{`{$dynamicRef: '#b', allOf: [{required: [c]}], $defs: {b: {$dynamicAnchor: b, required: [d]}}}`, `{}`, "/c required; /d required"},
		{`{prefixItems: [{type: string}], items: false}`, `[1, 2]`, "/0 type; /1 items"},
		{`{patternProperties: {'^x-': true}, additionalProperties: false}`, `{"x-a": 1, "y": 2}`, "/y additionalProperties"},
		{`{propertyNames: {maxLength: 2}}`, `{"abc": 1, "a": 1}`, "/abc propertyNames"},
		{`{properties: {a: {propertyNames: {maxLength: 2}}, b: {type: string}, c: {type: string}}}`, `{"a": {"xyz": 1}, "b": 1, "c": 1}`, "/a/xyz propertyNames; /b type; /c type"},
		{`{dependentRequired: {a: [b]}}`, `{"a": 1}`, "/b dependentRequired"},
		{`{dependentSchemas: {a: {required: [b]}}}`, `{"a": 1}`, "/b required"},
		{`{if: {required: [a]}, then: {required: [b]}, else: {required: [c]}}`, `{"a": 1}`, "/b required"},
		{`{if: {required: [a]}, then: {required: [b]}, else: {required: [c]}}`, `{}`, "/c required"},
		{`{contains: {type: string}}`, `[1]`, " contains"},
		{`{contains: {type: string}, minContains: 2}`, `["a"]`, " minContains"},
		{`{contains: {type: string}, maxContains: 1}`, `["a", "b"]`, " maxContains"},
		{`{allOf: [{properties: {a: {type: string}}}], unevaluatedProperties: false}`, `{"a": "x", "b": 1}`, "/b unevaluatedProperties"},
		// A branch that fails makes what it declares count as unknown.
		{`{allOf: [{properties: {a: {type: string}}}], unevaluatedProperties: false}`, `{"a": 1}`, "/a type"},
		{`{prefixItems: [true], unevaluatedItems: false}`, `[1, 2]`, "/1 unevaluatedItems"},
		{`{properties: {a: false}}`, `{"a": 1}`, "/a false"},
		{`true`, `1`, ""},
		{`false`, `1`, " false"},
		{`{}`, `1`, ""},
	})
}

func TestAlternativesReportTheClosest(t *testing.T) {
	judge(t, versions, schema.Request, []judgement{
		{`{oneOf: [{type: string}, {type: integer}]}`, `true`, " type"},
		{`{oneOf: [{type: string}, {type: object, required: [a, b]}]}`, `{}`, "/a required; /b required"},
		{`{anyOf: [{required: [a, b]}, {required: [c]}]}`, `{}`, "/c required"},
		{`{anyOf: [{required: [a]}, {properties: {b: {type: object, required: [c]}}, required: [b]}]}`, `{"b": {}}`, "/b/c required"},
		{`{oneOf: [{properties: {k: {enum: [cat]}}, required: [x, y]}, {properties: {k: {enum: [dog]}}}]}`, `{"k": "cat"}`, "/x required; /y required"},
		{`{oneOf: [{type: integer}, {type: number}]}`, `1`, " oneOf"},
		{`{oneOf: [{type: integer}, {type: number}]}`, `1.5`, ""},
		{`{anyOf: [{type: integer}, {type: number}]}`, `1`, ""},
		{`{anyOf: [{oneOf: [{type: string, maxLength: 1}, {type: object}]}, {type: integer}]}`, `"ab"`, " maxLength"},
	})
	v := compile(t, one(t, "3.0.3", `{oneOf: [{type: string}, {type: integer}, {type: string, nullable: true}]}`), "S", schema.Request)
	if got := v.Validate(true)[0].Message; got != "want a string, an integer or null, got a boolean" {
		t.Errorf("got %q", got)
	}
}

func TestFormats(t *testing.T) {
	for format, c := range map[string]struct{ good, bad []string }{
		"date-time": {
			[]string{`"2026-01-31T12:00:00Z"`, `"2026-01-31t12:00:00.123z"`, `"2026-01-31T12:00:00+14:00"`, `"2016-12-31T23:59:60Z"`, `"2017-01-01T00:59:60+01:00"`, `1`},
			[]string{`"2026-01-31"`, `"2026-02-30T12:00:00Z"`, `"2026-01-31T24:00:00Z"`, `"2026-01-31T12:00:00"`, `"2026-01-31 12:00:00Z"`, `"2026-01-31T12:00:00,1Z"`, `"2026-01-31T12:00:00.Z"`, `"2026-01-31T12:00:60Z"`, `"2026-01-31T+1:00:00Z"`, `"2026-01-31T12:00:00+0100"`},
		},
		"date":     {[]string{`"2024-02-29"`, `"0000-01-01"`}, []string{`"2023-02-29"`, `"2023-13-01"`, `"2023-00-01"`, `"2023-1-1"`, `"23-01-01"`, `"2023-01-00"`}},
		"uuid":     {[]string{`"f81d4fae-7dec-11d0-a765-00a0c91e6bf6"`, `"F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"`}, []string{`"f81d4fae7dec11d0a76500a0c91e6bf6"`, `"f81d4fae-7dec-11d0-a765-00a0c91e6bfg"`, `""`}},
		"email":    {[]string{`"a@b"`, `"a.b+c@example.com"`, `"\"a b\"@example.com"`}, []string{`"a"`, `"@b"`, `"a@"`, `"a..b@c"`, `"a b@c"`, `"a@-b"`, `"A <a@b>"`, `"a@b_c"`}},
		"uri":      {[]string{`"https://example.com/a?b=%20#c"`, `"urn:a:b"`, `"http://[::1]:80/"`}, []string{`"/a"`, `"a"`, `"http://a b"`, `"http://a/%zz"`, `"http://a/\u00e9"`, `""`}},
		"ipv4":     {[]string{`"192.0.2.1"`}, []string{`"192.0.2"`, `"192.0.2.256"`, `"192.0.02.1"`, `"::1"`, `"+1.0.0.1"`}},
		"ipv6":     {[]string{`"::1"`, `"2001:db8::ffff:1.2.3.4"`}, []string{`"1.2.3.4"`, `"fe80::1%eth0"`, `":"`}},
		"int32":    {[]string{`2147483647`, `-2147483648`, `1e3`, `2.0`, `"x"`}, []string{`2147483648`, `-2147483649`, `1e10`}},
		"int64":    {[]string{`9223372036854775807`, `-9223372036854775808`}, []string{`9223372036854775808`, `1e19`}},
		"byte":     {[]string{`"aGk="`, `""`, `"+/+/"`}, []string{`"aGk"`, `"a==="`, `"-_-_"`, `"aG\nk"`}},
		"password": {[]string{`""`, `"x"`}, nil},
		"hostname": {[]string{`"-"`}, nil}, // not in the table of those asserted
		"regex":    {[]string{`"("`}, nil},
	} {
		for _, version := range versions {
			v := compile(t, one(t, version, `{format: `+format+`}`), "S", schema.Response)
			for _, text := range c.good {
				if fs := v.Validate(decode(t, text)); fs != nil {
					t.Errorf("%s %s: got %v", format, text, fs)
				}
			}
			for _, text := range c.bad {
				if got := brief(v.Validate(decode(t, text))); got != " format" {
					t.Errorf("%s %s: got %q", format, text, got)
				}
			}
		}
	}
}

func TestReadOnlyAndWriteOnly(t *testing.T) {
	for _, version := range versions {
		s := load(t, version, `S:
  type: object
  required: [id, name, password]
  properties:
    id: {type: string, readOnly: true}
    name: {type: string}
    password: {type: string, writeOnly: true}
  additionalProperties: false
ByRef:
  required: [id]
  properties: {id: {$ref: '#/components/schemas/Id'}}
Id: {type: string, readOnly: true}
ByAllOf:
  required: [id]
  properties: {id: {readOnly: true, allOf: [{type: string}]}}
InBranch:
  allOf:
    - {properties: {id: {$ref: '#/components/schemas/Id'}}}
    - {required: [id, name]}
False:
  properties: {id: {readOnly: false, type: string}}`)
		for _, c := range []struct {
			name, value       string
			request, response string
		}{
			{"S", `{"name": "a"}`, "/password required", "/id required"},
			{"S", `{"name": "a", "id": "i"}`, "/id readOnly; /password required", ""},
			{"S", `{"name": "a", "password": "p"}`, "", "/id required; /password writeOnly"},
			{"S", `{"name": "a", "id": 1, "password": 1}`, "/id readOnly; /password type", "/id type; /password writeOnly"},
			{"ByRef", `{}`, "", "/id required"},
			{"ByRef", `{"id": "i"}`, "/id readOnly", ""},
			{"ByAllOf", `{"id": "i"}`, "/id readOnly", ""},
			{"InBranch", `{}`, "/name required", "/id required; /name required"},
			{"InBranch", `{"id": "i", "name": "a"}`, "/id readOnly", ""},
			{"False", `{"id": "i"}`, "", ""},
		} {
			x := decode(t, c.value)
			if got := brief(compile(t, s, c.name, schema.Request).Validate(x)); got != c.request {
				t.Errorf("%s request %s %s: got %q, want %q", version, c.name, c.value, got, c.request)
			}
			if got := brief(compile(t, s, c.name, schema.Response).Validate(x)); got != c.response {
				t.Errorf("%s response %s %s: got %q, want %q", version, c.name, c.value, got, c.response)
			}
		}
	}
}

func TestRecursiveSchemas(t *testing.T) {
	for _, version := range versions {
		s := load(t, version, `Tree:
  type: object
  required: [name]
  properties:
    name: {type: string}
    children: {type: array, items: {$ref: '#/components/schemas/Tree'}}
Loop: {allOf: [{$ref: '#/components/schemas/Loop'}]}`)
		v := compile(t, s, "Tree", schema.Request)
		if fs := v.Validate(decode(t, `{"name": "a", "children": [{"name": "b", "children": []}]}`)); fs != nil {
			t.Errorf("got %v", fs)
		}
		if got := brief(v.Validate(decode(t, `{"name": "a", "children": [{"children": [{}, 1]}]}`))); got !=
			"/children/0/children/0/name required; /children/0/children/1 type; /children/0/name required" {
			t.Errorf("got %q", got)
		}
		if got := brief(compile(t, s, "Loop", schema.Request).Validate("x")); got != " $ref" {
			t.Errorf("got %q", got)
		}
	}
}

func TestPatternsOfECMAScriptWhereRE2Refuses(t *testing.T) {
	for pattern, c := range map[string]struct{ good, bad string }{
		`^(?=.*[0-9]).{4,}$`: {"abc1", "abcd"},
		`^(a|b)\1$`:          {"aa", "ab"},
		`^\u00e9$`:           {"é", "e"},
		`^a{1001}$`:          {strings.Repeat("a", 1001), "a"},
		// Exponential: it is cut off, and then does not match.
		`^(?=a)(a+)+$`: {"aaa", strings.Repeat("a", 40) + "!"},
	} {
		v := compile(t, one(t, "3.0.3", `{type: string, pattern: '`+pattern+`'}`), "S", schema.Request)
		if fs := v.Validate(c.good); fs != nil {
			t.Errorf("%s: got %v", pattern, fs)
		}
		if got := brief(v.Validate(c.bad)); got != " pattern" {
			t.Errorf("%s: got %q", pattern, got)
		}
	}
}

func TestMessages(t *testing.T) {
	for _, c := range []struct{ schema, value, want string }{
		{`{type: integer}`, `"secret"`, "want an integer, got a string"},
		{`{type: string}`, `{}`, "want a string, got an object"},
		{`{type: object, required: [a]}`, `{}`, "is required"},
		{`{enum: [NG, WEB]}`, `"secret"`, `want one of "NG", "WEB"`},
		{`{enum: [NG]}`, `"secret"`, `want "NG"`},
		{`{const: 5}`, `"secret"`, `want 5`},
		{`{minLength: 9}`, `"secret"`, "want at least 9 characters"},
		{`{maxLength: 1}`, `"secret"`, "want at most 1 character"},
		{`{minimum: 1.5}`, `1`, "want a number of at least 1.5"},
		{`{pattern: '^a$'}`, `"secret"`, "want a string that matches ^a$"},
		{`{format: date}`, `"secret"`, "want a date, such as 2026-01-31"},
		{`{additionalProperties: false}`, `{"a": 1}`, "is not a known property"},
		{`{minItems: 2}`, `["secret"]`, "want at least 2 items, got 1"},
	} {
		v := compile(t, one(t, "3.1.0", c.schema), "S", schema.Request)
		if fs := v.Validate(decode(t, c.value)); len(fs) != 1 || fs[0].Message != c.want {
			t.Errorf("%s: got %v, want %q", c.schema, fs, c.want)
		}
	}
}

func TestOrderedValuesAreJudgedLikePlainOnes(t *testing.T) {
	v := compile(t, one(t, "3.0.3", `{type: object, required: [a], properties: {b: {type: array, items: {type: object, required: [c]}}}}`), "S", schema.Request)
	o := value.Object{{Name: "b", Value: []any{value.Object{}, map[string]any{"c": 1}}}}
	before := value.Clone(o)
	if got := brief(v.Validate(o)); got != "/a required; /b/0/c required" {
		t.Errorf("got %q", got)
	}
	if !reflect.DeepEqual(before, any(o)) {
		t.Error("the value was changed")
	}
}

func TestNumbersThatJSONCannotWriteAreRefusedCheaply(t *testing.T) {
	for _, version := range versions {
		v := compile(t, one(t, version, `{type: object, properties: {a: {type: array, items: {type: integer, minimum: 1}}}}`), "S", schema.Request)
		for _, n := range []string{"1e999999999", "-1e-999999999", "1e401", "1/3", "0x10", "", "-", "01", "1.", ".5", "1e", "NaN", "1_000", strings.Repeat("9", 401)} {
			x := map[string]any{"a": []any{json.Number("5"), json.Number(n)}}
			if got := brief(v.Validate(x)); got != "/a/1 type" {
				t.Errorf("%.20q: got %q", n, got)
			}
		}
	}
}

func TestValuesThatNestTooDeepAreRefused(t *testing.T) {
	s := load(t, "3.1.0", `S: {properties: {a: {$ref: '#/components/schemas/S'}, b: {type: string}}}`)
	v := compile(t, s, "S", schema.Request)
	var x any = map[string]any{}
	for range 200 {
		x = map[string]any{"a": x}
	}
	if fs := v.Validate(x); fs != nil {
		t.Errorf("200 levels: got %v", fs)
	}
	if got := brief(v.Validate(map[string]any{"a": x, "b": json.Number("1e999")})); got != " type" {
		t.Errorf("201 levels: got %q", got)
	}
}

func TestValuesThatAreNotJSONAreRefused(t *testing.T) {
	v := compile(t, one(t, "3.1.0", `{}`), "S", schema.Request)
	_ = v.Validate(struct{}{})
	v = compile(t, one(t, "3.1.0", `{properties: {a: {minimum: 1}}}`), "S", schema.Request)
	if got := brief(v.Validate(map[string]any{"a": struct{}{}})); got != "/a type" {
		t.Errorf("got %q", got)
	}
}

const login = `S:
  type: object
  required: [platform]
  additionalProperties: false
  properties:
    platform:
      type: object
      required: [login, password, client]
      additionalProperties: false
      properties:
        login: {type: string, minLength: 1}
        password: {type: string, format: password}
        client: {type: string, enum: [NG, WEB]}`

func BenchmarkValidateLogin(b *testing.B) {
	v := compile(b, load(b, "3.0.3", login), "S", schema.Request)
	x := decode(b, `{"platform": {"login": "ann", "password": "secret", "client": "NG"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if v.Validate(x) != nil {
			b.Fatal("not valid")
		}
	}
}

func BenchmarkValidateFlatLogin(b *testing.B) {
	v := compile(b, load(b, "3.0.3", `S: {type: object, required: [login, password], properties: {login: {type: string}, password: {type: string}}, additionalProperties: false}`), "S", schema.Request)
	x := decode(b, `{"login": "ann", "password": "secret"}`)
	b.ReportAllocs()
	for b.Loop() {
		if v.Validate(x) != nil {
			b.Fatal("not valid")
		}
	}
}

func BenchmarkCompileLogin(b *testing.B) {
	for b.Loop() {
		compile(b, load(b, "3.0.3", login), "S", schema.Request) // the reading of the YAML included
	}
}
