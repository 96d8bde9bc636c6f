package specs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// expressions checks the names and types of every expression.
func (k *checker) expressions() {
	c := k.c
	k.types = newTyper()
	all := k.everywhere()
	for _, l := range c.Lets {
		k.expr(all, l.Expr, "")
	}
	k.expr(all, c.Media, "string")
	refused := &scopes{k: k, only: true, locals: map[string]shape{"response": {what: whatAnswer}}, lets: map[string]*shape{}}
	k.expr(refused, c.Envelope.Refused, "boolean")
	k.expr(all.failing(), c.Envelope.Status, "integer")
	for _, r := range c.Records {
		own := all.with(r.Name, shape{what: whatRecord, record: r})
		for _, n := range r.Needs {
			k.expr(own, n.That, "boolean")
		}
		if r.Locks != nil {
			k.expr(own, r.Locks.After, "integer")
			k.expr(own, r.Locks.For, "time")
			if !r.hasSecret() {
				k.add(nil, "lock-unreachable", "/x-session/records/"+r.Name+"/locks", 0, "mark its password with format: password in its schema", "nothing locks a record %s: it has no secret that could be wrong", r.Name)
			}
		}
	}
	for _, t := range c.Tokens {
		own := all.inside(t)
		for _, f := range t.Forms {
			k.expr(own, f.When, "boolean")
		}
		k.expr(own, t.Lifetime, "time")
		for _, x := range t.Caps {
			k.expr(own, x, "time")
		}
		k.expr(own, t.Idle, "time")
		k.expr(own, t.Forget, "time")
		if t.Limit != nil {
			k.expr(own, t.Limit.Max, "integer")
		}
	}
	for _, op := range c.Operations {
		k.operationExpressions(op)
	}
	k.eachFailure(func(e *scopes, f *FailureEntry) { k.expr(e, f.When, "boolean") })
	k.eachExample(func(e *scopes, ex *Example, _ []*Response) {
		for _, ee := range ex.Each {
			k.expr(e, ee.In, "list")
		}
	})
}

func (k *checker) operationExpressions(op *Operation) {
	e := k.in(op)
	k.expr(e, op.Offered, "boolean")
	for _, l := range op.Lets {
		k.expr(e, l.Expr, "")
	}
	op.proofs(func(p *Proof, _ bool) { k.expr(e, p.When, "boolean") })
	for _, n := range op.Needs {
		k.expr(e, n.That, "boolean")
	}
	for _, o := range op.Opens {
		k.expr(e, o.When, "boolean")
		k.expr(e, o.Over, "session")
	}
	for _, i := range op.Issues {
		k.expr(e, i.When, "boolean")
		k.expr(e.inside(i.Token), i.Lifetime, "time")
	}
	for _, x := range op.Ends {
		k.expr(e, x.What, "handle")
		k.expr(e, x.When, "boolean")
	}
	for _, x := range op.Keeps {
		k.expr(e, x.What, "handle")
		k.expr(e, x.When, "boolean")
	}
	k.expr(e, op.Resumes, "session")
	for _, s := range op.Sets {
		k.expr(e, s.When, "boolean")
	}
	for _, c := range op.Creates {
		k.expr(e, c.When, "boolean")
	}
	for _, a := range op.Answers {
		k.expr(e, a.When, "boolean")
	}
}

// eachFailure visits every failure entry in the scope it is used in.
func (k *checker) eachFailure(f func(e *scopes, entry *FailureEntry)) {
	table := func(e *scopes, t FailureTable) {
		for _, reason := range sortedKeys(t) {
			for _, entry := range t[reason] {
				f(e, entry)
			}
		}
	}
	all := k.everywhere().failing()
	table(all, k.c.Failures)
	for _, t := range k.c.Tokens {
		table(all, t.Failures)
	}
	for _, op := range k.c.Operations {
		table(k.in(op).failing(), op.Failures)
	}
}

// eachExample visits every example of components in each scope it is used in,
// with the responses that it may stand under; nil: any.
func (k *checker) eachExample(f func(e *scopes, ex *Example, under []*Response)) {
	for _, op := range k.c.Operations {
		for _, a := range op.Answers {
			if a.Example != nil {
				f(k.in(op), a.Example, k.responsesFor(op, a.Status))
			}
		}
	}
	k.eachFailure(func(e *scopes, entry *FailureEntry) {
		if entry.Example == nil {
			return
		}
		if e.op == nil {
			f(e, entry.Example, nil)
			return
		}
		f(e, entry.Example, k.responsesFor(e.op, k.statusOf(e.op, entry)))
	})
}

