package conformance

import (
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// Bounds of the search. They keep a contract with many accounts and examples
// from taking for ever; each is several times what the shipped contracts need.
const (
	maxWays       = 48  // states that requests are tried in
	maxCandidates = 200 // requests that are tried for one operation in the first state that fits
	maxLight      = 48  // in a light search
	maxLightWays  = 6
	maxFurther    = 10 // and in each further one
	maxDepth      = 3  // steps of a way
)

// candidate is a request that was tried, in the state that it was tried in.
type candidate struct {
	e       *explorer // that tried it
	way     *way
	extra   []*step // between the way's steps and the request
	request *request
	p       *predicted
	filling *filling
	// how it differs from a request that succeeds, in words; "" for one that does.
	how string
	// field is what it is about, where the reason alone does not say it.
	field string
	// link is what its cause rests on, beside what the decision says.
	links []link
	// settings that the state has, over the target's.
	settings map[string]any
	// tag tells it apart where its outcome alone does not; proof is the one that it
	// is about then.
	tag   string
	proof *specs.Proof
	// dead and wait say how long the clock goes on before the request: see step.
	dead *slot
	wait time.Duration
	// lasts is how long that is, all in all, as far as the lifetimes are known.
	lasts time.Duration
	// sole: 1, it is refused for one condition alone; -1, it is not; 0, nobody asked.
	sole int
	// says is what said says, and shows what answers says; "": nobody asked.
	says, shows string
	// weighed is what level says; nil: nobody asked.
	weighed *specs.Level
}

// explorer tries requests on shadows, and keeps the first that brings each
// outcome about.
type explorer struct {
	contract *specs.Contract
	seed     *seed
	ops      map[string]*wire.Operation
	fixed    *fixed
	root     *walked // nil: nothing was walked yet
	empty    *way
	ways     []*way
	settings map[string]any // in force; nil: the target's
	light    bool
	values   map[string]any // made for required parameters; nil: none is known
	// proofsOnly: only what proves who is calling is deviated from.
	proofsOnly bool
	listings   map[listingKey]*listing
	// states are those in which an operation was tried, by its id.
	states  map[string][]*way
	begun   map[operationAndProof][]*request
	shifted map[shift]*request
	ending  map[*way][]*candidate
	probing map[*way]map[string]probe
}

// newExplorer finds the states that requests are tried in. light: a few of them,
// for a search under settings that are tried for something in particular.
func newExplorer(c *specs.Contract, s *seed, ops map[string]*wire.Operation, settings map[string]any, light bool) (*explorer, error) {
	accounts := map[string]bool{}
	for _, f := range AccountFacts(c) {
		accounts[f.Name] = true
	}
	return (&explorer{contract: c, seed: s, ops: ops, fixed: &fixed{accounts: accounts, readings: newReadings()}}).under(settings, light)
}

// fixed is what is worked out once for all searches of a plan: it hangs on no
// setting.
type fixed struct {
	accounts map[string]bool // names of AccountFacts
	readings *readings
	sent     map[*specs.Operation]sentTokens
	freed    map[dropped]*wire.Operation
}

// under is an explorer of the same contract under other settings.
func (e *explorer) under(settings map[string]any, light bool) (*explorer, error) {
	x := &explorer{contract: e.contract, seed: e.seed, ops: e.ops, fixed: e.fixed, settings: settings, light: light}
	var err error
	if x.empty, err = x.walk(nil); err != nil {
		return nil, err
	}
	x.findWays()
	x.beside()
	return x, nil
}

// walk plays steps on a shadow of its own, and says what it holds then. The
// state is not to be changed: whoever walks the same steps gets the same way. See
// fork.
func (e *explorer) walk(steps []*step) (*way, error) {
	if e.root == nil {
		full := e.seed.settings
		for k, v := range e.settings {
			full = with(full, k, v)
		}
		e.root = &walked{state: e.seed.shadow(full)}
		e.root.state.readings = e.fixed.readings
	}
	at := e.root
	for _, st := range steps {
		key := st.same()
		next := at.next[key]
		if next == nil {
			next = &walked{state: at.state.fork()}
			p, err := next.state.play(st)
			if err != nil {
				return nil, err
			}
			next.outcome, next.success, next.writes = p.Outcome(), p.Failure == nil, p.Writes()
			next.opens = len(p.Opens)
			if at.next == nil {
				at.next = map[sameStep]*walked{}
			}
			at.next[key] = next
		}
		st.outcome, st.success, st.writes, st.opens = next.outcome, next.success, next.writes, next.opens
		at = next
	}
	if at.way == nil {
		names := make([]string, len(steps))
		for i, st := range steps {
			names[i] = st.request.op.Op.ID
		}
		at.way = &way{steps: steps, shadow: at.state.fork(), via: strings.Join(names, "+")}
		at.way.look()
	}
	return at.way, nil
}

// walked is the state after steps, and what comes after it by the step: most
// walks begin as others did.
type walked struct {
	state   *shadow
	outcome string // of the last step
	success bool
	writes  []string // by the last step, see step
	opens   int      // by the last step
	way     *way     // nil: nobody asked for it
	next    map[sameStep]*walked
}

// sameStep is what two steps have in common that may stand for each other.
type sameStep struct {
	request *request
	purpose string
	wait    time.Duration
	lasts   time.Duration
	itself  *step // nil, but for a step that has more to it
}

func (st *step) same() sameStep {
	if st.dead != nil || st.settings != nil || st.judged || st.parallel || len(st.links) > 0 {
		return sameStep{itself: st}
	}
	return sameStep{request: st.request, purpose: st.purpose, wait: st.wait, lasts: st.lasts}
}

// fork is a way whose state may be changed.
func (w *way) fork() *way {
	c := *w
	c.shadow, c.asked = w.shadow.fork(), nil
	return &c
}

// look finds what lives in the state of a way.
func (w *way) look() {
	s := w.shadow
	s.store.Update(func(tx session.Tx) {
		at := session.Moment{Now: s.now, Tx: tx}
		for i, m := range s.made {
			for n, x := range m.sessions {
				if y := tx.Session(x.ID); s.machine.Alive(y, at) {
					w.sessions = append(w.sessions, held{y.ID, &slot{kind: sessionSlot, step: i + 1, nth: n}})
				}
			}
			kinds := make([]string, 0, len(m.tokens))
			for k := range m.tokens {
				kinds = append(kinds, k)
			}
			sort.Strings(kinds)
			for _, k := range kinds {
				for n, t := range m.tokens[k] {
					if cur := tx.Token(t.Text); cur != nil && s.machine.Deadness(cur, at) == "" {
						w.holds = append(w.holds, holding{k, &slot{kind: tokenSlot, name: k, step: i + 1, nth: n}, cur.Session})
						if x := tx.Session(cur.Session); x != nil {
							w.who = who(s.contract, x)
						}
					}
				}
			}
		}
	})
}

// who is what a session holds: records by their key, and values.
func who(c *specs.Contract, x *session.Session) string {
	var out []string
	for _, f := range c.Session.Facts {
		if t, ok := value.Text(x.Facts[f.Name]); ok {
			out = append(out, f.Name+"="+t)
		}
	}
	return strings.Join(out, " ")
}

// told says whether the id of a session is known in a state.
func told(w *way) string {
	if len(w.sessions) > 0 {
		return "+id"
	}
	return ""
}

// tellsSessions reports whether an operation answers with the ids of sessions.
func tellsSessions(op *specs.Operation) bool {
	return slices.ContainsFunc(op.Answers, func(a *specs.Answer) bool {
		return a.Example != nil && slices.ContainsFunc(a.Example.Each, func(e *specs.ExampleEach) bool {
			return strings.Contains(e.In.Src, "sessions")
		})
	})
}

func (e *explorer) mostWays() int {
	if e.light {
		return maxLightWays
	}
	return maxWays
}

func (e *explorer) most() int {
	if e.light {
		return maxLight
	}
	return maxCandidates
}

// novel reports whether a state with these kinds of token and this session
// shows anything that the known ones do not: a fact, or facts together. Not
// every account with every application: that would be their product.
func novel(known map[string]bool, kinds, who string) bool {
	var names []string
	fresh := false
	for fact := range strings.FieldsSeq(who) {
		name, _, _ := strings.Cut(fact, "=")
		names = append(names, name)
		fresh = fresh || !known[kinds+" "+fact]
		known[kinds+" "+fact] = true
	}
	shape := kinds + " has " + strings.Join(names, " ")
	fresh = fresh || !known[shape]
	known[shape] = true
	return fresh
}

func (w *way) kinds() []string {
	var out []string
	for _, h := range w.holds {
		if !slices.Contains(out, h.kind) {
			out = append(out, h.kind)
		}
	}
	sort.Strings(out)
	return out
}

// needsToken reports whether an operation can be called without any token that
// was issued before.
func needsToken(op *specs.Operation) bool {
	without := func(p *specs.Proof) bool {
		for _, b := range p.Binds {
			if len(b.Alts) > 0 && (b.Alts[0].Kind == specs.FindToken || b.Alts[0].Kind == specs.FindSession) {
				return false
			}
		}
		return true
	}
	free := len(op.Security) == 0 || op.Anonymous
	for _, alt := range op.Security {
		if !slices.ContainsFunc(alt, func(p *specs.Proof) bool { return !without(p) }) {
			free = true
		}
	}
	return !free || len(op.Accepts) > 0 && !slices.ContainsFunc(op.Accepts, without)
}

// findWays finds the states that requests are tried in: after each way to log
// in, as each account, and after each way to more kinds of token.
func (e *explorer) findWays() {
	e.ways = []*way{e.empty}
	known := map[string]bool{}
	frontier := []*way{e.empty}
	for depth := 0; depth < maxDepth && len(frontier) > 0; depth++ {
		var next []*way
		for _, w := range frontier {
			have := strings.Join(w.kinds(), ",") + told(w)
			for _, op := range e.contract.Operations {
				if len(op.Opens) == 0 && len(op.Issues) == 0 && !tellsSessions(op) || (depth > 0) != needsToken(op) || !e.offered(w, op) {
					continue
				}
				if len(e.ways) >= e.mostWays() {
					return
				}
				for c := range e.openers(w, op, depth) {
					if len(e.ways) >= e.mostWays() {
						return
					}
					nw, err := e.walk(append(slices.Clone(w.steps), c.step("")))
					if err != nil || len(nw.holds) == 0 && len(nw.sessions) == 0 {
						continue
					}
					kinds := strings.Join(nw.kinds(), ",") + told(nw)
					if depth > 0 && kinds == have {
						continue // nothing new
					}
					if !novel(known, kinds, nw.who) || len(e.ways) >= e.mostWays() {
						continue
					}
					e.ways, next = append(e.ways, nw), append(next, nw)
				}
			}
		}
		frontier = next
	}
}

// openers are the requests of an operation that may lead to a new state, each
// tried when it is asked for.
func (e *explorer) openers(w *way, op *specs.Operation, depth int) iter.Seq[*candidate] {
	return func(yield func(*candidate) bool) {
		for c := range e.successes(w, op) {
			if !yield(c) {
				return
			}
		}
		for _, c := range e.wishes(w, op, depth) {
			if !yield(c) {
				return
			}
		}
	}
}

// wishes are log-ins that ask for more in their body, and are given other kinds of
// token for it.
func (e *explorer) wishes(w *way, op *specs.Operation, depth int) []*candidate {
	if depth > 0 || e.light || !slices.ContainsFunc(op.Issues, func(i *specs.Issue) bool { return i.When != nil }) {
		return nil
	}
	var out []*candidate
	seen := map[string]bool{}
	plain := slices.Collect(e.successes(w, op))
	for _, c := range plain {
		seen[issued(c)] = true
	}
	like := map[string]bool{} // one of each proof is enough
	for _, c := range plain {
		by := c.key()
		o, ok := c.request.body.(value.Object)
		if !ok || like[by] || c.request.media == nil || c.request.media.Schema == nil {
			continue
		}
		like[by] = true
		for _, p := range c.request.media.Schema.Properties() {
			if _, there := o.Get(p.Name); there || !p.Schema.Is("boolean") && len(p.Schema.Enum) == 0 {
				continue
			}
			for _, v := range others(p.Schema, nil) {
				x := e.changed(c, func(r *request) { r.set(specs.Location{Tokens: []string{p.Name}}, v) })
				if x != nil && x.p.Failure == nil && !seen[issued(x)] {
					seen[issued(x)] = true
					out = append(out, x)
				}
			}
		}
	}
	return out
}

// beside finds the states in which one account has logged in and then another, so
// that a token of the first can stand beside those of the second, where an
// operation takes such a one.
func (e *explorer) beside() {
	kinds := map[string]bool{}
	for _, op := range e.contract.Operations {
		everyProof(op, func(p *specs.Proof) {
			if !p.SameNone {
				return
			}
			for _, b := range p.Binds {
				for _, t := range b.Alts {
					if t.Kind == specs.FindToken {
						kinds[t.Token] = true
					}
				}
			}
		})
	}
	for _, k := range e.contract.Tokens {
		if !kinds[k.Name] {
			continue
		}
		first := slices.IndexFunc(e.ways, func(w *way) bool { return slices.Contains(w.kinds(), k.Name) })
		if first < 0 {
			continue
		}
		shapes := map[string]bool{}
		for _, w := range slices.Clone(e.ways) {
			if len(w.steps) != 1 || slices.Contains(w.kinds(), k.Name) || shapes[e.manner(w)] || !otherThan(e.fixed.accounts, w.who, e.ways[first].who) {
				continue
			}
			shapes[e.manner(w)] = true
			before := e.ways[first].steps
			if both, err := e.walk(slices.Concat(before, e.shiftSteps(w.steps, len(before)))); err == nil && len(e.ways) < e.mostWays()+maxBeside {
				e.ways = append(e.ways, both)
			}
		}
	}
}

// manner tells ways apart but for whose records their sessions hold: what else a
// session remembers counts.
func (e *explorer) manner(w *way) string {
	out := append([]string{w.via}, w.kinds()...)
	for fact := range strings.FieldsSeq(w.who) {
		name, _, _ := strings.Cut(fact, "=")
		f, _ := e.contract.Session.Fact(name)
		switch {
		case f.Record != "":
			out = append(out, name)
		case f.Schema != nil && f.Schema.Is("boolean"):
			out = append(out, fact)
		}
	}
	return strings.Join(out, " ")
}

// maxBeside bounds the states of two log-ins.
const maxBeside = 8

func (e *explorer) offered(w *way, op *specs.Operation) bool {
	var ok bool
	w.shadow.store.Update(func(tx session.Tx) {
		ok = w.shadow.machine.Offered(op, session.Moment{Now: w.shadow.now, Tx: tx})
	})
	return ok
}

// successes are the requests of an operation that succeed in a state, one for each
// account and form.
func (e *explorer) successes(w *way, op *specs.Operation) iter.Seq[*candidate] {
	return func(yield func(*candidate) bool) {
		seen := map[string]bool{}
		for c := range e.completing(w, op, e.most(), e.most()) {
			if c.p.Failure != nil {
				continue
			}
			var roles []string
			for _, role := range c.filling.roles {
				roles = append(roles, role.name+"="+role.record.Key)
			}
			sort.Strings(roles)
			key := c.key() + " " + strings.Join(roles, " ") + " " + c.filling.session
			if !seen[key] {
				if seen[key] = true; !yield(c) {
					return
				}
			}
		}
	}
}

// key tells outcomes apart.
func (c *candidate) key() string {
	switch {
	case c.tag != "":
		return c.tag
	case c.p.Failure == nil:
		// Nothing in it changes, and it is asked for time and again.
		if c.shows == "" {
			c.shows = c.answers()
		}
		return c.shows
	}
	// Each place of a secret counts.
	f, by := c.p.Failure, ""
	if strings.HasPrefix(f.Reason, "credentials.wrong") || strings.HasPrefix(f.Reason, "credentials.unknown") {
		_, by = f.Cause()
		by += " " + f.Field
	}
	return f.Reason + "/" + c.field + by
}

// answers tells answers apart: by what they are, and for what.
func (c *candidate) answers() string {
	b := make([]byte, 0, 256)
	b = append(b, "answer "...)
	if c.p.Answer != nil {
		b = append(b, c.p.Answer.Pointer...)
	}
	b = append(append(append(b, ' '), issued(c)...), ' ')
	for i, p := range c.p.Proofs() {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, p.Pointer...)
	}
	b = append(b, ' ')
	if c.request.media != nil {
		b = append(b, c.request.media.Type...)
	}
	return string(append(append(b, ' '), c.request.accept...))
}

