package conformance

import (
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// found is what a search brought about for one operation: for each outcome the
// first request that does, in the order of the search.
type found struct {
	by    map[string]*candidate
	order []string
	tried int
	// held are refusals of requests that carried a token, where there are any.
	held map[string]*candidate
	// meeting is what together found; nil: nobody asked yet.
	meeting *meeting
}

func (f *found) add(c *candidate) {
	f.tried++
	if guesses(c) {
		return
	}
	k := c.key()
	if c.p.Failure != nil && f.held[k] == nil && len(c.e.tokens(c)) > 0 {
		if f.held == nil {
			f.held = map[string]*candidate{}
		}
		f.held[k] = c
	}
	if old := f.by[k]; old != nil {
		// The same answer, with less that nobody told.
		if c.p.Failure == nil && assumes(old) && !assumes(c) {
			f.by[k] = c
			return
		}
		// The same refusal, better founded: the cause decides how much it weighs. Or
		// for that cause alone, so that who does not look at it accepts.
		if c.p.Failure != nil && old.p.Failure != nil && (c.level() > old.level() || c.level() == old.level() && !old.alone() && c.alone()) {
			f.by[k] = c
			return
		}
		return
	}
	f.by[k] = c
	f.order = append(f.order, k)
}

// alone reports whether a request is refused for one condition of the operation,
// and would succeed without it.
func (c *candidate) alone() bool {
	if c.sole == 0 {
		c.sole = -1
		free := c.e.freed(c.request.op, c.p.Failure.Reason)
		if free == nil {
			c.sole = 1 // it is no condition of the operation's own
			return true
		}
		g := c.copy()
		g.r.op = free
		if x := c.e.tryIn(c.way, g); x != nil && x.p.Failure == nil {
			c.sole = 1
		}
	}
	return c.sole > 0
}

// dropped is an operation and a reason that it refuses for no more.
type dropped struct {
	op     *wire.Operation
	reason string
}

// freed is an operation without its conditions for a reason; nil: it has none.
func (e *explorer) freed(op *wire.Operation, reason string) *wire.Operation {
	key := dropped{op, reason}
	if out, known := e.fixed.freed[key]; known {
		return out
	}
	var out *wire.Operation
	needs := slices.DeleteFunc(slices.Clone(op.Op.Needs), func(n *specs.Need) bool { return n.Else == reason })
	if len(needs) < len(op.Op.Needs) {
		free := *op.Op
		free.Needs = needs
		out = wire.New(e.contract, &free)
	}
	if e.fixed.freed == nil {
		e.fixed.freed = map[dropped]*wire.Operation{}
	}
	e.fixed.freed[key] = out
	return out
}

// has reports whether a reason was brought about.
func (f *found) has(reason string) bool {
	for _, c := range f.by {
		if c.p.Failure != nil && c.p.Failure.Reason == reason {
			return true
		}
	}
	return false
}

// succeeds reports whether a request was found that succeeds.
func (f *found) succeeds() bool {
	return slices.ContainsFunc(f.order, func(k string) bool { return f.by[k].p.Failure == nil })
}

// bases are requests that succeed, one for each answer and way of proving.
func (f *found) bases() []*candidate {
	var out []*candidate
	for _, k := range f.order {
		if c := f.by[k]; c.p.Failure == nil && c.extra == nil && c.how == "" {
			out = append(out, c)
		}
	}
	return out
}

// maxStale is after how many requests in a row that bring nothing new about a
// search for more of them ends.
const maxStale = 64

// maxBases bounds how many requests that succeed are deviated from.
const maxBases = 8

// search brings about every outcome of an operation that it can.
func (e *explorer) search(op *specs.Operation) *found {
	f := &found{by: map[string]*candidate{}}
	most := e.most()
	like := map[string]bool{} // ways that were tried, but for who is logged in
	for _, w := range e.ways {
		if !e.offered(w, op) || like[w.shape()] && !e.promises(f, w, op) {
			continue
		}
		var all []*candidate
		if most == maxFurther {
			all = e.plain(w, op, maxFurther)
		} else {
			all = e.complete(w, op, most, maxStale)
		}
		for _, c := range all {
			f.add(c)
		}
		if len(all) > 0 {
			like[w.shape()] = true
			if most = maxFurther; e.seenEnough(f, op) {
				break // another account would be answered the same
			}
		}
	}
	bases := f.bases()
	if !certain(bases) && !e.light {
		e.prepared(f, op)
		if !f.succeeds() {
			e.hinted(f, op)
		}
		bases = f.bases()
	}
	if len(bases) > maxBases {
		bases = bases[:maxBases]
	}
	if e.light && len(bases) > 2 {
		bases = bases[:2]
	}
	body := map[string]bool{}
	inForms := map[*specs.Answer]bool{}
	for _, c := range bases {
		if !inForms[c.p.Answer] {
			inForms[c.p.Answer] = true
			e.media(f, c)
		}
		// The body's own members are the same whoever sends it.
		own := ""
		if c.request.media != nil {
			own = c.request.media.Type
		}
		if c.p.Answer != nil && len(op.Opens) > 0 {
			own += " " + c.p.Answer.Pointer // a log-in is asked for more in its body than who comes
		}
		for _, d := range e.deviations(c, !body[own] && !e.proofsOnly) {
			e.deviate(f, c, d)
		}
		body[own] = true
		e.everything(f, c)
		e.deadTokens(f, c)
		e.strangers(f, c)
		e.locked(f, c)
		e.alternatives(f, c)
		e.options(f, c)
	}
	e.shows(f, op, bases)
	seen := map[string]bool{}
	for _, c := range bases {
		e.tolerated(f, c, seen)
	}
	for _, c := range f.bases()[len(bases):] {
		// Of the others only places of tokens count that are not looked at yet.
		if e.tolerated(f, c, seen) && !e.light {
			e.deadTokens(f, c)
		}
	}
	if !e.light {
		e.pairs(f, op, bases)
	}
	e.notOffered(f, op)
	return f
}

// seenEnough reports whether there is nothing left that depends on who calls:
// the conditions of the operation and of the records, and its answers.
func (e *explorer) seenEnough(f *found, op *specs.Operation) bool {
	for _, n := range op.Needs {
		if !f.has(n.Else) {
			return false
		}
	}
	for _, k := range e.contract.Records {
		for _, n := range k.Needs {
			if !f.has(n.Else) {
				return false
			}
		}
	}
	answered, proven := f.shown()
	for _, alt := range append(slices.Clone(op.Security), op.Accepts) {
		for _, p := range alt {
			if !proven[p] && e.offers(op, p) {
				return false
			}
		}
	}
	for _, a := range op.Answers {
		if !answered[a] {
			return false
		}
	}
	return true
}

func (e *explorer) offers(op *specs.Operation, p *specs.Proof) bool {
	var ok bool
	s := e.empty.shadow
	s.store.Update(func(tx session.Tx) { ok = s.machine.Offers(op, p, session.Moment{Now: s.now, Tx: tx}) })
	return ok
}

// tolerated tries a request again with tokens that are none, where it succeeds all
// the same. It reports whether a token stands where none of those in seen does.
func (e *explorer) tolerated(f *found, c *candidate, seen map[string]bool) bool {
	fresh := false
	for _, p := range c.filling.proofs {
		for _, a := range p.Also {
			if a.Optional && len(a.Tolerate) > 0 {
				e.uninvited(f, c, a, seen)
			}
		}
	}
	for _, t := range e.tokens(c) {
		key := t.bind.Pointer + " " + t.slot.name
		if seen[key] {
			continue
		}
		seen[key], fresh = true, true
		forgiving := false
		everyProof(c.request.op.Op, func(p *specs.Proof) {
			forgiving = forgiving || len(p.Tolerate) > 0 && slices.Contains(p.Binds, t.bind)
		})
		if !forgiving {
			continue
		}
		e.deviateToken(c, t.bind, t.slot, func(how string, apply func(*request)) {
			if x := e.changed(c, apply); x != nil && x.p.Failure == nil {
				x.tag, x.how = "though "+how, how
				f.add(x)
			}
		})
	}
	return fresh
}

// uninvited tries a request with a text that is no token, at a place where none need
// stand.
func (e *explorer) uninvited(f *found, c *candidate, p *specs.Proof, seen map[string]bool) {
	for _, b := range p.Binds {
		if _, there := c.request.get(b.At); there || seen[b.Pointer] || len(b.Alts) == 0 || b.Alts[0].Kind != specs.FindToken {
			continue
		}
		seen[b.Pointer] = true
		try := func(how string, v any) {
			how += " in " + b.At.Describe()
			if x := e.changed(c, func(r *request) { r.set(b.At, v) }); x != nil && x.p.Failure == nil {
				x.tag, x.how = "though "+how, how
				f.add(x)
			}
		}
		try("with what is no token", notAToken)
		if v, ok := e.neverIssued(e.contract.Token(b.Alts[0].Token), &slot{}); ok {
			try("with a token that was never issued", v)
		}
	}
}

// everything tries a request that writes with each member that its body can have
// and does not: what is sent must be kept.
func (e *explorer) everything(f *found, c *candidate) {
	if c.request.media == nil || c.request.media.Schema == nil || len(c.p.Op.Sets)+len(c.p.Op.Creates) == 0 {
		return
	}
	o, ok := c.request.body.(value.Object)
	if !ok {
		return
	}
	g := c.copy()
	for _, p := range c.request.media.Schema.Properties() {
		if _, present := o.Get(p.Name); present || p.Schema.ReadOnly {
			continue
		}
		v, ok := e.plausible(p.Schema)
		if !ok {
			continue
		}
		with := g.r.clone()
		with.body = put(with.body, []string{p.Name}, v)
		h := g.clone()
		h.r = with
		x := e.tryIn(c.way, h)
		if x == nil || x.p.Failure != nil {
			continue // this one is no option here
		}
		g.r = with
	}
	x := e.tryIn(c.way, g)
	if x == nil || x.p.Failure != nil || x.p.Answer == nil {
		return
	}
	x.tag, x.how = "everything "+c.p.Answer.Pointer, "with every member that it can have"
	f.add(x)
}

// plausible is a value that is likely to differ from what is there.
func (e *explorer) plausible(n *schema.Node) (any, bool) {
	return e.plausibleAt(n, 0)
}

func (e *explorer) plausibleAt(n *schema.Node, depth int) (any, bool) {
	if n == nil {
		return "conform-other", true
	}
	switch {
	case depth > 3:
	case n.Is("array") && n.Items() != nil:
		if x, ok := e.plausibleAt(n.Items(), depth+1); ok {
			return []any{x}, true
		}
	case n.Is("object") && len(n.Properties()) == 0 && n.Additional:
		if x, ok := e.plausibleAt(n.Values(), depth+1); ok {
			return value.Object{{Name: "conform", Value: x}}, true
		}
	}
	for _, v := range others(n, nil) {
		if v != "" {
			return v, true
		}
	}
	v, err := e.empty.shadow.machine.Generate(n)
	return v, err == nil
}

// isDead reports whether the token of a slot is dead in a candidate's state.
func (e *explorer) isDead(x *candidate, s *slot) bool {
	dead := false
	sh := x.way.shadow
	sh.store.Update(func(tx session.Tx) {
		thing, err := sh.thing(s, tx)
		if t, ok := thing.(*session.Token); err == nil && ok {
			dead = sh.machine.Deadness(t, session.Moment{Now: sh.now, Tx: tx}) != ""
		}
	})
	return dead
}

// alternatives tries the other fields by which a record can be named.
func (e *explorer) alternatives(f *found, c *candidate) {
	for _, p := range c.filling.proofs {
		for _, b := range slices.Concat(p.Binds, p.May) {
			if _, present := c.request.get(b.At); !present || len(b.Alts) < 2 {
				continue
			}
			e.otherKinds(f, c, b)
			for _, alt := range b.Alts {
				r := c.filling.roles.record(alt.Role)
				if alt.Kind != specs.FindRecord || r == nil || r.Fields[alt.Field] == nil {
					continue
				}
				g := c.copy()
				c.way.shadow.store.Update(func(tx session.Tx) {
					pr := &prover{w: c.way, op: c.request.op, tx: tx, most: maxFilled}
					one := *b
					one.Alts = []*specs.Target{alt}
					if v, ok := pr.fieldValue(&one, alt.Role, r); ok {
						g.r.set(b.At, v)
						if x := e.try(c.way, g, tx); x != nil && x.p.Failure == nil {
							x.tag, x.how = "with "+b.Pointer+" "+alt.Field, "with the "+alt.Field+" in "+b.At.Describe()
							f.add(x)
						}
					}
				})
			}
		}
	}
}

// options tries what may be sent beside a proof: a value that makes a difference, and
// whatever can be wrong with it.
func (e *explorer) options(f *found, c *candidate) {
	for _, p := range c.filling.proofs {
		if len(p.May) == 0 || slices.ContainsFunc(p.May, func(b *specs.RequestBind) bool { return len(b.Alts) == 0 || b.Alts[0].Kind != specs.FindRecord }) {
			continue
		}
		if slices.ContainsFunc(p.May, func(b *specs.RequestBind) bool { _, there := c.request.get(b.At); return there }) {
			if c = e.without(c, p.May); c == nil {
				return
			}
		}
		var in []*filling
		c.way.shadow.store.Update(func(tx session.Tx) {
			pr := &prover{w: c.way, op: c.request.op, tx: tx, most: maxFilled}
			g := c.copy()
			in = []*filling{g}
			for _, b := range p.May {
				in = pr.each(in, func(f *filling) []*filling { return pr.bind(f, b) })
			}
		})
		deviated := false
		for _, g := range in {
			x := e.tryIn(c.way, g.settle())
			if x == nil || x.p.Failure != nil {
				continue
			}
			if !deviated {
				deviated = true
				for _, b := range p.May {
					e.deviateBind(x, b, func(how string, apply func(*request)) { e.deviate(f, x, deviation{how, apply}) })
				}
			}
			if opened(x) != opened(c) || e.said(x) != e.said(c) && len(c.p.Issue) == 0 {
				x.tag, x.how = "with "+p.Pointer+"/may "+p.May[0].At.Field(), "with "+p.May[0].At.Describe()
				f.add(x)
				break
			}
		}
	}
}

// without is a request that succeeds without what it may have beside a proof: as
// whoever can be logged in instead; nil: there is none.
func (e *explorer) without(c *candidate, list []*specs.RequestBind) *candidate {
	g := c.copy()
	for _, b := range list {
		g.r.drop(b.At)
	}
	for _, w := range e.ways {
		if len(w.holds) == 0 {
			continue
		}
		x := e.tryIn(w, g)
		if x == nil || x.p.Failure != nil {
			continue
		}
		// The session speaks for itself.
		x.filling.roles = nil
		w.shadow.store.Update(func(tx session.Tx) {
			pr := &prover{w: w, op: c.request.op, tx: tx, most: maxFilled}
			for _, t := range e.tokens(x) {
				if thing, err := w.shadow.thing(t.slot, tx); err == nil {
					if tok, ok := thing.(*session.Token); ok {
						x.filling.session = tok.Session
						pr.facts(x.filling)
					}
				}
			}
		})
		return x
	}
	return nil
}

// opened is what the sessions remember that a request opens.
func opened(c *candidate) string {
	out := make([]string, len(c.p.Opens))
	for i, o := range c.p.Opens {
		out[i] = who(c.e.contract, o.Session)
	}
	return strings.Join(out, ";")
}

// shows tries a request that reads as whoever else is logged in, if that shows a
// member that no other has shown.
func (e *explorer) shows(f *found, op *specs.Operation, bases []*candidate) {
	seen := map[string]bool{}
	members := func(c *candidate) []string {
		var out []string
		c.way.shadow.store.Update(func(session.Tx) {
			status, problem := c.p.Status()
			if c.p.Failure != nil || problem {
				return
			}
			_, node, _ := c.request.op.Media(c.p.Decision, status, c.p.typ)
			for _, at := range membersOf(c.p.Render(status, node).Body, "") {
				out = append(out, c.p.Outcome()+" "+at)
			}
		})
		return out
	}
	for _, c := range bases {
		for _, m := range members(c) {
			seen[m] = true
		}
	}
	done := map[string]bool{}
	for _, c := range bases {
		if len(c.way.steps) == 0 || len(c.p.Issue)+len(c.p.Opens)+len(c.p.Ends)+len(c.p.Creates)+len(c.p.Consume) > 0 || done[c.p.Outcome()] {
			continue
		}
		done[c.p.Outcome()] = true
		for _, w := range e.ways {
			if w.via != c.way.via || w == c.way {
				continue
			}
			x := e.tryIn(w, c.filling)
			if x == nil || x.p.Failure != nil {
				if x = e.anyIn(w, op); x == nil {
					continue
				}
			}
			for _, m := range members(x) {
				if !seen[m] {
					seen[m] = true
					if x.tag == "" {
						x.tag, x.how = "showing "+m, "as an account that has "+m[strings.IndexByte(m, ' ')+1:]
						f.add(x)
					}
				}
			}
		}
	}
}

// anyIn is the first request of an operation that succeeds in the state of a way, if
// it names a record itself; nil: there is none.
func (e *explorer) anyIn(w *way, op *specs.Operation) *candidate {
	if !slices.ContainsFunc(e.contract.Records, func(k *specs.RecordKind) bool { return names(op, k.Name) }) {
		return nil
	}
	for c := range e.each(w, op, nil) {
		if c.p.Failure == nil {
			return c
		}
	}
	return nil
}

// membersOf are the pointers of what a value has, each element of a list as the
// first.
func membersOf(v any, at string) []string {
	var out []string
	switch v := v.(type) {
	case value.Object:
		for _, m := range v {
			out = append(out, membersOf(m.Value, at+value.Pointer(m.Name))...)
		}
	case []any:
		for _, x := range v {
			out = append(out, membersOf(x, at+"/0")...)
		}
	case nil:
	default:
		out = append(out, at)
	}
	return out
}

// otherKinds tries the other kinds of token that a place takes, and the other ways
// to write one.
func (e *explorer) otherKinds(f *found, c *candidate, b *specs.RequestBind) {
	v, _ := c.request.get(b.At)
	old, ok := v.(*slot)
	if !ok {
		return
	}
	for _, alt := range b.Alts {
		if alt.Kind != specs.FindToken {
			continue
		}
		for _, h := range c.way.holds {
			s := withValue(h.slot, alt.Value)
			if h.kind != alt.Token || h.id != c.filling.session || s.name == old.name && s.value == old.value {
				continue
			}
			g := c.copy()
			g.r.set(b.At, s)
			if x := e.tryIn(c.way, g); x != nil && x.p.Failure == nil {
				x.tag, x.how = "with "+b.Pointer+" "+alt.Value.Src, "with "+alt.Value.Src+" in "+b.At.Describe()
				f.add(x)
			}
		}
	}
}

// notOffered tries the proofs that the settings leave out: who comes with one is
// refused.
func (e *explorer) notOffered(f *found, op *specs.Operation) {
	var secs [][]*specs.Proof
	var accs []*specs.Proof
	for _, alt := range op.Security {
		if slices.ContainsFunc(alt, func(p *specs.Proof) bool { return !e.offers(op, p) }) {
			secs = append(secs, alt)
		}
	}
	for _, p := range op.Accepts {
		if !e.offers(op, p) && !dependsOnRequest(p.When) {
			accs = append(accs, p)
		}
	}
	try := func(sec, acc *specs.Proof, secs [][]*specs.Proof, accs []*specs.Proof) {
		about := acc
		if about == nil {
			about = sec
		}
		tag := "not offered " + about.Pointer
		for _, w := range e.ways {
			if f.by[tag] != nil || !e.offered(w, op) {
				return
			}
			w.shadow.store.Update(func(tx session.Tx) {
				p := &prover{w: w, op: e.ops[op.ID], tx: tx}
				all := e.fillAll(p, secs, accs, maxNotOffered)
				for i := 0; all.at(i) != nil; i++ {
					c := e.try(w, all.at(i), tx)
					if c == nil || c.p.Failure == nil {
						continue
					}
					c.tag, c.proof, c.how = tag, about, "with "+about.As+", which is not offered"
					f.add(c)
					return
				}
			})
		}
	}
	for _, alt := range secs {
		try(alt[0], nil, [][]*specs.Proof{alt}, []*specs.Proof{nil})
	}
	for _, acc := range accs {
		var with [][]*specs.Proof
		for _, alt := range op.Security {
			if !slices.ContainsFunc(alt, func(p *specs.Proof) bool { return !e.offers(op, p) }) {
				with = append(with, alt)
			}
		}
		if len(with) == 0 {
			with = [][]*specs.Proof{nil}
		}
		try(nil, acc, with, []*specs.Proof{acc})
	}
}

// maxNotOffered bounds the requests that are tried for each of them.
const maxNotOffered = 8

// deviate tries a request that differs in one place.
func (e *explorer) deviate(f *found, c *candidate, ds ...deviation) {
	g := c.copy()
	var how []string
	for _, d := range ds {
		d.apply(g.r)
		how = append(how, d.how)
	}
	x := e.tryIn(c.way, g)
	if x == nil {
		return
	}
	x.how = strings.Join(how, ", and ")
	f.add(x)
}

func (e *explorer) tryIn(w *way, f *filling) *candidate {
	var c *candidate
	w.shadow.store.Update(func(tx session.Tx) { c = e.try(w, f, tx) })
	return c
}

// media tries each media type that the answer can have.
func (e *explorer) media(f *found, c *candidate) {
	for _, typ := range c.request.op.Offers {
		e.deviate(f, c, deviation{"accepting " + typ, func(r *request) { r.accept = typ }})
	}
}

// prepared tries an operation after each one that writes: what is read must
// have been written.
func (e *explorer) prepared(f *found, op *specs.Operation) {
	var writers []*specs.Operation
	for _, o := range e.contract.Operations {
		if (len(o.Creates) > 0 || len(o.Sets) > 0) && o != op {
			writers = append(writers, o)
		}
	}
	// What is written at a path like this one comes first.
	slices.SortStableFunc(writers, func(a, b *specs.Operation) int {
		return commonStart(b.Path, op.Path) - commonStart(a.Path, op.Path)
	})
	tried := 0
	for _, o := range writers {
		like := map[string]bool{} // ways after which it worked, but for who is logged in
		for _, w := range e.ways {
			if like[w.shape()] && !e.promises(f, w, op) {
				continue
			}
			for pre := range e.each(w, o, nil) {
				if pre.p.Failure != nil {
					continue
				}
				if tried++; tried > maxPrepared {
					return
				}
				nw, err := e.then(w, pre.step(""))
				if err != nil {
					continue
				}
				worked := false
				for _, c := range e.plain(nw, op, maxFurther) {
					f.add(c)
					worked = worked || c.p.Failure == nil
				}
				if worked && certain(f.bases()) {
					tried--
					like[w.shape()] = true
					break // whoever else can come: what was written is there for each
				}
			}
		}
		if certain(f.bases()) {
			return
		}
	}
}

// maxPrepared bounds the requests that are tried as preparation of another.
const maxPrepared = 24

// commonStart is how many characters two texts begin with together.
func commonStart(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// tokens returns the slots of a request that hold tokens, and where.
func (e *explorer) tokens(c *candidate) []placed { return e.tokensIn(c.filling) }

func (e *explorer) tokensIn(f *filling) []placed {
	var out []placed
	for _, p := range f.proofs {
		for _, list := range [][]*specs.RequestBind{p.Binds, p.May} {
			for _, b := range list {
				v, ok := f.r.get(b.At)
				if s, isSlot := v.(*slot); ok && isSlot && s.kind == tokenSlot {
					out = append(out, placed{b, s})
				}
			}
		}
	}
	return out
}

type placed struct {
	bind *specs.RequestBind
	slot *slot
}

// deadTokens tries a request again when one of its tokens is dead: expired,
// revoked, used up, replaced.
func (e *explorer) deadTokens(f *found, c *candidate) {
	for _, t := range e.tokens(c) {
		k := e.contract.Token(t.slot.name)
		e.expired(f, c, t, k)
		if k.Once {
			e.after(f, c, "after it was used", c.step("use it once"))
		}
		e.revoked(f, c, t)
		if k.Limit != nil && len(c.way.steps) > 0 {
			again := e.shiftSteps(c.way.steps, len(c.way.steps))
			e.after(f, c, "after a younger one was issued", again...)
		}
	}
}

// after tries a request again after further steps.
func (e *explorer) after(f *found, c *candidate, how string, steps ...*step) {
	if x := e.afterOnly(c, how, steps...); x != nil {
		f.add(x)
	}
}

// afterOnly is after, and keeps nothing.
func (e *explorer) afterOnly(c *candidate, how string, steps ...*step) *candidate {
	w, err := e.then(c.way, steps...)
	if err != nil {
		return nil
	}
	x := e.tryIn(w, c.with(c.request))
	if x == nil {
		return nil
	}
	x.how, x.extra, x.way = how, steps, w
	return x
}

// laterThan tries a request some time after further steps.
func (e *explorer) laterThan(c *candidate, steps []*step, d time.Duration) *candidate {
	w, err := e.then(c.way, steps...)
	if err != nil {
		return nil
	}
	w = w.fork()
	w.shadow.now = w.shadow.now.Add(d)
	x := e.tryIn(w, c.with(c.request))
	if x != nil {
		x.extra, x.way, x.wait = steps, w, d
	}
	return x
}

// expired tries a request at the instant at which a token ends.
func (e *explorer) expired(f *found, c *candidate, t placed, k *specs.TokenKind) {
	if x := e.waited(c, t.slot, 0); x != nil {
		x.how = "when the token " + k.Name + " has expired"
		if x.p.Failure == nil {
			x.tag = "though token.expired." + k.Name + " in " + t.bind.At.Describe()
		}
		f.add(x)
	}
	if d := e.forgottenAfter(c.way, t.slot); d > 0 {
		if x := e.waited(c, t.slot, d); x != nil && x.p.Failure != nil {
			x.how = "when the token " + k.Name + " is forgotten"
			f.add(x)
		}
	}
}

// forgottenAfter is how long after its end a token is forgotten; 0: never.
func (e *explorer) forgottenAfter(w *way, s *slot) time.Duration {
	var d time.Duration
	w.shadow.store.Update(func(tx session.Tx) {
		thing, err := w.shadow.thing(s, tx)
		if t, ok := thing.(*session.Token); err == nil && ok {
			d = t.Forget
		}
	})
	return d
}

// waited tries a request some time after the end of a token.
func (e *explorer) waited(c *candidate, s *slot, d time.Duration) *candidate {
	w, err := e.walk(c.way.steps)
	if err != nil {
		return nil
	}
	w = w.fork()
	st := &step{dead: s, wait: d}
	began := w.shadow.now
	if w.shadow.before(st) != nil {
		return nil
	}
	x := e.tryIn(w, c.with(c.request))
	if x != nil {
		x.dead, x.wait, x.lasts = s, d, w.shadow.now.Sub(began)
	}
	return x
}

// enders are requests that succeed and end something, in a state.
func (e *explorer) enders(w *way) []*candidate {
	if e.ending == nil {
		e.ending = map[*way][]*candidate{}
	}
	if out, ok := e.ending[w]; ok {
		return out
	}
	var out []*candidate
	for _, op := range e.contract.Operations {
		if len(op.Ends) == 0 || !e.offered(w, op) {
			continue
		}
		for c := range e.each(w, op, nil) {
			if c.p.Failure == nil && len(c.p.Ends) > 0 {
				out = append(out, c)
				break
			}
		}
	}
	e.ending[w] = out
	return out
}

// revoked tries a request after each operation that ends its token.
func (e *explorer) revoked(f *found, c *candidate, t placed) {
	// Whoever names a session beside the token names one that lives on.
	c, before := e.namingAnother(c)
	for _, end := range e.enders(c.way) {
		x := e.afterOnly(c, "after "+end.request.op.Op.ID, append(before[:len(before):len(before)], end.step(""))...)
		if x != nil && x.p.Failure == nil && e.isDead(x, t.slot) {
			x.tag = "though token.revoked." + t.slot.name + " in " + t.bind.At.Describe()
		}
		if x != nil {
			if x.p.Failure != nil {
				x.links = endLinks(end, x)
			}
			f.add(x)
		}
		// Another one may be better founded.
		if x != nil && x.p.Failure != nil && strings.HasPrefix(x.p.Failure.Reason, "token.revoked") && x.level() == specs.Documented {
			return
		}
	}
}

// namingAnother is a request that names a session, so that it names that of a
// further log-in, and the steps of that. Any other request is what it is.
func (e *explorer) namingAnother(c *candidate) (*candidate, []*step) {
	var places []specs.Location
	for _, p := range c.filling.proofs {
		for _, b := range p.Binds {
			places = append(places, b.At)
		}
		for _, x := range p.Each {
			places = append(places, x.At)
		}
	}
	places = slices.DeleteFunc(places, func(at specs.Location) bool {
		v, _ := c.request.get(at)
		return !hasSession(v)
	})
	if len(places) == 0 || len(c.way.steps) == 0 {
		return c, nil
	}
	before := e.shiftSteps(c.way.steps, len(c.way.steps))
	w, err := e.then(c.way, before...)
	if err != nil {
		return c, nil
	}
	known := map[string]bool{}
	for _, s := range c.way.sessions {
		known[s.id] = true
	}
	other := slices.IndexFunc(w.sessions, func(s held) bool { return !known[s.id] })
	if other < 0 {
		return c, nil
	}
	g := c.copy()
	for _, at := range places {
		v, _ := c.request.get(at)
		g.r.set(at, namingInstead(v, w.sessions[other].slot))
	}
	x := e.tryIn(w, g)
	if x == nil || x.p.Failure != nil {
		return c, nil
	}
	y := *x
	y.way = c.way // the steps are said apart
	return &y, before
}

// hasSession reports whether a value speaks of a session somewhere.
func hasSession(v any) bool {
	switch v := v.(type) {
	case *slot:
		return v.kind == sessionSlot
	case value.Object:
		return slices.ContainsFunc(v, func(m value.Member) bool { return hasSession(m.Value) })
	case []any:
		return slices.ContainsFunc(v, hasSession)
	}
	return false
}

// namingInstead is a value that speaks of another session.
func namingInstead(v any, other *slot) any {
	switch v := v.(type) {
	case *slot:
		if v.kind == sessionSlot {
			s := *other
			s.value, s.root = v.value, v.root
			return &s
		}
	case value.Object:
		out := slices.Clone(v)
		for i := range out {
			out[i].Value = namingInstead(out[i].Value, other)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = namingInstead(v[i], other)
		}
		return out
	}
	return v
}

// strangers tries a request in which one token is that of another session.
func (e *explorer) strangers(f *found, c *candidate) {
	tokens := e.tokens(c)
	if len(c.way.steps) == 0 {
		return
	}
	n := len(c.way.steps)
	for _, w := range e.others(c.way) {
		both, err := e.walk(slices.Concat(c.way.steps, e.shiftSteps(w.steps, n)))
		if err != nil {
			continue
		}
		for _, t := range tokens {
			other := *t.slot
			other.step += n
			e.stranger(f, c, both, t.bind.At, &other, "with a token "+t.slot.name+" of another login")
		}
		for _, p := range c.filling.proofs {
			for _, b := range p.Binds {
				v, _ := c.request.get(b.At)
				if s, ok := v.(*slot); ok && s.kind == sessionSlot {
					other := *s
					other.step += n
					e.stranger(f, c, both, b.At, &other, "with the id of another's session")
				}
			}
		}
		e.unequal(f, c, w, n)
		// With a token of another login, in all places at once.
		g := c.with(e.shiftRequest(c.request, n))
		if x := e.tryIn(both, g); x != nil {
			x.how = "as another"
			f.add(x)
		}
	}
}

// unequal tries tokens that must be of the same account with two logins that differ
// in one of the facts that are compared.
func (e *explorer) unequal(f *found, c *candidate, _ *way, n int) {
	everyProof(c.request.op.Op, func(p *specs.Proof) {
		if len(p.Same) < 2 {
			return
		}
		for _, b := range p.Binds {
			v, _ := c.request.get(b.At)
			s, ok := v.(*slot)
			if !ok || s.kind != tokenSlot {
				continue
			}
			for _, fact := range p.Same {
				if f.by["token.mismatch."+s.name+"/"+fact] != nil {
					continue
				}
				w := e.differingIn(c.way, s.name, fact, p.Same)
				if w == nil {
					continue
				}
				both, err := e.walk(slices.Concat(c.way.steps, e.shiftSteps(w.steps, n)))
				if err != nil {
					continue
				}
				other := *s
				other.step += n
				g := c.copy()
				g.r.set(b.At, &other)
				if x := e.tryIn(both, g); x != nil && x.p.Failure != nil && strings.HasPrefix(x.p.Failure.Reason, "token.mismatch") {
					x.how, x.field = "with a token "+s.name+" of another "+fact, fact
					f.add(x)
				}
			}
		}
	})
}

// differingIn is a way that holds a token of a kind and whose session has another
// fact than that of w, and of the others the same ones.
func (e *explorer) differingIn(w *way, kind, fact string, facts []string) *way {
	for _, x := range e.ways {
		if !slices.ContainsFunc(x.holds, func(h holding) bool { return h.kind == kind }) {
			continue
		}
		fits := true
		for _, f := range facts {
			fits = fits && (factOf(x.who, f) == factOf(w.who, f)) == (f != fact)
		}
		if fits {
			return x
		}
	}
	return nil
}

// factOf is the value of a fact in what who says, or "".
func factOf(who, fact string) string {
	for f := range strings.FieldsSeq(who) {
		if v, ok := strings.CutPrefix(f, fact+"="); ok {
			return v
		}
	}
	return ""
}

func (e *explorer) stranger(f *found, c *candidate, w *way, l specs.Location, s *slot, how string) {
	g := c.copy()
	g.r.set(l, s)
	if x := e.tryIn(w, g); x != nil {
		x.how = how
		f.add(x)
	}
}

// others are states like this one: the same account again, and another account.
func (e *explorer) others(w *way) []*way {
	out := []*way{w}
	if x := e.otherAccount(w); x != nil {
		out = append(out, x)
	}
	return out
}

// locked sends wrong secrets until the account is locked, and then the right
// one.
func (e *explorer) locked(f *found, c *candidate) {
	for _, p := range c.filling.proofs {
		for _, b := range p.Binds {
			if len(b.Alts) == 0 || !b.Alts[0].Secret || b.Alts[0].Kind != specs.FindRecord {
				continue
			}
			k := e.contract.Record(b.Alts[0].Record)
			if k.Locks == nil || k.Locks.After == nil {
				continue
			}
			n, ok := c.p.Eval(k.Locks.After).(int)
			if !ok || n < 1 || n > 20 {
				continue
			}
			old, _ := c.request.get(b.At)
			wrong := c.request.clone()
			wrong.set(b.At, like(old, wrongPassword))
			var steps []*step
			for range n {
				steps = append(steps, &step{request: wrong, purpose: "send a wrong secret"})
			}
			e.after(f, c, "after too many wrong secrets", steps...)
			again := func(tag, how string, steps ...*step) {
				if x := e.afterOnly(c, how, steps...); x != nil && x.p.Failure == nil {
					x.tag = tag + " " + b.Pointer
					f.add(x)
				}
			}
			if n > 1 {
				again("lock.early", "after one wrong secret too few to be locked", steps[:n-1]...)
				right := c.step("")
				again("lock.resets", "after wrong secrets, a right one and wrong ones again", append(append(slices.Clone(steps[:n-1]), right), steps[:n-1]...)...)
			}
			if d, ok := c.p.Eval(k.Locks.For).(time.Duration); ok && k.Locks.For != nil {
				if x := e.afterOnly(c, "", steps...); x != nil {
					y := e.laterThan(c, steps, d)
					if y != nil && y.p.Failure == nil {
						y.tag, y.how = "lock.ends "+b.Pointer, "when the lock has ended"
						f.add(y)
					}
				}
			}
		}
	}
}

// maxPairs bounds the requests that differ in two places.
const maxPairs = 300

// pairs tries requests that differ in two places, for reasons that no single
// difference brings about. No difference names another record, so that what is
// asked of one record alone is left out.
func (e *explorer) pairs(f *found, op *specs.Operation, bases []*candidate) {
	missing := func() bool {
		return slices.ContainsFunc(op.Needs, func(n *specs.Need) bool { return !aboutARecord(op, n.That) && !f.has(n.Else) })
	}
	if !missing() {
		return
	}
	n := 0
	for _, c := range bases {
		ds := e.deviations(c, true)
		// A difference after which it still succeeds is the first of a pair.
		for i, a := range ds {
			g := c.copy()
			a.apply(g.r)
			first := e.tryIn(c.way, g)
			if first == nil || first.p.Failure != nil {
				continue
			}
			for j, b := range ds {
				if i == j {
					continue
				}
				if n++; n > maxPairs {
					return
				}
				e.deviate(f, c, a, b)
			}
			if !missing() {
				return
			}
		}
	}
}

// aboutARecord reports whether a condition looks at one record that a request
// names, and at nothing else of it.
func aboutARecord(op *specs.Operation, x *specs.Expr) bool {
	roots, err := x.Names()
	if err != nil {
		return false
	}
	records := 0
	for root := range roots {
		switch _, role := op.Roles[root]; {
		case role:
			records++
		case root != "settings" && root != "now" && root != "base":
			return false
		}
	}
	return records == 1
}

func (e *explorer) shiftSteps(steps []*step, n int) []*step {
	out := make([]*step, len(steps))
	for i, st := range steps {
		c := *st
		c.request = e.shiftRequest(st.request, n)
		if st.dead != nil {
			c.dead = shiftSlot(st.dead, n)
		}
		out[i] = &c
	}
	return out
}

func shiftSlot(s *slot, n int) *slot {
	c := *s
	c.step += n
	return &c
}

// shift is a request and how many steps are put before it.
type shift struct {
	r *request
	n int
}

// shiftRequest returns the request as it is when n steps stand before the ones
// that it speaks of. It is the same one each time: whoever walks it comes to the
// same state.
func (e *explorer) shiftRequest(r *request, n int) *request {
	key := shift{r, n}
	out := e.shifted[key]
	if out == nil {
		if e.shifted == nil {
			e.shifted = map[shift]*request{}
		}
		out = shifted(r, n)
		e.shifted[key] = out
	}
	return out
}

func shifted(r *request, n int) *request {
	c := r.clone()
	c.path, c.query, c.header, c.cookie = slices.Clone(r.path), slices.Clone(r.query), slices.Clone(r.header), slices.Clone(r.cookie)
	shift := func(x any) any { return shiftValue(x, n) }
	for _, list := range [...][]named{c.path, c.query, c.header, c.cookie} {
		for i := range list {
			list[i].value = shift(list[i].value)
		}
	}
	c.bearer, c.body = shift(c.bearer), shift(c.body)
	if c.basic != nil {
		c.basic = &basic{shift(c.basic.user), shift(c.basic.pass)}
	}
	return c
}

func shiftValue(x any, n int) any {
	switch x := x.(type) {
	case *slot:
		return shiftSlot(x, n)
	case value.Object:
		out := make(value.Object, len(x))
		for i := range x {
			out[i] = value.Member{Name: x[i].Name, Value: shiftValue(x[i].Value, n)}
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = shiftValue(x[i], n)
		}
		return out
	}
	return x
}
