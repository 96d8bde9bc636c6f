package specs

import (
	"maps"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/schema"
)

// what is the sort of thing that a name stands for.
type what int

const (
	whatAny what = iota // not known; has every member
	whatNil             // always nil
	whatScalar
	whatObject // by schemas
	whatList
	whatMap // a map written in an expression
	whatRecord
	whatSession
	whatToken
	whatSettings
	whatRequest
	whatPart
	whatHref
	whatFailure
	whatAnswer // in envelope.refused
)

// shape is what the contract says of a thing before any request: which members
// it has, and the type that an expression may count on.
type shape struct {
	what   what
	typ    string         // scalar: boolean, integer, number, string, time, duration
	nodes  []*schema.Node // object: any of these
	mixed  bool           // object: may be no object at all
	record *RecordKind
	elem   *shape           // list
	fields map[string]shape // fixed
	part   Part
	token  *TokenKind
}

func text() shape             { return shape{what: whatScalar, typ: "string"} }
func typed(t string) shape    { return shape{what: whatScalar, typ: t} }
func listOf(elem shape) shape { return shape{what: whatList, elem: &elem} }

// String says what the thing is, for a message.
func (s shape) String() string {
	switch s.what {
	case whatNil:
		return "nil"
	case whatScalar:
		if s.typ == "integer" {
			return "an integer"
		}
		return "a " + s.typ
	case whatObject, whatMap, whatSettings, whatRequest, whatPart, whatHref, whatFailure, whatAnswer:
		return "an object"
	case whatList:
		return "a list"
	case whatRecord:
		return "a record " + s.record.Name
	case whatSession:
		return "a session"
	case whatToken:
		return "a token"
	}
	return "something"
}

// limits of a walk through alternatives, which may refer to themselves.
const (
	maxAlternatives = 64
	maxAlternating  = 8
)

// shapeOf is what a value is that fits any of these schemas.
func (k *checker) shapeOf(nodes []*schema.Node) shape {
	var flat []*schema.Node
	seen := map[string]bool{} // alternatives may refer to themselves
	var flatten func(n *schema.Node, depth int)
	flatten = func(n *schema.Node, depth int) {
		if n == nil || len(flat) > maxAlternatives || seen[n.Pointer] {
			return
		}
		seen[n.Pointer] = true
		alts := n.Alternatives()
		if depth < maxAlternating {
			for _, a := range alts {
				flatten(a, depth+1)
			}
		}
		if len(alts) == 0 || len(n.Properties()) > 0 {
			flat = append(flat, n)
		}
	}
	for _, n := range nodes {
		flatten(n, 0)
	}
	if len(flat) == 0 || len(flat) > maxAlternatives {
		return shape{}
	}
	var objects, lists []*schema.Node
	scalars := map[string]bool{}
	for _, n := range flat {
		types := slices.DeleteFunc(slices.Clone(n.Types), func(t string) bool { return t == "null" })
		if len(types) == 0 {
			switch {
			case len(n.Properties()) > 0 || n.Values() != nil:
				types = []string{"object"}
			case n.Items() != nil:
				types = []string{"array"}
			case slices.Contains(n.Types, "null"):
				continue
			default:
				return shape{}
			}
		}
		for _, t := range types {
			switch t {
			case "object":
				objects = append(objects, n)
			case "array":
				lists = append(lists, n)
			default:
				scalars[t] = true
			}
		}
	}
	switch {
	case len(objects) > 0:
		return shape{what: whatObject, nodes: objects, mixed: len(lists) > 0 || len(scalars) > 0}
	case len(lists) > 0 && len(scalars) == 0:
		var items []*schema.Node
		for _, l := range lists {
			if it := l.Items(); it != nil {
				items = append(items, it)
			} else {
				return listOf(shape{})
			}
		}
		return listOf(k.shapeOf(items))
	case len(lists) == 0 && len(scalars) == 1:
		for t := range scalars {
			switch t {
			case "boolean", "integer", "number", "string":
				return typed(t)
			}
		}
	}
	return shape{}
}

