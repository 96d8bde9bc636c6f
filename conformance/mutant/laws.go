package mutant

import (
	"maps"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// protected is the mark of the best operation that a token of a kind is good for
// ("": of any): what it rests on that a session works.
func (m *maker) protected(kind string) specs.Mark {
	marks := make([]specs.Mark, 0, len(m.c.Operations))
	for _, op := range m.c.Operations {
		proofs(op, func(p *specs.Proof, security bool) {
			takes := !p.Optional && !(security && op.Anonymous) && slices.ContainsFunc(p.Binds, func(b *specs.RequestBind) bool {
				return isToken(b) && (kind == "" || slices.ContainsFunc(b.Alts, func(x *specs.Target) bool { return x.Token == kind }))
			})
			if takes {
				marks = append(marks, weight.Weakest([]specs.Mark{p.Evidence.Part("refusal"), weight.Works(op)}))
			}
		})
	}
	return weight.Strongest(marks)
}

// laws makes the mutants of what holds without being said: nothing ends but what
// is ended, nobody is somebody else, a refusal changes nothing.
func (m *maker) laws() {
	op := m.op
	r := m.rule(op.Pointer, op.Line, weight.Works(op), m.protected(""))
	if len(m.c.Tokens) == 0 {
		return
	}
	if len(op.Ends)+len(op.Opens)+len(op.Issues)+len(op.Sets)+len(op.Creates) > 0 {
		m.ends(r)
	}
	takes := false
	var when []condition
	proofs(op, func(p *specs.Proof, _ bool) {
		if slices.ContainsFunc(binds(p), isToken) && !takes {
			takes, when = true, m.inForce(p)
		}
	})
	if !takes {
		return
	}
	if len(op.Ends) == 0 {
		used := r
		switch {
		case len(op.Creates) > 0 || m.callsOnce():
			// It cannot be called again as it was.
			used.marks = append(slices.Clone(r.marks), m.spared(op, expression("session")))
		case !op.Anonymous && !m.usesUp():
			used.marks = []specs.Mark{weight.Law("a token that is not for single use is not used up")}
		}
		m.put(Mutant{Kind: "use-ends-session", Says: op.ID + " ends the session that calls it.", twist: changed(op, func(t *turn, d *session.Decision) *session.Decision {
			if d.Failure == nil {
				for _, tok := range t.presented() {
					if s := t.at.Tx.Session(tok.Session); s != nil {
						d.Ends = append(d.Ends, s)
					}
				}
			}
			return d
		})}, op.ID, "", used, when)
	}
	refused := m.rule(op.Pointer, op.Line, weight.Law("a refused request changes nothing"))
	if !slices.ContainsFunc(m.gate.all, func(c choice) bool { return m.refusesKnown(c.values, false) }) {
		refused.asleep = "it refuses only whom it does not know, or whose record forbids it: nothing else can be wrong with a request"
	}
	m.afterRefusal(refused, append(slices.Clone(when), func(settings map[string]any) bool {
		return refused.asleep != "" || m.refusesKnown(settings, false)
	}))
	if m.speaksOfCaller() {
		another := m.rule(op.Pointer, op.Line, m.tellsOfCaller())
		if m.single() {
			another.asleep = "only one account can log in"
		}
		m.put(Mutant{Kind: "answers-for-another", Says: op.ID + " answers what belongs to somebody else.", twist: m.somebodyElse()}, op.ID, "", another, when)
	}
	m.order(r)
}

// callsOnce reports whether the operation changes what the same call would need
// again: a secret, or a field that one of its conditions looks at.
func (m *maker) callsOnce() bool {
	op := m.op
	return slices.ContainsFunc(op.Sets, func(s *specs.Set) bool {
		k := m.c.Record(m.setKind(s))
		return k != nil && slices.ContainsFunc(s.Values, func(v specs.NamedValue) bool {
			is := func(_ string, path []string) bool { return slices.Contains(path, v.Name) }
			return k.Fields[v.Name].Secret || slices.ContainsFunc(op.Needs, func(n *specs.Need) bool { return m.looks(op, n.That, is, 0) })
		})
	})
}

// usesUp reports whether every token that the operation takes is for single use.
func (m *maker) usesUp() bool {
	all := true
	proofs(m.op, func(p *specs.Proof, _ bool) {
		for _, b := range binds(p) {
			for _, t := range b.Alts {
				if k := m.c.Token(t.Token); t.Kind == specs.FindToken && k != nil && !k.Once {
					all = false
				}
			}
		}
	})
	return all
}

// afterRefusal makes the mutants of which a refusal does not leave everything as
// it was.
func (m *maker) afterRefusal(r rule, when []condition) {
	op := m.op
	m.put(Mutant{Kind: "refusal-ends-session", Says: "A call of " + op.ID + " that is refused ends the session.", twist: changed(op, func(t *turn, d *session.Decision) *session.Decision {
		if d.Failure != nil {
			for _, tok := range t.presented() {
				t.end(t.at.Tx.Session(tok.Session))
			}
		}
		return d
	})}, op.ID, "", r, when)
	if len(op.Ends)+len(op.Sets)+len(op.Creates) > 0 {
		m.refusedAndDone(r, when)
	}
	if r.asleep == "" && !slices.ContainsFunc(m.gate.all, func(c choice) bool { return m.refusesKnown(c.values, true) }) {
		r.asleep = "whom it refuses it refuses for ever: what it asks of a session never changes"
	}
	m.put(Mutant{Kind: "refusal-sticks", Says: "After a refusal of " + op.ID + " the next call in the same session is refused as well.", twist: m.sticky()}, op.ID, "", r, when)
}

// ends makes the mutants that end too much.
func (m *maker) ends(r rule) {
	op := m.op
	// Nobody is logged in who calls it: whoever is, is somebody else.
	nobody := len(op.Opens) == 0
	proofs(op, func(p *specs.Proof, _ bool) { nobody = nobody && !slices.ContainsFunc(binds(p), isToken) })
	kill := func(kind, says string, r rule, which func(t *turn, s *session.Session, mine []*session.Session) bool) {
		m.put(Mutant{Kind: kind, Says: says, twist: changed(op, func(t *turn, d *session.Decision) *session.Decision {
			if d.Failure != nil {
				return d
			}
			var mine []*session.Session
			for _, tok := range t.presented() {
				if s := t.at.Tx.Session(tok.Session); s != nil {
					mine = append(mine, s)
				}
			}
			for _, o := range d.Opens {
				mine = append(mine, o.Session)
			}
			for _, s := range t.sessions() {
				own := slices.ContainsFunc(mine, func(x *session.Session) bool { return x.ID == s.ID })
				if !own && (len(mine) > 0 || nobody) && which(t, s, mine) {
					d.Ends = append(d.Ends, s)
				}
			}
			return d
		})}, op.ID, "", r, nil)
	}
	alike := func(_ *turn, s *session.Session, mine []*session.Session) bool {
		for _, x := range mine {
			for _, f := range m.accounts() {
				if x.Facts[f.Name] != nil && x.Facts[f.Name] == s.Facts[f.Name] {
					return true
				}
			}
		}
		return false
	}
	// What ends everywhere by contract is no deviation.
	if !nobody && !slices.ContainsFunc(op.Ends, func(e *specs.Effect) bool { return strings.HasSuffix(e.What.Src, ".sessions") }) {
		// That others of the same user live on is said by keeps, or not at all.
		said := specs.Mark{Level: specs.Inferred, Reason: "the contract does not say that they live on"}
		for _, k := range op.Keeps {
			if strings.HasSuffix(k.What.Src, ".sessions") && k.When == nil {
				said = k.Evidence.Part("refusal")
			}
		}
		kept := m.rule(r.pointer, r.line, append(slices.Clone(r.marks), said)...)
		kill("kills-same-user", op.ID+" ends the other sessions of the same user.", kept, alike)
	}
	others := m.rule(op.Pointer, op.Line, weight.Law("what one account does ends nothing of another's"))
	if m.single() {
		others.asleep = "only one account can log in"
	}
	kill("kills-others", op.ID+" ends the sessions of all other users.", others, func(t *turn, s *session.Session, mine []*session.Session) bool { return !alike(t, s, mine) })
}

// accounts are the facts of a session that name who logged in.
func (m *maker) accounts() []specs.Fact { return conformance.AccountFacts(m.c) }

// refusesKnown reports whether the operation can refuse somebody whose tokens are
// good, under some settings: for a condition, for what else is sent, for a body or
// parameter that does not fit. A wrong media type is refused before anybody looks
// at tokens. mends: it must also be able to accept the same session later.
func (m *maker) refusesKnown(settings map[string]any, mends bool) bool {
	op := m.op
	if m.bodyFails() || slices.ContainsFunc(op.Needs, func(n *specs.Need) bool {
		return m.failsKnown(n, settings) && !(mends && m.aboutSession(n.That))
	}) {
		return true
	}
	if slices.ContainsFunc(op.Parameters, func(p *specs.Parameter) bool {
		return p.Required && p.In != specs.InPath || p.Schema != nil && !onlyText(p.Schema)
	}) {
		return true
	}
	found := false
	proofs(op, func(p *specs.Proof, security bool) {
		if !m.gate.may(op, p.When)(settings) {
			return
		}
		for _, b := range binds(p) {
			// What stands beside a token, and is looked up or compared.
			found = found || !isToken(b) && !security || !security && len(op.Security) > 0
		}
		found = found || len(p.Same) > 0 || len(p.Each) > 0
	})
	return found
}

// aboutSession reports whether a condition asks of a session only what it has from
// its beginning.
func (m *maker) aboutSession(e *specs.Expr) bool {
	only := true
	m.looks(m.op, e, func(root string, path []string) bool {
		if _, isLet := m.gate.let(m.op, root); isLet {
			return false // it is looked through
		}
		_, isFact := m.c.Session.Fact(root)
		switch {
		case root == "settings":
		case isFact && len(path) == 0: // whether there is one
		case root == "session" && len(path) > 0 && path[0] == "over":
		case root == "session" && len(path) < 2 && !m.setsSession():
		default:
			only = false
		}
		return false
	}, 0)
	return only
}

// setsSession reports whether any operation changes what a session remembers.
func (m *maker) setsSession() bool {
	return slices.ContainsFunc(m.c.Operations, func(op *specs.Operation) bool {
		return slices.ContainsFunc(op.Sets, func(s *specs.Set) bool { return s.To == "session" })
	})
}

// failsKnown reports whether a condition may fail for somebody with a session.
func (m *maker) failsKnown(n *specs.Need, settings map[string]any) bool {
	fails := false
	m.gate.where([]string{"session"}, func() { fails = m.gate.mayNot(m.op, n.That)(settings) })
	return fails
}

// bodyFails reports whether a body can be wrong while the tokens are good: it can
// always be malformed, unless they are in it.
func (m *maker) bodyFails() bool {
	op := m.op
	elsewhere, inBody := false, map[string]bool{}
	proofs(op, func(p *specs.Proof, _ bool) {
		for _, b := range binds(p) {
			switch {
			case !isToken(b):
			case b.At.In == specs.InBody:
				inBody[b.At.Src] = true
			default:
				elsewhere = true
			}
		}
	})
	return slices.ContainsFunc(op.Body, func(x *specs.Media) bool {
		if elsewhere || x.Schema == nil {
			return elsewhere
		}
		form := strings.Contains(x.Type, "form")
		return !x.Schema.Additional || slices.ContainsFunc(x.Schema.Properties(), func(p schema.Property) bool {
			return !inBody[value.Pointer(p.Name)] && (slices.Contains(x.Schema.Required, p.Name) || refusable(p.Schema) && !(form && onlyText(p.Schema)))
		})
	})
}

// tellsOfCaller is what the places of an answer rest on that depend on who calls.
func (m *maker) tellsOfCaller() specs.Mark {
	var marks []specs.Mark
	for _, a := range m.op.Answers {
		marks = append(marks, m.tells(m.op, a, func(root string, _ []string) bool {
			_, ok := m.c.Session.Fact(root)
			return ok || root == "session"
		})...)
	}
	return weight.Strongest(marks)
}

// single reports whether no two accounts of the demo world can log in.
func (m *maker) single() bool {
	n := 0
	for _, f := range m.accounts() {
		for _, r := range m.world.Records {
			if r.Kind == f.Record && m.enters(r) {
				n++
			}
		}
	}
	return n < 2
}

// enters reports whether some operation opens a session for a record: none of the
// conditions on it forbids that.
func (m *maker) enters(r fixtures.Record) bool {
	kind := m.c.Record(r.Kind)
	fits := func(role string, needs []*specs.Need) bool {
		s := &recordScope{role: role, record: r.Value}
		for _, n := range needs {
			names, err := n.That.Names()
			if _, about := names[role]; err != nil || len(names) != 1 || !about {
				continue // it takes more than the record to say
			}
			if v, err := n.That.Eval(s); err == nil && v != true {
				return false
			}
		}
		return true
	}
	if !fits(kind.Name, kind.Needs) {
		return false
	}
	return slices.ContainsFunc(m.c.Operations, func(op *specs.Operation) bool {
		return len(op.Opens) > 0 && fits(kind.Name, op.Needs)
	})
}

// recordScope is a specs.Scope in which there is one record.
type recordScope struct {
	role   string
	record map[string]any
}

// Root implements specs.Scope.
func (s *recordScope) Root(name string) any {
	if name == s.role {
		return s.record
	}
	return nil
}

// Member implements specs.Scope.
func (s *recordScope) Member(x any, name string) any { return specs.PlainMember(x, name) }

// Request implements specs.Scope.
func (s *recordScope) Request(specs.Location) any { return nil }

// refusedAndDone makes the mutant that refuses a request for a condition and
// carries it out all the same.
func (m *maker) refusedAndDone(r rule, when []condition) {
	op := m.op
	if len(op.Needs) == 0 {
		return
	}
	if !slices.ContainsFunc(op.Needs, func(n *specs.Need) bool { return !m.hasNothing(n) }) {
		r.asleep = "whom it refuses has nothing that it could change"
	}
	free := *op
	free.Needs = nil
	m.put(Mutant{Kind: "refused-and-done", Says: op.ID + " does what it does although it refuses the request.", twist: changed(op, func(t *turn, d *session.Decision) *session.Decision {
		if d.Failure == nil || len(t.presented()) == 0 {
			return d
		}
		if x := t.m.Decide(&free, t.req, t.at); x.Failure == nil {
			_, _ = x.Apply() // what cannot be done is not done
		}
		return d
	})}, op.ID, "", r, when)
}

// hasNothing reports whether an operation has nothing to do for whoever does not
// fulfil a condition: there is no such record, or what would be taken out of a
// list is not in it.
func (m *maker) hasNothing(n *specs.Need) bool {
	op := m.op
	x, ok := strings.CutSuffix(n.That.Src, " != nil")
	if !ok || len(op.Ends)+len(op.Creates) > 0 {
		return false
	}
	return !slices.ContainsFunc(op.Sets, func(s *specs.Set) bool {
		if s.To == x {
			return false
		}
		return s.All != nil || slices.ContainsFunc(s.Values, func(v specs.NamedValue) bool {
			ref := v.Value.Whole()
			return ref == nil || len(ref.Path) > 0 || !m.gate.leavesOut(op, ref.Root, x)
		})
	})
}

// sticky remembers a refusal in the session itself, so that worlds stay apart.
func (m *maker) sticky() session.Twist {
	const note = "\x00refused"
	return changed(m.op, func(t *turn, d *session.Decision) *session.Decision {
		for _, tok := range t.presented() {
			s := t.at.Tx.Session(tok.Session)
			if s == nil {
				continue
			}
			reason, marked := s.Facts[note].(string)
			if (d.Failure == nil) != marked {
				continue
			}
			c := *s
			c.Facts = maps.Clone(s.Facts)
			delete(c.Facts, note)
			if marked {
				t.at.Tx.PutSession(&c)
				return t.m.Refuse(t.op, t.req, t.at, &session.Failure{Reason: reason})
			}
			c.Facts[note] = d.Failure.Reason
			t.at.Tx.PutSession(&c)
		}
		return d
	})
}

// speaksOfCaller reports whether an answer depends on who calls.
func (m *maker) speaksOfCaller() bool {
	for _, a := range m.op.Answers {
		list := slices.Clone(a.Binds)
		if a.Example != nil {
			list = append(list, a.Example.Binds...)
			if len(a.Example.Each) > 0 {
				return true
			}
		}
		for _, b := range list {
			for _, ref := range b.Value.Refs() {
				if _, ok := m.c.Session.Fact(ref.Root); ok || ref.Root == "session" {
					return true
				}
			}
		}
	}
	return false
}

// somebodyElse decides with the token of another account in the place of the one
// that was sent.
func (m *maker) somebodyElse() session.Twist {
	return changed(m.op, func(t *turn, d *session.Decision) *session.Decision {
		if d.Failure != nil {
			return d
		}
		for _, old := range t.presented() {
			x := t.guests(old.Kind, t.at.Tx.Session(old.Session), func(tok *session.Token) *session.Decision {
				return t.again(t.instead(old, tok))
			})
			if x != nil {
				return x
			}
		}
		return d
	})
}

// instead is the request with one token in the place of another.
func (t *turn) instead(old, tok *session.Token) *session.Request {
	req := t.req
	proofs(t.op, func(p *specs.Proof, _ bool) {
		for _, b := range binds(p) {
			if _, there := t.req.Value(b.At); !there || !isToken(b) || b.Alts[0].Token != old.Kind.Name {
				continue
			}
			if v, ok := t.written(b.Alts[0].Value, rootOf(b.Alts[0].Value), tok); ok {
				req = sent(req, b.At, v)
			}
		}
	})
	return req
}

// order makes the mutant that looks at the request before it looks at who sends
// it.
func (m *maker) order(r rule) {
	op := m.op
	if len(op.Security) == 0 || len(op.Body)+len(op.Parameters) == 0 {
		return
	}
	weak := r
	weak.marks = append(slices.Clone(r.marks), specs.Mark{Level: specs.Inferred, Reason: "the order of checks is the mock's"})
	m.put(Mutant{Kind: "order-changed", Says: op.ID + " looks at the request before it looks at who sends it.", twist: changed(op, func(t *turn, d *session.Decision) *session.Decision {
		if d.Failure != nil && t.req.Fault != nil {
			return t.m.Refuse(op, t.req, t.at, t.req.Fault)
		}
		return d
	})}, op.ID, "", weak, nil)
}
