package conformance_test

import (
	"testing"

	"github.com/mockauth/mockauth/conformance"
)

// What --plan says that a run opens is what it opens.
func TestAPlanSaysHowManySessionsAreOpened(t *testing.T) {
	for _, s := range subjects(t) {
		p := s.plan(t)
		wholly(p) // else some are opened once for many cases
		r, err := conformance.NewRunner(p, conformance.Options{Brief: true})
		if err != nil {
			t.Fatal(err)
		}
		wrong := 0
		for i, k := range p.Cases {
			if len(p.Cases) > 500 && i%4 > 0 {
				continue // the largest contract repeats itself
			}
			before := r.Used().Sessions
			v := r.Run(t.Context(), k)
			if n := r.Used().Sessions - before; v.Status == conformance.Passed && n != k.Sessions {
				if wrong++; wrong <= 5 {
					t.Errorf("%s: says %d sessions, and opens %d", k.ID, k.Sessions, n)
				}
			}
		}
		if wrong > 5 {
			t.Errorf("%s: and %d more", s.contract.Name, wrong-5)
		}
		r.Close(t.Context())
	}
}
