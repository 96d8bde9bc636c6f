package conformance

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/mockauth/mockauth/specs"
)

// otherSettings searches again under other settings, for what those of the
// target never show: one setting at a time, and only those that what is missing
// hangs on.
func (b *builder) otherSettings() {
	c := b.p.Contract
	missing := map[string][]*specs.Operation{} // setting → operations
	for _, op := range c.Operations {
		for _, s := range c.SettingsIn(b.gates(op)...) {
			missing[s] = append(missing[s], op)
		}
	}
	names := make([]string, 0, len(missing))
	for s := range missing {
		names = append(names, s)
	}
	sort.Strings(names)
	for _, s := range names {
		for _, v := range b.otherValues(c.Setting(s)) {
			b.under(s, v, missing[s])
		}
	}
}

// gates are the conditions of what was not found for an operation.
func (b *builder) gates(op *specs.Operation) []*specs.Expr {
	f := b.found[op.ID]
	if len(f.by) == 0 {
		return []*specs.Expr{op.Offered}
	}
	var out []*specs.Expr
	answered, proven := map[*specs.Answer]bool{}, map[*specs.Proof]bool{}
	for _, c := range f.by {
		if c.p.Answer != nil {
			answered[c.p.Answer] = true
		}
		for _, p := range c.p.Proofs() {
			proven[p] = true
		}
	}
	for _, a := range op.Answers {
		if !answered[a] {
			out = append(out, a.When)
			if a.When == nil {
				// It is reached where the ones before it do not hold.
				for _, x := range op.Answers {
					out = append(out, x.When)
				}
			}
		}
	}
	for _, p := range op.Accepts {
		if !proven[p] {
			out = append(out, p.When)
		}
	}
	for _, alt := range op.Security {
		for _, p := range alt {
			if !proven[p] {
				out = append(out, p.When)
			}
		}
	}
	for _, x := range op.Ends {
		// An effect that the target's settings leave out shows itself only in what
		// becomes of other sessions.
		out = append(out, x.When, x.What)
	}
	for _, r := range b.p.Contract.Refusals(op) {
		if !f.has(r) {
			out = append(out, b.p.Contract.Gates(op, r)...)
		}
	}
	return out
}

// otherValues are values of a setting that are not in force.
func (b *builder) otherValues(s *specs.Setting) []any {
	if s == nil {
		return nil
	}
	now := b.p.seed.settings[s.Name]
	var all []any
	switch {
	case len(s.Enum) > 0:
		all = s.Enum
	case s.Type == "boolean":
		all = []any{true, false}
	case s.Type == "integer" && now == nil:
		all = []any{3}
	case s.Type == "integer":
		if n, ok := now.(int); ok {
			all = []any{n + 20}
		}
	case s.Type == "duration" && now == nil:
		all = []any{10 * time.Minute}
	}
	var out []any
	for _, v := range all {
		if v != nil && fmt.Sprint(v) != fmt.Sprint(now) {
			out = append(out, v)
		}
	}
	return out
}

// maxIdle is after how many operations in a row that show nothing new a setting
// is left.
const maxIdle = 3

func (b *builder) under(name string, v any, ops []*specs.Operation) {
	e, err := b.e.under(map[string]any{name: v}, true)
	if err != nil {
		return
	}
	idle := 0
	var wide *explorer
	for _, op := range ops {
		f := b.found[op.ID]
		if idle >= maxIdle && len(f.by) > 0 {
			continue // it would be the same
		}
		idle++
		// What is wrong with a body was seen under the target's own settings.
		e.proofsOnly = len(f.bases()) > 0
		g := e.search(op)
		e.forget(op)
		if !f.succeeds() && !g.succeeds() {
			// Nothing is known of this operation at all: it may take a state that a
			// light search passes over.
			if wide == nil {
				if wide, err = b.e.under(map[string]any{name: v}, false); err != nil {
					return
				}
			}
			g = wide.search(op)
			wide.forget(op)
		}
		for _, k := range g.order {
			if f.by[k] == nil {
				idle = 0
				f.by[k] = g.by[k]
				f.order = append(f.order, k)
			}
		}
		if slices.Contains(b.p.Contract.SettingsIn(effectsOf(op)...), name) {
			for _, c := range g.bases()[:min(1, len(g.bases()))] {
				c.tag = fmt.Sprintf("under %s=%v", name, v)
				f.add(c)
			}
		}
	}
}

// effectsOf are the conditions of what an operation ends.
func effectsOf(op *specs.Operation) []*specs.Expr {
	var out []*specs.Expr
	for _, x := range op.Ends {
		out = append(out, x.When, x.What)
	}
	return out
}
