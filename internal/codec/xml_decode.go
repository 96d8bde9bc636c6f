package codec

import (
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/mockauth/mockauth/internal/schema"
)

// DecodeXML reads an XML document by a schema and its xml objects (OpenAPI 3.0
// to 3.2). charset is the charset parameter of the Content-Type, "" if there
// is none. The root must have the schema's name. Nothing of the document is
// dropped but comments, processing instructions, blank text between elements,
// and the attributes of XML Schema's instance namespace: an element that the
// schema does not know is kept under its tag, an attribute as "@name", so that
// validation reports them. What cannot be kept is an error: a repeated element
// that is no array, text between elements, an attribute where the schema wants
// a text. The error, if any, is an *Error.
func DecodeXML(data []byte, charset string, n *schema.Node, lim Limits) (any, error) {
	v, err := decodeXML(data, charset, n, lim.withDefaults())
	return v, err.result()
}

func decodeXML(data []byte, charset string, n *schema.Node, lim Limits) (any, *Error) {
	wanted, err := roots(n)
	if err != nil {
		return nil, err
	}
	t, err := scan(data, charset, lim)
	if err != nil {
		return nil, err
	}
	d := xmlDecoder{tree: t}
	uri := d.scope.of(t.root)
	for i := range wanted {
		f := &wanted[i]
		if f.tag != t.root.Tag || f.ns != uri {
			continue
		}
		v, err := d.element(t.root, f.node, uri)
		if f.name == "" || err != nil {
			if err != nil && f.name != "" {
				err = err.in(f.name)
			}
			return v, err
		}
		return map[string]any{f.name: v}, nil
	}
	return nil, d.wrongRoot(wanted)
}

func (d *xmlDecoder) wrongRoot(wanted []field) *Error {
	var names []string
	for _, f := range wanted {
		w := "<" + f.tag + ">"
		if f.tag == d.tree.root.Tag || f.ns != "" {
			if w += " in no namespace"; f.ns != "" {
				w = "<" + f.tag + "> in the namespace " + f.ns
			}
		}
		names = append(names, w)
	}
	return d.fail(Malformed, d.tree.root, "this is not the root element that is wanted", "send "+strings.Join(names, " or "))
}

type xmlDecoder struct {
	tree  *tree
	scope namespaces
}

func (d *xmlDecoder) fail(kind Kind, el *etree.Element, what, advice string) *Error {
	at := d.tree.offset(el)
	e := errorAt(kind, d.tree.text, at, what, advice)
	e.Offset += int64(d.tree.base)
	return e
}

// element decodes el, which is in the namespace uri, by n, which may be nil.
func (d *xmlDecoder) element(el *etree.Element, n *schema.Node, uri string) (any, *Error) {
	if d.tree.bindsNS {
		outer := d.scope
		d.scope = d.scope.enter(el)
		defer func() { d.scope = outer }()
		if isNil, err := d.xsiNil(el); isNil || err != nil {
			return nil, err
		}
	}
	v := choose(n, func(a *schema.Node) int { return d.fits(el, a, uri) })
	switch v.kind {
	case asObject:
		return d.object(el, v, uri)
	case asArray:
		return d.array(el, v.node, uri)
	case asText:
		return d.text(el, n, v, uri)
	}
	return d.generic(el, uri)
}

// xsiNil reports whether el is null (XML Schema part 1, section 2.6.2).
func (d *xmlDecoder) xsiNil(el *etree.Element) (bool, *Error) {
	for i := range el.Attr {
		a := &el.Attr[i]
		if a.Key != "nil" || a.Space == "" || d.scope.uri(a.Space) != xsiNamespace {
			continue
		}
		switch strings.Trim(a.Value, xmlSpace) {
		case "true", "1":
			if len(el.Child) > 0 || d.hasAttributes(el) {
				return false, d.fail(Malformed, el, "an element is nil and yet has a content", "send one of the two")
			}
			return true, nil
		case "false", "0":
		default:
			return false, d.fail(Malformed, el, "xsi:nil is neither true nor false", "send true, or leave it out")
		}
	}
	return false, nil
}

// says reports whether an attribute is part of the value: no declaration of a
// namespace, and not one of those that may stand everywhere (xsi:nil,
// xsi:type, xsi:schemaLocation).
func (d *xmlDecoder) says(a *etree.Attr) bool {
	return !declaresNamespace(a) && (a.Space == "" || d.scope.uri(a.Space) != xsiNamespace)
}

func (d *xmlDecoder) hasAttributes(el *etree.Element) bool {
	for i := range el.Attr {
		if d.says(&el.Attr[i]) {
			return true
		}
	}
	return false
}

// content returns the text of el, and whether it has elements. etree's Text
// ends at the first element.
func content(el *etree.Element) (s string, elements bool) {
	var parts []string
	for _, c := range el.Child {
		switch c := c.(type) {
		case *etree.CharData:
			if s == "" && parts == nil {
				s = c.Data
			} else {
				if parts == nil {
					parts = append(parts, s)
				}
				parts = append(parts, c.Data)
			}
		case *etree.Element:
			elements = true
		}
	}
	if parts != nil {
		s = strings.Join(parts, "")
	}
	return s, elements
}

func (d *xmlDecoder) mixed(el *etree.Element) *Error {
	return d.fail(Malformed, el, "an element has text where elements are wanted", "send elements only")
}

func (d *xmlDecoder) text(el *etree.Element, n *schema.Node, v view, uri string) (any, *Error) {
	s, elements := content(el)
	if elements {
		return d.generic(el, uri) // validation says that a text is wanted
	}
	for i := range el.Attr {
		if a := &el.Attr[i]; d.says(a) {
			return nil, d.fail(Malformed, el, "an element has an attribute that its schema does not have", "leave it out").in("@" + a.FullKey())
		}
	}
	if s == "" && !slices.Contains(v.node.Types, "string") && len(v.node.Types) > 0 && (nullable(n) || nullable(v.node)) {
		return nil, nil
	}
	t, _ := scalar(v.node, s, true)
	return t, nil
}

