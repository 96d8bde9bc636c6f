package mutant

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// proofs makes the mutants of what a request must present.
func (m *maker) proofs() {
	op := m.op
	for i, alt := range op.Security {
		if len(op.Security) < 2 {
			break
		}
		name, mark := alternativeName(alt)
		m.add("proof-lost", op.ID, name, fmt.Sprintf("%s does not take %s.", op.ID, name), m.rule(alt[0].Pointer, alt[0].Line, mark, weight.Works(op)),
			m.with(func(o *specs.Operation) { o.Security = without(op.Security, i) }), m.usable(alt...)...)
	}
	for i, p := range op.Accepts {
		if len(op.Accepts) < 2 {
			break
		}
		m.add("proof-lost", op.ID, p.As, fmt.Sprintf("%s does not take the proof %q.", op.ID, nameOf(p)), m.rule(p.Pointer, p.Line, p.Evidence.Part("refusal"), weight.Works(op)),
			m.with(func(o *specs.Operation) { o.Accepts = without(op.Accepts, i) }), m.usable(p)...)
	}
	if op.Anonymous && len(op.Security) > 0 {
		m.add("anonymous-refused", op.ID, "", op.ID+" refuses who sends nothing.", m.anonymously(), m.with(func(o *specs.Operation) { o.Anonymous = false }))
	}
	seen := map[*specs.Proof]bool{}
	var walk func(p *specs.Proof, security, alone bool, above []specs.Mark)
	walk = func(p *specs.Proof, security, alone bool, above []specs.Mark) {
		if !seen[p] {
			seen[p] = true
			m.proof(p, security, alone, above)
		}
		for _, a := range p.Also {
			walk(a, security, false, append(slices.Clone(above), p.Evidence.Part("refusal")))
		}
	}
	for _, alt := range op.Security {
		for _, p := range alt {
			walk(p, true, len(alt) == 1, nil)
		}
	}
	for _, p := range op.Accepts {
		walk(p, false, true, nil)
	}
}

// anonymously is the rule that who sends nothing is answered: by one of the answers
// that there are without a session.
func (m *maker) anonymously() rule {
	op := m.op
	r := m.rule(op.Pointer, op.Line)
	r.under = func(settings map[string]any) []specs.Mark {
		var out []specs.Mark
		m.gate.lacking([]string{"session"}, func() {
			for _, a := range op.Answers {
				if m.gate.may(op, a.When)(settings) {
					out = append(out, weight.Accepts(a.Evidence))
				}
			}
		})
		return out
	}
	return r
}

// usable are the conditions under which proofs are in force, and there are tokens
// to prove with.
func (m *maker) usable(list ...*specs.Proof) []condition {
	out := m.inForce(list...)
	for _, p := range list {
		out = append(out, m.hasTokens(p))
	}
	return out
}

// hasTokens is the condition that the tokens of a proof can be issued.
func (m *maker) hasTokens(p *specs.Proof) condition {
	return func(settings map[string]any) bool {
		for _, b := range p.Binds {
			if isToken(b) && !slices.ContainsFunc(b.Alts, func(t *specs.Target) bool { return t.Kind == specs.FindToken && m.canIssue(t.Token)[0](settings) }) {
				return false
			}
		}
		return true
	}
}

func alternativeName(alt []*specs.Proof) (string, specs.Mark) {
	var names []string
	marks := make([]specs.Mark, 0, len(alt))
	for _, p := range alt {
		names, marks = append(names, nameOf(p)), append(marks, p.Evidence.Part("refusal"))
	}
	return strings.Join(names, "+"), weight.Weakest(marks)
}

func nameOf(p *specs.Proof) string {
	if p.As != "" {
		return p.As
	}
	return p.Scheme
}

func (m *maker) inForce(list ...*specs.Proof) []condition {
	var out []condition
	for _, p := range list {
		out = append(out, m.gate.may(m.op, p.When))
	}
	return out
}

