package conformance

import (
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// link is one link of the chain that a demand hangs on. The weakest decides how
// much it weighs.
type link struct {
	what    string // the expiry of access tokens
	mark    specs.Mark
	pointer string
	// law: it is no fact of the contract, but holds for every contract.
	law bool
	// good: nothing is wrong with the credential that is refused, so that no law
	// forbids to accept it.
	good bool
}

// lawOf is a law of this suite: what no source needs to say. It weighs as much as
// what is documented.
func lawOf(says string) link {
	return link{what: "a law", mark: weight.Law(says), law: true}
}

// endLinks are the links of a token's death by an operation: the effects that
// ended it, or its session.
func endLinks(end, dead *candidate) []link {
	t := dead.p.Failure.Dead()
	if t == nil {
		return nil
	}
	for _, x := range end.request.op.Op.Ends {
		if covers(end.p.Eval(x.What), t) && end.p.Holds(x.When, nil) {
			m := x.Evidence.Part("refusal")
			return []link{{what: "what " + end.request.op.Op.ID + " ends", mark: m, pointer: x.What.Pointer}}
		}
	}
	return nil
}

// covers reports whether what an effect names has the token in it.
func covers(x any, t *session.Token) bool {
	switch x := x.(type) {
	case *session.Session:
		return x != nil && x.ID == t.Session
	case *session.Token:
		return x != nil && x.Text == t.Text
	case []any:
		for _, e := range x {
			if covers(e, t) {
				return true
			}
		}
	}
	return false
}

// causeLinks are the links of a refusal beside the entry that answers it: the
// condition, the lifetime, the single use.
func causeLinks(p *predicted) []link {
	f := p.Failure
	if f == nil {
		return nil
	}
	if t := f.Token; t != nil && strings.HasPrefix(f.Reason, "token.") {
		pointer := "/x-session/tokens/" + t.Name
		part := func(what, name string) []link {
			return []link{{what: what + " of the token " + t.Name, mark: t.Evidence.Part(name), pointer: pointer}}
		}
		switch {
		case strings.HasPrefix(f.Reason, "token.expired"):
			if d := f.Dead(); d != nil && d.Idle > 0 && !d.End().Equal(d.Expires) {
				return part("the idle time", "idle")
			}
			return part("the lifetime", "lifetime")
		case strings.HasPrefix(f.Reason, "token.consumed"):
			return part("the single use", "use")
		case strings.HasPrefix(f.Reason, "token.replaced"):
			return part("the limit", "limit")
		}
		return nil
	}
	if e, pointer := f.Cause(); e.Given() {
		return []link{{what: "the condition", mark: e.Part("refusal"), pointer: pointer}}
	}
	return nil
}

// mustRefuse is what it rests on that a request is refused at all, however: a law,
// or the entry that answers it; and the further links of that. chain is what else
// it hangs on.
func mustRefuse(p *predicted, entry specs.Mark, chain []link) (specs.Mark, []link) {
	f := p.Failure
	links := causeLinks(p)
	e, pointer := f.Cause()
	by := proofAt(p.Op, pointer)
	_, never := weight.Never(p.Op, by, f.Reason)
	if !never || slices.ContainsFunc(chain, func(l link) bool { return l.good }) {
		return entry, links
	}
	if !strings.HasPrefix(f.Reason, "token.") {
		links = nil // the cause is the proof, of which the law asks less
	}
	var proof *specs.Mark
	if e.Given() {
		m := e.Part("refusal")
		proof = &m
	}
	marks := weight.Refused(p.Op, by, f.Reason, entry, proof)
	for _, m := range marks[1:] {
		links = append(links, link{what: "the proof", mark: m, pointer: pointer})
	}
	return marks[0], links
}

// proofAt is the proof of an operation that stands at a place of the contract, or
// nil.
func proofAt(op *specs.Operation, pointer string) *specs.Proof {
	var out *specs.Proof
	if op != nil {
		everyProof(op, func(p *specs.Proof) {
			if p.Pointer == pointer {
				out = p
			}
		})
	}
	return out
}

// forbidden reports whether a law forbids to accept a request that is refused.
func forbidden(c *candidate) bool {
	_, pointer := c.p.Failure.Cause()
	_, never := weight.Never(c.p.Op, proofAt(c.p.Op, pointer), c.p.Failure.Reason)
	return never
}

// level is how much a candidate's refusal weighs.
func (c *candidate) level() specs.Level {
	if c.weighed == nil {
		c.weighed = new(c.weight())
	}
	return *c.weighed
}

func (c *candidate) weight() specs.Level {
	m, links := mustRefuse(c.p, c.p.Evidence().Part("refusal"), c.links)
	out := m.Level
	for _, l := range append(links, c.links...) {
		out = min(out, l.mark.Level)
	}
	return out
}

// ground is the place of the contract whose evidence an answer has: that of the
// answer, or of the most special entry that answers the refusal. The others of
// From only gave it a member that the most special one leaves open.
func (p *predicted) ground() string {
	if from := p.From(); len(from) > 0 {
		return from[0]
	}
	return p.Op.Pointer
}

// accepted is what the demand rests on that a request is accepted, and where that
// stands: what its proof rests on, or the documented answer, which is at pointer.
func accepted(p *predicted, e specs.Evidence, pointer string) (specs.Mark, string) {
	best := weight.Accepts(e)
	var weakest *specs.Proof
	for _, x := range p.Proofs() {
		if weakest == nil || x.Evidence.Part("refusal").Level < weakest.Evidence.Part("refusal").Level {
			weakest = x
		}
	}
	if weakest != nil {
		if m := weakest.Evidence.Part("refusal"); m.Level > best.Level {
			return m, weakest.Pointer
		}
	}
	return best, pointer
}
