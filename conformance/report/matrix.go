package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

// matrixCells is how many cells a page can have and still be looked at. Above it
// the outcomes of one family share a column.
const matrixCells = 12000

// matrix is operations by outcomes; of a client, behaviours by what it does.
type matrix struct {
	Title, Hint, Caption string
	// Narrow says that the names of the columns stand beside each other.
	Narrow   bool
	Families []family
	Columns  []column
	Rows     []row
}

type family struct {
	Name string
	Span int
}

type column struct {
	Outcome, Leaf string
	First         bool // of its family
}

type row struct {
	Group string // a heading above the row, or ""
	Name  string
	Said  string // what it is, in full
	Under string // what stands below its name
	Cells []cell
}

// cell is what came of the cases of one operation and one outcome.
type cell struct {
	Class, Symbol, Href, Said, N string
	First                        bool
}

func newMatrix(r *conformance.Result, anchors map[string]string) *matrix {
	if len(r.Verdicts) == 0 {
		return nil
	}
	if aboutClient(r) {
		return clientMatrix(r, anchors)
	}
	m := &matrix{Title: "Operations and outcomes", Caption: "What came of each operation (rows) and outcome (columns)"}
	together := ""
	ops := operations(r)
	key := func(v conformance.Verdict) string { return shown(v.Outcome) }
	columns := outcomes(r, key)
	if len(columns)*len(ops) > matrixCells {
		together = ", the outcomes of one kind together"
		key = func(v conformance.Verdict) string { return familyOf(shown(v.Outcome)) }
		columns = outcomes(r, key)
	}
	if len(columns)*len(ops) > matrixCells {
		return nil
	}
	m.Hint = "Each cell is what came of the cases of one operation and one outcome" + together + "; it leads to the first of them."
	alone := lonely(columns)
	for _, c := range columns {
		f, leaf := familyOf(c), leafOf(c)
		if alone[f] {
			f, leaf = "others", c
		}
		first := len(m.Families) == 0 || m.Families[len(m.Families)-1].Name != f
		if first {
			m.Families = append(m.Families, family{Name: f})
		}
		m.Families[len(m.Families)-1].Span++
		m.Columns = append(m.Columns, column{c, leaf, first})
	}
	type place struct{ operation, outcome string }
	cases := map[place][]conformance.Verdict{}
	for _, v := range r.Verdicts {
		at := place{shown(v.Operation), key(v)}
		cases[at] = append(cases[at], v)
	}
	for _, o := range ops {
		line := row{Name: o.ID, Said: o.Summary, Under: o.Method + " " + o.Path}
		for _, c := range m.Columns {
			x := newCell(cases[place{o.ID, c.Outcome}], anchors)
			x.First = c.First
			line.Cells = append(line.Cells, x)
		}
		m.Rows = append(m.Rows, line)
	}
	return m
}

// outcomes are all that occur: answers first, then by family, those alone in
// theirs last; within one as the contract has them.
func outcomes(r *conformance.Result, key func(conformance.Verdict) string) []string {
	var list []string
	seen := map[string]bool{}
	families := map[string]int{answersFamily: 0}
	for _, v := range r.Verdicts {
		k := key(v)
		if !seen[k] {
			seen[k] = true
			list = append(list, k)
			if _, ok := families[familyOf(k)]; !ok {
				families[familyOf(k)] = len(families)
			}
		}
	}
	alone := lonely(list)
	place := func(k string) int {
		if alone[familyOf(k)] {
			return len(families)
		}
		return families[familyOf(k)]
	}
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(place(a), place(b)) })
	return list
}

// lonely are the families with one outcome: a heading would be wider than their
// column.
func lonely(outcomes []string) map[string]bool {
	alone := map[string]bool{}
	for _, k := range outcomes {
		_, seen := alone[familyOf(k)]
		alone[familyOf(k)] = !seen
	}
	delete(alone, answersFamily)
	return alone
}

// answersFamily holds the outcomes that are no reasons: the answers of one
// operation, which have names of its own.
const answersFamily = "answers"

// familyOf is the first word of a reason: credentials of credentials.wrong.user.
func familyOf(outcome string) string {
	f, _, found := strings.Cut(outcome, ".")
	if !found {
		return answersFamily
	}
	return f
}

func leafOf(outcome string) string {
	if _, leaf, found := strings.Cut(outcome, "."); found {
		return leaf
	}
	return outcome
}

// newCell says the worst that came of some cases, and links to the first of them.
func newCell(cases []conformance.Verdict, anchors map[string]string) cell {
	if len(cases) == 0 {
		return cell{}
	}
	order := conformance.Statuses()
	rank := func(s conformance.Status) int {
		if s == conformance.Excluded { // what ran says more than what did not
			return len(order)
		}
		return slices.Index(order, s)
	}
	worst := cases[0]
	counts := map[conformance.Status]int{}
	for _, v := range cases {
		counts[v.Status]++
		if rank(v.Status) < rank(worst.Status) {
			worst = v
		}
	}
	var said []string
	for _, s := range order {
		if n := counts[s]; n > 0 {
			said = append(said, fmt.Sprintf("%d %s", n, s))
		}
	}
	c := cell{Class: class(worst.Status), Symbol: symbol(worst.Status), Href: "#" + anchors[worst.ID], Said: strings.Join(said, ", ")}
	if n := counts[worst.Status]; len(cases) > 1 && fails(worst.Status) {
		c.N = fmt.Sprintf("%d/%d", n, len(cases))
	} else if len(cases) > 1 {
		c.N = fmt.Sprint(len(cases))
	}
	return c
}
