package conformance_test

import (
	"context"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

var update = flag.Bool("update", false, "rewrite the lists of cases")

// subject is a contract and how a mock is told to serve it.
type subject struct {
	contract *specs.Contract
	serve    mockserver.Option
}

func subjects(t testing.TB) []subject {
	t.Helper()
	var out []subject
	for _, name := range specs.Systems() {
		c, err := specs.System(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, subject{c, mockserver.System(name)})
	}
	shop := "../testdata/contracts/bookshop"
	c, err := specs.Load(shop)
	if err != nil {
		t.Fatal(err)
	}
	return append(out, subject{c, mockserver.File(shop)})
}

// plan plans against a mock in this process.
func (s subject) plan(t testing.TB) *conformance.Plan {
	t.Helper()
	srv, err := mockserver.New(s.serve)
	if err != nil {
		t.Fatal(err)
	}
	u := &url.URL{Scheme: "http", Host: "mock.test"}
	target, found, err := conformance.Discover(context.Background(), &conformance.Target{URL: u, Transport: srv.Transport()}, s.contract.Name)
	if err != nil || !found {
		t.Fatalf("the mock is not found: %v", err)
	}
	p, err := conformance.NewPlan(s.contract, target)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Our own mock does everything that its contracts say, also what only a MAY
// demands: no case differs, none is left out.
func TestOurOwnMockConforms(t *testing.T) {
	for _, s := range subjects(t) {
		t.Run(s.contract.Name, func(t *testing.T) {
			t.Parallel()
			p := s.plan(t)
			r, err := conformance.NewRunner(p, conformance.Options{Strict: true})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close(context.Background())
			weight := map[conformance.Severity]int{}
			for _, c := range p.Cases {
				v := r.Run(context.Background(), c)
				weight[c.Severity]++
				if v.Status != conformance.Passed {
					t.Errorf("%s %s: %s %+v", v.Status, v.ID, v.Why, v.Mismatches)
				}
			}
			t.Logf("%d cases: %v", len(p.Cases), weight)
		})
	}
}

// An id is unique, begins with the system, and is the same tomorrow: the lists
// are kept, and a change of them is seen in review.
func TestIDsAreUniqueAndStable(t *testing.T) {
	for _, s := range subjects(t) {
		t.Run(s.contract.Name, func(t *testing.T) {
			t.Parallel()
			var lines []string
			seen := map[string]bool{}
			for _, c := range s.plan(t).Cases {
				if seen[c.ID] {
					t.Errorf("%s stands twice", c.ID)
				}
				seen[c.ID] = true
				if !strings.HasPrefix(c.ID, s.contract.Name+"."+c.Operation+".") || strings.ContainsAny(c.ID, " /&|!,()") {
					t.Errorf("%q is no id", c.ID)
				}
				lines = append(lines, c.ID+" "+c.Severity.String())
			}
			slices.Sort(lines)
			file := filepath.Join("testdata", "ids", s.contract.Name+".txt")
			got := strings.Join(lines, "\n") + "\n"
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != got {
				t.Errorf("the cases have changed; go test ./conformance -run Stable -update, and look at the difference")
			}
		})
	}
}

// A plan is the same each time: nothing in it depends on the order of a map or
// on chance.
func TestAPlanIsTheSameEachTime(t *testing.T) {
	for _, s := range subjects(t) {
		a, b := s.plan(t), s.plan(t)
		if len(a.Cases) != len(b.Cases) {
			t.Fatalf("%s: %d cases, then %d", s.contract.Name, len(a.Cases), len(b.Cases))
		}
		for i := range a.Cases {
			x, y := a.Cases[i], b.Cases[i]
			if x.ID != y.ID || x.Title != y.Title || !slices.Equal(x.Cause, y.Cause) || x.Severity != y.Severity {
				t.Errorf("%s: case %d is %s (%v), then %s (%v)", s.contract.Name, i, x.ID, x.Cause, y.ID, y.Cause)
			}
		}
	}
}
