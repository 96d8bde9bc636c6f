package mutant

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// messages makes the mutants of what goes over the wire and is not said by
// x-session: status, media type, types and names in the answers of an operation.
func (m *maker) messages() {
	op := m.op
	for i, a := range op.Answers {
		when := m.reached(i)
		outcome := outcomeOf(a)
		if slices.ContainsFunc(op.Answers[:i], func(b *specs.Answer) bool { return outcomeOf(b) == outcome }) {
			continue // one answer in two cases
		}
		r := func(at specs.Location, parts ...string) rule {
			marks := make([]specs.Mark, 0, len(parts))
			for _, p := range parts {
				marks = append(marks, weight.At(a.Evidence, at, p))
			}
			return m.rule(a.Pointer, a.Line, weight.Strongest(marks))
		}
		m.answered("status-changed", outcome, fmt.Sprintf("%s of %s has another status, a success like the documented one.", outcome, op.ID), r(specs.Location{}, "status"), when,
			func(x *answer) { x.Status = neighbour(x.Status) })
		m.answered("success-as-error", outcome, fmt.Sprintf("%s of %s comes with status 500.", outcome, op.ID), m.rule(a.Pointer, a.Line, weight.Accepts(a.Evidence)), when,
			func(x *answer) { x.Status = http.StatusInternalServerError })
		if a.Example == nil && a.Sample == nil {
			m.answered("body-added", outcome, fmt.Sprintf("%s of %s has a body, where none is documented.", outcome, op.ID), r(specs.Location{}, "shape"), when, func(x *answer) {
				x.Body = []byte(`{"mutant":true}`)
				setType(x, "application/json")
			})
			continue
		}
		m.answered("content-type-changed", outcome, fmt.Sprintf("%s of %s says that it is text/plain.", outcome, op.ID), r(contentType(), typePart(a)), when,
			func(x *answer) { setType(x, "text/plain") })
		m.answered("content-type-lost", outcome, fmt.Sprintf("%s of %s does not say what it is.", outcome, op.ID), r(contentType(), typePart(a)), when,
			func(x *answer) { setType(x, "") })
		m.answered("body-lost", outcome, fmt.Sprintf("%s of %s has no body.", outcome, op.ID), r(specs.Location{}, "shape"), when,
			func(x *answer) { x.Body = nil })
		m.answered("body-broken", outcome, fmt.Sprintf("The body of %s of %s ends in its middle.", outcome, op.ID), r(specs.Location{}, "shape"), when,
			func(x *answer) { x.Body = x.Body[:len(x.Body)/2] })
		m.written(a, r, when)
	}
	m.negotiation()
}

// typePart is the part of an answer that says its media type: its headers, if it
// binds that one, else its shape, since a body is read by it.
func typePart(a *specs.Answer) string {
	if slices.ContainsFunc(bindsOf(a), func(b *specs.AnswerBind) bool {
		return b.At.In == specs.InHeader && strings.EqualFold(b.At.Name, "Content-Type")
	}) {
		return "headers"
	}
	return "shape"
}

func contentType() specs.Location {
	return specs.Location{Src: "$response.header.Content-Type", Response: true, In: specs.InHeader, Name: "Content-Type"}
}

func neighbour(status int) int {
	switch status {
	case 200:
		return 201
	case 204:
		return 200
	}
	return 200
}

// answered makes a mutant that changes an answer of the operation when it is
// written.
func (m *maker) answered(kind, outcome, says string, r rule, when []condition, change func(*answer)) {
	op := m.op
	m.put(Mutant{Kind: kind, Says: says, answer: func(o *specs.Operation, got string, a *answer) {
		if o != nil && o.ID == op.ID && (got == outcome || strings.HasPrefix(outcome, got+"/")) {
			change(a)
		}
	}}, op.ID, outcome, r, when)
}

