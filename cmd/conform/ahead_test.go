package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/specs"
)

// aimsAt are aims at all shipped systems, without accounts. The record of the
// first is of a kind that its contract does not have.
func aimsAt(t *testing.T) []*aim {
	t.Helper()
	var out []*aim
	for _, name := range specs.Systems() {
		c, err := specs.System(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, &aim{contract: c, target: &conformance.Target{}})
	}
	out[0].target.Records = map[string][]map[string]any{"nothing": {{}}}
	return out
}

func TestEachPlanThatIsMadeMeanwhileComesOrItsFault(t *testing.T) {
	t.Parallel()
	aims := aimsAt(t)
	runs, ended := planWhileRunning(t.Context(), aims, nil)
	defer ended()
	for i, p := range runs {
		err := p.wait(t.Context())
		switch {
		case p.aim != aims[i]:
			t.Errorf("%s stands in the place of %s", p.contract.Name, aims[i].contract.Name)
		case i == 0 && (err == nil || !strings.Contains(err.Error(), "nothing")):
			t.Errorf("%s: %v", p.contract.Name, err)
		case i > 0 && (err != nil || p.plan == nil || len(p.chosen) != len(p.plan.Cases)):
			t.Errorf("%s: %v", p.contract.Name, err)
		}
	}
}

func TestNothingIsPlannedAfterAnInterrupt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	runs, ended := planWhileRunning(ctx, aimsAt(t), nil)
	ended()
	for _, p := range runs {
		if err := p.wait(ctx); !errors.Is(err, context.Canceled) || p.plan != nil {
			t.Errorf("%s: %v", p.contract.Name, err)
		}
	}
}
