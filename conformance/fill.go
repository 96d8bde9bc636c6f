package conformance

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// maxFilled bounds the requests that one way of proving gives.
const maxFilled = 48

// holding is a token that lives after the steps of a way.
type holding struct {
	kind string
	slot *slot
	id   string // of its session
}

// way is a sequence of steps that succeed, and the state after them.
type way struct {
	steps  []*step
	shadow *shadow
	holds  []holding
	// sessions that are open after it, the youngest last.
	sessions []held
	// who tells the accounts apart that are logged in: the facts of the youngest
	// session.
	who string
	// purposes are the operations, for titles.
	via string
	// asked is what requests mean in its state that were tried, see explorer.ask.
	asked asked
}

type held struct {
	id   string
	slot *slot
}

// filling is a request that is being made ready: which session speaks, and
// which records its roles stand for.
type filling struct {
	// r lacks what is still to be put into it: see settle.
	r     *request
	todo  *todo
	roles roles
	// session is the id of the one whose tokens are used; "": not chosen yet.
	session string
	proofs  []*specs.Proof
}

// todo is something to be put into a request, after what is before it.
type todo struct {
	before *todo
	at     *specs.Location
	value  any // nothing{}: what is there is taken away
}

type nothing struct{}

func (f *filling) put(at *specs.Location, v any) { f.todo = &todo{f.todo, at, v} }

// settle makes the request as it is to be. Many fillings are never asked for: only
// those that are have a request of their own.
func (f *filling) settle() *filling {
	if f.todo != nil {
		f.r = f.r.clone()
		f.todo.into(f.r)
		f.todo = nil
	}
	return f
}

func (p *todo) into(r *request) {
	if p.before != nil {
		p.before.into(r)
	}
	if p.value == (nothing{}) {
		r.drop(*p.at)
		return
	}
	r.set(*p.at, p.value)
}

func (f *filling) clone() *filling {
	c := *f
	c.proofs = slices.Clip(f.proofs)
	return &c
}

// branch is a filling for one of several choices: the last takes the filling itself.
func (f *filling) branch(last bool) *filling {
	if last {
		return f
	}
	return f.clone()
}

// with is what a candidate was filled with, for another request.
func (c *candidate) with(r *request) *filling {
	return &filling{r: r, roles: c.filling.roles, session: c.filling.session, proofs: slices.Clip(c.filling.proofs)}
}

// copy is what a candidate was filled with and its request, to be changed.
func (c *candidate) copy() *filling { return c.with(c.request.clone()) }

// roles are the records that roles stand for: one or two. They never change in
// place: clones share them.
type roles []role

type role struct {
	name   string
	record *session.Record
}

// record is what a role stands for; nil: nothing is known of it.
func (r roles) record(name string) *session.Record {
	for i := range r {
		if r[i].name == name {
			return r[i].record
		}
	}
	return nil
}

// role makes a record known.
func (f *filling) role(name string, r *session.Record) {
	list := make(roles, 0, len(f.roles)+1)
	for _, x := range f.roles {
		if x.name != name {
			list = append(list, x)
		}
	}
	list = append(list, role{name, r})
	f.roles = list
}

// prover fills the places that proofs read, in the state of one way.
type prover struct {
	w  *way
	op *wire.Operation
	tx session.Tx
	// most bounds what is made of one beginning.
	most int
}

// all fills a list of proofs that are required together, in every way that the
// state allows.
func (p *prover) all(in []*filling, proofs []*specs.Proof) []*filling {
	for i, proof := range proofs {
		if !carries(p.w, proof) {
			return nil
		}
		in = p.each(in, func(f *filling) []*filling {
			return p.one(f.branch(i > 0), proof) // those that are given are kept
		})
	}
	return in
}

