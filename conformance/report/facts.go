package report

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// fact is one thing that is known of a run as a whole.
type fact struct{ Name, Value string }

// facts are what was run against what and how, in the order in which it is read.
// What was not said is left out.
func facts(r *conformance.Result) []fact {
	var list []fact
	add := func(name, value string) {
		if value != "" {
			list = append(list, fact{name, value})
		}
	}
	target := "target"
	if aboutClient(r) {
		target = "client"
	}
	add(target, shown(r.Target))
	add("contract", name(r))
	add("system", shown(r.System))
	add("profile", shown(r.Profile))
	for _, k := range slices.Sorted(maps.Keys(r.Settings)) {
		add("setting "+shown(k), shown(r.Settings[k]))
	}
	if !r.Started.IsZero() {
		add("started", r.Started.Format("2006-01-02 15:04:05 MST"))
	}
	add("took", duration(r.Seconds))
	add("only", shown(r.Filter))
	if r.Strict {
		add("strict", "a SHOULD fails the run too")
	}
	if r.Seed != 0 {
		add("order", "shuffled, seed "+strconv.FormatInt(r.Seed, 10))
	}
	add("coverage", covered(r))
	var excluded []string
	for _, x := range reasons(r) {
		excluded = append(excluded, grouped(x.N)+": "+x.Why)
	}
	add("excluded", strings.Join(excluded, " · "))
	add("used", done(r))
	add("version", shown(r.Version))
	return list
}

// stamp is a moment as people read it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006, 15:04") + " UTC"
}
