package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// unplanned makes the case of an operation for which no request is known that
// succeeds: nothing of it would be proved, and a run must not pass that over.
func (b *builder) unplanned(op *specs.Operation, f *found) {
	if f.succeeds() {
		return
	}
	m := weight.Works(op)
	x := &Case{Unplanned: b.why(op, f)}
	x.Operation, x.Method, x.Path = op.ID, op.Method, op.Path
	x.Kind, x.Outcome = "answer", "not-planned"
	if len(op.Answers) > 0 && op.Answers[0].Example != nil {
		x.Outcome = op.Answers[0].Example.Name
	}
	x.Title = op.ID + " answers, by a request that is not known"
	x.Severity, x.Rule = SeverityOf(m.Level), b.p.rule(op.Pointer, m)
	x.Labels = []string{x.Kind, strings.ToLower(x.Severity.String())}
	x.Excluded = b.leftOut(op)
	b.add(x, op.ID, "not-planned")
}

// leftOut says that the target's settings leave an operation out, or the one that
// makes what it takes; "": they do not.
func (b *builder) leftOut(op *specs.Operation) string {
	if !b.e.offered(b.e.empty, op) {
		out := "the settings of the target leave " + op.ID + " out"
		if names := b.p.Contract.SettingsIn(op.Offered); len(names) > 0 {
			out += ": it hangs on " + strings.Join(names, ", ")
		}
		return out
	}
	kind := b.noRecord(op)
	if kind == "" {
		return ""
	}
	out := ""
	for _, o := range b.p.Contract.Operations {
		if o == op || !slices.ContainsFunc(o.Creates, func(c *specs.Create) bool { return c.Record.Name == kind }) {
			continue
		}
		if b.e.offered(b.e.empty, o) {
			return ""
		}
		out = fmt.Sprintf("it takes the record %s, and %s", kind, b.leftOut(o))
	}
	return out
}

// why says why no request succeeds, and what would help.
func (b *builder) why(op *specs.Operation, f *found) string {
	if kind := b.noRecord(op); kind != "" {
		return fmt.Sprintf("no request can be planned: it takes the record %s, and the target has none; say one under accounts.%s", kind, kind)
	}
	if kind := b.noToken(op); kind != "" {
		return fmt.Sprintf("no request can be planned: it takes a token %s%s, and no account of the target is given one; say one under accounts that is", kind, b.givers(kind))
	}
	var first *candidate
	for _, k := range f.order {
		c := f.by[k]
		if first == nil {
			first = c
		}
		for _, n := range slices.Concat(b.needs(), op.Needs) {
			if n.Else == c.p.Failure.Reason {
				return fmt.Sprintf("no request can be planned: each that was tried would be refused (%s), for none fulfils that %s; say an account under accounts for which it holds, or the setting that it hangs on",
					n.Else, strings.Join(strings.Fields(n.That.Src), " "))
			}
		}
	}
	if first != nil {
		return fmt.Sprintf("no request can be planned: each that was tried would be refused (%s)", first.p.Failure.Reason)
	}
	return "no request can be planned: a value that it takes is not known; give its parameters and body an example in the contract"
}

// givers are the operations that issue a kind of token, as a part of a sentence.
func (b *builder) givers(kind string) string {
	var out []string
	for _, o := range b.p.Contract.Operations {
		if slices.ContainsFunc(o.Issues, func(i *specs.Issue) bool { return i.Token.Name == kind }) {
			out = append(out, o.ID)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " (of " + strings.Join(out, ", ") + ")"
}

// needs are the conditions of all kinds of record.
func (b *builder) needs() []*specs.Need {
	var out []*specs.Need
	for _, k := range b.p.Contract.Records {
		out = append(out, k.Needs...)
	}
	return out
}

// noRecord is a kind of record that every way to call an operation names, and of
// which the target has none; "": there is no such.
func (b *builder) noRecord(op *specs.Operation) string {
	return everyWay(op, func(p *specs.Proof) string {
		for _, x := range p.Binds {
			if len(x.Alts) == 0 || x.Alts[0].Kind != specs.FindRecord {
				continue
			}
			empty := true
			b.e.empty.shadow.store.Update(func(tx session.Tx) { empty = len(tx.Records(x.Alts[0].Record)) == 0 })
			if empty {
				return x.Alts[0].Record
			}
		}
		return ""
	})
}

// noToken is a kind of token that every way to call an operation takes, and that
// no state holds; "": there is no such.
func (b *builder) noToken(op *specs.Operation) string {
	return everyWay(op, func(p *specs.Proof) string {
		for _, w := range b.e.ways {
			if carries(w, p) {
				return ""
			}
		}
		for _, x := range p.Binds {
			if len(x.Alts) > 0 && x.Alts[0].Kind == specs.FindToken {
				return x.Alts[0].Token
			}
		}
		return ""
	})
}

// everyWay returns what stands in the way of every alternative by which an
// operation is called, as the first of them says it; "": one is free.
func everyWay(op *specs.Operation, obstacle func(*specs.Proof) string) string {
	if len(op.Accepts) > 0 {
		first := ""
		for i, p := range op.Accepts {
			said := obstacle(p)
			if said == "" {
				first = ""
				break
			}
			if i == 0 {
				first = said
			}
		}
		if first != "" {
			return first
		}
	}
	if op.Anonymous {
		return ""
	}
	first := ""
	for i, alt := range op.Security {
		said := ""
		for _, p := range alt {
			if said == "" {
				said = obstacle(p)
			}
		}
		if said == "" {
			return ""
		}
		if i == 0 {
			first = said
		}
	}
	return first
}