// expr checks one expression. want is what must come of it: "" anything,
// "boolean", "integer", "string", "list", "time" (a time, a duration or never),
// "session", "handle" (a session, a token, or a list of them).
func (k *checker) expr(e *scopes, x *Expr, want string) {
	if x == nil {
		return
	}
	tree, err := parser.Parse(x.Src)
	if err != nil {
		return // said by the reader
	}
	e = e.about(x.Pointer)
	w := &walker{e: e, report: func(code, fix, message string) {
		k.add(e.op, code, x.Pointer, x.Line, fix, "%s: %s", x.Src, message)
	}}
	s := w.walk(tree.Node)
	if w.reported {
		return
	}
	if msg := k.types.check(e, x.Src, tree.Node); msg != "" {
		w.report("bad-expression", "see \"Expressions\" in docs/contracts.md", msg)
		return
	}
	if fix := misfit(s, want); fix != "" {
		w.report("bad-expression", fix, "this is "+s.String())
	}
}

// misfit says what would fit where s does not; "" if it may fit.
func misfit(s shape, want string) string {
	if s.what == whatAny || s.what == whatNil || want == "" {
		return ""
	}
	switch want {
	case "boolean":
		if s.typ != "boolean" {
			return "a condition is true or false: compare it with something"
		}
	case "integer":
		if s.typ != "integer" && s.typ != "number" {
			return "a whole number is due here"
		}
	case "string":
		if s.typ != "string" {
			return "a text is due here"
		}
	case "list":
		if s.what != whatList {
			return "a list is due here"
		}
	case "time":
		switch s.typ {
		case "time", "duration":
		case "integer", "number":
			return "say the unit: seconds(…) or days(…)"
		default:
			return "a duration, a time, never or nil is due here"
		}
	case "session":
		if s.what != whatSession {
			return "a session is due here"
		}
	case "handle":
		if s.what == whatList {
			return misfit(*s.elem, want)
		}
		if s.what != whatSession && s.what != whatToken {
			return "a session, a token or a list of them is due here"
		}
	}
	return ""
}

// infer is the shape that an expression has; nothing is reported.
func (e *scopes) infer(x *Expr) shape {
	tree, err := parser.Parse(x.Src)
	if err != nil {
		return shape{}
	}
	w := &walker{e: e, report: func(string, string, string) {}}
	return w.walk(tree.Node)
}

// walker follows an expression: it reports names that do not exist, and says
// what comes of it.
type walker struct {
	e        *scopes
	report   func(code, fix, message string)
	reported bool
	vars     []variable
	elems    []shape // of the lists whose predicates are open
}

type variable struct {
	name string
	s    shape
}

func (w *walker) say(code, fix, format string, args ...any) {
	w.reported = true
	w.report(code, fix, fmt.Sprintf(format, args...))
}

func (w *walker) walk(n ast.Node) shape {
	switch n := n.(type) {
	case *ast.NilNode:
		return shape{what: whatNil}
	case *ast.IntegerNode:
		return typed("integer")
	case *ast.FloatNode:
		return typed("number")
	case *ast.BoolNode:
		return typed("boolean")
	case *ast.StringNode:
		return text()
	case *ast.IdentifierNode:
		return w.identifier(n.Value)
	case *ast.UnaryNode:
		s := w.walk(n.Node)
		if n.Operator == "not" || n.Operator == "!" {
			return typed("boolean")
		}
		return s
	case *ast.BinaryNode:
		return w.binary(n)
	case *ast.ChainNode:
		return w.walk(n.Node)
	case *ast.MemberNode:
		return w.member(n)
	case *ast.SliceNode:
		s := w.walk(n.Node)
		w.optional(n.From)
		w.optional(n.To)
		return s
	case *ast.CallNode:
		return w.call(n)
	case *ast.BuiltinNode:
		return w.builtin(n)
	case *ast.PredicateNode:
		return w.walk(n.Node)
	case *ast.PointerNode:
		switch {
		case n.Name == "index":
			return typed("integer")
		case n.Name == "" && len(w.elems) > 0:
			return w.elems[len(w.elems)-1]
		}
		return shape{}
	case *ast.VariableDeclaratorNode:
		w.vars = append(w.vars, variable{n.Name, w.walk(n.Value)})
		s := w.walk(n.Expr)
		w.vars = w.vars[:len(w.vars)-1]
		return s
	case *ast.SequenceNode:
		var s shape
		for _, e := range n.Nodes {
			s = w.walk(e)
		}
		return s
	case *ast.ConditionalNode:
		w.walk(n.Cond)
		return merge(w.walk(n.Exp1), w.walk(n.Exp2))
	case *ast.ArrayNode:
		elem := shape{what: whatNil}
		for i, e := range n.Nodes {
			if s := w.walk(e); i == 0 {
				elem = s
			} else {
				elem = merge(elem, s)
			}
		}
		if elem.what == whatNil {
			elem = shape{}
		}
		return listOf(elem)
	case *ast.MapNode:
		s := shape{what: whatMap, fields: map[string]shape{}}
		for _, p := range n.Pairs {
			pair, ok := p.(*ast.PairNode)
			if !ok {
				return shape{}
			}
			v := w.walk(pair.Value)
			key, ok := pair.Key.(*ast.StringNode)
			if !ok {
				w.walk(pair.Key)
				return shape{}
			}
			s.fields[key.Value] = v
		}
		return s
	}
	return shape{}
}

