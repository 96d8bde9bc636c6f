package mutant_test

import (
	"slices"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/mutant"
)

// Everything that CI holds all systems to is here for those that are done in a
// moment.
func TestEveryMutantOfAMustIsNoticed(t *testing.T) {
	small := []string{"bookshop", "crmcom", "jmap-cloud", "jmap-server"}
	for _, c := range contracts(t) {
		if !slices.Contains(small, c.Name) {
			continue
		}
		r, err := mutant.Run(t.Context(), c, mutant.Options{Least: conformance.Must})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range r.Missed(conformance.Must) {
			t.Errorf("%s: %s is not noticed: %s %d cases passed. Closest: %s", c.Name, s.Name, s.Says, s.Tried-s.NotTestable-s.Lighter, s.Closest)
		}
		if len(r.Unsound) > 0 {
			t.Errorf("%s: cases that the mock itself does not pass: %q", c.Name, r.Unsound)
		}
	}
}

// What is left out needs a reason, and must not be most of it.
func TestWhatNobodyCanSeeSaysWhy(t *testing.T) {
	for _, c := range contracts(t) {
		list, dormant := all(t, c), 0
		for _, m := range list {
			if m.Dormant != (m.Why != "") {
				t.Errorf("%s: %s is dormant: %v, because %q", c.Name, m.Name, m.Dormant, m.Why)
			}
			if m.Dormant {
				dormant++
			}
		}
		if dormant*6 > len(list) {
			t.Errorf("%s: %d of %d mutants are dormant", c.Name, dormant, len(list))
		}
	}
}
