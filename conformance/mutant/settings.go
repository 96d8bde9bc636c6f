package mutant

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// setting makes the mutant that takes a setting for its opposite: while it
// decides, not where the control API shows it. It weighs as much as the heaviest
// thing that differs then; whether an operation is there does not count, as that
// is decided before.
func (m *maker) setting(s *specs.Setting) {
	if s.Type != "boolean" || !m.decides(s.Name) {
		return
	}
	r := m.rule("/x-session/settings/"+s.Name, 0, s.Evidence.Part("values"))
	r.under = func(settings map[string]any) []specs.Mark {
		other := maps.Clone(settings)
		other[s.Name] = settings[s.Name] != true
		return m.differences(settings, other)
	}
	// Where it is on, something is lost; where it is off, something more is there,
	// which is less of a fault.
	var when []condition
	on := []condition{func(settings map[string]any) bool { return settings[s.Name] == true }}
	_, lost, _ := m.gate.heaviest(on, r)
	if _, most, ok := m.gate.heaviest(nil, r); ok && lost != nil && weight.Weakest(lost).Level >= weight.Weakest(most).Level {
		when = on
	}
	m.put(Mutant{Kind: "setting-ignored", Says: fmt.Sprintf("The server behaves as if %s had its other value.", s.Name), twist: func(mm *session.Machine, op *specs.Operation, req *session.Request, at session.Moment) *session.Decision {
		mm.Settings = maps.Clone(mm.Settings)
		mm.Settings[s.Name] = mm.Settings[s.Name] != true
		return mm.Decide(op, req, at)
	}}, s.Name, "", r, when)
}

// decides reports whether any expression hangs on a setting, but for those that
// say whether an operation is there.
func (m *maker) decides(setting string) bool {
	is := func(root string, path []string) bool {
		return root == "settings" && len(path) > 0 && path[0] == setting
	}
	found := false
	look := func(op *specs.Operation, list ...*specs.Expr) {
		for _, e := range list {
			found = found || m.looks(op, e, is, 0)
		}
	}
	table := func(op *specs.Operation, t specs.FailureTable) {
		for _, list := range t {
			for _, e := range list {
				look(op, e.When)
			}
		}
	}
	for _, op := range m.c.Operations {
		proofs(op, func(p *specs.Proof, _ bool) { look(op, p.When) })
		for _, n := range op.Needs {
			look(op, n.That)
		}
		for _, e := range op.Ends {
			look(op, e.When, e.What)
		}
		for _, x := range op.Issues {
			look(op, x.When, x.Lifetime)
		}
		for _, x := range op.Sets {
			look(op, x.When)
		}
		for _, a := range op.Answers {
			look(op, a.When)
		}
		table(op, op.Failures)
	}
	for _, k := range m.c.Tokens {
		look(nil, k.Lifetime, k.Idle)
		for _, f := range k.Forms {
			look(nil, f.When)
		}
		table(nil, k.Failures)
	}
	for _, k := range m.c.Records {
		for _, n := range k.Needs {
			look(nil, n.That)
		}
	}
	table(nil, m.c.Failures)
	look(nil, m.c.Envelope.Status)
	return found
}

// differences are the weights of what is answered otherwise under other settings.
func (m *maker) differences(settings, other map[string]any) []specs.Mark {
	out := m.tokenDifferences(settings, other)
	defer func(op *specs.Operation) { m.op = op }(m.op)
	for _, op := range m.c.Operations {
		m.op = op
		if m.gate.may(op, op.Offered)(settings) {
			out = append(out, m.operationDifferences(op, settings, other)...)
		}
	}
	m.op = nil
	out = append(out, m.tableDifferences(nil, m.c.Failures, settings, other)...)
	if e := m.c.Envelope.Status; e != nil && m.turns(nil, e, settings, other) != 0 {
		out = append(out, weight.Unsaid("it stands for all refusals"))
	}
	return out
}

// turns says how a condition turns out under other settings: 1 where it may hold
// now and did not, -1 where it held and may not now, 0 where nothing changes.
func (m *maker) turns(op *specs.Operation, e *specs.Expr, settings, other map[string]any) int {
	if e == nil {
		return 0
	}
	a, knownA := m.gate.decide(op, e, settings)
	b, knownB := m.gate.decide(op, e, other)
	switch {
	case knownA == knownB && (!knownA || reflect.DeepEqual(a, b)):
		return 0
	case knownA && (a == nil || a == false):
		return 1
	}
	return -1
}

