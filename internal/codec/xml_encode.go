package codec

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

// AppendXML appends v as an XML document by a schema and its xml objects, as
// the documented answers are: without a declaration, indentation or a newline
// at the end, an empty text as <a></a>. The members of a value.Object keep
// their order, those of a map have the schema's and then their names';
// attributes always have the schema's. A member that the schema does not know
// is written as an element, or as an attribute if its name begins with @.
//
// What it writes, DecodeXML reads back: a null becomes xsi:nil where the
// schema allows null, and else is left out. The exceptions are in XML's
// nature: an empty list without a wrapper leaves no trace, and a number where
// the schema wants a text is a text. dst is returned as it was if there is an
// error, an *Error.
func AppendXML(dst []byte, v any, n *schema.Node) ([]byte, error) {
	out, err := appendXML(dst, v, n)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func appendXML(dst []byte, v any, n *schema.Node) ([]byte, *Error) {
	wanted, err := roots(n)
	if err != nil {
		return nil, err
	}
	e := xmlEncoder{dst: dst}
	f := &wanted[0]
	if f.name != "" {
		members, ok := membersOf(v, nil)
		if !ok || len(members) != 1 {
			return nil, errorOf(Unsupported, "the value does not have exactly one member to be the root element", "give it one")
		}
		i := slices.IndexFunc(wanted, func(f field) bool { return f.name == members[0].Name })
		if i < 0 {
			return nil, errorOf(Unsupported, "the schema does not have the member that would be the root element", "declare it").in(members[0].Name)
		}
		f, v = &wanted[i], members[0].Value
	}
	if v == nil && !nullable(f.node) {
		return nil, errorOf(Unsupported, "the root element is null and its schema does not allow it", "give it a value")
	}
	if err := e.element(f, f.node, v, "", ""); err != nil {
		if f.name != "" {
			err = err.in(f.name)
		}
		return nil, err
	}
	return e.dst, nil
}

// membersOf returns the members of an object: of a map in the order of the
// fields, then of their names.
func membersOf(v any, fields []field) (value.Object, bool) {
	switch v := v.(type) {
	case value.Object:
		return v, true
	case map[string]any:
		out := make(value.Object, 0, len(v))
		for i := range fields {
			if e, ok := v[fields[i].name]; ok {
				out = append(out, value.Member{Name: fields[i].name, Value: e})
			}
		}
		if len(out) < len(v) {
			for _, name := range slices.Sorted(maps.Keys(v)) {
				if propertyNamed(fields, name) == nil {
					out = append(out, value.Member{Name: name, Value: v[name]})
				}
			}
		}
		return out, true
	}
	return nil, false
}

type xmlEncoder struct {
	dst   []byte
	scope namespaces
	depth int
}

// element writes v, by n, as one element that f names and puts into a
// namespace. uri and prefix are those of the element around it.
func (e *xmlEncoder) element(f *field, n *schema.Node, v any, uri, prefix string) *Error {
	if e.depth++; e.depth > maxEncodeDepth {
		return encodeTooDeep()
	}
	outer := len(e.scope)
	defer func() {
		e.scope = e.scope[:outer]
		e.depth--
	}()
	if !isNCName(f.tag) {
		return errorOf(Unsupported, "a name cannot be the name of an element", "begin it with a letter, and use letters, digits, -, _ and . only; or give it xml.name")
	}
	if f.ns != "" {
		uri, prefix = f.ns, f.prefix
	}
	begin := len(e.dst) + 1
	e.dst = append(e.dst, '<')
	if prefix != "" {
		e.dst = append(append(e.dst, prefix...), ':')
	}
	e.dst = append(e.dst, f.tag...)
	end := len(e.dst)
	if f.ns != "" {
		if err := e.bind(prefix, uri); err != nil {
			return err
		}
	}
	if err := e.content(f.tag, n, v, uri, prefix); err != nil {
		return err
	}
	e.dst = append(e.dst, '<', '/')
	e.dst = append(e.dst, e.dst[begin:end]...)
	e.dst = append(e.dst, '>')
	return nil
}

// bind declares a namespace in the start tag being written, unless it is in
// scope.
func (e *xmlEncoder) bind(prefix, uri string) *Error {
	if e.scope.uri(prefix) == uri {
		return nil
	}
	e.dst = append(e.dst, " xmlns"...)
	if prefix != "" {
		if !isNCName(prefix) || strings.HasPrefix(strings.ToLower(prefix), "xml") || prefix == "xsi" && uri != xsiNamespace {
			return errorOf(Unsupported, "a prefix is not one that can be declared", "begin it with a letter, and leave xml and xsi to XML")
		}
		e.dst = append(append(e.dst, ':'), prefix...)
	}
	e.scope = append(e.scope, binding{prefix, uri})
	e.dst = append(e.dst, '=')
	return e.quoted(uri)
}

// content writes the rest of the start tag of an element, and all up to its
// end tag.
func (e *xmlEncoder) content(tag string, n *schema.Node, v any, uri, prefix string) *Error {
	if v == nil {
		if err := e.bind("xsi", xsiNamespace); err != nil {
			return err
		}
		e.dst = append(e.dst, ` xsi:nil="true">`...)
		return nil
	}
	c := choose(n, func(a *schema.Node) int { return fitsValue(a, v) })
	list, isList := v.([]any)
	switch {
	case c.kind == asArray:
		if !isList {
			list = []any{v} // written bare, see Bare
		}
		e.dst = append(e.dst, '>')
		f := itemField(c.node.Items(), tag)
		return e.list(&f, list, uri, prefix)
	case isList:
		return errorOf(Unsupported, "a list stands where the schema has none", "declare an array")
	case isObject(v):
		if c.kind != asObject {
			c.props, c.of = nil, nil // of no use to it; validation reports the value
		}
		return e.object(c, v, uri, prefix)
	}
	e.dst = append(e.dst, '>')
	return e.text(v)
}

func isObject(v any) bool {
	switch v.(type) {
	case value.Object, map[string]any:
		return true
	}
	return false
}

// list writes one element for each item.
func (e *xmlEncoder) list(f *field, list []any, uri, prefix string) *Error {
	for i, item := range list {
		if item == nil && !nullable(f.node) {
			return errorOf(Unsupported, "an item of a list is null and its schema does not allow it", "leave it out").in(strconv.Itoa(i))
		}
		if err := e.element(f, f.node, item, uri, prefix); err != nil {
			return err.in(strconv.Itoa(i))
		}
	}
	return nil
}

func (e *xmlEncoder) object(c view, v any, uri, prefix string) *Error {
	fields := c.fields()
	members, _ := membersOf(v, fields)
	if err := e.attributes(fields, members); err != nil {
		return err
	}
	e.dst = append(e.dst, '>')
	for i := range members {
		m := &members[i]
		f := propertyNamed(fields, m.Name)
		var err *Error
		switch {
		case m.Value == nil && (f == nil || f.place != inElement || f.repeats || !nullable(f.node)),
			f != nil && f.place == inAttribute,
			f == nil && strings.HasPrefix(m.Name, "@"):
			continue
		case f == nil && m.Name == textKey:
			err = e.text(m.Value)
		case f == nil:
			err = e.unknown(m, fields, uri, prefix)
		case f.place == inText:
			err = e.text(m.Value)
		case f.place == inCDATA:
			err = e.cdata(m.Value)
		case f.hoisted:
			err = hoisted()
		case f.repeats:
			list, ok := m.Value.([]any)
			if !ok {
				list = []any{m.Value}
			}
			item := *f
			item.node = f.items
			err = e.list(&item, list, uri, prefix)
		default:
			err = e.element(f, f.node, m.Value, uri, prefix)
		}
		if err != nil {
			return err.in(m.Name)
		}
	}
	return nil
}

// unknown writes a member that the schema does not name.
func (e *xmlEncoder) unknown(m *value.Member, fields []field, uri, prefix string) *Error {
	f := field{name: m.Name, tag: m.Name}
	if fieldFor(fields, f.tag, uri, uri) != nil {
		return errorOf(Unsupported, "a member that the schema does not have is written as one that it has", "rename it")
	}
	if list, ok := m.Value.([]any); ok {
		return e.list(&f, list, uri, prefix)
	}
	return e.element(&f, nil, m.Value, uri, prefix)
}

// attributes writes the declared ones in the schema's order, then those that
// the schema does not know.
func (e *xmlEncoder) attributes(fields []field, members value.Object) *Error {
	for i := range fields {
		f := &fields[i]
		if f.place != inAttribute {
			continue
		}
		v, _ := members.Get(f.name)
		if v == nil {
			continue
		}
		if err := e.attribute(f, v); err != nil {
			return err.in(f.name)
		}
	}
	for i := range members {
		m := &members[i]
		tag, ok := strings.CutPrefix(m.Name, "@")
		if !ok || m.Value == nil || propertyNamed(fields, m.Name) != nil {
			continue
		}
		twice := slices.ContainsFunc(fields, func(f field) bool { return f.place == inAttribute && f.ns == "" && f.tag == tag })
		if twice || tag == "xmlns" {
			return errorOf(Unsupported, "a member that the schema does not have is written as an attribute that it has", "rename it").in(m.Name)
		}
		if err := e.attribute(&field{tag: tag}, m.Value); err != nil {
			return err.in(m.Name)
		}
	}
	return nil
}

func (e *xmlEncoder) attribute(f *field, v any) *Error {
	tag := strings.TrimPrefix(f.tag, "xml:") // bound in every document
	if !isNCName(tag) {
		return errorOf(Unsupported, "a name cannot be the name of an attribute", "begin it with a letter, and use letters, digits, -, _ and . only; or give it xml.name")
	}
	text, ok := value.Text(v)
	if !ok {
		return errorOf(Unsupported, "an attribute holds one text, number or boolean", "use an element")
	}
	prefix := ""
	if f.ns != "" {
		// An attribute without a prefix is in no namespace, whatever the
		// default. And a prefix that is bound already may be in use here.
		prefix = f.prefix
		for i := 1; prefix == "" || e.scope.uri(prefix) != f.ns && e.scope.uri(prefix) != ""; i++ {
			prefix = "ns" + strconv.Itoa(i)
		}
		if err := e.bind(prefix, f.ns); err != nil {
			return err
		}
	}
	e.dst = append(e.dst, ' ')
	if prefix != "" {
		e.dst = append(append(e.dst, prefix...), ':')
	}
	e.dst = append(append(e.dst, f.tag...), '=')
	return e.quoted(text)
}

// quoted writes the value of an attribute. White space is written as
// references, for a reader makes each a space otherwise (XML 1.0, 3.3.3).
func (e *xmlEncoder) quoted(s string) *Error {
	if badXMLChar(s) >= 0 {
		return badText()
	}
	e.dst = append(e.dst, '"')
	e.escape(s, true)
	e.dst = append(e.dst, '"')
	return nil
}

// text writes the text of an element. A carriage return is written as a
// reference, for a reader makes it a line feed otherwise (XML 1.0, 2.11).
func (e *xmlEncoder) text(v any) *Error {
	s, ok := value.Text(v)
	if !ok {
		return errorOf(Unsupported, "the text of an element is one text, number or boolean", "use elements")
	}
	if badXMLChar(s) >= 0 {
		return badText()
	}
	e.escape(s, false)
	return nil
}

func (e *xmlEncoder) escape(s string, attribute bool) {
	from := 0
	for i := range len(s) {
		var reference string
		switch s[i] {
		case '&':
			reference = "&amp;"
		case '<':
			reference = "&lt;"
		case '>':
			reference = "&gt;"
		case '\r':
			reference = "&#xD;"
		case '"', '\t', '\n':
			if !attribute {
				continue
			}
			switch s[i] {
			case '"':
				reference = "&quot;"
			case '\t':
				reference = "&#x9;"
			default:
				reference = "&#xA;"
			}
		default:
			continue
		}
		e.dst = append(append(e.dst, s[from:i]...), reference...)
		from = i + 1
	}
	e.dst = append(e.dst, s[from:]...)
}

// cdata writes a text as a CDATA section, if it can stand in one.
func (e *xmlEncoder) cdata(v any) *Error {
	s, ok := value.Text(v)
	if !ok || s == "" || strings.Contains(s, "\r") || badXMLChar(s) >= 0 {
		return e.text(v)
	}
	e.dst = append(e.dst, "<![CDATA["...)
	e.dst = append(e.dst, strings.ReplaceAll(s, "]]>", "]]]]><![CDATA[>")...)
	e.dst = append(e.dst, "]]>"...)
	return nil
}

func badText() *Error {
	return errorOf(Encoding, "a text is not valid UTF-8, or has a character that XML has not", "write bytes as base64")
}
