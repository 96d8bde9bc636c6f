package mutant

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// needs makes the mutants of the conditions of an operation.
func (m *maker) needs() {
	op := m.op
	for i, n := range op.Needs {
		refused := m.refusal(op, n.Else)
		r := refused.unless(nil, n.Evidence.Part("refusal"))
		if !r.none && !m.onlyThis(op, i) {
			// Who is refused for it is refused for something else, too: only how differs.
			r = refused.rule("refusal", n.Evidence.Part("refusal"), weight.Strongest([]specs.Mark{
				weight.Strongest(refused.rule("status").marks), weight.Strongest(refused.rule("values").marks),
			}))
		}
		r.pointer, r.line = n.That.Pointer, n.That.Line
		m.add("need-unchecked", op.ID, n.Else, fmt.Sprintf("%s does not look whether %s.", op.ID, n.That.Src), r,
			m.with(func(o *specs.Operation) { o.Needs = without(op.Needs, i) }), m.gate.mayNot(op, n.That))
		refuse := *n
		refuse.That = &specs.Expr{Src: "false", Pointer: n.That.Pointer, Line: n.That.Line}
		m.add("need-refuses", op.ID, n.Else, fmt.Sprintf("%s refuses everybody as %s.", op.ID, n.Else), m.rule(n.That.Pointer, n.That.Line, weight.Works(op)),
			m.with(func(o *specs.Operation) { o.Needs = replaced(op.Needs, i, &refuse) }), m.gate.may(op, n.That))
	}
}

// onlyThis reports whether there may be somebody for whom of all conditions only
// this one does not hold. It looks at the records of the demo world, as far as
// conditions are about one record alone.
func (m *maker) onlyThis(op *specs.Operation, i int) bool {
	role := soleRole(op.Needs[i].That)
	kind, ok := op.Roles[role]
	if !ok || kind == "session" {
		return true
	}
	found := false
	for _, r := range m.world.Records {
		if r.Kind != kind {
			continue
		}
		s := &recordScope{role: role, record: r.Value}
		this, err := op.Needs[i].That.Eval(s)
		fits := err != nil || this != true
		for j, n := range op.Needs {
			if j != i && soleRole(n.That) == role {
				v, err := n.That.Eval(s)
				fits = fits && (err != nil || v == true)
			}
		}
		found = found || fits
	}
	return found
}

// soleRole is the one name that an expression speaks of, or "".
func soleRole(e *specs.Expr) string {
	names, err := e.Names()
	if err != nil || len(names) != 1 {
		return ""
	}
	for name := range names {
		return name
	}
	return ""
}

// effects makes the mutants of what an operation does.
func (m *maker) effects() {
	op := m.op
	for i, e := range op.Ends {
		when := m.gate.may(op, e.When)
		m.add("effect-lost", op.ID, e.What.Src, fmt.Sprintf("%s does not end %s.", op.ID, e.What.Src), m.rule(e.What.Pointer, e.What.Line, e.Evidence.Part("refusal"), m.death(e.What)),
			m.with(func(o *specs.Operation) { o.Ends = without(op.Ends, i) }), when)
		if e.When != nil {
			m.add("effect-always", op.ID, e.What.Src, fmt.Sprintf("%s ends %s although %s does not hold.", op.ID, e.What.Src, e.When.Src), m.rule(e.What.Pointer, e.What.Line, e.Evidence.Part("refusal"), m.spared(op, e.What)),
				m.with(func(o *specs.Operation) {
					x := *e
					x.When = nil
					o.Ends = replaced(op.Ends, i, &x)
				}), m.gate.mayNot(op, e.When))
		}
	}
	for _, e := range op.Keeps {
		m.add("keeps-ended", op.ID, e.What.Src, fmt.Sprintf("%s ends %s, which must live on.", op.ID, e.What.Src), m.rule(e.What.Pointer, e.What.Line, e.Evidence.Part("refusal"), m.protected("")),
			m.with(func(o *specs.Operation) { o.Ends = append(slices.Clone(op.Ends), e) }), m.gate.may(op, e.When))
	}
	for i, x := range op.Issues {
		m.issue(i, x)
	}
	for i, o := range op.Opens {
		m.open(i, o)
	}
	for i, s := range op.Sets {
		m.set(i, s)
	}
	for i, x := range op.Creates {
		r := m.rule(op.Pointer+"/x-session/creates", 0, x.Evidence.Part("values"))
		all := r
		all.under = func(settings map[string]any) []specs.Mark {
			var out []specs.Mark
			for _, v := range x.Values {
				out = append(out, m.fieldShows(x.Record.Name, v.Name, settings)...)
			}
			return append(out, m.fieldShows(x.Record.Name, x.Record.Key, settings)...)
		}
		m.add("create-lost", op.ID, x.Record.Name, fmt.Sprintf("%s makes no %s.", op.ID, x.Record.Name), all, m.with(func(o *specs.Operation) { o.Creates = without(op.Creates, i) }), m.gate.may(op, x.When))
		for j, v := range x.Values {
			r := r
			r.under = func(settings map[string]any) []specs.Mark { return m.fieldShows(x.Record.Name, v.Name, settings) }
			m.add("create-partly", op.ID, x.Record.Name+"/"+v.Name, fmt.Sprintf("%s makes a %s without its %s.", op.ID, x.Record.Name, v.Name), r, m.with(func(o *specs.Operation) {
				c := *x
				c.Values = without(x.Values, j)
				o.Creates = replaced(op.Creates, i, &c)
			}), m.gate.may(op, x.When))
		}
	}
}

