package mutant

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// refusal is what the contract answers to one reason of one operation: for each
// member the entries that may give it. There are several where they have
// conditions.
type refusal struct {
	op     *specs.Operation
	reason string
	// top are the most special entries: their evidence counts.
	top, status, example, binds []*specs.FailureEntry
	// causes are what the proofs and conditions rest on that give the reason.
	causes []specs.Mark
}

// reasons looks the answers to all reasons of all operations up.
func (m *maker) reasons() {
	for _, op := range m.c.Operations {
		for _, r := range slices.Concat(requestReasons(m.c, op), m.c.Refusals(op)) {
			m.refusals = append(m.refusals, m.lookUp(op, r))
		}
	}
	none := &specs.Operation{Failures: specs.FailureTable{}}
	for _, r := range []string{"request.path", "request.method"} {
		m.refusals = append(m.refusals, m.lookUp(none, r))
	}
}

// requestReasons are the reasons for which the request itself is refused.
func requestReasons(c *specs.Contract, op *specs.Operation) []string {
	out := []string{"request.accept"}
	if len(op.Body) > 0 {
		out = append(out, "request.media.missing", "request.media.unsupported", "request.malformed")
	}
	if len(op.Body)+len(op.Parameters)+len(op.Accepts) > 0 {
		out = append(out, "request.field.missing", "request.field.invalid")
	}
	if op.Undeclared == "refuse" || op.Undeclared == "" && c.Undeclared == "refuse" {
		out = append(out, "request.undeclared")
	}
	return out
}

func (m *maker) lookUp(op *specs.Operation, reason string) *refusal {
	out := &refusal{op: op, reason: reason, causes: m.causes(op, reason)}
	tables := []specs.FailureTable{op.Failures}
	if strings.HasPrefix(reason, "token.") {
		if k := m.c.Token(reason[strings.LastIndexByte(reason, '.')+1:]); k != nil {
			tables = append(tables, k.Failures)
		}
	}
	give := func(to *[]*specs.FailureEntry, list []*specs.FailureEntry, has func(*specs.FailureEntry) bool) {
		if len(*to) == 0 {
			for _, e := range list {
				if has(e) {
					*to = append(*to, e)
				}
			}
		}
	}
	for _, t := range append(tables, m.c.Failures) {
		for _, prefix := range specs.ReasonPrefixes(reason) {
			list := t[prefix]
			give(&out.top, list, func(*specs.FailureEntry) bool { return true })
			give(&out.status, list, func(e *specs.FailureEntry) bool { return e.Status != nil })
			give(&out.example, list, func(e *specs.FailureEntry) bool { return e.Example != nil || e.NoBody })
			give(&out.binds, list, func(e *specs.FailureEntry) bool { return e.Binds != nil })
		}
	}
	return out
}

// causes are the marks of what can give a reason to an operation. There are none
// where the request itself does.
func (m *maker) causes(op *specs.Operation, reason string) []specs.Mark {
	var out []specs.Mark
	for _, n := range op.Needs {
		if n.Else == reason {
			out = append(out, n.Evidence.Part("refusal"))
		}
	}
	if parts := strings.Split(reason, "."); parts[0] == "token" && len(parts) == 3 {
		if k := m.c.Token(parts[2]); k != nil && slices.Contains([]string{"expired", "consumed", "replaced", "revoked"}, parts[1]) {
			return append(out, m.cause(k, parts[1]))
		}
	}
	proofs(op, func(p *specs.Proof, _ bool) {
		for _, b := range binds(p) {
			for _, t := range b.Alts {
				switch {
				case b.Else != "" && b.Else == reason,
					b.Else == "" && t.Token != "" && strings.HasPrefix(reason, "token.") && strings.HasSuffix(reason, "."+t.Token),
					b.Else == "" && t.Role != "" && !strings.HasPrefix(reason, "token.") && strings.HasSuffix(reason, "."+t.Role):
					out = append(out, p.Evidence.Part("refusal"))
				}
			}
		}
		for _, k := range m.c.Records {
			for _, n := range k.Needs {
				if n.Else == reason {
					out = append(out, n.Evidence.Part("refusal"))
				}
			}
		}
	})
	return out
}

// refusal is the answer to a reason of an operation.
func (m *maker) refusal(op *specs.Operation, reason string) *refusal {
	for _, r := range m.refusals {
		if r.op.ID == op.ID && r.reason == reason {
			return r
		}
	}
	return m.lookUp(op, reason)
}

// rule is that a reason refuses, with further links of the chain. A reason that
// the contract does not answer breaks no rule.
func (r *refusal) rule(part string, links ...specs.Mark) rule {
	if len(r.top) == 0 {
		return rule{none: true}
	}
	best := []specs.Mark{r.entry(part)}
	if part == "refusal" {
		best = weight.Refused(r.op, nil, r.reason, best[0], nil)
	}
	return rule{pointer: r.top[0].Pointer, line: r.top[0].Line, marks: append(slices.Clone(links), best...)}
}

