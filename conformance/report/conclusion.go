package report

import (
	"regexp"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

// conclusion is the result in one sentence. It never says more than was seen: of
// cases that are known to fail nobody says that they are as they must be.
func conclusion(r *conformance.Result) string {
	target, counts := shown(r.Target), r.Counts()
	switch {
	case target != "":
	case aboutClient(r):
		target = "The client"
	default:
		target = "The target"
	}
	asFar, list := "", "the list of known failures"
	if counts[conformance.Excluded] > 0 || r.Filter != "" {
		asFar = ", as far as it was checked"
	}
	if n := counts[conformance.Known]; n > 0 {
		asFar += ", except for " + plural(n, "known failure", "known failures")
		list = "the list of these"
	}
	switch {
	case r.Conforms() && r.Ran() == 0:
		return "Nothing was checked of " + target + "."
	case r.Conforms():
		return target + " conforms to " + name(r) + asFar + "."
	case counts[conformance.Failed] > 0:
		return target + " does not conform to " + name(r) + "."
	case r.Interrupted, counts[conformance.Interrupted] > 0:
		return "The run was interrupted before it could say whether " + target + " conforms to " + name(r) + "."
	case counts[conformance.NotTestable] > 0:
		return "It cannot be said whether " + target + " conforms to " + name(r) + ": not everything was testable."
	case r.Ran() == 0:
		return "Nothing was checked of " + target + ", and " + list + " is stale: " + staleness(r) + "."
	}
	return target + " does what " + name(r) + " demands" + asFar + ", but " + list + " is stale: " + staleness(r) + "."
}

// onlyStale reports whether a run fails for nothing but its list of known failures.
func onlyStale(r *conformance.Result) bool {
	c := r.Counts()
	return !r.Conforms() && !r.Interrupted && c[conformance.Failed]+c[conformance.NotTestable]+c[conformance.Interrupted] == 0
}

// staleWords finds what is wrong with an entry of the known failures in the
// sentence about it.
var staleWords = regexp.MustCompile(`^the known failure \S+ (expired on|is no case|stands twice)`)

// staleness says in a few words why a list of known failures is stale.
func staleness(r *conformance.Result) string {
	n := map[string]int{}
	for _, s := range r.Stale {
		what := ""
		if m := staleWords.FindStringSubmatch(s); m != nil {
			what = m[1]
		}
		n[what]++
	}
	var words []string
	add := func(n int, one, many string) {
		if n > 0 {
			words = append(words, plural(n, one, many))
		}
	}
	add(n["expired on"], "entry has expired", "entries have expired")
	add(r.Counts()[conformance.Fixed], "case passes now", "cases pass now")
	add(n["is no case"], "id matches no case", "ids match no case")
	add(n["stands twice"], "entry stands twice", "entries stand twice")
	add(n[""], "entry does not hold any more", "entries do not hold any more")
	return strings.Join(words, ", ")
}