func (m *maker) issue(i int, x *specs.Issue) {
	op, kind := m.op, x.Token.Name
	when := m.gate.may(op, x.When)
	r := m.rule(op.Pointer+"/x-session/issues", 0, weight.Works(op))
	told := m.rule(r.pointer, 0)
	told.under = func(settings map[string]any) []specs.Mark { return m.tellsToken(op, kind, settings) }
	onlyThen := m.rule(r.pointer, 0)
	onlyThen.under = func(settings map[string]any) []specs.Mark { return m.onlyThen(op, kind, settings) }
	m.add("issue-lost", op.ID, kind, fmt.Sprintf("%s issues no token %s.", op.ID, kind), told, m.with(func(o *specs.Operation) { o.Issues = without(op.Issues, i) }), when)
	if x.When != nil {
		m.add("issue-always", op.ID, kind, fmt.Sprintf("%s issues a token %s although %s does not hold.", op.ID, kind, x.When.Src), onlyThen, m.with(func(o *specs.Operation) {
			c := *x
			c.When = nil
			o.Issues = replaced(op.Issues, i, &c)
		}), m.gate.mayNot(op, x.When))
	}
	if x.Lifetime != nil {
		m.add("wish-ignored", op.ID, kind, fmt.Sprintf("The token %s of %s lives as long as any, whatever is asked for.", kind, op.ID), m.rule(x.Lifetime.Pointer, x.Lifetime.Line, x.Token.Evidence.Part("lifetime"), m.lifeShows(x.Token, []*specs.Operation{op})),
			m.with(func(o *specs.Operation) {
				c := *x
				c.Lifetime = nil
				o.Issues = replaced(op.Issues, i, &c)
			}), when)
	}
	// The kind of token is a copy, by which the tokens of this operation are known
	// at the next request.
	marked := *x.Token
	alive := m.rule(r.pointer, 0, m.told(op, kind), m.protected(kind))
	m.put(Mutant{Kind: "dead-at-once", Says: fmt.Sprintf("The token %s that %s gives is dead from the beginning.", kind, op.ID), twist: func(mm *session.Machine, o *specs.Operation, req *session.Request, at session.Moment) *session.Decision {
		t := &turn{mm, o, req, at}
		for _, s := range t.sessions() {
			for _, text := range s.Tokens {
				if tok := at.Tx.Token(text); tok != nil && tok.Kind == &marked && tok.State == session.Live {
					c := *tok
					c.State = session.Revoked
					at.Tx.PutToken(&c)
				}
			}
		}
		d := mm.Decide(o, req, at)
		if d.Failure == nil && o.ID == op.ID {
			for _, y := range d.Issue {
				if y.Kind.Name == kind {
					y.Kind = &marked
				}
			}
		}
		return d
	}}, op.ID, kind, alive, []condition{when})
	if !m.takes(kind) {
		return
	}
	m.put(Mutant{Kind: "issue-repeated", Says: fmt.Sprintf("%s gives the token %s that it gave before, as long as that lives.", op.ID, kind), twist: changed(op, func(t *turn, d *session.Decision) *session.Decision {
		if d.Failure != nil || len(d.Opens) > 0 {
			return d
		}
		for _, p := range t.presented() {
			if p.Kind.Name == kind && t.m.Deadness(p, t.at) == "" {
				d.Issue = slices.DeleteFunc(d.Issue, func(y *session.Issued) bool { return y.Kind.Name == kind })
				d.Consume = slices.DeleteFunc(d.Consume, func(y *session.Token) bool { return y == p })
			}
		}
		return d
	})}, op.ID, kind, m.repeated(x), []condition{when, m.issuesBeside(x)})
}

