package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// probe is a request that says whether a token lives, and what it costs.
type probe struct {
	c    *candidate
	slot *slot // the token in it
	cost int
	nth  int // its operation: of two that cost the same, the first
}

// probes finds the simplest one for each kind of token that a way holds.
func (b *builder) probes(e *explorer, w *way) map[string]probe {
	if e.probing == nil {
		e.probing = map[*way]map[string]probe{}
	}
	if out, ok := e.probing[w]; ok {
		return out
	}
	best := b.probesOf(e, w, func(string) bool { return true })
	e.probing[w] = best
	return best
}

// probesOf is probes for some kinds of token alone.
func (b *builder) probesOf(e *explorer, w *way, wanted func(kind string) bool) map[string]probe {
	best := map[string]probe{}
	for _, reading := range []bool{true, false} { // what reads is simpler
		for n, op := range b.p.Contract.Operations {
			if (op.Method == http.MethodGet) == reading && e.offered(w, op) {
				e.probe(w, op, n, wanted, best)
			}
		}
	}
	return best
}

// probe looks for simpler ones in one operation, the nth. A request that would be
// no better than what is known, whatever it means, is not tried.
func (e *explorer) probe(w *way, op *specs.Operation, n int, wanted func(kind string) bool, best map[string]probe) {
	own := 0
	if op.Method != http.MethodGet {
		own = 5
	}
	better := func(kind string, cost int) bool {
		old, ok := best[kind]
		return wanted(kind) && (!ok || cost < old.cost || cost == old.cost && n < old.nth)
	}
	sent := e.tokensOf(op)
	if !slices.ContainsFunc(w.holds, func(h holding) bool { return sent.kinds[h.kind] && better(h.kind, 10*sent.least+own) }) {
		return
	}
	worth := func(f *filling) bool {
		tokens := e.tokensIn(f)
		cost := 10*len(tokens) + own + len(f.roles)
		return slices.ContainsFunc(tokens, func(t placed) bool { return better(t.slot.name, cost) })
	}
	for c := range e.each(w, op, worth) {
		if c.p.Failure != nil || len(c.p.Creates)+len(c.p.Sets) > 0 {
			continue
		}
		tokens := e.tokens(c)
		cost := 10*len(tokens) + own + 20*(len(c.p.Ends)+len(c.p.Issue)+len(c.p.Consume)+len(c.p.Opens)) + len(c.filling.roles)
		for _, t := range tokens {
			if better(t.slot.name, cost) && e.tells(c, t) {
				best[t.slot.name] = probe{c, t.slot, cost, n}
			}
		}
	}
}

// sentTokens is what requests of an operation carry: which kinds of token, and how
// many tokens at least.
type sentTokens struct {
	kinds map[string]bool
	least int
}

// tokensOf says what requests of an operation carry that carry a token at all.
func (e *explorer) tokensOf(op *specs.Operation) sentTokens {
	if out, ok := e.fixed.sent[op]; ok {
		return out
	}
	out := sentTokens{kinds: map[string]bool{}}
	everyProof(op, func(p *specs.Proof) {
		for _, b := range slices.Concat(p.Binds, p.May) {
			for _, t := range b.Alts {
				if t.Kind == specs.FindToken {
					out.kinds[t.Token] = true
				}
			}
		}
	})
	var accepts [][]*specs.Proof
	for _, p := range op.Accepts {
		accepts = append(accepts, []*specs.Proof{p})
	}
	if !op.Anonymous {
		out.least = leastTokens(op.Security)
	}
	out.least = max(1, out.least+leastTokens(accepts))
	if e.fixed.sent == nil {
		e.fixed.sent = map[*specs.Operation]sentTokens{}
	}
	e.fixed.sent[op] = out
	return out
}

// leastTokens is how many tokens each of several alternatives wants, whatever the
// settings are.
func leastTokens(alts [][]*specs.Proof) int {
	least := 0
	for i, alt := range alts {
		n := 0
		for _, p := range alt {
			n += wantedTokens(p)
		}
		if i == 0 || n < least {
			least = n
		}
	}
	return least
}

func wantedTokens(p *specs.Proof) int {
	if p.When != nil || p.Optional {
		return 0
	}
	n := 0
	for _, b := range p.Binds {
		if len(b.Alts) > 0 && b.Alts[0].Kind == specs.FindToken {
			n++
		}
	}
	for _, a := range p.Also {
		n += wantedTokens(a)
	}
	return n
}

// tells reports whether a request is refused without this very token: one that
// is answered to anybody says nothing of it.
func (e *explorer) tells(c *candidate, t placed) bool {
	g := c.copy()
	s := *t.slot
	s.change = noToken
	g.r.set(t.bind.At, &s)
	x := e.tryIn(c.way, g)
	return x != nil && x.p.Failure != nil
}

// whose says to whom a token belongs that is looked at.
type whose string

const (
	ownLogin     whose = "own"
	sameAccount  whose = "same-account"
	otherAccount whose = "other-account"
)

func (w whose) words() string {
	switch w {
	case ownLogin:
		return "the same login"
	case sameAccount:
		return "another login of the same account"
	default:
		return "another account"
	}
}

