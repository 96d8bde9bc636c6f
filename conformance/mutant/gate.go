package mutant

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// gate knows which rules are in force under which settings: a rule whose
// condition is false whatever the request cannot be seen to be broken.
type gate struct {
	c     *specs.Contract
	trees map[string]ast.Node
	lets  map[string]string
	exprs map[ast.Node]*compiled
	all   []choice
	// there are names and members that are taken to be there: session,
	// request.cookie.sid.
	there map[string]bool
	// and those that are taken not to be there.
	gone map[string]bool
}

// compiled is a node of an expression that was asked for as a whole; nil names:
// it cannot be read.
type compiled struct {
	expr  *specs.Expr
	names map[string][][]string
}

// choice is one way to set a contract: a profile, or the default one with a
// setting changed.
type choice struct {
	profile  string
	settings map[string]any // over it
	values   map[string]any // all
}

// condition says whether something can be so under some settings.
type condition func(settings map[string]any) bool

func newGate(c *specs.Contract) *gate {
	g := &gate{c: c, trees: map[string]ast.Node{}, lets: map[string]string{}, exprs: map[ast.Node]*compiled{}}
	for _, l := range c.Lets {
		g.lets[l.Name] = l.Expr.Src
	}
	add := func(profile string, over map[string]any) {
		values, err := session.Settings(c, profile, nil)
		if err != nil {
			return
		}
		maps.Copy(values, over)
		g.all = append(g.all, choice{profile, over, values})
	}
	add("", nil)
	for _, p := range c.Profiles {
		if p.Name != c.DefaultProfile {
			add(p.Name, nil)
		}
	}
	if len(g.all) == 0 {
		return g
	}
	over := g.singles(g.all[0].values)
	for _, o := range over {
		add("", o)
	}
	// Some rules want two settings; a contract with very many is searched one by
	// one only.
	for i, a := range over {
		for _, b := range over[i+1:] {
			if len(over) <= 40 {
				both := maps.Clone(a)
				maps.Copy(both, b)
				if len(both) == 2 {
					add("", both)
				}
			}
		}
	}
	return g
}

// singles are the changes of one setting that are worth a try.
func (g *gate) singles(values map[string]any) []map[string]any {
	var out []map[string]any
	for _, s := range g.c.Settings {
		set := func(v any) { out = append(out, map[string]any{s.Name: v}) }
		switch v := values[s.Name]; {
		case s.Type == "boolean":
			set(v != true)
		case len(s.Enum) > 0:
			for _, e := range s.Enum {
				if e != v {
					set(e)
				}
			}
		case v == nil && s.Type == "duration":
			set(20 * time.Minute)
		case v == nil && s.Type == "integer":
			set(max(3, deref(s.Min)))
		}
	}
	return out
}