// edited returns the contract with a proof of the operation changed.
func (m *maker) edited(p *specs.Proof, change func(*specs.Proof)) func() *specs.Contract {
	c, op := m.c, m.op
	return func() *specs.Contract { return c.WithOperation(editProof(op, p, change)) }
}

// proof makes the mutants of one proof. alone: nothing is required together with
// it. above are the marks of the proofs that it stands beside.
func (m *maker) proof(p *specs.Proof, security, alone bool, above []specs.Mark) {
	op := m.op
	when := m.inForce(p)
	own := weight.Weakest(append(slices.Clone(above), p.Evidence.Part("refusal")))
	if p.When != nil {
		always := m.rule(p.Pointer, p.Line, own)
		always.under = func(settings map[string]any) []specs.Mark {
			return []specs.Mark{m.unoffered(p, security, alone, settings)}
		}
		m.add("proof-always", op.ID, nameOf(p), fmt.Sprintf("%s has the proof %q although %s does not hold.", op.ID, nameOf(p), p.When.Src), always,
			m.edited(p, func(x *specs.Proof) { x.When = nil }), m.gate.mayNot(op, p.When), m.hasTokens(p))
	}
	for i, a := range p.Also {
		m.add("beside-ignored", op.ID, nameOf(p)+"/"+nameOf(a), fmt.Sprintf("%s does not look at what is sent beside %q.", op.ID, nameOf(p)), m.beside(a, own),
			m.edited(p, func(x *specs.Proof) { x.Also = without(x.Also, i) }), slices.Concat(when, m.usable(a), m.usable(p))...)
	}
	if p.Optional {
		m.add("optional-required", op.ID, nameOf(p), fmt.Sprintf("%s wants %q, which may be left out.", op.ID, nameOf(p)), m.rule(p.Pointer, p.Line, own, weight.Works(op)), m.edited(p, func(x *specs.Proof) { x.Optional = false }), when...)
	}
	if len(p.Same) > 0 {
		reason := ""
		for _, b := range binds(p) {
			if isToken(b) {
				reason = "token.mismatch." + b.Alts[0].Token
			}
		}
		m.add("same-unchecked", op.ID, nameOf(p), fmt.Sprintf("%s does not compare the %s of two tokens.", op.ID, strings.Join(p.Same, " and ")), m.refusal(op, reason).unless(p, own),
			m.edited(p, func(x *specs.Proof) { x.Same = nil }), m.usable(p)...)
		for i, s := range p.Same {
			if len(p.Same) > 1 {
				m.add("same-unchecked", op.ID, nameOf(p)+"/"+s, fmt.Sprintf("%s does not compare the %s of two tokens.", op.ID, s), m.refusal(op, reason).unless(p, own),
					m.edited(p, func(x *specs.Proof) { x.Same = without(x.Same, i) }), m.usable(p)...)
			}
		}
	}
	for i, t := range p.Tolerate {
		when := slices.Clone(when)
		if parts := strings.Split(t, "."); len(parts) == 3 && m.c.Token(parts[2]) != nil && !slices.Contains([]string{"malformed", "unknown", "forged", "missing"}, parts[1]) {
			when = append(when, m.canDie(m.c.Token(parts[2]), parts[1])...)
		}
		m.add("tolerated-refused", op.ID, nameOf(p)+"/"+t, fmt.Sprintf("%s refuses %s, which it must let pass.", op.ID, t), m.rule(p.Pointer, p.Line, own, weight.At(p.Evidence, specs.Location{Src: t}, "refusal"), weight.Works(op)), m.edited(p, func(x *specs.Proof) { x.Tolerate = without(x.Tolerate, i) }), when...)
	}
	for i, b := range p.May {
		m.add("option-ignored", op.ID, nameOf(p)+b.At.Src, fmt.Sprintf("%s does not look at %s.", op.ID, b.At.Describe()), m.option(p, b, own), m.edited(p, func(x *specs.Proof) { x.May = without(x.May, i) }), m.usable(p)...)
	}
	for _, b := range binds(p) {
		m.bind(p, b, security, own, when)
	}
	for i, e := range p.Each {
		m.add("each-ignored", op.ID, nameOf(p)+e.At.Src, fmt.Sprintf("%s does not look the elements of %s up.", op.ID, e.At.Describe()), m.rule(e.Pointer, e.Line, own, m.due(op, p, eachReasons(e))), m.edited(p, func(x *specs.Proof) { x.Each = without(x.Each, i) }), when...)
	}
}