// open reports whether an object may hold members that are not declared: it
// says so, or it declares none. An object that declares some and is silent on
// others is taken at its word, or no typing error would ever be found.
func (k *checker) open(n *schema.Node) bool {
	if n.Values() != nil || len(n.Properties()) == 0 && n.Additional {
		return true
	}
	y := k.c.Doc.At(n.Pointer)
	if a := document.Get(y, "additionalProperties"); a != nil && document.Value(a) != false {
		return true
	}
	return document.Get(y, "patternProperties") != nil
}

// member is what s.name is; false if there is no such member, with the names
// that there are.
func (e *scopes) member(s shape, name string) (shape, bool, []string) {
	c := e.k.c
	switch s.what {
	case whatAny, whatNil:
		return shape{}, true, nil
	case whatObject:
		return e.objectMember(s, name)
	case whatMap:
		m, ok := s.fields[name]
		return m, ok, sortedKeys(s.fields)
	case whatRecord:
		return e.recordMember(s.record, name)
	case whatSettings:
		if st := c.Setting(name); st != nil {
			return settingShape(st), true, nil
		}
		return shape{}, false, sortedKeys(c.settings)
	case whatSession:
		m := e.sessionMembers()
		if x, ok := m[name]; ok {
			return x, true, nil
		}
		return shape{}, false, sortedKeys(m)
	case whatToken:
		m := e.tokenMembers()
		if x, ok := m[name]; ok {
			return x, true, nil
		}
		return shape{}, false, sortedKeys(m)
	case whatRequest:
		m := map[string]shape{
			"method": text(), "body": e.body(),
			"path": {what: whatPart, part: InPath}, "query": {what: whatPart, part: InQuery},
			"header": {what: whatPart, part: InHeader}, "cookie": {what: whatPart, part: InCookie},
		}
		x, ok := m[name]
		return x, ok, sortedKeys(m)
	case whatPart:
		ok, names := e.parameter(s.part, name)
		return text(), ok, names
	case whatHref:
		_, ok := c.ops[name]
		return text(), ok, sortedKeys(c.ops)
	case whatFailure:
		m := map[string]shape{"reason": text(), "field": text(), "value": text()}
		x, ok := m[name]
		return x, ok, sortedKeys(m)
	case whatAnswer:
		m := map[string]shape{"status": typed("integer"), "body": {}}
		x, ok := m[name]
		return x, ok, sortedKeys(m)
	}
	return shape{}, false, nil
}

func (e *scopes) objectMember(s shape, name string) (shape, bool, []string) {
	var nodes []*schema.Node
	var names []string
	open := false
	for _, n := range s.nodes {
		if p := n.Property(name); p != nil {
			nodes = append(nodes, p)
			continue
		}
		for _, p := range n.Properties() {
			names = append(names, p.Name)
		}
		if v := n.Values(); v != nil {
			nodes = append(nodes, v)
		} else if e.k.open(n) {
			open = true
		}
	}
	switch {
	case open:
		return shape{}, true, nil
	case len(nodes) > 0:
		return e.k.shapeOf(nodes), true, nil
	}
	return shape{}, false, names
}

func (e *scopes) recordMember(k *RecordKind, name string) (shape, bool, []string) {
	c := e.k.c
	if f, ok := k.Fields[name]; ok {
		return e.fieldShape(f), true, nil
	}
	if name == "sessions" {
		return listOf(shape{what: whatSession}), true, nil
	}
	names := append(slices.Clone(k.Order), "sessions")
	for _, t := range c.Tokens {
		if t.Limit == nil {
			continue
		}
		if f, ok := c.Session.Fact(t.Limit.Of); ok && f.Record == k.Name {
			if t.Name == name {
				return shape{what: whatToken, token: t}, true, nil
			}
			names = append(names, t.Name)
		}
	}
	return shape{}, false, names
}

func (e *scopes) fieldShape(f Field) shape {
	if to := e.k.c.Record(f.Refers); to != nil {
		if f.Many {
			return listOf(shape{what: whatRecord, record: to})
		}
		return shape{what: whatRecord, record: to}
	}
	return e.k.shapeOf([]*schema.Node{f.Schema})
}

func (e *scopes) factShape(f Fact) shape {
	if r := e.k.c.Record(f.Record); r != nil {
		return shape{what: whatRecord, record: r}
	}
	return e.k.shapeOf([]*schema.Node{f.Schema})
}