// step makes a step of a candidate's request.
func (c *candidate) step(purpose string) *step {
	if purpose == "" {
		purpose = c.purpose()
	}
	return &step{request: c.request, purpose: purpose, outcome: c.p.Outcome(), success: c.p.Failure == nil, writes: c.p.Writes(), opens: len(c.p.Opens)}
}

// purpose says in words what a request is for.
func (c *candidate) purpose() string {
	op := c.request.op.Op
	what := op.Summary
	if what == "" {
		what = op.ID
	}
	what = strings.TrimSuffix(what, ".")
	for _, p := range c.p.Proofs() {
		for _, b := range p.Binds {
			for _, t := range b.Alts {
				if t.Kind != specs.FindRecord || t.Secret {
					continue
				}
				if r := c.filling.roles.record(t.Role); r != nil {
					if text, ok := value.Text(r.Fields[t.Field]); ok {
						return what + " as " + text
					}
				}
			}
		}
	}
	return what
}

// plain returns the requests of an operation that are complete: each example
// with each way to prove who is calling, filled from the state.
func (e *explorer) plain(w *way, op *specs.Operation, most int) []*candidate {
	if most != maxFurther {
		return e.complete(w, op, most, most)
	}
	return slices.Collect(e.each(w, op, nil))
}

// complete is plain that stops when so many requests in a row have brought
// nothing new about.
func (e *explorer) complete(w *way, op *specs.Operation, most, stale int) []*candidate {
	return slices.Collect(e.completing(w, op, most, stale))
}

