package codec

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

// numbers draws numbers in JSON's spelling.
var numbers = rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?`)

var integers = rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})`)

// texts draws texts of characters that XML has, with those that need care.
var texts = rapid.StringOf(rapid.OneOf(
	rapid.SampledFrom([]rune("<>&\"'\r\n\t ]\u0085\u2028\uFFFD")),
	rapid.Rune(),
).Filter(isXMLChar))

func values(depth int) *rapid.Generator[any] {
	leaf := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.String().AsAny(),
		rapid.Custom(func(t *rapid.T) any { return json.Number(numbers.Draw(t, "number")) }),
	}
	if depth == 0 {
		return rapid.OneOf(leaf...)
	}
	return rapid.OneOf(append(leaf,
		rapid.SliceOfN(values(depth-1), 0, 4).AsAny(),
		rapid.MapOfN(rapid.String(), values(depth-1), 0, 4).AsAny(),
	)...)
}

func TestPropertyJSONReadsWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := values(4).Draw(t, "value")
		out, err := AppendJSON(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(out) {
			t.Fatalf("not JSON: %s", out)
		}
		back, err := DecodeJSON(out, "", Limits{})
		if err != nil || !reflect.DeepEqual(back, v) {
			t.Fatalf("%s: %#v, %v; want %#v", out, back, err, v)
		}
	})
}

// shapes draws schemas together with values that fit them.
type shapes struct {
	t     *rapid.T
	names int
}

func (s *shapes) name() string {
	s.names++
	return fmt.Sprintf("%s%d", rapid.SampledFrom([]string{"a", "é", "_", "b-c."}).Draw(s.t, "name"), s.names)
}

func (s *shapes) chance(of string) bool { return rapid.Bool().Draw(s.t, of) }

// xml draws an xml object: a name and a namespace, or neither.
func (s *shapes) xml() obj {
	x := obj{}
	if s.chance("renamed") {
		x["name"] = s.name()
	}
	if rapid.IntRange(0, 3).Draw(s.t, "namespace") == 0 {
		n := rapid.IntRange(1, 2).Draw(s.t, "which")
		x["namespace"] = fmt.Sprintf("urn:%d", n)
		if s.chance("prefixed") {
			x["prefix"] = rapid.SampledFrom([]string{"p", "q"}).Draw(s.t, "prefix")
		}
	}
	return x
}

// scalar returns a schema and a drawer of values for it.
func (s *shapes) scalar() (obj, func() any) {
	switch rapid.IntRange(0, 3).Draw(s.t, "scalar") {
	case 0:
		return obj{"type": "integer"}, func() any { return json.Number(integers.Draw(s.t, "integer")) }
	case 1:
		return obj{"type": "number"}, func() any { return json.Number(numbers.Draw(s.t, "number")) }
	case 2:
		return obj{"type": "boolean"}, func() any { return rapid.Bool().Draw(s.t, "boolean") }
	}
	return obj{"type": "string"}, func() any { return texts.Draw(s.t, "text") }
}

func (s *shapes) any(depth int) (obj, func() any) {
	choice := rapid.IntRange(0, 5).Draw(s.t, "kind")
	if depth == 0 {
		choice = 0
	}
	var n obj
	var draw func() any
	switch choice {
	case 1, 2:
		n, draw = s.object(depth)
	case 3:
		n, draw = s.array(depth)
	case 4:
		n, draw = s.note()
	default:
		n, draw = s.scalar()
	}
	if choice != 3 {
		n["xml"] = s.xml()
		if s.chance("nullable") {
			n["type"] = []any{n["type"], "null"}
			inner := draw
			draw = func() any {
				if s.chance("null") {
					return nil
				}
				return inner()
			}
		}
	}
	return n, draw
}

// array draws arrays with a wrapper, and without; these are never empty.
func (s *shapes) array(depth int) (obj, func() any) {
	items, item := s.any(depth - 1)
	x := s.xml()
	least := 1
	if s.chance("wrapped") {
		x["wrapped"], least = true, 0
	}
	return obj{"type": "array", "items": items, "xml": x}, func() any {
		list := []any{}
		for range rapid.IntRange(least, 3).Draw(s.t, "items") {
			list = append(list, item())
		}
		return list
	}
}

// note draws a text beside attributes.
func (s *shapes) note() (obj, func() any) {
	text, attribute := s.name(), s.name()
	n, draw := s.scalar()
	x := s.xml()
	x["attribute"] = true
	n["xml"] = x
	return obj{"type": "object", "properties": obj{
			text:      obj{"type": "string", "xml": obj{"nodeType": rapid.SampledFrom([]string{"text", "cdata"}).Draw(s.t, "nodeType")}},
			attribute: n,
		}}, func() any {
			v := obj{text: texts.Draw(s.t, "text")}
			if s.chance("attribute") {
				v[attribute] = draw()
			}
			return v
		}
}

func (s *shapes) object(depth int) (obj, func() any) {
	properties := obj{}
	var names []string
	var drawers []func() any
	for range rapid.IntRange(0, 4).Draw(s.t, "properties") {
		name := s.name()
		n, draw := s.any(depth - 1)
		properties[name] = n
		names, drawers = append(names, name), append(drawers, draw)
	}
	extra := s.name()
	return obj{"type": "object", "properties": properties}, func() any {
		v := obj{}
		for i, name := range names {
			if s.chance("present") {
				v[name] = drawers[i]()
			}
		}
		switch rapid.IntRange(0, 4).Draw(s.t, "extra") {
		case 1:
			v[extra] = texts.Draw(s.t, "extra text")
		case 2:
			v[extra] = []any{"a", obj{"b": "c", "@d": texts.Draw(s.t, "extra attribute")}}
		case 3:
			v["@"+extra] = texts.Draw(s.t, "extra attribute")
		}
		return v
	}
}

func TestPropertyXMLReadsWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := shapes{t: t}
		n, draw := s.any(3)
		v := draw()
		if rapid.Bool().Draw(t, "nodeType none") {
			n = obj{"type": "object", "xml": obj{"nodeType": "none"}, "properties": obj{"root": n}}
			v = obj{"root": v}
		}
		node := nodeOf(t, n)
		out, err := AppendXML(nil, v, node)
		if err != nil {
			t.Fatalf("%v: %v", v, err)
		}
		back, err := DecodeXML(out, "", node, Limits{})
		if err != nil || !reflect.DeepEqual(back, v) {
			t.Fatalf("%s\ngives %#v, %v\nwant  %#v", out, back, err, v)
		}
	})
}

func nodeOf(t *rapid.T, n obj) *schema.Node {
	text, err := AppendJSON(nil, obj{"openapi": "3.1.0", "components": obj{"schemas": obj{
		"Root": n, "Use": obj{"$ref": "#/components/schemas/Root"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := document.Parse("drawn", text)
	if err != nil {
		t.Fatal(err)
	}
	node, ok := schema.New(doc).Node("/components/schemas/Use")
	if !ok {
		t.Fatalf("no node in %s", text)
	}
	return node
}

func TestPropertyFormReadsWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().AsAny()
		v := rapid.MapOfN(rapid.String().Filter(func(s string) bool { return s != "" }),
			rapid.OneOf(text, rapid.SliceOfN(text, 2, 4).AsAny()), 0, 5).Draw(t, "form")
		out, err := AppendForm(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeForm(out, "", nil, Limits{})
		if err != nil || !reflect.DeepEqual(value.Plain(back), value.Plain(v)) {
			t.Fatalf("%s: %v, %v; want %v", out, back, err, v)
		}
	})
}
