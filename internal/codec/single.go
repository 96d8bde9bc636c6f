package codec

import (
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
	"maps"
)

// Some services make JSON of XML and write a list of exactly one as its bare
// element. An array schema with `x-single: bare` says so. XML needs no word: an
// element that stands once is a list of one there by the schema.

// Bare returns v as such a service writes it: each array of exactly one
// element whose schema has x-single: bare is that element. An element that is
// null or an array itself stays in its array, for Unbare could not tell. v is
// not changed; the parts that do not change are shared.
func Bare(v any, n *schema.Node) any {
	out, _ := rewrite(v, n, true, 0)
	return out
}

// Unbare undoes Bare for a decoded value: where a schema with x-single: bare
// wants an array, anything but an array and null becomes an array of it. v is
// not changed.
func Unbare(v any, n *schema.Node) any {
	out, _ := rewrite(v, n, false, 0)
	return out
}

// rewrite reports whether the result is another value than v.
func rewrite(v any, n *schema.Node, bare bool, depth int) (any, bool) {
	if n == nil || v == nil || depth > maxEncodeDepth {
		return v, false
	}
	// An alternative that is an array is looked for by the list that v is, or
	// was, or will be.
	c := choose(n, func(a *schema.Node) int {
		if isBare(sole(a)) {
			if _, ok := v.([]any); ok || !bare {
				return 2
			}
		}
		return fitsValue(a, v)
	})
	list, isList := v.([]any)
	single := c.kind == asArray && (isBare(n) || isBare(c.node))
	switch {
	case single && !bare && !isList:
		out, _ := rewriteList([]any{v}, c.node, bare, depth)
		return out, true
	case isList && c.kind == asArray:
		out, changed := rewriteList(list, c.node, bare, depth)
		if !single || !bare || len(out) != 1 || out[0] == nil {
			return out, changed
		}
		if _, nested := list[0].([]any); nested {
			return out, changed
		}
		return out[0], true
	case c.kind == asObject && isObject(v):
		return rewriteMembers(v, c, bare, depth)
	}
	return v, false
}

func isBare(n *schema.Node) bool { return n != nil && n.Extensions["x-single"] == "bare" }

func rewriteList(list []any, n *schema.Node, bare bool, depth int) ([]any, bool) {
	items := n.Items()
	var out []any
	for i, e := range list {
		r, changed := rewrite(e, items, bare, depth+1)
		if changed && out == nil {
			out = append(make([]any, 0, len(list)), list[:i]...)
		}
		if out != nil {
			out = append(out, r)
		}
	}
	if out == nil {
		return list, false
	}
	return out, true
}

func rewriteMembers(v any, c view, bare bool, depth int) (any, bool) {
	switch v := v.(type) {
	case value.Object:
		var out value.Object
		for i := range v {
			r, changed := rewrite(v[i].Value, propertyOf(c, v[i].Name), bare, depth+1)
			if !changed {
				continue
			}
			if out == nil {
				out = append(value.Object(nil), v...)
			}
			out[i].Value = r
		}
		if out != nil {
			return out, true
		}
	case map[string]any:
		var out map[string]any
		for i := range c.props {
			name := c.props[i].Name
			e, ok := v[name]
			if !ok {
				continue
			}
			r, changed := rewrite(e, c.props[i].Schema, bare, depth+1)
			if !changed {
				continue
			}
			if out == nil {
				out = make(map[string]any, len(v))
				maps.Copy(out, v)
			}
			out[name] = r
		}
		if out != nil {
			return out, true
		}
	}
	return v, false
}

func propertyOf(c view, name string) *schema.Node {
	for i := range c.props {
		if c.props[i].Name == name {
			return c.props[i].Schema
		}
	}
	return nil
}
