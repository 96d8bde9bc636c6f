package client

import (
	"encoding/json"
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/specs"
)

// members looks for members of a body, JSON or form, that the operation does not
// have: at the top, where a misspelt name does its harm in silence.
func (s *stage) members(o observed, op *specs.Operation) {
	typ, _, err := mime.ParseMediaType(o.Header.Get("Content-Type"))
	if err != nil || len(o.Body) == 0 {
		return
	}
	var names []string
	switch {
	case typ == "application/x-www-form-urlencoded":
		values, _ := url.ParseQuery(string(o.Body)) // what can be read is looked at
		names = sortedKeys(values)
	case typ == "application/json" || strings.HasSuffix(typ, "+json"):
		var object map[string]json.RawMessage
		if json.Unmarshal(o.Body, &object) != nil {
			return
		}
		names = sortedKeys(object)
	case strings.HasSuffix(typ, "xml"):
		doc := etree.NewDocument()
		if doc.ReadFromBytes(o.Body) != nil || doc.Root() == nil {
			return
		}
		for _, e := range doc.Root().FindElements(".//*") {
			names = append(names, e.Tag)
		}
	default:
		return
	}
	known, open := declared(op, typ)
	if open {
		return
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			s.should("request "+o.Operation+", body "+name, "a member of the contract; "+specs.DidYouMean(name, known), "it is sent")
		}
	}
}

// declared are the members that a body may have; open: any.
func declared(op *specs.Operation, typ string) (names []string, open bool) {
	for _, m := range op.Body {
		if m.Type != typ || m.Schema == nil {
			continue
		}
		list, free := properties(m.Schema, strings.HasSuffix(typ, "xml"), 0)
		names, open = append(names, list...), open || free
	}
	for _, l := range slices.Concat(op.Secrets, op.Proves) {
		if l.In == specs.InBody && len(l.Tokens) > 0 {
			names = append(names, l.Tokens[0])
		}
	}
	slices.Sort(names)
	return slices.Compact(names), open || len(names) == 0
}

// properties are the members that an object's schema names, with those of its
// alternatives and, if they are nested, of what is in them; open: it gives a
// schema to all others.
func properties(n *schema.Node, nested bool, depth int) (names []string, open bool) {
	if depth > 8 {
		return nil, true
	}
	for _, p := range n.Properties() {
		names = append(names, p.Name)
		if p.Schema.XML.Name != "" {
			names = append(names, p.Schema.XML.Name)
		}
		if nested {
			more, free := properties(p.Schema, nested, depth+1)
			names, open = append(names, more...), open || free
		}
	}
	open = open || n.Values() != nil
	for _, a := range n.Alternatives() {
		more, free := properties(a, nested, depth+1)
		names, open = append(names, more...), open || free
	}
	return names, open
}
