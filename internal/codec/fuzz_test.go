package codec

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

// checkError asserts what holds of every refusal.
func checkError(t *testing.T, v any, err error) {
	t.Helper()
	var e *Error
	switch {
	case err == nil:
		return
	case !errors.As(err, &e) || e.Kind == 0 || e.Message == "" || e.Offset < 0:
		t.Fatalf("not a full Error: %#v", err)
	case v != nil:
		t.Fatalf("an error and a value: %v", v)
	case !utf8.ValidString(e.Error()):
		t.Fatalf("the error is not UTF-8: %q", e.Error())
	case len(e.Message) > 300:
		t.Fatalf("a message of %d bytes", len(e.Message))
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"userName":"jim@acme.com","password":"jimacme"}`,
		`{"platform":{"login":{"userName":"jim@acme.com","password":"jimacme"}}}`,
		`[1,-2.5e3,true,false,null,"\ud83d\ude00\n",{},[]]`,
		"\xEF\xBB\xBF{\"a\":\"\xFF\"}", `{"a":1,"a":2}`, `1e999999999`, `"\ud800"`, strings.Repeat("[", 100),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := DecodeJSON(data, "", Limits{})
		checkError(t, v, err)
		if err != nil {
			return
		}
		// Strictness only refuses: what passes, encoding/json reads alike.
		var std any
		d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(string(data), "\uFEFF")))
		d.UseNumber()
		if err := d.Decode(&std); err != nil || !reflect.DeepEqual(v, std) {
			t.Fatalf("%#v, but encoding/json: %#v, %v", v, std, err)
		}
		out, err := AppendJSON(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeJSON(out, "", Limits{Bytes: 1 << 30})
		if err != nil || !reflect.DeepEqual(back, v) {
			t.Fatalf("%s: %v", out, err)
		}
	})
}

func FuzzXML(f *testing.F) {
	for _, file := range []string{"login-request.xml", "login-request-spaced.xml", "login-answer.xml"} {
		f.Add([]byte(read(f, file)), "")
	}
	for _, s := range []string{
		`<Person id="1"><age/><email>a</email><email>b</email><phones><phone>1</phone></phones><x y="1">z</x></Person>`,
		`<m:Spaced xmlns:m="urn:m" flag="1" xmlns:f="urn:f" f:far="2"><m:plain>a</m:plain><other xmlns="urn:o">b</other></m:Spaced>`,
		`<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE a><Closed><![CDATA[ ]]>&#xD800;</Closed>`,
		`<Choice><grant>token</grant><token>1</token></Choice>`, `<Loop><next><next/></next></Loop>`,
		"\xFF\xFE<\x00a\x00/\x00>\x00", `<Measure unit="kg">1</Measure>`,
	} {
		f.Add([]byte(s), "")
		f.Add([]byte(s), "utf-16le")
	}
	var nodes []*schema.Node
	for _, name := range []string{"Person", "Closed", "Names", "Spaced", "Noted", "Measure", "Choice", "Loop", "Either", "Hoisted", "MaybeList"} {
		nodes = append(nodes, schemaOf(f, "shapes.yaml", name))
	}
	nodes = append(nodes, schemaOf(f, "longjump.yaml", "LoginRequest"), schemaOf(f, "longjump.yaml", "LoginAnswer"))
	f.Fuzz(func(t *testing.T, data []byte, charset string) {
		for _, n := range nodes {
			v, err := DecodeXML(data, charset, n, Limits{Bytes: 1 << 16})
			checkError(t, v, err)
			if err != nil || v == nil {
				continue
			}
			out, err := AppendXML(nil, v, n)
			if err != nil {
				continue // such as an unknown element with a prefix
			}
			// One more round changes nothing.
			back, err := DecodeXML(out, "", n, Limits{})
			if err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			again, err := AppendXML(nil, back, n)
			if err != nil || string(again) != string(out) {
				t.Fatalf("%s\n%s\n%v", out, again, err)
			}
		}
	})
}

func FuzzForm(f *testing.F) {
	for _, s := range []string{
		"username=jim%40acme.com&password=jim+acme", "scope=a&scope=b&level=1&x", "a;b", "%zz", "&&=&", "=x", "a=%C3%28",
	} {
		f.Add([]byte(s))
	}
	n := schemaOf(f, "shapes.yaml", "Form")
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := DecodeForm(data, "", n, Limits{})
		checkError(t, v, err)
		if err != nil {
			return
		}
		out, err := AppendForm(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeForm(out, "", n, Limits{Bytes: 1 << 30})
		if err != nil || !reflect.DeepEqual(back, v) {
			t.Fatalf("%s: %v, %v", out, back, err)
		}
	})
}

func FuzzMultipart(f *testing.F) {
	f.Add([]byte(parts(named("username"), "jim", named("password"), "jimacme")), "xyz")
	f.Add([]byte(parts(named("level", typeJSON), `[1,2]`, named("files"+asFile), "\xFF")), "xyz")
	f.Add([]byte("--xyz\r\n"), "xyz")
	f.Add([]byte("--xyz--"), "xyz")
	n := schemaOf(f, "shapes.yaml", "Form")
	f.Fuzz(func(t *testing.T, data []byte, boundary string) {
		v, err := DecodeMultipart(data, boundary, n, Limits{Bytes: 1 << 16})
		checkError(t, v, err)
		if _, err := AppendJSON(nil, v); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzMediaType(f *testing.F) {
	for _, s := range []string{"application/json; charset=utf-8", `multipart/form-data; boundary="a\"b"`, ";;", "a/b;=;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		typ, params, err := MediaType(s)
		if err != nil {
			checkError(t, nil, err)
			return
		}
		if typ != strings.ToLower(typ) || strings.Count(typ, "/") != 1 || params == nil {
			t.Fatalf("%q: %q %v", s, typ, params)
		}
	})
}

func FuzzBare(f *testing.F) {
	f.Add([]byte(`{"one":["a"],"grid":[[1]],"deep":{"one":[{"one":["b"]}]}}`))
	n := schemaOf(f, "shapes.yaml", "Lists")
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := DecodeJSON(data, "", Limits{})
		if err != nil {
			return
		}
		wide := Unbare(v, n)
		if got := Unbare(Bare(wide, n), n); !reflect.DeepEqual(got, wide) {
			t.Fatalf("%v, want %v", got, wide)
		}
		if got := value.Plain(Unbare(wide, n)); !reflect.DeepEqual(got, value.Plain(wide)) {
			t.Fatalf("twice: %v, want %v", got, wide)
		}
	})
}
