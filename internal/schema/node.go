package schema

import "slices"

// Node is a schema to be walked: what a codec must know of it, with the order
// of properties as the document has it. A Node that is reached through a $ref
// is the Node of the target, with RefName set on a copy; recursion is cut by
// building children lazily, so walk a Node together with a value, never alone.
//
// The branches of an allOf are part of the Node: a field is what the schema
// itself says or, where it says nothing, what the first branch says.
//
// Children are built once, at the first walk; a walk after that allocates
// nothing. A Node is safe for concurrent use and must not be changed.
type Node struct {
	Pointer string   // JSON pointer of the schema in the document, "#" not included
	RefName string   // last segment of the $ref that led here, or ""
	Types   []string // "null" included where the schema is nullable; empty = any

	Format, Pattern string
	Enum            []any // a const is an enum of one
	Default         any   // nil if none
	HasDefault      bool
	Required        []string
	Additional      bool // may an object have members that Properties does not name
	ReadOnly        bool
	WriteOnly       bool

	XML XML

	// Extensions holds the members that begin with x-, by name.
	Extensions map[string]any

	src *source // where children are built from
}

// XML is the schema's xml object.
type XML struct {
	Name, Namespace, Prefix string
	Attribute, Wrapped      bool
	// NodeType is OpenAPI 3.2's nodeType, also read from x-nodeType so that a
	// 3.0 document may use it: "text" (the value is the element's text), "none"
	// (the object has no element of its own: its only property is the root),
	// "cdata", "attribute", "element" or "".
	NodeType string
}

// Property is one declared member of an object.
type Property struct {
	Name   string
	Schema *Node
}

// Node returns the tree of the schema at a pointer, a $ref on the way or at its
// end followed. It reports false where there is no schema, or where the
// reference cannot be followed; Compile says why.
func (s *Set) Node(pointer string) (*Node, bool) {
	if n, ok := s.asked.Load(pointer); ok {
		return n.(*Node), true
	}
	p, err := s.at(pointer)
	if err != nil {
		return nil, false
	}
	n := s.node([]place{p})
	if n == nil {
		return nil, false
	}
	actual, _ := s.asked.LoadOrStore(pointer, n)
	return actual.(*Node), true
}

// Kept is what f works out of the node, the first time and for all who ask
// after it: how the format of the body writes its members. A node has room for one
// such thing.
func (n *Node) Kept(f func() any) any {
	if n.src == nil {
		return f() // a Node made by hand
	}
	n.src.keptOnce.Do(func() { n.src.kept = f() })
	return n.src.kept
}

// Properties returns the declared members of an object in document order, those
// of allOf's branches in their place. Those of oneOf and anyOf are on the
// Alternatives.
func (n *Node) Properties() []Property { return n.children().properties }

// Property returns the schema of a declared member; nil if there is none.
func (n *Node) Property(name string) *Node { return n.children().byName[name] }

// Items returns the schema of an array's items; nil if there is none.
func (n *Node) Items() *Node { return n.children().items }

// Values returns the schema of the members that Properties does not name, from
// `additionalProperties`; nil if there is none.
func (n *Node) Values() *Node { return n.children().values }

// Alternatives returns the branches of oneOf, else of anyOf; nil if there is
// neither.
func (n *Node) Alternatives() []*Node { return n.children().alternatives }

// Is reports whether the schema is of a type. A schema without a type is an
// object where it declares members, and an array where it declares items.
func (n *Node) Is(typ string) bool {
	if len(n.Types) > 0 {
		return slices.Contains(n.Types, typ)
	}
	switch typ {
	case "object":
		return len(n.Properties()) > 0 || n.Values() != nil
	case "array":
		return n.Items() != nil
	}
	return false
}

// Nullable reports whether null is among the types, of the schema or of one of
// its alternatives.
func (n *Node) Nullable() bool {
	return slices.Contains(n.Types, "null") ||
		slices.ContainsFunc(n.Alternatives(), func(a *Node) bool { return slices.Contains(a.Types, "null") })
}

// Scalar reports whether the schema is for text, numbers, booleans and null
// only.
func (n *Node) Scalar() bool { return n.scalar(0) }

func (n *Node) scalar(depth int) bool {
	if len(n.Types) > 0 {
		return !slices.Contains(n.Types, "object") && !slices.Contains(n.Types, "array")
	}
	if n.Is("object") || n.Is("array") || depth > maxHops {
		return false
	}
	if alternatives := n.Alternatives(); alternatives != nil {
		return !slices.ContainsFunc(alternatives, func(a *Node) bool { return !a.scalar(depth + 1) })
	}
	return n.Format != "" || n.Pattern != "" || len(n.Enum) > 0 && !slices.ContainsFunc(n.Enum, compound)
}
