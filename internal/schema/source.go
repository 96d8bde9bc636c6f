package schema

import (
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/value"
)

// source is where a Node comes from and what has been built of it. A Node and
// the copies of it that carry a RefName share one.
type source struct {
	set *Set
	// roots are the schemas that a value must fit: one, but where two branches
	// of an allOf declare the same property.
	roots []place
	// parts are the schemas that the roots are made of: the roots themselves,
	// then the branches of their allOf.
	parts []place

	once  sync.Once
	built children

	keptOnce sync.Once
	kept     any // see Node.Kept

	// for Generate
	mintOnce  sync.Once
	mint      *mint
	judgeOnce sync.Once
	judges    []*Validator // one a root
	judgeErr  error
}

type children struct {
	properties   []Property
	byName       map[string]*Node
	items        *Node
	values       *Node
	alternatives []*Node
}

func (n *Node) children() *children {
	if n.src == nil {
		return &children{} // a Node made by hand
	}
	n.src.once.Do(n.src.build)
	return &n.src.built
}

// node returns the Node for a value that must fit all roots; nil if the first
// is no schema. Nodes of one root are shared, by the pointer of the schema
// itself.
func (s *Set) node(roots []place) *Node {
	first, name, err := s.follow(roots[0])
	if err != nil || !first.isMap() && document.Value(first.node) != true {
		return nil
	}
	if !s.is30 && name == "" {
		if ref, ok := first.ref(); ok { // with words beside it
			name = refName(ref)
		}
	}
	if len(roots) > 1 {
		n := s.newNode(roots)
		n.RefName = name
		return n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.nodes[first.pointer]
	if !ok {
		n = s.newNode([]place{first})
		s.nodes[first.pointer] = n
	}
	if name == "" {
		return n
	}
	named := *n
	named.RefName = name
	return &named
}

// newNode reads the fields; it does not touch the cache, so it may be called
// with or without the lock.
func (s *Set) newNode(roots []place) *Node {
	parts := s.parts(roots)
	n := &Node{Additional: true, src: &source{set: s, roots: roots, parts: parts}}
	if len(parts) > 0 {
		n.Pointer, n.Types = parts[0].pointer, s.types(parts)
	}
	for _, p := range parts {
		n.read(s, p)
	}
	return n
}

// parts lists the schemas that roots are made of, references followed, outer
// ones first. A reference that cannot be followed is left out: Compile is
// there to complain.
func (s *Set) parts(roots []place) []place {
	var out []place
	seen := map[string]bool{}
	var walk func(place)
	walk = func(p place) {
		p, _, err := s.follow(p)
		if err != nil || seen[p.pointer] {
			return
		}
		seen[p.pointer] = true
		out = append(out, p)
		if to, ok := s.besideRef(p); ok {
			walk(to)
		}
		for _, e := range p.elements("allOf") {
			walk(e)
		}
	}
	for _, r := range roots {
		walk(r)
	}
	return out
}

// besideRef returns the target of a $ref that says something beside it.
func (s *Set) besideRef(p place) (place, bool) {
	ref, ok := p.ref()
	if !ok || s.isPureRef(p) {
		return place{}, false
	}
	to, err := s.target(p.pointer, ref, 0)
	return to, err == nil
}

// read adds what one part says to the fields. Outer parts come first and win.
func (n *Node) read(s *Set, p place) {
	if n.Format == "" {
		n.Format = p.text("format")
	}
	if n.Pattern == "" {
		n.Pattern = p.text("pattern")
	}
	if n.Enum == nil {
		n.readEnum(s, p)
	}
	if d, ok := p.child("default"); ok && !n.HasDefault {
		n.Default, n.HasDefault = document.Value(d.node), true
	}
	for _, e := range p.elements("required") {
		if name := e.node.Value; !slices.Contains(n.Required, name) {
			n.Required = append(n.Required, name)
		}
	}
	if closed(p) {
		n.Additional = false
	}
	n.ReadOnly = n.ReadOnly || p.isTrue("readOnly")
	n.WriteOnly = n.WriteOnly || p.isTrue("writeOnly")
	if x, ok := p.child("xml"); ok && n.XML == (XML{}) {
		n.XML = readXML(x)
	}
	for _, e := range document.Entries(p.node) {
		if _, known := n.Extensions[e.Key]; !known && strings.HasPrefix(e.Key, "x-") {
			if n.Extensions == nil {
				n.Extensions = map[string]any{}
			}
			n.Extensions[e.Key] = document.Value(e.Node)
		}
	}
}

// types returns what all parts allow. Where OpenAPI 3.0's outermost part is
// nullable, null fits whatever the others say; see from30.
func (s *Set) types(parts []place) []string {
	var out []string
	for _, p := range parts {
		types := s.ownTypes(p)
		switch {
		case len(types) == 0:
		case out == nil:
			out = types
		default:
			out = slices.DeleteFunc(out, func(t string) bool {
				return !slices.Contains(types, t) && !(t == "integer" && slices.Contains(types, "number"))
			})
		}
	}
	if s.is30 && len(out) > 0 && parts[0].isTrue("nullable") && !slices.Contains(out, "null") {
		out = append(out, "null")
	}
	return out
}

func (s *Set) ownTypes(p place) []string {
	var types []string
	if t, ok := p.child("type"); ok && t.node.Kind == yaml.ScalarNode {
		types = append(types, t.node.Value)
	}
	for _, e := range p.elements("type") {
		types = append(types, e.node.Value)
	}
	if s.is30 && len(types) > 0 && p.isTrue("nullable") {
		types = append(types, "null")
	}
	return types
}

func (n *Node) readEnum(s *Set, p place) {
	if c, ok := p.child("const"); ok {
		n.Enum = []any{document.Value(c.node)}
		return
	}
	for _, e := range p.elements("enum") {
		n.Enum = append(n.Enum, document.Value(e.node))
	}
	if n.Enum != nil && s.is30 && p.isTrue("nullable") && !slices.Contains(n.Enum, nil) {
		n.Enum = append(n.Enum, nil)
	}
}

// closed reports whether a part forbids members that it does not name.
func closed(p place) bool {
	for _, keyword := range []string{"additionalProperties", "unevaluatedProperties"} {
		c, ok := p.child(keyword)
		if !ok || document.Value(c.node) != false {
			continue
		}
		others := []string{"patternProperties"}
		if keyword == "unevaluatedProperties" { // what alternatives name counts as named
			others = append(others, "oneOf", "anyOf", "if")
		}
		if !slices.ContainsFunc(others, func(k string) bool { _, ok := p.child(k); return ok }) {
			return true
		}
	}
	return false
}

func readXML(x place) XML {
	out := XML{
		Name:      x.text("name"),
		Namespace: x.text("namespace"),
		Prefix:    x.text("prefix"),
		Attribute: x.isTrue("attribute"),
		Wrapped:   x.isTrue("wrapped"),
		NodeType:  x.text("nodeType"),
	}
	if out.NodeType == "" {
		out.NodeType = x.text("x-nodeType")
	}
	return out
}

// build makes the children, one level of them.
func (src *source) build() {
	src.buildProperties()
	for _, p := range src.parts {
		src.buildRest(p)
	}
}

func (src *source) buildProperties() {
	var names []string
	roots := map[string][]place{}
	seen := map[string]bool{}
	var walk func(place)
	walk = func(p place) {
		p, _, err := src.set.follow(p)
		if err != nil || seen[p.pointer] {
			return
		}
		seen[p.pointer] = true
		for _, e := range document.Entries(p.node) {
			switch e.Key {
			case "properties":
				ns, ps := p.members("properties")
				for i, name := range ns {
					if roots[name] == nil {
						names = append(names, name)
					}
					roots[name] = append(roots[name], ps[i])
				}
			case "allOf":
				for _, b := range p.elements("allOf") {
					walk(b)
				}
			case "$ref":
				if to, ok := src.set.besideRef(p); ok {
					walk(to)
				}
			}
		}
	}
	for _, r := range src.roots {
		walk(r)
	}
	src.built.byName = make(map[string]*Node, len(names))
	for _, name := range names {
		if n := src.set.node(roots[name]); n != nil {
			src.built.properties = append(src.built.properties, Property{name, n})
			src.built.byName[name] = n
		}
	}
}

func (src *source) buildRest(p place) {
	if c, ok := p.child("items"); ok && src.built.items == nil {
		src.built.items = src.set.node([]place{c})
	}
	if c, ok := p.child("additionalProperties"); ok && src.built.values == nil && c.isMap() {
		src.built.values = src.set.node([]place{c})
	}
	if src.built.alternatives == nil {
		branches := p.elements("oneOf")
		if len(branches) == 0 {
			branches = p.elements("anyOf")
		}
		for _, b := range branches {
			if n := src.set.node([]place{b}); n != nil {
				src.built.alternatives = append(src.built.alternatives, n)
			}
		}
	}
}

func compound(v any) bool {
	switch v.(type) {
	case value.Object, map[string]any, []any:
		return true
	}
	return false
}
