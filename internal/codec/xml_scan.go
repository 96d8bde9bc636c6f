package codec

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// tree is a document that passed the scan.
type tree struct {
	root    *etree.Element
	text    []byte
	base    int   // offset of text in the body
	starts  []int // offset in text of each element, in document order
	bindsNS bool  // some element declares a namespace
}

// offset returns where an element begins. It walks the tree, which is fine for
// the one error that a document can have.
func (t *tree) offset(el *etree.Element) int {
	i := -1
	var find func(*etree.Element) bool
	find = func(e *etree.Element) bool {
		i++
		if e == el {
			return true
		}
		for _, c := range e.Child {
			if c, ok := c.(*etree.Element); ok && find(c) {
				return true
			}
		}
		return false
	}
	if !find(t.root) {
		return 0
	}
	return t.starts[i]
}

// scan reads a document into a tree. It builds the tree itself, of etree's
// elements, from the tokens that it has checked: etree's own reader would parse
// all of it a second time, keeps comments and processing instructions (which
// cut a text in two), and accepts a DTD, two roots, text outside the root, a
// duplicate attribute and an unbound prefix.
func scan(data []byte, charset string, lim Limits) (*tree, *Error) {
	if err := tooManyBytes(len(data), lim); err != nil {
		return nil, err
	}
	text, base, err := toUTF8(data, charset)
	if err != nil {
		return nil, err
	}
	s := scanner{tree: tree{text: text, base: base}, left: lim.Values, lim: lim}
	if at := badXMLChar(text); at >= 0 {
		return nil, s.fail(Malformed, at, "a byte is not valid in the charset of the XML, or a control character", "send UTF-8 without control characters")
	}
	s.input.data = text
	s.dec = xml.NewDecoder(&s.input)
	s.open = make([]*etree.Element, 0, 8)
	if err := s.run(); err != nil {
		return nil, err
	}
	return &s.tree, nil
}

type scanner struct {
	tree
	input  tagReader
	dec    *xml.Decoder
	open   []*etree.Element
	bound  map[string]int // how many open elements bind a prefix
	spaces int            // namespace declarations so far
	left   int            // elements and attributes that may still come
	lim    Limits
}

func (s *scanner) fail(kind Kind, at int, what, advice string) *Error {
	e := errorAt(kind, s.text, at, what, advice)
	e.Offset += int64(s.base)
	return e
}

func (s *scanner) run() *Error {
	for {
		start := int(s.dec.InputOffset())
		s.input.begin(start)
		token, err := s.dec.RawToken()
		end := int(s.dec.InputOffset())
		if err == io.EOF { //nolint:errorlint // RawToken returns io.EOF itself
			break
		}
		if err != nil {
			return s.syntax(err, end)
		}
		var failed *Error
		switch t := token.(type) {
		case xml.StartElement:
			failed = s.start(t, start, s.text[start:end])
		case xml.EndElement:
			failed = s.end(t, start)
		case xml.CharData:
			failed = s.chars(t, start, s.text[start:end])
		case xml.Directive:
			failed = s.fail(Malformed, start, "the XML has a DOCTYPE or another declaration of a DTD", "send the elements only")
		case xml.ProcInst:
			// A declaration at the beginning has been cut off by toUTF8.
			if strings.EqualFold(t.Target, "xml") || !isNCName(t.Target) {
				failed = s.fail(Malformed, start, "a processing instruction is out of place", "send the XML declaration first, or none")
			}
		}
		if failed != nil {
			return failed
		}
	}
	switch {
	case len(s.open) > 0:
		return s.fail(Malformed, len(s.text), "the XML ends too early", "close every element")
	case s.root == nil:
		return s.fail(Malformed, len(s.text), "the XML has no element", "send one root element")
	}
	return nil
}

// syntax puts encoding/xml's errors into sentences of our own, for theirs hold
// names and entities as they were sent.
func (s *scanner) syntax(err error, at int) *Error {
	if errors.Is(err, errAttributes) {
		return s.tooManyAttributes(at)
	}
	var e *xml.SyntaxError
	if errors.As(err, &e) {
		switch {
		case e.Msg == "unexpected EOF":
			return s.fail(Malformed, len(s.text), "the XML ends too early", "close every element")
		case strings.HasPrefix(e.Msg, "invalid character entity"):
			return s.fail(Malformed, at, "the XML has an entity that is not one of the five, or a bare &", "write &amp;, &lt;, &gt;, &quot;, &apos; or a number such as &#65;")
		case strings.HasPrefix(e.Msg, "illegal character code"):
			return s.badReference(at)
		}
	}
	return s.fail(Malformed, at, "the XML is not well-formed", "escape < and & in texts, quote attributes, close every element")
}

func (s *scanner) badReference(at int) *Error {
	return s.fail(Malformed, at, "a character reference names no character of XML", "leave it out")
}

func (s *scanner) count(n, at int) *Error {
	if s.left -= n; s.left < 0 {
		return s.fail(TooLarge, at, "the XML has too many elements and attributes", fmt.Sprintf("send at most %d", s.lim.Values))
	}
	return nil
}

