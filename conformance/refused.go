package conformance

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// Each case here is one log-in and many requests, of which each is judged: that
// is a tenth of what a log-in for each of them would cost.

// nothingChanged is what every server must keep that refuses a request.
const nothingChanged = "a refused request changes nothing"

// Bounds of how many requests one case sends that are refused.
const (
	maxBad       = 24 // since a token in them is bad
	maxOtherwise = 6  // for something else
)

// judgedStep is a step whose answer is judged although others follow.
func judgedStep(c *candidate, how string, links ...link) *step {
	st := c.step("")
	st.judged, st.links = true, slices.Concat(links, c.links)
	if how != "" {
		st.purpose += ", " + how
	}
	return st
}

// together finds the state in which most of the right requests with a token
// succeed, and those that do.
func (e *explorer) together(f *found) (*way, []*candidate) {
	if f.meeting == nil {
		w, list := e.meet(f)
		f.meeting = &meeting{w, list}
	}
	return f.meeting.way, f.meeting.right
}

// meeting is a state, and right requests that succeed in it.
type meeting struct {
	way   *way
	right []*candidate
}

func (e *explorer) meet(f *found) (*way, []*candidate) {
	var right []*candidate
	for _, k := range f.order {
		c := f.by[k]
		plain := c.p.Failure == nil && c.extra == nil && (c.how == "" || strings.HasPrefix(c.tag, "with "))
		if plain && len(e.tokens(c)) > 0 && c.settings == nil && c.e == e {
			right = append(right, c)
		}
	}
	var best *way
	var most []*candidate
	seen := map[*way]bool{}
	for _, c := range right {
		w := c.way
		if seen[w] {
			continue
		}
		seen[w] = true
		var list []*candidate
		places := map[string]bool{}
		for _, x := range right {
			y := e.tryIn(w, x.filling)
			if y == nil || y.p.Failure != nil {
				continue
			}
			var key strings.Builder
			for _, t := range e.tokens(y) {
				key.WriteString(" " + t.bind.At.Src + "=" + t.slot.name)
			}
			if places[key.String()] {
				continue // the same once more, in another form
			}
			places[key.String()] = true
			list = append(list, y)
		}
		if len(list) > len(most) {
			best, most = w, list
		}
	}
	return best, most
}

// goodAfterBad makes the case of an operation that is called in one session with
// tokens that are none, at each place of one, and with requests that are refused
// for something else: each is refused, and the right request succeeds after them.
// It reports whether there are any.
func (b *builder) goodAfterBad(op *specs.Operation, f *found) bool {
	w, right := b.e.together(f)
	if w == nil {
		return false
	}
	steps := slices.Clone(w.steps)
	n := len(steps)
	done := map[string]bool{}
	add := func(x *candidate, key, how string) {
		if !done[key] {
			done[key] = true
			steps = append(steps, judgedStep(x, how))
		}
	}
	for _, c := range right {
		for _, t := range b.e.tokens(c) {
			b.e.deviateBind(c, t.bind, func(how string, apply func(*request)) {
				if len(steps)-n >= maxBad {
					return
				}
				if x := b.e.changed(c, apply); x != nil && x.p.Failure != nil && forbidden(x) {
					add(x, t.bind.At.Src+" "+x.p.Failure.Reason+" "+t.slot.name, how)
				}
			})
		}
	}
	bad := len(steps)
	for _, c := range right {
		for _, d := range append(b.e.deviations(c, true), b.e.wrongMembers(c)...) {
			if len(steps)-bad >= maxOtherwise {
				break
			}
			x := b.e.changed(c, d.apply)
			if x == nil || x.p.Failure == nil || !b.e.carriesLive(x) {
				continue
			}
			if forbidden(x) || strings.HasPrefix(x.p.Failure.Reason, "credentials.") {
				continue
			}
			words := strings.SplitN(x.p.Failure.Reason, ".", 3)
			add(x, strings.Join(words[:min(2, len(words))], "."), d.how)
		}
	}
	if len(steps) == n {
		return false
	}
	state, err := b.e.walk(steps)
	if err != nil {
		return false
	}
	for _, c := range right {
		x := b.e.tryIn(state, c.filling)
		if x == nil || x.p.Failure != nil {
			continue
		}
		if !b.e.tellsEnd(x) {
			// Whoever has lost the session is answered, too: another one shows it.
			for _, pr := range b.sortedProbes(b.e, w) {
				if y := b.e.tryIn(state, pr.c.filling); y != nil && y.p.Failure == nil && len(pr.c.p.Ends)+len(pr.c.p.Consume) == 0 && b.e.tellsEnd(y) {
					steps = append(steps, judgedStep(y, "see that the session goes on", lawOf(nothingChanged)))
					break
				}
			}
		}
		cs := b.caseOf(append(steps, x.step("")), x, "law", op.ID+" takes no bad token, and a good one after each of them", lawOf(nothingChanged))
		cs.Operation, cs.Method, cs.Path = op.ID, op.Method, op.Path
		b.add(cs, op.ID, "law.good-after-bad")
		return true
	}
	return false
}

