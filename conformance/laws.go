package conformance

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// laws makes the cases of what holds for every contract.
func (b *builder) laws(op *specs.Operation, f *found) {
	b.neverMixed(op, f)
	b.refusedChangesNothing(op, f)
	b.refusedIsUndone(op, f)
	b.deadEverywhere(op, f)
	b.sameInEveryForm(op, f)
	b.onceOnly(op, f)
	b.usedTwice(op, f)
	b.kept(op, f)
	b.method(op)
	b.ownTokens(op, f)
}

// neverMixed: with two accounts logged in, each is answered as itself.
func (b *builder) neverMixed(op *specs.Operation, f *found) {
	for _, c := range f.bases() {
		if len(c.way.steps) == 0 || !speaksOfAccount(b.p.Contract, c) {
			continue
		}
		others := c.e.others(c.way)
		if len(others) < 2 {
			continue
		}
		n := len(c.way.steps)
		steps := append(slices.Clone(c.way.steps), shiftSteps(others[1].steps, n)...)
		state, err := c.e.walk(steps)
		if err != nil {
			continue
		}
		x := c.e.tryIn(state, c.filling)
		if x == nil || x.p.Failure != nil {
			continue
		}
		cs := b.caseOf(append(steps, x.step("")), x, "law", op.ID+" answers an account as itself while another is logged in",
			lawOf("no account is taken for another"))
		b.add(cs, op.ID, "law.never-mixed")
		return
	}
}

// speaksOfAccount reports whether an answer has something of the session's
// records in it.
func speaksOfAccount(c *specs.Contract, x *candidate) bool {
	if x.p.Answer == nil {
		return false
	}
	binds := x.p.Answer.Binds
	if x.p.Answer.Example != nil {
		binds = slices.Concat(x.p.Answer.Example.Binds, binds)
	}
	return slices.ContainsFunc(binds, func(b *specs.AnswerBind) bool {
		return slices.ContainsFunc(b.Value.Refs(), func(r *specs.Ref) bool {
			f, ok := c.Session.Fact(r.Root)
			return ok && f.Record != ""
		})
	})
}

// refusedChangesNothing: after a refused request, the right one succeeds.
func (b *builder) refusedChangesNothing(op *specs.Operation, f *found) {
	bases := f.bases()
	if len(bases) == 0 {
		return
	}
	reads := len(op.Ends)+len(op.Opens)+len(op.Issues)+len(op.Sets)+len(op.Creates) == 0
	done := map[string]bool{}
	if b.goodAfterBad(op, f) {
		done["token"], done["request"] = true, true
	}
	// First those that are refused although the session is known: a server that
	// spoils something then has something to spoil.
	for _, known := range []bool{true, false} {
		for _, k := range f.order {
			r := f.by[k]
			if r.p.Failure == nil || r.dead != nil || r.settings != nil || r.proof != nil {
				continue
			}
			class, _, _ := strings.Cut(r.p.Failure.Reason, ".")
			if early := class == "token" || class == "credentials" || r.p.Failure.Reason == "request.accept"; early == known || done[class] {
				continue
			}
			made := false
			if h := f.held[k]; known && h != nil && h.dead == nil && h.settings == nil {
				made = h != r && b.refusedThen(op, h, bases, class) || b.stillLives(op, h)
			}
			if !made && !b.refusedThen(op, r, bases, class) {
				continue
			}
			if done[class] = true; reads && len(done) > 1 {
				return // where nothing is written two refusals are enough
			}
		}
	}
}

// refusedThen makes the case of one refusal, with the right request after it.
func (b *builder) refusedThen(op *specs.Operation, r *candidate, bases []*candidate, class string) bool {
	steps := append(slices.Clone(r.way.steps), b.last(r))
	state, err := r.e.walk(steps)
	if err != nil {
		return false
	}
	// The right request comes in the same session, where there is one.
	ordered := slices.Clone(bases)
	if carries := len(r.e.tokens(r)) > 0; carries {
		slices.SortStableFunc(ordered, func(a, b *candidate) int { return len(b.e.tokens(b)) - len(a.e.tokens(a)) })
	}
	for _, c := range ordered {
		if c.settings != nil || len(c.way.steps) > len(r.way.steps) {
			continue
		}
		x := r.e.tryIn(state, c.filling)
		if x == nil || x.p.Failure != nil {
			continue
		}
		cs := b.caseOf(append(steps, x.step("")), x, "law", fmt.Sprintf("%s succeeds after it was refused for %s", op.ID, r.p.Failure.Reason),
			lawOf(nothingChanged))
		b.add(cs, op.ID, "law.refused-changes-nothing", slug(class))
		return true
	}
	return false
}