// completing is complete that tries each request when it is asked for.
func (e *explorer) completing(w *way, op *specs.Operation, most, stale int) iter.Seq[*candidate] {
	return func(yield func(*candidate) bool) {
		l := e.listing(w, op, most)
		seen, since := map[string]bool{}, 0
		for i, n := 0, 0; n < most && since < stale && l.at(i) != nil; i++ {
			since++
			c := l.candidate(e, i)
			if c == nil {
				continue
			}
			n++
			if k := c.key(); !seen[k] {
				seen[k], since = true, 0
			}
			if !yield(c) {
				return
			}
		}
	}
}

// each goes through the first requests of an operation, at most maxFurther, and
// tries them as they are asked for, each once: the state of a way never changes,
// and they are asked for time and again. worth, if it is not nil, says which ones
// to try at all.
func (e *explorer) each(w *way, op *specs.Operation, worth func(*filling) bool) iter.Seq[*candidate] {
	l := e.listing(w, op, maxFurther)
	return func(yield func(*candidate) bool) {
		n := 0
		for i := 0; n < maxFurther; i++ {
			f := l.at(i)
			if f == nil {
				return
			}
			if worth != nil && !worth(f) {
				n++
				continue
			}
			if c := l.candidate(e, i); c != nil {
				if n++; !yield(c) {
					return
				}
			}
		}
	}
}

