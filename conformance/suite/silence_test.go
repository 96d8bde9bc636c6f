package suite

import (
	"context"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
)

// mute is a fake whose cases get no answer: all but those that answer.
type mute struct {
	fake

	answers map[string]bool
}

func (m *mute) Run(ctx context.Context, c *conformance.Case) conformance.Verdict {
	v := m.fake.Run(ctx, c)
	if !m.answers[c.ID] {
		v.Status, v.Fault, v.Why = conformance.NotTestable, conformance.FaultTimeout, "step 1 got no answer"
	}
	return v
}

func TestATargetThatStopsAnsweringIsGivenUp(t *testing.T) {
	p := planned(30)
	p.Cases[20].Excluded = "the target is without it"
	m := &mute{answers: map[string]bool{p.Cases[0].ID: true, p.Cases[4].ID: true}}
	r := run(t, p, Config{Runner: m})
	if len(m.ran) != 10 { // 0, 1 to 3, 4, and five in a row
		t.Errorf("%d cases were tried: %v", len(m.ran), m.ran)
	}
	c := r.Counts()
	if c[conformance.Passed] != 2 || c[conformance.NotTestable] != 27 || c[conformance.Excluded] != 1 || r.Conforms() {
		t.Errorf("%v", c)
	}
	last := r.Verdicts[29]
	for _, word := range []string{"stopped answering", "5 cases in a row", "no answer in time"} {
		if !strings.Contains(last.Why, word) || !strings.Contains(r.GaveUp, word) {
			t.Errorf("it does not say %q: %q, %q", word, last.Why, r.GaveUp)
		}
	}
}

func TestATargetThatAnswersNowAndThenIsNotGivenUp(t *testing.T) {
	p := planned(40)
	m := &mute{answers: map[string]bool{}}
	for i := 0; i < 40; i += maxSilent {
		m.answers[p.Cases[i].ID] = true
	}
	if r := run(t, p, Config{Runner: m}); len(m.ran) != 40 || r.GaveUp != "" {
		t.Errorf("%d cases were tried; gave up: %q", len(m.ran), r.GaveUp)
	}
}

func TestWhatFailsWithAnAnswerIsNoSilence(t *testing.T) {
	p := planned(20)
	f := &fake{status: map[string]conformance.Status{}}
	for _, id := range ids(p) {
		f.status[id] = conformance.NotTestable
	}
	if r := run(t, p, Config{Runner: f}); len(f.ran) != 20 || r.GaveUp != "" {
		t.Errorf("%d cases were tried; gave up: %q", len(f.ran), r.GaveUp)
	}
}

func TestAllProcessesGiveATargetUp(t *testing.T) {
	p := planned(40)
	r, err := RunParallel(t.Context(), p, Config{}, 3, workers(t, t.TempDir(), "silent"))
	if err != nil {
		t.Fatal(err)
	}
	if tried := r.Used.Requests; tried < maxSilent || tried > maxSilent+3 {
		t.Errorf("%d cases were tried", tried)
	}
	if c := r.Counts(); c[conformance.NotTestable] != 40 || r.GaveUp == "" {
		t.Errorf("%v, gave up: %q", c, r.GaveUp)
	}
}