// rebound replaces a binding of a proof.
func rebound(x *specs.Proof, old *specs.RequestBind, by ...*specs.RequestBind) {
	if i := slices.Index(x.Binds, old); i >= 0 {
		x.Binds = slices.Concat(x.Binds[:i], by, x.Binds[i+1:])
	}
	if i := slices.Index(x.May, old); i >= 0 {
		x.May = slices.Concat(x.May[:i], by, x.May[i+1:])
	}
}

func (m *maker) bind(p *specs.Proof, b *specs.RequestBind, security bool, own specs.Mark, when []condition) {
	op := m.op
	for i, alt := range b.Alts {
		if len(b.Alts) > 1 {
			e := alt.Evidence
			if !e.Given() {
				e = p.Evidence
			}
			m.add("alternative-refused", op.ID, b.At.Src+"/"+alt.Value.Src, fmt.Sprintf("%s does not take %s in %s.", op.ID, alt.Value.Src, b.At.Describe()), m.rule(b.Pointer, b.Line, own, e.Part("refusal"), weight.Works(op)),
				m.edited(p, func(x *specs.Proof) {
					c := *b
					c.Alts = without(b.Alts, i)
					rebound(x, b, &c)
				}), when...)
		}
	}
	switch {
	case isToken(b):
		m.tokenBind(p, b, security, own, when)
	case isRecord(b):
		m.recordBind(p, b, when)
	case len(b.Alts) > 0 && b.Alts[0].Kind == specs.Compare:
		m.selfBind("value-unchecked", p, b, when, fmt.Sprintf("%s takes any value in %s.", op.ID, b.At.Describe()), firstOf(b.Else, "request.field.invalid"))
	case len(b.Alts) > 0 && b.Alts[0].Kind == specs.FindSession:
		reason := firstOf(b.Else, "record.unknown."+b.Alts[0].Role)
		m.put(Mutant{Kind: "unknown-accepted", Says: fmt.Sprintf("%s takes the id of a session that there is not in %s.", op.ID, b.At.Describe()), twist: changed(op, func(t *turn, d *session.Decision) *session.Decision {
			if d.Failure == nil || d.Failure.Reason != reason {
				return d
			}
			for _, x := range t.sessions() {
				if y := t.again(sent(t.req, b.At, x.ID)); y.Failure == nil {
					return y
				}
			}
			return d
		})}, op.ID, b.At.Src, m.refusal(op, reason).unless(p, p.Evidence.Part("refusal")), when)
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// selfBind compares a location with itself: it must be there, and may be
// anything.
func (m *maker) selfBind(kind string, p *specs.Proof, b *specs.RequestBind, when []condition, says, reason string) {
	self := m.itself(b)
	if self == nil {
		return
	}
	m.add(kind, m.op.ID, nameOf(p)+b.At.Src, says, m.refusal(m.op, reason).unless(p, p.Evidence.Part("refusal")),
		m.edited(p, func(x *specs.Proof) { rebound(x, b, self) }), when...)
}

func (m *maker) itself(b *specs.RequestBind) *specs.RequestBind {
	src := b.At.Src
	if b.At.In == specs.InBody {
		src = "$request.body#" + value.Pointer(b.At.Tokens...)
	}
	v, err := m.c.NewValue(src)
	if err != nil {
		return nil
	}
	c := *b
	c.Alts = []*specs.Target{{Value: v, Kind: specs.Compare}}
	return &c
}

// tokenBind makes the mutants that take tokens that are not good.
func (m *maker) tokenBind(p *specs.Proof, b *specs.RequestBind, security bool, own specs.Mark, when []condition) {
	op := m.op
	var kinds []string
	for _, alt := range b.Alts {
		if alt.Kind == specs.FindToken && !slices.Contains(kinds, alt.Token) {
			kinds = append(kinds, alt.Token)
		}
	}
	for i, kind := range kinds {
		k := m.c.Token(kind)
		for _, what := range []string{"expired", "revoked", "consumed", "replaced"} {
			reason := "token." + what + "." + kind
			if !m.refuses(reason) || tolerates(p, reason) || what == "revoked" && slices.Contains(p.Same, "session") && !m.endsAlone(kind) {
				continue
			}
			m.add(what+"-accepted", op.ID, kind+b.At.Src, fmt.Sprintf("%s takes a token %s that is %s.", op.ID, kind, what), m.refusal(op, reason).unless(p, own, m.cause(k, what)),
				m.edited(p, func(x *specs.Proof) { x.Tolerate = append(slices.Clone(x.Tolerate), reason) }), slices.Concat(when, m.canDie(k, what))...)
		}
		for _, what := range []string{"missing", "missing.empty", "malformed", "unknown", "forged"} {
			reason := "token." + what + "." + kind
			if (what == "missing" || what == "missing.empty") && (op.Anonymous && security || slices.Contains(p.May, b) || p.Optional) || !m.refuses(reason) && !strings.HasPrefix(what, "missing") || tolerates(p, reason) {
				continue
			}
			body := strings.HasPrefix(what, "missing") && !security && (b.At.In == specs.InBody || b.At.In == specs.InPath || b.At.In == specs.InQuery)
			if body && what == "missing" {
				reason = "request.field.missing"
			}
			r, when := m.refusal(op, reason).unless(p, own), when
			if i > 0 && (what == "malformed" || sealed(k) && sealed(m.c.Token(kinds[0]))) {
				r.asleep = "what was never issued is of no kind: it is refused as one of the first kind that the place takes"
			}
			if what == "unknown" && sealed(k) && r.asleep == "" {
				if k.Forget == nil {
					r.asleep = "it takes the server's own key to make a token that is signed and was never issued"
				} else {
					when = append(slices.Clone(when), m.some(k.Forget)) // it is known no more
				}
			}
			m.put(Mutant{Kind: strings.ReplaceAll(what, ".", "-") + "-accepted", Says: fmt.Sprintf("%s works where the token %s is %s.", op.ID, kind, strings.ReplaceAll(what, "missing.empty", "empty")),
				twist: m.asGuest(b, k, reason)}, op.ID, kind+b.At.Src, r, when)
		}
		m.put(Mutant{Kind: "token-refused", Says: fmt.Sprintf("%s takes no token %s in %s.", op.ID, kind, b.At.Describe()), twist: changed(op, func(t *turn, d *session.Decision) *session.Decision {
			raw, ok := t.req.Value(b.At)
			if text, _ := value.Text(raw); d.Failure != nil || !ok || text == "" || !slices.ContainsFunc(t.presented(), func(x *session.Token) bool { return x.Kind.Name == kind }) {
				return d
			}
			return t.m.Refuse(op, t.req, t.at, &session.Failure{Reason: "token.unknown." + kind, Field: b.At.Field()})
		})}, op.ID, kind+b.At.Src, m.rule(p.Pointer, p.Line, own, weight.Works(op)), slices.Concat(when, m.canIssue(kind)))
	}
	var others []*specs.Target
	for _, k := range m.c.Tokens {
		if !slices.Contains(kinds, k.Name) && !tolerates(p, "token.wrong-kind."+kinds[0]) {
			others = append(others, &specs.Target{Value: b.Alts[0].Value, Kind: specs.FindToken, Token: k.Name})
		}
	}
	if len(others) == 0 {
		return
	}
	m.add("wrong-kind-accepted", op.ID, kinds[0]+b.At.Src, fmt.Sprintf("%s takes a token of any kind for a token %s.", op.ID, kinds[0]), m.refusal(op, "token.wrong-kind."+kinds[0]).unless(p, own),
		m.edited(p, func(y *specs.Proof) {
			c := *b
			c.Alts = slices.Concat(b.Alts, others)
			rebound(y, b, &c)
		}), slices.Concat(when, []condition{func(settings map[string]any) bool {
			return slices.ContainsFunc(others, func(x *specs.Target) bool { return m.canIssue(x.Token)[0](settings) })
		}})...)
}

// sealed reports whether every token of a kind is signed.
func sealed(k *specs.TokenKind) bool {
	return !slices.ContainsFunc(k.Forms, func(f specs.TokenForm) bool { return f.JWT == nil || f.JWT.Key == nil })
}

// cause is what it rests on that a token dies so.
func (m *maker) cause(k *specs.TokenKind, what string) specs.Mark {
	switch what {
	case "expired":
		return weight.Strongest([]specs.Mark{life(k), idleOf(k)})
	case "consumed":
		return k.Evidence.Part("use")
	case "replaced":
		return k.Evidence.Part("limit")
	}
	return m.endings(k.Name)
}

func idleOf(k *specs.TokenKind) specs.Mark {
	if k.Idle == nil {
		return weight.Unsaid("it does not die of not being used")
	}
	return k.Evidence.Part("idle")
}

// unoffered is what it rests on that a proof is not asked for, or not taken, where
// it is not offered.
func (m *maker) unoffered(p *specs.Proof, security, alone bool, settings map[string]any) specs.Mark {
	if !alone {
		return weight.Works(m.op) // it is not asked for beside the others
	}
	return m.dueAlways(m.op, m.turnedAway(p, security, settings))
}

// beside is the rule that a proof beside another is looked at: a bad one is
// refused, or a good one does something.
func (m *maker) beside(a *specs.Proof, above specs.Mark) rule {
	r := m.rule(a.Pointer, a.Line, above, a.Evidence.Part("refusal"))
	r.under = func(settings map[string]any) []specs.Mark {
		var reasons []string
		for _, b := range a.Binds {
			reasons = append(reasons, m.badReasons(a, b)...)
		}
		return append(m.used(a.Binds, settings), m.due(m.op, a, reasons))
	}
	return r
}

// option is the rule that what may be sent is looked at: a bad value is refused,
// or a good one does something.
func (m *maker) option(p *specs.Proof, b *specs.RequestBind, own specs.Mark) rule {
	r := m.rule(b.Pointer, b.Line, own)
	r.under = func(settings map[string]any) []specs.Mark {
		return append(m.used([]*specs.RequestBind{b}, settings), m.due(m.op, p, m.badReasons(p, b)))
	}
	return r
}

// badReasons are the reasons for refusing what is bad at a location, but for
// those that a proof tolerates.
func (m *maker) badReasons(p *specs.Proof, b *specs.RequestBind) []string {
	var out []string
	if b.Else != "" {
		out = append(out, b.Else)
	}
	for _, t := range b.Alts {
		switch {
		case b.Else != "":
		case t.Kind == specs.FindToken:
			for _, what := range []string{"malformed", "unknown", "forged", "wrong-kind", "expired", "revoked", "consumed", "replaced", "mismatch"} {
				if reason := "token." + what + "." + t.Token; m.refuses(reason) {
					out = append(out, reason)
				}
			}
			if len(p.Same) > 0 {
				out = append(out, "token.mismatch."+t.Token)
			}
		case t.Kind == specs.Compare:
			out = append(out, "request.field.invalid")
		case t.Secret:
			out = append(out, "credentials.wrong."+t.Role)
		default:
			out = append(out, "record.unknown."+t.Role)
		}
	}
	return slices.DeleteFunc(out, func(reason string) bool { return tolerates(p, reason) })
}

// used are the weights of what an operation does with what bindings find: what it
// answers, and what its sessions remember.
func (m *maker) used(list []*specs.RequestBind, settings map[string]any) []specs.Mark {
	op := m.op
	var found []string
	for _, b := range list {
		for _, t := range b.Alts {
			found = append(found, t.Role+t.Token)
		}
	}
	is := func(root string, _ []string) bool { return slices.Contains(found, root) }
	out := m.shows([]*specs.Operation{op}, nil, is)
	for _, o := range op.Opens {
		for _, f := range o.With {
			fact, _ := m.c.Session.Fact(f.Name)
			if m.speaks(op, f.Value, is) {
				out = append(out, m.factShows(op, o, fact, false, settings)...)
			}
		}
	}
	return out
}

// eachReasons are the reasons for refusing an element of a list.
func eachReasons(e *specs.Each) []string {
	var out []string
	for _, role := range slices.Sorted(maps.Keys(e.Finds)) {
		out = append(out, "record.unknown."+role)
	}
	return out
}

// endsAlone reports whether some operation ends a token of a kind and not its
// session. Where none does, a token beside another of the same session is never
// the only dead one.
func (m *maker) endsAlone(kind string) bool {
	return slices.ContainsFunc(m.c.Operations, func(op *specs.Operation) bool {
		return slices.ContainsFunc(op.Ends, func(e *specs.Effect) bool {
			return e.What.Src == kind || strings.HasSuffix(e.What.Src, "."+kind)
		})
	})
}

// refuses reports whether a reason can be given by any operation at all.
func (m *maker) refuses(reason string) bool {
	return slices.ContainsFunc(m.refusals, func(r *refusal) bool { return r.reason == reason })
}

func tolerates(p *specs.Proof, reason string) bool {
	return slices.ContainsFunc(p.Tolerate, func(t string) bool { return reason == t || strings.HasPrefix(reason, t+".") })
}

// canIssue are the conditions under which a token of a kind is issued.
func (m *maker) canIssue(kind string) []condition { return []condition{m.issues(kind, nil)} }

// issues is the condition that a token of a kind is issued somewhere; which: only
// those issues count, nil: all.
func (m *maker) issues(kind string, which func(*specs.Issue) bool) condition {
	return func(settings map[string]any) bool {
		for _, op := range m.c.Operations {
			for _, i := range op.Issues {
				if i.Token.Name == kind && (which == nil || which(i)) && m.gate.may(op, op.Offered)(settings) && m.gate.may(op, i.When)(settings) {
					return true
				}
			}
		}
		return false
	}
}

// canDie are the conditions under which a token of a kind dies so.
func (m *maker) canDie(k *specs.TokenKind, what string) []condition {
	out := m.canIssue(k.Name)
	if what != "expired" {
		return out
	}
	return append(out, func(settings map[string]any) bool {
		ends := append([]*specs.Expr{k.Lifetime, k.Idle}, k.Caps...)
		for _, op := range m.c.Operations {
			for _, i := range op.Issues {
				if i.Token.Name == k.Name {
					ends = append(ends, i.Lifetime)
				}
			}
		}
		return slices.ContainsFunc(ends, func(e *specs.Expr) bool { return e != nil && m.some(e)(settings) })
	})
}

// some is the condition that an expression has a value other than never.
func (m *maker) some(e *specs.Expr) condition {
	return func(settings map[string]any) bool {
		v, known := m.gate.decide(m.op, e, settings)
		return !known || v != nil && v != specs.Never
	}
}

// asGuest puts a good token where there is none, or a bad one.
func (m *maker) asGuest(b *specs.RequestBind, k *specs.TokenKind, reason string) session.Twist {
	return changed(m.op, func(t *turn, d *session.Decision) *session.Decision {
		if d.Failure == nil || d.Failure.Reason != reason || reason == "request.field.missing" && d.Failure.Field != b.At.Field() {
			return d
		}
		v := b.Alts[slices.IndexFunc(b.Alts, func(x *specs.Target) bool { return x.Token == k.Name })].Value
		var otherwise *session.Decision
		out := t.guests(k, nil, func(tok *session.Token) *session.Decision {
			x, ok := t.written(v, rootOf(v), tok)
			if !ok {
				return nil
			}
			req := sent(t.req, b.At, x)
			if req.Fault != nil && req.Fault.Field == b.At.Field() {
				req.Fault = nil
			}
			y := t.again(req)
			if f := y.Failure; f != nil && otherwise == nil && !strings.HasPrefix(f.Reason, "token.") && !strings.HasPrefix(f.Reason, "request.") {
				otherwise = y // whoever it is lacks something else: that is what is said
			}
			return y
		})
		switch {
		case out != nil:
			return out
		case otherwise != nil:
			return otherwise
		}
		return d
	})
}

// recordBind makes the mutants that take accounts that are not good.
func (m *maker) recordBind(p *specs.Proof, b *specs.RequestBind, when []condition) {
	op := m.op
	target := b.Alts[0]
	secrets := 0
	var finder *specs.RequestBind
	for _, x := range binds(p) {
		if isRecord(x) && x.Alts[0].Role == target.Role {
			if x.Alts[0].Secret {
				secrets++
			} else if finder == nil {
				finder = x
			}
		}
	}
	if target.Secret {
		self := m.itself(b)
		if self == nil {
			return
		}
		by := []*specs.RequestBind{self}
		if finder != nil {
			// The finder's own binding in the place of the secret keeps who is not known
			// from being let in.
			again := *finder
			again.Alts = slices.Clone(finder.Alts)
			for i, alt := range again.Alts {
				c := *alt
				c.Secret = true
				again.Alts[i] = &c
			}
			by = append(by, &again)
		} else if !m.knownRole(p, target.Role) {
			return // the secret is all that names the record: unknown and wrong are one
		}
		reason := firstOf(b.Else, "credentials.wrong."+target.Role)
		m.add("secret-unchecked", op.ID, nameOf(p)+b.At.Src, fmt.Sprintf("%s takes any %s in %s.", op.ID, target.Field, b.At.Describe()), m.refusal(op, reason).unless(p, p.Evidence.Part("refusal")),
			m.edited(p, func(x *specs.Proof) { rebound(x, b, by...) }), when...)
		return
	}
	if finder != b && secrets > 0 {
		return
	}
	reason := "record.unknown." + target.Role
	if secrets > 0 {
		reason = "credentials.unknown." + target.Role
	}
	reason = firstOf(b.Else, reason)
	m.put(Mutant{Kind: "unknown-accepted", Says: fmt.Sprintf("%s takes a %s that there is not in %s for one that there is.", op.ID, target.Record, b.At.Describe()), twist: changed(op, func(t *turn, d *session.Decision) *session.Decision {
		if d.Failure == nil || d.Failure.Reason != reason || d.Failure.Field != b.At.Field() {
			return d
		}
		for _, r := range t.at.Tx.Records(target.Record) {
			if y := t.again(t.asRecord(p, target.Role, r)); y.Failure == nil {
				return y
			}
		}
		return d
	})}, op.ID, nameOf(p)+b.At.Src, m.refusal(op, reason).unless(p, p.Evidence.Part("refusal")), when)
}

// asRecord is the request as that record would have sent it: all locations of
// its role that are there have its values.
func (t *turn) asRecord(p *specs.Proof, role string, r *session.Record) *session.Request {
	req := t.req
	for _, b := range binds(p) {
		if _, there := t.req.Value(b.At); !there || !isRecord(b) || b.Alts[0].Role != role {
			continue
		}
		if v, ok := t.written(b.Alts[0].Value, rootOf(b.Alts[0].Value), r); ok {
			req = sent(req, b.At, v)
		}
	}
	return req
}

// knownRole reports whether something beside this proof makes the role known.
func (m *maker) knownRole(p *specs.Proof, role string) bool {
	known := false
	proofs(m.op, func(x *specs.Proof, _ bool) {
		if x.SameNone {
			return
		}
		for _, b := range binds(x) {
			if _, isFact := m.c.Session.Fact(role); isToken(b) && isFact {
				known = true
			}
			if x != p && isRecord(b) && b.Alts[0].Role == role && !b.Alts[0].Secret {
				known = true
			}
		}
	})
	return known
}
