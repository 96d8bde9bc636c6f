package specs

import (
	"sort"
	"strings"
)

// Reasons returns every reason that the contract answers or coins, sorted: the
// entries of its failure tables and the `else` of its conditions.
func (c *Contract) Reasons() []string {
	seen := map[string]bool{}
	table := func(t FailureTable) {
		for r := range t {
			if r != "*" {
				seen[r] = true
			}
		}
	}
	table(c.Failures)
	for _, t := range c.Tokens {
		table(t.Failures)
	}
	for _, r := range c.Records {
		for _, n := range r.Needs {
			seen[n.Else] = true
		}
	}
	for _, o := range c.Operations {
		table(o.Failures)
		for _, n := range o.Needs {
			seen[n.Else] = true
		}
	}
	out := make([]string, 0, len(seen))
	for r := range seen {
		if strings.TrimSpace(r) != "" {
			out = append(out, r)
		}
	}
	sort.Strings(out)
	return out
}

// ReasonPrefixes is where the answer of a reason is looked up, in order: of
// a.b.c under a.b.c, a.b, a and *.
func ReasonPrefixes(reason string) []string {
	out := make([]string, 0, strings.Count(reason, ".")+2)
	for ; reason != ""; reason = WiderReason(reason) {
		out = append(out, reason)
	}
	return out
}

// WiderReason is the next of ReasonPrefixes after one of them, or "".
func WiderReason(reason string) string {
	if reason == "*" {
		return ""
	}
	if i := strings.LastIndexByte(reason, '.'); i >= 0 {
		return reason[:i]
	}
	return "*"
}
