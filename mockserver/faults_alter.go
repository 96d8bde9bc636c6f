package mockserver

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/beevik/etree"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
)

// The ways to write an answer.
const (
	alterUnknown  = "unknown-members"
	alterReversed = "reversed"
	alterNulls    = "nulls"
	alterBOM      = "bom"
	alterSpaces   = "spaces"
	alterLatin1   = "charset=iso-8859-1"
	alterUTF16    = "charset=utf-16"
	alterEscapes  = "escapes"
	alterNumbers  = "numbers-as-strings"
	alterHeaders  = "header-case"
)

// Alterations are the ways in which `alter` writes a JSON or XML answer. They
// mean the same to a reader that goes by the rules of the format, but for
// numbers-as-strings, which is another contract:
//
//   - unknown-members: each object has members that no schema names
//   - reversed: the members of objects come in the opposite order
//   - nulls: empty texts are null, and so are optional members that were left out
//   - bom: a byte order mark comes first
//   - spaces: line breaks and spaces between all that may be divided
//   - charset=iso-8859-1, charset=utf-16: the body is written so, and its media
//     type says it
//   - escapes: whatever is no letter and no digit is escaped in texts
//   - numbers-as-strings: tokens and ids of sessions that are numbers are texts,
//     and texts of digits are numbers
//   - header-case: the names of header fields are in lower case, but for those
//     that HTTP itself needs; without a port it does nothing
func Alterations() []string {
	return []string{alterUnknown, alterReversed, alterNulls, alterBOM, alterSpaces, alterLatin1, alterUTF16, alterEscapes, alterNumbers, alterHeaders}
}

// checkAlterations refuses what cannot be had together.
func checkAlterations(list []string) error {
	has := func(a string) bool { return slices.Contains(list, a) }
	switch {
	case has(alterLatin1) && has(alterUTF16):
		return fmt.Errorf("a body has one charset: %s or %s", alterLatin1, alterUTF16)
	case has(alterLatin1) && has(alterBOM):
		return fmt.Errorf("there is no byte order mark in ISO-8859-1; leave %s or %s out", alterLatin1, alterBOM)
	}
	return nil
}

// alterations are those that are due at the exchange.
func (x *exchange) alterations() (out []string) {
	for _, f := range x.trouble.due {
		if f.Do == doAlter {
			out = append(out, f.Alter...)
		}
	}
	return out
}

// alter writes the answer in other ways. body is what was encoded. It runs in
// the Update of the decision.
func (x *exchange) alter(out *answer, body any, n *schema.Node, tx session.Tx) {
	list := x.alterations()
	if len(list) == 0 {
		return
	}
	has := func(a string) bool { return slices.Contains(list, a) }
	if _, ok := x.w.(*memory); has(alterHeaders) && !ok {
		x.trouble.lower, out.altered = true, true
	}
	isXML := wire.IsXML(out.typ)
	if len(out.body) > 0 && (isXML || wire.IsJSON(out.typ)) {
		r := &rewriter{unknown: has(alterUnknown), reversed: has(alterReversed), nulls: has(alterNulls), numbers: has(alterNumbers) && !isXML, xml: isXML, tx: tx}
		text, err := r.write(out.typ, body, n, out.body)
		if err == nil && has(alterSpaces) {
			text, err = spaced(text, isXML)
		}
		if err == nil && has(alterEscapes) {
			text, err = escaped(text, isXML, func(r rune) bool { return !isAlphanumeric(r) })
		}
		if err != nil {
			out.notes = append(out.notes, "the answer could not be altered: "+err.Error())
			return
		}
		out.body, out.altered = text, true
		x.charset(out, list, isXML)
	}
	if !out.altered {
		return
	}
	for _, f := range x.trouble.due {
		if f.Do == doAlter {
			x.world.faults.fire(f)
		}
	}
}

// charset encodes the altered text.
func (x *exchange) charset(out *answer, list []string, isXML bool) {
	has := func(a string) bool { return slices.Contains(list, a) }
	out.text = out.body
	switch {
	case has(alterLatin1) && !has(alterUTF16):
		text, err := escaped(declared(out.body, "ISO-8859-1", isXML), isXML, func(r rune) bool { return r > 0xff })
		if err != nil {
			return
		}
		out.body = make([]byte, 0, len(text))
		for _, r := range string(text) {
			out.body = append(out.body, byte(min(r, 0xff)))
		}
		out.setCharset("iso-8859-1")
	case has(alterUTF16):
		out.body = binary.BigEndian.AppendUint16(nil, 0xfeff)
		for _, u := range utf16.Encode([]rune(string(declared(out.text, "UTF-16", isXML)))) {
			out.body = binary.BigEndian.AppendUint16(out.body, u)
		}
		out.setCharset("utf-16")
	case has(alterBOM):
		out.body = append([]byte("\ufeff"), out.body...)
	}
}

