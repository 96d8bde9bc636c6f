package session

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// Learnt is what another server's answer told of the things that a decision
// makes: a mock mints them, a checker reads them from the answer. What it does
// not tell is minted.
type Learnt struct {
	// At reads a place of the answer, for what the fields below do not have.
	At func(specs.Location) (any, bool)
	// Tokens are the values of the tokens issued, by kind, in order.
	Tokens map[string][]any
	// IDs are the ids of the tokens issued, by kind.
	IDs map[string]string
	// Sessions are the ids of the sessions opened, by the name in `as`.
	Sessions map[string]string
	// Records are fields of the records created, by role.
	Records map[string]map[string]any
}

// Learn makes Apply use what was learnt.
func (d *Decision) Learn(l *Learnt) { d.learnt = l }

func (d *Decision) learntToken(kind string) (any, bool) {
	if d.learnt == nil || d.below || len(d.learnt.Tokens[kind]) == 0 {
		return nil, false
	}
	v := d.learnt.Tokens[kind][0]
	d.learnt.Tokens[kind] = d.learnt.Tokens[kind][1:]
	return v, true
}

// Bound is one member of a rendered answer that has a value of its own, by a
// binding; the others are those of the documented example.
type Bound struct {
	// Tokens are the reference tokens of its JSON pointer in the body.
	Tokens []string
	Value  *specs.Value
	// Instant is the time that it speaks of; zero: none.
	Instant time.Time
	// Known is false where the value rests on something that only the server
	// knows: a record's field that nobody told, the id of a token.
	Known bool
}

// bound describes a binding at the place of the answer where it landed.
func (d *Decision) bound(tokens []string, v *specs.Value) Bound {
	b := Bound{Tokens: tokens, Value: v, Known: true}
	for _, r := range v.Refs() {
		before := d.scope.untold.mark()
		if t, ok := r.Raw(&d.scope).(time.Time); ok {
			b.Instant = t
		}
		if len(d.scope.untold.since(before)) > 0 {
			b.Known = false
		}
		if r.At != nil {
			continue
		}
		x := d.scope.Root(r.Root)
		switch t := x.(type) {
		case *Token:
			b.Known = b.Known && !t.Guessed
		case *Record:
			b.Known = b.Known && (!t.Guessed || len(r.Path) > 0)
		}
		for _, p := range r.Path {
			switch x := x.(type) {
			case *Record:
				b.Known = b.Known && (!x.Guessed || p != x.Kind.Key)
			case *Session:
				b.Known = b.Known && (p != "id" || !x.Guessed)
			case *Token:
				b.Known = b.Known && !x.Guessed
				if p == "id" && x.ID == "" {
					b.Known = false
				}
			}
			if x == nil {
				break
			}
			x = d.scope.Member(x, p)
		}
	}
	return b
}

// Cause is what a refusal rests on, beside the entry that answers it: the proof
// or the condition that was not fulfilled.
func (f *Failure) Cause() (e specs.Evidence, pointer string) {
	switch {
	case f.need != nil:
		return f.need.Evidence, f.need.That.Pointer
	case f.proof != nil:
		return f.proof.Evidence, f.proof.Pointer
	}
	return specs.Evidence{}, ""
}

// Dead is the token that a refusal is about, if it was issued; nil otherwise.
func (f *Failure) Dead() *Token { return f.dead }

// Proofs are the proofs that were complete, in order: the scheme's, then that
// of accepts.
func (d *Decision) Proofs() []*specs.Proof { return d.proofs }

// Expected is what a token must look like.
type Expected struct {
	Form *specs.TokenForm
	// Header and Claims are those of a JWT, in order.
	Header, Claims value.Object
	// Key verifies it; "" if the contract's settings do not know it.
	Key string
	// Loose are the claims whose value only the server knows; Instants those that
	// are times.
	Loose    map[string]bool
	Instants map[string]time.Time
}

