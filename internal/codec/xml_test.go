package codec

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/mockauth/mockauth/internal/value"
)

func num(s string) json.Number { return json.Number(s) }

type obj = map[string]any

// loginAnswer is the documented answer, seed 004.
var loginAnswer = value.Object{{Name: "platform", Value: value.Object{
	{Name: "login", Value: value.Object{
		{Name: "userId", Value: "qwe123rty456"},
		{Name: "email", Value: "jim@acme.com"},
		{Name: "userName", Value: "jim@acme.com"},
		{Name: "firstName", Value: "Jim"},
		{Name: "lastName", Value: "Acme"},
		{Name: "organizationName", Value: "Acme Inc."},
		{Name: "organizationId", Value: "473474"},
		{Name: "timeZone", Value: "12"},
		{Name: "primaryTeamId", Value: "1"},
		{Name: "employeeNumber", Value: ""},
		{Name: "sessionId", Value: "xyz789uio987"},
		{Name: "startingAppId", Value: value.Object{
			{Name: "content", Value: "446yyt677wwz"},
			{Name: "displayValue", Value: ""},
			{Name: "type", Value: ""},
			{Name: "uri", Value: "https://{domain}/networking/rest/application/446yyt677wwz"},
		}},
		{Name: "userLocale", Value: "en"},
		{Name: "userDateFormat", Value: "MM/dd/yyyy"},
	}},
	{Name: "message", Value: value.Object{
		{Name: "code", Value: "0"},
		{Name: "description", Value: "Success"},
	}},
}}}

func TestXMLReadsTheDocumentedLogin(t *testing.T) {
	want := obj{"platform": obj{"login": obj{"userName": "jim@acme.com", "password": "jimacme"}}}
	n := schemaOf(t, "longjump.yaml", "LoginRequest")
	for _, file := range []string{"login-request.xml", "login-request-spaced.xml"} {
		got, err := DecodeXML([]byte(read(t, file)), "", n, Limits{})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", file, got, err)
		}
	}
}

func TestXMLWritesTheDocumentedAnswer(t *testing.T) {
	n := schemaOf(t, "longjump.yaml", "LoginAnswer")
	want := read(t, "login-answer.xml")
	for _, v := range []any{loginAnswer, value.Plain(loginAnswer)} {
		got, err := AppendXML(nil, v, n)
		if err != nil || string(got) != want {
			t.Errorf("%s, %v", got, err)
		}
	}
	back, err := DecodeXML([]byte(want), "", n, Limits{})
	if err != nil || !reflect.DeepEqual(back, value.Plain(loginAnswer)) {
		t.Errorf("%v, %v", back, err)
	}
}

