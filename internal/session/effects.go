package session

import (
	"fmt"
	"maps"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// effects works out what the request does, on the state before it.
func (d *Decision) effects() {
	s := &d.scope
	holds := func(e *specs.Expr) bool {
		ok, undecided := e.Holds(s)
		d.note(undecided)
		return ok
	}
	for _, e := range d.Op.Ends {
		if !holds(e.When) {
			continue
		}
		x, err := e.What.Eval(s)
		if err != nil {
			d.note(e.What.Src + ": " + err.Error())
			continue
		}
		d.end(x)
	}
	for _, o := range d.Op.Opens {
		if !holds(o.When) {
			continue
		}
		n := &Opened{As: o.As, Session: &Session{Facts: d.facts(o.With), Opened: s.now, Used: s.now, By: s.number}}
		if o.Over != nil {
			x, err := o.Over.Eval(s)
			if err != nil {
				d.note(o.Over.Src + ": " + err.Error())
			}
			n.Over, _ = x.(*Session)
		}
		if o.As != "" {
			s.opened.set(o.As, n.Session)
		}
		d.Opens = append(d.Opens, n)
	}
	for _, c := range d.Op.Creates {
		if holds(c.When) {
			d.create(c)
		}
	}
	for _, set := range d.Op.Sets {
		if holds(set.When) {
			d.set(set)
		}
	}
	for _, i := range d.Op.Issues {
		if holds(i.When) {
			d.Issue = append(d.Issue, &Issued{Kind: i.Token, Issue: i})
		}
	}
	if d.Op.Resumes != nil {
		x, err := d.Op.Resumes.Eval(s)
		if err != nil {
			d.note(d.Op.Resumes.Src + ": " + err.Error())
		}
		d.Resume, _ = x.(*Session)
	}
}

func (d *Decision) end(x any) {
	switch x := x.(type) {
	case *Session, *Token:
		d.Ends = append(d.Ends, x)
	case []any:
		for _, e := range x {
			d.end(e)
		}
	}
}

// facts computes session facts: a record is held by its key.
func (d *Decision) facts(with []specs.NamedValue) map[string]any {
	out := make(map[string]any, len(with))
	key := make([]byte, 0, 64)
	for _, w := range with {
		v := d.fact(w)
		out[w.Name] = v
		if text, ok := v.(string); ok && key != nil {
			key = append(append(append(append(key, w.Name...), 0), text...), 0)
		} else if v != nil {
			key = nil
		}
	}
	return d.scope.m.share(key, out)
}

// maxShared bounds the facts that a machine keeps to be shared.
const maxShared = 4096

// share returns facts that are equal to those given. Facts are never changed in
// place, and an account that logs in often has the same ones each time: kept
// apart, they would be a third of what a session costs. Facts without a key are
// not shared.
func (m *Machine) share(key []byte, facts map[string]any) map[string]any {
	if key == nil {
		return facts
	}
	if old, ok := m.shared[string(key)]; ok {
		return old
	}
	if m.shared == nil || len(m.shared) >= maxShared {
		m.shared = map[string]map[string]any{}
	}
	m.shared[string(key)] = facts
	return facts
}

// fact gives the members of an object the order of the fact's schema: an
// expression makes a map, which has none, and a JWT writes what it is given.
func (d *Decision) fact(w specs.NamedValue) any {
	before := d.scope.untold.mark()
	v := d.factValue(w)
	if len(d.scope.untold.since(before)) > 0 {
		return unknownFact{}
	}
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	f, _ := d.scope.m.Contract.Session.Fact(w.Name)
	return order(m, f.Schema)
}

func (d *Decision) factValue(w specs.NamedValue) any {
	if ref := w.Value.Whole(); ref != nil && len(ref.Codecs) == 0 {
		if r, ok := ref.Raw(&d.scope).(*Record); ok {
			return r.Key
		}
	}
	v := d.eval(w.Value)
	if v == specs.Absent {
		return nil
	}
	return v
}

// eval computes a value; what cannot be computed is nil and noted.
func (d *Decision) eval(v *specs.Value) any {
	x, err := v.Eval(&d.scope)
	if err != nil {
		d.note(v.Src + ": " + err.Error())
		return nil
	}
	return plainRecord(x)
}

func plainRecord(x any) any {
	if r, ok := x.(*Record); ok {
		return r.Fields
	}
	return x
}

func (d *Decision) values(kind *specs.RecordKind, named []specs.NamedValue, all *specs.Value) map[string]any {
	out := map[string]any{}
	if all != nil {
		if m, ok := value.Plain(d.eval(all)).(map[string]any); ok {
			for k, v := range m {
				if _, known := kind.Fields[k]; known {
					out[k] = v
				}
			}
		}
	}
	for _, n := range named {
		v := d.factValue(n)
		if v != nil {
			out[n.Name] = value.Plain(v)
		}
	}
	return out
}

func (d *Decision) create(c *specs.Create) {
	fields := map[string]any{}
	for _, name := range c.Record.Order {
		if f := c.Record.Fields[name]; f.Schema != nil && f.Schema.HasDefault {
			fields[name] = value.Plain(f.Schema.Default)
		}
	}
	maps.Copy(fields, d.values(c.Record, c.Values, c.All))
	r := &Record{Kind: c.Record, Fields: fields, Made: true}
	if key, ok := value.Text(fields[c.Record.Key]); ok {
		r.Key = key
	}
	d.Creates = append(d.Creates, r)
	d.scope.setRole(c.As, r)
}

func (d *Decision) set(set *specs.Set) {
	s := &d.scope
	if set.To == "session" {
		if s.session == nil && len(d.Opens) == 0 {
			return
		}
		if d.Facts == nil {
			d.Facts = map[string]any{}
		}
		for _, v := range set.Values {
			d.Facts[v.Name] = d.fact(v)
		}
		return
	}
	r := s.record(set.To)
	if r == nil {
		return
	}
	x := setRecord{record: r, set: set}
	if !s.m.Sham {
		x.fields = d.values(r.Kind, set.Values, set.All)
	}
	d.Sets = append(d.Sets, x)
}

// settle works out what is to be written, where that was put off: in a state that
// is only thought through, most decisions are never applied, and what they would
// write is the dearest part of them.
func (d *Decision) settle() {
	for i := range d.Sets {
		if x := &d.Sets[i]; x.fields == nil && x.set != nil {
			x.fields = d.values(x.record.Kind, x.set.Values, x.set.All)
		}
	}
}

// limits refuses a token beyond a limit that says refuse.
func (d *Decision) limits() *Failure {
	s := &d.scope
	for _, i := range d.Op.Issues {
		l := i.Token.Limit
		if l == nil || l.Replace {
			continue
		}
		if ok, _ := i.When.Holds(s); !ok {
			continue
		}
		owner, ok := d.limitOwner(l)
		limit, has := d.limitMax(l)
		if !ok || !has {
			continue
		}
		live := 0
		for _, text := range s.tx.Limited(i.Token.Name, owner) {
			if t := s.tx.Token(text); t != nil && s.dead(t) == "" {
				live++
			}
		}
		if live >= limit {
			return &Failure{Reason: "limit.reached." + i.Token.Name, Why: fmt.Sprintf("%d tokens %q are live, and no more are allowed; end one first.", live, i.Token.Name)}
		}
	}
	return nil
}

func (d *Decision) limitMax(l *specs.Limit) (int, bool) {
	v, err := l.Max.Eval(&d.scope)
	n, ok := v.(int)
	return n, err == nil && ok
}

// limitOwner is the record that a limit counts for, as the new session will
// hold it.
func (d *Decision) limitOwner(l *specs.Limit) (string, bool) {
	f, ok := d.scope.m.Contract.Session.Fact(l.Of)
	if !ok {
		return "", false
	}
	facts := map[string]any{}
	if d.scope.session != nil {
		facts = d.scope.session.Facts
	}
	for _, o := range d.Op.Opens {
		facts = d.facts(o.With)
	}
	key, ok := facts[f.Name].(string)
	return ownerKey(f.Record, key), ok
}