// unless is that a reason refuses whoever does not fulfil a proof (or a condition:
// nil), which rests on something itself, with further links of the chain.
func (r *refusal) unless(by *specs.Proof, fulfilled specs.Mark, links ...specs.Mark) rule {
	out := r.rule("refusal", links...)
	if !out.none {
		out.marks = append(slices.Clone(links), weight.Refused(r.op, by, r.reason, r.entry("refusal"), &fulfilled)...)
	}
	return out
}

// entry is what the best of the entries that answer a reason rests on.
func (r *refusal) entry(part string) specs.Mark {
	marks := make([]specs.Mark, 0, len(r.top))
	for _, e := range r.top {
		marks = append(marks, e.Evidence.Part(part))
	}
	return weight.Strongest(marks)
}

// failures makes the mutants of the entries of all failure tables. An entry is
// as heavy as the heaviest answer that it takes part in.
func (m *maker) failures() {
	m.table(m.c.Failures, "", func(t specs.FailureTable) *specs.Contract {
		c := *m.c
		c.Failures = t
		return &c
	})
	for _, k := range m.c.Tokens {
		m.table(k.Failures, k.Name, func(t specs.FailureTable) *specs.Contract {
			token := *k
			token.Failures = t
			return m.c.WithToken(&token)
		})
	}
	for _, op := range m.c.Operations {
		m.op = op
		m.table(op.Failures, op.ID, func(t specs.FailureTable) *specs.Contract {
			o := *op
			o.Failures = t
			return m.c.WithOperation(&o)
		})
		m.op = nil
	}
}

func (m *maker) table(t specs.FailureTable, owner string, with func(specs.FailureTable) *specs.Contract) {
	for _, reason := range slices.Sorted(maps.Keys(t)) {
		if strings.HasPrefix(reason, "other.") || strings.HasPrefix(reason, "client.") || strings.HasPrefix(reason, "fault.") {
			continue // answered on demand only
		}
		for i, e := range t[reason] {
			put := func(x *specs.FailureEntry) func() *specs.Contract {
				return func() *specs.Contract {
					changed := maps.Clone(t)
					if x == nil {
						changed[reason] = without(t[reason], i)
					} else {
						changed[reason] = replaced(t[reason], i, x)
					}
					return with(changed)
				}
			}
			m.entry(e, owner, reason, put, m.gate.may(m.op, e.When))
		}
	}
}

// judged are the refusals to which an entry gives a member.
func (m *maker) judged(e *specs.FailureEntry, member func(*refusal) []*specs.FailureEntry) []*refusal {
	var out []*refusal
	for _, r := range m.refusals {
		if slices.Contains(member(r), e) && (m.op == nil || r.op.ID == m.op.ID) {
			out = append(out, r)
		}
	}
	return out
}

// heaviest is the rule of the best supported of some refusals.
func heaviest(e *specs.FailureEntry, list []*refusal, at specs.Location, parts ...string) rule {
	marks := make([]specs.Mark, 0, len(list))
	for _, r := range list {
		own := make([]specs.Mark, 0, len(r.top))
		for _, t := range r.top {
			best := make([]specs.Mark, 0, len(parts))
			for _, p := range parts {
				best = append(best, weight.At(t.Evidence, at, p))
			}
			chain := []specs.Mark{weight.Strongest(best), t.Evidence.Part("refusal")}
			if len(r.causes) > 0 {
				chain = append(chain, weight.Strongest(r.causes))
			}
			own = append(own, weight.Weakest(chain))
		}
		marks = append(marks, weight.Strongest(own))
	}
	return rule{pointer: e.Pointer, line: e.Line, marks: []specs.Mark{weight.Strongest(marks)}}
}