type listingKey struct {
	w    *way
	op   *specs.Operation
	most int
}

// listing is the complete requests of an operation in the state of a way, and
// what they mean, where it was asked.
type listing struct {
	way      *way
	fillings *lineup // nil: the operation is not offered
	tried    []tried
}

// tried is a request that may have been tried already.
type tried struct {
	done bool
	c    *candidate // nil: it cannot be written
}

// at is the ith request; nil: there are not so many.
func (l *listing) at(i int) *filling {
	if l.fillings == nil {
		return nil
	}
	if i < len(l.fillings.made) {
		return l.fillings.made[i]
	}
	var out *filling
	l.way.shadow.store.Update(func(tx session.Tx) {
		l.fillings.p.tx = tx
		out = l.fillings.at(i)
	})
	return out
}

// listing makes a listing, once.
func (e *explorer) listing(w *way, op *specs.Operation, most int) *listing {
	key := listingKey{w, op, most}
	if l := e.listings[key]; l != nil {
		return l
	}
	l := &listing{way: w}
	if e.listings == nil {
		e.listings = map[listingKey]*listing{}
	}
	e.listings[key] = l
	if e.offered(w, op) {
		w.shadow.store.Update(func(tx session.Tx) {
			l.fillings = e.fillings(&prover{w: w, op: e.ops[op.ID], tx: tx}, op, most)
		})
	}
	return l
}

