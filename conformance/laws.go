package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
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
		steps := append(slices.Clone(c.way.steps), c.e.shiftSteps(others[1].steps, n)...)
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
		steps := append(slices.Clone(c.way.steps), &step{request: first, purpose: "ask for " + offers[0], outcome: c.p.Outcome(), success: true, opens: len(c.p.Opens)})
		g := c.with(second)
		x := c.e.tryIn(c.way, g)
		if x == nil || x.p.Failure != nil || x.p.Outcome() != c.p.Outcome() {
			continue
		}
		cs := b.caseOf(append(steps, &step{request: second, purpose: "ask for " + offers[1], outcome: x.p.Outcome(), success: true, opens: len(x.p.Opens)}), x, "format",
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
	b.secretsKept(op, first)
	for _, c := range []*candidate{most, self, first} {
		if c != nil && b.keptAfter(op, c) > 0 {
			return
		}
	}
}

// maxSecrets bounds the requests of one operation whose secret is logged in with.
const maxSecrets = 2

// secretsKept makes the cases of log-ins with each secret that documented requests
// of an operation write.
func (b *builder) secretsKept(op *specs.Operation, first *candidate) {
	secret := slices.ContainsFunc(op.Sets, func(s *specs.Set) bool {
		k := b.p.Contract.Record(op.Roles[s.To])
		return k != nil && slices.ContainsFunc(s.Values, func(v specs.NamedValue) bool { return k.Fields[v.Name].Secret })
	})
	if !secret || first == nil {
		return
	}
	made := 0
	for _, body := range first.e.bodies(op, nil) {
		if body.media == nil || made >= maxSecrets {
			continue
		}
		c := first.e.changed(first, func(r *request) {
			old := r.clone()
			r.body, r.media = body.value, body.media
			for _, p := range first.filling.proofs {
				for _, b := range slices.Concat(p.Binds, p.May) {
					if v, there := old.get(b.At); there {
						r.set(b.At, v)
					}
				}
			}
		})
		if c == nil || c.p.Failure != nil || show(c.request.body) == show(first.request.body) {
			continue
		}
		steps := append(slices.Clone(c.way.steps), b.last(c))
		state, err := c.e.walk(steps)
		if err != nil {
			continue
		}
		for _, o := range b.p.Contract.Operations {
			if len(o.Opens) > 0 && o != op && c.e.offered(state, o) {
				if b.logsIn(op, c, steps, state, o) {
					made++
				}
				break
			}
		}
	}
}

