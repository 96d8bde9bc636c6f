package specs

import (
	"slices"
	"sort"
	"strings"
)

// SettingsIn returns the names of the settings that expressions hang on, also
// through a let, sorted. Nil expressions are passed over.
func (c *Contract) SettingsIn(list ...*Expr) []string {
	d := &dependence{c: c, seen: map[string]bool{}, lets: map[string]bool{}}
	d.exprs(list)
	out := make([]string, 0, len(d.seen))
	for s := range d.seen {
		out = append(out, s)
	}
	sort.Strings(out)
	return out
}

// Gates returns the conditions under which a reason for refusal can come about
// at an operation at all: those of its proofs and needs, and the lifetimes of
// the tokens that it is about.
func (c *Contract) Gates(op *Operation, reason string) []*Expr {
	out := []*Expr{op.Offered}
	for _, n := range op.Needs {
		if n.Else == reason {
			out = append(out, n.That)
		}
	}
	for _, k := range c.Records {
		for _, n := range k.Needs {
			if n.Else == reason {
				out = append(out, n.That)
			}
		}
		if k.Locks != nil && strings.HasPrefix(reason, "credentials.locked") {
			out = append(out, k.Locks.After)
		}
	}
	if strings.HasPrefix(reason, "token.revoked") {
		for _, o := range c.Operations {
			for _, x := range o.Ends {
				out = append(out, o.Offered, x.When)
			}
		}
	}
	kind := reason[strings.LastIndexByte(reason, '.')+1:]
	if k := c.Token(kind); k != nil {
		out = append(out, k.Lifetime, k.Idle)
		out = append(out, k.Caps...)
		for _, o := range c.Operations {
			for _, i := range o.Issues {
				if i.Token == k {
					out = append(out, i.When, o.Offered)
				}
			}
		}
	}
	op.proofs(func(p *Proof, _ bool) {
		about := func(b *RequestBind) bool {
			return b.Else == reason || slices.ContainsFunc(b.Alts, func(t *Target) bool { return t.Token == kind || t.Role == kind })
		}
		if slices.ContainsFunc(p.binds(), about) {
			out = append(out, p.When)
		}
	})
	return out
}

type dependence struct {
	c    *Contract
	seen map[string]bool
	lets map[string]bool
}

func (d *dependence) exprs(list []*Expr) {
	for _, e := range list {
		if e == nil {
			continue
		}
		names, err := e.Names()
		if err != nil {
			continue
		}
		for root, paths := range names {
			if root == "settings" {
				for _, p := range paths {
					if len(p) > 0 {
						d.seen[p[0]] = true
					}
				}
				continue
			}
			d.let(root)
		}
	}
}

func (d *dependence) let(name string) {
	if d.lets[name] {
		return
	}
	d.lets[name] = true
	for _, l := range d.c.Lets {
		if l.Name == name {
			d.exprs([]*Expr{l.Expr})
		}
	}
}
