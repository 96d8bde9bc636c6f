package specs

import (
	"regexp"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// What a contract computes beside comparing: whether a list has a value, the
// elements for which something holds, an instant from a text, an object.

// call is the quick form of a call, a list or an object; nil: there is none.
func (r *quickener) call(n ast.Node) quick {
	r.checked = true
	switch n := n.(type) {
	case *ast.CallNode:
		return r.function(n)
	case *ast.BuiltinNode:
		return r.builtin(n)
	case *ast.ArrayNode:
		return r.array(n)
	case *ast.MapNode:
		return r.object(n)
	}
	return nil
}

// all are the quick forms of several parts; ok is false if one has none.
func (r *quickener) all(nodes []ast.Node) (parts []quick, ok bool) {
	parts = make([]quick, len(nodes))
	for i, n := range nodes {
		if parts[i], _ = r.node(n); parts[i] == nil {
			return nil, false
		}
	}
	return parts, true
}

func (r *quickener) function(n *ast.CallNode) quick {
	name, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return nil
	}
	var f func(...any) (any, error)
	switch name.Value {
	case "instant":
		f = instant
	case "days":
		f = days
	case "seconds":
		f = seconds
	default:
		return nil
	}
	parts, ok := r.all(n.Arguments)
	if !ok {
		return nil
	}
	return func(s Scope, it any) (any, bool) {
		args, ok := computed(parts, s, it)
		if !ok {
			return nil, false
		}
		v, err := f(args...)
		return v, err == nil
	}
}

// computed are the values of parts.
func computed(parts []quick, s Scope, it any) (values []any, ok bool) {
	values = make([]any, len(parts))
	for i, p := range parts {
		if values[i], ok = p(s, it); !ok {
			return nil, false
		}
	}
	return values, true
}

func (r *quickener) array(n *ast.ArrayNode) quick {
	parts, ok := r.all(n.Nodes)
	if !ok {
		return nil
	}
	return func(s Scope, it any) (any, bool) { return computed(parts, s, it) }
}

func (r *quickener) object(n *ast.MapNode) quick {
	names := make([]string, 0, len(n.Pairs))
	values := make([]ast.Node, 0, len(n.Pairs))
	for _, p := range n.Pairs {
		pair, ok := p.(*ast.PairNode)
		if !ok {
			return nil
		}
		name, ok := pair.Key.(*ast.StringNode)
		if !ok {
			return nil
		}
		names, values = append(names, name.Value), append(values, pair.Value)
	}
	parts, ok := r.all(values)
	if !ok {
		return nil
	}
	return func(s Scope, it any) (any, bool) {
		out := make(map[string]any, len(parts))
		for i := len(parts) - 1; i >= 0; i-- { // of two that are called alike expr takes the first
			v, ok := parts[i](s, it)
			if !ok {
				return nil, false
			}
			out[names[i]] = v
		}
		return out, true
	}
}

// builtin is a search in a list. Anything but a list is for expr to judge.
func (r *quickener) builtin(n *ast.BuiltinNode) quick {
	if len(n.Arguments) != 2 {
		return nil
	}
	of, ok := n.Arguments[1].(*ast.PredicateNode)
	if !ok {
		return nil
	}
	list, _ := r.node(n.Arguments[0])
	each, _ := r.node(of.Node)
	if list == nil || each == nil {
		return nil
	}
	switch n.Name {
	case "find":
		return quickFind(list, each)
	case "filter":
		return quickFilter(list, each)
	case "map":
		return quickMap(list, each)
	}
	return nil
}

func elements(list quick, s Scope, it any) ([]any, bool) {
	v, ok := list(s, it)
	if !ok {
		return nil, false
	}
	all, ok := v.([]any)
	return all, ok
}

func quickFind(list, each quick) quick {
	return func(s Scope, it any) (any, bool) {
		all, ok := elements(list, s, it)
		if !ok {
			return nil, false
		}
		for _, x := range all {
			holds, ok := decided(each, s, x)
			if !ok {
				return nil, false
			}
			if holds {
				return x, true
			}
		}
		return nil, true
	}
}

func quickFilter(list, each quick) quick {
	return func(s Scope, it any) (any, bool) {
		all, ok := elements(list, s, it)
		if !ok {
			return nil, false
		}
		out := make([]any, 0, len(all))
		for _, x := range all {
			holds, ok := decided(each, s, x)
			if !ok {
				return nil, false
			}
			if holds {
				out = append(out, x)
			}
		}
		return out, true
	}
}

func quickMap(list, each quick) quick {
	return func(s Scope, it any) (any, bool) {
		all, ok := elements(list, s, it)
		if !ok {
			return nil, false
		}
		out := make([]any, len(all))
		for i, x := range all {
			if out[i], ok = each(s, x); !ok {
				return nil, false
			}
		}
		return out, true
	}
}

// in is whether a list has a value: a list that is computed a text that stands
// there, and one that stands there a text that is computed.
func (r *quickener) in(x quick, xt static, right ast.Node) quick {
	if n, ok := right.(*ast.ArrayNode); ok {
		return r.among(x, n)
	}
	y, yt := r.node(right)
	if y == nil || yt != anything {
		return nil
	}
	r.checked = r.checked || xt != constant
	return func(s Scope, it any) (any, bool) {
		v, ok1 := x(s, it)
		list, ok2 := y(s, it)
		if _, isList := list.([]any); !ok1 || !ok2 || list != nil && !isList {
			return nil, false
		}
		return runtime.In(v, list), true
	}
}

func (r *quickener) among(x quick, n *ast.ArrayNode) quick {
	r.checked = true
	texts := map[string]bool{}
	null := false
	for _, e := range n.Nodes {
		switch e := e.(type) {
		case *ast.StringNode:
			texts[e.Value] = true
		case *ast.NilNode:
			null = true
		default:
			return nil
		}
	}
	return func(s Scope, it any) (any, bool) {
		switch v, ok := x(s, it); v := v.(type) {
		case string:
			return texts[v], ok
		case nil:
			return null, ok && null // of a list without nil expr makes a map, with rules of its own
		}
		return nil, false
	}
}

// matches is whether a text has a pattern that stands there.
func (r *quickener) matches(x quick, right ast.Node) quick {
	r.checked = true
	n, ok := right.(*ast.StringNode)
	if !ok {
		return nil
	}
	pattern, err := regexp.Compile(n.Value)
	if err != nil {
		return nil
	}
	return func(s Scope, it any) (any, bool) {
		switch v, ok := x(s, it); v := v.(type) {
		case string:
			return pattern.MatchString(v), ok
		case nil:
			return false, ok
		}
		return nil, false
	}
}
