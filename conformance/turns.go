package conformance

import (
	"slices"
	"strings"

	"github.com/mockauth/mockauth/specs"
)

// TakeTurns lets each of several processes that check the same target begin with
// an account of its own: accounts that can stand for one another change places,
// by the number of the process, from 1. So what one does to a session or to the
// count of wrong passwords, the others do not see, as long as there are as many
// such accounts as processes; where there are fewer, some share.
//
// Accounts can stand for one another if they differ in nothing but their key,
// their secrets and their free texts, such as names. A mock of ours, in which each
// case has a world of its own, needs none of this, and stays as it is.
func (t *Target) TakeTurns(c *specs.Contract, process int) {
	if process < 2 || t.Control != "" && t.Capabilities.Worlds {
		return
	}
	records := make(map[string][]map[string]any, len(t.Records))
	for name, list := range t.Records {
		records[name] = list
		k := c.Record(name)
		if k == nil || !slices.ContainsFunc(k.Order, func(f string) bool { return k.Fields[f].Secret }) {
			continue // nobody
		}
		alike := map[string][]int{}
		for i, r := range list {
			s := standing(k, r)
			alike[s] = append(alike[s], i)
		}
		turned := slices.Clone(list)
		for _, at := range alike {
			for n, i := range at {
				turned[i] = list[at[(n+process-1)%len(at)]]
			}
		}
		records[name] = turned
	}
	t.Records = records
}

// standing is what decides whether an account can stand for another.
func standing(k *specs.RecordKind, r map[string]any) string {
	var b strings.Builder
	for _, name := range k.Order {
		f := k.Fields[name]
		v, told := r[name]
		switch {
		case !told || name == k.Key:
		case f.Secret, f.Refers == "" && f.Schema != nil && f.Schema.Is("string") && len(f.Schema.Enum) == 0:
			b.WriteString(name + " ")
		default:
			b.WriteString(name + "=" + show(v) + " ")
		}
	}
	return b.String()
}