func (w *walker) optional(n ast.Node) {
	if n != nil {
		w.walk(n)
	}
}

func (w *walker) identifier(name string) shape {
	for i := len(w.vars) - 1; i >= 0; i-- {
		if w.vars[i].name == name {
			return w.vars[i].s
		}
	}
	s, ok := w.e.root(name)
	if !ok {
		fix := didYouMean(name, w.e.names())
		switch {
		case name == "token" && w.e.k.c.Token(name) == nil:
			fix = "token is known inside tokens only; elsewhere a token goes by its kind"
		case name == "failure":
			fix = "failure is known in failures only"
		case w.e.k.c.Record(name) != nil && w.e.op != nil:
			fix = "no proof of this operation fills that role; write session." + name + ", or bind it in accepts"
		}
		w.say("unknown-name", fix, "nothing here is called %q", name)
	}
	return s
}

func (w *walker) binary(n *ast.BinaryNode) shape {
	l, r := w.walk(n.Left), w.walk(n.Right)
	switch n.Operator {
	case "==", "!=", "<", ">", "<=", ">=", "and", "&&", "or", "||", "in", "matches", "contains", "startsWith", "endsWith":
		return typed("boolean")
	case "??":
		return merge(l, r)
	case "..":
		return listOf(typed("integer"))
	case "+", "-":
		switch {
		case l.typ == "time" && r.typ == "time" && n.Operator == "-":
			return typed("duration")
		case l.typ == "time" || r.typ == "time":
			return typed("time")
		case l.typ == r.typ && l.what == whatScalar && r.what == whatScalar:
			return l
		}
	case "*":
		if l.typ == "duration" || r.typ == "duration" {
			return typed("duration")
		}
		if l.typ == "integer" && r.typ == "integer" {
			return l
		}
	case "/", "**", "^":
		if l.what == whatScalar && r.what == whatScalar {
			return typed("number")
		}
	}
	return shape{}
}

func (w *walker) member(n *ast.MemberNode) shape {
	s := w.walk(n.Node)
	p, ok := n.Property.(*ast.StringNode)
	if !ok {
		w.walk(n.Property)
		if s.what == whatList {
			return *s.elem
		}
		return shape{}
	}
	m, ok, names := w.e.member(s, p.Value)
	if ok {
		return m
	}
	of := memberText(n.Node)
	switch {
	case s.what == whatPart:
		fix := "declare it among the parameters of the operation"
		if d := nearest(p.Value, names); d != "" {
			fix = fmt.Sprintf("did you mean %q?", d)
		}
		w.say("unknown-name", fix, "no %s is declared as %q", partName(s.part), p.Value)
	case s.what == whatMap && s.fields == nil:
		w.say("unknown-name", "", "a request here has no body")
	case names == nil:
		w.say("unknown-name", "", "%s is %s, which has no member %q", of, s, p.Value)
	default:
		w.say("unknown-name", didYouMean(p.Value, names), "%s has no member %q", of, p.Value)
	}
	return shape{}
}

func partName(p Part) string {
	if p == InPath {
		return "path parameter"
	}
	return "query parameter"
}

// memberText writes a chain of members as it was written.
func memberText(n ast.Node) string {
	switch n := unchain(n).(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.PointerNode:
		return "the element"
	case *ast.MemberNode:
		if p, ok := n.Property.(*ast.StringNode); ok {
			return memberText(n.Node) + "." + p.Value
		}
		return memberText(n.Node) + "[…]"
	}
	return "this"
}

// functions that a contract has beside expr's own, and those that it must not
// use because they read the clock or the zone of the machine.
func ownFunctions() []string { return []string{"instant", "days", "seconds"} }

func hiddenFunction(name string) string {
	switch name {
	case "now":
		return "write now, without brackets"
	case "date", "timezone":
		return "write instant(x, [codec, …])"
	case "toBase64", "fromBase64":
		return "use the codec base64 or base64url in a value"
	}
	return ""
}

