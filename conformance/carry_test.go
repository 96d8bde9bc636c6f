package conformance_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/mockserver"
)

// What an account has and nobody told stays unknown when something is written to
// it: the cases after that demand nothing of it.
func TestAWriteTellsNothingThatNobodyTold(t *testing.T) {
	srv, err := mockserver.New(mockserver.System("wedia"), mockserver.AdminApart())
	if err != nil {
		t.Fatal(err)
	}
	p, err := conformance.NewPlan(mustSystem(t, "wedia"), &conformance.Target{URL: &url.URL{Scheme: "http", Host: "mock.test"}, Transport: srv.Transport(),
		Records:      map[string][]map[string]any{"user": {{"login": "john.roe", "password": "demo-john"}}},
		Capabilities: conformance.Capabilities{Clock: conformance.ClockNone, Writes: true, Exclusive: true}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := conformance.NewRunner(p, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, about := range []string{"wedia.changeLocale.noData", "wedia.whoami.whoamiUser"} {
		for _, k := range p.Cases {
			if !strings.HasPrefix(k.ID, about) {
				continue
			}
			v := r.Run(t.Context(), k)
			if v.Status == conformance.Passed {
				ran++
			} else if v.Status.Fails() {
				t.Errorf("%s: %s %s %v", k.ID, v.Status, v.Why, v.Mismatches)
			}
		}
	}
	if ran < 5 {
		t.Errorf("%d cases passed", ran)
	}
}
