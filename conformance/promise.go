package conformance

import (
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// shape tells ways apart that lead to another kind of state: not who is logged
// in, but how, and with which tokens and facts.
func (w *way) shape() string {
	names := make([]string, 0, 4)
	for fact := range strings.FieldsSeq(w.who) {
		name, _, _ := strings.Cut(fact, "=")
		names = append(names, name)
	}
	return w.via + " " + strings.Join(w.kinds(), ",") + " " + strings.Join(names, ",")
}

// promises reports whether an operation may show something in the state of a way
// that is not found yet, and that another way of the same shape does not show as
// well, since it depends on who is logged in.
func (e *explorer) promises(f *found, w *way, op *specs.Operation) bool {
	for _, n := range op.Needs {
		if dependsOnCaller(n.That) && !f.has(n.Else) {
			return true
		}
	}
	for _, k := range e.contract.Records {
		for _, n := range k.Needs {
			if !f.has(n.Else) && (names(op, k.Name) || e.holdsOneThat(w, k, n)) {
				return true
			}
		}
	}
	if e.lacks(w, op) {
		return false // nobody succeeds
	}
	answered, proven := f.shown()
	for _, alt := range append(slices.Clone(op.Security), op.Accepts) {
		for _, p := range alt {
			if !proven[p] && carries(w, p) && e.offers(op, p) {
				return true
			}
		}
	}
	return slices.ContainsFunc(op.Answers, func(a *specs.Answer) bool {
		return !answered[a] && (a.When == nil || dependsOnCaller(a.When))
	})
}

// shown are the answers that were given, and the proofs that led to one.
func (f *found) shown() (answered map[*specs.Answer]bool, proven map[*specs.Proof]bool) {
	answered, proven = map[*specs.Answer]bool{}, map[*specs.Proof]bool{}
	for _, c := range f.by {
		if c.p.Answer != nil {
			answered[c.p.Answer] = true
			for _, p := range c.p.Proofs() {
				proven[p] = true
			}
		}
	}
	return answered, proven
}

// dependsOnCaller reports whether a condition looks at more than the request's
// own members and the settings.
func dependsOnCaller(e *specs.Expr) bool {
	if e == nil {
		return false
	}
	roots, err := e.Names()
	if err != nil {
		return true
	}
	for root := range roots {
		switch root {
		case "request", "settings", "now", "base":
		default:
			return true
		}
	}
	return false
}

// everyProof calls f with the proofs of an operation and those beside them.
func everyProof(op *specs.Operation, f func(*specs.Proof)) {
	var each func(p *specs.Proof)
	each = func(p *specs.Proof) {
		f(p)
		for _, a := range p.Also {
			each(a)
		}
	}
	for _, alt := range op.Security {
		for _, p := range alt {
			each(p)
		}
	}
	for _, p := range op.Accepts {
		each(p)
	}
}

// names reports whether a request of an operation itself names a record of a
// kind, which need not be that of the session.
func names(op *specs.Operation, kind string) bool {
	found := false
	everyProof(op, func(p *specs.Proof) {
		for _, list := range [][]*specs.RequestBind{p.Binds, p.May} {
			for _, b := range list {
				found = found || slices.ContainsFunc(b.Alts, func(t *specs.Target) bool { return t.Kind == specs.FindRecord && t.Record == kind })
			}
		}
		for _, e := range p.Each {
			for _, k := range e.Finds {
				found = found || k == kind
			}
		}
	})
	return found
}

// carries reports whether a way holds what a proof wants of tokens and sessions.
func carries(w *way, p *specs.Proof) bool {
	return !slices.ContainsFunc(p.Binds, func(b *specs.RequestBind) bool {
		return len(b.Alts) > 0 && b.Alts[0].Kind == specs.FindToken && !slices.ContainsFunc(w.holds, func(h holding) bool {
			return slices.ContainsFunc(b.Alts, func(t *specs.Target) bool { return t.Token == h.kind })
		})
	})
}

// holdsOneThat reports whether a session of a way holds a record that does not
// fulfil a condition of its kind.
func (e *explorer) holdsOneThat(w *way, k *specs.RecordKind, n *specs.Need) bool {
	found := false
	s := w.shadow
	s.store.Update(func(tx session.Tx) {
		tx.EachSession(func(x *session.Session) {
			for _, fact := range e.contract.Session.Facts {
				key, ok := x.Facts[fact.Name].(string)
				if !ok || fact.Record != k.Name {
					continue
				}
				if r := tx.Record(k.Name, key); r != nil && !s.machine.Fulfils(r, n, session.Moment{Now: s.now, Tx: tx}) {
					found = true
				}
			}
		})
	})
	return found
}

// lacks reports whether an operation wants a record of a kind of which there is
// none in the state of a way.
func (e *explorer) lacks(w *way, op *specs.Operation) bool {
	none := func(p *specs.Proof) bool {
		return slices.ContainsFunc(p.Binds, func(b *specs.RequestBind) bool {
			if len(b.Alts) == 0 || b.Alts[0].Kind != specs.FindRecord {
				return false
			}
			empty := true
			w.shadow.store.Update(func(tx session.Tx) { empty = len(tx.Records(b.Alts[0].Record)) == 0 })
			return empty
		})
	}
	return len(op.Accepts) > 0 && !slices.ContainsFunc(op.Accepts, func(p *specs.Proof) bool { return !none(p) })
}
