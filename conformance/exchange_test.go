package conformance_test

import (
	"strings"
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

// A world ends with the run, so the line that repeats a request names the target.
func TestACurlLineGoesToTheTarget(t *testing.T) {
	t.Parallel()
	p := subjects(t)[1].plan(t)
	r, err := conformance.NewRunner(p, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	for _, c := range p.Cases[:20] {
		for _, x := range r.Run(t.Context(), c).Exchanges {
			if !strings.Contains(x.Request.URL, "http://mock.test/w/") || !strings.Contains(x.Curl, "'http://mock.test/") || strings.Contains(x.Curl, "/w/") {
				t.Errorf("%s was sent, and %s repeats it", x.Request.URL, x.Curl)
			}
		}
	}
}
