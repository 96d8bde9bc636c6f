package conformance

import (
	"slices"
	"strings"

	"github.com/mockauth/mockauth/specs"
)

// Labels of cases that leave an account otherwise than they found it, where
// nothing can bring it back.
const (
	labelAccount = "account" // changes what an account logs in with, or may do
	labelLocks   = "locks"   // sends wrong passwords until the account is locked
)

// harms are the labels of what steps do to accounts that the run did not make.
func (p *Plan) harms(steps []*step) []string {
	if p.decisive == nil {
		p.decisive = decisive(p.Contract, false)
	}
	var out []string
	if slices.ContainsFunc(steps, func(st *step) bool {
		return slices.ContainsFunc(st.writes, func(field string) bool { return p.decisive[field] })
	}) {
		out = append(out, labelAccount)
	}
	if slices.ContainsFunc(steps, func(st *step) bool { return strings.HasPrefix(st.outcome, "credentials.locked") }) {
		out = append(out, labelLocks)
	}
	return out
}

// harm is why a case is left out that would spoil the accounts for whatever comes
// after it, or "". A world ends with its accounts.
func (p *Plan) harm(x *Case) string {
	if p.Target.Capabilities.Worlds {
		return ""
	}
	switch {
	case slices.Contains(x.Labels, labelAccount):
		return "it would change what an account logs in with or may do, and nothing would change it back"
	case slices.Contains(x.Labels, labelLocks):
		return "it would lock an account"
	}
	return ""
}

// decisive are the fields, as kind.field, that accounts are found and proven by,
// and those that conditions name; if through is said, also those that conditions
// name by way of a let.
func decisive(c *specs.Contract, through bool) map[string]bool {
	out := map[string]bool{}
	for _, k := range c.Records {
		for name, f := range k.Fields {
			if f.Secret {
				out[k.Name+"."+name] = true
			}
		}
		for _, n := range k.Needs {
			conditionNames(c, n.That, map[string]string{k.Name: k.Name}, nil, out)
		}
	}
	for _, op := range c.Operations {
		var lets []*specs.Let
		if through {
			lets = slices.Concat(op.Lets, c.Lets)
		}
		for _, n := range op.Needs {
			conditionNames(c, n.That, op.Roles, lets, out)
		}
		for _, alt := range append(slices.Clone(op.Security), op.Accepts) {
			for _, proof := range alt {
				provenBy(proof, out)
			}
		}
	}
	return out
}

// DecisiveFields returns the fields of a kind of record that conditions of the
// contract name and that no log-in tells: what an account may do, whether it is
// closed. A target file that says them has more of it checked. In alphabetical
// order.
func DecisiveFields(c *specs.Contract, kind string) []string {
	all, proven := decisive(c, true), map[string]bool{}
	for _, op := range c.Operations {
		for _, alt := range append(slices.Clone(op.Security), op.Accepts) {
			for _, proof := range alt {
				provenBy(proof, proven)
			}
		}
	}
	var out []string
	for field := range all {
		k, name, _ := strings.Cut(field, ".")
		if k == kind && !proven[field] && !c.Record(k).Fields[name].Secret {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// provenBy adds the fields that a proof finds records by.
func provenBy(p *specs.Proof, out map[string]bool) {
	for _, b := range slices.Concat(p.Binds, p.May) {
		for _, t := range b.Alts {
			if t.Kind == specs.FindRecord && t.Field != "" {
				out[t.Record+"."+t.Field] = true
			}
		}
	}
	for _, a := range p.Also {
		provenBy(a, out)
	}
}

// conditionNames adds the fields of records that a condition names: $role.field, and
// session.fact.field. A let is looked through once.
func conditionNames(c *specs.Contract, e *specs.Expr, roles map[string]string, lets []*specs.Let, out map[string]bool) {
	names, err := e.Names()
	if err != nil {
		return
	}
	for root, paths := range names {
		for i, l := range lets {
			if l.Name == root {
				conditionNames(c, l.Expr, roles, slices.Delete(slices.Clone(lets), i, i+1), out)
			}
		}
		for _, path := range paths {
			kind := roles[root]
			if root == "session" && len(path) > 0 {
				f, _ := c.Session.Fact(path[0])
				kind, path = f.Record, path[1:]
			}
			if kind != "" && len(path) > 0 {
				out[kind+"."+path[0]] = true
			}
		}
	}
}
