package codec

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/internal/value"
)

func TestJSONDecodes(t *testing.T) {
	for in, want := range map[string]any{
		`null`:                             nil,
		` true `:                           true,
		`false`:                            false,
		`"a"`:                              "a",
		`0`:                                json.Number("0"),
		`-0.50e+3`:                         json.Number("-0.50e+3"),
		`12345678901234567890`:             json.Number("12345678901234567890"),
		`[]`:                               []any{},
		`{}`:                               map[string]any{},
		`[1,"2",[]]`:                       []any{json.Number("1"), "2", []any{}},
		"{\"a\" :\t1,\r\n\"b\":{\"a\":2}}": map[string]any{"a": json.Number("1"), "b": map[string]any{"a": json.Number("2")}},
		`"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00\u0000\uFFFD"`: "\"\\/\b\f\n\r\tAé😀\x00\uFFFD",
		`"é😀 \n é"`:              "é😀 \n é",
		"\xEF\xBB\xBF[1]":        []any{json.Number("1")}, // RFC 8259, 8.1
		`"` + "\u2028\x7F" + `"`: "\u2028\x7F",
	} {
		got, err := DecodeJSON([]byte(in), "utf-8", Limits{})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v; want %#v", in, got, err, want)
		}
	}
}

func TestJSONRefuses(t *testing.T) {
	small := Limits{Bytes: 200, Depth: 3, Values: 5}
	for _, c := range []struct {
		rule, in, charset string
		kind              Kind
		pointer, about    string
	}{
		{"empty body", ``, "", Malformed, "", "empty"},
		{"blank body", " \n", "", Malformed, "", "empty"},
		{"trailing data", `{} {}`, "", Malformed, "", "follows"},
		{"trailing comma in an object", `{"a":1,}`, "", Malformed, "", "name is missing"},
		{"trailing comma in an array", `[1,]`, "", Malformed, "/1", "no JSON value"},
		{"missing comma", `{"a":1 "b":2}`, "", Malformed, "", "without a comma"},
		{"missing comma in an array", `[1 2]`, "", Malformed, "", "without a comma"},
		{"missing colon", `{"a" 1}`, "", Malformed, "/a", "colon"},
		{"name without quotes", `{a:1}`, "", Malformed, "", "name is missing"},
		{"duplicate name", `{"a":1,"b":2,"a":"Tr0ub4dor"}`, "", Malformed, "/a", "twice"},
		{"duplicate name, escaped", `{"a":1,"\u0061":2}`, "", Malformed, "/a", "twice"},
		{"duplicate name within", `[{"x":{"~/":1,"~/":2}}]`, "", Malformed, "/0/x/~0~1", "twice"},
		{"invalid UTF-8", "{\"p\":\"Tr0ub4dor\xFF\"}", "", Malformed, "/p", "UTF-8"},
		{"invalid UTF-8 after an escape", "[\"\\n\xC3\"]", "", Malformed, "/0", "UTF-8"},
		{"invalid UTF-8 in a name", "{\"\xFF\":1}", "", Malformed, "", "UTF-8"},
		{"surrogate in UTF-8", "\"\xED\xA0\x80\"", "", Malformed, "", "UTF-8"},
		{"overlong UTF-8", "\"\xC0\xAF\"", "", Malformed, "", "UTF-8"},
		{"lone high surrogate", `"Tr0ub4dor\ud83d"`, "", Malformed, "", "surrogate"},
		{"lone low surrogate", `"\ude00"`, "", Malformed, "", "surrogate"},
		{"high surrogate and a letter", `"\ud83d\u0041"`, "", Malformed, "", "surrogate"},
		{"unknown escape", `"\x"`, "", Malformed, "", "escape"},
		{"short escape", `"\u12"`, "", Malformed, "", "escape"},
		{"control character", "\"a\nb\"", "", Malformed, "", "control"},
		{"control character after an escape", "\"\\ta\x00b\"", "", Malformed, "", "control"},
		{"unknown word", `[nul]`, "", Malformed, "/0", "word"},
		{"NaN", `NaN`, "", Malformed, "", "no JSON value"},
		{"single quotes", `'Tr0ub4dor'`, "", Malformed, "", "no JSON value"},
		{"NUL", "\x00", "", Malformed, "", "no JSON value"},
		{"leading zero", `01`, "", Malformed, "", "number"},
		{"plus", `+1`, "", Malformed, "", "no JSON value"},
		{"point without digits", `1.`, "", Malformed, "", "number"},
		{"point first", `.5`, "", Malformed, "", "no JSON value"},
		{"exponent without digits", `1e+`, "", Malformed, "", "number"},
		{"minus alone", `-`, "", Malformed, "", "number"},
		{"huge exponent", `1e999999999`, "", TooLarge, "", "number"},
		{"cut text", `{"a":"Tr0ub4dor`, "", Malformed, "/a", "too early"},
		{"cut escape", `"\u00`, "", Malformed, "", "too early"},
		{"cut object", `{"a":1`, "", Malformed, "", "too early"},
		{"cut name", `{"a"`, "", Malformed, "", "too early"},
		{"cut array", `[1,`, "", Malformed, "/1", "too early"},
		{"cut after the brace", `{`, "", Malformed, "", "too early"},
		{"depth", `[[[[]]]]`, "", TooDeep, "/0/0/0", "too deep"},
		{"values", `[1,2,3,4,5]`, "", TooLarge, "/4", "too many values"},
		{"bytes", `"` + strings.Repeat("a", 200) + `"`, "", TooLarge, "", "202 bytes"},
		{"charset", `{}`, "ISO-8859-1", Encoding, "", "UTF-8 only"},
		{"UTF-16", "\xFE\xFF\x00{\x00}", "", Encoding, "", "UTF-16"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := DecodeJSON([]byte(c.in), c.charset, small)
			refused(t, err, c.kind, c.pointer, c.about)
		})
	}
}

