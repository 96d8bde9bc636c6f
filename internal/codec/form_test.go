package codec

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/internal/value"
)

func TestFormFollowsTheSchema(t *testing.T) {
	n := schemaOf(t, "shapes.yaml", "Form")
	for _, c := range []struct {
		rule, in string
		want     obj
	}{
		{"empty", "", obj{}},
		{"text", "username=jim%40acme.com&password=a+b%2B%C3%A9", obj{"username": "jim@acme.com", "password": "a b+é"}},
		{"a text of digits", "password=123", obj{"password": "123"}},
		{"types", "remember=true&lifetime=60", obj{"remember": true, "lifetime": num("60")}},
		{"what does not fit stays a text", "remember=1&lifetime=long", obj{"remember": "1", "lifetime": "long"}},
		{"no value", "username&password=&lifetime=", obj{"username": "", "password": "", "lifetime": ""}},
		{"a list", "scope=a&username=u&scope=b", obj{"scope": []any{"a", "b"}, "username": "u"}},
		{"a list of one", "level=1", obj{"level": []any{num("1")}}},
		{"an unknown field", "x=1&x=2&x=3&y=4", obj{"x": []any{"1", "2", "3"}, "y": "4"}},
		{"careless joins", "&&=&username=u&", obj{"username": "u"}},
		{"= in a value", "username=a=b", obj{"username": "a=b"}},
		{"an escaped semicolon", "username=a%3Bb", obj{"username": "a;b"}},
		{"an escaped name", "user%6eame=u", obj{"username": "u"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := DecodeForm([]byte(c.in), "utf-8", n, Limits{})
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
	got, err := DecodeForm([]byte("a=1&a=2"), "", nil, Limits{})
	if err != nil || !reflect.DeepEqual(got, obj{"a": []any{"1", "2"}}) {
		t.Errorf("without a schema: %v, %v", got, err)
	}
	got, err = DecodeForm([]byte("grant=token&token=1"), "", schemaOf(t, "shapes.yaml", "Choice"), Limits{})
	if err != nil || !reflect.DeepEqual(got, obj{"grant": "token", "token": num("1")}) {
		t.Errorf("an alternative: %v, %v", got, err)
	}
}

func TestFormRefuses(t *testing.T) {
	n := schemaOf(t, "shapes.yaml", "Form")
	for _, c := range []struct {
		rule, in, charset string
		kind              Kind
		pointer, about    string
	}{
		{"a scalar twice", "password=Tr0ub4dor&password=b", "", Malformed, "/password", "twice"},
		{"a semicolon", "username=a;password=Tr0ub4dor", "", Malformed, "/username", "semicolon"},
		{"a semicolon in a name", "a;b=1", "", Malformed, "", "semicolon"},
		{"a cut escape", "username=%4", "", Malformed, "/username", "%"},
		{"an escape across a border", "username=%4&1=x", "", Malformed, "/username", "%"},
		{"no escape", "username=Tr0ub4dor%zz", "", Malformed, "/username", "%"},
		{"escapes that are not UTF-8", "username=Tr0ub4dor%FF", "", Malformed, "/username", "UTF-8"},
		{"bytes that are not UTF-8", "username=\xFF", "", Malformed, "/username", "UTF-8"},
		{"a name that is not UTF-8", "%C0%80=1", "", Malformed, "", "UTF-8"},
		{"a value without a name", "=Tr0ub4dor", "", Malformed, "", "no name"},
		{"another charset", "username=a", "iso-8859-1", Encoding, "", "UTF-8 only"},
		{"too many fields", strings.Repeat("scope=a&", 11), "", TooLarge, "", "at most 10"},
		{"too many bytes", "username=" + strings.Repeat("a", 200), "", TooLarge, "", "at most 200"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := DecodeForm([]byte(c.in), c.charset, n, Limits{Bytes: 200, Values: 10})
			refused(t, err, c.kind, c.pointer, c.about)
		})
	}
}

func TestFormEncodes(t *testing.T) {
	v := value.Object{{Name: "b c", Value: "d&é+"}, {Name: "a", Value: []any{1, true, json.Number("2")}}, {Name: "none", Value: nil}, {Name: "e", Value: ""}}
	got, err := AppendForm([]byte("?"), v)
	if want := "?b+c=d%26%C3%A9%2B&a=1&a=true&a=2&e="; err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	got, err = AppendForm(nil, obj{"b": 1, "a": 2})
	if err != nil || string(got) != "a=2&b=1" {
		t.Errorf("a map: %s, %v", got, err)
	}
	for _, c := range []struct {
		rule    string
		v       any
		kind    Kind
		pointer string
		about   string
	}{
		{"an object within", obj{"a": obj{}}, Unsupported, "/a", "texts"},
		{"a list in a list", obj{"a": []any{1, []any{}}}, Unsupported, "/a/1", "texts"},
		{"a list", []any{}, Unsupported, "", "object"},
		{"no name", obj{"": "a"}, Unsupported, "/", "no name"},
		{"invalid UTF-8", obj{"a": "\xFF"}, Encoding, "/a", "UTF-8"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := AppendForm(nil, c.v)
			refused(t, err, c.kind, c.pointer, c.about)
		})
	}
}

func TestTextFollowsTheSchema(t *testing.T) {
	set := setOf(t, "text.yaml")
	for _, c := range []struct {
		schema, in string
		want       any
	}{
		{"Integer", "5", num("5")},
		{"Integer", "5.0", num("5.0")}, // an integer to JSON Schema
		{"Integer", "05", "05"},
		{"Integer", " 5", " 5"},
		{"Integer", "+5", "+5"},
		{"Integer", "", ""},
		{"Integer", "1e99999", "1e99999"},
		{"Integer", strings.Repeat("9", 300), strings.Repeat("9", 300)},
		{"Number", "-1.5e3", num("-1.5e3")},
		{"Boolean", "true", true},
		{"Boolean", "false", false},
		{"Boolean", "1", "1"},
		{"Boolean", "True", "True"},
		{"String", "5", "5"},
		{"Any", "5", "5"},
		{"Nullable", "5", num("5")},
		{"StringOrInteger", "5", "5"},
		{"OneOf", "5", num("5")},
		{"OneOf", "true", true},
		{"OneOf", "x", "x"},
		{"Enum", "1", num("1")},
		{"Enum", "a", "a"},
		{"Enum", "2", "2"},
		{"Object", "a", "a"},
	} {
		n, ok := set.Node("/components/schemas/" + c.schema)
		if !ok {
			t.Fatal(c.schema)
		}
		if got := DecodeText(n, c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %q: %#v, want %#v", c.schema, c.in, got, c.want)
		}
	}
	if got := DecodeText(nil, "1"); got != "1" {
		t.Errorf("without a schema: %#v", got)
	}
}

func TestMediaTypesAreReadLeniently(t *testing.T) {
	for in, want := range map[string]struct {
		typ    string
		params map[string]string
	}{
		"application/json":                           {"application/json", nil},
		" Application/JSON ; Charset=UTF-8 ":         {"application/json", map[string]string{"charset": "utf-8"}},
		`text/xml;charset = "ISO-8859-1" ;; a=B;`:    {"text/xml", map[string]string{"charset": "iso-8859-1", "a": "B"}},
		`multipart/form-data; boundary=----AaB03x`:   {"multipart/form-data", map[string]string{"boundary": "----AaB03x"}},
		`multipart/form-data; boundary="a;b=\"c\\d"`: {"multipart/form-data", map[string]string{"boundary": `a;b="c\d`}},
		`multipart/form-data; boundary==_a/b?`:       {"multipart/form-data", map[string]string{"boundary": "=_a/b?"}},
		"application/vnd.x+json;v=1":                 {"application/vnd.x+json", map[string]string{"v": "1"}},
	} {
		typ, params, err := MediaType(in)
		if err != nil || typ != want.typ || len(params) != len(want.params) {
			t.Errorf("%s: %s %v %v", in, typ, params, err)
		}
		for k, v := range want.params {
			if params[k] != v {
				t.Errorf("%s: %s is %q, want %q", in, k, params[k], v)
			}
		}
	}
	for in, about := range map[string]string{
		"":                           "missing",
		" ; charset=utf-8":           "missing",
		"json":                       "type/subtype",
		"application/":               "type/subtype",
		"application/json/x":         "type/subtype",
		"application/json, text/xml": "type/subtype",
		"a/b; charset":               "without a value",
		"a/b; c; d=1":                "without a value",
		"a/b; =utf-8":                "without a name",
		"a/b; c=":                    "neither a token",
		`a/b; c="Tr0ub4dor`:          "neither a token",
		`a/b; c="d" e`:               "neither a token",
		`a/b; c="d\`:                 "neither a token",
		"a/b; c=d e":                 "neither a token",
		"a/b; c=\"\x01\"":            "neither a token",
		"a/b; c=d; C=e":              "twice",
	} {
		_, _, err := MediaType(in)
		refused(t, err, Malformed, "", about)
	}
	_, _, err := MediaType("a/b; c=" + strings.Repeat("d", 1100))
	refused(t, err, TooLarge, "", "too long")
}