func deref(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// where evaluates with names and members that are there.
func (g *gate) where(there []string, f func()) {
	g.there = map[string]bool{}
	for _, name := range there {
		g.there[name] = true
	}
	f()
	g.there = nil
}

// lacking evaluates without names and members: they are not there.
func (g *gate) lacking(gone []string, f func()) {
	g.gone = map[string]bool{}
	for _, name := range gone {
		g.gone[name] = true
	}
	f()
	g.gone = nil
}

// find returns the first choice under which all conditions can hold.
func (g *gate) find(conditions []condition) (choice, bool) {
	for _, c := range g.all {
		if !slices.ContainsFunc(conditions, func(f condition) bool { return !f(c.values) }) {
			return c, true
		}
	}
	return choice{}, false
}

// heaviest returns the choice under which all conditions can hold and a rule
// weighs most, and the rule's marks there. One setting is enough for it.
func (g *gate) heaviest(conditions []condition, r rule) (choice, []specs.Mark, bool) {
	var best choice
	var marks []specs.Mark
	for _, c := range g.all {
		if len(c.settings) > 1 && marks != nil || slices.ContainsFunc(conditions, func(f condition) bool { return !f(c.values) }) {
			continue
		}
		under := r.under(c.values)
		if len(under) == 0 {
			continue
		}
		all := append(slices.Clone(r.marks), weight.Strongest(under))
		if marks == nil || weight.Weakest(all).Level > weight.Weakest(marks).Level {
			best, marks = c, all
		}
		if weight.Weakest(marks).Level == specs.Documented {
			break
		}
	}
	return best, marks, marks != nil
}

// may is the condition that an expression is not false whatever the request.
// Lets of the operation come before those of the document.
func (g *gate) may(op *specs.Operation, e *specs.Expr) condition {
	return func(settings map[string]any) bool {
		v, known := g.decide(op, e, settings)
		return !known || v != nil && v != false
	}
}

// mayNot is the condition that an expression is not true whatever the request.
func (g *gate) mayNot(op *specs.Operation, e *specs.Expr) condition {
	return func(settings map[string]any) bool {
		v, known := g.decide(op, e, settings)
		return !known || v != true
	}
}

// decide evaluates as much of an expression as the settings decide. It reports
// false if it takes more than that.
func (g *gate) decide(op *specs.Operation, e *specs.Expr, settings map[string]any) (any, bool) {
	if e == nil {
		return true, true
	}
	return g.source(op, e.Src, settings, 0)
}

func (g *gate) source(op *specs.Operation, src string, settings map[string]any, depth int) (any, bool) {
	n, ok := g.trees[src]
	if !ok {
		tree, err := parser.Parse(src)
		if err == nil {
			n = tree.Node
		}
		g.trees[src] = n
	}
	if n == nil || depth > 20 {
		return nil, false
	}
	return g.node(op, n, settings, depth)
}

func (g *gate) let(op *specs.Operation, name string) (string, bool) {
	if op != nil {
		for _, l := range op.Lets {
			if l.Name == name {
				return l.Expr.Src, true
			}
		}
	}
	src, ok := g.lets[name]
	return src, ok
}

func (g *gate) node(op *specs.Operation, n ast.Node, settings map[string]any, depth int) (any, bool) {
	truth := func(n ast.Node) (is, known bool) {
		v, known := g.node(op, n, settings, depth)
		b, _ := v.(bool)
		return b, known
	}
	switch n := n.(type) {
	case *ast.BinaryNode:
		and := n.Operator == "and" || n.Operator == "&&"
		if and || n.Operator == "or" || n.Operator == "||" {
			a, aKnown := truth(n.Left)
			b, bKnown := truth(n.Right)
			switch {
			case aKnown && a != and, bKnown && b != and:
				return !and, true
			case aKnown && bKnown:
				return and, true
			}
			return nil, false
		}
		if n.Operator == "==" || n.Operator == "!=" {
			if _, isNil := n.Right.(*ast.NilNode); isNil {
				switch left := n.Left.String(); {
				case g.there[left]:
					return n.Operator == "!=", true
				case g.gone[left]:
					return n.Operator == "==", true
				}
			}
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			b, known := truth(n.Node)
			return !b, known
		}
	case *ast.ConditionalNode:
		b, known := truth(n.Cond)
		switch {
		case known && b:
			return g.node(op, n.Exp1, settings, depth)
		case known:
			return g.node(op, n.Exp2, settings, depth)
		}
		return nil, false
	case *ast.IdentifierNode:
		if src, ok := g.let(op, n.Value); ok {
			return g.source(op, src, settings, depth+1)
		}
	}
	return g.whole(op, n, settings, depth)
}

// leavesOut reports whether one let is a list without exactly what another let finds
// in it: where that finds nothing, the list stays what it is.
func (g *gate) leavesOut(op *specs.Operation, list, found string) bool {
	builtin := func(name, function string) (*ast.BuiltinNode, ast.Node) {
		src, ok := g.let(op, name)
		if !ok {
			return nil, nil
		}
		tree, err := parser.Parse(src)
		if err != nil {
			return nil, nil
		}
		n, ok := tree.Node.(*ast.BuiltinNode)
		if !ok || n.Name != function || len(n.Arguments) != 2 {
			return nil, nil
		}
		if p, ok := n.Arguments[1].(*ast.PredicateNode); ok {
			return n, p.Node
		}
		return n, n.Arguments[1]
	}
	f, is := builtin(found, "find")
	l, stays := builtin(list, "filter")
	if f == nil || l == nil || f.Arguments[0].String() != l.Arguments[0].String() {
		return false
	}
	not, ok := stays.(*ast.UnaryNode)
	return ok && (not.Operator == "not" || not.Operator == "!") && not.Node.String() == is.String()
}

// whole evaluates a node that needs nothing but settings.
func (g *gate) whole(op *specs.Operation, n ast.Node, settings map[string]any, depth int) (any, bool) {
	x := g.exprs[n]
	if x == nil {
		x = &compiled{expr: expression(n.String())}
		if names, err := x.expr.Names(); err == nil {
			x.names = names
		}
		g.exprs[n] = x
	}
	if x.names == nil {
		return nil, false
	}
	s := &settingsScope{settings: settings, lets: map[string]any{}}
	for name, paths := range x.names {
		switch {
		case name == "settings", name == "never", name == "absent":
			continue
		case name == "request" && op != nil && !slices.ContainsFunc(paths, func(p []string) bool { return len(p) > 0 && p[0] != "method" }):
			s.lets[name] = map[string]any{"method": op.Method} // nobody calls it by another
			continue
		}
		src, ok := g.let(op, name)
		if !ok {
			return nil, false
		}
		v, known := g.source(op, src, settings, depth+1)
		if !known {
			return nil, false
		}
		s.lets[name] = v
	}
	v, err := x.expr.Eval(s)
	if err != nil {
		return nil, false
	}
	return v, true
}

// settingsScope is a specs.Scope in which there is nothing but settings.
type settingsScope struct {
	settings map[string]any
	lets     map[string]any
}

func (s *settingsScope) Root(name string) any {
	switch name {
	case "settings":
		return s.settings
	case "never":
		return specs.Never
	case "absent":
		return specs.Absent
	}
	return s.lets[name]
}

func (s *settingsScope) Member(x any, name string) any { return specs.PlainMember(x, name) }

func (s *settingsScope) Request(specs.Location) any { return nil }

// describe is a choice in words, for reports; "" is the default.
func (c choice) describe() string {
	var parts []string
	if c.profile != "" {
		parts = append(parts, "profile "+c.profile)
	}
	for _, name := range slices.Sorted(maps.Keys(c.settings)) {
		parts = append(parts, fmt.Sprintf("%s=%v", name, c.settings[name]))
	}
	return strings.Join(parts, ", ")
}
