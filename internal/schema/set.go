package schema

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/value"
)

// Set is the schemas of one document. It is safe for concurrent use; the
// document must not change any more.
type Set struct {
	doc  *document.Document
	is30 bool // OpenAPI 3.0, whose schemas are not quite JSON Schema

	patterns  patterns
	compilers [2]*compiler // by Direction

	asked sync.Map // pointer as asked for -> *Node

	mu    sync.Mutex
	nodes map[string]*Node // pointer of the schema itself -> its Node, RefName not set

	anchors func() map[string]place
}

// New prepares the schemas of a document, whose OpenAPI version is read from
// its `openapi` member. It is cheap: nothing is compiled before it is asked for.
func New(doc *document.Document) *Set {
	s := &Set{doc: doc, nodes: map[string]*Node{}}
	if v := document.Get(doc.Root, "openapi"); v != nil {
		s.is30 = v.Value == "3.0" || strings.HasPrefix(v.Value, "3.0.")
	}
	s.compilers = [2]*compiler{newCompiler(s, Request), newCompiler(s, Response)}
	s.anchors = sync.OnceValue(s.findAnchors)
	return s
}

// Error is a schema that cannot be used, and where it stands.
type Error struct {
	Name    string // of the document
	Line    int
	Pointer string // of the schema or the keyword at fault
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d: %s: %s", e.Name, e.Line, e.Pointer, e.Message)
}

func (s *Set) errorf(pointer, format string, args ...any) *Error {
	return &Error{s.doc.Name, s.doc.Line(pointer), pointer, fmt.Sprintf(format, args...)}
}

// place is a node of the document and the pointer to it that leads through no
// $ref.
type place struct {
	pointer string
	node    *yaml.Node
}

func (p place) child(tokens ...string) (place, bool) {
	for _, t := range tokens {
		var next *yaml.Node
		switch p.node.Kind {
		case yaml.MappingNode:
			next = document.Get(p.node, t)
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(t); err == nil && i >= 0 && i < len(p.node.Content) {
				next = document.Follow(p.node.Content[i])
			}
		}
		if next == nil {
			return place{}, false
		}
		p = place{p.pointer + value.Pointer(t), next}
	}
	return p, true
}

// elements returns the places of a list's elements; none if it is no list.
func (p place) elements(keyword string) []place {
	list, ok := p.child(keyword)
	if !ok || list.node.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]place, len(list.node.Content))
	for i, e := range list.node.Content {
		out[i] = place{list.pointer + "/" + strconv.Itoa(i), document.Follow(e)}
	}
	return out
}

// members returns the places of a map's values, with their names.
func (p place) members(keyword string) ([]string, []place) {
	m, ok := p.child(keyword)
	if !ok {
		return nil, nil
	}
	var names []string
	var places []place
	for _, e := range document.Entries(m.node) {
		names = append(names, e.Key)
		places = append(places, place{m.pointer + value.Pointer(e.Key), e.Node})
	}
	return names, places
}

func (p place) isMap() bool { return p.node.Kind == yaml.MappingNode }

func (p place) isTrue(keyword string) bool {
	return document.Value(document.Get(p.node, keyword)) == true
}

func (p place) text(keyword string) string {
	if n := document.Get(p.node, keyword); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// ref returns the place's $ref. A map with a member called "$ref" that is no
// text, such as the properties of an object with a property of that name, is
// no reference.
func (p place) ref() (string, bool) {
	if n := document.Get(p.node, "$ref"); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value, true
	}
	return "", false
}

// maxHops bounds a chain of references, so that a circle ends.
const maxHops = 50

// at returns the place at a pointer. Where the pointer leads on from a place
// that is a $ref, it leads on from the target, so that a caller need not know
// which request bodies and responses a document shares.
func (s *Set) at(pointer string) (place, error) {
	return s.atHops(pointer, 0)
}

func (s *Set) atHops(pointer string, hops int) (place, error) {
	tokens, err := value.SplitPointer(pointer)
	if err != nil {
		return place{}, s.errorf("", "%v", err)
	}
	p := place{"", document.Follow(s.doc.Root)}
	for _, t := range tokens {
		next, ok := p.child(t)
		for !ok {
			ref, isRef := p.ref()
			if !isRef {
				return place{}, s.errorf(pointer, "there is nothing at this pointer")
			}
			if p, err = s.target(p.pointer, ref, hops); err != nil {
				return place{}, err
			}
			hops++
			next, ok = p.child(t)
		}
		p = next
	}
	return p, nil
}

