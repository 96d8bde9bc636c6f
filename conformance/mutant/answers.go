package mutant

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// exists makes the mutant without the operation.
func (m *maker) exists() {
	c, op := m.c, m.op
	r := m.rule(op.Pointer, op.Line, weight.Works(op))
	m.add("operation-lost", op.ID, "", fmt.Sprintf("%s %s is not there.", op.Method, op.Path), r,
		func() *specs.Contract { return c.WithoutOperation(op.ID) })
	if op.Offered == nil {
		return
	}
	// The gate of put wants it offered; this one wants the opposite.
	m.op = nil
	always := *op
	always.Offered = nil
	m.add("offered-always", op.ID, "", fmt.Sprintf("%s is there, although %s does not hold.", op.ID, op.Offered.Src), m.rule(op.Offered.Pointer, op.Offered.Line),
		func() *specs.Contract { return c.WithOperation(&always) }, m.gate.mayNot(op, op.Offered)).Operation = op.ID
	m.op = op
}

// answers makes the mutants of the documented successes.
func (m *maker) answers() {
	op := m.op
	if op.Resumes != nil {
		marks := make([]specs.Mark, 0, len(op.Answers))
		for _, a := range op.Answers {
			marks = append(marks, a.Evidence.Part("values"))
		}
		m.add("resumes-lost", op.ID, "", op.ID+" goes on speaking for the session that it ended.", m.rule(op.Resumes.Pointer, op.Resumes.Line, weight.Works(op), weight.Strongest(marks)),
			m.with(func(o *specs.Operation) { o.Resumes = nil }))
	}
	for i, a := range op.Answers {
		when := m.reached(i)
		r := func(at specs.Location, parts ...string) rule {
			marks := make([]specs.Mark, 0, len(parts))
			for _, p := range parts {
				marks = append(marks, weight.At(a.Evidence, at, p))
			}
			return m.rule(a.Pointer, a.Line, weight.Strongest(marks))
		}
		if len(op.Answers) > 1 && !m.hasTwin(a) && !isNothing(a) {
			lost := m.rule(a.Pointer, a.Line)
			lost.under = func(map[string]any) []specs.Mark {
				var out []specs.Mark
				for _, b := range instead(op, i) {
					out = append(out, m.apart(op, a, b)...)
				}
				return out
			}
			m.add("answer-lost", op.ID, outcomeOf(a), fmt.Sprintf("%s never answers %s.", op.ID, outcomeOf(a)), lost,
				m.with(func(o *specs.Operation) { o.Answers = without(op.Answers, i) }), when...)
		}
		if a.Example == nil && a.Sample == nil && len(a.Binds) == 0 {
			continue
		}
		m.members(members{
			kind: "member", subject: op.ID, detail: outcomeOf(a), who: op.ID, example: a.Example, binds: a.Binds, node: m.schemaOf(op, a), rule: r, when: when,
			put: func(x *specs.Example, binds []*specs.AnswerBind) func() *specs.Contract {
				changed := *a
				changed.Example, changed.Binds = x, binds
				return m.with(func(o *specs.Operation) { o.Answers = replaced(op.Answers, i, &changed) })
			},
		})
	}
}

// isNothing reports whether an answer is what is answered where there is none.
func isNothing(a *specs.Answer) bool {
	n, ok := number(a.Status)
	return ok && n == 204 && a.Example == nil && len(a.Binds) == 0
}

// hasTwin reports whether another answer of the operation has everything that is
// demanded of this one: its live members, and what the schema requires. More
// does not hurt.
func (m *maker) hasTwin(a *specs.Answer) bool {
	return slices.ContainsFunc(m.op.Answers, func(b *specs.Answer) bool {
		return a != b && len(a.Binds) == 0 && len(b.Binds) == 0 && covers(b.Example, a.Example, m.schemaOf(m.op, a)) && a.Status.Src == b.Status.Src
	})
}

// covers reports whether an example has all that is demanded of another.
func covers(x, of *specs.Example, n *schema.Node) bool {
	if x == nil || of == nil {
		return x == of
	}
	for _, b := range of.Binds {
		if !slices.ContainsFunc(x.Binds, func(y *specs.AnswerBind) bool { return y.At.Src == b.At.Src && y.Value.Src == b.Value.Src }) {
			return false
		}
	}
	for _, tokens := range required(of.Value, n, nil, 0) {
		if _, ok := value.Lookup(x.Value, tokens); !ok {
			return false
		}
	}
	return len(x.Each) == len(of.Each)
}

// reached are the conditions under which the answer i is the first that holds.
func (m *maker) reached(i int) []condition {
	when := []condition{m.gate.may(m.op, m.op.Answers[i].When)}
	for _, earlier := range m.op.Answers[:i] {
		when = append(when, m.gate.mayNot(m.op, earlier.When))
	}
	return when
}