// sameInEveryForm: what is answered as JSON and as XML is the same.
func (b *builder) sameInEveryForm(op *specs.Operation, f *found) {
	offers := b.e.ops[op.ID].Offers
	if len(offers) < 2 {
		return
	}
	for _, c := range f.bases() {
		if len(c.p.Issue)+len(c.p.Opens)+len(c.p.Creates)+len(c.p.Consume)+len(c.p.Ends) > 0 {
			continue
		}
		first, second := c.request.clone(), c.request.clone()
		first.accept, second.accept = offers[0], offers[1]
		steps := append(slices.Clone(c.way.steps), &step{request: first, purpose: "ask for " + offers[0], outcome: c.p.Outcome(), success: true})
		g := c.filling.clone()
		g.r = second
		x := c.e.tryIn(c.way, g)
		if x == nil || x.p.Failure != nil || x.p.Outcome() != c.p.Outcome() {
			continue
		}
		cs := b.caseOf(append(steps, &step{request: second, purpose: "ask for " + offers[1], outcome: x.p.Outcome(), success: true}), x, "format",
			fmt.Sprintf("%s answers the same as %s and as %s", op.ID, offers[0], offers[1]))
		cs.twin = true
		b.add(cs, op.ID, "law.same-in-every-form", slug(c.p.Outcome()))
		return
	}
}

// usedTwice: a token that may be used often is not used up, and what is asked
// twice is answered twice.
func (b *builder) usedTwice(op *specs.Operation, f *found) {
	for _, c := range f.bases() {
		if len(c.way.steps) == 0 || len(c.p.Consume)+len(c.p.Ends)+len(c.p.Creates) > 0 || len(c.e.tokens(c)) == 0 {
			continue
		}
		steps := append(slices.Clone(c.way.steps), c.step(""))
		state, err := c.e.walk(steps)
		if err != nil {
			continue
		}
		x := c.e.tryIn(state, c.filling)
		if x == nil || x.p.Failure != nil {
			continue
		}
		last := x.step("")
		last.purpose += ", once more"
		cs := b.caseOf(append(steps, last), x, "law", op.ID+" answers a second time",
			lawOf("a token that is not for single use is not used up"))
		b.add(cs, op.ID, "law.answers-twice")
		return
	}
}

// maxKept bounds how many requests read back what one operation wrote.
const maxKept = 2

// kept: what was written is there afterwards: an account logs in with its new
// password, and is answered with its new name.
func (b *builder) kept(op *specs.Operation, f *found) {
	if len(op.Sets)+len(op.Creates) == 0 {
		return
	}
	// The request that writes most, the one by which an account writes to itself,
	// and the first.
	var first, most, self *candidate
	for _, k := range f.order {
		x := f.by[k]
		if x.p.Failure != nil || x.dead != nil || x.wait != 0 || len(x.extra) > 0 {
			continue
		}
		if first == nil {
			first = x
		}
		if most == nil && strings.HasPrefix(x.tag, "everything") {
			most = x
		}
		if self == nil && writesToItself(x) {
			self = x
		}
	}
	for _, c := range []*candidate{most, self, first} {
		if c != nil && b.keptAfter(op, c) > 0 {
			return
		}
	}
}

// writesToItself reports whether the record that is written is named by two
// roles: who calls, and what is written.
func writesToItself(x *candidate) bool {
	for _, s := range x.p.Op.Sets {
		r := x.filling.roles[s.To]
		for role, o := range x.filling.roles {
			if r != nil && role != s.To && o.Kind == r.Kind && o.Key == r.Key {
				return true
			}
		}
	}
	return false
}

// keptAfter makes the cases that read back what one request wrote, and says how
// many.
func (b *builder) keptAfter(op *specs.Operation, c *candidate) int {
	steps := append(slices.Clone(c.way.steps), b.last(c))
	state, err := c.e.walk(steps)
	if err != nil {
		return 0
	}
	found := 0
	for _, o := range b.readers(op) {
		if found >= maxKept || !c.e.offered(state, o) {
			continue
		}
		before := map[string]bool{}
		for _, x := range c.e.plain(c.way, o, maxKeptTries) {
			before[c.e.said(x)] = true
		}
		for _, x := range c.e.plain(state, o, maxKeptTries) {
			if x.p.Failure != nil || before[c.e.said(x)] {
				continue
			}
			// It is answered otherwise than before: the write shows.
			cs := b.caseOf(append(slices.Clone(steps), x.step("")), x, "law", fmt.Sprintf("%s shows what %s wrote", o.ID, op.ID),
				setLinks(op)...)
			cs.Operation, cs.Method, cs.Path = op.ID, op.Method, op.Path
			b.add(cs, op.ID, "law.written-is-kept", slug(o.ID))
			found++
			break
		}
	}
	return found
}