func TestJSONErrorsSayLineAndOffset(t *testing.T) {
	_, err := DecodeJSON([]byte("{\n \"a\": 1,\n \"a\": 2\n}"), "", Limits{})
	e := err.(*Error)
	if e.Offset != 12 || !strings.Contains(e.Message, "line 3, offset 12") {
		t.Errorf("offset %d: %v", e.Offset, e)
	}
}

func TestJSONLimitsDefault(t *testing.T) {
	deep := strings.Repeat("[", 64) + strings.Repeat("]", 64)
	if _, err := DecodeJSON([]byte(deep), "", Limits{}); err != nil {
		t.Error(err)
	}
	_, err := DecodeJSON([]byte("["+deep+"]"), "", Limits{})
	refused(t, err, TooDeep, strings.Repeat("/0", 64), "64 levels")
	_, err = DecodeJSON([]byte(strings.Repeat("[", 1<<20)), "", Limits{Depth: 10})
	refused(t, err, TooDeep, strings.Repeat("/0", 10), "10 levels")
}

func TestLongNamesAreCutInPointers(t *testing.T) {
	name := strings.Repeat("é", 1000)
	_, err := DecodeJSON([]byte(`{"`+name+`":[}`), "", Limits{})
	if p := err.(*Error).Pointer; len(p) > 140 || !strings.HasSuffix(p, "…/0") {
		t.Errorf("pointer of %d bytes: %s", len(p), p)
	}
}

func TestJSONEncodes(t *testing.T) {
	for want, v := range map[string]any{
		`null`:                         nil,
		`{"b":1,"a":[true,null]}`:      value.Object{{Name: "b", Value: json.Number("1")}, {Name: "a", Value: []any{true, nil}}},
		`{"a":{},"b":[]}`:              map[string]any{"b": []any{}, "a": value.Object{}},
		`"<a href='x'>&</a>"`:          "<a href='x'>&</a>",
		`"\"\\\b\f\n\r\t\u0000\u001f"`: "\"\\\b\f\n\r\t\x00\x1f",
		"\"é😀\u2028\x7F\"":             "é😀\u2028\x7F",
		`[1,2,0.5]`:                    []any{1, int64(2), 0.5},
		`1e400`:                        json.Number("1e400"),
	} {
		got, err := AppendJSON([]byte("x"), v)
		if err != nil || string(got) != "x"+want {
			t.Errorf("%s, %v; want x%s", got, err, want)
		}
	}
}

func TestJSONDoesNotEncode(t *testing.T) {
	loop := map[string]any{}
	loop["a"] = loop
	for _, c := range []struct {
		rule    string
		v       any
		kind    Kind
		pointer string
		about   string
	}{
		{"a text that is not UTF-8", []any{"a\xFF"}, Encoding, "/0", "UTF-8"},
		{"a name that is not UTF-8", value.Object{{Name: "é\xFF", Value: 1}}, Encoding, "/é\uFFFD", "UTF-8"},
		{"a number that is none", map[string]any{"n": json.Number("0x1")}, Unsupported, "/n", "number"},
		{"an empty number", json.Number(""), Unsupported, "", "number"},
		{"another Go type", []any{struct{}{}}, Unsupported, "/0", "Go type"},
		{"a value that contains itself", loop, TooDeep, strings.Repeat("/a", maxEncodeDepth+1), "too deep"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			dst, err := AppendJSON([]byte("x"), c.v)
			refused(t, err, c.kind, c.pointer, c.about)
			if string(dst) != "x" {
				t.Errorf("dst is %q", dst)
			}
		})
	}
}