// effects makes, for each operation that changes something, the cases that say
// what has become of each token: of the session, of another session of the same
// account, of another account.
func (b *builder) effects(op *specs.Operation, f *found) {
	done := map[string]bool{}
	if len(op.Ends)+len(op.Keeps)+len(op.Opens)+len(op.Issues) == 0 {
		b.writes(op, f, done)
		return
	}
	for _, c := range f.bases() {
		first := c.way
		if len(first.steps) == 0 {
			// A login: what becomes of the logins before it.
			if len(c.p.Opens) == 0 {
				continue
			}
			w, err := c.e.walk([]*step{c.step("")})
			if err != nil {
				continue
			}
			first = w
		} else {
			b.effect(c, first, ownLogin, 1, done)
		}
		b.fresh(c, done)
		b.effect(c, first, sameAccount, 1, done)
		if reachesSessions(op) {
			b.effect(c, first, sameAccount, severalLogins, done)
		}
		if w := c.e.otherAccount(first); w != nil {
			b.effect(c, w, otherAccount, 1, done)
		}
	}
	for _, k := range f.order {
		// Who asks for more may be given other tokens.
		if c := f.by[k]; c.p.Failure == nil && c.how != "" && c.extra == nil && c.dead == nil && c.wait == 0 && len(c.p.Opens) > 0 {
			b.fresh(c, done)
		}
	}
}

// writes makes the case of an operation that only writes: what another account
// has lives on.
func (b *builder) writes(op *specs.Operation, f *found, done map[string]bool) {
	if len(op.Sets)+len(op.Creates) == 0 {
		return
	}
	bases := f.bases()
	slices.SortStableFunc(bases, func(a, b *candidate) int { return len(b.e.tokens(b)) - len(a.e.tokens(a)) })
	for _, c := range bases {
		w := c.e.otherAccount(c.way)
		if w == nil {
			continue
		}
		if b.effect(c, w, otherAccount, 1, done); len(done) > 0 {
			return
		}
	}
}

// severalLogins is how many logins stand before one that may end the oldest.
const severalLogins = 3

// reachesSessions reports whether an operation ends other sessions than its own.
func reachesSessions(op *specs.Operation) bool {
	return slices.ContainsFunc(op.Ends, func(e *specs.Effect) bool { return strings.Contains(e.What.Src, ".sessions") })
}

// otherAccount is a state in which somebody else is logged in, the same way if
// there is one; nil: nobody else can. Where nobody is logged in yet, anybody is
// somebody else.
func (e *explorer) otherAccount(w *way) *way {
	var best *way
	least := 0
	for _, x := range e.ways {
		if x == w || len(x.holds) == 0 || len(w.holds) > 0 && !otherThan(e.fixed.accounts, x.who, w.who) {
			continue
		}
		n := 10 * sharedFacts(x.who, w.who)
		if x.via != w.via {
			n++
		}
		if best == nil || n < least {
			best, least = x, n
		}
	}
	return best
}

// otherThan reports whether two sessions, as who says it, are of two accounts:
// they share no record that has a secret. A tenant, which many share, has none,
// and whoever comes by another profile is who he was. If no record of a session
// has a secret, each counts.
func otherThan(accounts map[string]bool, a, b string) bool {
	some := false
	facts := strings.Fields(b)
	for f := range strings.FieldsSeq(a) {
		if name, _, _ := strings.Cut(f, "="); accounts[name] {
			if slices.Contains(facts, f) {
				return false
			}
			some = true
		}
	}
	return some
}

// AccountFacts are the facts of a session that name who has logged in: records
// with a secret, or all records if none has one.
func AccountFacts(c *specs.Contract) []specs.Fact {
	var out, records []specs.Fact
	for _, f := range c.Session.Facts {
		k := c.Record(f.Record)
		if k == nil {
			continue
		}
		records = append(records, f)
		for _, x := range k.Fields {
			if x.Secret {
				out = append(out, f)
				break
			}
		}
	}
	if len(out) == 0 {
		return records
	}
	return out
}

// sharedFacts is how many things two sessions hold both.
func sharedFacts(a, b string) int {
	n := 0
	facts := strings.Fields(b)
	for f := range strings.FieldsSeq(a) {
		if slices.Contains(facts, f) {
			n++
		}
	}
	return n
}

