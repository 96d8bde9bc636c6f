package mutant

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// fields makes the mutants that do not check a request against its schema.
func (m *maker) fields() {
	op := m.op
	missing, invalid := m.refusal(op, "request.field.missing").rule("refusal"), m.refusal(op, "request.field.invalid").rule("refusal")
	for _, p := range op.Parameters {
		at := specs.Location{In: p.In, Name: p.Name}
		if p.Required && p.In != specs.InPath {
			m.unchecked("required-unchecked", at, "", missing, "request.field.missing", fmt.Sprintf("%s does not want %s.", op.ID, at.Describe()), m.parameter(p))
		}
		if refusable(p.Schema) {
			m.unchecked("type-unchecked", at, "", invalid, "request.field.invalid", fmt.Sprintf("%s takes anything in %s.", op.ID, at.Describe()), m.parameter(p))
		}
	}
	if len(op.Body) == 0 {
		return
	}
	body := op.Body[0]
	example, _ := m.c.RequestExample(body)
	if op.BodyRequired {
		m.unchecked("required-unchecked", specs.Location{In: specs.InBody}, "", missing, "request.field.missing", op.ID+" does not want a body.", value.Plain(example))
	}
	isForm := strings.Contains(body.Type, "form")
	var walk func(n *schema.Node, at []string, depth int)
	walk = func(n *schema.Node, at []string, depth int) {
		if n == nil || depth > 3 {
			return
		}
		for _, p := range n.Properties() {
			tokens := slices.Concat(at, []string{p.Name})
			l := specs.Location{Src: value.Pointer(tokens...), In: specs.InBody, Tokens: tokens}
			good, ok := value.Lookup(example, tokens)
			if !ok {
				good = plausible(p.Schema)
			}
			good = value.Plain(good)
			if slices.Contains(n.Required, p.Name) {
				m.unchecked("required-unchecked", l, l.Src, missing, "request.field.missing", fmt.Sprintf("%s does not want %s.", op.ID, l.Describe()), good)
			}
			if refusable(p.Schema) && (!isForm || !onlyText(p.Schema)) {
				m.unchecked("type-unchecked", l, l.Src, invalid, "request.field.invalid", fmt.Sprintf("%s takes anything in %s.", op.ID, l.Describe()), good)
			}
			walk(p.Schema, tokens, depth+1)
		}
	}
	walk(body.Schema, nil, 0)
	m.put(Mutant{Kind: "malformed-accepted", Says: op.ID + " works with a body that cannot be read.", twist: changed(op, func(t *turn, d *session.Decision) *session.Decision {
		if d.Failure == nil || d.Failure.Reason != "request.malformed" || t.req.Fault == nil {
			return d
		}
		return t.retry(d, value.Plain(example), specs.Location{In: specs.InBody})
	})}, op.ID, "", m.refusal(op, "request.malformed").rule("refusal"), nil)
}

// refusable reports whether there are values that a schema refuses.
func refusable(n *schema.Node) bool {
	return n != nil && (len(n.Types) > 0 && !slices.Equal(n.Types, []string{"string"}) || n.Pattern != "" || len(n.Enum) > 0 || n.Format != "" && n.Format != "password" || n.Is("string") && len(n.Types) > 0)
}

// onlyText reports whether a schema takes every text, as a form sends it.
func onlyText(n *schema.Node) bool {
	return n.Is("string") && n.Pattern == "" && len(n.Enum) == 0 && (n.Format == "" || n.Format == "password" || n.Format == "binary")
}

// plausible is a value of a schema's type, where no example has one.
func plausible(n *schema.Node) any {
	switch {
	case len(n.Enum) > 0:
		return n.Enum[0]
	case n.HasDefault:
		return n.Default
	case n.Is("string"):
		return "text"
	case n.Is("boolean"):
		return true
	case n.Is("array"):
		return []any{}
	case n.Is("object"):
		return map[string]any{}
	}
	return json.Number("1")
}

func (m *maker) parameter(p *specs.Parameter) any {
	if v, ok := m.c.ParameterExample(p); ok {
		return v
	}
	if p.Schema == nil {
		return "text"
	}
	return plausible(p.Schema)
}

// unchecked makes a mutant that takes a request as if a member of it were good.
func (m *maker) unchecked(kind string, at specs.Location, pointer string, r rule, reason, says string, good any) {
	detail := at.Src
	if at.In != specs.InBody {
		detail = "$" + at.Name
	}
	m.put(Mutant{Kind: kind, Says: says, twist: changed(m.op, func(t *turn, d *session.Decision) *session.Decision {
		f := d.Failure
		if f == nil || f.Reason != reason {
			return d
		}
		for _, v := range f.Violations {
			switch {
			case at.In != specs.InBody && !strings.HasSuffix(v.Where, " "+at.Name):
				return d
			case at.In == specs.InBody && v.Pointer != pointer && !strings.HasPrefix(v.Pointer, pointer+"/"):
				return d
			}
		}
		if len(f.Violations) == 0 && f.Field != at.Field() {
			return d
		}
		return t.retry(d, good, at)
	})}, m.op.ID, detail, r, nil)
}

// retry decides again as if a location had been good: with that value, or with
// what belongs to one of the accounts, if a proof binds it.
func (t *turn) retry(d *session.Decision, good any, at specs.Location) *session.Decision {
	try := func(v any) *session.Decision {
		req := sent(t.req, at, v)
		req.Fault = nil
		if x := t.again(req); x.Failure == nil {
			return x
		}
		return nil
	}
	if x := try(good); x != nil {
		return x
	}
	var found *session.Decision
	proofs(t.op, func(p *specs.Proof, _ bool) {
		for _, b := range binds(p) {
			if found != nil || b.At.In != at.In || b.At.Name != at.Name || !slices.Equal(b.At.Tokens, at.Tokens) {
				continue
			}
			switch {
			case isRecord(b):
				for _, r := range t.at.Tx.Records(b.Alts[0].Record) {
					if v, ok := t.written(b.Alts[0].Value, rootOf(b.Alts[0].Value), r); ok && found == nil {
						found = try(v)
					}
				}
			case isToken(b):
				found = t.guests(t.m.Contract.Token(b.Alts[0].Token), nil, func(tok *session.Token) *session.Decision {
					if v, ok := t.written(b.Alts[0].Value, rootOf(b.Alts[0].Value), tok); ok {
						return try(v)
					}
					return nil
				})
			}
		}
	})
	if found != nil {
		return found
	}
	return d
}
