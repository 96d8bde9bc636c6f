package conformance_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// ourMock is a mock in this process, and the plan for a system of it.
func ourMock(t *testing.T, system string) (*mockserver.Server, *conformance.Plan) {
	t.Helper()
	return mockWith(t, system, "")
}

// mockWith is ourMock, whose control API wants a token.
func mockWith(t *testing.T, system, token string) (*mockserver.Server, *conformance.Plan) {
	t.Helper()
	mock, err := mockserver.New(mockserver.System(system), mockserver.AdminToken(token))
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse("http://mock.test")
	target, _, err := conformance.Discover(t.Context(), &conformance.Target{URL: u, Transport: mock.Transport(), ControlToken: token}, system)
	if err != nil {
		t.Fatal(err)
	}
	c, err := specs.System(system)
	if err != nil {
		t.Fatal(err)
	}
	p, err := conformance.NewPlan(c, target)
	if err != nil {
		t.Fatal(err)
	}
	return mock, p
}

func worldsOf(mock *mockserver.Server) string {
	var names []string
	for _, w := range mock.Worlds() {
		names = append(names, w.Name())
	}
	return strings.Join(names, " ")
}

func TestAWorldServesManyCasesOfARunnerAndEndsWithIt(t *testing.T) {
	mock, p := ourMock(t, "jmap-server")
	r, err := conformance.NewRunner(p, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range p.Cases {
		if v := r.Run(t.Context(), c); v.Status != conformance.Passed {
			t.Errorf("%s: %s %s", c.ID, v.Status, v.Why)
		}
		seen[worldsOf(mock)] = true
	}
	if len(seen) > 1 || len(mock.Worlds()) > 2 {
		t.Errorf("%d cases had the worlds %v", len(p.Cases), seen)
	}
	if left := r.Close(t.Context()); left != 0 || len(mock.Worlds()) != 1 {
		t.Errorf("after the run %d sessions and the worlds %s are left", left, worldsOf(mock))
	}
}

// A world in which something went wrong is not used again.
func TestAfterACaseThatDidNotPassTheNextHasAnotherWorld(t *testing.T) {
	mock, p := ourMock(t, "jmap-server")
	r, err := conformance.NewRunner(p, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	var got []conformance.Status
	for i := range 4 {
		got = append(got, r.Run(t.Context(), p.Cases[0]).Status)
		if i != 1 {
			continue
		}
		for _, w := range mock.Worlds() {
			if w != mock.Default() {
				if err := mock.DeleteWorld(w.Name()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if got[0] != conformance.Passed || got[1] != conformance.Passed || got[2] != conformance.NotTestable || got[3] != conformance.Passed {
		t.Errorf("with a world that somebody ended after the second of four: %v", got)
	}
}

func TestAnInterruptLeavesNoWorld(t *testing.T) {
	mock, p := ourMock(t, "jmap-server")
	for _, atOnce := range []int{1, 4} {
		ctx, cancel := context.WithCancel(t.Context())
		a, err := conformance.NewAhead(ctx, p, conformance.Options{}, p.Cases, atOnce)
		if err != nil {
			t.Fatal(err)
		}
		a.Run(ctx, p.Cases[0])
		cancel()
		v := a.Run(ctx, p.Cases[len(p.Cases)-1])
		if v.Status != conformance.Interrupted && v.Status != conformance.Passed {
			t.Errorf("the last case is %s: %s", v.Status, v.Why)
		}
		if left := a.Close(context.WithoutCancel(ctx)); left != 0 || len(mock.Worlds()) != 1 {
			t.Errorf("%d at once: after the interrupt %d sessions and the worlds %s are left", atOnce, left, worldsOf(mock))
		}
	}
}

// without is a transport to a mock that keeps nothing.
type without struct{ http.RoundTripper }

func (w without) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del(mockserver.KeepField)
	return w.RoundTripper.RoundTrip(r)
}

// wholly makes every case of a plan begin at its beginning.
func wholly(p *conformance.Plan) { p.Target.Transport = without{p.Target.Transport} }

func TestCasesSideBySideComeToTheSameAsOneByOne(t *testing.T) {
	mock, p := ourMock(t, "crmcom")
	wholly(p)
	r, err := conformance.NewRunner(p, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := conformance.NewAhead(t.Context(), p, conformance.Options{}, p.Cases, 4)
	if err != nil {
		t.Fatal(err)
	}
	// Asked for from the last to the first: the order is the caller's.
	for i := len(p.Cases) - 1; i >= 0; i-- {
		c := p.Cases[i]
		one, other := r.Run(t.Context(), c), a.Run(t.Context(), c)
		if said(one) != said(other) {
			t.Errorf("%s:\none by one:   %s\nside by side: %s", c.ID, said(one), said(other))
		}
	}
	r.Close(t.Context())
	a.Close(t.Context())
	if one, other := r.Used(), a.Used(); one != other {
		t.Errorf("used one by one %+v, side by side %+v", one, other)
	}
	if len(mock.Worlds()) != 1 {
		t.Errorf("the worlds %s are left", worldsOf(mock))
	}
}

// What cases have in common is done once for many, and each comes to the same as
// from its beginning.
func TestACaseThatBeginsWithAKeptStemComesToTheSame(t *testing.T) {
	for _, system := range []string{"jmap-cloud", "longjump"} {
		_, p := ourMock(t, system)
		_, q := ourMock(t, system)
		wholly(q)
		var used [2]conformance.Used
		var verdicts [2][]string
		for i, plan := range []*conformance.Plan{p, q} {
			r, err := conformance.NewRunner(plan, conformance.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range plan.Cases {
				verdicts[i] = append(verdicts[i], c.ID+" "+said(r.Run(t.Context(), c)))
			}
			used[i] = r.Used()
			r.Close(t.Context())
		}
		for i := range verdicts[0] {
			if verdicts[0][i] != verdicts[1][i] {
				t.Errorf("with a stem:\n%s\nwhole:\n%s", verdicts[0][i], verdicts[1][i])
			}
		}
		if used[0].Requests > used[1].Requests*4/5 {
			t.Errorf("%s: %d requests with stems, %d without: too little was kept", system, used[0].Requests, used[1].Requests)
		}
	}
}

// lame is a transport to a mock that lets no time go by.
type lame struct{ http.RoundTripper }

func (l lame) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del(mockserver.AdvanceField)
	return l.RoundTripper.RoundTrip(r)
}

func TestACaseThatNeedsTimeIsNotTestableWhereTheMockLetsNoneGoBy(t *testing.T) {
	_, p := ourMock(t, "crmcom")
	p.Target.Transport = lame{p.Target.Transport}
	r, err := conformance.NewRunner(p, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	n := map[conformance.Status]int{}
	for _, c := range p.Cases {
		v := r.Run(t.Context(), c)
		n[v.Status]++
		if v.Status == conformance.NotTestable && !strings.Contains(v.Why, "Mockauth-Advance") || v.Status == conformance.Failed {
			t.Errorf("%s: %s", c.ID, said(v))
		}
	}
	if n[conformance.Passed] == 0 || n[conformance.NotTestable] == 0 {
		t.Errorf("%v", n)
	}
}

// A mock whose control API is guarded does nothing that a request asks it for.
func TestWithATokenForTheControlAPIAllCasesPass(t *testing.T) {
	_, p := mockWith(t, "crmcom", "secret-of-the-control-api")
	r, err := conformance.NewRunner(p, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	for _, c := range p.Cases {
		if v := r.Run(t.Context(), c); v.Status != conformance.Passed {
			t.Errorf("%s: %s", c.ID, said(v))
		}
	}
}

func said(v conformance.Verdict) string {
	var b strings.Builder
	fmt.Fprint(&b, v.Status, " ", v.Why, v.Mismatches)
	for _, e := range v.Exchanges {
		fmt.Fprint(&b, " ", e.Operation, e.Wanted, e.Response.Status)
	}
	return b.String()
}

func TestOnlyWhereWorldsAndNoBudgetsAreCasesRunSideBySide(t *testing.T) {
	_, p := ourMock(t, "jmap-server")
	for what, change := range map[string]func(*conformance.Target){
		"no worlds":       func(t *conformance.Target) { t.Capabilities.Worlds = false },
		"no control API":  func(t *conformance.Target) { t.Control = "" },
		"wrong passwords": func(t *conformance.Target) { t.Budgets.WrongPasswords = 5 },
		"sessions":        func(t *conformance.Target) { t.Budgets.Sessions = 5 },
		"a rate":          func(t *conformance.Target) { t.Budgets.RequestsPerSecond = 5 },
	} {
		target := *p.Target
		change(&target)
		if conformance.CanRunAhead(&target) {
			t.Errorf("%s: side by side", what)
		}
	}
	if !conformance.CanRunAhead(p.Target) {
		t.Error("our own mock: not side by side")
	}
}