// tellsEnd reports whether a request is refused once a session of its tokens has
// ended.
func (e *explorer) tellsEnd(c *candidate) bool {
	w := c.way.fork()
	for _, t := range e.tokens(c) {
		id := e.sessionOf(w, t.slot)
		w.shadow.store.Update(func(tx session.Tx) {
			if x := tx.Session(id); x != nil {
				y := *x
				y.Ended = true
				tx.PutSession(&y)
			}
		})
	}
	x := e.tryIn(w, c.filling)
	return x != nil && x.p.Failure != nil
}

// wrongMembers are deviations that add a member of another type to the body: one
// that the request need not have.
func (e *explorer) wrongMembers(c *candidate) []deviation {
	o, ok := c.request.body.(value.Object)
	if !ok || c.request.media == nil || c.request.media.Schema == nil {
		return nil
	}
	var out []deviation
	nodes := append([]*schema.Node{c.request.media.Schema}, c.request.media.Schema.Alternatives()...)
	for _, n := range nodes {
		for _, p := range n.Properties() {
			if _, there := o.Get(p.Name); !there && !p.Schema.ReadOnly {
				l := specs.Location{Tokens: []string{p.Name}}
				out = append(out, deviation{"with a value of another type at " + value.Pointer(p.Name), func(r *request) { r.set(l, wrongType(p.Schema)) }})
			}
		}
	}
	for _, n := range nodes[1:] {
		out = append(out, deviation{"with what another form of the body has, too", func(r *request) {
			for _, name := range n.Required {
				if v, ok := e.plausible(n.Property(name)); ok {
					if _, there := r.get(specs.Location{In: specs.InBody, Tokens: []string{name}}); !there {
						r.set(specs.Location{Tokens: []string{name}}, v)
					}
				}
			}
		}})
	}
	return out
}

// changed is a request that differs in one place from one that succeeds.
func (e *explorer) changed(c *candidate, apply func(*request)) *candidate {
	g := c.copy()
	apply(g.r)
	return e.tryIn(c.way, g)
}

// carriesLive reports whether a request has a token in it that lives: one that is
// due there, or another one.
func (e *explorer) carriesLive(c *candidate) bool {
	b := c.request.broken()
	unread := b.raw != nil || b.contentType != nil
	return slices.ContainsFunc(e.tokens(c), func(t placed) bool {
		return t.slot.change == unchanged && !(unread && t.bind.At.In == specs.InBody) && !e.isDead(c, t.slot)
	})
}

