package mutant

import (
	"context"
	"os"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/specs"
)

func TestDebug(t *testing.T) {
	if os.Getenv("MUT") == "" {
		t.Skip()
	}
	c, err := specs.System(os.Getenv("SYS"))
	if err != nil {
		c, _ = specs.Load("../../testdata/contracts/bookshop")
	}
	list, _ := All(c)
	for _, m := range list {
		if m.Name != os.Getenv("MUT") {
			continue
		}
		r := &runner{c: c, stages: map[string]*stage{}, kills: map[string]int{}}
		s := r.stage(context.Background(), m)
		mock, err := Server(m, quick()...)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(m.Severity, m.Says, m.Profile, m.Settings)
		plan, target := *s.plan, *s.plan.Target
		target.Transport = mock.Transport()
		plan.Target = &target
		run, _ := conformance.NewRunner(&plan, conformance.Options{Strict: m.Severity == conformance.Should})
		for _, x := range relevant(s.cases, m) {
			v := run.Run(context.Background(), x)
			if v.Status != conformance.Passed {
				t.Log(v.Status, x.ID, v.Why)
				for _, mm := range v.Mismatches {
					t.Log("     ", mm.Severity, mm.In, mm.Pointer, "wanted", mm.Wanted, "got", mm.Got, mm.Rule.Evidence)
				}
			} else if os.Getenv("V") != "" {
				t.Log("passed", x.ID)
			}
		}
	}
}
