package conformance

import (
	"fmt"
	"strings"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// called names a step by its request: the same words in every case, so that what
// stands in the way of many is shown once.
func (st *step) called() string {
	op := st.request.op.Op
	return op.Method + " " + op.Path
}

// absent is a thing that a step needs and that an earlier one did not give.
type absent struct {
	step int // from 1
	what string
}

func (e *absent) Error() string { return fmt.Sprintf("step %d gave no %s", e.step, e.what) }

// gaveNone says which request did not give what the next one needs.
func (x *run) gaveNone(e *absent) string {
	from := "an earlier step"
	if e.step >= 1 && e.step <= len(x.c.steps) {
		from = x.c.steps[e.step-1].called()
	}
	return fmt.Sprintf("the answer of %s has no %s where the contract has it, and what follows needs it", from, e.what)
}

// otherwise says what went otherwise in a step before the one that is judged.
func otherwise(st *step, out []Mismatch) string {
	if len(out) == 0 {
		return st.called() + " went otherwise than it must"
	}
	return fmt.Sprintf("%s: wanted %s, got %s", st.called(), out[0].Wanted, out[0].Got)
}

// turned reports whether a step cannot show what it is there for any more, though
// the server may be right: what came before has changed what the request means.
// It is not sent then, and the verdict says why. In a world of its own nothing
// comes before a case.
func (x *run) turned(st *step, out *outgoing) bool {
	if x.world != nil {
		return false
	}
	var p *predicted
	x.shadow.store.Update(func(tx session.Tx) { p = x.shadow.judge(st.request, out, tx) })
	switch {
	case (p.Failure == nil) == st.success:
		return false
	case x.twice != "":
		x.v.Status, x.v.Why = NotTestable, x.twice+", so that nothing can be told of either"
	case p.Failure == nil:
		x.v.Status, x.v.Why = NotTestable, fmt.Sprintf("%s was to be refused (%s), and after what the server has answered it would be right to accept it", st.called(), st.outcome)
	case strings.HasPrefix(p.Failure.Reason, "token."):
		x.v.Status, x.v.Why = NotTestable, fmt.Sprintf("%s was to be accepted, and after what the server has answered it would be right to refuse it (%s)", st.called(), p.Failure.Reason)
	default:
		x.v.Status, x.v.Why = Excluded, fmt.Sprintf("an earlier case has used up or changed what this one needs: %s would be right to refuse it now (%s)", st.called(), p.Failure.Reason)
	}
	return true
}

// ownToken is what every server must keep that gives out tokens.
const ownToken = "two accounts never share a token" //nolint:gosec // a sentence

// ownTokens: a second account that logs in gets tokens of its own.
func (b *builder) ownTokens(op *specs.Operation, f *found) {
	if len(op.Opens) == 0 || len(op.Issues) == 0 {
		return
	}
	for _, c := range f.bases() {
		if len(c.way.steps) > 0 || len(c.p.Issue) == 0 {
			continue
		}
		first := c.step("")
		state, err := c.e.then(c.way, first)
		if err != nil {
			continue
		}
		for _, x := range c.e.plain(state, op, maxFurther) {
			if x.p.Failure != nil || len(x.p.Issue) == 0 || !apart(b.p.Contract, c, x) {
				continue
			}
			cs := b.caseOf([]*step{first, x.step("")}, x, "law", op.ID+" gives a second account tokens of its own", lawOf(ownToken))
			b.add(cs, op.ID, "law.own-tokens")
			return
		}
	}
}

// apart reports whether two log-ins open sessions of different records.
func apart(c *specs.Contract, a, b *candidate) bool {
	if len(a.p.Opens) == 0 || len(b.p.Opens) == 0 {
		return false
	}
	return unlike(c, a.p.Opens[0].Session.Facts, b.p.Opens[0].Session.Facts)
}

// repeated notes a token that an answer gives and that the case has been given
// before. It returns the kind if another account got it, or "".
func (x *run) repeated(st *step, p *predicted, l *session.Learnt, tx session.Tx) (foreign string) {
	for kind, list := range l.Tokens {
		for _, v := range list {
			text, _ := value.Text(v)
			t := tx.Token(text)
			if t == nil {
				continue
			}
			x.twice = fmt.Sprintf("%s gave the same token %s twice", st.called(), kind)
			for _, o := range p.Opens {
				if unlike(x.r.plan.Contract, o.Session.Facts, t.Facts) {
					foreign = kind
				}
			}
		}
	}
	return foreign
}

// unlike reports whether the facts of two sessions name different records.
func unlike(c *specs.Contract, a, b map[string]any) bool {
	for _, f := range c.Session.Facts {
		k, ok1 := a[f.Name].(string)
		m, ok2 := b[f.Name].(string)
		if f.Record != "" && ok1 && ok2 && k != m {
			return true
		}
	}
	return false
}

// shared notes that a log-in gave the token of another account.
func (x *run) shared(c *comparison, st *step, kind string, last bool) {
	if last {
		c.add("token "+kind, "", "one of its own", "the one that another account was given before", weight.Law(ownToken), c.pointer)
		return
	}
	x.moot = fmt.Sprintf("%s gave two accounts the same token %s, so that nothing can be told of either", st.called(), kind)
}