// deadEverywhere makes the cases of an operation that is called with a token
// that is dead, at each place of one: after each operation that ends some, and
// when its time is over.
func (b *builder) deadEverywhere(op *specs.Operation, f *found) {
	w, right := b.e.together(f)
	if w == nil {
		return
	}
	var places []placedIn
	for _, c := range right {
		for _, t := range b.e.tokens(c) {
			places = append(places, placedIn{c, t})
		}
	}
	if len(places) < 2 {
		return // the one place has its own cases
	}
	missing := map[string]bool{} // revoked at a place, not yet seen
	for _, p := range places {
		missing[p.t.bind.At.Src+p.t.slot.name] = true
	}
	for _, end := range b.e.enders(w) {
		after, err := b.e.then(w, end.step(""))
		if err != nil {
			continue
		}
		steps := append(slices.Clone(w.steps), end.step(""))
		n := len(steps)
		var last *candidate
		for _, p := range places {
			x := b.e.tryIn(after, p.c.filling)
			key := p.t.bind.At.Src + p.t.slot.name
			if x == nil || x.p.Failure == nil || !missing[key] || !strings.HasPrefix(x.p.Failure.Reason, "token.revoked."+p.t.slot.name) {
				continue
			}
			links := endLinks(end, x)
			if slices.ContainsFunc(links, func(l link) bool { return l.mark.Level < specs.Documented }) && b.betterEnds(w, end, p.c) {
				continue
			}
			delete(missing, key)
			x.links = links
			last = x
			steps = append(steps, judgedStep(x, "after "+end.request.op.Op.ID))
		}
		if len(steps) == n {
			continue
		}
		cs := b.caseOf(steps, last, "law", fmt.Sprintf("%s takes no token that %s ended, wherever it stands", op.ID, end.request.op.Op.ID))
		b.add(cs, op.ID, "law.dead-everywhere", "after", slug(end.request.op.Op.ID))
	}
	b.overEverywhere(op, w, places, "expired", func(*slot) time.Duration { return 0 })
	b.overEverywhere(op, w, places, "unknown", func(s *slot) time.Duration { return b.e.forgottenAfter(w, s) })
}

// placedIn is a right request, and a place in it at which a token stands.
type placedIn struct {
	c *candidate
	t placed
}

// overEverywhere makes the case of an operation that is called with tokens whose
// time is over, in the order in which they end; what: they have expired, or are
// forgotten (unknown). after is how long after the end that is.
func (b *builder) overEverywhere(op *specs.Operation, w *way, places []placedIn, what string, after func(*slot) time.Duration) {
	type ending struct {
		placedIn
		x *candidate
	}
	var list []ending
	for _, p := range places {
		d := after(p.t.slot)
		if what != "expired" && d == 0 {
			continue
		}
		x := b.e.waited(p.c, p.t.slot, d)
		if x != nil && x.p.Failure != nil && x.p.Failure.Reason == "token."+what+"."+p.t.slot.name {
			list = append(list, ending{p, x})
		}
	}
	if len(list) < 2 {
		return
	}
	slices.SortStableFunc(list, func(a, b ending) int { return cmp.Compare(a.x.lasts, b.x.lasts) })
	steps := slices.Clone(w.steps)
	var last *candidate
	var passed time.Duration
	for _, p := range list {
		st := judgedStep(p.x, "when its time is over")
		st.dead, st.wait, st.lasts = p.t.slot, p.x.wait, max(0, p.x.lasts-passed)
		if _, err := b.e.walk(append(slices.Clone(steps), st)); err != nil || st.outcome != p.x.p.Outcome() {
			continue
		}
		passed += st.lasts
		steps, last = append(steps, st), p.x
	}
	if len(steps) < len(w.steps)+2 {
		return
	}
	cs := b.caseOf(steps, last, "law", op.ID+" takes no token whose time is over, wherever it stands")
	b.add(cs, op.ID, "law.dead-everywhere", what)
}

// betterEnds reports whether another operation that is documented to end it
// makes a request's token dead, too.
func (b *builder) betterEnds(w *way, than, c *candidate) bool {
	for _, end := range b.e.enders(w) {
		if end == than {
			continue
		}
		after, err := b.e.then(w, end.step(""))
		if err != nil {
			continue
		}
		x := b.e.tryIn(after, c.filling)
		if x == nil || x.p.Failure == nil || !strings.HasPrefix(x.p.Failure.Reason, "token.revoked.") {
			continue
		}
		links := endLinks(end, x)
		if len(links) > 0 && !slices.ContainsFunc(links, func(l link) bool { return l.mark.Level < specs.Documented }) {
			return true
		}
	}
	return false
}

