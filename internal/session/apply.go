package session

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// Apply makes the effects of a decision happen: consume, ends, opens, creates,
// sets, issues, resumes. It must run in the same Store.Update as Decide. It
// returns the texts of the secrets that it made, for masking.
//
// All of them happen, or, if there is an error, none.
func (d *Decision) Apply() (secrets []string, err error) {
	s := &d.scope
	d.settle()
	s.tx.Begin()
	defer func() {
		if err != nil {
			s.tx.Rollback()
		}
	}()
	if d.Failure != nil {
		d.countWrong()
		return nil, nil
	}
	for _, t := range d.Consume {
		c := *t
		c.State, c.EndBy = Consumed, s.number
		s.tx.PutToken(&c)
	}
	for _, t := range d.Touch {
		d.touch(t)
	}
	for _, r := range d.Proven {
		if r.Wrong > 0 {
			c := *r
			c.Wrong, c.LockedUntil = 0, time.Time{}
			s.tx.PutRecord(&c)
		}
	}
	for _, x := range d.Ends {
		d.endNow(x)
	}
	for _, o := range d.Opens {
		if err := d.open(o); err != nil {
			return nil, err
		}
	}
	for _, r := range d.Creates {
		if err := d.createNow(r); err != nil {
			return nil, err
		}
	}
	d.setNow()
	// A login on behalf of another opens two sessions, the one below first: each
	// has its own tokens.
	for n := range max(1, len(d.Opens)) {
		d.below = n < len(d.Opens)-1
		if len(d.Opens) > 0 {
			s.session = s.tx.Session(d.Opens[n].Session.ID)
		}
		for _, i := range d.Issue {
			t, err := d.issue(i)
			if err != nil {
				return secrets, err
			}
			secrets = append(secrets, t.Text)
		}
	}
	if d.Resume != nil {
		s.session, s.resumed = s.tx.Session(d.Resume.ID), true
	}
	d.adopt()
	return secrets, nil
}

func (d *Decision) countWrong() {
	r := d.Failure.wrong
	if r == nil || r.Kind.Locks == nil {
		return
	}
	s := &d.scope
	v, err := r.Kind.Locks.After.Eval(s)
	after, ok := v.(int)
	if err != nil || !ok {
		return
	}
	c := *s.tx.Record(r.Kind.Name, r.Key)
	c.Wrong++
	if c.Wrong >= after {
		c.Wrong = 0
		c.LockedUntil = Forever()
		if f := r.Kind.Locks.For; f != nil {
			if v, err := f.Eval(s); err == nil {
				if dur, ok := v.(time.Duration); ok {
					c.LockedUntil = s.now.Add(dur)
				}
			}
		}
	}
	s.tx.PutRecord(&c)
}

func (d *Decision) touch(t *Token) {
	s := &d.scope
	cur := s.tx.Token(t.Text)
	if cur == nil {
		return
	}
	if cur.Idle > 0 {
		c := *cur
		c.Used = s.now
		s.tx.PutToken(&c)
	}
	if x := s.tx.Session(t.Session); x != nil && !x.Used.Equal(s.now) {
		c := *x
		c.Used = s.now
		s.tx.PutSession(&c)
		if s.session != nil && s.session.ID == c.ID {
			s.session = &c
		}
	}
}

func (d *Decision) endNow(x any) {
	s := &d.scope
	switch x := x.(type) {
	case *Session:
		cur := s.tx.Session(x.ID)
		if cur == nil || cur.Ended {
			return
		}
		c := *cur
		c.Ended, c.EndBy = true, s.number
		s.tx.PutSession(&c)
	case *Token:
		cur := s.tx.Token(x.Text)
		if cur == nil || cur.State == Revoked {
			return
		}
		c := *cur
		c.State, c.EndBy = Revoked, s.number
		s.tx.PutToken(&c)
	}
}