// candidate is the ith request, or nil if it cannot be written.
func (l *listing) candidate(e *explorer, i int) *candidate {
	for len(l.tried) <= i {
		l.tried = append(l.tried, tried{})
	}
	if x := &l.tried[i]; !x.done {
		*x = tried{true, e.tryIn(l.way, l.at(i))}
	}
	return l.tried[i].c
}

// try asks what a request means in a state. The candidate is nil if it cannot
// even be written.
func (e *explorer) try(w *way, f *filling, tx session.Tx) *candidate {
	p := e.ask(w, f.r, tx)
	if p == nil {
		return nil
	}
	c := &candidate{e: e, way: w, request: f.r, p: p, filling: f, settings: e.settings}
	if p.Failure != nil && strings.HasPrefix(p.Failure.Reason, "request.field") {
		c.field = p.Failure.Field
	}
	return c
}

// ask says what a request means in the state of a way; nil: it cannot be written.
// Each is decided once: many begin alike, and differ in the same places.
func (e *explorer) ask(w *way, r *request, tx session.Tx) *predicted {
	in, err := w.shadow.read(r, tx)
	if err != nil {
		return nil
	}
	if p := w.asked[r.op][in]; p != nil {
		return p
	}
	if w.asked == nil {
		w.asked = asked{}
	}
	if w.asked[r.op] == nil {
		w.asked[r.op] = map[*wire.Incoming]*predicted{}
		if e.states == nil {
			e.states = map[string][]*way{}
		}
		e.states[r.op.Op.ID] = append(e.states[r.op.Op.ID], w)
	}
	p := w.shadow.meant(r, in, tx)
	w.asked[r.op][in] = p
	return p
}