func TestXMLFollowsTheSchema(t *testing.T) {
	const xsi = `xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`
	for _, c := range []struct {
		rule, schema, in string
		want             any
	}{
		{"a string keeps white space", "Person", `<Person><name> a\tb </name></Person>`, obj{"name": ` a\tb `}},
		{"an empty string", "Person", `<Person><name/></Person>`, obj{"name": ""}},
		{"a string of digits", "Person", `<Person><name>007</name></Person>`, obj{"name": "007"}},
		{"numbers are trimmed and exact", "Person", "<Person><age>\n 12 </age><score> 1.50 </score></Person>", obj{"age": num("12"), "score": num("1.50")}},
		{"what is no number stays a text", "Person", `<Person><age>old</age><score>1e999999999</score></Person>`, obj{"age": "old", "score": "1e999999999"}},
		{"booleans of XML Schema", "Person", `<Person><admin> 1 </admin></Person>`, obj{"admin": true}},
		{"false", "Person", `<Person><admin>false</admin></Person>`, obj{"admin": false}},
		{"what is no boolean stays a text", "Person", `<Person><admin>TRUE</admin></Person>`, obj{"admin": "TRUE"}},
		{"empty where null is allowed", "Person", `<Person><age></age></Person>`, obj{"age": nil}},
		{"empty where null is not allowed", "Person", `<Person><score></score></Person>`, obj{"score": ""}},
		{"xsi:nil", "Person", `<Person ` + xsi + `><name xsi:nil="true"/></Person>`, obj{"name": nil}},
		{"xsi:nil under another prefix", "Person", `<Person xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><name i:nil=" 1 "/></Person>`, obj{"name": nil}},
		{"xsi:nil false", "Person", `<Person ` + xsi + `><name xsi:nil="false">a</name></Person>`, obj{"name": "a"}},
		{"a nil that is not xsi's", "Measure", `<Measure xmlns:x="urn:x" x:nil="true">1</Measure>`, obj{"amount": num("1"), "@x:nil": "true"}},
		{"xsi:type and such say nothing", "Person", `<Person ` + xsi + ` xsi:noNamespaceSchemaLocation="p.xsd"><name xsi:type="string">a</name></Person>`, obj{"name": "a"}},
		{"an attribute", "Person", `<Person id=" 7 "/>`, obj{"id": num("7")}},
		{"another name", "Person", `<Person><alias>a</alias></Person>`, obj{"nick": "a"}},
		{"an empty object", "Person", `<Person><address/></Person>`, obj{"address": obj{}}},
		{"a list without a wrapper", "Person", `<Person><email>a</email><name>n</name><email>b</email></Person>`, obj{"email": []any{"a", "b"}, "name": "n"}},
		{"a list of one", "Person", `<Person><email>a</email></Person>`, obj{"email": []any{"a"}}},
		{"an absent list", "Person", `<Person/>`, obj{}},
		{"a wrapped list", "Person", `<Person><phones><phone>1</phone><phone>2</phone></phones></Person>`, obj{"phones": []any{num("1"), num("2")}}},
		{"an empty wrapped list", "Person", `<Person><phones> </phones></Person>`, obj{"phones": []any{}}},
		{"items named after the wrapper", "Person", `<Person><labels><labels>a</labels></labels></Person>`, obj{"tags": []any{"a"}}},
		{"a list of lists", "Person", `<Person><row><cell>1</cell></row><row/></Person>`, obj{"matrix": []any{[]any{num("1")}, []any{}}}},
		{"a list as the root", "Names", `<Names><name>a</name></Names>`, []any{"a"}},
		{"a scalar as the root", "Code", `<Code>5</Code>`, num("5")},
		{"a list that may be null", "MaybeList", `<MaybeList><item>a</item><item>b</item></MaybeList>`, obj{"item": []any{"a", "b"}}},
		{"an unknown element is kept", "Closed", `<Closed><a>1</a><b>2</b></Closed>`, obj{"a": "1", "b": "2"}},
		{"unknown elements are a list", "Closed", `<Closed><b>1</b><b>2</b><b>3</b></Closed>`, obj{"b": []any{"1", "2", "3"}}},
		{"an unknown element keeps its inside", "Closed", `<Closed><b c="1" xml:lang="en">t</b><d e="2"><f/></d></Closed>`, obj{"b": obj{"@c": "1", "@xml:lang": "en", "#text": "t"}, "d": obj{"@e": "2", "f": ""}}},
		{"an unknown attribute is kept", "Closed", `<Closed x="1"><a/></Closed>`, obj{"a": "", "@x": "1"}},
		{"elements where a text is wanted", "Closed", `<Closed><a><b>1</b></a></Closed>`, obj{"a": obj{"b": "1"}}},
		{"any value", "Person", `<Person><anything><b>1</b></anything></Person>`, obj{"anything": obj{"b": "1"}}},
		{"text beside an attribute", "Measure", `<Measure unit="kg"> 1.5 </Measure>`, obj{"amount": num("1.5"), "unit": "kg"}},
		{"no text where a number is wanted", "Measure", `<Measure unit="kg"/>`, obj{"unit": "kg"}},
		{"CDATA, comments and instructions", "Closed", `<Closed><!-- c --><a>1<!-- c -->2<![CDATA[<3>&]]><?p i?>4</a></Closed>`, obj{"a": "12<3>&4"}},
		{"the five entities and references", "Closed", `<Closed><a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;</a></Closed>`, obj{"a": `<>&"'A😀`}},
		{"namespaces, with their own prefixes", "Spaced", `<x:Spaced xmlns:x="urn:m" flag="1" y:far="2" xmlns:y="urn:f"><x:plain>a</x:plain><other xmlns="urn:o">b</other></x:Spaced>`, obj{"flag": "1", "far": "2", "plain": "a", "other": "b"}},
		{"namespaces, by default", "Spaced", `<Spaced xmlns="urn:m"><plain>a</plain></Spaced>`, obj{"plain": "a"}},
		{"an element of a foreign namespace", "Spaced", `<Spaced xmlns="urn:m" xmlns:z="urn:z"><z:plain>a</z:plain></Spaced>`, obj{"z:plain": "a"}},
		{"the first alternative", "Choice", `<Choice><grant>password</grant><user>u</user><remember>1</remember></Choice>`, obj{"grant": "password", "user": "u", "remember": true}},
		{"the other alternative", "Choice", `<Choice><grant>token</grant><token>1</token></Choice>`, obj{"grant": "token", "token": num("1")}},
		{"an alternative of itself", "Loop", `<Loop><next><next/></next></Loop>`, obj{"next": obj{"next": obj{}}}},
		{"one of several roots", "Either", `<two><two>a</two></two>`, obj{"two": []any{"a"}}},
		{"nodeType", "Noted", `<Noted lang="en"><![CDATA[<b>]]></Noted>`, obj{"body": "<b>", "lang": "en"}},
		{"a declaration and a byte order mark", "Code", "\xEF\xBB\xBF<?xml version='1.0' encoding='UTF-8' standalone=\"yes\" ?>\n<Code>1</Code>\n<!-- end -->", num("1")},
	} {
		t.Run(c.rule, func(t *testing.T) {
			n := schemaOf(t, "shapes.yaml", c.schema)
			got, err := DecodeXML([]byte(c.in), "", n, Limits{})
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%#v, %v; want %#v", got, err, c.want)
			}
		})
	}
}