// setCharset says the charset in the media type, wherever that is written.
func (a *answer) setCharset(name string) {
	with := func(typ string) string {
		typ, _, _ = strings.Cut(typ, ";")
		return strings.TrimSpace(typ) + "; charset=" + name
	}
	a.typ = with(a.typ)
	for k, list := range a.headers {
		if strings.EqualFold(k, "Content-Type") && len(list) > 0 {
			a.headers[k] = []string{with(list[0])}
		}
	}
}

var xmlDeclaration = regexp.MustCompile(`^<\?xml[^>]*\?>`)

// declared gives an XML text a declaration with the encoding.
func declared(text []byte, encoding string, isXML bool) []byte {
	if !isXML {
		return text
	}
	text = bytes.TrimLeft(xmlDeclaration.ReplaceAll(text, nil), " \t\r\n")
	return append([]byte(`<?xml version="1.0" encoding="`+encoding+`"?>`), text...)
}

// lowerHeaders writes the names of header fields in lower case. net/http would
// add those that it needs again, so these are kept.
func lowerHeaders(h http.Header) {
	for _, name := range []string{"Date", "Content-Type"} {
		if list := h[name]; list != nil {
			h[strings.ToLower(name)] = list
			h[name] = nil
		}
	}
	for name, list := range h {
		low := strings.ToLower(name)
		if list == nil || low == name || name == "Content-Length" || name == "Connection" {
			continue
		}
		delete(h, name)
		h[low] = list
	}
}

// rewriter alters values.
type rewriter struct {
	unknown, reversed, nulls, numbers, xml bool

	tx session.Tx
}

// write encodes the altered value; as it was if there is nothing to alter.
func (r *rewriter) write(typ string, body any, n *schema.Node, was []byte) ([]byte, error) {
	if !r.unknown && !r.reversed && !r.nulls && !r.numbers {
		return was, nil
	}
	return wire.Encode(typ, r.value(body, n), n)
}

func (r *rewriter) value(v any, n *schema.Node) any {
	switch v := v.(type) {
	case value.Object:
		return r.object(v, n)
	case []any:
		var items *schema.Node
		if n != nil {
			items = n.Items()
		}
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = r.value(e, items)
		}
		return out
	case json.Number:
		if r.numbers && r.isToken(v.String()) {
			return v.String()
		}
	case string:
		if r.numbers && wholeNumber.MatchString(v) && r.isToken(v) {
			return json.Number(v)
		}
	}
	return v
}

// wholeNumber is one that every JSON reader holds without loss.
var wholeNumber = regexp.MustCompile(`^[1-9][0-9]{0,14}$`)

func (r *rewriter) isToken(text string) bool {
	return r.tx != nil && (r.tx.Token(text) != nil || r.tx.Session(text) != nil)
}

func (r *rewriter) object(o value.Object, n *schema.Node) any {
	shape := shapeOf(n, o)
	out := make(value.Object, 0, len(o)+2)
	for _, m := range o {
		p := memberNode(shape, m.Name)
		x := r.value(m.Value, p)
		if m.Value == "" && r.mayBeNull(shape, m.Name, p) {
			x = nil
		}
		out = append(out, value.Member{Name: m.Name, Value: x})
	}
	if shape != nil && r.nulls && !r.xml {
		for _, p := range shape.Properties() {
			if _, ok := o.Get(p.Name); !ok && !p.Schema.WriteOnly && r.mayBeNull(shape, p.Name, p.Schema) {
				out = append(out, value.Member{Name: p.Name})
			}
		}
	}
	if r.unknown && extensible(shape) {
		for _, m := range []value.Member{
			{Name: "unheardOf", Value: "of no consequence"},
			{Name: "unheardOfToo", Value: value.Object{{Name: "list", Value: []any{"a", "b"}}, {Name: "text", Value: "of none either"}}},
		} {
			if _, ok := out.Get(m.Name); !ok && shape.Property(m.Name) == nil {
				out = append(out, m)
			}
		}
	}
	if r.reversed {
		slices.Reverse(out)
	}
	return out
}