// Expect says what a token that a request issued must look like. It must be
// called in the same Store.Update as Apply.
func (d *Decision) Expect(t *Token) (*Expected, error) {
	s := d.scope.with(t)
	form, err := s.m.formOf(s, t.Kind)
	if err != nil {
		return nil, err
	}
	e := &Expected{Form: form, Loose: map[string]bool{}, Instants: map[string]time.Time{}}
	if form.JWT == nil {
		return e, nil
	}
	if e.Header, err = s.m.object(s, form.JWT.Header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if e.Claims, err = s.m.object(s, form.JWT.Claims); err != nil {
		return nil, fmt.Errorf("claim %w", err)
	}
	inner := *d
	inner.scope = *s
	for _, c := range form.JWT.Claims {
		b := inner.bound(nil, c.Value)
		if !b.Known {
			e.Loose[c.Name] = true
		}
		if !b.Instant.IsZero() {
			e.Instants[c.Name] = b.Instant
		}
	}
	if k, err := form.JWT.Key.Eval(s); err == nil {
		e.Key, _ = k.(string)
	}
	return e, nil
}

// Verify reports whether the signature of a JWT is that of its form.
func (d *Decision) Verify(t *Token) bool {
	s := d.scope.with(t)
	form, err := s.m.formOf(s, t.Kind)
	return err == nil && (form.JWT == nil || s.m.jwtForm(s, form.JWT, t.Text) == "unknown")
}

// Issued returns the tokens that Apply stored and whose text is known, in order.
func (d *Decision) Issued() []*Token {
	return slices.DeleteFunc(slices.Clone(d.scope.issued), func(t *Token) bool { return t.Guessed })
}

// Opened returns the ids of the sessions that Apply opened, in order.
func (d *Decision) Opened() []string {
	out := make([]string, 0, len(d.Opens))
	for _, o := range d.Opens {
		out = append(out, o.Session.ID)
	}
	return out
}

// Role returns what a role stands for: *Record, *Session or []any; nil if the
// request did not fill it.
func (d *Decision) Role(name string) any {
	x, _ := d.scope.roles.get(name)
	return x
}

// Holds evaluates a condition in the scope of the decision, with further names.
func (d *Decision) Holds(e *specs.Expr, names map[string]any) bool {
	inner := d.scope
	inner.local = names
	ok, _ := e.Holds(&inner)
	return ok
}

// Eval evaluates an expression in the scope of the decision; nil if it cannot.
func (d *Decision) Eval(e *specs.Expr) any {
	v, err := e.Eval(&d.scope)
	if err != nil {
		return nil
	}
	return v
}

// Value evaluates a value in a scope that knows settings, the request's base
// and the named things: what a client would put at the other end of a binding.
func (m *Machine) Value(v *specs.Value, names map[string]any, at Moment) (any, bool) {
	s := m.scope(nil, &Request{}, at)
	s.local = names
	x, err := v.Eval(s)
	return x, err == nil && x != nil && x != specs.Absent
}

// Fulfils reports whether a record surely fulfils a condition of its kind at a
// moment.
func (m *Machine) Fulfils(r *Record, n *specs.Need, at Moment) bool {
	s := m.scope(nil, &Request{}, at)
	s.local = map[string]any{r.Kind.Name: r}
	ok, undecided := n.That.Holds(s)
	return ok && undecided == ""
}

// Generate makes a value that fits a schema, from the machine's randomness.
func (m *Machine) Generate(n *schema.Node) (any, error) { return schema.Generate(n, m.Rand) }

// Deadness returns why a token is dead at a moment ("expired", "revoked",
// "consumed", "replaced", "unknown"), or "" if it lives.
func (m *Machine) Deadness(t *Token, at Moment) string {
	s := scope{m: m, tx: at.Tx, now: at.Now}
	return s.dead(t)
}

// LocksAfter returns how many wrong secrets in a row lock a record of this kind;
// it reports false if no number of them does.
func (m *Machine) LocksAfter(k *specs.RecordKind, at Moment) (int, bool) {
	if k.Locks == nil || k.Locks.After == nil {
		return 0, false
	}
	v, err := k.Locks.After.Eval(m.scope(nil, &Request{}, at))
	n, ok := v.(int)
	return n, err == nil && ok
}

// Alive reports whether a session lives at a moment.
func (m *Machine) Alive(x *Session, at Moment) bool {
	s := scope{m: m, tx: at.Tx, now: at.Now}
	return s.alive(x)
}

// learnRecord gives a record that is about to be created what the answer told
// of it.
func (d *Decision) learnRecord(r *Record) {
	if d.learnt == nil {
		return
	}
	for _, role := range d.scope.roles {
		if role.thing != any(r) {
			continue
		}
		maps.Copy(r.Fields, d.learnt.Records[role.name])
		if key, ok := value.Text(r.Fields[r.Kind.Key]); ok && d.scope.tx.Record(r.Kind.Name, key) == nil {
			r.Key = key
		}
	}
}

// Evidence is what the answer of a decision rests on.
func (d *Decision) Evidence() specs.Evidence {
	switch {
	case d.Failure != nil:
		if r := d.refusal(); r != nil {
			return r.entry.Evidence
		}
	case d.Answer != nil:
		return d.Answer.Evidence
	}
	return specs.Evidence{}
}

// adopt makes the answer's word count for what was made up: the tokens of a
// session that is resumed, one that is bound under another name, a session's id
// that comes late.
func (d *Decision) adopt() {
	if d.learnt == nil || d.learnt.At == nil {
		return
	}
	for _, b := range d.binds() {
		refs := b.Value.Refs()
		v, ok := d.learnt.At(b.At)
		if len(refs) != 1 || !ok {
			continue
		}
		x, ok := b.Value.Undo(v)
		if !ok {
			continue
		}
		switch t := d.named(refs[0]).(type) {
		case *Token:
			d.adoptToken(t, x)
		case *Session:
			if id, ok := value.Text(x); ok {
				d.adoptSession(t, id)
			}
		}
	}
	d.adoptListed()
}

// adoptListed learns the id of a session from a list of them, where only one is
// not known.
func (d *Decision) adoptListed() {
	if d.Answer == nil || d.Answer.Example == nil {
		return
	}
	for _, e := range d.Answer.Example.Each {
		b := idOf(e)
		if b == nil {
			continue
		}
		got, _ := d.learnt.At(e.At)
		list, _ := got.([]any)
		var unknown []*Session
		known := map[string]bool{}
		for _, x := range d.sessions(e.In) {
			if x.Guessed {
				unknown = append(unknown, x)
			}
			known[x.ID] = true
		}
		var ids []string
		for _, el := range list {
			v, _ := lookup(el, b.At.Tokens)
			x, ok := b.Value.Undo(v)
			if t, isText := value.Text(x); ok && isText && !known[t] {
				ids = append(ids, t)
			}
		}
		if len(unknown) == 1 && len(ids) == 1 {
			d.adoptSession(unknown[0], ids[0])
		}
	}
}

// idOf is the binding of a list's elements that holds their id, or nil.
func idOf(e *specs.ExampleEach) *specs.AnswerBind {
	for _, b := range e.Binds {
		if r := b.Value.Whole(); r != nil && r.Root == e.As && len(r.Path) == 1 && r.Path[0] == "id" {
			return b
		}
	}
	return nil
}

func (d *Decision) sessions(in *specs.Expr) []*Session {
	x, err := in.Eval(&d.scope)
	list, ok := x.([]any)
	if err != nil || !ok {
		return nil
	}
	var out []*Session
	for _, el := range list {
		if s, ok := el.(*Session); ok && s != nil {
			out = append(out, s)
		}
	}
	return out
}

// named is the token or session that a reference tells, or nil.
func (d *Decision) named(r *specs.Ref) any {
	if r.At != nil {
		return nil
	}
	root := d.scope.Root(r.Root)
	switch x := root.(type) {
	case *Token:
		if len(r.Path) == 0 || len(r.Path) == 1 && r.Path[0] == "value" {
			return x
		}
	case *Session:
		if len(r.Path) == 1 && r.Path[0] == "id" {
			return x
		}
	}
	if t, ok := r.Raw(&d.scope).(*Token); ok {
		return t
	}
	return nil
}

func (d *Decision) binds() []*specs.AnswerBind {
	if d.Answer == nil {
		return nil
	}
	if d.Answer.Example != nil {
		return slices.Concat(d.Answer.Example.Binds, d.Answer.Binds)
	}
	return d.Answer.Binds
}

func (d *Decision) adoptToken(t *Token, v any) {
	s := &d.scope
	text, ok := value.Text(v)
	if t == nil || !t.Guessed || !ok || text == "" || s.tx.Token(text) != nil {
		return
	}
	c, old := *t, *t
	c.Text, c.Value, c.Guessed = text, v, false
	old.State = Revoked // nobody was told of it
	s.tx.PutToken(&old)
	s.tx.PutToken(&c)
	if x := s.tx.Session(t.Session); x != nil {
		y := *x
		y.Tokens = append(y.Tokens[:len(y.Tokens):len(y.Tokens)], text)
		d.putSession(&y)
	}
	if l := t.Kind.Limit; l != nil {
		if f, ok := s.m.Contract.Session.Fact(l.Of); ok {
			if key, ok := t.Facts[f.Name].(string); ok {
				owner := ownerKey(f.Record, key)
				list := slices.Clone(s.tx.Limited(t.Kind.Name, owner))
				if i := slices.Index(list, t.Text); i >= 0 {
					list[i] = text
				}
				s.tx.SetLimited(t.Kind.Name, owner, list)
			}
		}
	}
	for _, list := range [...]tokens{s.issued, s.presented} {
		if i := slices.Index(list, t); i >= 0 {
			list[i] = &c
		}
	}
}

// adoptSession gives a session the id that an answer tells.
func (d *Decision) adoptSession(x *Session, id string) {
	s := &d.scope
	cur := s.tx.Session(x.ID)
	if cur == nil || !cur.Guessed || id == "" || s.tx.Session(id) != nil {
		return
	}
	c, old := *cur, *cur
	c.ID, c.Guessed = id, false
	old.Ended = true
	s.tx.PutSession(&old)
	for _, text := range c.Tokens {
		if t := s.tx.Token(text); t != nil && t.Session == old.ID {
			u := *t
			u.Session = id
			s.tx.PutToken(&u)
			for i := range s.issued {
				if s.issued[i].Text == u.Text {
					s.issued[i] = &u
				}
			}
		}
	}
	s.tx.PutSession(&c)
	for _, o := range d.Opens {
		if o.Session.ID == old.ID {
			o.Session.ID = id
		}
	}
	if s.session != nil && s.session.ID == old.ID {
		s.session = &c
	}
}

func (d *Decision) putSession(x *Session) {
	s := &d.scope
	s.tx.PutSession(x)
	if s.session != nil && s.session.ID == x.ID {
		s.session = x
	}
}

// Told returns the tokens and sessions that the answer tells: those that a
// client knows from then on. It must be called after Apply, in the same
// Store.Update.
func (d *Decision) Told() (tokens []*Token, sessions []*Session) {
	for _, b := range d.binds() {
		for _, r := range b.Value.Refs() {
			switch x := d.named(r).(type) {
			case *Token:
				if x != nil && !x.Guessed && !slices.Contains(tokens, x) {
					tokens = append(tokens, x)
				}
			case *Session:
				if x != nil && !x.Guessed {
					sessions = append(sessions, x)
				}
			}
		}
	}
	if d.Answer == nil || d.Answer.Example == nil {
		return tokens, sessions
	}
	for _, e := range d.Answer.Example.Each {
		if idOf(e) != nil {
			for _, x := range d.sessions(e.In) {
				if !x.Guessed {
					sessions = append(sessions, x)
				}
			}
		}
	}
	return tokens, sessions
}
