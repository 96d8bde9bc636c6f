package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

const (
	shownDiffers  = 10 // lines about what differs
	shownDiffered = 60 // characters of wanted and got in them
)

// difference is one mismatch that fails no run, and the cases that have it.
type difference struct {
	conformance.Mismatch

	Cases []conformance.Verdict
}

// differences are the mismatches of the cases that differ, in the order in which
// they are to be read: the heaviest first, then what a program trips over before
// wording, then what most cases have, then as in the contract.
func differences(r *conformance.Result) []difference {
	var list []difference
	at := map[string]int{}
	for _, v := range r.Verdicts {
		if v.Status != conformance.Differs {
			continue
		}
		seen := map[string]bool{}
		for _, m := range v.Mismatches {
			key := mismatchLikeness(m)
			if seen[key] {
				continue
			}
			seen[key] = true
			i, ok := at[key]
			if !ok {
				i = len(list)
				at[key] = i
				list = append(list, difference{Mismatch: m})
			}
			list[i].Cases = append(list[i].Cases, v)
		}
	}
	for i := range list {
		plainestFirst(list[i].Cases, list[i].Mismatch)
	}
	slices.SortStableFunc(list, func(a, b difference) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(trips(a.Mismatch), trips(b.Mismatch)),
			cmp.Compare(len(b.Cases), len(a.Cases)))
	})
	return list
}

// trips orders mismatches by how soon a program that talks to the server trips
// over them: whether it is let in, the status, headers, cookies and tokens, and
// last what stands in a body.
func trips(m conformance.Mismatch) int {
	in, _, _ := strings.Cut(m.In, " ")
	switch in {
	case "answer":
		return 0
	case "status":
		return 1
	case "body":
		return 3
	}
	return 2
}

// differs shows what was not so and fails no run: who sees only a number never
// looks.
func (t *terminal) differs(r *conformance.Result) {
	list := differences(r)
	if len(list) == 0 {
		return
	}
	head := plural(r.Counts()[conformance.Differs], "case differs", "cases differ") + " in "
	if list[0].Severity > conformance.May {
		head += "a SHOULD or a MAY, which fails no run; --strict lets a SHOULD fail it:"
	} else {
		head += "a MAY, which fails no run:"
	}
	for _, l := range wrap(head, t.Width) {
		t.line("%s", t.paint(bold, l))
	}
	for i, x := range list {
		if i == shownDiffers {
			t.line("  and %s more: --report DIR shows all", grouped(len(list)-i))
			break
		}
		s := fmt.Sprintf("%s  %s  %s", shown(x.Cases[0].ID), x.Severity, sentence(x.Mismatch, shownDiffered))
		if n := len(x.Cases) - 1; n > 0 {
			s += " (" + inOthers(n) + ")"
		}
		t.line("%s %s", t.paint(hue(conformance.Differs), symbol(conformance.Differs)), s)
	}
	t.line("")
}