// schemaOf is the schema of an answer's body, or nil. A status that only a
// setting knows is looked up as any other success.
func (m *maker) schemaOf(op *specs.Operation, a *specs.Answer) *schema.Node {
	var r *specs.Response
	if n, ok := number(a.Status); ok {
		r = op.Response(n)
	} else {
		for _, x := range op.Responses {
			if x.Code[0] == '2' && len(x.Media) > 0 {
				r = x
				break
			}
		}
	}
	if r == nil || len(r.Media) == 0 {
		return nil
	}
	return r.Media[0].Schema
}

func number(v *specs.Value) (int, bool) {
	if v == nil {
		return 0, false
	}
	x, err := v.Eval(emptyScope{})
	t, ok := value.Text(x)
	if err != nil || !ok {
		return 0, false
	}
	n, err := json.Number(t).Int64()
	return int(n), err == nil && n >= 100 && n <= 599
}

// emptyScope is a scope in which there is nothing.
type emptyScope struct{}

func (emptyScope) Root(string) any            { return nil }
func (emptyScope) Member(any, string) any     { return nil }
func (emptyScope) Request(specs.Location) any { return nil }

// members is an answer whose parts are broken one by one.
type members struct {
	kind, subject, detail, who string
	example                    *specs.Example
	binds                      []*specs.AnswerBind
	node                       *schema.Node
	rule                       func(at specs.Location, parts ...string) rule // of the best of some parts
	when                       []condition
	put                        func(*specs.Example, []*specs.AnswerBind) func() *specs.Contract
}

func (m *maker) members(a members) {
	done := map[string]bool{}
	all := slices.Clone(a.binds)
	if a.example != nil {
		all = append(all, a.example.Binds...)
	}
	for _, b := range all {
		if done[b.At.Src] {
			continue
		}
		done[b.At.Src] = true
		m.bound(a, b, all)
	}
	if a.example == nil {
		return
	}
	for i, e := range a.example.Each {
		where := value.Pointer(e.At.Tokens...)
		for _, what := range []string{"emptied", "cut"} {
			x := *a.example
			each := *e
			each.In = expression("[]")
			if what == "cut" {
				each.In = expression("take(" + e.In.Src + ", 1)")
			}
			x.Each = replaced(a.example.Each, i, &each)
			m.add("list-"+what, a.subject, a.detail+where, fmt.Sprintf("The list %s in %s of %s is %s.", where, a.detail, a.who, what), a.rule(e.At, "values"), a.put(&x, a.binds), a.when...)
		}
		for j, b := range e.Binds {
			at := pointerAt(slices.Concat(e.At.Tokens, []string{"0"}, b.At.Tokens))
			if b.Value.Must || len(b.At.Tokens) == 0 {
				continue
			}
			done[at.Src] = true
			x := drop(a.example, at.Tokens)
			each := *e
			each.Binds = without(e.Binds, j)
			x.Each = replaced(x.Each, i, &each)
			m.add(a.kind+"-dropped", a.subject, a.detail+at.Src, fmt.Sprintf("The elements of %s in %s of %s have no %s.", where, a.detail, a.who, b.At.Src), a.rule(at, "values", "shape"), a.put(x, a.binds), a.when...)
			wrong := *e
			wrong.Binds = replaced(e.Binds, j, &specs.AnswerBind{At: b.At, Value: m.other(b.Value, lookup(a.example, at.Tokens))})
			y := *a.example
			y.Each = replaced(a.example.Each, i, &wrong)
			r := a.rule(at, "values")
			r.marks = append(r.marks, m.telling(b.Value)...)
			m.add(a.kind+"-wrong", a.subject, a.detail+at.Src, fmt.Sprintf("%s in the elements of %s in %s of %s is that of nobody.", b.At.Src, where, a.detail, a.who), r, a.put(&y, a.binds), a.when...)
		}
	}
	for _, tokens := range required(a.example.Value, a.node, nil, 0) {
		at := pointerAt(tokens)
		if done[at.Src] || under(all, a.example, tokens) {
			continue
		}
		m.add(a.kind+"-dropped", a.subject, a.detail+at.Src, fmt.Sprintf("%s of %s has no %s, which its schema requires.", a.detail, a.who, at.Src), a.rule(at, "shape"),
			a.put(drop(a.example, tokens), dropBinds(a.binds, tokens)), a.when...)
	}
}

