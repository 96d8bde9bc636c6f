package conformance

import (
	"fmt"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// Plan is what will be checked, in the order of the contract.
type Plan struct {
	Contract *specs.Contract
	Target   *Target
	Cases    []*Case
	// Missing are reasons that no request was found for, an operation each: they
	// are listed, and count for nothing.
	Missing []Missing

	seed *seed
	ops  map[string]*wire.Operation
	byID map[string]*Case
	// decisive are the fields of accounts that decide what becomes of requests;
	// nil: nobody asked yet.
	decisive map[string]bool
}

// Missing is a refusal that a contract states and that no request was found for.
type Missing struct {
	Operation string `json:"operation"`
	Reason    string `json:"reason"`
}

// PlanOf is a plan of cases that were made elsewhere, for a runner that knows
// them; a Runner of this package does not.
func PlanOf(c *specs.Contract, t *Target, cases []*Case) *Plan {
	p := &Plan{Contract: c, Target: t, Cases: cases, byID: make(map[string]*Case, len(cases))}
	for _, x := range cases {
		p.byID[x.ID] = x
	}
	return p
}

// Case returns the case with this id, or nil.
func (p *Plan) Case(id string) *Case { return p.byID[id] }

// rule says where a demand stands.
func (p *Plan) rule(pointer string, m specs.Mark) Rule {
	r := Rule{Pointer: pointer, File: p.Contract.Doc.Name, Evidence: m.Level.String()}
	if n := p.Contract.Doc.At(pointer); n != nil {
		r.Line = n.Line
	}
	if len(m.Sources) > 0 {
		r.Evidence += " " + strings.Join(m.Sources, " ")
	}
	switch {
	case strings.HasPrefix(m.Reason, weight.LawPrefix):
		r.Evidence = m.Reason
	case m.Reason != "":
		r.Evidence += " " + m.Reason
	}
	for _, s := range m.Sources {
		if full := p.Contract.Sources[s]; full != "" {
			r.Sources = append(r.Sources, s+": "+full)
		} else {
			r.Sources = append(r.Sources, s)
		}
	}
	return r
}

// newSeed makes what every shadow begins with. The error says which record or
// setting does not fit the contract.
func newSeed(c *specs.Contract, t *Target) (*seed, error) {
	settings, err := session.Settings(c, t.Profile, t.Settings)
	if err != nil {
		return nil, err
	}
	var records []*session.Record
	for name := range t.Records {
		if c.Record(name) == nil {
			var names []string
			for _, k := range c.Records {
				names = append(names, k.Name)
			}
			return nil, fmt.Errorf("accounts: the contract has no kind of record %q; %s", name, specs.DidYouMean(name, names))
		}
	}
	for _, k := range c.Records {
		for i, fields := range t.Records[k.Name] {
			plain, _ := value.Plain(fields).(map[string]any)
			_, told := value.Text(plain[k.Key])
			if !told && t.Complete {
				return nil, fmt.Errorf("accounts: %s %d has no %s, which is its key", k.Name, i+1, k.Key)
			}
			if !told {
				plain[k.Key] = fmt.Sprintf("conform-%s-%d", k.Name, i+1)
			}
			r := session.NewRecord(k, plain, "")
			if !told {
				// Any key will do to tell it apart; nothing is demanded of it.
				delete(r.Fields, k.Key)
			}
			records = append(records, r)
		}
	}
	base := c.BasePaths[0]
	if t.BasePath != nil {
		base = strings.TrimRight(*t.BasePath, "/")
	}
	root := "http://target.invalid"
	if t.URL != nil {
		root = strings.TrimRight(t.URL.String(), "/")
	}
	return &seed{contract: c, seed: session.NewSeed(c, records), settings: settings, partial: !t.Complete, keys: &session.Keys{},
		start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), to: address{root, base}}, nil
}