func (d *Decision) open(o *Opened) error {
	s := &d.scope
	for {
		id, err := d.sessionID(o)
		if err != nil {
			return fmt.Errorf("session.id: %w", err)
		}
		if s.tx.Session(id) == nil {
			o.Session.ID, o.Session.Guessed = id, d.learnt != nil && d.learnt.Sessions[o.As] != id
			break
		}
	}
	if o.Over != nil {
		o.Session.Over = o.Over.ID
	}
	for _, f := range s.m.Contract.Session.Facts {
		if key, ok := o.Session.Facts[f.Name].(string); ok && f.Record != "" {
			o.Session.Held = append(o.Session.Held, ownerKey(f.Record, key))
		}
	}
	s.tx.PutSession(o.Session)
	s.session = o.Session
	return nil
}

// sessionID is the id of a session to open: learnt, or new.
func (d *Decision) sessionID(o *Opened) (string, error) {
	if d.learnt != nil && d.learnt.Sessions[o.As] != "" {
		id := d.learnt.Sessions[o.As]
		return id, nil
	}
	return d.scope.m.generate(d.scope.m.Contract.Session.ID)
}

func (d *Decision) createNow(r *Record) error {
	s := &d.scope
	d.learnRecord(r)
	r.Guessed = r.Key == "" && d.learnt != nil
	for r.Key == "" || s.tx.Record(r.Kind.Name, r.Key) != nil {
		f := r.Kind.Fields[r.Kind.Key]
		v, err := schema.Generate(f.Schema, s.m.Rand)
		if err != nil {
			return fmt.Errorf("key of %s: %w", r.Kind.Name, err)
		}
		key, ok := value.Text(v)
		if !ok {
			return fmt.Errorf("key of %s: its schema makes no text and no number", r.Kind.Name)
		}
		r.Fields[r.Kind.Key], r.Key, r.KeyMade = v, key, true
	}
	s.tx.PutRecord(r)
	return nil
}

func (d *Decision) setNow() {
	s := &d.scope
	for _, set := range d.Sets {
		c := *s.tx.Record(set.record.Kind.Name, set.record.Key)
		c.Fields = maps.Clone(c.Fields)
		maps.Copy(c.Fields, set.fields)
		if key, told := set.record.Fields[c.Kind.Key]; told {
			c.Fields[c.Kind.Key] = key // a key never changes
		} else {
			delete(c.Fields, c.Kind.Key) // nobody told it, and nobody has told it now
		}
		s.tx.PutRecord(&c)
		for i := range s.roles {
			if r, ok := s.roles[i].thing.(*Record); ok && r.Kind == c.Kind && r.Key == c.Key {
				s.roles[i].thing = &c
			}
		}
	}
	if d.Facts != nil && s.session != nil {
		c := *s.session
		c.Facts = maps.Clone(c.Facts)
		for k, v := range d.Facts {
			if v != nil {
				c.Facts[k] = v
			}
		}
		s.tx.PutSession(&c)
		s.session = &c
	}
}

func (m *Machine) generate(n *schema.Node) (string, error) {
	if n == nil {
		return uuid(m.Rand), nil
	}
	v, err := schema.Generate(n, m.Rand)
	if err != nil {
		return "", err
	}
	t, ok := value.Text(v)
	if !ok {
		return "", fmt.Errorf("the schema makes no text and no number")
	}
	return t, nil
}

// uuid is a version 4 uuid (RFC 9562) from the world's own randomness.
func uuid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 2<<62
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], a)
	binary.BigEndian.PutUint64(raw[8:], b)
	out := make([]byte, 0, 36)
	for i, end := range []int{4, 6, 8, 10, 16} {
		start := []int{0, 4, 6, 8, 10}[i]
		if i > 0 {
			out = append(out, '-')
		}
		out = hex.AppendEncode(out, raw[start:end])
	}
	return string(out)
}

