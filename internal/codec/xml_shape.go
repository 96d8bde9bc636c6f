package codec

import (
	"slices"

	"github.com/beevik/etree"

	"github.com/mockauth/mockauth/internal/schema"
)

// kind is how a value is laid out in XML.
type kind uint8

const (
	asAny kind = iota // by no schema: as the value or the element is
	asText
	asObject
	asArray
)

// kindOf tells it from the first type of a schema that is not null, or from
// its keywords where it has no type.
func kindOf(n *schema.Node) kind {
	if n == nil {
		return asAny
	}
	for _, t := range n.Types {
		switch t {
		case "object":
			return asObject
		case "array":
			return asArray
		case "null":
		default:
			return asText
		}
	}
	switch {
	case len(n.Properties()) > 0:
		return asObject
	case n.Items() != nil:
		return asArray
	case len(n.Enum) > 0 || len(n.Types) > 0:
		return asText
	}
	return asAny
}

func isNull(n *schema.Node) bool { return len(n.Types) == 1 && n.Types[0] == "null" }

// alternatives returns the alternatives of n but those that are null only,
// which say no more than nullable.
func alternatives(n *schema.Node) []*schema.Node {
	as := n.Alternatives()
	if slices.ContainsFunc(as, isNull) {
		as = slices.DeleteFunc(slices.Clone(as), isNull)
	}
	return as
}

func nullable(n *schema.Node) bool { return n != nil && n.Nullable() }

// maxAlternatives bounds how far alternatives of alternatives are followed; a
// schema can be its own alternative.
const maxAlternatives = 8

// sole goes from a schema that has one alternative, and null perhaps, to that
// alternative, so that an array that may be null is an array.
func sole(n *schema.Node) *schema.Node {
	for range maxAlternatives {
		if n == nil || kindOf(n) != asAny {
			return n
		}
		as := alternatives(n)
		if len(as) != 1 {
			return n
		}
		n = as[0]
	}
	return n
}

// view is a schema with its alternative chosen.
type view struct {
	node  *schema.Node // nil: nothing is known
	kind  kind
	props []schema.Property
	of    *schema.Node // whose properties these are; nil: not those of one alone
}

// choose makes the view of n that fits best by score: of each alternative, 0
// (does not fit) to 3 (fits exactly). The first of the best counts. A schema
// that says itself what it is keeps its say, and an object adds the properties
// of the alternative to its own. Only what stands directly in a value is looked
// at, so that the cost does not grow with nesting; validation has the last
// word anyway.
func choose(n *schema.Node, score func(*schema.Node) int) view {
	v := view{node: n, kind: kindOf(n)}
	if n == nil {
		return v
	}
	v.props, v.of = n.Properties(), n
	if v.kind != asAny && v.kind != asObject {
		return v
	}
	best := n
	for range maxAlternatives {
		as := alternatives(best)
		if len(as) == 0 {
			break
		}
		best = as[0]
		if len(as) > 1 {
			most := -1
			for _, a := range as {
				if s := score(a); s > most {
					best, most = a, s
				}
			}
		}
	}
	if best == n {
		return v
	}
	if v.kind == asAny {
		v.node, v.kind = best, kindOf(best)
	}
	switch {
	case v.kind != asObject:
	case len(v.props) == 0:
		v.props, v.of = best.Properties(), best
	default:
		v.props, v.of = slices.Concat(v.props, best.Properties()), nil
	}
	return v
}

// place is where in an element a property stands.
type place uint8

const (
	inElement place = iota
	inAttribute
	inText
	inCDATA
)

// field is a property as it stands in XML.
type field struct {
	name  string // of the property
	tag   string // of its elements or its attribute
	ns    string // declared namespace; "" = of the parent (an attribute: none)
	place place
	node  *schema.Node // of the value
	// repeats is set for an array that has no wrapper: every element of this
	// tag is an item, by the schema items, which may be nil.
	repeats bool
	items   *schema.Node
	prefix  string // declared for ns
	hoisted bool   // nodeType none, which only a root may have

	// While decoding:
	seen bool
	list []any
}

// fields are the properties of a view as they stand in XML. They may be shared, and
// are not to be changed.
func (v *view) fields() []field {
	if v.of == nil {
		return newFields(v.props)
	}
	return fieldsOf(v.of)
}

// fieldsOf are those of a schema, which are kept with it.
func fieldsOf(n *schema.Node) []field {
	fields, _ := n.Kept(func() any { return newFields(n.Properties()) }).([]field) // nobody else keeps anything
	return fields
}

