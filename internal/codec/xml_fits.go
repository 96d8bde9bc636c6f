package codec

import (
	"slices"

	"github.com/beevik/etree"

	"github.com/mockauth/mockauth/internal/schema"
)

// fits scores how well el fits an alternative: 3 exactly, 2 with members that
// the schema does not name but allows, 1 as to the kind only, 0 not. It looks
// no deeper than the children of el.
func (d *xmlDecoder) fits(el *etree.Element, n *schema.Node, uri string) int {
	s, elements := content(el)
	n = sole(n)
	switch kindOf(n) {
	case asAny:
		return 2
	case asText:
		if elements || d.hasAttributes(el) {
			return 0
		}
		if _, ok := scalar(n, s, true); !ok {
			return 0
		}
		return 3
	case asArray:
		item := itemField(n.Items(), el.Tag)
		for _, c := range el.Child {
			if c, ok := c.(*etree.Element); ok && !matches(&item, c.Tag, d.scope.of(c), uri) {
				return 0
			}
		}
		return 3
	}
	return d.fitsObject(el, n, uri, s, elements)
}

func (d *xmlDecoder) fitsObject(el *etree.Element, n *schema.Node, uri, own string, elements bool) int {
	fields := fieldsOf(n)
	present := make([]string, 0, len(fields))
	best := 3
	know := func(f *field, text string, leaf bool) {
		if f == nil {
			best = min(best, 2)
			if !n.Additional {
				best = 1
			}
			return
		}
		present = append(present, f.name)
		if leaf && !enumerated(sole(f.node), text) {
			best = 1
		}
	}
	for i := range el.Attr {
		if a := &el.Attr[i]; d.says(a) {
			j := slices.IndexFunc(fields, func(f field) bool { return f.place == inAttribute && f.tag == a.Key })
			if j < 0 {
				know(nil, "", false)
			} else {
				know(&fields[j], a.Value, true)
			}
		}
	}
	for _, c := range el.Child {
		if c, ok := c.(*etree.Element); ok {
			f := fieldFor(fields, c.Tag, d.scope.of(c), uri)
			s, deep := content(c)
			know(f, s, !deep && f != nil && !f.repeats)
		}
	}
	for i := range fields {
		if f := &fields[i]; (f.place == inText || f.place == inCDATA) && !(elements && isBlank(own)) {
			know(f, own, true)
		}
	}
	for _, r := range n.Required {
		if !slices.Contains(present, r) {
			return 1
		}
	}
	return best
}
