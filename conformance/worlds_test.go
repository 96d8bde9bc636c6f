package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	mock, err := mockserver.New(mockserver.System(system))
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse("http://mock.test")
	target, _, err := conformance.Discover(t.Context(), &conformance.Target{URL: u, Transport: mock.Transport()}, system)
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
	// One for the settings of the target, and one for those of cases.
	if len(seen) > 2 || len(mock.Worlds()) > 3 {
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

// without is a transport to a mock that has no checkpoints.
type without struct{ http.RoundTripper }

func (w without) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/checkpoints") {
		return nil, errors.New("there are none")
	}
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

// slow is a transport that answers after the client has given up, and then once.
type slow struct {
	http.RoundTripper
	late *[]*http.Request
}

func (w slow) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/checkpoints") {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		late := r.Clone(context.WithoutCancel(r.Context()))
		late.Body = io.NopCloser(bytes.NewReader(body))
		*w.late = append(*w.late, late)
		return nil, errors.New("no answer")
	}
	return w.RoundTripper.RoundTrip(r)
}

func TestAStemThatIsKeptTooLateDisturbsNoCase(t *testing.T) {
	_, p := ourMock(t, "crmcom")
	var late []*http.Request
	mock := p.Target.Transport
	p.Target.Transport = slow{mock, &late}
	r, err := conformance.NewRunner(p, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	var before conformance.Verdict
	for _, c := range p.Cases {
		before = r.Run(t.Context(), c)
		if len(late) > 0 {
			break
		}
	}
	if len(late) != 1 || before.Status != conformance.Passed {
		t.Fatalf("%d stems were to be kept, and the case %s", len(late), said(before))
	}
	answer, err := mock.RoundTrip(late[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("the call that came late is answered with %d, and may turn a world back", answer.StatusCode)
	}
	for _, c := range p.Cases {
		if v := r.Run(t.Context(), c); v.Status != conformance.Passed {
			t.Errorf("%s: %s", c.ID, said(v))
		}
	}
	if len(late) != 1 {
		t.Errorf("it was asked %d times to keep a stem", len(late))
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