// refusedIsUndone makes the cases of requests that a condition refuses: what they
// would have done has not happened.
func (b *builder) refusedIsUndone(op *specs.Operation, f *found) {
	if len(op.Needs) == 0 || len(op.Ends)+len(op.Sets)+len(op.Creates)+len(op.Issues)+len(op.Opens) == 0 {
		return
	}
	free := *op
	free.Needs = nil
	granted := wire.New(b.p.Contract, &free)
	made := map[bool]bool{} // with a token, and without one
	for _, list := range []map[string]*candidate{f.held, f.by} {
		for _, k := range f.order {
			r := list[k]
			if r == nil || r.p.Failure == nil || r.dead != nil || r.settings != nil || r.proof != nil || r.wait != 0 {
				continue
			}
			live := b.e.carriesLive(r)
			if made[live] || !slices.ContainsFunc(op.Needs, func(n *specs.Need) bool { return n.Else == r.p.Failure.Reason }) {
				continue
			}
			made[live] = b.undone(op, r, granted)
		}
	}
}

// undone makes the case of one request that is refused: a later one shows that
// nothing of what it asks for was done. It reports whether there is one.
func (b *builder) undone(op *specs.Operation, r *candidate, granted *wire.Operation) bool {
	refused := b.last(r)
	state, err := r.e.walk(append(slices.Clone(r.way.steps), refused))
	if err != nil || refused.success {
		return false
	}
	done := *refused
	done.request = r.request.clone()
	done.request.op = granted
	otherwise, err := r.e.walk(append(slices.Clone(r.way.steps), &done))
	if err != nil || !done.success {
		return false
	}
	// If the states are alike it would have done nothing.
	if b.unlike(state, otherwise) && b.undoneThen(op, r, refused, state, otherwise) {
		return true
	}
	// What it was asked to end may be somebody else's.
	if len(op.Ends) == 0 {
		return false
	}
	n := len(r.way.steps)
	via := map[string]bool{}
	for _, w := range r.e.ways {
		if len(w.holds) == 0 || via[w.via+w.who] {
			continue
		}
		via[w.via+w.who] = true
		before := slices.Concat(r.way.steps, r.e.shiftSteps(w.steps, n))
		state, err1 := r.e.walk(append(slices.Clone(before), refused))
		otherwise, err2 := r.e.walk(append(slices.Clone(before), &done))
		if err1 != nil || err2 != nil || refused.success || !done.success {
			continue
		}
		for _, pr := range b.sortedProbes(r.e, w) {
			g := pr.c.with(r.e.shiftRequest(pr.c.request, n))
			x, y := r.e.tryIn(state, g), r.e.tryIn(otherwise, g)
			if x == nil || y == nil || x.p.Failure != nil || y.p.Failure == nil {
				continue
			}
			b.isUndone(op, r, append(before, refused), x)
			return true
		}
	}
	return false
}

// unlike reports whether two states differ in a record, or in which sessions and
// tokens of theirs live.
func (b *builder) unlike(x, y *way) bool {
	var of [2]map[string]any
	for i, w := range []*way{x, y} {
		of[i] = map[string]any{}
		w.shadow.store.Update(func(tx session.Tx) {
			for _, k := range b.p.Contract.Records {
				for _, r := range tx.Records(k.Name) {
					of[i]["record "+k.Name+" "+r.Key] = r.Fields
				}
			}
			tx.EachSession(func(s *session.Session) {
				of[i]["session "+s.ID] = s.Ended
				for _, text := range s.Tokens {
					if t := tx.Token(text); t != nil {
						of[i]["token "+text] = t.State
					}
				}
			})
		})
	}
	// What neither has changed is the same thing in both, and compared at once.
	return !maps.EqualFunc(of[0], of[1], reflect.DeepEqual)
}

// maxWitnesses bounds the requests that are tried to see whether another one was
// carried out.
const maxWitnesses = 60

// isUndone makes the case of one witness.
func (b *builder) isUndone(op *specs.Operation, r *candidate, steps []*step, x *candidate) {
	cs := b.caseOf(append(steps, x.step("")), x, "law",
		fmt.Sprintf("%s that is refused for %s does nothing of what it was asked for", op.ID, r.p.Failure.Reason), lawOf(nothingChanged))
	cs.Operation, cs.Method, cs.Path = op.ID, op.Method, op.Path
	b.add(cs, op.ID, "law.refused-is-not-done", slug(r.p.Failure.Reason))
}