// leaf is one member of a documented answer and how it stands in XML.
type leaf struct {
	tokens []string
	node   *schema.Node
	was    any
	xml    string
	attr   bool
}

// leaves returns the members of an example that its schema declares.
func leaves(x any, n *schema.Node, at []string, depth int) []leaf {
	var out []leaf
	if n == nil || depth > 6 {
		return nil
	}
	switch x := x.(type) {
	case value.Object:
		for _, p := range n.Properties() {
			v, ok := x.Get(p.Name)
			if !ok {
				continue
			}
			here := slices.Concat(at, []string{p.Name})
			name := p.Name
			if p.Schema.XML.Name != "" {
				name = p.Schema.XML.Name
			}
			if p.Schema.XML.NodeType == "text" {
				name = ""
			}
			out = append(out, leaf{here, p.Schema, v, name, p.Schema.XML.Attribute || p.Schema.XML.NodeType == "attribute"})
			out = append(out, leaves(v, p.Schema, here, depth+1)...)
		}
	case []any:
		if len(x) > 0 {
			out = append(out, leaves(x[0], n.Items(), slices.Concat(at, []string{"0"}), depth+1)...)
		}
	}
	return out
}

// written makes the mutants of types and names in one answer.
func (m *maker) written(a *specs.Answer, r func(specs.Location, ...string) rule, when []condition) {
	op, outcome := m.op, outcomeOf(a)
	n := m.schemaOf(op, a)
	var x any
	if a.Example != nil {
		x = a.Example.Value
	} else if n != nil {
		x = sample(n, 0)
	}
	types := m.types(a)
	hasJSON, hasXML := slices.ContainsFunc(types, wire.IsJSON), slices.ContainsFunc(types, wire.IsXML)
	names := map[string]bool{}
	for _, l := range leaves(x, n, nil, 0) {
		at := pointerAt(l.tokens)
		needed := slices.Contains(requiredBy(n, l.tokens), l.tokens[len(l.tokens)-1])
		bound, under := m.isBound(a, at), m.under(a, l.tokens)
		live := bound || under
		gone := m.gone(a, l.tokens, bound, under, needed)
		when := append(slices.Clone(when), m.mayBe(a, l.tokens))
		if under && (hasJSON || needed) {
			m.answered("member-dropped", outcome+at.Src, fmt.Sprintf("%s of %s has no %s.", outcome, op.ID, at.Src), gone, when,
				func(x *answer) {
					editJSON(x, func(body any) any {
						return edit(body, l.tokens, func(o value.Object, i int) value.Object { return slices.Delete(o, i, i+1) })
					})
					editXML(x, func(e *etree.Element) { removeXML(e, l.xml) })
				})
		}
		if hasJSON {
			if v, ok := otherType(l); ok {
				m.answered("type-changed", outcome+at.Src, fmt.Sprintf("%s in %s of %s has another type.", at.Src, outcome, op.ID), r(at, "shape"), when,
					func(x *answer) {
						editJSON(x, func(body any) any {
							return edit(body, l.tokens, func(o value.Object, i int) value.Object { o[i].Value = v; return o })
						})
					})
			}
			if needed || live {
				m.answered("member-renamed", outcome+at.Src, fmt.Sprintf("%s in %s of %s has another name.", at.Src, outcome, op.ID), gone, when,
					func(x *answer) {
						editJSON(x, func(body any) any {
							return edit(body, l.tokens, func(o value.Object, i int) value.Object { o[i].Name += "Mutant"; return o })
						})
					})
			}
		}
		// What is neither live nor required may be left out, under any name.
		if !hasXML || l.xml == "" || names[l.xml] || !needed && !live {
			continue
		}
		names[l.xml] = true
		what := "element"
		if l.attr {
			what = "attribute"
		}
		m.answered("xml-renamed", outcome+"/"+l.xml, fmt.Sprintf("The XML %s %s in %s of %s has another name.", what, l.xml, outcome, op.ID), gone, when,
			func(x *answer) { editXML(x, func(e *etree.Element) { renameXML(e, l.xml) }) })
		if l.node.Scalar() {
			m.answered("xml-swapped", outcome+"/"+l.xml, fmt.Sprintf("The XML %s %s in %s of %s is the other of element and attribute.", what, l.xml, outcome, op.ID), gone, when,
				func(x *answer) { editXML(x, func(e *etree.Element) { swapXML(e, l.xml, l.attr) }) })
		}
	}
}