func TestXMLRefuses(t *testing.T) {
	const xsi = `xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`
	small := Limits{Bytes: 600, Depth: 4, Values: 10}
	for _, c := range []struct {
		rule, schema, in string
		kind             Kind
		pointer, about   string
	}{
		{"empty body", "Closed", ``, Malformed, "", "no element"},
		{"only a comment", "Closed", `<!-- Tr0ub4dor -->`, Malformed, "", "no element"},
		{"plain text", "Closed", `Tr0ub4dor`, Malformed, "", "outside"},
		{"DOCTYPE", "Closed", `<!DOCTYPE Closed><Closed/>`, Malformed, "", "DOCTYPE"},
		{"DOCTYPE with entities", "Closed", `<!DOCTYPE a [<!ENTITY b "Tr0ub4dor">]><Closed>&b;</Closed>`, Malformed, "", "DOCTYPE"},
		{"external entity", "Closed", `<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Closed><a>&b;</a></Closed>`, Malformed, "", "DOCTYPE"},
		{"a declaration within", "Closed", `<Closed><!ELEMENT a ANY></Closed>`, Malformed, "", "DTD"},
		{"unknown entity", "Closed", `<Closed><a>&Tr0ub4dor;</a></Closed>`, Malformed, "", "entity"},
		{"HTML entity", "Closed", `<Closed><a>&nbsp;</a></Closed>`, Malformed, "", "entity"},
		{"bare ampersand", "Closed", `<Closed><a>Tr0ub4dor&a</a></Closed>`, Malformed, "", "entity"},
		{"two roots", "Closed", `<Closed/><Closed/>`, Malformed, "", "two root"},
		{"text before the root", "Closed", `Tr0ub4dor<Closed/>`, Malformed, "", "outside"},
		{"text after the root", "Closed", `<Closed/>Tr0ub4dor`, Malformed, "", "outside"},
		{"CDATA outside the root", "Closed", `<Closed/><![CDATA[ ]]>`, Malformed, "", "outside"},
		{"a blank reference outside the root", "Closed", `<Closed/>&#32;`, Malformed, "", "outside"},
		{"duplicate attribute", "Person", `<Person id="1" id="Tr0ub4dor"/>`, Malformed, "", "same attribute"},
		{"duplicate attribute by namespace", "Spaced", `<Spaced xmlns="urn:m" xmlns:f="urn:f" xmlns:g="urn:f" f:far="1" g:far="2"/>`, Malformed, "/far", "same attribute"},
		{"unbound prefix of an element", "Closed", `<Closed><p:a/></Closed>`, Malformed, "", "bound to no namespace"},
		{"unbound prefix of an attribute", "Closed", `<Closed p:a="1"/>`, Malformed, "", "bound to no namespace"},
		{"prefix out of scope", "Closed", `<Closed><a xmlns:p="urn:p"/><p:a/></Closed>`, Malformed, "", "bound to no namespace"},
		{"prefix unbound again", "Closed", `<Closed xmlns:p=""/>`, Malformed, "", "namespace declaration"},
		{"prefix xmlns", "Closed", `<xmlns:Closed/>`, Malformed, "", "name is not well-formed"},
		{"prefix xml taken", "Closed", `<Closed xmlns:xml="urn:x"/>`, Malformed, "", "namespace declaration"},
		{"prefix for xml", "Closed", `<Closed xmlns:x="http://www.w3.org/XML/1998/namespace"/>`, Malformed, "", "namespace declaration"},
		{"two colons", "Closed", `<Closed><a:b:c/></Closed>`, Malformed, "", "well-formed"},
		{"colon first", "Closed", `<Closed><:a/></Closed>`, Malformed, "", "well-formed"},
		{"colon first in an attribute", "Closed", `<Closed :a="1"/>`, Malformed, "", "well-formed"},
		{"attributes without a space", "Closed", `<Closed a="1"b="2"/>`, Malformed, "", "not separated"},
		{"attribute without quotes", "Closed", `<Closed a=Tr0ub4dor/>`, Malformed, "", "well-formed"},
		{"attribute without value", "Closed", `<Closed a/>`, Malformed, "", "well-formed"},
		{"< in an attribute", "Closed", `<Closed a="<"/>`, Malformed, "", "well-formed"},
		{"wrong end tag", "Closed", `<Closed><a></Closed></a>`, Malformed, "", "end tag"},
		{"end tag of another prefix", "Closed", `<p:a xmlns:p="urn:p" xmlns:q="urn:p"></q:a>`, Malformed, "", "end tag"},
		{"end tag first", "Closed", `</Closed>`, Malformed, "", "end tag"},
		{"cut element", "Closed", `<Closed><a>Tr0ub4dor`, Malformed, "", "too early"},
		{"cut tag", "Closed", `<Closed a="Tr0ub4dor`, Malformed, "", "too early"},
		{"cut comment", "Closed", `<Closed/><!-- `, Malformed, "", "too early"},
		{"hyphens in a comment", "Closed", `<Closed><!-- a -- b --></Closed>`, Malformed, "", "well-formed"},
		{"]]> in text", "Closed", `<Closed><a>]]></a></Closed>`, Malformed, "", "well-formed"},
		{"invalid UTF-8", "Closed", "<Closed><a>Tr0ub4dor\xFF</a></Closed>", Malformed, "", "not valid"},
		{"invalid UTF-8 in a comment", "Closed", "<Closed><!-- \xC0\x80 --></Closed>", Malformed, "", "not valid"},
		{"control character", "Closed", "<Closed><a>\x08</a></Closed>", Malformed, "", "control"},
		{"NUL", "Closed", "<Closed>\x00</Closed>", Malformed, "", "control"},
		{"noncharacter", "Closed", "<Closed><a>\uFFFE</a></Closed>", Malformed, "", "not valid"},
		{"reference to NUL", "Closed", `<Closed><a>&#0;</a></Closed>`, Malformed, "", "reference"},
		{"reference to half a surrogate pair", "Closed", `<Closed><a>&#xD800;</a></Closed>`, Malformed, "", "reference"},
		{"the same in an attribute", "Closed", `<Closed a="&#55296;"/>`, Malformed, "", "reference"},
		{"reference beyond Unicode", "Closed", `<Closed><a>&#x110000;</a></Closed>`, Malformed, "", "entity"},
		{"XML 1.1", "Closed", `<?xml version="1.1"?><Closed/>`, Malformed, "", "version 1.0"},
		{"no version", "Closed", `<?xml encoding="UTF-8"?><Closed/>`, Malformed, "", "version"},
		{"declaration in disorder", "Closed", `<?xml encoding="UTF-8" version="1.0"?><Closed/>`, Malformed, "", "declaration"},
		{"declaration with something else", "Closed", `<?xml version="1.0" Tr0ub4dor="1"?><Closed/>`, Malformed, "", "declaration"},
		{"declaration without spaces", "Closed", `<?xml version="1.0"encoding="UTF-8"?><Closed/>`, Malformed, "", "declaration"},
		{"declaration without an end", "Closed", `<?xml version="1.0"><Closed/>`, Malformed, "", "declaration"},
		{"standalone maybe", "Closed", `<?xml version="1.0" standalone="maybe"?><Closed/>`, Malformed, "", "declaration"},
		{"declaration after a space", "Closed", ` <?xml version="1.0"?><Closed/>`, Malformed, "", "out of place"},
		{"declaration within", "Closed", `<Closed><?XML version="1.0"?></Closed>`, Malformed, "", "out of place"},
		{"depth", "Person", `<Person><a><a><a><a/></a></a></a></Person>`, TooDeep, "", "4 levels"},
		{"elements", "Closed", `<Closed>` + strings.Repeat("<b/>", 10) + `</Closed>`, TooLarge, "", "at most 10"},
		{"attributes", "Closed", `<Closed a="" b="" c="" d="" e="" f="" g="" h="" i="" j=""/>`, TooLarge, "", "at most 10"},
		{"bytes", "Closed", `<Closed>` + strings.Repeat(" ", 600) + `</Closed>`, TooLarge, "", "at most 600"},

		{"another root", "Closed", `<Tr0ub4dor/>`, Malformed, "", "send <Closed>"},
		{"another root in lower case", "Closed", `<closed/>`, Malformed, "", "send <Closed>"},
		{"the root in a namespace", "Closed", `<Closed xmlns="urn:x"/>`, Malformed, "", "<Closed> in no namespace"},
		{"the root in the wrong namespace", "Spaced", `<Spaced xmlns="urn:x"/>`, Malformed, "", "<Spaced> in the namespace urn:m"},
		{"neither of two roots", "Either", `<three/>`, Malformed, "", "send <one> or <two>"},
		{"a scalar twice", "Person", `<Person><name>a</name><name>Tr0ub4dor</name></Person>`, Malformed, "/name", "twice"},
		{"an object twice", "Person", `<Person><address/><address/></Person>`, Malformed, "/address", "twice"},
		{"a wrapper twice", "Person", `<Person><phones/><phones/></Person>`, Malformed, "/phones", "twice"},
		{"text among elements", "Person", `<Person><address>Tr0ub4dor<city/></address></Person>`, Malformed, "/address", "text where elements"},
		{"text in an object", "Person", `<Person>Tr0ub4dor</Person>`, Malformed, "", "text where elements"},
		{"text in a wrapper", "Person", `<Person><phones>1</phones></Person>`, Malformed, "/phones", "text where elements"},
		{"text among unknown elements", "Closed", `<Closed><b>Tr0ub4dor<c/></b></Closed>`, Malformed, "/b", "text where elements"},
		{"another element in a list", "Person", `<Person><phones><fax/></phones></Person>`, Malformed, "/phones", "<phone>"},
		{"an attribute of a list", "Person", `<Person><phones n="1"/></Person>`, Malformed, "/phones/@n", "attribute"},
		{"an attribute of a text", "Person", `<Person><email>a</email><email n="Tr0ub4dor">b</email></Person>`, Malformed, "/email/1/@n", "attribute"},
		{"nil with content", "Person", `<Person ` + xsi + `><name xsi:nil="true">Tr0ub4dor</name></Person>`, Malformed, "/name", "nil"},
		{"nil maybe", "Person", `<Person ` + xsi + `><name xsi:nil="Tr0ub4dor"/></Person>`, Malformed, "/name", "xsi:nil"},
		{"an element in place of an attribute", "Person", `<Person><id>1</id></Person>`, Malformed, "/id", "attribute id"},
		{"a property by its own name", "Person", `<Person><nick>a</nick></Person>`, Malformed, "/nick", "<alias>"},
		{"a property in another namespace", "Spaced", `<Spaced xmlns="urn:m"><other/></Spaced>`, Malformed, "/other", "urn:o"},
		{"an element in place of the text", "Measure", `<Measure><amount>1</amount></Measure>`, Malformed, "/amount", "as the text"},
		{"a property without an element", "Hoisted", `<Hoisted><inner/></Hoisted>`, Unsupported, "/inner", "nodeType none"},
		{"nodeType none without a property", "Nobody", `<a/>`, Unsupported, "", "nodeType is none"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := DecodeXML([]byte(c.in), "", schemaOf(t, "shapes.yaml", c.schema), small)
			refused(t, err, c.kind, c.pointer, c.about)
		})
	}
	t.Run("no schema", func(t *testing.T) {
		_, err := DecodeXML([]byte(`<a/>`), "", nil, Limits{})
		refused(t, err, Unsupported, "", "no schema")
	})
	t.Run("a root without a name", func(t *testing.T) {
		n := *schemaOf(t, "shapes.yaml", "Closed")
		n.RefName = ""
		_, err := DecodeXML([]byte(`<a/>`), "", &n, Limits{})
		refused(t, err, Unsupported, "", "name the root")
	})
	t.Run("attributes of one element", func(t *testing.T) {
		var b strings.Builder
		for i := range 300 {
			b.WriteString(" a" + strings.Repeat("b", i) + `=""`)
		}
		_, err := DecodeXML([]byte(`<Closed`+b.String()+`/>`), "", schemaOf(t, "shapes.yaml", "Closed"), Limits{})
		refused(t, err, TooLarge, "", "too many attributes")
	})
	t.Run("namespaces", func(t *testing.T) {
		in := `<Closed>` + strings.Repeat(`<b xmlns="urn:x"/>`, 65) + `</Closed>`
		_, err := DecodeXML([]byte(in), "", schemaOf(t, "shapes.yaml", "Closed"), Limits{})
		refused(t, err, TooLarge, "", "too many namespaces")
	})
}

