package mutant

import (
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/specs"
)

// This file finds out where something that a server remembers comes to light
// again: a fact of a session, a field of a record.

// callable are the operations that a session can call that was opened with some
// kinds of token, and the kinds that it can have then.
func (m *maker) callable(kinds []string, settings map[string]any) (ops []*specs.Operation, have map[string]bool) {
	have = map[string]bool{}
	for _, k := range kinds {
		have[k] = true
	}
	for more := true; more; {
		more = false
		for _, op := range m.c.Operations {
			if slices.Contains(ops, op) || !m.gate.may(op, op.Offered)(settings) || !m.takesOne(op, have, settings) {
				continue
			}
			ops, more = append(ops, op), true
			if len(op.Opens) > 0 {
				continue // what it issues is of the session that it opens
			}
			for _, i := range op.Issues {
				if m.gate.may(op, i.When)(settings) {
					have[i.Token.Name] = true
				}
			}
		}
	}
	return ops, have
}

func (m *maker) takesOne(op *specs.Operation, have map[string]bool, settings map[string]any) bool {
	found := false
	proofs(op, func(p *specs.Proof, _ bool) {
		if !m.gate.may(op, p.When)(settings) {
			return
		}
		for _, b := range binds(p) {
			found = found || slices.ContainsFunc(b.Alts, func(t *specs.Target) bool { return t.Kind == specs.FindToken && have[t.Token] })
		}
	})
	return found
}

// says are the weights of the places that say something: in answers and tokens.
func (m *maker) says(ops []*specs.Operation, kinds map[string]bool, is about) []specs.Mark {
	var out []specs.Mark
	for _, op := range ops {
		for _, a := range op.Answers {
			out = append(out, m.tells(op, a, is)...)
		}
	}
	for _, k := range m.c.Tokens {
		for _, f := range k.Forms {
			if kinds[k.Name] && f.JWT != nil && slices.ContainsFunc(f.JWT.Claims, func(c specs.NamedValue) bool { return m.speaks(nil, c.Value, is) }) {
				out = append(out, k.Evidence.Part("format"))
			}
		}
	}
	return out
}

// shows are the weights of the places where something shows: where it is said, in
// which answer is given, in who is refused, in what ends.
func (m *maker) shows(ops []*specs.Operation, kinds map[string]bool, is about) []specs.Mark {
	out := m.says(ops, kinds, is)
	for _, op := range ops {
		for _, n := range op.Needs {
			if m.looks(op, n.That, is, 0) {
				out = append(out, weight.Weakest([]specs.Mark{n.Evidence.Part("refusal"), weight.Strongest([]specs.Mark{weight.Works(op), m.due(op, nil, []string{n.Else})})}))
			}
		}
		for i, a := range op.Answers {
			if a.When != nil && m.looks(op, a.When, is, 0) {
				for _, b := range instead(op, i) {
					out = append(out, m.apart(op, a, b)...)
				}
			}
		}
		for _, e := range op.Ends {
			if m.looks(op, e.What, is, 0) {
				out = append(out, weight.Weakest([]specs.Mark{e.Evidence.Part("refusal"), m.death(e.What)}))
			}
		}
	}
	return out
}