func (d *xmlDecoder) array(el *etree.Element, n *schema.Node, uri string) (any, *Error) {
	item := itemField(n.Items(), el.Tag)
	list := make([]any, 0, min(len(el.Child), 16))
	for i := range el.Attr {
		if a := &el.Attr[i]; d.says(a) {
			return nil, d.fail(Malformed, el, "the element around a list has an attribute", "leave it out").in("@" + a.FullKey())
		}
	}
	for _, c := range el.Child {
		switch c := c.(type) {
		case *etree.CharData:
			if !isBlank(c.Data) {
				return nil, d.mixed(el)
			}
		case *etree.Element:
			itemURI := d.scope.of(c)
			if !matches(&item, c.Tag, itemURI, uri) {
				return nil, d.fail(Malformed, c, "a list has an element of another name or namespace", "send elements <"+item.tag+">")
			}
			v, err := d.element(c, item.node, itemURI)
			if err != nil {
				return nil, err.in(strconv.Itoa(len(list)))
			}
			list = append(list, v)
		}
	}
	return list, nil
}

// matches reports whether f is written as tag in the namespace uri, in a
// parent whose namespace is parent.
func matches(f *field, tag, uri, parent string) bool {
	if f.tag != tag {
		return false
	}
	if f.ns != "" {
		return f.ns == uri
	}
	return uri == parent
}

func (d *xmlDecoder) object(el *etree.Element, v view, uri string) (any, *Error) {
	fields := slices.Clone(v.fields()) // each is told whether it was seen
	out := make(map[string]any, len(fields))
	if err := d.attributes(el, fields, out); err != nil {
		return nil, err
	}
	if err := d.ownText(el, fields, out); err != nil {
		return nil, err
	}
	var repeated map[string]bool // unknown elements that are a list already
	for _, c := range el.Child {
		c, ok := c.(*etree.Element)
		if !ok {
			continue
		}
		childURI := d.scope.of(c)
		f := fieldFor(fields, c.Tag, childURI, uri)
		if f == nil {
			key, err := d.unknown(c, fields, childURI, uri)
			if err != nil {
				return nil, err
			}
			child, err := d.element(c, nil, childURI)
			if err != nil {
				return nil, err.in(key)
			}
			collect(out, &repeated, key, child)
			continue
		}
		if err := d.member(c, f, childURI, out); err != nil {
			return nil, err
		}
	}
	for i := range fields {
		if f := &fields[i]; f.repeats && f.seen {
			out[f.name] = f.list
		}
	}
	return out, nil
}

func fieldFor(fields []field, tag, uri, parent string) *field {
	for i := range fields {
		if f := &fields[i]; f.place == inElement && matches(f, tag, uri, parent) {
			return f
		}
	}
	return nil
}

// member decodes c as the property f.
func (d *xmlDecoder) member(c *etree.Element, f *field, uri string, out map[string]any) *Error {
	switch {
	case f.hoisted:
		return hoisted().in(f.name)
	case f.repeats:
		v, err := d.element(c, f.items, uri)
		if err != nil {
			return err.in(strconv.Itoa(len(f.list))).in(f.name)
		}
		f.list, f.seen = append(f.list, v), true
		return nil
	case f.seen:
		return d.fail(Malformed, c, "an element that is no list stands twice", "send it once").in(f.name)
	}
	v, err := d.element(c, f.node, uri)
	if err != nil {
		return err.in(f.name)
	}
	out[f.name], f.seen = v, true
	return nil
}

func hoisted() *Error {
	return errorOf(Unsupported, "a property has the nodeType none", "use it on the root schema and on arrays only")
}

// attributes decodes the attributes of el.
func (d *xmlDecoder) attributes(el *etree.Element, fields []field, out map[string]any) *Error {
	for i := range el.Attr {
		a := &el.Attr[i]
		if !d.says(a) {
			continue
		}
		uri := ""
		if a.Space != "" {
			uri = d.scope.uri(a.Space)
		}
		key := "@" + a.FullKey()
		for j := range fields {
			f := &fields[j]
			if f.place != inAttribute || f.tag != a.Key || f.ns != uri {
				continue
			}
			if f.seen {
				return d.fail(Malformed, el, "an element has the same attribute twice", "send it once").in(f.name)
			}
			v, _ := scalar(sole(f.node), a.Value, true)
			out[f.name], f.seen, key = v, true, ""
			break
		}
		if key == "" {
			continue
		}
		if propertyNamed(fields, key) != nil {
			return d.fail(Malformed, el, "an attribute has a name that the schema gives to something else", "leave it out").in(key)
		}
		out[key] = a.Value
	}
	return nil
}

// ownText decodes the text of el that stands in no element.
func (d *xmlDecoder) ownText(el *etree.Element, fields []field, out map[string]any) *Error {
	s, elements := content(el)
	blank := isBlank(s)
	for i := range fields {
		f := &fields[i]
		if f.place != inText && f.place != inCDATA {
			continue
		}
		// Blank text among elements is layout. Without elements, no text is
		// the empty text, if the schema has a text that can be empty.
		if elements && blank || s == "" && !isString(f.node) {
			return nil
		}
		v, _ := scalar(sole(f.node), s, true)
		out[f.name] = v
		return nil
	}
	if !blank {
		return d.mixed(el)
	}
	return nil
}

func isString(n *schema.Node) bool {
	n = sole(n)
	return len(n.Types) == 0 || slices.Contains(n.Types, "string")
}

func propertyNamed(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}