// undoneThen is undone in the state that the request itself needs. otherwise is the
// one in which it was carried out.
func (b *builder) undoneThen(op *specs.Operation, r *candidate, refused *step, state, otherwise *way) bool {
	for y := range b.witnesses(op, r, otherwise) {
		x := r.e.tryIn(state, y.filling)
		if x == nil || x.p.Failure != nil && (y.p.Failure != nil || !strings.HasPrefix(x.p.Failure.Reason, "token.") && !strings.HasPrefix(x.p.Failure.Reason, "credentials.")) {
			continue
		}
		if r.e.said(x) == r.e.said(y) {
			continue
		}
		b.isUndone(op, r, append(slices.Clone(r.way.steps), refused), x)
		return true
	}
	for x := range b.witnesses(op, r, state) {
		if x.p.Failure != nil && !strings.HasPrefix(x.p.Failure.Reason, "token.") && !strings.HasPrefix(x.p.Failure.Reason, "credentials.") {
			continue
		}
		y := r.e.tryIn(otherwise, x.filling)
		if y == nil || x.p.Failure != nil && y.p.Failure != nil || r.e.said(x) == r.e.said(y) {
			continue
		}
		b.isUndone(op, r, append(slices.Clone(r.way.steps), refused), x)
		return true
	}
	return false
}

// witnesses are requests that may show in a state whether another one was carried
// out: the operation itself, those that look at tokens, those that log in or
// read.
func (b *builder) witnesses(op *specs.Operation, r *candidate, state *way) iter.Seq[*candidate] {
	return func(found func(*candidate) bool) {
		n := 0
		yield := func(x *candidate) bool { n++; return n <= maxWitnesses && found(x) }
		for _, pr := range b.sortedProbes(r.e, r.way) {
			if x := r.e.tryIn(state, pr.c.filling); x != nil && !yield(x) {
				return
			}
		}
		others := append([]*specs.Operation{op}, b.readers(op)...)
		for _, o := range b.p.Contract.Operations {
			if !slices.Contains(others, o) && (len(o.Opens) > 0 || o.Method == http.MethodGet) {
				others = append(others, o)
			}
		}
		for _, o := range others {
			if !r.e.offered(state, o) {
				continue
			}
			for x := range r.e.each(state, o, nil) {
				if !yield(x) {
					return
				}
			}
		}
	}
}

// sortedProbes are the probes of a way, in the order of the kinds of token.
func (b *builder) sortedProbes(e *explorer, w *way) []probe {
	probes := b.probes(e, w)
	kinds := make([]string, 0, len(probes))
	for k := range probes {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	out := make([]probe, len(kinds))
	for i, k := range kinds {
		out[i] = probes[k]
	}
	return out
}

// stillLives makes the case of a request that is refused, with a token that lives,
// after which the same session goes on: by the right request, or by another one.
func (b *builder) stillLives(op *specs.Operation, r *candidate) bool {
	steps := append(slices.Clone(r.way.steps), b.last(r))
	state, err := r.e.walk(steps)
	if err != nil {
		return false
	}
	for _, pr := range b.sortedProbes(r.e, r.way) {
		x := r.e.tryIn(state, pr.c.filling)
		if x == nil || x.p.Failure != nil || !slices.ContainsFunc(r.e.tokens(r), func(t placed) bool { return r.e.sessionOf(r.way, t.slot) == r.e.sessionOf(r.way, pr.slot) }) {
			continue
		}
		cs := b.caseOf(append(steps, x.step("")), x, "law", fmt.Sprintf("after %s was refused for %s the session goes on", op.ID, r.p.Failure.Reason), lawOf(nothingChanged))
		cs.Operation, cs.Method, cs.Path = op.ID, op.Method, op.Path
		b.add(cs, op.ID, "law.session-goes-on", slug(r.p.Failure.Reason))
		return true
	}
	return false
}

// sessionOf is the id of the session of a token that a way holds, or "".
func (e *explorer) sessionOf(w *way, s *slot) string {
	id := ""
	w.shadow.store.Update(func(tx session.Tx) {
		thing, err := w.shadow.thing(s, tx)
		if t, ok := thing.(*session.Token); err == nil && ok {
			id = t.Session
		}
	})
	return id
}
