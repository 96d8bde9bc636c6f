package report

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/mockauth/mockauth/conformance"
)

// texts are what strings are made of: what is special in some format, and any
// bytes.
func texts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"", "a", "401", "token.revoked.access", "https://a.example/x", "javascript:alert(1)", "specs/x.yaml", hostile,
			"</script><script>", "]]>", "<!--", "\x00", "\x1b[2J", "\r\n", "\xff", "%0A", "::error::", "|", "{{.}}", "https://%zz/", "C:\\x",
		}),
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(b []byte) string { return string(b) }),
	)
}

// results are any results, be they sensible or not.
func results() *rapid.Generator[*conformance.Result] {
	return rapid.Custom(func(t *rapid.T) *conformance.Result {
		r := &conformance.Result{}
		fill(t, reflect.ValueOf(r).Elem())
		return r
	})
}

// fill gives each field any value of its type.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Interface().(type) {
	case conformance.Status:
		v.SetString(string(rapid.SampledFrom(append(conformance.Statuses(), "", "odd")).Draw(t, "status")))
		return
	case conformance.Severity:
		v.SetInt(int64(rapid.IntRange(-1, 4).Draw(t, "severity")))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts().Draw(t, "text"))
	case reflect.Int, reflect.Int64:
		if v.CanSet() {
			v.SetInt(rapid.Int64Range(-1e9, 1e15).Draw(t, "number"))
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, "float"))
	case reflect.Struct:
		if v.Type().PkgPath() == "time" {
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Slice:
		n := rapid.IntRange(0, 3).Draw(t, "length")
		if n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		for i := range n {
			fill(t, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(texts().Draw(t, "key")), reflect.ValueOf(texts().Draw(t, "value")))
	}
}

// wellFormed is the property: whatever the result, each format is what it says
// that it is.
func wellFormed(t *rapid.T, check func(name string, b []byte)) {
	r := results().Draw(t, "result")
	for name, to := range writers {
		if name == "text.txt" {
			continue
		}
		var b bytes.Buffer
		if err := to(&b, r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		check(name, b.Bytes())
	}
	for _, v := range r.Verdicts {
		if s := Text(v) + Line(v); !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\x1b\r") {
			t.Errorf("%q is no plain text", s)
		}
	}
}

func anyResult(tb tester) func(t *rapid.T) {
	schema := resultsSchema(tb)
	return func(t *rapid.T) {
		wellFormed(t, func(name string, b []byte) {
			if !utf8.Valid(b) {
				t.Errorf("%s is no UTF-8", name)
			}
			switch name {
			case "report.html":
				checkPage(t, b)
			case "junit.xml":
				junitTotals(t, b)
			case "results.json":
				checkJSON(t, schema, b)
			case "conform.sarif":
				if !json.Valid(b) {
					t.Error("the SARIF is no JSON")
				}
			case "github.txt":
				for line := range strings.Lines(string(b)) {
					if !command.MatchString(strings.TrimSuffix(line, "\n")) {
						t.Errorf("%q is no command", line)
					}
				}
			}
		})
	}
}

func TestAnyResultIsWritten(t *testing.T) { rapid.Check(t, anyResult(t)) }

func FuzzReports(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) { rapid.MakeFuzz(anyResult(t))(t, data) })
}