// gone is the rule that a member of an answer is there. bound: it has a value of
// its own; under: it is part of one; needed: the schema requires it.
func (m *maker) gone(a *specs.Answer, tokens []string, bound, under, needed bool) rule {
	at := pointerAt(tokens)
	var marks []specs.Mark
	if bound {
		marks = append(marks, weight.At(a.Evidence, at, "values"), weight.At(a.Evidence, at, "shape"))
	}
	for n := len(tokens) - 1; under && n >= 0; n-- {
		if above := pointerAt(tokens[:n]); m.isBound(a, above) || n == 0 {
			marks = append(marks, weight.At(a.Evidence, above, "values"))
			break
		}
	}
	if needed {
		marks = append(marks, weight.At(a.Evidence, at, "shape"))
	}
	return m.rule(a.Pointer, a.Line, weight.Strongest(marks))
}

// mayBe is the condition that a member may be there: what a binding at it, or
// above it, speaks of can be there.
func (m *maker) mayBe(a *specs.Answer, tokens []string) condition {
	var list []condition
	for _, b := range bindsOf(a) {
		if b.At.In == specs.InBody && len(b.At.Tokens) <= len(tokens) && slices.Equal(b.At.Tokens, tokens[:len(b.At.Tokens)]) {
			list = append(list, m.mayHave(b.Value))
		}
	}
	return func(settings map[string]any) bool {
		return !slices.ContainsFunc(list, func(f condition) bool { return !f(settings) })
	}
}

// sample is an object with what a schema declares, for answers that are made
// from it. Only the names count.
func sample(n *schema.Node, depth int) any {
	switch {
	case depth > 4:
		return nil
	case len(n.Properties()) > 0:
		var o value.Object
		for _, p := range n.Properties() {
			if slices.Contains(n.Required, p.Name) {
				o = append(o, value.Member{Name: p.Name, Value: sample(p.Schema, depth+1)})
			}
		}
		return o
	case n.Items() != nil:
		return []any{sample(n.Items(), depth+1)}
	case n.Is("string"):
		return "text"
	case n.Is("boolean"):
		return true
	}
	return json.Number("1")
}

func (m *maker) types(a *specs.Answer) []string {
	status, ok := number(a.Status)
	var out []string
	for _, r := range m.op.Responses {
		if ok && m.op.Response(status) != r {
			continue
		}
		for _, x := range r.Media {
			out = append(out, x.Type)
		}
	}
	return out
}

func (m *maker) isBound(a *specs.Answer, at specs.Location) bool {
	same := func(b *specs.AnswerBind) bool { return b.At.In == specs.InBody && slices.Equal(b.At.Tokens, at.Tokens) }
	return slices.ContainsFunc(a.Binds, same) || a.Example != nil && slices.ContainsFunc(a.Example.Binds, same)
}

// under reports whether a member is part of a value that is bound as a whole,
// such as a record, and the first of its kind in the demo world has it.
func (m *maker) under(a *specs.Answer, tokens []string) bool {
	list := slices.Clone(a.Binds)
	if a.Example != nil {
		list = append(list, a.Example.Binds...)
	}
	if len(tokens) == 0 || !under(list, a.Example, tokens[:len(tokens)-1]) {
		return false
	}
	name := tokens[len(tokens)-1]
	seen := map[string]bool{}
	return slices.ContainsFunc(m.world.Records, func(r fixtures.Record) bool {
		f, ok := m.c.Record(r.Kind).Fields[name]
		first := !seen[r.Kind]
		seen[r.Kind] = true
		return first && ok && !f.Secret && r.Value[name] != nil
	})
}

