package mutant

import (
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// A mutant weighs as much as what somebody who asks from outside can see of it:
// what the broken rule rests on, and what the very answer rests on that would be
// due instead, whichever is less. This file has the parts of such chains, as
// package conformance weighs them.

// bindsOf are the bindings of an answer: those of its example, and its own.
func bindsOf(a *specs.Answer) []*specs.AnswerBind {
	if a.Example == nil {
		return a.Binds
	}
	return slices.Concat(a.Example.Binds, a.Binds)
}

// about says whether a name and the path after it are what is looked for.
type about func(root string, path []string) bool

// speaks reports whether a value is about something, also through a let.
func (m *maker) speaks(op *specs.Operation, v *specs.Value, is about) bool {
	return slices.ContainsFunc(v.Refs(), func(r *specs.Ref) bool {
		return r.At == nil && m.names(op, r.Root, r.Path, is, 0)
	})
}

func (m *maker) names(op *specs.Operation, root string, path []string, is about, depth int) bool {
	if is(root, path) {
		return true
	}
	src, ok := m.gate.let(op, root)
	return ok && m.looks(op, expression(src), is, depth+1)
}

// looks reports whether an expression is about something, also through a let.
func (m *maker) looks(op *specs.Operation, e *specs.Expr, is about, depth int) bool {
	if e == nil || depth > 10 {
		return false
	}
	names, known := m.read[e.Src]
	if !known {
		names, _ = e.Names() // what cannot be read is about nothing
		m.read[e.Src] = names
	}
	for root, paths := range names {
		if len(paths) == 0 {
			paths = [][]string{nil}
		}
		for _, p := range paths {
			if m.names(op, root, p, is, depth) {
				return true
			}
		}
	}
	return false
}

// tells are the weights of the places of an answer that speak of something.
func (m *maker) tells(op *specs.Operation, a *specs.Answer, is about) []specs.Mark {
	var out []specs.Mark
	for _, b := range bindsOf(a) {
		if b.Value.Must || !m.speaks(op, b.Value, is) {
			continue
		}
		if b.At.In == specs.InBody {
			out = append(out, weight.At(a.Evidence, b.At, "values"))
		} else {
			out = append(out, weight.At(a.Evidence, b.At, "headers"))
		}
	}
	if a.Example == nil {
		return out
	}
	for _, e := range a.Example.Each {
		if m.looks(op, e.In, is, 0) {
			out = append(out, weight.At(a.Evidence, e.At, "values"))
		}
		for _, b := range e.Binds {
			if m.speaks(op, b.Value, is) {
				out = append(out, weight.At(a.Evidence, pointerAt(slices.Concat(e.At.Tokens, []string{"0"}, b.At.Tokens)), "values"))
			}
		}
	}
	return out
}

// told is the weight of what an operation tells of a token that it issues.
func (m *maker) told(op *specs.Operation, kind string) specs.Mark {
	return weight.Strongest(m.tellsToken(op, kind, nil))
}

// tellsToken are the weights of the places where an operation tells a token that it
// issues, under some settings; nil: any.
func (m *maker) tellsToken(op *specs.Operation, kind string, settings map[string]any) []specs.Mark {
	var marks []specs.Mark
	for _, a := range op.Answers {
		if settings == nil || m.gate.may(op, a.When)(settings) {
			marks = append(marks, m.tells(op, a, textOf(kind))...)
		}
	}
	return marks
}

// textOf is about the text of a token of a kind.
func textOf(kind string) about {
	return func(root string, path []string) bool {
		return root == kind && (len(path) == 0 || len(path) == 1 && path[0] == "value") ||
			root == "session" && len(path) == 1 && path[0] == kind
	}
}

// endTold is the weight of what tells when the tokens of a kind end: a claim, a
// member of an answer, the age of a cookie.
func (m *maker) endTold(k *specs.TokenKind, issuers []*specs.Operation) specs.Mark {
	var marks []specs.Mark
	end := func(root string, path []string) bool {
		return (root == k.Name || root == "token") && len(path) > 0 && (path[0] == "expires" || path[0] == "lifetime")
	}
	for _, f := range k.Forms {
		if f.JWT != nil && slices.ContainsFunc(f.JWT.Claims, func(c specs.NamedValue) bool { return m.speaks(nil, c.Value, end) }) {
			marks = append(marks, k.Evidence.Part("format"))
		}
	}
	for _, op := range issuers {
		for _, a := range op.Answers {
			marks = append(marks, m.tells(op, a, end)...)
			for _, b := range bindsOf(a) {
				if c := m.c.Cookies[b.At.Name]; b.At.In == specs.InCookie && c != nil && c.AgeToken && m.speaks(op, b.Value, textOf(k.Name)) {
					marks = append(marks, c.Evidence.Part("age"))
				}
			}
		}
	}
	return weight.Strongest(marks)
}

// life is what it rests on how long a kind of token lives.
func life(k *specs.TokenKind) specs.Mark {
	if k.Lifetime == nil && k.Idle != nil {
		return k.Evidence.Part("idle")
	}
	return k.Evidence.Part("lifetime")
}

// issuers are the operations that issue tokens of a kind.
func (m *maker) issuers(kind string, which func(*specs.Issue) bool) []*specs.Operation {
	var out []*specs.Operation
	for _, op := range m.c.Operations {
		if slices.ContainsFunc(op.Issues, func(i *specs.Issue) bool { return i.Token.Name == kind && (which == nil || which(i)) }) {
			out = append(out, op)
		}
	}
	return out
}

// kindsIn are the kinds of token that die when something ends: the kind that is
// named, or all those of a session.
func (m *maker) kindsIn(e *specs.Expr) []string {
	var all, named []string
	names, _ := e.Names() // what cannot be read names nothing
	for _, k := range m.c.Tokens {
		all = append(all, k.Name)
		for root, paths := range names {
			if root == k.Name || slices.ContainsFunc(paths, func(p []string) bool { return len(p) > 0 && p[len(p)-1] == k.Name }) {
				named = append(named, k.Name)
				break
			}
		}
	}
	if len(named) > 0 {
		return named
	}
	return all
}

// death is what it rests on that what ended is refused, or answered otherwise.
func (m *maker) death(e *specs.Expr) specs.Mark {
	var marks []specs.Mark
	for _, kind := range m.kindsIn(e) {
		marks = append(marks, m.bestRefusal("token.revoked."+kind))
	}
	return weight.Strongest(marks)
}

// endings is what it rests on that tokens of a kind are ended at all.
func (m *maker) endings(kind string) specs.Mark {
	var marks []specs.Mark
	for _, op := range m.c.Operations {
		for _, e := range op.Ends {
			if slices.Contains(m.kindsIn(e.What), kind) {
				marks = append(marks, e.Evidence.Part("refusal"))
			}
		}
	}
	return weight.Strongest(marks)
}

// spared is what it rests on that something lives on, by what keeps says.
func (m *maker) spared(op *specs.Operation, what *specs.Expr) specs.Mark {
	everywhere := func(s string) bool { return strings.Contains(s, ".sessions") }
	marks := []specs.Mark{weight.Unsaid("the contract does not say that it lives on")}
	for _, k := range op.Keeps {
		a, b := k.What.Src, what.Src
		if a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".") || everywhere(a) && everywhere(b) {
			marks = append(marks, k.Evidence.Part("refusal"))
		}
	}
	return weight.Strongest(marks)
}