func TestXMLErrorsSayLineAndOffset(t *testing.T) {
	n := schemaOf(t, "shapes.yaml", "Closed")
	const declaration = "<?xml version=\"1.0\"?>"
	in := declaration + "\n<Closed><a/>\n <a/></Closed>"
	_, err := DecodeXML([]byte(in), "", n, Limits{})
	e := err.(*Error)
	if want := int64(strings.LastIndex(in, "<a/>")); e.Offset != want || !strings.Contains(e.Message, "line 3") {
		t.Errorf("offset %d, want %d: %v", e.Offset, want, e)
	}
}

func TestXMLReadsCharsets(t *testing.T) {
	n := schemaOf(t, "shapes.yaml", "Closed")
	const doc = `<Closed><a>é😀</a></Closed>`
	utf16of := func(s string, big, mark bool) string {
		units := utf16.Encode([]rune(s))
		if mark {
			units = append([]uint16{0xFEFF}, units...)
		}
		var b []byte
		for _, u := range units {
			if big {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		return string(b)
	}
	declared := func(charset, body string) string {
		return `<?xml version="1.0" encoding="` + charset + `"?>` + body
	}
	latin := "<Closed><a>\xE9</a></Closed>"
	for _, c := range []struct{ rule, charset, in, want string }{
		{"UTF-8", "UTF-8", doc, "é😀"},
		{"US-ASCII", "us-ascii", "<Closed><a>a</a></Closed>", "a"},
		{"declared ISO-8859-1", "", declared("ISO-8859-1", latin), "é"},
		{"ISO-8859-1 of the Content-Type", "iso-8859-1", latin, "é"},
		{"windows-1252", "windows-1252", "<Closed><a>\x80</a></Closed>", "€"},
		{"the Content-Type beats the declaration", "iso-8859-1", declared("UTF-8", latin), "é"},
		{"the other way round", "utf-8", declared("ISO-8859-1", "<Closed><a>é</a></Closed>"), "é"},
		{"the mark beats the Content-Type", "iso-8859-1", "\xEF\xBB\xBF" + doc, "é😀"},
		{"UTF-16, big end first", "utf-16", utf16of(doc, true, true), "é😀"},
		{"UTF-16, little end first", "", utf16of(declared("UTF-16", doc), false, true), "é😀"},
		{"UTF-16BE without a mark", "utf-16be", utf16of(doc, true, false), "é😀"},
		{"UTF-16LE without a mark", "utf-16le", utf16of(doc, false, false), "é😀"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := DecodeXML([]byte(c.in), c.charset, n, Limits{})
			if err != nil || !reflect.DeepEqual(got, obj{"a": c.want}) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	for _, c := range []struct {
		rule, charset, in string
		kind              Kind
		about             string
	}{
		{"an unknown charset", "klingon", doc, Encoding, "not read"},
		{"a charset that is not read", "shift_jis", doc, Encoding, "not read"},
		{"a declared one", "", declared("UTF-7", doc), Encoding, "not read"},
		{"UTF-16 without a mark", "utf-16", utf16of(doc, true, false), Encoding, "mark"},
		{"declared UTF-16 that is ASCII", "", declared("UTF-16", "<Closed/>"), Encoding, "not read"},
		{"half a code unit", "", utf16of(doc, true, true) + "\x00", Malformed, "UTF-16"},
		{"half a surrogate pair", "", utf16of("<Closed><a>", true, true) + "\xD8\x3D" + utf16of("</a></Closed>", true, false), Malformed, "UTF-16"},
		{"Latin-1 that says nothing", "", latin, Malformed, "not valid"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := DecodeXML([]byte(c.in), c.charset, n, Limits{})
			refused(t, err, c.kind, "", c.about)
		})
	}
}

func TestXMLEncodes(t *testing.T) {
	for _, c := range []struct {
		rule, schema string
		v            any
		want         string
	}{
		{"an object's own order", "Person", value.Object{{Name: "score", Value: 0.5}, {Name: "name", Value: "n"}, {Name: "id", Value: 1}}, `<Person id="1"><score>0.5</score><name>n</name></Person>`},
		{"a map in the schema's order", "Person", obj{"zz": "z", "aa": "a", "score": num("1"), "name": "n"}, `<Person><name>n</name><score>1</score><aa>a</aa><zz>z</zz></Person>`},
		{"null where it is allowed", "Person", obj{"age": nil}, `<Person><age xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"></age></Person>`},
		{"null where it is not", "Person", obj{"name": nil, "id": nil, "email": nil, "unknown": nil}, `<Person></Person>`},
		{"lists", "Person", value.Object{{Name: "email", Value: []any{"a", "b"}}, {Name: "phones", Value: []any{1}}, {Name: "tags", Value: []any{}}, {Name: "matrix", Value: []any{[]any{1, 2}, []any{}}}}, `<Person><email>a</email><email>b</email><phones><phone>1</phone></phones><labels></labels><row><cell>1</cell><cell>2</cell></row><row></row></Person>`},
		{"lists written bare", "Person", value.Object{{Name: "email", Value: "a"}, {Name: "phones", Value: 1}}, `<Person><email>a</email><phones><phone>1</phone></phones></Person>`},
		{"special characters", "Measure", value.Object{{Name: "amount", Value: "<&>\"'\r\n\t"}, {Name: "unit", Value: "<&>\"'\r\n\t"}}, "<Measure unit=\"&lt;&amp;&gt;&quot;'&#xD;&#xA;&#x9;\">&lt;&amp;&gt;\"'&#xD;\n\t</Measure>"},
		{"CDATA", "Noted", value.Object{{Name: "body", Value: "<b>]]></b>"}, {Name: "lang", Value: "en"}}, `<Noted lang="en"><![CDATA[<b>]]]]><![CDATA[></b>]]></Noted>`},
		{"CDATA that it cannot be", "Noted", value.Object{{Name: "body", Value: "a\r<"}}, `<Noted>a&#xD;&lt;</Noted>`},
		{"unknown members", "Closed", value.Object{{Name: "b", Value: []any{"1", obj{"@c": 2, "#text": "t", "@xml:lang": "en"}}}, {Name: "@d", Value: true}}, `<Closed d="true"><b>1</b><b c="2" xml:lang="en">t</b></Closed>`},
		{"namespaces where they are needed", "Spaced", value.Object{{Name: "plain", Value: "a"}, {Name: "other", Value: "b"}, {Name: "flag", Value: "1"}, {Name: "far", Value: "2"}}, `<m:Spaced xmlns:m="urn:m" flag="1" xmlns:f="urn:f" f:far="2"><m:plain>a</m:plain><other xmlns="urn:o">b</other></m:Spaced>`},
		{"the alternative that fits", "Choice", obj{"token": num("1"), "grant": "token"}, `<Choice><grant>token</grant><token>1</token></Choice>`},
		{"one of several roots", "Either", obj{"two": []any{"a"}}, `<two><two>a</two></two>`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := AppendXML([]byte("-"), c.v, schemaOf(t, "shapes.yaml", c.schema))
			if err != nil || string(got) != "-"+c.want {
				t.Errorf("%s, %v; want -%s", got, err, c.want)
			}
		})
	}
}

func TestXMLDoesNotEncode(t *testing.T) {
	loop := obj{}
	loop["a"] = loop
	for _, c := range []struct {
		rule, schema string
		v            any
		kind         Kind
		pointer      string
		about        string
	}{
		{"a control character", "Person", obj{"name": "a\x00"}, Encoding, "/name", "character"},
		{"a text that is not UTF-8", "Person", obj{"email": []any{"a", "\xFF"}}, Encoding, "/email/1", "UTF-8"},
		{"the same in an attribute", "Measure", obj{"unit": "\uFFFF"}, Encoding, "/unit", "character"},
		{"a bad name", "Person", obj{"bad name": "a"}, Unsupported, "/bad name", "name"},
		{"a name that begins with a digit", "Person", obj{"1": "a"}, Unsupported, "/1", "name"},
		{"a name with a colon", "Person", obj{"a:b": "a"}, Unsupported, "/a:b", "name"},
		{"an empty name", "Person", obj{"": "a"}, Unsupported, "/", "name"},
		{"a bad attribute", "Person", obj{"@a b": "a"}, Unsupported, "/@a b", "name"},
		{"an attribute that is a namespace", "Person", obj{"@xmlns": "urn:x"}, Unsupported, "/@xmlns", "attribute"},
		{"an attribute twice", "Person", obj{"@id": "1", "id": 1}, Unsupported, "/@id", "attribute"},
		{"an element that is another property", "Person", obj{"alias": "a"}, Unsupported, "/alias", "rename"},
		{"an object as an attribute", "Person", obj{"id": obj{}}, Unsupported, "/id", "attribute"},
		{"an object as the text", "Measure", obj{"amount": obj{}}, Unsupported, "/amount", "text"},
		{"a list where there is none", "Person", obj{"name": []any{"a"}}, Unsupported, "/name", "list"},
		{"a list of lists without a schema", "Person", obj{"x": []any{[]any{}}}, Unsupported, "/x/0", "list"},
		{"null in a list", "Person", obj{"phones": []any{1, nil}}, Unsupported, "/phones/1", "null"},
		{"null as the root", "Person", nil, Unsupported, "", "null"},
		{"no root", "Either", obj{}, Unsupported, "", "exactly one"},
		{"two roots", "Either", obj{"one": "1", "two": []any{}}, Unsupported, "", "exactly one"},
		{"an unknown root", "Either", obj{"three": "1"}, Unsupported, "/three", "root"},
		{"a text as the root's parent", "Either", "a", Unsupported, "", "exactly one"},
		{"a property without an element", "Hoisted", obj{"inner": obj{}}, Unsupported, "/inner", "nodeType none"},
		{"another Go type", "Person", obj{"name": struct{}{}}, Unsupported, "/name", "text"},
		{"a value that contains itself", "Person", loop, TooDeep, strings.Repeat("/a", maxEncodeDepth), "too deep"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			dst, err := AppendXML([]byte("-"), c.v, schemaOf(t, "shapes.yaml", c.schema))
			refused(t, err, c.kind, c.pointer, c.about)
			if string(dst) != "-" {
				t.Errorf("dst is %q", dst)
			}
		})
	}
	_, err := AppendXML(nil, "a", nil)
	refused(t, err, Unsupported, "", "no schema")
}

func TestBareAndUnbareAreInverse(t *testing.T) {
	n := schemaOf(t, "shapes.yaml", "Lists")
	for _, c := range []struct {
		rule string
		list any
		bare any
	}{
		{"one", obj{"one": []any{"a"}}, obj{"one": "a"}},
		{"two", obj{"one": []any{"a", "b"}}, obj{"one": []any{"a", "b"}}},
		{"none", obj{"one": []any{}}, obj{"one": []any{}}},
		{"null", obj{"one": []any{nil}}, obj{"one": []any{nil}}},
		{"a list without the word", obj{"firm": []any{"a"}}, obj{"firm": []any{"a"}}},
		{"a list of lists", obj{"grid": []any{[]any{num("1")}}}, obj{"grid": []any{num("1")}}},
		{"lists within", obj{"deep": obj{"one": []any{obj{"one": []any{"a"}}}}}, obj{"deep": obj{"one": obj{"one": "a"}}}},
		{"nothing to do", obj{"x": "y"}, obj{"x": "y"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			before := value.Clone(c.list)
			if got := Bare(c.list, n); !reflect.DeepEqual(got, c.bare) {
				t.Errorf("bare: %v, want %v", got, c.bare)
			}
			if !reflect.DeepEqual(c.list, before) {
				t.Errorf("changed to %v", c.list)
			}
			if got := Unbare(c.bare, n); !reflect.DeepEqual(got, c.list) {
				t.Errorf("unbare: %v, want %v", got, c.list)
			}
		})
	}
	ordered := value.Object{{Name: "firm", Value: []any{"x"}}, {Name: "one", Value: []any{"a"}}}
	want := value.Object{{Name: "firm", Value: []any{"x"}}, {Name: "one", Value: "a"}}
	if got := Bare(ordered, n); !reflect.DeepEqual(got, want) {
		t.Errorf("order: %v", got)
	}
	users := schemaOf(t, "longjump.yaml", "Users")
	v := obj{"platform": obj{"user": []any{obj{"id": "1"}}}}
	if got := Bare(v, users); !reflect.DeepEqual(got, obj{"platform": obj{"user": obj{"id": "1"}}}) {
		t.Errorf("%v", got)
	}
	if x, err := AppendXML(nil, v, users); err != nil || string(x) != `<platform><user><id>1</id></user></platform>` {
		t.Errorf("%s, %v", x, err)
	}
	if Bare(v, nil) == nil || Unbare(nil, users) != nil {
		t.Error("no schema, or null, must change nothing")
	}
}
