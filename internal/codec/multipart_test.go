package codec

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// parts joins parts, each given as its headers and its content.
func parts(p ...string) string {
	var b strings.Builder
	for i := 0; i < len(p); i += 2 {
		fmt.Fprintf(&b, "--xyz\r\n%s\r\n\r\n%s\r\n", p[i], p[i+1])
	}
	return b.String() + "--xyz--\r\n"
}

// named is the headers of a field.
func named(name string, more ...string) string {
	return strings.Join(append([]string{`Content-Disposition: form-data; name="` + name + `"`}, more...), "\r\n")
}

const (
	typeJSON  = "Content-Type: application/json"
	asFile    = `"; filename="f.bin`
	emptyFile = `"; filename="`
)

func TestMultipartFollowsTheSchema(t *testing.T) {
	n := schemaOf(t, "shapes.yaml", "Form")
	for _, c := range []struct {
		rule, in string
		want     obj
	}{
		{"nothing", parts(), obj{}},
		{"fields", parts(named("username"), "jim", named("password"), "a\r\nb ", named("lifetime"), "60", named("remember"), "true"),
			obj{"username": "jim", "password": "a\r\nb ", "lifetime": num("60"), "remember": true}},
		{"text that says so", parts(named("lifetime", "Content-Type: text/plain; charset=UTF-8"), "60"), obj{"lifetime": num("60")}},
		{"a list", parts(named("scope"), "a", named("level"), "1", named("scope"), "b"), obj{"scope": []any{"a", "b"}, "level": []any{num("1")}}},
		{"JSON", parts(named("profile", typeJSON), `{"name":"Jim"}`), obj{"profile": obj{"name": "Jim"}}},
		{"a list in JSON", parts(named("level", typeJSON), `[1,2]`), obj{"level": []any{num("1"), num("2")}}},
		{"a list's elements in JSON", parts(named("level", typeJSON), `1`, named("level", typeJSON), `2`), obj{"level": []any{num("1"), num("2")}}},
		{"an unknown list in JSON", parts(named("x", typeJSON), `[1]`, named("x", typeJSON), `null`), obj{"x": []any{[]any{num("1")}, nil}}},
		{"a file of text", parts(named("files"+asFile, "Content-Type: text/html"), "<é>"), obj{"files": []any{"<é>"}}},
		{"a file of bytes", parts(named("files"+asFile), "\xFF\x00", named("files"+emptyFile), ""), obj{"files": []any{"/wA=", ""}}},
		{"bytes without a name", parts(named("username", "Content-Type: application/octet-stream"), "\xFF"), obj{"username": "/w=="}},
		{"an unknown field", parts(named("x"), "1", named("x"), "2"), obj{"x": []any{"1", "2"}}},
		{"a name in UTF-8", parts(named("é"), "1"), obj{"é": "1"}},
		{"an escaped name", parts(named(`a\"b\\c`), "1"), obj{`a"b\c`: "1"}},
		{"a name without quotes", parts("content-disposition: Form-Data; NAME=username", "u"), obj{"username": "u"}},
		{"a preamble and an epilogue", "for old readers\r\n" + parts(named("username"), "u") + "the end", obj{"username": "u"}},
		{"lines that end with LF", strings.ReplaceAll(parts(named("username"), "u"), "\r\n", "\n"), obj{"username": "u"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := DecodeMultipart([]byte(c.in), "xyz", n, Limits{})
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestMultipartRefuses(t *testing.T) {
	n := schemaOf(t, "shapes.yaml", "Form")
	whole := parts(named("username"), secret)
	for _, c := range []struct {
		rule, in       string
		kind           Kind
		pointer, about string
	}{
		{"empty", "", Malformed, "", "too early"},
		{"another boundary", strings.ReplaceAll(whole, "xyz", "abc"), Malformed, "", "too early"},
		{"cut in the content", whole[:strings.Index(whole, secret)+3], Malformed, "", "too early"},
		{"cut before the end", strings.TrimSuffix(whole, "--xyz--\r\n"), Malformed, "", "too early"},
		{"cut in the headers", "--xyz\r\nContent-Disp", Malformed, "", "well-formed"},
		{"cut after a boundary", "--xyz\r\n", Malformed, "", "too early"},
		{"no end", strings.TrimSuffix(whole, "--\r\n") + "\r\n", Malformed, "", "too early"},
		{"headers that are none", parts(secret, "u"), Malformed, "", "well-formed"},
		{"no disposition", parts("Content-Type: text/plain", "u"), Malformed, "", "Content-Disposition"},
		{"two dispositions", parts(named("a", named("b")), "u"), Malformed, "", "Content-Disposition"},
		{"another disposition", parts(`Content-Disposition: attachment; name="a"`, "u"), Malformed, "", "form-data"},
		{"no name", parts(`Content-Disposition: form-data`, "u"), Malformed, "", "no name"},
		{"an empty name", parts(named(""), "u"), Malformed, "", "no name"},
		{"two names", parts(named(`a"; name="b`), "u"), Malformed, "", "cannot be read"},
		{"a name without an end", parts(`Content-Disposition: form-data; name="a`, "u"), Malformed, "", "cannot be read"},
		{"a name that is not UTF-8", parts(named("\xFF"), "u"), Malformed, "", "UTF-8"},
		{"a scalar twice", parts(named("password"), secret, named("password"), "b"), Malformed, "/password", "twice"},
		{"another charset", parts(named("username", "Content-Type: text/plain; charset=iso-8859-1"), secret), Encoding, "/username", "charset"},
		{"text that is not UTF-8", parts(named("username"), secret+"\xFF"), Malformed, "/username", "UTF-8"},
		{"base64", parts(named("username", "Content-Transfer-Encoding: base64"), "YQ=="), Malformed, "/username", "Transfer"},
		{"quoted-printable", parts(named("username", "Content-Transfer-Encoding: Quoted-Printable"), "=41"), Malformed, "/username", "Transfer"},
		{"a type that is none", parts(named("username", "Content-Type: "+secret), "u"), Malformed, "/username", "Content-Type"},
		{"bad JSON", parts(named("profile", typeJSON), `{"name":Tr0ub4dor}`), Malformed, "/profile/name", "JSON"},
		{"JSON in another charset", parts(named("profile", typeJSON+"; charset=utf-16"), `{}`), Encoding, "/profile", "UTF-8"},
		{"too many fields", parts(strings.Split(strings.TrimSuffix(strings.Repeat(named("scope")+"|a|", 11), "|"), "|")...), TooLarge, "", "at most 10"},
		{"too many values in JSON", parts(named("level", typeJSON), `[1,2,3,4,5]`, named("x", typeJSON), `[1,2,3,4,5]`), TooLarge, "/x/3", "too many values"},
		{"too deep in JSON", parts(named("level", typeJSON), `[[[[1]]]]`), TooDeep, "/level/0/0/0", "too deep"},
		{"too long headers", parts(named("a", "X-A: "+strings.Repeat("a", 9000)), "u"), TooLarge, "", "headers"},
		{"too many headers", parts(named("a", strings.TrimSuffix(strings.Repeat("A:b\r\n", 12000), "\r\n")), "u"), TooLarge, "", "headers"},
		{"too many bytes", parts(named("username"), strings.Repeat("a", 70000)), TooLarge, "", "at most"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := DecodeMultipart([]byte(c.in), "xyz", n, Limits{Bytes: 70000, Depth: 3, Values: 10})
			refused(t, err, c.kind, c.pointer, c.about)
		})
	}
	for boundary, about := range map[string]string{
		"":                      "send the boundary parameter",
		"a\r\nb":                "RFC 2046",
		"ends with a space ":    "RFC 2046",
		strings.Repeat("a", 71): "RFC 2046",
		"é":                     "RFC 2046",
	} {
		_, err := DecodeMultipart([]byte(whole), boundary, n, Limits{})
		refused(t, err, Malformed, "", about)
	}
}