// bound makes the mutants of one binding of an answer.
func (m *maker) bound(a members, b *specs.AnswerBind, all []*specs.AnswerBind) {
	detail := a.detail + b.At.Src
	if b.At.In != specs.InBody {
		m.boundHead(a, b)
		return
	}
	if b.Value.Must {
		m.add(a.kind+"-present", a.subject, detail, fmt.Sprintf("%s of %s has %s, which must not be there.", a.detail, a.who, b.At.Src), a.rule(b.At, "values"),
			m.rebind(a, b, m.other(b.Value, "x")), a.when...)
		return
	}
	var was any
	if a.example != nil {
		was = lookup(a.example, b.At.Tokens)
	}
	if len(b.At.Tokens) > 0 {
		gone := a.rule(b.At, "values", "shape")
		if m.neverThere(b.Value) && (under(without(all, slices.Index(all, b)), nil, b.At.Tokens) || !m.nullable(a.node, b.At.Tokens)) {
			gone.asleep = "it speaks of a token of a record that was just made, which has none"
		}
		m.add(a.kind+"-dropped", a.subject, detail, fmt.Sprintf("%s of %s has no %s.", a.detail, a.who, b.At.Src), gone,
			a.put(drop(a.example, b.At.Tokens), dropBinds(a.binds, b.At.Tokens)), append(slices.Clone(a.when), m.mayHave(b.Value))...)
	}
	if len(b.Value.Refs()) == 0 {
		return
	}
	if _, compound := was.(value.Object); compound {
		return // its members are those of a record; which of them to break is not known here
	}
	r := a.rule(b.At, "values")
	r.marks = append(r.marks, m.telling(b.Value)...)
	m.add(a.kind+"-wrong", a.subject, detail, fmt.Sprintf("%s in %s of %s has a value that belongs to nobody.", b.At.Src, a.detail, a.who), r,
		m.rebind(a, b, m.other(b.Value, was)), append(slices.Clone(a.when), m.mayHave(b.Value))...)
}

// neverThere reports whether a value speaks of a token of a record that the
// operation itself makes: it has none yet.
func (m *maker) neverThere(v *specs.Value) bool {
	if m.op == nil {
		return false
	}
	return slices.ContainsFunc(v.Refs(), func(r *specs.Ref) bool {
		return len(r.Path) > 0 && m.c.Token(r.Path[0]) != nil && slices.ContainsFunc(m.op.Creates, func(c *specs.Create) bool { return c.As == r.Root })
	})
}

// nullable reports whether the member at a pointer may be null.
func (m *maker) nullable(n *schema.Node, tokens []string) bool {
	for _, t := range tokens {
		if n == nil {
			return false
		}
		if p := n.Property(t); p != nil {
			n = p
		} else {
			n = n.Items()
		}
	}
	return n != nil && n.Nullable()
}

// telling are the further links by which somebody who asks from outside can tell
// that a value is wrong. A token is tried; an id that the server makes up is
// believed.
func (m *maker) telling(v *specs.Value) []specs.Mark {
	var out []specs.Mark
	for _, r := range v.Refs() {
		kind := m.c.Token(r.Root) != nil
		switch {
		case kind && len(r.Path) == 0:
			out = append(out, m.protected(r.Root))
		case len(r.Path) > 0 && r.Path[len(r.Path)-1] == "id" && (kind || r.Root == "session" || r.Root == "token"):
			out = append(out, specs.Mark{Level: specs.Inferred, Reason: "the server makes the id up, and nobody else knows it"})
		}
	}
	return out
}

// mayHave is the condition that what a value speaks of may be there.
func (m *maker) mayHave(v *specs.Value) condition {
	op := m.op
	return func(settings map[string]any) bool { return m.hasValue(v, settings) && m.given(op, v, settings) }
}

// boundHead makes the mutants of a bound header or cookie.
func (m *maker) boundHead(a members, b *specs.AnswerBind) {
	detail := a.detail + "/" + b.At.Name
	what, part := "header", "headers"
	if b.At.In == specs.InCookie {
		what = "cookie"
	}
	if strings.EqualFold(b.At.Name, "Content-Type") && b.At.In == specs.InHeader {
		return // how it is spelled is all that is bound, and names of headers have no case
	}
	r := a.rule(b.At, part)
	a.when = append(slices.Clone(a.when), m.mayHave(b.Value))
	gone := a.put(dropHead(a.example, b.At), dropBindsAt(a.binds, b.At))
	if b.Value.Must {
		m.add("cookie-not-cleared", a.subject, detail, fmt.Sprintf("%s of %s leaves the cookie %s as it is.", a.detail, a.who, b.At.Name), r, gone, a.when...)
		return
	}
	m.add(what+"-not-set", a.subject, detail, fmt.Sprintf("%s of %s does not have the %s %s.", a.detail, a.who, what, b.At.Name), r, gone, a.when...)
	wrong := r
	wrong.marks = append(slices.Clone(r.marks), m.telling(b.Value)...)
	m.add(what+"-wrong", a.subject, detail, fmt.Sprintf("The %s %s in %s of %s has another value.", what, b.At.Name, a.detail, a.who), wrong, m.rebind(a, b, literal("0a1b2c3d4e5f")), a.when...)
	if what == "header" {
		return
	}
	m.add("cookie-emptied", a.subject, detail, fmt.Sprintf("%s of %s clears the cookie %s.", a.detail, a.who, b.At.Name), r, m.rebind(a, b, &specs.Value{Must: true}), a.when...)
}

