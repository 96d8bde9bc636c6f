package mockserver

import (
	"slices"
	"strings"

	"github.com/mockauth/mockauth/specs"
)

// plan is what an endpoint needs for every request and works out once.
type plan struct {
	offers   []string // media types of the answers, in the order of the document
	declared map[string]bool
	secrets  []specs.Location // where a request carries secrets and tokens
}

func newPlan(e *endpoint) *plan {
	p := &plan{declared: map[string]bool{}, secrets: e.op.Secrets}
	for _, r := range e.op.Responses {
		for _, m := range r.Media {
			if !slices.Contains(p.offers, m.Type) && !strings.Contains(m.Type, "*") {
				p.offers = append(p.offers, m.Type)
			}
		}
	}
	for _, par := range e.op.Parameters {
		if par.In == specs.InQuery {
			p.declared[par.Name] = true
		}
	}
	for _, l := range e.op.Proves {
		if l.In == specs.InQuery {
			p.declared[l.Name] = true
		}
	}
	return p
}
