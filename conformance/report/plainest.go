package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

// plainestFirst moves the plainest of some cases to their head, and leaves the
// others in the order of the contract. It is the one that is read for all, so it
// is to be the one in which nothing else happens: about the operation whose rule
// is broken, an answer or a refusal rather than a law or what comes later, with
// the fewest requests.
func plainestFirst(cases []conformance.Verdict, about ...conformance.Mismatch) {
	if len(cases) < 2 || OfClient(cases[0]) { // behaviours of a client are in their order already
		return
	}
	best, least := 0, intricacy(cases[0], about)
	for i, v := range cases {
		if n := intricacy(v, about); slices.Compare(n, least) < 0 {
			best, least = i, n
		}
	}
	head := cases[best]
	copy(cases[1:best+1], cases[:best])
	cases[0] = head
}

// intricacy is what makes a case hard to read, the worst first. Without about it
// is its own mismatches that are looked at.
func intricacy(v conformance.Verdict, about []conformance.Mismatch) []int {
	if len(about) == 0 {
		about = v.Mismatches
	}
	elsewhere, kind := 0, 1
	if len(about) > 0 && !slices.ContainsFunc(about, func(m conformance.Mismatch) bool { return ofOperation(m.Rule, v.Info) }) {
		elsewhere = 1
	}
	if v.Kind == "answer" || v.Kind == "failure" {
		kind = 0
	}
	return []int{elsewhere, kind, cmp.Or(len(v.Exchanges), len(v.Cause))}
}

// ofOperation reports whether a rule stands in the operation that a case is about.
func ofOperation(r conformance.Rule, i conformance.Info) bool {
	rest, ok := strings.CutPrefix(r.Pointer, "/paths/")
	if !ok {
		return false
	}
	parts := strings.Split(rest, "/")
	path := strings.NewReplacer("~1", "/", "~0", "~").Replace(parts[0])
	return path == i.Path && len(parts) > 1 && strings.EqualFold(parts[1], i.Method)
}