// one fills one proof. The filling is used up, here and in whatever fills a part of
// a proof: it becomes one of those that come of it.
func (p *prover) one(f *filling, proof *specs.Proof) []*filling {
	if !carries(p.w, proof) {
		return nil
	}
	f.proofs = append(f.proofs, proof)
	in := []*filling{f}
	for _, b := range proof.Binds {
		if len(b.Alts) > 0 && b.Alts[0].Kind == specs.FindToken {
			in = p.each(in, func(f *filling) []*filling { return p.token(f, b) })
		}
	}
	for _, b := range proof.Binds {
		if len(b.Alts) == 0 || b.Alts[0].Kind == specs.FindToken {
			continue
		}
		in = p.each(in, func(f *filling) []*filling { return p.bind(f, b) })
	}
	for _, b := range proof.May {
		in = p.each(in, func(f *filling) []*filling { return p.may(f, b) })
	}
	for _, e := range proof.Each {
		in = p.each(in, func(f *filling) []*filling { return p.list(f, e) })
	}
	for _, a := range proof.Also {
		offered, depends := p.w.shadow.machine.Offers(p.op.Op, a, p.at()), dependsOnRequest(a.When)
		if !offered && !depends {
			continue
		}
		in = p.each(in, func(f *filling) []*filling {
			if !a.Optional && !depends {
				return p.one(f, a)
			}
			return append(p.one(f.clone(), a), f)
		})
	}
	return in
}

func (p *prover) at() session.Moment {
	return session.Moment{Now: p.w.shadow.now, Tx: p.tx}
}

func (p *prover) each(in []*filling, f func(*filling) []*filling) []*filling {
	if len(in) == 1 {
		out := f(in[0])
		return out[:min(len(out), p.most)]
	}
	var out []*filling
	for _, x := range in {
		out = append(out, f(x)...)
		if len(out) >= p.most {
			return out[:p.most]
		}
	}
	return out
}

// token puts a token at a place: one of the session that speaks already, or of
// each that has one, the youngest first.
func (p *prover) token(f *filling, b *specs.RequestBind) []*filling {
	type choice struct {
		holding
		value *specs.Value
	}
	var choices []choice
	for _, alt := range b.Alts {
		for _, h := range slices.Backward(p.w.holds) {
			known := func(c choice) bool { return c.id == h.id && c.kind == h.kind }
			if h.kind != alt.Token || f.session != "" && h.id != f.session && p.has(f.session, b) || slices.ContainsFunc(choices, known) {
				continue
			}
			choices = append(choices, choice{h, alt.Value})
		}
	}
	out := make([]*filling, len(choices))
	for i, c := range choices {
		g := f.branch(i == len(choices)-1)
		if g.session == "" {
			g.session = c.id
			p.facts(g)
		}
		g.put(&b.At, withValue(c.slot, c.value))
		out[i] = g
	}
	return out
}

// has reports whether a session holds a token that the place takes.
func (p *prover) has(id string, b *specs.RequestBind) bool {
	for _, h := range p.w.holds {
		for _, alt := range b.Alts {
			if h.id == id && h.kind == alt.Token {
				return true
			}
		}
	}
	return false
}

// facts makes the records of the session that speaks known.
func (p *prover) facts(f *filling) {
	x := p.tx.Session(f.session)
	if x == nil {
		return
	}
	for _, fact := range p.w.shadow.contract.Session.Facts {
		if key, ok := x.Facts[fact.Name].(string); ok && fact.Record != "" && f.roles.record(fact.Name) == nil {
			if r := p.tx.Record(fact.Record, key); r != nil {
				f.role(fact.Name, r)
			}
		}
	}
}

// withValue is a slot that is written as a binding wants it.
func withValue(s *slot, v *specs.Value) *slot {
	c := *s
	if v == nil {
		return &c
	}
	if refs := v.Refs(); len(refs) == 1 {
		c.value, c.root = v, refs[0].Root
	}
	return &c
}

// bind fills a place that is no token.
func (p *prover) bind(f *filling, b *specs.RequestBind) []*filling {
	if len(b.Alts) == 0 {
		return []*filling{f}
	}
	t := b.Alts[0]
	switch t.Kind {
	case specs.FindSession:
		var out []*filling
		for i := len(p.w.sessions) - 1; i >= 0; i-- {
			g := f.branch(i == 0)
			g.put(&b.At, p.w.sessions[i].slot)
			out = append(out, g)
		}
		return out
	case specs.FindRecord:
		if r := f.roles.record(t.Role); r != nil {
			v, ok := p.fieldValue(b, t.Role, r)
			if !ok {
				return nil
			}
			f.put(&b.At, v)
			return []*filling{f}
		}
		return p.records(f, b)
	case specs.Compare, specs.FindToken:
	}
	names := map[string]any{}
	for _, role := range f.roles {
		names[role.name] = role.record
	}
	for _, alt := range b.Alts {
		if v, ok := p.w.shadow.machine.Value(alt.Value, names, p.at()); ok {
			f.put(&b.At, v)
			return []*filling{f}
		}
	}
	return nil
}