// apart are the weights of what differs between an answer and what is answered in
// its place; nil: nothing is.
func (m *maker) apart(op *specs.Operation, a, b *specs.Answer) []specs.Mark {
	if b == nil {
		return []specs.Mark{a.Evidence.Part("status"), a.Evidence.Part("shape")}
	}
	var out []specs.Mark
	if a.Status != nil && b.Status != nil && a.Status.Src != b.Status.Src {
		out = append(out, a.Evidence.Part("status"))
	}
	if (a.Example == nil) != (b.Example == nil) {
		out = append(out, a.Evidence.Part("shape"))
	}
	others := bindsOf(b)
	bound := map[string]bool{}
	for _, x := range bindsOf(a) {
		bound[x.At.Src] = true
		same := slices.ContainsFunc(others, func(y *specs.AnswerBind) bool {
			return y.At.Src == x.At.Src && y.Value.Src == x.Value.Src && y.Value.Must == x.Value.Must
		})
		switch {
		case same:
		case x.At.In != specs.InBody:
			if !x.Value.Must || slices.ContainsFunc(others, func(y *specs.AnswerBind) bool { return y.At.Src == x.At.Src }) {
				out = append(out, weight.At(a.Evidence, x.At, "headers"))
			}
		default:
			out = append(out, weight.At(a.Evidence, x.At, "values"))
		}
	}
	if a.Example == nil || b.Example == nil {
		return out
	}
	n := m.schemaOf(op, a)
	for _, tokens := range required(a.Example.Value, n, nil, 0) {
		if _, ok := value.Lookup(b.Example.Value, tokens); !ok {
			out = append(out, weight.At(a.Evidence, pointerAt(tokens), "shape"))
		}
	}
	for _, p := range shape(a.Example.Value, "") {
		tokens, err := value.SplitPointer(p)
		if err != nil || bound[p] {
			continue
		}
		if _, ok := value.Lookup(b.Example.Value, tokens); !ok {
			out = append(out, weight.AtMostObserved(weight.At(a.Evidence, pointerAt(tokens), "shape"), "the documented example has it, and nothing demands it"))
		}
	}
	return out
}

// instead are the answers that may be given where one is not: those after it, up
// to the first that always holds. A nil among them is an answer without a body.
func instead(op *specs.Operation, i int) []*specs.Answer {
	var out []*specs.Answer
	for _, a := range op.Answers[i+1:] {
		out = append(out, a)
		if a.When == nil {
			return out
		}
	}
	return append(out, nil)
}

