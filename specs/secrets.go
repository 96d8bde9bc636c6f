package specs

import (
	"slices"
	"strings"

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
	o.proofs(func(p *Proof, _ bool) { note(p.binds()) })
	for _, m := range o.Body {
		secretMembers(m.Schema, func(tokens []string) {
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

// hasSecret reports whether a record has a field that is compared, and not
// looked up.
func (r *RecordKind) hasSecret() bool {
	for _, f := range r.Fields {
		if f.Secret {
			return true
		}
	}
	return false
}

// maxMembers bounds the search for secrets in one body, whose schema may hold
// itself many times over. The members nearest to the root come first, so what
// is left out of a body that is larger lies deep in it.
const maxMembers = 20_000

// secretMembers visits the members of a schema with format: password. Eight
// levels are deeper than any documented request.
func secretMembers(n *schema.Node, f func([]string)) {
	type item struct {
		n  *schema.Node
		at []string
	}
	seen := map[string]bool{} // an alternative may be the schema itself
	queue := []item{{n, nil}}
	for i := 0; i < len(queue) && i < maxMembers; i++ {
		n, at := queue[i].n, queue[i].at
		key := strings.Join(at, "/") + "#" + schemaPointer(n)
		if n == nil || len(at) > 8 || seen[key] {
			continue
		}
		seen[key] = true
		for _, p := range n.Properties() {
			here := append(slices.Clip(at), p.Name) // a list of its own
			if p.Schema.Format == "password" {
				f(here)
			}
			if len(queue) < maxMembers {
				queue = append(queue, item{p.Schema, here})
			}
		}
		for _, a := range n.Alternatives() {
			if len(queue) < maxMembers {
				queue = append(queue, item{a, at})
			}
		}
	}
}

func schemaPointer(n *schema.Node) string {
	if n == nil {
		return ""
	}
	return n.Pointer
}