// rebind gives a binding another value, in the example or beside it.
func (m *maker) rebind(a members, b *specs.AnswerBind, v *specs.Value) func() *specs.Contract {
	changed := &specs.AnswerBind{At: b.At, Value: v}
	if i := slices.Index(a.binds, b); i >= 0 {
		return a.put(a.example, replaced(a.binds, i, changed))
	}
	x := *a.example
	x.Binds = replaced(a.example.Binds, slices.Index(a.example.Binds, b), changed)
	return a.put(&x, a.binds)
}

// other is a value of the same type that nothing in the world has.
func (m *maker) other(v *specs.Value, was any) *specs.Value {
	for _, r := range v.Refs() {
		for _, c := range r.Codecs {
			switch c.Name {
			case "unix", "unixms", "seconds":
				return literal(json.Number("77"))
			case "iso8601":
				return literal("2001-02-03T04:05:06.007+00:00")
			case "date-time":
				return literal("2001-02-03T04:05:06Z")
			case "local":
				return literal("2001-02-03T04:05:06")
			case "basic-date":
				return literal("20010203T040506")
			}
		}
	}
	switch was := was.(type) {
	case json.Number:
		return literal(json.Number("77"))
	case bool:
		return literal(!was)
	case []any:
		return literal([]any{})
	}
	return literal("mutant")
}

func lookup(x *specs.Example, tokens []string) any {
	if x == nil {
		return nil
	}
	v, _ := value.Lookup(x.Value, tokens)
	return v
}

// drop returns an example without a member and its bindings.
func drop(x *specs.Example, tokens []string) *specs.Example {
	if x == nil {
		return nil
	}
	out := *x
	out.Value = value.Remove(value.Clone(x.Value), tokens)
	out.Binds = dropBinds(x.Binds, tokens)
	out.Each = slices.DeleteFunc(slices.Clone(x.Each), func(e *specs.ExampleEach) bool { return below(e.At, tokens) })
	return &out
}

// dropBinds leaves the bindings of a member and of what is below it out.
func dropBinds(binds []*specs.AnswerBind, tokens []string) []*specs.AnswerBind {
	return slices.DeleteFunc(slices.Clone(binds), func(b *specs.AnswerBind) bool { return below(b.At, tokens) })
}

func below(at specs.Location, tokens []string) bool {
	return at.In == specs.InBody && len(at.Tokens) >= len(tokens) && slices.Equal(at.Tokens[:len(tokens)], tokens)
}

// under reports whether a binding of an answer makes a member: one of its own, or
// of what it is in.
func under(binds []*specs.AnswerBind, x *specs.Example, tokens []string) bool {
	above := func(at []string) bool { return len(at) <= len(tokens) && slices.Equal(at, tokens[:len(at)]) }
	for _, b := range binds {
		if b.At.In == specs.InBody && above(b.At.Tokens) {
			return true
		}
	}
	if x == nil {
		return false
	}
	for _, e := range x.Each {
		for _, b := range e.Binds {
			if above(slices.Concat(e.At.Tokens, []string{"0"}, b.At.Tokens)) {
				return true
			}
		}
	}
	return false
}

func dropHead(x *specs.Example, at specs.Location) *specs.Example {
	if x == nil {
		return nil
	}
	out := *x
	out.Binds = dropBindsAt(x.Binds, at)
	return &out
}

func dropBindsAt(binds []*specs.AnswerBind, at specs.Location) []*specs.AnswerBind {
	return slices.DeleteFunc(slices.Clone(binds), func(b *specs.AnswerBind) bool { return b.At.In == at.In && b.At.Name == at.Name })
}

// required returns the pointers of the members that an example has and its
// schema requires.
func required(x any, n *schema.Node, at []string, depth int) [][]string {
	var out [][]string
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
			if slices.Contains(n.Required, p.Name) {
				out = append(out, here)
			}
			out = append(out, required(v, p.Schema, here, depth+1)...)
		}
	case []any:
		if len(x) > 0 {
			out = append(out, required(x[0], n.Items(), slices.Concat(at, []string{"0"}), depth+1)...)
		}
	}
	return out
}
