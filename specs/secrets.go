package specs

import (
	"slices"

	"github.com/mockauth/mockauth/internal/schema"
)

// locations works out where the operation's proofs read (Proves) and which of
// these places carry secrets or tokens (Secrets): what must never be shown.
func (o *Operation) locations() {
	note := func(binds []*RequestBind) {
		for _, b := range binds {
			o.Proves = append(o.Proves, b.At)
			for _, t := range b.Alts {
				if t.Kind == FindToken || t.Secret || t.Kind == Compare && b.At.In == InBasicPassword {
					o.Secrets = append(o.Secrets, b.At)
					break
				}
			}
		}
	}
	var walk func(pr *Proof)
	walk = func(pr *Proof) {
		note(pr.Binds)
		note(pr.May)
		for _, a := range pr.Also {
			walk(a)
		}
	}
	for _, alt := range o.Security {
		for _, pr := range alt {
			walk(pr)
		}
	}
	for _, pr := range o.Accepts {
		walk(pr)
	}
	for _, m := range o.Body {
		secretMembers(m.Schema, nil, 0, func(tokens []string) {
			o.Secrets = append(o.Secrets, Location{In: InBody, Tokens: tokens})
		})
	}
}

// CarriesSecret reports whether a member or parameter of that name carries a
// secret or a token in this operation.
func (o *Operation) CarriesSecret(field string) bool {
	for _, l := range o.Secrets {
		if l.Field() == field {
			return true
		}
	}
	return false
}

// secretMembers visits the members of a schema with format: password. Eight
// levels are deeper than any documented request.
func secretMembers(n *schema.Node, at []string, depth int, f func([]string)) {
	if n == nil || depth > 8 {
		return
	}
	for _, p := range n.Properties() {
		here := append(slices.Clone(at), p.Name)
		if p.Schema.Format == "password" {
			f(here)
		}
		secretMembers(p.Schema, here, depth+1, f)
	}
	for _, a := range n.Alternatives() {
		secretMembers(a, at, depth+1, f)
	}
}