// extensible reports whether an object may get members that nobody named: where
// members are named by data, one more would be data, an object that has no
// element of its own has one member only, and beside a text there are none.
func extensible(shape *schema.Node) bool {
	if shape == nil || shape.Values() != nil || len(shape.Properties()) == 0 || shape.XML.NodeType == "none" {
		return false
	}
	return !slices.ContainsFunc(shape.Properties(), func(p schema.Property) bool {
		return p.Schema.XML.NodeType == "text" || p.Schema.XML.NodeType == "cdata"
	})
}

func (r *rewriter) mayBeNull(shape *schema.Node, name string, p *schema.Node) bool {
	if !r.nulls || p == nil {
		return false
	}
	return p.Nullable() || !r.xml && !slices.Contains(shape.Required, name)
}

// shapeOf is the node that names the members of an object: n, or the alternative
// of it that names most of them.
func shapeOf(n *schema.Node, o value.Object) *schema.Node {
	if n == nil {
		return nil
	}
	best, most := n, 0
	for _, s := range append([]*schema.Node{n}, n.Alternatives()...) {
		named := 0
		for _, m := range o {
			if s.Property(m.Name) != nil {
				named++
			}
		}
		if named > most {
			best, most = s, named
		}
	}
	return best
}

func memberNode(shape *schema.Node, name string) *schema.Node {
	if shape == nil {
		return nil
	}
	if p := shape.Property(name); p != nil {
		return p
	}
	return shape.Values()
}

// spaced divides what may be divided by line breaks and spaces.
func spaced(text []byte, isXML bool) ([]byte, error) {
	var b bytes.Buffer
	if isXML {
		d := etree.NewDocument()
		d.ReadSettings.PreserveCData = true
		if err := d.ReadFromBytes(text); err != nil {
			return nil, err
		}
		d.Indent(4)
		_, err := d.WriteTo(&b)
		b.WriteString("\r\n  \n")
		return b.Bytes(), err
	}
	b.WriteString("\r\n \t")
	if err := json.Indent(&b, text, " ", "\t  "); err != nil {
		return nil, err
	}
	b.WriteString(" \r\n\n")
	return b.Bytes(), nil
}

func isAlphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// escaped writes the characters chosen as \u escapes or character references
// wherever they stand in texts.
func escaped(text []byte, isXML bool, which func(rune) bool) ([]byte, error) {
	if isXML {
		return escapedXML(text, which)
	}
	return escapedJSON(text, which), nil
}

// escapedJSON rewrites the strings of a JSON text that is valid.
func escapedJSON(text []byte, which func(rune) bool) []byte {
	out := make([]byte, 0, 2*len(text))
	for i, in := 0, false; i < len(text); {
		c := text[i]
		switch {
		case c == '"':
			in = !in
			fallthrough
		case !in:
			out = append(out, c)
			i++
		case c == '\\' && text[i+1] == 'u':
			out = append(out, text[i:i+6]...)
			i += 6
		case c == '\\':
			r := rune(text[i+1])
			if j := strings.IndexRune(`bfnrt`, r); j >= 0 {
				r = rune("\b\f\n\r\t"[j])
			}
			out = escape(out, r, text[i:i+2], which)
			i += 2
		default:
			r, size := utf8.DecodeRune(text[i:])
			out = escape(out, r, text[i:i+size], which)
			i += size
		}
	}
	return out
}

// escape appends a character as it was written, or as an escape.
func escape(out []byte, r rune, was []byte, which func(rune) bool) []byte {
	if !which(r) {
		return append(out, was...)
	}
	for _, u := range utf16.Encode([]rune{r}) {
		out = fmt.Appendf(out, `\u%04x`, u)
	}
	return out
}

// escapedXML rewrites the character data of an XML text. CDATA sections, which
// know no references, become ordinary texts.
func escapedXML(text []byte, which func(rune) bool) ([]byte, error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	var out []byte
	depth := 0
	for {
		from := d.InputOffset()
		t, err := d.RawToken()
		to := d.InputOffset()
		if t == nil {
			if to < int64(len(text)) {
				return nil, err
			}
			return out, nil
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth > 0 && len(bytes.TrimSpace(t)) > 0 {
				for _, r := range string(t) {
					if which(r) || r == '<' || r == '&' || r == '>' {
						out = fmt.Appendf(out, "&#x%X;", r)
					} else {
						out = utf8.AppendRune(out, r)
					}
				}
				continue
			}
		}
		out = append(out, text[from:to]...)
	}
}
