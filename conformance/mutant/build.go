package mutant

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// maker collects the mutants of a contract.
type maker struct {
	*origin
	c    *specs.Contract
	op   *specs.Operation // nil: none in particular
	out  []Mutant
	seen map[string]bool
	// refusals are the answers to each reason of each operation.
	refusals []*refusal
	// read are the names in expressions, by source.
	read map[string]map[string][][]string
}

// rule is what a mutant breaks: a place of the contract, and what it rests on.
type rule struct {
	pointer string
	line    int
	marks   []specs.Mark
	none    bool // the contract says nothing of it: there is nothing to break
	// under are the further links that hang on the settings, of which the heaviest
	// counts; nil: none. Where it gives none, nobody can see the rule broken.
	under func(settings map[string]any) []specs.Mark
	// asleep is why nobody can see the rule broken under any settings, or "".
	asleep string
}

func (m *maker) rule(pointer string, line int, marks ...specs.Mark) rule {
	return rule{pointer: pointer, line: line, marks: marks}
}

func (m *maker) described(r rule) conformance.Rule {
	mark := weight.Weakest(r.marks)
	out := conformance.Rule{Pointer: r.pointer, File: m.c.Doc.Name, Line: r.line, Evidence: mark.Level.String()}
	if out.Line == 0 {
		out.Line = m.c.Doc.Line(r.pointer)
	}
	if mark.Reason != "" {
		out.Evidence += " " + mark.Reason
	}
	if strings.HasPrefix(mark.Reason, weight.LawPrefix) {
		out.Evidence = mark.Reason
	}
	for _, s := range mark.Sources {
		out.Evidence += " " + s
		if text := m.c.Sources[s]; text != "" {
			out.Sources = append(out.Sources, text)
		}
	}
	return out
}

// add makes a mutant by its contract.
func (m *maker) add(kind, subject, detail, says string, r rule, contract func() *specs.Contract, when ...condition) *Mutant {
	return m.put(Mutant{Kind: kind, Says: says, contract: contract}, subject, detail, r, when)
}

// put names a mutant, finds the settings under which it can be seen, and keeps
// it, as dormant if there are none.
func (m *maker) put(x Mutant, subject, detail string, r rule, when []condition) *Mutant {
	if r.none {
		return &x
	}
	x.origin = m.origin
	parts := []string{x.Kind}
	for _, p := range []string{subject, detail} {
		if p != "" {
			parts = append(parts, word(p))
		}
	}
	name := strings.Join(parts, ".")
	x.Name = name
	for n := 2; m.seen[x.Name]; n++ {
		x.Name = name + "~" + strconv.Itoa(n)
	}
	m.seen[x.Name] = true
	if m.op != nil {
		x.Operation = m.op.ID
		when = append(when, m.gate.may(m.op, m.op.Offered))
	}
	c, ok := m.gate.find(when)
	switch {
	case !ok:
		x.Why = "no profile and no change of one or two settings brings the rule into force"
	case r.asleep != "":
		x.Why = r.asleep
	case r.under != nil:
		if c, r.marks, ok = m.gate.heaviest(when, r); !ok {
			x.Why = "nothing shows it: no answer, no condition and no token speaks of it"
		}
	}
	x.Dormant = x.Why != ""
	x.Profile, x.Settings = c.profile, c.settings
	x.Severity, x.Rule = conformance.SeverityOf(weight.Weakest(r.marks).Level), m.described(r)
	m.out = append(m.out, x)
	return &m.out[len(m.out)-1]
}

// word makes a text fit for a name.
func word(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '~', r == '/', r == '$', r == '-', r == '_', r == '.', r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			return r
		}
		return '_'
	}, s)
	if len(s) > 120 {
		s = s[:120]
	}
	return s
}

func pointerAt(tokens []string) specs.Location {
	return specs.Location{Src: value.Pointer(tokens...), Response: true, In: specs.InBody, Tokens: tokens}
}

// with returns the operation at hand, changed.
func (m *maker) with(change func(op *specs.Operation)) func() *specs.Contract {
	c, op := m.c, m.op
	return func() *specs.Contract {
		o := *op
		change(&o)
		return c.WithOperation(&o)
	}
}

func outcomeOf(a *specs.Answer) string {
	if a.Example != nil {
		return a.Example.Name
	}
	if a.Status != nil {
		return a.Status.Src
	}
	return "none"
}

func literal(x any) *specs.Value { return &specs.Value{Src: fmt.Sprint(x), Literal: x} }

func expression(src string) *specs.Expr { return &specs.Expr{Src: src} }

func without[T any](list []T, i int) []T { return slices.Delete(slices.Clone(list), i, i+1) }

func replaced[T any](list []T, i int, x T) []T {
	out := slices.Clone(list)
	out[i] = x
	return out
}

// editProof returns the operation with a proof replaced wherever it stands.
func editProof(op *specs.Operation, old *specs.Proof, change func(*specs.Proof)) *specs.Operation {
	var list func(in []*specs.Proof) []*specs.Proof
	list = func(in []*specs.Proof) []*specs.Proof {
		out := make([]*specs.Proof, len(in))
		for i, p := range in {
			x := *p
			x.Also = list(p.Also)
			if p == old {
				change(&x)
			}
			out[i] = &x
		}
		return out
	}
	o := *op
	o.Accepts = list(op.Accepts)
	o.Security = make([][]*specs.Proof, len(op.Security))
	for i, alt := range op.Security {
		o.Security[i] = list(alt)
	}
	return &o
}
