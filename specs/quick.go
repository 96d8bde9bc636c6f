package specs

import (
	"reflect"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm/runtime"
)

// Most expressions of a contract are a name, or a few names that are compared.
// They are asked for ten thousand times while a run is planned, and expr's
// machine spends most of such a one on its stack and on calls. So what is that
// simple is computed here, with expr's own notions of equal and nil, and whatever
// else is left to it: other operators, and values that it answers with an error.

// quick computes an expression as expr would; ok is false where that is for expr
// to say.
type quick func(s Scope) (v any, ok bool)

// static is what is known of the type of an expression before it is computed.
type static int

const (
	anything static = iota
	truth           // true, false, or an error
	constant        // a text, a number or nil as it stands there
)

// quicken returns how a source is computed; nil: by expr.
func quicken(src string) quick {
	tree, err := parser.Parse(src)
	if err != nil {
		return nil // expr says what is wrong with it
	}
	q, _ := quickNode(tree.Node)
	return q
}

func quickNode(n ast.Node) (quick, static) {
	switch n := n.(type) {
	case *ast.NilNode:
		return always(nil), constant
	case *ast.StringNode:
		return always(n.Value), constant
	case *ast.IntegerNode:
		return always(n.Value), constant
	case *ast.BoolNode:
		return always(n.Value), truth
	case *ast.IdentifierNode, *ast.MemberNode:
		return quickPath(n), anything
	case *ast.UnaryNode:
		x, t := quickNode(n.Node)
		if x == nil || t == constant || n.Operator != "not" && n.Operator != "!" {
			return nil, anything
		}
		return func(s Scope) (any, bool) {
			b, ok := decided(x, s)
			return !b, ok
		}, truth
	case *ast.ConditionalNode:
		return quickConditional(n), anything
	case *ast.BinaryNode:
		return quickBinary(n)
	}
	return nil, anything
}

func always(v any) quick { return func(Scope) (any, bool) { return v, true } }

// decided is a condition that is true or false. Of anything else expr says what
// it is.
func decided(q quick, s Scope) (holds, ok bool) {
	v, ok := q(s)
	if !ok {
		return false, false
	}
	b, isBool := v.(bool)
	return b, isBool
}

// quickPath is a name, or a member of one: session.user.id.
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
	root, ok := n.(*ast.IdentifierNode)
	if !ok || root.Value == "$env" || isFunction(root.Value) {
		return nil
	}
	return func(s Scope) (any, bool) {
		x := s.Root(root.Value)
		for i := len(path) - 1; i >= 0 && x != nil; i-- {
			x = s.Member(x, path[i])
		}
		x = exprValue(x)
		switch x.(type) {
		case nil, string, int, bool, boxed, []any:
			return x, true
		}
		// expr follows pointers.
		return x, reflect.TypeOf(x).Kind() != reflect.Pointer
	}
}

func quickConditional(n *ast.ConditionalNode) quick {
	cond, t := quickNode(n.Cond)
	yes, _ := quickNode(n.Exp1)
	no, _ := quickNode(n.Exp2)
	if cond == nil || yes == nil || no == nil || t == constant {
		return nil
	}
	return func(s Scope) (any, bool) {
		b, ok := decided(cond, s)
		switch {
		case !ok:
			return nil, false
		case b:
			return yes(s)
		}
		return no(s)
	}
}

func quickBinary(n *ast.BinaryNode) (quick, static) {
	x, xt := quickNode(n.Left)
	y, yt := quickNode(n.Right)
	if x == nil || y == nil {
		return nil, anything
	}
	switch n.Operator {
	case "and", "&&", "or", "||":
		if xt == constant || yt == constant {
			return nil, anything
		}
		ends := n.Operator == "or" || n.Operator == "||" // with what the left side is
		return func(s Scope) (any, bool) {
			b, ok := decided(x, s)
			if !ok || b == ends {
				return b, ok
			}
			return y(s)
		}, truth
	case "==", "!=":
		if xt != anything && yt != anything {
			return nil, anything
		}
		return quickEqual(x, y, n.Operator == "=="), truth
	case "??":
		return func(s Scope) (any, bool) {
			v, ok := x(s)
			if !ok || !runtime.IsNil(v) {
				return v, ok
			}
			return y(s)
		}, anything
	case "in":
		if xt != constant || yt != anything {
			return nil, anything
		}
		return func(s Scope) (any, bool) {
			v, ok1 := x(s)
			list, ok2 := y(s)
			if _, isList := list.([]any); !ok1 || !ok2 || list != nil && !isList {
				return nil, false
			}
			return runtime.In(v, list), true
		}, truth
	}
	return nil, anything
}

func quickEqual(x, y quick, equal bool) quick {
	return func(s Scope) (any, bool) {
		a, ok := x(s)
		if !ok {
			return nil, false
		}
		b, ok := y(s)
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