// factShows are the weights of the places where a fact of a session shows that an
// operation opens. other: it is that of somebody else; else it is not there at all.
func (m *maker) factShows(op *specs.Operation, o *specs.Open, f specs.Fact, other bool, settings map[string]any) []specs.Mark {
	var issued []string
	for _, i := range op.Issues {
		if m.gate.may(op, i.When)(settings) {
			issued = append(issued, i.Token.Name)
		}
	}
	ops, kinds := m.callable(issued, settings)
	is := func(root string, path []string) bool {
		switch {
		case root == f.Name:
			return true
		case len(path) == 0:
			return false
		case root == "session" || root == "token" || root == o.As || m.c.Token(root) != nil:
			return path[0] == f.Name
		}
		return false
	}
	out := m.shows(ops, kinds, is)
	if other {
		// Which answer is given, and who is refused, is for another mostly the same.
		out = m.says(ops, kinds, is)
	}
	for _, x := range ops {
		if other {
			break
		}
		proofs(x, func(p *specs.Proof, _ bool) {
			if slices.Contains(p.Same, f.Name) {
				for _, b := range binds(p) {
					if isToken(b) {
						out = append(out, m.due(x, p, []string{"token.mismatch." + b.Alts[0].Token}, p.Evidence.Part("refusal")))
					}
				}
			}
			// What is logged in already is compared, and not looked up.
			for _, b := range binds(p) {
				if isRecord(b) && b.Alts[0].Role == f.Name {
					out = append(out, m.due(x, p, []string{"record.unknown." + f.Name}, p.Evidence.Part("refusal")))
				}
			}
		})
	}
	for _, k := range m.c.Tokens {
		if kinds[k.Name] && k.Limit != nil && k.Limit.Of == f.Name {
			out = append(out, k.Evidence.Part("limit"))
		}
	}
	// What a session remembers is seen by who has a token of it.
	var told []specs.Mark
	for _, kind := range issued {
		told = append(told, m.tellsToken(op, kind, settings)...)
	}
	for i := range out {
		out[i] = weight.Weakest([]specs.Mark{out[i], weight.Strongest(told)})
	}
	if !m.isBelow(op, o, settings) {
		return out
	}
	// Nobody has a token of a session below another one until it is resumed.
	var resumed []specs.Mark
	for _, x := range ops {
		if x.Resumes != nil {
			for _, a := range x.Answers {
				resumed = append(resumed, m.tells(x, a, func(root string, _ []string) bool { return root == "session" || m.c.Token(root) != nil })...)
			}
		}
	}
	for i := range out {
		out[i] = weight.Weakest([]specs.Mark{out[i], weight.Strongest(resumed)})
	}
	return out
}

// isBelow reports whether an operation opens another session over one: the tokens
// that it issues are of the last.
func (m *maker) isBelow(op *specs.Operation, o *specs.Open, settings map[string]any) bool {
	last := o
	for _, x := range op.Opens {
		if m.gate.may(op, x.When)(settings) {
			last = x
		}
	}
	return last != o
}

// sameAsNone reports whether a fact cannot be told from one that is not there: it
// is false, and all that anybody asks is whether it is true.
func (m *maker) sameAsNone(f specs.NamedValue) bool {
	if f.Value.Literal != false || len(f.Value.Refs()) > 0 {
		return false
	}
	all := strings.Join(m.expressions(), "\n")
	return strings.Count(all, "."+f.Name) == strings.Count(all, "."+f.Name+" == true")
}

// expressions are the sources of all conditions and values of the contract that
// may look at a session.
func (m *maker) expressions() []string {
	var out []string
	add := func(list ...*specs.Expr) {
		for _, e := range list {
			if e != nil {
				out = append(out, e.Src)
			}
		}
	}
	answer := func(binds []*specs.AnswerBind, x *specs.Example) {
		if x != nil {
			binds = slices.Concat(binds, x.Binds)
			for _, e := range x.Each {
				binds = slices.Concat(binds, e.Binds)
				add(e.In)
			}
		}
		for _, b := range binds {
			out = append(out, b.Value.Src)
		}
	}
	table := func(t specs.FailureTable) {
		for _, list := range t {
			for _, e := range list {
				add(e.When)
				answer(e.Binds, e.Example)
			}
		}
	}
	for _, l := range m.c.Lets {
		add(l.Expr)
	}
	table(m.c.Failures)
	for _, k := range m.c.Tokens {
		add(k.Lifetime, k.Idle, k.Forget)
		add(k.Caps...)
		table(k.Failures)
		for _, f := range k.Forms {
			add(f.When)
			if f.JWT != nil {
				for _, c := range slices.Concat(f.JWT.Claims, f.JWT.Header) {
					out = append(out, c.Value.Src)
				}
			}
		}
	}
	for _, k := range m.c.Records {
		for _, n := range k.Needs {
			add(n.That)
		}
	}
	for _, op := range m.c.Operations {
		add(op.Offered, op.Resumes)
		table(op.Failures)
		for _, l := range op.Lets {
			add(l.Expr)
		}
		for _, n := range op.Needs {
			add(n.That)
		}
		for _, e := range op.Ends {
			add(e.What, e.When)
		}
		for _, i := range op.Issues {
			add(i.When, i.Lifetime)
		}
		for _, s := range op.Sets {
			add(s.When)
			for _, v := range s.Values {
				out = append(out, v.Value.Src)
			}
		}
		for _, o := range op.Opens {
			add(o.When, o.Over)
			for _, v := range o.With {
				out = append(out, v.Value.Src)
			}
		}
		for _, a := range op.Answers {
			add(a.When)
			answer(a.Binds, a.Example)
		}
		proofs(op, func(p *specs.Proof, _ bool) { add(p.When) })
	}
	return out
}

