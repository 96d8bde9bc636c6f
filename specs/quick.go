package specs

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm/runtime"
)

// Most expressions of a contract are a name, or a few names that are compared.
// They are asked for ten thousand times while a run is planned, and expr's
// machine spends most of such a one on its stack and on calls. So what is that
// simple is computed here, with expr's own notions of equal and nil, and whatever
// else is left to it: other operators, and values that it answers with an error.
// See quick_call.go for calls, lists and objects.

// quick computes an expression as expr would; ok is false where that is for expr
// to say. it is the element that a condition on elements looks at.
type quick func(s Scope, it any) (v any, ok bool)

// static is what is known of the type of an expression before it is computed.
type static int

const (
	anything static = iota
	truth           // true, false, or an error
	constant        // a text, a number or nil as it stands there
)

// quicken returns how a source is computed; nil: by expr. checked: only if expr
// can compile it, since parts of it are not looked at here.
func quicken(src string) (q quick, checked bool) {
	tree, err := parser.Parse(src)
	if err != nil {
		return nil, false // expr says what is wrong with it
	}
	r := &quickener{}
	q, _ = r.node(tree.Node)
	return q, r.checked
}

// quickener makes quick forms of the parts of one expression.
type quickener struct{ checked bool }

func (r *quickener) node(n ast.Node) (quick, static) {
	switch n := n.(type) {
	case *ast.NilNode:
		return always(nil), constant
	case *ast.StringNode:
		return always(n.Value), constant
	case *ast.IntegerNode:
		return always(n.Value), constant
	case *ast.BoolNode:
		return always(n.Value), truth
	case *ast.IdentifierNode, *ast.MemberNode, *ast.PointerNode:
		return quickPath(n), anything
	case *ast.UnaryNode:
		x, t := r.node(n.Node)
		if x == nil || t == constant || n.Operator != "not" && n.Operator != "!" {
			return nil, anything
		}
		return func(s Scope, it any) (any, bool) {
			b, ok := decided(x, s, it)
			return !b, ok
		}, truth
	case *ast.ConditionalNode:
		return r.conditional(n), anything
	case *ast.BinaryNode:
		return r.binary(n)
	}
	return r.call(n), anything
}

// branch is a part that is not always computed. Where it is not simple, expr
// computes the whole whenever it matters.
func (r *quickener) branch(n ast.Node) (quick, static) {
	q, t := r.node(n)
	if q != nil {
		return q, t
	}
	r.checked = true
	return func(Scope, any) (any, bool) { return nil, false }, anything
}

func always(v any) quick { return func(Scope, any) (any, bool) { return v, true } }

// decided is a condition that is true or false. Of anything else expr says what
// it is.
func decided(q quick, s Scope, it any) (holds, ok bool) {
	v, ok := q(s, it)
	if !ok {
		return false, false
	}
	b, isBool := v.(bool)
	return b, isBool
}

// quickPath is a name, or a member of one: session.user.id. In a condition on
// elements it may begin with the element: .id.
func quickPath(n ast.Node) quick {
	var path []string
	for {
		m, ok := n.(*ast.MemberNode)
		if !ok {
			break
		}
		p, ok := m.Property.(*ast.StringNode)
		if !ok || m.Optional {
			return nil
		}
		path = append(path, p.Value)
		n = m.Node
	}
	slices.Reverse(path)
	switch root := n.(type) {
	case *ast.PointerNode:
		if root.Name != "" {
			return nil
		}
		return func(s Scope, it any) (any, bool) { return follow(s, unbox(it), path) }
	case *ast.IdentifierNode:
		if root.Value == "$env" || isFunction(root.Value) {
			return nil
		}
		return func(s Scope, _ any) (any, bool) { return follow(s, s.Root(root.Value), path) }
	}
	return nil
}

// follow goes from a thing to a member of it, of which expr has the value.
func follow(s Scope, x any, path []string) (any, bool) {
	for _, p := range path {
		if x == nil {
			break
		}
		x = s.Member(x, p)
	}
	x = exprValue(x)
	switch x.(type) {
	case nil, string, int, bool, boxed, []any, map[string]any, time.Time, time.Duration:
		return x, true
	}
	// expr follows pointers.
	return x, reflect.TypeOf(x).Kind() != reflect.Pointer
}

func (r *quickener) conditional(n *ast.ConditionalNode) quick {
	cond, t := r.node(n.Cond)
	if cond == nil || t == constant {
		return nil
	}
	yes, _ := r.branch(n.Exp1)
	no, _ := r.branch(n.Exp2)
	return func(s Scope, it any) (any, bool) {
		b, ok := decided(cond, s, it)
		switch {
		case !ok:
			return nil, false
		case b:
			return yes(s, it)
		}
		return no(s, it)
	}
}

func (r *quickener) binary(n *ast.BinaryNode) (quick, static) {
	x, xt := r.node(n.Left)
	if x == nil {
		return nil, anything
	}
	switch n.Operator {
	case "and", "&&", "or", "||":
		y, yt := r.branch(n.Right)
		if xt == constant || yt == constant {
			return nil, anything
		}
		ends := n.Operator == "or" || n.Operator == "||" // with what the left side is
		return func(s Scope, it any) (any, bool) {
			b, ok := decided(x, s, it)
			if !ok || b == ends {
				return b, ok
			}
			return y(s, it)
		}, truth
	case "??":
		y, _ := r.branch(n.Right)
		return func(s Scope, it any) (any, bool) {
			v, ok := x(s, it)
			if !ok || !runtime.IsNil(v) {
				return v, ok
			}
			return y(s, it)
		}, anything
	case "in":
		return r.in(x, xt, n.Right), truth
	case "matches":
		return r.matches(x, n.Right), truth
	}
	y, yt := r.node(n.Right)
	if y == nil {
		return nil, anything
	}
	switch n.Operator {
	case "==", "!=":
		if xt != anything && yt != anything {
			return nil, anything
		}
		return quickEqual(x, y, n.Operator == "=="), truth
	case "<", ">", "<=", ">=":
		r.checked = true
		return quickOrder(x, y, n.Operator), truth
	}
	return nil, anything
}

func quickEqual(x, y quick, equal bool) quick {
	return func(s Scope, it any) (any, bool) {
		a, ok := x(s, it)
		if !ok {
			return nil, false
		}
		b, ok := y(s, it)
		if !ok {
			return nil, false
		}
		if p, isText := a.(string); isText {
			if q, isText := b.(string); isText {
				return (p == q) == equal, true
			}
		}
		return runtime.Equal(a, b) == equal, true
	}
}

// quickOrder compares whole numbers, durations and instants.
func quickOrder(x, y quick, operator string) quick {
	return func(s Scope, it any) (any, bool) {
		a, ok := x(s, it)
		if !ok {
			return nil, false
		}
		b, ok := y(s, it)
		if !ok {
			return nil, false
		}
		order, ok := compared(a, b)
		switch operator {
		case "<":
			return order < 0, ok
		case ">":
			return order > 0, ok
		case "<=":
			return order <= 0, ok
		}
		return order >= 0, ok
	}
}

func compared(a, b any) (order int, ok bool) {
	switch a := a.(type) {
	case int:
		b, ok := b.(int)
		return cmp.Compare(a, b), ok
	case time.Duration:
		b, ok := b.(time.Duration)
		return cmp.Compare(a, b), ok
	case time.Time:
		b, ok := b.(time.Time)
		return a.Compare(b), ok
	}
	return 0, false
}