// maxReaders bounds the operations that are asked whether they show a write.
const maxReaders = 4

// readers are operations that may show what one has written: those at a path
// like its own first, and those that log in.
func (b *builder) readers(op *specs.Operation) []*specs.Operation {
	var logins, others []*specs.Operation
	for _, o := range b.p.Contract.Operations {
		switch {
		case o == op || len(o.Sets)+len(o.Creates)+len(o.Ends) > 0:
		case len(o.Opens) > 0:
			logins = append(logins, o)
		case o.Method == http.MethodGet:
			others = append(others, o)
		}
	}
	slices.SortStableFunc(others, func(x, y *specs.Operation) int {
		return commonStart(y.Path, op.Path) - commonStart(x.Path, op.Path)
	})
	return append(logins[:min(1, len(logins))], others[:min(maxReaders, len(others))]...)
}

// maxKeptTries bounds the requests that are tried to see a write.
const maxKeptTries = 12

// setLinks are what the writing rests on.
func setLinks(op *specs.Operation) []link {
	out := link{what: "what is written", mark: specs.Mark{Level: specs.Inferred, Reason: "the contract does not say what it rests on"}, pointer: op.Pointer + "/x-session"}
	for _, s := range op.Sets {
		if m := s.Evidence.Part("values"); m.Level > out.mark.Level {
			out.mark = m
		}
	}
	for _, c := range op.Creates {
		if m := c.Evidence.Part("values"); m.Level > out.mark.Level {
			out.mark = m
		}
	}
	return []link{out}
}

// said is a request and what would be answered, as one text.
func (e *explorer) said(c *candidate) string {
	var out string
	s := c.way.shadow
	s.store.Update(func(tx session.Tx) {
		p, err := s.decideIn(c.request, tx)
		if err != nil {
			return
		}
		sent, err := c.request.build(context.Background(), s.to, s.fill(tx))
		if err != nil {
			return
		}
		status, problem := p.Status()
		if problem {
			out = p.Outcome()
			return
		}
		typ, node, _ := c.request.op.Media(p.Decision, status, p.typ)
		r := p.Render(status, node)
		out = fmt.Sprint(p.Outcome(), status, typ, show(r.Body), string(sent.raw), sent.http.URL.String())
	})
	return out
}

// method: a method that a path does not have, and a path that nobody has.
func (b *builder) method(op *specs.Operation) {
	c := b.p.Contract
	if !b.e.offered(b.e.empty, op) {
		return
	}
	if !b.nowhereDone && len(op.PathParameters()) == 0 {
		b.nowhereDone = true
		b.nowhere(op, &request{op: b.e.ops[op.ID].Without(), template: op.Path + "/conform/no-such-path"}, "request.path", "a path that nobody has")
	}
	var methods []string
	for _, o := range c.Operations {
		if o.Path == op.Path && b.e.offered(b.e.empty, o) {
			if len(methods) == 0 && o != op {
				return // the first operation of a path speaks for it
			}
			methods = append(methods, o.Method)
		}
	}
	for _, m := range []string{"DELETE", "PUT", "PATCH", "POST", "GET"} {
		if slices.Contains(methods, m) {
			continue
		}
		r := &request{op: b.e.ops[op.ID].Without(), method: m, template: ""}
		r.op.Op.Path, r.op.Op.Method = op.Path, op.Method
		if !b.e.parameters(r, op) {
			return
		}
		b.nowhere(op, r, "request.method", "the method "+m)
		return
	}
}

func (b *builder) nowhere(op *specs.Operation, r *request, reason, what string) {
	if b.p.Contract.Failures[reason] == nil {
		return // the contract says nothing of it
	}
	x := b.e.tryIn(b.e.empty, &filling{r: r, roles: map[string]*session.Record{}})
	if x == nil || x.p.Failure == nil || x.p.Failure.Reason != reason {
		return
	}
	x.how = "with " + what
	cs := b.caseOf([]*step{{request: r, purpose: "call " + what, outcome: x.p.Outcome()}}, x, "request", what+" is refused")
	cs.Operation, cs.Method, cs.Path = op.ID, op.Method, op.Path
	b.add(cs, op.ID, slug(reason))
}