func (e *scopes) sessionMembers() map[string]shape {
	m := map[string]shape{
		"id": text(), "opened": typed("time"), "used": typed("time"), "alive": typed("boolean"), "over": {what: whatSession},
	}
	for _, t := range e.k.c.Tokens {
		m[t.Name] = shape{what: whatToken, token: t}
	}
	for _, f := range e.k.c.Session.Facts {
		m[f.Name] = e.factShape(f)
	}
	return m
}

func (e *scopes) tokenMembers() map[string]shape {
	m := map[string]shape{
		"value": {}, "id": {}, "issued": typed("time"), "expires": typed("time"), "live": typed("boolean"), "kind": text(), "session": {what: whatSession},
	}
	for _, f := range e.k.c.Session.Facts {
		m[f.Name] = e.factShape(f)
	}
	return m
}

func settingShape(s *Setting) shape {
	if s.Type == "array" {
		return listOf(shape{})
	}
	return typed(s.Type)
}

// scopes is where an expression or value stands: which names it may use.
type scopes struct {
	k      *checker
	ops    []*Operation // one, or all of them where the document speaks
	op     *Operation   // the one, or nil
	locals map[string]shape
	self   *TokenKind // inside tokens
	fails  bool       // in failures
	only   bool       // nothing but locals
	shared bool       // said elsewhere, by an example or a like: about any request

	lets map[string]*shape // memo; nil while it is being worked out
}

func (k *checker) in(op *Operation) *scopes {
	return &scopes{k: k, ops: []*Operation{op}, op: op, lets: map[string]*shape{}}
}

// everywhere is the scope of what the document says for all operations.
func (k *checker) everywhere() *scopes {
	return &scopes{k: k, ops: k.c.Operations, lets: map[string]*shape{}}
}

func (e *scopes) failing() *scopes {
	n := *e
	n.fails, n.lets = true, map[string]*shape{}
	return &n
}

func (e *scopes) with(name string, s shape) *scopes {
	n := *e
	n.locals, n.lets = map[string]shape{name: s}, map[string]*shape{}
	maps.Copy(n.locals, e.locals)
	n.locals[name] = s
	return &n
}

func (e *scopes) inside(t *TokenKind) *scopes {
	n := *e
	n.self, n.lets = t, map[string]*shape{}
	return &n
}

// about is the scope of what stands at a pointer. What stands outside
// of the operation that uses it is about the requests of others too, so it may
// name what only theirs have.
func (e *scopes) about(pointer string) *scopes {
	if e.op == nil || strings.HasPrefix(pointer, e.op.Pointer+"/") {
		return e
	}
	n := *e
	n.shared, n.lets = true, map[string]*shape{}
	return &n
}

// requests are the operations whose requests may be meant.
func (e *scopes) requests() []*Operation {
	if e.shared {
		return e.k.c.Operations
	}
	return e.ops
}

// root is what a bare name is.
func (e *scopes) root(name string) (shape, bool) {
	c := e.k.c
	if s, ok := e.locals[name]; ok {
		return s, true
	}
	if e.only {
		return shape{}, false
	}
	switch name {
	case "settings":
		return shape{what: whatSettings}, true
	case "request":
		return shape{what: whatRequest}, true
	case "now":
		return typed("time"), true
	case "base":
		return text(), true
	case "href":
		return shape{what: whatHref}, true
	case "session":
		return shape{what: whatSession}, true
	case "token":
		if e.self != nil {
			return shape{what: whatToken, token: e.self}, true
		}
	case "failure":
		if e.fails {
			return shape{what: whatFailure}, true
		}
	case "never", "absent":
		return shape{}, true
	}
	if e.self != nil {
		if f, ok := c.Session.Fact(name); ok {
			return e.factShape(f), true
		}
	}
	if s, ok := e.role(name); ok {
		return s, true
	}
	if t := c.Token(name); t != nil {
		return shape{what: whatToken, token: t}, true
	}
	if l := e.let(name); l != nil {
		return e.letShape(l), true
	}
	return shape{}, false
}