func (w *walker) call(n *ast.CallNode) shape {
	for _, a := range n.Arguments {
		w.walk(a)
	}
	f, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		w.say("bad-expression", "call a function with the thing as its argument", "%s cannot be called", memberText(n.Callee))
		return shape{}
	}
	switch f.Value {
	case "instant":
		return typed("time")
	case "days", "seconds":
		return typed("duration")
	}
	if fix := hiddenFunction(f.Value); fix != "" {
		w.say("bad-expression", fix, "there is no function %q here", f.Value)
	} else {
		w.say("bad-expression", didYouMean(f.Value, append(ownFunctions(), builtinNames()...)), "there is no function %q", f.Value)
	}
	return shape{}
}

func (w *walker) builtin(n *ast.BuiltinNode) shape {
	if fix := hiddenFunction(n.Name); fix != "" {
		w.say("bad-expression", fix, "there is no function %q here", n.Name)
		return shape{}
	}
	var args []shape
	for i, a := range n.Arguments {
		if _, ok := a.(*ast.PredicateNode); ok && i > 0 {
			elem := shape{}
			if args[0].what == whatList {
				elem = *args[0].elem
			}
			w.elems = append(w.elems, elem)
			args = append(args, w.walk(a))
			w.elems = w.elems[:len(w.elems)-1]
			continue
		}
		args = append(args, w.walk(a))
	}
	first := shape{}
	if len(args) > 0 {
		first = args[0]
	}
	switch n.Name {
	case "find", "findLast", "first", "last":
		if first.what == whatList {
			return *first.elem
		}
	case "filter", "sort", "sortBy", "reverse", "uniq", "take":
		return first
	case "map":
		if len(args) > 1 {
			return listOf(args[1])
		}
	case "get":
		if len(n.Arguments) == 2 {
			if p, ok := n.Arguments[1].(*ast.StringNode); ok {
				m, _, _ := w.e.member(first, p.Value)
				return m
			}
		}
	case "all", "any", "none", "one", "hasPrefix", "hasSuffix":
		return typed("boolean")
	case "len", "count", "findIndex", "findLastIndex", "indexOf", "lastIndexOf", "int":
		return typed("integer")
	case "float", "mean", "median":
		return typed("number")
	case "upper", "lower", "trim", "trimPrefix", "trimSuffix", "replace", "repeat", "join", "string", "toJSON", "type":
		return text()
	case "split", "splitAfter", "keys":
		return listOf(text())
	case "duration":
		return typed("duration")
	case "min", "max":
		// The least of a list, or of what is listed.
		if len(args) == 1 && first.what == whatList {
			return *first.elem
		}
		for _, a := range args[1:] {
			first = merge(first, a)
		}
		return first
	}
	return shape{}
}

// merge is what a thing is that is a or b. nil may be anything.
func merge(a, b shape) shape {
	switch {
	case a.what == whatNil:
		return b
	case b.what == whatNil:
		return a
	case a.what != b.what || a.typ != b.typ || a.record != b.record:
		return shape{}
	case a.what == whatObject:
		return shape{what: whatObject, nodes: append(append(a.nodes[:0:0], a.nodes...), b.nodes...), mixed: a.mixed || b.mixed}
	case a.what == whatList:
		return listOf(merge(*a.elem, *b.elem))
	case a.what == whatMap:
		out := shape{what: whatMap, fields: map[string]shape{}}
		maps.Copy(out.fields, a.fields)
		for n, s := range b.fields {
			if old, ok := out.fields[n]; ok {
				s = merge(old, s)
			}
			out.fields[n] = s
		}
		return out
	}
	return a
}

// identifiers lists the roots that an expression reads.
func identifiers(n ast.Node) []string {
	seen := map[string]bool{}
	ast.Walk(&n, visitor(func(n ast.Node) {
		if id, ok := n.(*ast.IdentifierNode); ok {
			seen[id.Value] = true
		}
	}))
	return sortedKeys(seen)
}

type visitor func(ast.Node)

func (v visitor) Visit(n *ast.Node) { v(*n) }

// mentions reports whether an expression reads a root or member of that name,
// through lets too.
func (e *scopes) mentions(x *Expr, name string) bool {
	return e.mentioned(x, name, map[*Expr]bool{})
}

func (e *scopes) mentioned(x *Expr, name string, seen map[*Expr]bool) bool {
	if x == nil || seen[x] {
		return false
	}
	seen[x] = true
	names, err := x.Names()
	if err != nil {
		return false
	}
	for root, paths := range names {
		if root == name {
			return true
		}
		for _, p := range paths {
			if slices.Contains(p, name) {
				return true
			}
		}
		if l := e.let(root); l != nil && e.mentioned(l.Expr, name, seen) {
			return true
		}
	}
	// A member of an element, such as .refresh in a predicate, has no root.
	return strings.Contains(x.Src, "."+name)
}
