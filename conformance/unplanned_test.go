package conformance_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
)

// Our own mock has whatever its contracts need: each operation is seen to work.
func TestEachOperationIsPlannedAgainstOurMock(t *testing.T) {
	for _, s := range subjects(t) {
		p := s.plan(t)
		succeeds := map[string]bool{}
		for _, c := range p.Cases {
			if c.Unplanned != "" {
				t.Errorf("%s: %s", c.ID, c.Unplanned)
			}
			succeeds[c.Operation] = succeeds[c.Operation] || c.Kind == "answer"
		}
		for _, op := range s.contract.Operations {
			if !succeeds[op.ID] {
				t.Errorf("%s: no case in which %s succeeds", s.contract.Name, op.ID)
			}
		}
	}
}

func TestAnOperationThatCannotBePlannedIsNotTestable(t *testing.T) {
	for name, x := range map[string]struct {
		target   conformance.Target
		id       string
		excluded bool
		says     string
	}{
		"no record": {conformance.Target{Profile: "server-admin"}, "openAdminSession", false, "accounts.administrator"},
		"no token":  {conformance.Target{Profile: "server-admin"}, "adminCall", false, "token adminSid (of openAdminSession)"},
		"settings":  {conformance.Target{}, "openAdminSession", true, "hangs on admin"},
		"without":   {conformance.Target{Profile: "server-admin", Capabilities: conformance.Capabilities{Without: []string{"op:adminCall"}}}, "adminCall", true, "without op:adminCall"},
	} {
		x.target.URL = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
		x.target.Records = map[string][]map[string]any{"user": {{"username": "jane", "password": "demo-jane"}}}
		c := mustSystem(t, "jmap-server")
		p, err := conformance.NewPlan(c, &x.target)
		if err != nil {
			t.Fatal(err)
		}
		k := p.Case("jmap-server." + x.id + ".not-planned")
		if k == nil {
			t.Errorf("%s: no case", name)
			continue
		}
		r, err := conformance.NewRunner(p, conformance.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := conformance.NotTestable
		if x.excluded {
			want = conformance.Excluded
		}
		if v := r.Run(t.Context(), k); v.Status != want || !strings.Contains(v.Why, x.says) || r.Used().Requests > 0 {
			t.Errorf("%s: %s, %s", name, v.Status, v.Why)
		}
	}
	// That there is no account at all is said once, by the doctor.
	p, err := conformance.NewPlan(mustSystem(t, "jmap-server"), &conformance.Target{URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range p.Cases {
		if k.Unplanned != "" {
			t.Errorf("%s: %s", k.ID, k.Unplanned)
		}
	}
}