// writesToItself reports whether the record that is written is named by two
// roles: who calls, and what is written.
func writesToItself(x *candidate) bool {
	for _, s := range x.p.Op.Sets {
		r := x.filling.roles.record(s.To)
		for _, o := range x.filling.roles {
			if r != nil && o.name != s.To && o.record.Kind == r.Kind && o.record.Key == r.Key {
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
		if len(o.Opens) > 0 {
			if b.logsIn(op, c, steps, state, o) {
				found++
			}
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

// logsIn makes the case of a log-in with what one request wrote, if need be after
// another one that brings it into force. It reports whether there is one.
func (b *builder) logsIn(op *specs.Operation, c *candidate, steps []*step, state *way, login *specs.Operation) bool {
	try := func(steps []*step, w *way) bool {
		for _, g := range c.e.touching(w, login, c) {
			x, before := c.e.tryIn(w, g), c.e.tryIn(c.way, g)
			if x == nil || x.p.Failure != nil || before != nil && before.p.Failure == nil && c.e.said(before) == c.e.said(x) {
				continue
			}
			cs := b.caseOf(append(slices.Clone(steps), x.step("")), x, "law", fmt.Sprintf("%s takes what %s wrote", login.ID, op.ID), setLinks(op)...)
			cs.Operation, cs.Method, cs.Path = op.ID, op.Method, op.Path
			b.add(cs, op.ID, "law.written-is-kept", slug(login.ID))
			return true
		}
		return false
	}
	if try(steps, state) {
		return true
	}
	if len(op.Creates) == 0 {
		return false
	}
	for _, o := range b.p.Contract.Operations {
		if o == op || len(o.Sets) == 0 || !c.e.offered(state, o) {
			continue
		}
		for _, g := range append(b.aimed(state, o), c.e.touching(state, o, c)...) {
			x := c.e.tryIn(state, g)
			if x == nil || x.p.Failure != nil {
				continue
			}
			for _, y := range append([]*candidate{x}, c.e.otherMembers(x)...) {
				further := append(slices.Clone(steps), y.step(""))
				if w, err := c.e.walk(further); err == nil && try(further, w) {
					return true
				}
			}
			break
		}
	}
	return false
}

// otherMembers are requests that succeed with another value of one member that
// decides: a number, a choice, a yes or no.
func (e *explorer) otherMembers(c *candidate) []*candidate {
	if _, ok := c.request.body.(value.Object); !ok || c.request.media == nil || c.request.media.Schema == nil {
		return nil
	}
	var out []*candidate
	for _, p := range c.request.media.Schema.Properties() {
		if len(p.Schema.Enum) == 0 && !p.Schema.Is("integer") && !p.Schema.Is("boolean") {
			continue
		}
		for _, v := range others(p.Schema, nil) {
			x := e.changed(c, func(r *request) { r.set(specs.Location{Tokens: []string{p.Name}}, v) })
			if x != nil && x.p.Failure == nil {
				out = append(out, x)
			}
		}
	}
	return out
}

// aimed are requests of an operation that are known to succeed without a log-in
// before, and speak now of a record that a step has made.
func (b *builder) aimed(state *way, op *specs.Operation) []*filling {
	var out []*filling
	for _, y := range b.found[op.ID].bases() {
		if len(y.way.steps) > 0 {
			continue
		}
		secret := map[string]bool{} // roles that prove themselves
		everyProof(op, func(p *specs.Proof) {
			for _, x := range p.Binds {
				for _, t := range x.Alts {
					secret[t.Role] = secret[t.Role] || t.Secret
				}
			}
		})
		state.shadow.store.Update(func(tx session.Tx) {
			pr := &prover{w: state, op: y.request.op, tx: tx, most: maxFilled}
			for _, p := range y.filling.proofs {
				for _, x := range p.Binds {
					if len(x.Alts) == 0 || x.Alts[0].Kind != specs.FindRecord || secret[x.Alts[0].Role] {
						continue
					}
					for _, r := range tx.Records(x.Alts[0].Record) {
						v, ok := pr.fieldValue(x, x.Alts[0].Role, r)
						if r.Made && ok {
							g := y.copy()
							g.r.set(x.At, v)
							g.role(x.Alts[0].Role, r)
							out = append(out, g)
						}
					}
				}
			}
		})
		if len(out) > 0 {
			break
		}
	}
	return out
}

// touching are requests of an operation that speak of a record that another
// request speaks of or has made.
func (e *explorer) touching(w *way, op *specs.Operation, c *candidate) []*filling {
	var out []*filling
	l := e.listing(w, op, maxCandidates)
	for i := 0; len(out) < maxKeptTries; i++ {
		g := l.at(i)
		if g == nil {
			break
		}
		for _, r := range g.roles {
			named := r.record.Made
			for _, o := range c.filling.roles {
				named = named || o.record.Kind == r.record.Kind && o.record.Key == r.record.Key
			}
			if named {
				out = append(out, g)
				break
			}
		}
	}
	return out
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
	for i, s := range op.Sets {
		if m := s.Evidence.Part("values"); m.Level > out.mark.Level {
			out.mark, out.pointer = m, fmt.Sprintf("%s/x-session/sets/%d", op.Pointer, i)
		}
	}
	for i, c := range op.Creates {
		if m := c.Evidence.Part("values"); m.Level > out.mark.Level {
			out.mark, out.pointer = m, fmt.Sprintf("%s/x-session/creates/%d", op.Pointer, i)
		}
	}
	return []link{out}
}

// said is a request and what would be answered, as one text.
func (e *explorer) said(c *candidate) string {
	if c.says != "" {
		return c.says
	}
	s := c.way.shadow
	s.store.Update(func(tx session.Tx) {
		status, problem := c.p.Status()
		if problem {
			c.says = c.p.Outcome()
			return
		}
		f := s.fill(tx)
		target, _, err := c.request.target(f)
		if err != nil {
			return
		}
		raw, _, err := c.request.encode(f)
		if err != nil {
			return
		}
		typ, node, _ := c.request.op.Media(c.p.Decision, status, c.p.typ)
		c.says = fmt.Sprint(c.p.Outcome(), status, typ, show(c.p.Render(status, node).Body), string(raw), target)
	})
	return c.says
}

// method: a method that a path does not have, and a path that nobody has.
func (b *builder) method(op *specs.Operation) {
	c := b.p.Contract
	if !b.e.offered(b.e.empty, op) {
		return
	}
	if !b.nowhereDone && len(op.PathParameters()) == 0 {
		b.nowhereDone = true
		b.nowhere(op, &request{op: b.e.ops[op.ID].Without(), bad: &broken{template: op.Path + "/conform/no-such-path"}}, "request.path", "a path that nobody has")
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
		r := &request{op: b.e.ops[op.ID].Without(), bad: &broken{method: m}}
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
	x := b.e.tryIn(b.e.empty, &filling{r: r})
	if x == nil || x.p.Failure == nil || x.p.Failure.Reason != reason {
		return
	}
	x.how = "with " + what
	cs := b.caseOf([]*step{{request: r, purpose: "call " + what, outcome: x.p.Outcome()}}, x, "request", what+" is refused")
	cs.Operation, cs.Method, cs.Path = op.ID, op.Method, op.Path
	b.add(cs, op.ID, slug(reason))
}