// issuesBeside is the condition that an operation may issue a token to somebody
// who sends one of that kind.
func (m *maker) issuesBeside(x *specs.Issue) condition {
	op := m.op
	var places []string
	proofs(op, func(p *specs.Proof, _ bool) {
		for _, b := range binds(p) {
			if slices.ContainsFunc(b.Alts, func(t *specs.Target) bool { return t.Token == x.Token.Name }) {
				places = append(places, strings.TrimPrefix(b.At.Src, "$"))
			}
		}
	})
	return func(settings map[string]any) bool {
		return slices.ContainsFunc(places, func(place string) bool {
			may := false
			m.gate.where([]string{place}, func() { may = m.gate.may(op, x.When)(settings) })
			return may
		})
	}
}

// onlyThen is what it rests on that a token is not issued otherwise. A member of
// a body says that it is not there; a cookie more harms nobody.
func (m *maker) onlyThen(op *specs.Operation, kind string, settings map[string]any) []specs.Mark {
	var marks []specs.Mark
	for _, a := range op.Answers {
		if !m.gate.may(op, a.When)(settings) {
			continue
		}
		for _, b := range bindsOf(a) {
			switch {
			case !m.speaks(op, b.Value, textOf(kind)):
			case b.At.In == specs.InBody:
				marks = append(marks, weight.At(a.Evidence, b.At, "values"))
			default:
				marks = append(marks, weight.Unsaid("a cookie more is not forbidden anywhere"))
			}
		}
	}
	return marks
}

// lifeShows is what it rests on that another end of a token is noticed: it is
// told, or comes too late, or too early.
func (m *maker) lifeShows(k *specs.TokenKind, issuers []*specs.Operation) specs.Mark {
	return weight.Strongest([]specs.Mark{m.endTold(k, issuers), m.bestRefusal("token.expired." + k.Name), m.protected(k.Name)})
}

// repeated is the rule that an operation does not give the token back that it was
// sent: because that one is used up, replaced or ended by it.
func (m *maker) repeated(x *specs.Issue) rule {
	op, k := m.op, x.Token
	marks := []specs.Mark{weight.Unsaid("no source says that it is another one")}
	if k.Once {
		marks = append(marks, weight.Weakest([]specs.Mark{k.Evidence.Part("use"), m.bestRefusal("token.consumed." + k.Name)}))
	}
	if k.Limit != nil && k.Limit.Replace {
		marks = append(marks, weight.Weakest([]specs.Mark{k.Evidence.Part("limit"), m.bestRefusal("token.replaced." + k.Name)}))
	}
	for _, e := range op.Ends {
		if slices.Contains(m.kindsIn(e.What), k.Name) {
			marks = append(marks, weight.Weakest([]specs.Mark{e.Evidence.Part("refusal"), m.bestRefusal("token.revoked." + k.Name)}))
		}
	}
	return m.rule(op.Pointer+"/x-session/issues", 0, weight.Works(op), weight.Strongest(marks))
}

// takes reports whether the operation takes a token of that kind itself.
func (m *maker) takes(kind string) bool {
	found := false
	proofs(m.op, func(p *specs.Proof, _ bool) {
		for _, b := range binds(p) {
			for _, alt := range b.Alts {
				found = found || alt.Kind == specs.FindToken && alt.Token == kind
			}
		}
	})
	return found
}