func (m *maker) operationDifferences(op *specs.Operation, settings, other map[string]any) []specs.Mark {
	var out []specs.Mark
	own := func(links ...specs.Mark) { out = append(out, weight.Weakest(links)) }
	one := func(p *specs.Proof, security, alone bool) {
		if !m.hasTokens(p)(settings) {
			return
		}
		switch m.turns(op, p.When, settings, other) {
		case 1:
			own(p.Evidence.Part("refusal"), m.unoffered(p, security, alone, settings))
		case -1:
			own(p.Evidence.Part("refusal"), weight.Works(op))
		}
	}
	for _, alt := range op.Security {
		for _, p := range alt {
			one(p, true, len(alt) == 1)
		}
	}
	for _, p := range op.Accepts {
		one(p, false, true)
	}
	for _, n := range op.Needs {
		switch m.turns(op, n.That, settings, other) {
		case 1:
			own(n.Evidence.Part("refusal"), m.due(op, nil, []string{n.Else}))
		case -1:
			own(n.Evidence.Part("refusal"), weight.Works(op))
		}
	}
	for _, e := range op.Ends {
		switch m.turns(op, e.When, settings, other) {
		case 1:
			own(e.Evidence.Part("refusal"), m.spared(op, e.What))
		case -1:
			own(e.Evidence.Part("refusal"), m.death(e.What))
		}
	}
	for _, x := range op.Issues {
		switch m.turns(op, x.When, settings, other) {
		case 1:
			out = append(out, m.onlyThen(op, x.Token.Name, settings)...)
		case -1:
			out = append(out, m.tellsToken(op, x.Token.Name, settings)...)
		}
		if m.turns(op, x.Lifetime, settings, other) != 0 {
			own(x.Token.Evidence.Part("lifetime"), m.lifeShows(x.Token, []*specs.Operation{op}))
		}
	}
	for _, x := range op.Sets {
		if m.turns(op, x.When, settings, other) != 0 {
			for _, v := range x.Values {
				for _, shown := range m.setShows(x, v.Name, settings) {
					own(x.Evidence.Part("values"), shown)
				}
			}
		}
	}
	for i, a := range op.Answers {
		switch m.turns(op, a.When, settings, other) {
		case 1:
			for _, b := range instead(op, i) {
				if b != nil {
					out = append(out, m.apart(op, b, a)...)
				}
			}
		case -1:
			for _, b := range instead(op, i) {
				out = append(out, m.apart(op, a, b)...)
			}
		}
	}
	return append(out, m.tableDifferences(op, op.Failures, settings, other)...)
}

func (m *maker) tokenDifferences(settings, other map[string]any) []specs.Mark {
	var out []specs.Mark
	for _, k := range m.c.Tokens {
		for _, e := range append([]*specs.Expr{k.Lifetime, k.Idle}, k.Caps...) {
			if m.turns(nil, e, settings, other) != 0 {
				out = append(out, weight.Weakest([]specs.Mark{weight.Strongest([]specs.Mark{life(k), idleOf(k)}), m.lifeShows(k, m.issuers(k.Name, nil))}))
			}
		}
		for _, f := range k.Forms {
			if m.turns(nil, f.When, settings, other) != 0 {
				out = append(out, k.Evidence.Part("format"))
			}
		}
		out = append(out, m.tableDifferences(nil, k.Failures, settings, other)...)
	}
	return out
}

// tableDifferences are the weights of refusals that are answered otherwise.
func (m *maker) tableDifferences(op *specs.Operation, t specs.FailureTable, settings, other map[string]any) []specs.Mark {
	var out []specs.Mark
	for _, reason := range slices.Sorted(maps.Keys(t)) {
		a, b := m.chosen(op, t[reason], settings), m.chosen(op, t[reason], other)
		if a == b || a == nil {
			continue
		}
		list := m.judged(a, func(r *refusal) []*specs.FailureEntry { return r.top })
		if len(list) == 0 {
			continue
		}
		if b == nil || (a.Status == nil) != (b.Status == nil) || a.Status != nil && a.Status.Src != b.Status.Src {
			out = append(out, heaviest(a, list, specs.Location{}, "status").marks...)
		}
		if a.Example != nil && (b == nil || b.Example == nil || !alike(a.Example, b.Example, m.c.Envelope.Codes)) {
			out = append(out, heaviest(a, list, codeOf(m.c, a), "values").marks...)
		}
	}
	return out
}

// chosen is the entry that is in force under some settings, or nil. One whose
// condition hangs on more is passed over.
func (m *maker) chosen(op *specs.Operation, list []*specs.FailureEntry, settings map[string]any) *specs.FailureEntry {
	for _, e := range list {
		if v, known := m.gate.decide(op, e.When, settings); known && v == true {
			return e
		}
	}
	return nil
}
