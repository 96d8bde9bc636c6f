package mutant_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/mutant"
	"github.com/mockauth/mockauth/specs"
)

// contracts are the shipped systems and that of the documentation.
func contracts(t *testing.T) []*specs.Contract {
	t.Helper()
	var out []*specs.Contract
	for _, name := range specs.Systems() {
		c, err := specs.System(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	c, err := specs.Load("../../testdata/contracts/bookshop")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, c)
}

func all(t *testing.T, c *specs.Contract) []mutant.Mutant {
	t.Helper()
	out, err := mutant.All(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNamesAreUniqueAndTheSameEachTime(t *testing.T) {
	for _, c := range contracts(t) {
		seen := map[string]bool{}
		var first []string
		for _, m := range all(t, c) {
			if seen[m.Name] {
				t.Errorf("%s: two mutants are called %s", c.Name, m.Name)
			}
			seen[m.Name] = true
			first = append(first, m.Name)
			if !strings.HasPrefix(m.Name, m.Kind) || strings.ContainsAny(m.Name, " \t\n") || m.Says == "" || !strings.HasSuffix(m.Says, ".") {
				t.Errorf("%s: %q, which says %q, is no name or no sentence", c.Name, m.Name, m.Says)
			}
			if m.Operation != "" && c.Operation(m.Operation) == nil {
				t.Errorf("%s: %s touches %q, which is no operation", c.Name, m.Name, m.Operation)
			}
		}
		var second []string
		for _, m := range all(t, c) {
			second = append(second, m.Name)
		}
		if !slices.Equal(first, second) {
			t.Errorf("%s: the list is another one the second time", c.Name)
		}
	}
}

// The same rule has the same name for as long as it stands in the contract:
// somebody may have listed it.
func TestTheBookshopsMutantsAreNamedAsTheyAlwaysWere(t *testing.T) {
	names := map[string]bool{}
	for _, m := range all(t, contracts(t)[len(specs.Systems())]) {
		names[m.Name] = true
	}
	for _, want := range []string{
		"effect-lost.logout.session", "effect-lost.refresh.session.access", "once-ignored.refresh", "status-changed.login.tokens", "secret-unchecked.login./password",
		"unknown-accepted.login./email", "need-unchecked.login.reader.blocked", "expired-accepted.me.access$request.bearer", "kills-others.logout",
		"member-dropped.login.tokens/accessToken", "error-as-200.token", "wrong-kind-accepted.me.access$request.bearer",
	} {
		if !names[want] {
			t.Errorf("there is no mutant %s; there are %s", want, strings.Join(slices.Sorted(maps.Keys(names)), " "))
		}
	}
}

func TestEveryRuleThatIsBrokenStandsInTheContract(t *testing.T) {
	for _, c := range contracts(t) {
		for _, m := range all(t, c) {
			if m.Rule.Pointer == "" || m.Rule.Line == 0 || m.Rule.Evidence == "" {
				t.Errorf("%s: %s breaks %+v, which is no rule with a place and a source", c.Name, m.Name, m.Rule)
			}
		}
	}
}

func TestEveryMutantServesAndDeviatesInSomething(t *testing.T) {
	for _, c := range contracts(t) {
		for _, m := range all(t, c) {
			if m.NoOp() {
				t.Errorf("%s: %s changes nothing", c.Name, m.Name)
			}
			s, err := mutant.Server(m)
			if err != nil {
				t.Errorf("%s: %s: %v", c.Name, m.Name, err)
				continue
			}
			_ = s.Close()
		}
	}
}

func TestCounts(t *testing.T) {
	kinds := map[string]map[string]int{}
	list := contracts(t)
	total := map[string]map[conformance.Severity]int{}
	for _, c := range list {
		total[c.Name] = map[conformance.Severity]int{}
		for _, m := range all(t, c) {
			if kinds[m.Kind] == nil {
				kinds[m.Kind] = map[string]int{}
			}
			kinds[m.Kind][c.Name]++
			total[c.Name][m.Severity]++
		}
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "mutants\t")
	for _, c := range list {
		fmt.Fprintf(w, "%s\t", c.Name)
	}
	fmt.Fprintln(w)
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(w, "%s\t", k)
		for _, c := range list {
			fmt.Fprintf(w, "%d\t", kinds[k][c.Name])
		}
		fmt.Fprintln(w)
	}
	for _, s := range []conformance.Severity{conformance.Must, conformance.Should, conformance.May} {
		fmt.Fprintf(w, "%s\t", s)
		for _, c := range list {
			fmt.Fprintf(w, "%d\t", total[c.Name][s])
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
	t.Log("\n" + b.String())
}