// fillings are the complete requests of an operation.
func (e *explorer) fillings(p *prover, op *specs.Operation, most int) *lineup {
	m := p.w.shadow.machine
	var secs [][]*specs.Proof
	for _, alt := range op.Security {
		var offered []*specs.Proof
		for _, x := range alt {
			if m.Offers(op, x, p.at()) {
				offered = append(offered, x)
			}
		}
		if len(offered) > 0 {
			secs = append(secs, offered)
		}
	}
	if len(secs) == 0 || op.Anonymous {
		secs = append(secs, nil)
	}
	var accs []*specs.Proof
	for _, x := range op.Accepts {
		if m.Offers(op, x, p.at()) {
			accs = append(accs, x)
		}
	}
	if len(accs) == 0 {
		accs = []*specs.Proof{nil}
	}
	return e.fillAll(p, secs, accs, most)
}

// fillAll fills every combination of schemes and a proof of accepts, as far as it
// is asked for.
func (e *explorer) fillAll(p *prover, secs [][]*specs.Proof, accs []*specs.Proof, most int) *lineup {
	out := &lineup{p: p}
	for _, acc := range accs {
		begun := e.beginnings(p.op, acc)
		out.starts = slices.Grow(out.starts, len(secs)*len(begun))
		for _, sec := range secs {
			proofs := slices.Clone(sec)
			if acc != nil {
				proofs = append(proofs, acc)
			}
			for _, r := range begun {
				out.starts = append(out.starts, start{proofs, r})
			}
		}
	}
	out.groups = make([][]*filling, 0, len(out.starts))
	// No more is made than is tried, and at least two of each kind.
	p.most = min(maxFilled, max(2, 2*most/max(1, len(out.starts))))
	return out
}

// start is a request that is to be filled for proofs.
type start struct {
	proofs []*specs.Proof
	r      *request
}

// lineup is the fillings of several starts: the first of each, then the second of
// each, and so on. Whatever differs most comes first. Those of a start are made
// when its first is due.
type lineup struct {
	p      *prover
	starts []start
	groups [][]*filling // of the starts, as far as they are made
	round  int          // 0: the first of each
	due    int          // the start whose turn it is
	made   []*filling
}

// at is the ith filling; nil: there are not so many.
func (l *lineup) at(i int) *filling {
	for i >= len(l.made) {
		if l.due == len(l.starts) {
			l.round, l.due = l.round+1, 0
			if !slices.ContainsFunc(l.groups, func(g []*filling) bool { return len(g) > l.round }) {
				l.starts, l.groups = nil, nil
				return nil
			}
		}
		if l.due == len(l.groups) {
			s := l.starts[l.due]
			l.groups = append(l.groups, l.p.all([]*filling{{r: s.r}}, s.proofs))
		}
		if g := l.groups[l.due]; len(g) > l.round {
			l.made = append(l.made, g[l.round].settle())
		}
		l.due++
	}
	return l.made[i]
}

type bodyOf struct {
	media *specs.Media
	value any
}