func newFields(props []schema.Property) []field {
	fields := make([]field, len(props))
	for i := range props {
		fields[i] = fieldOf(props[i].Name, props[i].Schema)
	}
	return fields
}

func fieldOf(name string, n *schema.Node) field {
	x := &n.XML
	f := field{name: name, tag: name, node: n, ns: x.Namespace, prefix: x.Prefix}
	switch {
	case x.Attribute || x.NodeType == "attribute":
		f.place = inAttribute
	case x.NodeType == "text":
		f.place = inText
	case x.NodeType == "cdata":
		f.place = inCDATA
	default:
		s := sole(n)
		if kindOf(s) != asArray {
			f.hoisted = x.NodeType == "none"
			break
		}
		if isWrapped(n, s) {
			break
		}
		// OpenAPI: the name of an array without a wrapper is not used.
		f.repeats, f.items = true, s.Items()
		if f.items != nil {
			item := &f.items.XML
			if item.Name != "" {
				f.tag = item.Name
			}
			if item.Namespace != "" {
				f.ns, f.prefix = item.Namespace, item.Prefix
			}
		}
		return f
	}
	if x.Name != "" {
		f.tag = x.Name
	}
	return f
}

// isWrapped reads 3.0's wrapped and 3.2's nodeType of an array, which may
// stand beside or inside a sole alternative.
func isWrapped(n, s *schema.Node) bool {
	return n.XML.Wrapped || s.XML.Wrapped || n.XML.NodeType == "element" || s.XML.NodeType == "element"
}

// itemField is an item inside an element that holds all of them.
func itemField(items *schema.Node, wrapper string) field {
	f := field{tag: wrapper, node: items}
	if items != nil {
		f.ns, f.prefix = items.XML.Namespace, items.XML.Prefix
		if items.XML.Name != "" {
			f.tag = items.XML.Name
		}
	}
	return f
}

// roots returns what the root element may be: the schema itself, or with
// nodeType none, where the schema has no element of its own, one of its
// properties (in documents the only one). The field of the schema itself has
// no name, only a tag.
func roots(n *schema.Node) ([]field, *Error) {
	if n == nil {
		return nil, errorOf(Unsupported, "there is no schema to read or write the XML by", "declare one for this media type")
	}
	if n.XML.NodeType != "none" {
		f := field{tag: n.XML.Name, ns: n.XML.Namespace, prefix: n.XML.Prefix, node: n}
		if f.tag == "" {
			f.tag = n.RefName
		}
		if f.tag == "" {
			return nil, errorOf(Unsupported, "the schema does not name the root element", "give it xml.name, or refer to it by $ref")
		}
		return []field{f}, nil
	}
	var fields []field
	for _, p := range n.Properties() {
		// Not fieldOf: an array as the root always has its own element.
		f := field{name: p.Name, tag: p.Name, ns: p.Schema.XML.Namespace, prefix: p.Schema.XML.Prefix, node: p.Schema}
		if p.Schema.XML.Name != "" {
			f.tag = p.Schema.XML.Name
		}
		fields = append(fields, f)
	}
	if len(fields) == 0 {
		return nil, errorOf(Unsupported, "the schema's nodeType is none, and it has no property to be the root element", "give it one")
	}
	return fields, nil
}

// binding is a prefix bound to a namespace.
type binding struct{ prefix, uri string }

// namespaces is the bindings in scope, innermost last.
type namespaces []binding

func (s namespaces) uri(prefix string) string {
	if prefix == "xml" {
		return xmlNamespace
	}
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].prefix == prefix {
			return s[i].uri
		}
	}
	return ""
}

// of returns the namespace of an element whose parent's scope is s.
func (s namespaces) of(el *etree.Element) string {
	for i := range el.Attr {
		if a := &el.Attr[i]; declaresNamespace(a) {
			if a.Space == "" && el.Space == "" || a.Space != "" && a.Key == el.Space {
				return a.Value
			}
		}
	}
	return s.uri(el.Space)
}

// enter adds what el declares.
func (s namespaces) enter(el *etree.Element) namespaces {
	for i := range el.Attr {
		if a := &el.Attr[i]; declaresNamespace(a) {
			prefix := a.Key
			if a.Space == "" {
				prefix = ""
			}
			s = append(s, binding{prefix, a.Value})
		}
	}
	return s
}
