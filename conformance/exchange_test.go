package conformance_test

import (
	"testing"

	"github.com/mockauth/mockauth/conformance"
)

func TestABriefRunKeepsTheExchangesOfWhatIsShown(t *testing.T) {
	t.Parallel()
	p := subjects(t)[1].plan(t)
	passes, listed := p.Cases[0], p.Cases[1]
	known := []conformance.KnownCase{{ID: listed.ID, Reason: "it was wrong once"}}
	for _, brief := range []bool{true, false} {
		r, err := conformance.NewRunner(p, conformance.Options{Brief: brief, Known: known})
		if err != nil {
			t.Fatal(err)
		}
		if v := r.Run(t.Context(), passes); v.Status != conformance.Passed || (len(v.Exchanges) == 0) != brief {
			t.Errorf("brief %v: %s has %s and %d exchanges", brief, v.ID, v.Status, len(v.Exchanges))
		}
		if v := r.Run(t.Context(), listed); v.Status != conformance.Fixed || len(v.Exchanges) == 0 {
			t.Errorf("brief %v: %s has %s and %d exchanges", brief, v.ID, v.Status, len(v.Exchanges))
		}
		r.Close(t.Context())
	}
}