func (m *maker) open(i int, o *specs.Open) {
	op := m.op
	when := m.gate.may(op, o.When)
	r := m.rule(op.Pointer+"/x-session/opens", 0, weight.Works(op), m.protected(""))
	if o.Over != nil {
		m.add("over-lost", op.ID, o.Over.Src, op.ID+" forgets the session below the one that it opens.", r, m.with(func(x *specs.Operation) {
			c := *o
			c.Over = nil
			x.Opens = replaced(op.Opens, i, &c)
		}), when)
	}
	for j, f := range o.With {
		fact, _ := m.c.Session.Fact(f.Name)
		shown := func(other bool) rule {
			r := m.rule(r.pointer, 0)
			r.under = func(settings map[string]any) []specs.Mark {
				if !m.given(op, f.Value, settings) {
					return nil
				}
				return m.factShows(op, o, fact, other, settings)
			}
			return r
		}
		r := shown(false)
		if m.sameAsNone(f) {
			r.asleep = "it is false, and whoever looks asks only whether it is true"
		}
		m.add("fact-lost", op.ID, f.Name, fmt.Sprintf("The session that %s opens does not remember %s.", op.ID, f.Name), r, m.with(func(x *specs.Operation) {
			c := *o
			c.With = without(o.With, j)
			x.Opens = replaced(op.Opens, i, &c)
		}), when)
		if fact.Record == "" || !m.several(fact.Record) {
			continue
		}
		m.put(Mutant{Kind: "session-of-another", Says: fmt.Sprintf("%s opens a session for another %s than the one that logged in.", op.ID, fact.Record), twist: changed(op, func(t *turn, d *session.Decision) *session.Decision {
			if d.Failure != nil || i >= len(d.Opens) {
				return d
			}
			s := d.Opens[i].Session
			was, ok := s.Facts[f.Name].(string)
			if !ok {
				return d
			}
			for _, other := range t.at.Tx.Records(fact.Record) {
				if other.Key != was {
					facts := maps.Clone(s.Facts)
					facts[f.Name] = other.Key
					s.Facts = facts
					break
				}
			}
			return d
		})}, op.ID, f.Name, shown(true), []condition{when})
	}
}

// several reports whether the demo world has two records of a kind.
func (m *maker) several(kind string) bool {
	n := 0
	for _, r := range m.world.Records {
		if r.Kind == kind {
			n++
		}
	}
	return n > 1
}

func (m *maker) set(i int, s *specs.Set) {
	op := m.op
	when := m.gate.may(op, s.When)
	r := m.rule(op.Pointer+"/x-session/sets", 0, s.Evidence.Part("values"))
	all := r
	all.under = func(settings map[string]any) []specs.Mark {
		var out []specs.Mark
		for _, v := range s.Values {
			out = append(out, m.setShows(s, v.Name, settings)...)
		}
		if s.All != nil {
			if k := m.c.Record(m.setKind(s)); k != nil {
				for _, name := range k.Order {
					out = append(out, m.setShows(s, name, settings)...)
				}
			}
		}
		return out
	}
	m.add("set-lost", op.ID, s.To, fmt.Sprintf("%s does not change the %s.", op.ID, s.To), all, m.with(func(o *specs.Operation) { o.Sets = without(op.Sets, i) }), when)
	for j, v := range s.Values {
		if len(s.Values)+btoi(s.All != nil) < 2 {
			break
		}
		r := r
		r.under = func(settings map[string]any) []specs.Mark { return m.setShows(s, v.Name, settings) }
		m.add("set-partly", op.ID, s.To+"/"+v.Name, fmt.Sprintf("%s does not change %s of the %s.", op.ID, v.Name, s.To), r, m.with(func(o *specs.Operation) {
			c := *s
			c.Values = without(s.Values, j)
			o.Sets = replaced(op.Sets, i, &c)
		}), when)
	}
}

// setKind is the kind of record that is changed, or "" for the session.
func (m *maker) setKind(s *specs.Set) string {
	if kind, ok := m.op.Roles[s.To]; ok && kind != "session" {
		return kind
	}
	f, _ := m.c.Session.Fact(s.To)
	return f.Record
}

// setShows are the weights of the places where a changed field shows.
func (m *maker) setShows(s *specs.Set, field string, settings map[string]any) []specs.Mark {
	if kind := m.setKind(s); kind != "" {
		return m.fieldShows(kind, field, settings)
	}
	have := map[string]bool{}
	for _, k := range m.c.Tokens {
		have[k.Name] = true
	}
	return m.shows(m.c.Operations, have, func(root string, path []string) bool {
		return root == field || (root == "session" || root == "token") && len(path) > 0 && path[0] == field
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
