package codec

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

// DecodeForm reads application/x-www-form-urlencoded. The fields become the
// members of a map, by the types of the schema's properties (see DecodeText);
// a property that is an array collects its repetitions. A field that the
// schema does not name is kept as text, or as an array if it is repeated. The
// names and texts are UTF-8 after percent-decoding. n may be nil: no property
// is known. The error, if any, is an *Error.
func DecodeForm(data []byte, charset string, n *schema.Node, lim Limits) (any, error) {
	v, err := decodeForm(data, charset, n, lim.withDefaults())
	return v, err.result()
}

func decodeForm(data []byte, charset string, n *schema.Node, lim Limits) (any, *Error) {
	if err := tooManyBytes(len(data), lim); err != nil {
		return nil, err
	}
	if err := onlyUTF8("A form", charset); err != nil {
		return nil, err
	}
	f := newFormFields(n, lim)
	for start := 0; start <= len(data); {
		end := len(data)
		if i := bytes.IndexByte(data[start:], '&'); i >= 0 {
			end = start + i
		}
		if end == start { // "&&", a trailing "&"
			start++
			continue
		}
		pair := data[start:end]
		eq := bytes.IndexByte(pair, '=')
		if eq < 0 {
			eq = len(pair)
		}
		name, err := percentDecode(data, start, start+eq)
		if err != nil {
			return nil, err
		}
		text, err := percentDecode(data, min(start+eq+1, end), end)
		if err != nil {
			return nil, err.in(name)
		}
		switch {
		case name != "":
			err = f.add(name, func(p *schema.Node) (any, *Error) { return DecodeText(p, text), nil })
		case text != "":
			err = errorOf(Malformed, "a field has a value and no name", "send name=value")
		}
		// A lone "=" comes, as "&&" does, from careless joins and says nothing.
		if err != nil {
			err.Offset = int64(start)
			return nil, err
		}
		start = end + 1
	}
	return f.values, nil
}

// percentDecode decodes data[start:end].
func percentDecode(data []byte, start, end int) (string, *Error) {
	s := data[start:end]
	if bytes.IndexByte(s, '%') < 0 && bytes.IndexByte(s, '+') < 0 && bytes.IndexByte(s, ';') < 0 {
		if !utf8.Valid(s) {
			return "", formUTF8(data, start)
		}
		return string(s), nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '+':
			b = append(b, ' ')
		case ';':
			// Old servers take it as & and new ones as itself; a client that
			// sends it bare cannot know what it says.
			return "", errorAt(Malformed, data, start+i, "a form has a bare semicolon", "separate fields with &, and write ; as %3B")
		case '%':
			if i+2 >= len(s) {
				return "", formEscape(data, start+i)
			}
			h, ok1 := unhex(s[i+1])
			l, ok2 := unhex(s[i+2])
			if !ok1 || !ok2 {
				return "", formEscape(data, start+i)
			}
			b = append(b, h<<4|l)
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	if !utf8.Valid(b) {
		return "", formUTF8(data, start)
	}
	return string(b), nil
}

func formEscape(data []byte, at int) *Error {
	return errorAt(Malformed, data, at, "a % is not followed by two hexadecimal digits", "write a percent sign as %25")
}

func formUTF8(data []byte, at int) *Error {
	return errorAt(Malformed, data, at, "a field is not valid UTF-8 once decoded", "encode text as UTF-8 before percent-encoding it")
}

// formFields collects the fields of a form of either kind.
type formFields struct {
	schema *schema.Node
	values map[string]any
	lists  map[string]bool // values that are lists of repetitions
	left   int             // fields that may still come
	lim    Limits
}

func newFormFields(n *schema.Node, lim Limits) *formFields {
	return &formFields{schema: n, values: map[string]any{}, lists: map[string]bool{}, left: lim.Values, lim: lim}
}

// add puts the field called name in, decoded by the schema of its value.
func (f *formFields) add(name string, decode func(*schema.Node) (any, *Error)) *Error {
	if f.left--; f.left < 0 {
		return errorOf(TooLarge, "the form has too many fields", fmt.Sprintf("send at most %d", f.lim.Values))
	}
	p := formProperty(f.schema, name)
	before, repeated := f.values[name]
	var items *schema.Node
	list := p == nil && repeated
	if p = sole(p); p != nil && kindOf(p) == asArray {
		list, items = true, p.Items()
	} else {
		items = p
	}
	if repeated && !list {
		return errorOf(Malformed, "a field that is no array is sent twice", "send it once").in(name)
	}
	v, err := decode(items)
	if err != nil {
		return err.in(name)
	}
	if !list {
		f.values[name] = v
		return nil
	}
	switch {
	case !repeated:
		f.values[name] = []any{v}
	case f.lists[name]:
		f.values[name] = append(before.([]any), v)
	default: // a field without schema, seen once so far
		f.values[name] = []any{before, v}
	}
	f.lists[name] = true
	return nil
}

// formProperty returns the schema of a field: a property of n, or of the first
// of its alternatives that has it (the grants of a token endpoint).
func formProperty(n *schema.Node, name string) *schema.Node {
	if n == nil {
		return nil
	}
	if p := n.Property(name); p != nil {
		return p
	}
	for _, a := range n.Alternatives() {
		if p := a.Property(name); p != nil {
			return p
		}
	}
	return nil
}

// AppendForm appends v, an object of scalars and arrays of scalars, as
// application/x-www-form-urlencoded: the members of a value.Object in their
// order, those of a map sorted; an array as a repeated field; null left out.
// dst is returned as it was if there is an error, an *Error.
func AppendForm(dst []byte, v any) ([]byte, error) {
	out := dst
	add := func(name string, v any) *Error {
		if v == nil {
			return nil
		}
		text, ok := value.Text(v)
		switch {
		case !ok:
			return errorOf(Unsupported, "a form holds texts, numbers and booleans, and arrays of them", "send such an object as JSON").in(name)
		case name == "":
			return errorOf(Unsupported, "a field of a form has no name", "name it").in(name)
		case !utf8.ValidString(name) || !utf8.ValidString(text):
			return errorOf(Encoding, "a text is not valid UTF-8", "write bytes as base64").in(name)
		}
		if len(out) > len(dst) {
			out = append(out, '&')
		}
		out = append(append(append(out, url.QueryEscape(name)...), '='), url.QueryEscape(text)...)
		return nil
	}
	members, ok := v.(value.Object)
	if !ok {
		m, ok := v.(map[string]any)
		if !ok {
			return dst, errorOf(Unsupported, "a form is an object", "give it members")
		}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			members = append(members, value.Member{Name: name, Value: m[name]})
		}
	}
	for _, m := range members {
		list, ok := m.Value.([]any)
		if !ok {
			if err := add(m.Name, m.Value); err != nil {
				return dst, err
			}
			continue
		}
		for i, e := range list {
			if err := add(m.Name, e); err != nil {
				err.Pointer += "/" + strconv.Itoa(i)
				return dst, err
			}
		}
	}
	return out, nil
}