func (m *maker) entry(e *specs.FailureEntry, owner, reason string, put func(*specs.FailureEntry) func() *specs.Contract, when condition) {
	who := "The refusal " + reason
	if owner != "" {
		who += " of " + owner
	}
	top := m.judged(e, func(r *refusal) []*specs.FailureEntry { return r.top })
	status := m.judged(e, func(r *refusal) []*specs.FailureEntry { return r.status })
	example := m.judged(e, func(r *refusal) []*specs.FailureEntry { return r.example })
	if len(top) > 0 && m.special(e, reason, owner) {
		m.add("refusal-general", owner, reason, who+" is answered as the more general one.", heaviest(e, top, specs.Location{}, "shape"), put(nil), when)
	}
	if n, ok := number(e.Status); len(status) > 0 && e.Status != nil {
		other := 418
		if ok {
			other = map[int]int{400: 422, 401: 403, 403: 401, 404: 400}[n]
		}
		if other == 0 {
			other = 400
		}
		to := func(n int) func() *specs.Contract {
			x := *e
			x.Status = literal(json.Number(fmt.Sprint(n)))
			return put(&x)
		}
		r := heaviest(e, status, specs.Location{}, "status")
		m.add("failure-status", owner, reason, fmt.Sprintf("%s has the status %d.", who, other), r, to(other), when)
		if n != 200 {
			m.add("error-as-200", owner, reason, who+" has the status 200.", r, to(200), when)
		}
		m.add("error-as-500", owner, reason, who+" has the status 500.", r, to(500), when)
	}
	if len(example) == 0 || e.Example == nil {
		return
	}
	if x := m.otherExample(e.Example); x != nil {
		wrong := *e
		wrong.Example = x
		m.add("wrong-refusal", owner, reason, fmt.Sprintf("%s is answered with %s.", who, x.Name), heaviest(e, example, codeOf(m.c, e), "values"), put(&wrong), when)
	}
	var n *schema.Node
	if m.c.Envelope.Schema != "" {
		n, _ = m.c.Schemas.Node(m.c.Envelope.Schema)
	}
	for _, code := range m.c.Envelope.Codes {
		if v, ok := value.Lookup(e.Example.Value, code.Tokens); ok && code.In == specs.InBody {
			x := *e
			ex := *drop(e.Example, code.Tokens)
			ex.Value = value.Put(value.Clone(ex.Value), code.Tokens, otherCode(v))
			x.Example, x.Binds = &ex, dropBinds(e.Binds, code.Tokens)
			m.add("code-changed", owner, reason+code.Src, fmt.Sprintf("%s says another code in %s.", who, code.Src), heaviest(e, example, code, "values"), put(&x), when)
		}
	}
	m.members(members{
		kind: "refusal-member", subject: owner, detail: reason, who: strings.ToLower(who[:1]) + who[1:], example: e.Example, binds: e.Binds, node: n, when: []condition{when},
		rule: func(at specs.Location, parts ...string) rule { return heaviest(e, example, at, parts...) },
		put: func(x *specs.Example, binds []*specs.AnswerBind) func() *specs.Contract {
			changed := *e
			changed.Example, changed.Binds = x, binds
			return put(&changed)
		},
	})
}

// special reports whether an entry gives anything that the shorter ones do not.
func (m *maker) special(e *specs.FailureEntry, reason, owner string) bool {
	if e.Status == nil && e.Example == nil && !e.NoBody && e.Binds == nil {
		return false
	}
	var below []*specs.FailureEntry
	for _, p := range specs.ReasonPrefixes(reason)[1:] {
		below = append(below, m.c.Failures[p]...)
	}
	if owner != "" {
		below = append(m.c.Failures[reason], below...)
	}
	if len(below) == 0 {
		return true
	}
	g := below[0]
	sameStatus := e.Status == nil || g.Status != nil && g.Status.Src == e.Status.Src
	sameExample := e.Example == nil || g.Example == e.Example || alike(g.Example, e.Example, m.c.Envelope.Codes)
	return !sameStatus || !sameExample || e.NoBody || e.Binds != nil
}

// alike reports whether two examples cannot be told apart by what is compared:
// the members that they have, the live ones, and the codes.
func alike(a, b *specs.Example, codes []specs.Location) bool {
	if a == nil || b == nil {
		return a == b
	}
	list := func(x *specs.Example) []string {
		var out []string
		for _, y := range x.Binds {
			out = append(out, y.At.Src+"="+y.Value.Src)
		}
		slices.Sort(out)
		return out
	}
	for _, code := range codes {
		x, _ := value.Lookup(a.Value, code.Tokens)
		y, _ := value.Lookup(b.Value, code.Tokens)
		if !reflect.DeepEqual(x, y) {
			return false
		}
	}
	return slices.Equal(list(a), list(b)) && len(a.Each) == len(b.Each) && slices.Equal(shape(a.Value, ""), shape(b.Value, ""))
}

// shape is the pointers of the members of a value, sorted.
func shape(x any, at string) []string {
	out := []string{at}
	switch x := x.(type) {
	case value.Object:
		for _, member := range x {
			out = append(out, shape(member.Value, at+"/"+member.Name)...)
		}
	case []any:
		for _, e := range x {
			out = append(out, shape(e, at+"/0")...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// codeOf is the place of the code that an entry's example has, for its evidence.
func codeOf(c *specs.Contract, e *specs.FailureEntry) specs.Location {
	for _, code := range c.Envelope.Codes {
		if _, ok := value.Lookup(e.Example.Value, code.Tokens); ok {
			return code
		}
	}
	return specs.Location{}
}

// otherExample is the answer to another failure, with another code.
func (m *maker) otherExample(x *specs.Example) *specs.Example {
	codes := func(x *specs.Example) []any {
		var out []any
		for _, code := range m.c.Envelope.Codes {
			v, _ := value.Lookup(x.Value, code.Tokens)
			out = append(out, v)
		}
		return out
	}
	for _, reason := range slices.Sorted(maps.Keys(m.c.Failures)) {
		for _, e := range m.c.Failures[reason] {
			if e.Example != nil && e.Example != x && !reflect.DeepEqual(codes(e.Example), codes(x)) {
				return e.Example
			}
		}
	}
	return nil
}

func otherCode(v any) any {
	switch v.(type) {
	case json.Number:
		return json.Number("77")
	case bool:
		return v != true
	}
	return "mutant"
}
