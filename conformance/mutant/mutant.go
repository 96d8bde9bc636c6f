// Package mutant makes servers that are wrong on purpose: our mock with one rule
// of a contract broken. The list is derived from the contract, and a suite that
// is worth trusting notices every one of them. It checks nothing itself: Run
// lets package conformance do that, and counts.
//
// Start reading at All, which says what is broken, and at Run.
package mutant

import (
	"net/http"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// Mutant is the mock of a contract with one rule broken. How it is broken is its
// own affair; Server serves it.
type Mutant struct {
	// Name is stable and unique in its contract: effect-lost.logout.session. It is
	// made of Kind, the operation or token, and a detail.
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Operation is the operationId of the one operation that it touches, or "".
	Operation string `json:"operation,omitempty"`
	// Says is one sentence: what this server does wrong.
	Says string `json:"says"`
	// Severity is that of the rule that it breaks: the weakest link, where it takes
	// several to see it.
	Severity conformance.Severity `json:"severity"`
	Rule     conformance.Rule     `json:"rule"`
	// Profile and Settings are what the rule needs to be in force at all; empty: it
	// is under the contract's default profile.
	Profile  string         `json:"profile,omitempty"`
	Settings map[string]any `json:"settings,omitempty"`
	// Dormant: nobody can see the rule broken, and Why says why, as part of a
	// sentence. No profile and no change of one or two settings brings it into force
	// (a token that is asked for with other methods only), or the server answers as
	// if it were not broken.
	Dormant bool   `json:"dormant,omitempty"`
	Why     string `json:"why,omitempty"`
	// HTTPS: it can be seen over TLS only.
	HTTPS bool `json:"https,omitempty"`

	origin *origin
	// One of these, at least, is set.
	contract func() *specs.Contract
	twist    session.Twist
	request  func(r *http.Request)
	answer   func(op *specs.Operation, outcome string, a *answer)
}

// origin is what all mutants of a contract share.
type origin struct {
	contract *specs.Contract
	world    *fixtures.World
	gate     *gate
	routes   []route
	outcomes map[string]map[string]bool // operation → names of its successes
}

func newOrigin(c *specs.Contract) (*origin, error) {
	o := &origin{contract: c, outcomes: map[string]map[string]bool{}}
	var err error
	if o.world, err = fixtures.Of(c); err != nil {
		return nil, err
	}
	o.gate = newGate(c)
	o.routes = routes(c)
	for _, op := range c.Operations {
		o.outcomes[op.ID] = map[string]bool{}
		for _, a := range op.Answers {
			o.outcomes[op.ID][outcomeOf(a)] = true
		}
	}
	return o, nil
}

// All returns every mutant of a contract, in the order of the contract: first
// what operations do, then tokens, records, cookies and the document. The error
// is that of the contract's demo world.
func All(c *specs.Contract) ([]Mutant, error) {
	o, err := newOrigin(c)
	if err != nil {
		return nil, err
	}
	m := &maker{origin: o, c: c, seen: map[string]bool{}, read: map[string]map[string][][]string{}}
	m.reasons()
	for _, op := range c.Operations {
		m.operation(op)
	}
	m.op = nil
	for _, k := range c.Tokens {
		m.token(k)
	}
	for _, k := range c.Records {
		m.record(k)
	}
	m.cookies()
	m.failures()
	m.document()
	return m.out, nil
}

// operation makes the mutants of one operation.
func (m *maker) operation(op *specs.Operation) {
	m.op = op
	m.exists()
	m.answers()
	m.messages()
	m.proofs()
	m.fields()
	m.needs()
	m.effects()
	m.laws()
}