// effect looks at every token of one login after a request. The login is that of
// w, so many times before the request's own.
func (b *builder) effect(c *candidate, w *way, of whose, times int, done map[string]bool) {
	probes := b.probes(c.e, w)
	kinds := make([]string, 0, len(probes))
	for k := range probes {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	n := len(c.way.steps)
	before := slices.Clone(c.way.steps)
	shift, many := 0, ""
	if times > 1 {
		many = fmt.Sprintf("of-%d", times)
	}
	if of != ownLogin {
		shift = n
		for range times {
			before = append(before, c.e.shiftSteps(w.steps, len(before))...)
		}
	}
	for _, kind := range kinds {
		b.fate(c, probes[kind], before, shift, of, kind, many, done)
	}
}

// fate makes the case of one token: it is looked at, the request is sent, it is
// looked at again.
func (b *builder) fate(c *candidate, pr probe, before []*step, shift int, of whose, kind, many string, done map[string]bool) {
	op := c.request.op.Op
	request := c.e.shiftRequest(pr.c.request, shift)
	look := func(purpose string) *step { return &step{request: request, purpose: purpose} }
	steps := slices.Clone(before)
	looked := len(pr.c.p.Consume) == 0 && len(pr.c.p.Ends) == 0
	if looked {
		steps = append(steps, look("see that the token "+kind+" lives"))
	}
	steps = append(steps, c.step(""))
	state, err := c.e.walk(steps)
	if err != nil || !steps[len(steps)-1].success || looked && !steps[len(before)].success {
		return
	}
	g := pr.c.with(request)
	x := c.e.tryIn(state, g)
	if x == nil || x.p.Failure != nil && !strings.HasPrefix(x.p.Failure.Reason, "token.") {
		return
	}
	alive := x.p.Failure == nil
	word := map[bool]string{true: "lives", false: "dead"}[alive]
	key := op.ID + c.p.Outcome() + string(of) + kind + word + many
	if done[key] {
		return
	}
	done[key] = true
	final := look(fmt.Sprintf("use the token %s of %s", kind, of.words()))
	final.outcome, final.success = x.p.Outcome(), alive
	title := fmt.Sprintf("after %s, the token %s of %s %s", op.ID, kind, of.words(), map[bool]string{true: "lives", false: "is dead"}[alive])
	cs := b.caseOf(append(steps, final), x, "session", title, b.survival(c, steps, shiftSlot(pr.slot, shift), alive, of))
	cs.Operation, cs.Method, cs.Path = op.ID, op.Method, op.Path // it is about what this one did
	b.add(cs, op.ID, slug(c.p.Outcome()), "then", string(of), many, slug(kind), word)
}

// factNames are the names of the facts that a session has.
func factNames(facts map[string]any) string {
	var out []string
	for name, v := range facts {
		if v != nil {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}

// fresh uses each token that a request issues.
func (b *builder) fresh(c *candidate, done map[string]bool) {
	if len(c.p.Issue) == 0 || len(c.way.steps) == 0 && len(c.p.Opens) == 0 {
		return
	}
	op := c.request.op.Op
	of := op.ID + " " + c.p.Outcome() + " issues "
	if len(c.p.Opens) > 0 {
		of = op.ID + " " + c.p.Outcome() + " opens a session of " + factNames(c.p.Opens[0].Session.Facts) + " and issues "
	}
	if !slices.ContainsFunc(c.p.Issue, func(i *session.Issued) bool { return !done[of+i.Kind.Name] }) {
		return
	}
	steps := append(slices.Clone(c.way.steps), c.step(""))
	state, err := c.e.walk(steps)
	if err != nil {
		return
	}
	probes := b.probesOf(c.e, state, func(kind string) bool {
		return !done[of+kind] && slices.ContainsFunc(c.p.Issue, func(i *session.Issued) bool { return i.Kind.Name == kind })
	})
	for _, i := range c.p.Issue {
		kind := i.Kind.Name
		pr, ok := probes[kind]
		key := of + kind
		if !ok || done[key] || pr.slot.step != len(steps) {
			continue
		}
		done[key] = true
		x := pr.c
		last := x.step("use the token " + kind + " that was issued")
		cs := b.caseOf(append(slices.Clone(steps), last), x, "token", fmt.Sprintf("the token %s that %s issues is taken", kind, op.ID))
		cs.Operation, cs.Method, cs.Path = op.ID, op.Method, op.Path
		b.add(cs, op.ID, slug(c.p.Outcome()), "then.issued", slug(kind), "works")
	}
}

// survival is what the life or death of a token after a request rests on: the
// effect that names it, or the law that other accounts are not touched.
func (b *builder) survival(c *candidate, steps []*step, s *slot, alive bool, of whose) link {
	op := c.request.op.Op
	if of == otherAccount && alive {
		return lawOf("what one account does ends nothing of another's")
	}
	out := link{what: "what becomes of it", mark: specs.Mark{Level: specs.Inferred, Reason: "the contract does not say what becomes of it"}, pointer: op.Pointer + "/x-session"}
	state, err := c.e.walk(steps[:len(steps)-1])
	if err != nil {
		return out
	}
	g := c.with(c.request)
	x := c.e.tryIn(state, g)
	if x == nil {
		return out
	}
	list := op.Keeps
	if !alive {
		list = op.Ends
	}
	state.shadow.store.Update(func(tx session.Tx) {
		thing, err := state.shadow.thing(s, tx)
		t, ok := thing.(*session.Token)
		if err != nil || !ok {
			return
		}
		for _, e := range list {
			if m := e.Evidence.Part("refusal"); m.Level >= out.mark.Level && x.p.Holds(e.When, nil) && covers(x.p.Eval(e.What), t) {
				out.mark, out.pointer = m, e.What.Pointer
			}
		}
	})
	return out
}
