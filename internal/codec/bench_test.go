package codec

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/internal/value"
)

func BenchmarkDecodeJSONLogin(b *testing.B) {
	data := []byte(`{"userName": "jim@acme.com", "password": "jimacme", "x": 1}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeJSON(data, "utf-8", Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// The standard library's, for comparison: it accepts more.
func BenchmarkStandardJSONLogin(b *testing.B) {
	data := `{"userName": "jim@acme.com", "password": "jimacme", "x": 1}`
	b.ReportAllocs()
	for b.Loop() {
		var v any
		d := json.NewDecoder(strings.NewReader(data))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSONAnswer(b *testing.B) {
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = AppendJSON(dst[:0], loginAnswer); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeXMLLogin(b *testing.B) {
	data, n := []byte(read(b, "login-request.xml")), schemaOf(b, "longjump.yaml", "LoginRequest")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeXML(data, "", n, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendXMLLogin(b *testing.B) {
	n := schemaOf(b, "longjump.yaml", "LoginRequest")
	v := value.Object{{Name: "platform", Value: value.Object{{Name: "login", Value: value.Object{{Name: "userName", Value: "jim@acme.com"}, {Name: "password", Value: "jimacme"}}}}}}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = AppendXML(dst[:0], v, n); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendXMLAnswer(b *testing.B) {
	n := schemaOf(b, "longjump.yaml", "LoginAnswer")
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = AppendXML(dst[:0], loginAnswer, n); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeForm(b *testing.B) {
	n := schemaOf(b, "shapes.yaml", "Form")
	data := []byte("username=jim%40acme.com&password=jimacme&remember=true")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeForm(data, "", n, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeMultipart(b *testing.B) {
	n := schemaOf(b, "shapes.yaml", "Form")
	data := []byte(parts(named("username"), "jim@acme.com", named("password"), "jimacme"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeMultipart(data, "xyz", n, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHostile measures the worst inputs that the limits let pass, or that
// are refused only after much work: the time is the bound of one request.
func BenchmarkHostile(b *testing.B) {
	const size = 1 << 20
	fill := func(head, unit, tail string) []byte {
		n := (size - len(head) - len(tail)) / len(unit)
		return []byte(head + strings.Repeat(unit, n) + tail)
	}
	var prefixes, names, members strings.Builder
	for i := range 60 {
		fmt.Fprintf(&prefixes, ` xmlns:p%d="urn:%d"`, i, i)
	}
	for i := range 19_000 {
		fmt.Fprintf(&names, "<e%d/>", i)
		fmt.Fprintf(&members, `"%d":0,`, i)
	}
	person, loop := schemaOf(b, "shapes.yaml", "Person"), schemaOf(b, "shapes.yaml", "Loop")
	xml := func(data []byte) func() {
		return func() {
			_, _ = DecodeXML(data, "", person, Limits{})
			_, _ = DecodeXML(data, "", loop, Limits{})
		}
	}
	form := schemaOf(b, "shapes.yaml", "Form")
	for name, run := range map[string]func(){
		"xml/elements":   xml(fill("<Person>", "<a/>", "</Person>")),
		"xml/emails":     xml([]byte("<Person>" + strings.Repeat("<email>a</email>", 19_000) + "</Person>")),
		"xml/names":      xml([]byte("<Person>" + names.String() + "</Person>")),
		"xml/prefixes":   xml([]byte("<Person" + prefixes.String() + ">" + strings.Repeat("<p0:a/>", 19_000) + "</Person>")),
		"xml/attributes": xml(fill("<Person", ` a=""`, "/>")),
		"xml/cdata":      xml(fill("<Person><name>", "<![CDATA[a]]>", "</name></Person>")),
		"xml/comments":   xml(fill("<Person>", "<!---->", "</Person>")),
		"xml/references": xml(fill("<Person><name>", "&#65;", "</name></Person>")),
		"xml/ampersands": xml(fill("<Person><name>", "&#65", "</name></Person>")),
		"xml/nested":     xml([]byte("<Loop>" + strings.Repeat("<next>", 62) + strings.Repeat("</next>", 62) + "</Loop>")),
		"json/values":    func() { _, _ = DecodeJSON(fill("[", "{},", "{}]"), "", Limits{}) },
		"json/members":   func() { _, _ = DecodeJSON([]byte("{"+members.String()+`"a":0}`), "", Limits{}) },
		"json/escapes":   func() { _, _ = DecodeJSON(fill(`"`, `\u00e9`, `"`), "", Limits{}) },
		"form/fields":    func() { _, _ = DecodeForm([]byte(strings.Repeat("scope=a&", 20_000)), "", form, Limits{}) },
		"form/joins":     func() { _, _ = DecodeForm(fill("", "&", ""), "", form, Limits{}) },
		"multipart/parts": func() {
			_, _ = DecodeMultipart(fill("", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n", "--x--"), "x", form, Limits{})
		},
		"multipart/near": func() {
			_, _ = DecodeMultipart(fill("--x\r\n"+named("a")+"\r\n\r\n", "\r\n--", "\r\n--x--"), "x", form, Limits{})
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}
