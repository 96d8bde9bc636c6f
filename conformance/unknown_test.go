package conformance_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// stranger is our mock as somebody meets an unknown server: its control API is
// out of reach, and of two accounts of each kind is told what logs in.
func stranger(t *testing.T, system string) (*specs.Contract, *conformance.Target) {
	t.Helper()
	c, err := specs.System(system)
	if err != nil {
		t.Fatal(err)
	}
	open, err := mockserver.New(mockserver.System(system))
	if err != nil {
		t.Fatal(err)
	}
	u := &url.URL{Scheme: "http", Host: "mock.test"}
	full, ok, err := conformance.Discover(t.Context(), &conformance.Target{URL: u, Transport: open.Transport()}, system)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	apart, err := mockserver.New(mockserver.System(system), mockserver.AdminApart())
	if err != nil {
		t.Fatal(err)
	}
	told := map[string][]map[string]any{}
	for kind, records := range full.Records {
		untold := conformance.DecisiveFields(c, kind)
		for _, r := range records[:min(2, len(records))] {
			some := map[string]any{}
			for name, v := range r {
				if f := c.Record(kind).Fields[name]; f.Refers == "" && !slices.Contains(untold, name) {
					some[name] = v
				}
			}
			told[kind] = append(told[kind], some)
		}
	}
	return c, &conformance.Target{URL: u, Transport: apart.Transport(), Records: told,
		Capabilities: conformance.Capabilities{Clock: conformance.ClockNone, Writes: true, Exclusive: true}}
}

func TestWhatNobodyToldFailsNoServer(t *testing.T) {
	for _, system := range specs.Systems() {
		t.Run(system, func(t *testing.T) {
			c, target := stranger(t, system)
			p, err := conformance.NewPlan(c, target)
			if err != nil {
				t.Fatal(err)
			}
			r, err := conformance.NewRunner(p, conformance.Options{})
			if err != nil {
				t.Fatal(err)
			}
			passed := 0
			for i, x := range p.Cases {
				if len(p.Cases) > 500 && i%4 > 0 {
					continue // the largest contract repeats itself
				}
				switch v := r.Run(t.Context(), x); {
				case v.Status == conformance.Passed:
					passed++
				case v.Status == conformance.Excluded:
				case v.Status == conformance.NotTestable && (x.Unplanned != "" || strings.Contains(v.Why, "the target file does not say")):
				default:
					t.Errorf("%s %s: %s %v", x.ID, v.Status, v.Why, v.Mismatches)
				}
			}
			if left := r.Close(t.Context()); left > 0 || passed < 20 {
				t.Errorf("%d passed, %d sessions are left open", passed, left)
			}
		})
	}
}

func TestNoCaseSpoilsAnAccountWithoutAWorld(t *testing.T) {
	for _, system := range specs.Systems() {
		c, target := stranger(t, system)
		p, err := conformance.NewPlan(c, target)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range p.Cases {
			if x.Excluded == "" && (slices.Contains(x.Labels, "account") || slices.Contains(x.Labels, "locks")) {
				t.Errorf("%s would change what an account logs in with or may do, or lock it", x.ID)
			}
		}
	}
}