func (s *scanner) start(t xml.StartElement, at int, raw []byte) *Error {
	if len(s.open) == 0 && s.root != nil {
		return s.fail(Malformed, at, "the XML has two root elements", "send one")
	}
	if len(s.open) >= s.lim.Depth {
		return s.fail(TooDeep, at, "the XML is nested too deep", fmt.Sprintf("nest at most %d levels", s.lim.Depth))
	}
	if err := s.count(1+len(t.Attr), at); err != nil {
		return err
	}
	if !attributesApart(raw) {
		return s.fail(Malformed, at, "two attributes are not separated", "write a space between them")
	}
	if badReferenceIn(raw) {
		return s.badReference(at)
	}
	el := &etree.Element{Space: t.Name.Space, Tag: t.Name.Local}
	if len(t.Attr) > 0 {
		el.Attr = make([]etree.Attr, len(t.Attr))
		if err := s.attributes(el, t.Attr, at); err != nil {
			return err
		}
	}
	if !isNCName(el.Tag) || el.Space == "xmlns" {
		return s.fail(Malformed, at, "an element's name is not well-formed", "begin it with a letter, and use one colon at most")
	}
	if !s.isBound(el.Space) {
		return s.unbound(at)
	}
	for _, a := range el.Attr {
		if a.Space != "xmlns" && !s.isBound(a.Space) {
			return s.unbound(at)
		}
	}
	if n := len(s.open); n > 0 {
		s.open[n-1].AddChild(el)
	} else {
		s.root = el
	}
	s.open = append(s.open, el)
	s.starts = append(s.starts, at)
	return nil
}

func (s *scanner) tooManyAttributes(at int) *Error {
	return s.fail(TooLarge, at, "an element has too many attributes", fmt.Sprintf("send at most %d", maxAttributes))
}

func (s *scanner) unbound(at int) *Error {
	return s.fail(Malformed, at, "a prefix is bound to no namespace", "declare it with xmlns:prefix, or leave it out")
}

// attributes copies and checks the attributes of el, and binds the prefixes
// that it declares.
func (s *scanner) attributes(el *etree.Element, attrs []xml.Attr, at int) *Error {
	for i, a := range attrs {
		for _, b := range attrs[:i] {
			if a.Name == b.Name {
				return s.fail(Malformed, at, "an element has the same attribute twice", "send it once")
			}
		}
		if !isNCName(a.Name.Local) {
			return s.fail(Malformed, at, "an attribute's name is not well-formed", "begin it with a letter, and use one colon at most")
		}
		el.Attr[i] = etree.Attr{Space: a.Name.Space, Key: a.Name.Local, Value: a.Value}
		if !declaresNamespace(&el.Attr[i]) {
			continue
		}
		s.bindsNS = true
		if s.spaces++; s.spaces > maxNamespaces {
			return s.fail(TooLarge, at, "the XML declares too many namespaces", fmt.Sprintf("declare at most %d, on the root", maxNamespaces))
		}
		if a.Name.Space == "" {
			continue
		}
		if a.Name.Local == "xmlns" || a.Value == "" || (a.Name.Local == "xml") != (a.Value == xmlNamespace) {
			return s.fail(Malformed, at, "a namespace declaration is not one that XML allows", "bind each prefix to a namespace, and leave xml and xmlns alone")
		}
		if s.bound == nil {
			s.bound = map[string]int{}
		}
		s.bound[a.Name.Local]++
	}
	return nil
}

func declaresNamespace(a *etree.Attr) bool {
	return a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns"
}

func (s *scanner) isBound(prefix string) bool {
	return prefix == "" || prefix == "xml" || s.bound[prefix] > 0
}

func (s *scanner) end(t xml.EndElement, at int) *Error {
	n := len(s.open)
	if n == 0 || s.open[n-1].Space != t.Name.Space || s.open[n-1].Tag != t.Name.Local {
		return s.fail(Malformed, at, "an end tag does not match the element that is open", "close each element where it was opened")
	}
	for _, a := range s.open[n-1].Attr {
		if a.Space == "xmlns" {
			s.bound[a.Key]--
		}
	}
	s.open = s.open[:n-1]
	return nil
}

func (s *scanner) chars(t xml.CharData, at int, raw []byte) *Error {
	cdata := bytes.HasPrefix(raw, []byte("<![CDATA["))
	if !cdata && badReferenceIn(raw) {
		return s.badReference(at)
	}
	if len(s.open) == 0 {
		if cdata || !isBlank(raw) {
			return s.fail(Malformed, at, "there is text outside the root element", "send one root element and nothing beside it")
		}
		return nil
	}
	if len(t) > 0 {
		s.open[len(s.open)-1].CreateText(string(t))
	}
	return nil
}

// attributesApart reports whether white space or the end follows every
// attribute of a start tag; encoding/xml does not ask for it.
func attributesApart(tag []byte) bool {
	if bytes.IndexByte(tag, '=') < 0 {
		return true
	}
	quote := byte(0)
	for i, c := range tag {
		switch {
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
			if i+1 < len(tag) && !isXMLSpace(tag[i+1]) && tag[i+1] != '/' && tag[i+1] != '>' {
				return false
			}
		}
	}
	return true
}

// badReferenceIn reports whether raw has a numeric reference to half of a
// surrogate pair, which encoding/xml makes a replacement character. Other bad
// ones it refuses itself.
func badReferenceIn(raw []byte) bool {
	for {
		i := bytes.Index(raw, []byte("&#"))
		if i < 0 {
			return false
		}
		raw = raw[i+2:]
		end := bytes.IndexByte(raw[:min(len(raw), 16)], ';')
		if end < 1 {
			return true // longer than any character's number with a few zeros
		}
		digits, base := string(raw[:end]), 10
		if digits[0] == 'x' {
			digits, base = digits[1:], 16
		}
		r, err := strconv.ParseUint(digits, base, 32)
		if err != nil || r > 0x10FFFF || !isXMLChar(rune(r)) {
			return true
		}
	}
}