// target returns the place that the $ref found at a pointer leads to.
func (s *Set) target(pointer, ref string, hops int) (place, error) {
	if hops > maxHops {
		return place{}, s.errorf(pointer, "the $ref %q leads in a circle", ref)
	}
	fragment, local := strings.CutPrefix(ref, "#")
	if !local {
		return place{}, s.errorf(pointer, "the $ref %q leads out of the document; only references that begin with # are followed: bundle the document into one file", ref)
	}
	if f, err := url.PathUnescape(fragment); err == nil {
		fragment = f
	}
	if s.underID(pointer) {
		return place{}, s.errorf(pointer, "the $ref %q stands below an $id, which changes what # means; $id is not followed: remove it", ref)
	}
	if !s.is30 && fragment != "" && fragment[0] != '/' {
		if p, ok := s.anchors()[fragment]; ok {
			return p, nil
		}
		return place{}, s.errorf(pointer, "the $ref %q leads nowhere: no schema has the $anchor %q", ref, fragment)
	}
	p, err := s.atHops(fragment, hops+1)
	if e, ok := err.(*Error); ok && e.Pointer == fragment { //nolint:errorlint // atHops returns nothing else
		return place{}, s.errorf(pointer, "the $ref %q leads nowhere", ref)
	}
	return p, err
}

// underID reports whether a schema on the way to a pointer has an $id.
func (s *Set) underID(pointer string) bool {
	if s.is30 {
		return false // there, $id is no keyword
	}
	tokens, _ := value.SplitPointer(pointer)
	p := place{"", document.Follow(s.doc.Root)}
	for i := 0; ; i++ {
		if id := p.text("$id"); id != "" {
			return true
		}
		var ok bool
		if i == len(tokens) {
			return false
		}
		if p, ok = p.child(tokens[i]); !ok {
			return false
		}
	}
}

// follow goes from a schema that is nothing but a $ref to the schema meant. It
// returns the name of the last reference, "" if there was none.
func (s *Set) follow(p place) (place, string, error) {
	name := ""
	for hops := 0; s.isPureRef(p); hops++ {
		ref, _ := p.ref()
		next, err := s.target(p.pointer, ref, hops)
		if err != nil {
			return place{}, "", err
		}
		p, name = next, refName(ref)
	}
	return p, name, nil
}

// isPureRef reports whether a schema says nothing beside its $ref. In OpenAPI
// 3.0 what stands beside a $ref is not read; later it counts, but for notes.
func (s *Set) isPureRef(p place) bool {
	if _, ok := p.ref(); !ok {
		return false
	}
	if s.is30 {
		return true
	}
	for _, e := range document.Entries(p.node) {
		switch e.Key {
		case "$ref", "$comment", "title", "summary", "description", "deprecated", "example", "examples", "externalDocs":
		default:
			return false
		}
	}
	return true
}

func refName(ref string) string {
	name := ref[strings.LastIndexAny(ref, "/#")+1:]
	if n, err := url.PathUnescape(name); err == nil {
		name = n
	}
	if t, err := value.SplitPointer("/" + name); err == nil && len(t) == 1 {
		name = t[0]
	}
	return name
}

// findAnchors lists the schemas with an $anchor. All of the document is one
// resource, since $id is not followed; so a $dynamicAnchor is an $anchor.
func (s *Set) findAnchors() map[string]place {
	found := map[string]place{}
	var walk func(place)
	walk = func(p place) {
		switch p.node.Kind {
		case yaml.MappingNode:
			for _, e := range document.Entries(p.node) {
				if (e.Key == "$anchor" || e.Key == "$dynamicAnchor") && e.Node.Kind == yaml.ScalarNode {
					found[e.Node.Value] = p
				}
				walk(place{p.pointer + value.Pointer(e.Key), e.Node})
			}
		case yaml.SequenceNode:
			for i, e := range p.node.Content {
				walk(place{p.pointer + "/" + strconv.Itoa(i), document.Follow(e)})
			}
		}
	}
	walk(place{"", document.Follow(s.doc.Root)})
	return found
}