// records fills a place with a field of each record that has it.
func (p *prover) records(f *filling, b *specs.RequestBind) []*filling {
	type choice struct {
		record *session.Record
		value  any
	}
	t := b.Alts[0]
	near := p.near(f, t.Record)
	choices := make([]choice, 0, min(len(near), p.most))
	for _, r := range near {
		if v, ok := p.fieldValue(b, t.Role, r); ok {
			choices = append(choices, choice{r, v})
		}
		if len(choices) >= p.most {
			break // more would only be cut off again, see each
		}
	}
	out := make([]*filling, len(choices))
	for i, c := range choices {
		g := f.branch(i == len(choices)-1)
		g.put(&b.At, c.value)
		g.role(t.Role, c.record)
		out[i] = g
	}
	return out
}

// near returns the records of a kind, those first that the request speaks of
// already, then those that refer to one of these or are referred to: a user's
// own record, the unit of the user's organisation.
func (p *prover) near(f *filling, kind string) []*session.Record {
	all := p.tx.Records(kind)
	if n := len(all); n > 1 && all[n-1].Made {
		// What a step has made comes first: it is there to be used.
		all = slices.Clone(all)
		slices.SortStableFunc(all, func(a, b *session.Record) int {
			return cmp.Compare(btoi(b.Made), btoi(a.Made))
		})
	}
	if len(f.roles) == 0 || len(all) < 2 {
		return all
	}
	known := make([]kin, len(f.roles))
	for i, o := range f.roles {
		known[i] = kinOf(o.record, all[0].Kind)
	}
	// By rank: the records themselves, those near to them, the others.
	var by [3][]*session.Record
	for _, r := range all {
		rank := 2
		for i := range known {
			rank = min(rank, known[i].rank(r))
		}
		by[rank] = append(by[rank], r)
	}
	return slices.Concat(by[:]...)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// kin is a record and the fields by which records of a kind and it may refer to each
// other.
type kin struct {
	of     *session.Record
	to, by []string // fields of the record, and of the others
}

func kinOf(r *session.Record, kind *specs.RecordKind) kin {
	return kin{r, referring(r.Kind, kind), referring(kind, r.Kind)}
}

func referring(a, b *specs.RecordKind) []string {
	var out []string
	for name, field := range a.Fields {
		if field.Refers == b.Name {
			out = append(out, name)
		}
	}
	return out
}

// rank is 0 for the record itself, 1 for one that refers to it or is referred to, 2
// for others.
func (k *kin) rank(r *session.Record) int {
	switch {
	case k.of.Kind == r.Kind && k.of.Key == r.Key:
		return 0
	case refersTo(k.of, k.to, r.Key), refersTo(r, k.by, k.of.Key):
		return 1
	}
	return 2
}

// refersTo reports whether one of a record's fields has a key.
func refersTo(r *session.Record, fields []string, key string) bool {
	has := func(x any) bool {
		t, ok := value.Text(x)
		return ok && t == key
	}
	for _, name := range fields {
		x := r.Fields[name]
		if list, ok := x.([]any); ok && slices.ContainsFunc(list, has) || !ok && has(x) {
			return true
		}
	}
	return false
}

// fieldValue is what a record has for a place; it reports false if the record has
// none of the fields that are taken there.
func (p *prover) fieldValue(b *specs.RequestBind, role string, rec *session.Record) (any, bool) {
	for _, alt := range b.Alts {
		if alt.Kind != specs.FindRecord {
			continue
		}
		if x, ok := rec.Fields[alt.Field]; !ok || x == nil {
			continue
		}
		if rec.KeyMade && alt.Field == rec.Kind.Key {
			// The server made another: what its answer said.
			if s := p.told(rec); s != nil && alt.Value.Whole() != nil && len(alt.Value.Whole().Codecs) == 0 {
				return s, true
			}
			continue
		}
		if v, ok := plainField(alt.Value, role, rec); ok {
			return v, true
		}
		if v, ok := p.w.shadow.machine.Value(alt.Value, map[string]any{role: rec}, p.at()); ok {
			if _, refers := v.(*session.Record); refers {
				v = rec.Fields[alt.Field] // the key of another record
			}
			return v, true
		}
	}
	return nil, false
}

// told is the slot of a record that a step made and whose key the answer told, or
// nil.
func (p *prover) told(rec *session.Record) *slot {
	for i, m := range p.w.shadow.made {
		if i >= len(p.w.steps) {
			break
		}
		for as, r := range m.records {
			if r.Kind == rec.Kind && r.Key == rec.Key && tellsKey(p.w.steps[i].request.op.Op, as, rec.Kind.Key) {
				return &slot{kind: recordSlot, name: as, step: i + 1}
			}
		}
	}
	return nil
}

// tellsKey reports whether every answer of an operation has the key of a record that
// it makes.
func tellsKey(op *specs.Operation, as, key string) bool {
	return len(op.Answers) > 0 && !slices.ContainsFunc(op.Answers, func(a *specs.Answer) bool {
		binds := a.Binds
		if a.Example != nil {
			binds = slices.Concat(a.Example.Binds, binds)
		}
		return !slices.ContainsFunc(binds, func(b *specs.AnswerBind) bool {
			return slices.ContainsFunc(b.Value.Refs(), func(r *specs.Ref) bool {
				return r.At == nil && r.Root == as && (len(r.Path) == 0 || len(r.Path) == 1 && r.Path[0] == key)
			})
		})
	})
}

// plainField is the value of a binding that is a record's field as it is, which
// most are. It spares most of what filling costs.
func plainField(v *specs.Value, role string, rec *session.Record) (any, bool) {
	ref := v.Whole()
	if ref == nil || ref.At != nil || ref.Root != role || len(ref.Path) != 1 || len(ref.Codecs) > 0 {
		return nil, false
	}
	f, ok := rec.Kind.Fields[ref.Path[0]]
	if !ok || f.Refers != "" {
		return nil, false
	}
	switch x := rec.Fields[ref.Path[0]].(type) {
	case string, json.Number, bool:
		return x, true
	}
	return nil, false
}

// may fills a place that need not be there: as it would have to be if it is,
// and not at all.
func (p *prover) may(f *filling, b *specs.RequestBind) []*filling {
	without := f.branch(len(b.Alts) == 0)
	without.put(&b.At, nothing{})
	out := []*filling{without}
	if len(b.Alts) == 0 {
		return out
	}
	if b.Alts[0].Kind == specs.FindToken {
		return append(out, p.token(f, b)...)
	}
	return append(out, p.bind(f, b)...)
}

// list makes the elements of a list that names records.
func (p *prover) list(f *filling, e *specs.Each) []*filling {
	var kind string
	for _, kind = range e.Finds {
	}
	old, _ := f.settle().r.get(e.At)
	var item any
	if list, ok := old.([]any); ok && len(list) > 0 {
		item = list[0]
	} else if _, isList := old.([]any); old != nil && !isList {
		item = old
	}
	element := func(of func(b *specs.RequestBind) (any, bool)) (any, bool) {
		x := value.Clone(item)
		for _, b := range e.Binds {
			v, ok := of(b)
			if !ok {
				return nil, false
			}
			x = value.Put(x, b.At.Tokens, v)
		}
		return x, true
	}
	var out []*filling
	put := func(list ...any) {
		g := f.clone()
		g.put(&e.At, list)
		out = append(out, g)
	}
	if kind == "session" {
		for i := len(p.w.sessions) - 1; i >= 0; i-- {
			if x, ok := element(func(*specs.RequestBind) (any, bool) { return p.w.sessions[i].slot, true }); ok {
				put(x)
			}
		}
		return out
	}
	var many []any
	for _, r := range p.tx.Records(kind) {
		x, ok := element(func(b *specs.RequestBind) (any, bool) {
			for _, alt := range b.Alts {
				if v, ok := r.Fields[alt.Field]; ok && v != nil {
					x, ok := p.w.shadow.machine.Value(alt.Value, map[string]any{alt.Role: r, kind: r}, p.at())
					if _, refers := x.(*session.Record); refers {
						x = v
					}
					return x, ok
				}
			}
			return nil, false
		})
		if ok {
			put(x)
			many = append(many, x)
		}
	}
	if len(many) > 1 {
		put(many[:2]...)
	}
	return out
}

// dependsOnRequest reports whether a condition looks at more of the request than
// its method.
func dependsOnRequest(e *specs.Expr) bool {
	if e == nil {
		return false
	}
	names, err := e.Names()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(names["request"], func(path []string) bool { return len(path) == 0 || path[0] != "method" })
}