// beginnings are the requests that everything begins with: each body, and the
// parameters that are required. There is none if one of these has no value.
func (e *explorer) beginnings(op *wire.Operation, acc *specs.Proof) []*request {
	key := operationAndProof{op, acc}
	if out, ok := e.begun[key]; ok {
		return out
	}
	var out []*request
	for _, body := range e.bodies(op.Op, acc) {
		r := &request{op: op, body: body.value, media: body.media}
		if e.parameters(r, op.Op) {
			out = append(out, r)
		}
	}
	if e.begun == nil {
		e.begun = map[operationAndProof][]*request{}
	}
	e.begun[key] = out
	return out
}

type operationAndProof struct {
	op  *wire.Operation
	acc *specs.Proof
}

// bodies returns the bodies that a request may begin with: the documented
// examples in which everything stands that a proof reads, or one that the
// schema makes.
func (e *explorer) bodies(op *specs.Operation, acc *specs.Proof) []bodyOf {
	var out []bodyOf
	for _, m := range op.Body {
		if strings.Contains(m.Type, "*") {
			continue
		}
		var some, all []bodyOf
		for _, x := range e.contract.RequestExamples(m) {
			b := bodyOf{m, x.Value}
			all = append(all, b)
			if acc == nil || hasAll(x.Value, acc) {
				some = append(some, b)
			}
		}
		switch {
		case len(some) > 0:
			out = append(out, some...)
		case acc != nil && readsBody(acc) || m.Schema == nil:
			out = append(out, bodyOf{m, value.Object{}})
		case len(all) > 0:
			out = append(out, all...)
		}
		if len(all) == 0 && m.Schema != nil {
			if v, err := e.empty.shadow.machine.Generate(m.Schema); err == nil {
				out = append(out, bodyOf{m, v})
			}
		}
	}
	if len(out) == 0 || !op.BodyRequired {
		out = append(out, bodyOf{})
	}
	return out
}

func hasAll(body any, p *specs.Proof) bool {
	for _, b := range p.Binds {
		if b.At.In == specs.InBody {
			if _, ok := value.Lookup(body, b.At.Tokens); !ok {
				return false
			}
		}
	}
	return true
}

func readsBody(p *specs.Proof) bool {
	return slices.ContainsFunc(p.Binds, func(b *specs.RequestBind) bool { return b.At.In == specs.InBody })
}

// parameters fills the required ones; it reports false if there is no value for
// one.
func (e *explorer) parameters(r *request, op *specs.Operation) bool {
	for _, p := range op.Parameters {
		if !p.Required {
			continue
		}
		v, ok := e.parameterValue(p)
		if !ok {
			return false
		}
		r.set(specs.Location{In: p.In, Name: p.Name}, v)
	}
	for _, name := range op.PathParameters() {
		if _, ok := pathAt(r.path, name); !ok {
			r.set(specs.Location{In: specs.InPath, Name: name}, "1")
		}
	}
	return true
}

func (e *explorer) parameterValue(p *specs.Parameter) (any, bool) {
	// The same name has the same value everywhere: what is written under it is read
	// under it.
	key := p.Name
	if p.Schema != nil {
		key += " " + strings.Join(p.Schema.Types, " ")
	}
	if v, ok := e.values[key]; ok {
		return v, v != nil
	}
	v, ok := e.someValue(p)
	if !ok {
		v = nil
	}
	if e.values == nil {
		e.values = map[string]any{}
	}
	e.values[key] = v
	return v, ok
}

func (e *explorer) someValue(p *specs.Parameter) (any, bool) {
	if v, ok := e.contract.ParameterExample(p); ok {
		return v, true
	}
	if p.Schema == nil {
		return "1", true
	}
	v, err := e.empty.shadow.machine.Generate(p.Schema)
	return v, err == nil
}

// forget lets go of what was tried of an operation, once its search is over: hardly
// any of it is asked for again, and all of it together is most of what a search
// holds.
func (e *explorer) forget(op *specs.Operation) {
	for k := range e.listings {
		if k.op == op {
			delete(e.listings, k)
		}
	}
	for _, w := range e.states[op.ID] {
		for asked := range w.asked {
			if asked.Op.ID == op.ID {
				delete(w.asked, asked)
			}
		}
	}
	delete(e.states, op.ID)
}

// then returns the state after a way and further steps.
func (e *explorer) then(w *way, steps ...*step) (*way, error) {
	return e.walk(append(slices.Clone(w.steps), steps...))
}

// String is for whoever debugs the search.
func (c *candidate) String() string {
	return fmt.Sprintf("%s %s: %s (%s)", c.way.via, c.request.op.Op.ID, c.p.Outcome(), c.how)
}