func (d *Decision) issue(i *Issued) (*Token, error) {
	s := &d.scope
	if s.session == nil {
		return nil, fmt.Errorf("%s issues %s without a session", d.Op.ID, i.Kind.Name)
	}
	t := &Token{Kind: i.Kind, Session: s.session.ID, Facts: s.session.Facts, Issued: s.now, Used: s.now, By: s.number}
	inner := s.with(t)
	form, err := s.m.formOf(inner, i.Kind)
	if err != nil {
		return nil, err
	}
	t.JWT = form.JWT != nil
	learnt, isLearnt := d.learntToken(i.Kind.Name)
	if i.Kind.ID != nil && !isLearnt {
		if t.ID, err = s.m.generate(i.Kind.ID); err != nil {
			return nil, fmt.Errorf("id of %s: %w", i.Kind.Name, err)
		}
	}
	d.life(t, i, inner)
	if text, ok := value.Text(learnt); isLearnt && ok {
		t.Value, t.Text = learnt, text
		if d.learnt.IDs[i.Kind.Name] != "" {
			t.ID = d.learnt.IDs[i.Kind.Name]
		}
	}
	t.Guessed = d.learnt != nil && t.Text == ""
	for try := 0; t.Text == ""; try++ {
		if err := s.m.mint(inner, t, form); err != nil {
			return nil, fmt.Errorf("%s: %w", i.Kind.Name, err)
		}
		// Two JWTs of one second may be the same text: equal bytes are one token,
		// and the youngest issue decides its life. Opaque ones are never given twice.
		if t.JWT || s.tx.Token(t.Text) == nil {
			break
		}
		if t.Text = ""; try == 1000 {
			return nil, fmt.Errorf("%s: its schema has no free value left", i.Kind.Name)
		}
	}
	s.tx.PutToken(t)
	x := *s.tx.Session(t.Session)
	x.Tokens = append(d.liveTokens(&x), t.Text)
	s.tx.PutSession(&x)
	s.session = &x
	s.issued = append(s.issued, t)
	if l := i.Kind.Limit; l != nil {
		d.limit(t, l)
	}
	return t, nil
}

// liveTokens returns the tokens of a session, the dead ones left out once they
// are many: a session that refreshes for months must not grow.
func (d *Decision) liveTokens(x *Session) []string {
	if len(x.Tokens) < 32 {
		return x.Tokens[:len(x.Tokens):len(x.Tokens)]
	}
	out := make([]string, 0, len(x.Tokens))
	for _, text := range x.Tokens {
		if t := d.scope.tx.Token(text); t != nil && d.scope.dead(t) == "" {
			out = append(out, text)
		}
	}
	return out
}

// life computes when a token ends: the earliest of its lifetime and its caps.
func (d *Decision) life(t *Token, i *Issued, inner *scope) {
	k := i.Kind
	eval := func(e *specs.Expr) any {
		if e == nil {
			return nil
		}
		v, err := e.Eval(inner)
		if err != nil {
			d.note(e.Src + ": " + err.Error())
			return nil
		}
		return v
	}
	end := func(v any) time.Time {
		switch v := v.(type) {
		case time.Duration:
			return t.Issued.Add(v)
		case time.Time:
			return v
		}
		return time.Time{}
	}
	v := eval(i.Issue.Lifetime)
	if v == nil {
		v = eval(k.Lifetime)
	}
	t.Expires = end(v)
	for _, c := range k.Caps {
		if e := end(eval(c)); !e.IsZero() && (t.Expires.IsZero() || e.Before(t.Expires)) {
			t.Expires = e
		}
	}
	if v, ok := eval(k.Idle).(time.Duration); ok {
		t.Idle = v
	}
	if v, ok := eval(k.Forget).(time.Duration); ok {
		t.Forget = v
	}
}

// limit ends the oldest live tokens beyond the limit.
func (d *Decision) limit(t *Token, l *specs.Limit) {
	s := &d.scope
	f, ok := s.m.Contract.Session.Fact(l.Of)
	key, isKey := t.Facts[f.Name].(string)
	if !ok || !isKey {
		return
	}
	owner := ownerKey(f.Record, key)
	var live []string
	for _, text := range s.tx.Limited(t.Kind.Name, owner) {
		if o := s.tx.Token(text); o != nil && s.dead(o) == "" && text != t.Text {
			live = append(live, text)
		}
	}
	live = append(live, t.Text)
	if n, ok := d.limitMax(l); ok && l.Replace {
		for len(live) > n && len(live) > 1 {
			c := *s.tx.Token(live[0])
			c.State, c.EndBy = Replaced, s.number
			s.tx.PutToken(&c)
			live = live[1:]
		}
	}
	s.tx.SetLimited(t.Kind.Name, owner, live)
}