// dueAlways is due where nothing is wrong with what is refused, so that no law
// forbids to take it.
func (m *maker) dueAlways(op *specs.Operation, reasons []string) specs.Mark {
	if len(reasons) == 0 {
		return weight.Unsaid("nothing says that it is refused")
	}
	marks := make([]specs.Mark, 0, len(reasons))
	for _, r := range reasons {
		marks = append(marks, m.refusal(op, r).entry("refusal"))
	}
	return weight.Strongest(marks)
}

// due is what it rests on that a request is refused for one of some reasons, the
// best of them; none: it is not refused. by is the proof that is not fulfilled, or
// nil.
func (m *maker) due(op *specs.Operation, by *specs.Proof, reasons []string, links ...specs.Mark) specs.Mark {
	if len(reasons) == 0 {
		return weight.Unsaid("nothing says that it is refused")
	}
	marks := make([]specs.Mark, 0, len(reasons))
	for _, r := range reasons {
		x := m.refusal(op, r)
		marks = append(marks, weight.Weakest(append(weight.Refused(op, by, r, x.entry("refusal"), nil), links...)))
	}
	return weight.Strongest(marks)
}

// turnedAway are the reasons for which who comes with a proof is refused where it
// is not offered: something else is asked for.
func (m *maker) turnedAway(p *specs.Proof, security bool, settings map[string]any) []string {
	op := m.op
	var alts [][]*specs.Proof
	if security {
		for _, alt := range op.Security {
			if !slices.Contains(alt, p) {
				alts = append(alts, alt)
			}
		}
		if op.Anonymous {
			return nil
		}
	} else {
		for _, x := range op.Accepts {
			if x != p {
				alts = append(alts, []*specs.Proof{x})
			}
		}
	}
	sent := map[string]*specs.RequestBind{}
	for _, b := range needed([]*specs.Proof{p}) {
		sent[b.At.Src] = b
	}
	var best []*specs.RequestBind
	var first *specs.RequestBind
	most := -1.0
	for _, alt := range alts {
		alt = slices.DeleteFunc(slices.Clone(alt), func(x *specs.Proof) bool { return !m.gate.may(op, x.When)(settings) })
		want := needed(alt)
		if len(want) == 0 {
			continue
		}
		have := 0
		var missing *specs.RequestBind
		for _, b := range want {
			if sent[b.At.Src] != nil {
				have++
			} else if missing == nil {
				missing = b
			}
		}
		if share := float64(have) / float64(len(want)); share > most {
			best, first, most = want, missing, share
		}
	}
	switch {
	case best == nil:
		return nil
	case first != nil:
		return []string{missingReason(first, security)}
	}
	return wrongReasons(best, sent)
}

// needed are the bindings without which a proof is not complete.
func needed(alt []*specs.Proof) []*specs.RequestBind {
	var out []*specs.RequestBind
	for _, p := range alt {
		out = append(out, p.Binds...)
		for _, a := range p.Also {
			if !a.Optional {
				out = append(out, needed([]*specs.Proof{a})...)
			}
		}
	}
	return out
}

// missingReason is the reason for refusing a request without a location.
func missingReason(b *specs.RequestBind, security bool) string {
	inMessage := b.At.In == specs.InBody || b.At.In == specs.InPath || b.At.In == specs.InQuery
	switch {
	case isToken(b) && (security || !inMessage):
		return "token.missing." + b.Alts[0].Token
	case b.At.In == specs.InBasicUser || b.At.In == specs.InBasicPassword || b.At.In == specs.InHeader && isRecord(b):
		return "credentials.missing." + b.Alts[0].Role
	}
	return "request.field.missing"
}

// wrongReasons are the reasons for refusing who sends what belongs to another
// proof.
func wrongReasons(want []*specs.RequestBind, sent map[string]*specs.RequestBind) []string {
	secret := map[string]bool{}
	for _, b := range want {
		if isRecord(b) && b.Alts[0].Secret {
			secret[b.Alts[0].Role] = true
		}
	}
	var out []string
	for _, b := range want {
		switch {
		case b.Else != "":
			out = append(out, b.Else)
		case isToken(b):
			out = append(out, "token.wrong-kind."+b.Alts[0].Token, "token.unknown."+b.Alts[0].Token)
		case isRecord(b) && !b.Alts[0].Secret && secret[b.Alts[0].Role]:
			out = append(out, "credentials.unknown."+b.Alts[0].Role)
		case isRecord(b) && !b.Alts[0].Secret:
			out = append(out, "record.unknown."+b.Alts[0].Role)
		case isRecord(b) && sent[b.At.Src] != nil && isRecord(sent[b.At.Src]) && sent[b.At.Src].Alts[0].Field != b.Alts[0].Field:
			out = append(out, "credentials.wrong."+b.Alts[0].Role)
		}
	}
	return out
}