// role is what a proof, opens or creates calls so in any of the operations.
func (e *scopes) role(name string) (shape, bool) {
	c := e.k.c
	var out *shape
	note := func(s shape) {
		if out != nil && (out.what != s.what || out.record != s.record) {
			s = shape{}
		}
		out = &s
	}
	for _, op := range e.ops {
		if kind, ok := op.Roles[name]; ok {
			s := shape{what: whatSession}
			if kind != "session" {
				s = shape{what: whatRecord, record: c.Record(kind)}
				if s.record == nil {
					s = shape{}
				}
			}
			if op.manyRole(name) {
				s = listOf(s)
			}
			note(s)
		}
		for _, o := range op.Opens {
			if o.As == name {
				note(shape{what: whatSession})
			}
		}
		for _, cr := range op.Creates {
			if cr.As == name {
				note(shape{what: whatRecord, record: cr.Record})
			}
		}
	}
	if out == nil {
		return shape{}, false
	}
	return *out, true
}

// manyRole reports whether the role is filled by `each` of a proof: a list.
func (o *Operation) manyRole(name string) bool {
	many := false
	o.proofs(func(p *Proof, _ bool) {
		for _, e := range p.Each {
			if _, ok := e.Finds[name]; ok {
				many = true
			}
		}
	})
	return many
}

func (e *scopes) let(name string) *Let {
	for _, op := range e.ops {
		for _, l := range op.Lets {
			if l.Name == name {
				return l
			}
		}
	}
	for _, l := range e.k.c.Lets {
		if l.Name == name {
			return l
		}
	}
	return nil
}

func (e *scopes) letShape(l *Let) shape {
	if s, ok := e.lets[l.Name]; ok {
		if s == nil {
			return shape{} // a circle
		}
		return *s
	}
	e.lets[l.Name] = nil
	s := e.infer(l.Expr)
	e.lets[l.Name] = &s
	return s
}

// names lists every root, for "did you mean".
func (e *scopes) names() []string {
	seen := map[string]bool{}
	for n := range e.locals {
		seen[n] = true
	}
	if !e.only {
		for _, n := range []string{"settings", "request", "now", "base", "href", "session", "never", "absent"} {
			seen[n] = true
		}
		if e.fails {
			seen["failure"] = true
		}
		if e.self != nil {
			seen["token"] = true
			for _, f := range e.k.c.Session.Facts {
				seen[f.Name] = true
			}
		}
		for n := range e.k.c.tokens {
			seen[n] = true
		}
		for _, l := range e.k.c.Lets {
			seen[l.Name] = true
		}
		for _, op := range e.ops {
			for n := range op.Roles {
				seen[n] = true
			}
			for _, l := range op.Lets {
				seen[l.Name] = true
			}
			for _, o := range op.Opens {
				if o.As != "" {
					seen[o.As] = true
				}
			}
			for _, c := range op.Creates {
				seen[c.As] = true
			}
		}
	}
	return sortedKeys(seen)
}

// body is the shape of the request's body, of any media type.
func (e *scopes) body() shape {
	var nodes []*schema.Node
	for _, op := range e.requests() {
		for _, m := range op.Body {
			if m.Schema == nil {
				return shape{}
			}
			nodes = append(nodes, m.Schema)
		}
	}
	if nodes == nil {
		return shape{what: whatMap}
	}
	return e.k.shapeOf(nodes)
}

// parameter reports whether a request may carry such a parameter, and which
// there are. Header fields and cookies are sent undeclared by many clients, so
// every name of them goes.
func (e *scopes) parameter(in Part, name string) (bool, []string) {
	if in != InPath && in != InQuery {
		return true, nil
	}
	var names []string
	for _, op := range e.requests() {
		for _, p := range op.Parameters {
			if p.In == in {
				names = append(names, p.Name)
			}
		}
		if in == InPath {
			names = append(names, op.PathParameters()...)
		}
		op.proofs(func(p *Proof, security bool) {
			for _, b := range p.binds() {
				if security && b.At.In == in {
					names = append(names, b.At.Name)
				}
			}
		})
	}
	return slices.Contains(names, name), names
}

// at follows the tokens of a JSON pointer. It reports how far they lead.
func (e *scopes) at(s shape, tokens []string) (out shape, bad int, names []string) {
	for i, t := range tokens {
		if s.what == whatList && (t == "-" || strings.Trim(t, "0123456789") == "") {
			s = *s.elem
			continue
		}
		m, ok, names := e.member(s, t)
		if !ok {
			return s, i, names
		}
		s = m
	}
	return s, -1, nil
}