// fieldShows are the weights of the places where a field of a kind of record
// shows.
func (m *maker) fieldShows(kind, field string, settings map[string]any) []specs.Mark {
	var out []specs.Mark
	k := m.c.Record(kind)
	if k == nil {
		return nil
	}
	secret := k.Fields[field].Secret
	for _, op := range m.c.Operations {
		if !m.gate.may(op, op.Offered)(settings) {
			continue
		}
		is := func(root string, path []string) bool {
			rest, ok := m.recordIn(op, kind, root, path)
			if ok && len(rest) == 0 {
				return !secret && m.answersWith(op, field)
			}
			return ok && rest[0] == field
		}
		out = append(out, m.shows([]*specs.Operation{op}, nil, is)...)
		proofs(op, func(p *specs.Proof, _ bool) {
			for _, b := range binds(p) {
				if slices.ContainsFunc(b.Alts, func(t *specs.Target) bool { return t.Kind == specs.FindRecord && t.Record == kind && t.Field == field }) {
					out = append(out, weight.Weakest([]specs.Mark{p.Evidence.Part("refusal"), weight.Works(op)}))
				}
			}
		})
	}
	for _, t := range m.c.Tokens {
		for _, f := range t.Forms {
			if f.JWT != nil && slices.ContainsFunc(f.JWT.Claims, func(c specs.NamedValue) bool {
				return m.speaks(nil, c.Value, func(root string, path []string) bool {
					rest, ok := m.recordIn(nil, kind, root, path)
					return ok && len(rest) > 0 && rest[0] == field
				})
			}) {
				out = append(out, t.Evidence.Part("format"))
			}
		}
	}
	return out
}

// recordIn is what a name says of a record of a kind: the path below it. It
// reports false if it speaks of something else.
func (m *maker) recordIn(op *specs.Operation, kind, root string, path []string) (rest []string, ok bool) {
	if op != nil && op.Roles[root] == kind {
		return path, true
	}
	if f, ok := m.c.Session.Fact(root); ok && f.Record == kind {
		return path, true
	}
	if len(path) > 0 && (root == "session" || root == "token" || m.c.Token(root) != nil) {
		if f, ok := m.c.Session.Fact(path[0]); ok && f.Record == kind {
			return path[1:], true
		}
	}
	return nil, false
}

// answersWith reports whether the schemas of an operation's answers have a member of
// this name, into which a whole record would be written.
func (m *maker) answersWith(op *specs.Operation, field string) bool {
	return slices.ContainsFunc(op.Answers, func(a *specs.Answer) bool {
		n := m.schemaOf(op, a)
		return n == nil || has(n, field, 0)
	})
}

func has(n *schema.Node, member string, depth int) bool {
	if n == nil || depth > 6 {
		return false
	}
	if n.Property(member) != nil || has(n.Items(), member, depth+1) {
		return true
	}
	return slices.ContainsFunc(n.Properties(), func(p schema.Property) bool { return has(p.Schema, member, depth+1) })
}