// requiredBy is what the object around a member requires.
func requiredBy(n *schema.Node, tokens []string) []string {
	for _, t := range tokens[:len(tokens)-1] {
		if n == nil {
			return nil
		}
		if p := n.Property(t); p != nil {
			n = p
		} else {
			n = n.Items()
		}
	}
	if n == nil {
		return nil
	}
	return n.Required
}

// otherType is a value of a type that the member's schema does not admit.
func otherType(l leaf) (any, bool) {
	if len(l.node.Types) == 0 || len(l.node.Alternatives()) > 0 {
		return nil, false
	}
	for _, c := range []struct {
		typ string
		v   any
	}{{"string", "mutant"}, {"integer", json.Number("77")}, {"boolean", true}, {"object", value.Object{}}} {
		if !l.node.Is(c.typ) && (c.typ != "integer" || !l.node.Is("number")) {
			return c.v, true
		}
	}
	return nil, false
}

// typeOf is the media type of an answer. A contract may spell the name of the
// header in its own way.
func typeOf(a *answer) string {
	for name, list := range a.Header {
		if strings.EqualFold(name, "Content-Type") && len(list) > 0 {
			typ, _, _ := strings.Cut(list[0], ";")
			return strings.ToLower(strings.TrimSpace(typ))
		}
	}
	return ""
}

// setType gives an answer another media type; "": none.
func setType(a *answer, typ string) {
	for name := range a.Header {
		if strings.EqualFold(name, "Content-Type") {
			delete(a.Header, name)
		}
	}
	if typ == "" {
		a.Header["Content-Type"] = nil // keeps net/http from guessing one
		return
	}
	a.Header["Content-Type"] = []string{typ}
}

// editJSON changes a JSON body; others stay as they are.
func editJSON(a *answer, change func(any) any) {
	if !wire.IsJSON(typeOf(a)) {
		return
	}
	v, err := codec.DecodeJSON(a.Body, "", codec.DefaultLimits())
	if err != nil {
		return
	}
	if b, err := codec.AppendJSON(nil, change(ordered(v))); err == nil {
		a.Body = b
	}
}

// edit changes the member at a pointer, in the object that has it. A list of one
// may be written as its element, and a change of one element is one of all.
func edit(body any, tokens []string, change func(o value.Object, i int) value.Object) any {
	switch x := body.(type) {
	case []any:
		for i := range x {
			if tokens[0] == "0" && len(tokens) > 1 {
				x[i] = edit(x[i], tokens[1:], change)
			}
		}
		return x
	case value.Object:
		if tokens[0] == "0" && len(tokens) > 1 {
			if _, ok := x.Get("0"); !ok {
				return edit(x, tokens[1:], change)
			}
		}
		for i := range x {
			switch {
			case x[i].Name != tokens[0]:
			case len(tokens) == 1:
				return change(x, i)
			default:
				x[i].Value = edit(x[i].Value, tokens[1:], change)
			}
		}
	}
	return body
}

// ordered gives what was decoded the form that value.Put works on.
func ordered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		o := make(value.Object, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			o = append(o, value.Member{Name: k, Value: ordered(v[k])})
		}
		return o
	case []any:
		for i := range v {
			v[i] = ordered(v[i])
		}
	}
	return v
}

// editXML changes every element of an XML body; others stay as they are.
func editXML(a *answer, change func(*etree.Element)) {
	if !wire.IsXML(typeOf(a)) {
		return
	}
	doc := etree.NewDocument()
	if doc.ReadFromBytes(a.Body) != nil || doc.Root() == nil {
		return
	}
	var walk func(e *etree.Element)
	walk = func(e *etree.Element) {
		for _, c := range e.ChildElements() {
			walk(c)
		}
		change(e)
	}
	walk(doc.Root())
	var b bytes.Buffer
	if _, err := doc.WriteTo(&b); err == nil {
		a.Body = b.Bytes()
	}
}

func renameXML(e *etree.Element, name string) {
	if e.Tag == name {
		e.Tag = name + "Mutant"
	}
	for i := range e.Attr {
		if e.Attr[i].Key == name {
			e.Attr[i].Key = name + "Mutant"
		}
	}
}

func removeXML(e *etree.Element, name string) {
	e.RemoveAttr(name)
	for _, c := range e.SelectElements(name) {
		e.RemoveChild(c)
	}
}

func swapXML(e *etree.Element, name string, attr bool) {
	if attr {
		if a := e.RemoveAttr(name); a != nil {
			e.CreateElement(name).SetText(a.Value)
		}
		return
	}
	for _, c := range e.SelectElements(name) {
		if len(c.ChildElements()) == 0 {
			e.CreateAttr(name, c.Text())
			e.RemoveChild(c)
		}
	}
}

// negotiation makes the mutants of the media types of requests and answers.
func (m *maker) negotiation() {
	op, o := m.op, m.origin
	types := map[string]bool{}
	for _, r := range op.Responses {
		for _, x := range r.Media {
			types[x.Type] = true
		}
	}
	mine := func(r *http.Request) bool {
		x := o.operation(r.Method, r.URL)
		return x != nil && x.ID == op.ID
	}
	ask := func(kind, typ, says string) {
		shapes := make([]specs.Mark, 0, len(op.Answers))
		for _, a := range op.Answers {
			shapes = append(shapes, weight.At(a.Evidence, contentType(), typePart(a)))
		}
		r := m.rule(op.Pointer+"/responses", op.Line, weight.Strongest(shapes))
		if m.c.Media != nil {
			return // it has the last word, whatever Accept says
		}
		m.put(Mutant{Kind: kind, Says: says, request: func(r *http.Request) {
			if mine(r) && r.Header.Get("Accept") != "" {
				r.Header.Set("Accept", typ)
			}
		}}, op.ID, "", r, nil)
	}
	for _, typ := range slices.Sorted(maps.Keys(types)) {
		switch {
		case len(types) < 2:
		case wire.IsJSON(typ):
			ask("json-always", typ, op.ID+" answers JSON, whatever is asked for.")
		case wire.IsXML(typ):
			ask("xml-always", typ, op.ID+" answers XML, whatever is asked for.")
		}
	}
	if len(types) > 0 {
		m.put(Mutant{Kind: "accept-ignored", Says: op.ID + " answers as it can where nothing that it can answer is asked for.", request: func(r *http.Request) {
			if mine(r) && !acceptable(r.Header["Accept"], slices.Sorted(maps.Keys(types))) {
				r.Header.Del("Accept")
			}
		}}, op.ID, "", m.refusal(op, "request.accept").rule("refusal"), nil)
	}
	if len(op.Body) == 0 {
		return
	}
	for _, reason := range []string{"request.media.missing", "request.media.unsupported"} {
		missing := reason == "request.media.missing"
		m.put(Mutant{Kind: "media-unchecked", Says: fmt.Sprintf("%s takes a body for %s where that is refused as %s.", op.ID, op.Body[0].Type, reason), request: func(r *http.Request) {
			typ, _, _ := strings.Cut(strings.ToLower(r.Header.Get("Content-Type")), ";")
			typ = strings.TrimSpace(typ)
			if mine(r) && (typ == "") == missing && wire.MatchMedia(op.Body, typ) == nil {
				r.Header.Set("Content-Type", op.Body[0].Type)
			}
		}}, op.ID, reason, m.refusal(op, reason).rule("refusal"), nil)
	}
}

func acceptable(header, offers []string) bool {
	_, ok := wire.Accept(header, offers)
	return ok
}
