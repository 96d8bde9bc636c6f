package mutant_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/mutant"
	"github.com/mockauth/mockauth/specs"
)

var update = flag.Bool("update", false, "write the golden files anew")

func bookshop(t *testing.T) *specs.Contract {
	t.Helper()
	list := contracts(t)
	return list[len(list)-1]
}

// The suite is held to its numbers elsewhere, by the whole of its cases. Here it
// shows that a run counts right: what it says of a mutant is the same each time,
// and the plainest mutants are noticed.
func TestARunNoticesThePlainMutants(t *testing.T) {
	c := bookshop(t)
	calls := 0
	r, err := mutant.Run(context.Background(), c, mutant.Options{Progress: func(done, total int, _ mutant.Mutant, _ bool) { calls++ }})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Unsound) > 0 {
		t.Errorf("cases that the mock itself does not pass: %q", r.Unsound)
	}
	if calls != r.Mutants || r.Cases == 0 || r.Interrupted {
		t.Errorf("%d mutants, %d calls of Progress, %d cases, interrupted: %v", r.Mutants, calls, r.Cases, r.Interrupted)
	}
	var alive []string
	for _, s := range r.Survivors {
		alive = append(alive, s.Name)
		if s.Error != "" || s.Tried == 0 && s.Severity == conformance.Must {
			t.Errorf("%s was not tried: %s", s.Name, s.Error)
		}
	}
	for _, name := range []string{"secret-unchecked.login./password", "effect-lost.logout.session", "once-ignored.refresh", "expired-accepted.me.access$request.bearer", "failure-status.token", "operation-lost.me", "member-wrong.me.me/email"} {
		if slices.Contains(alive, name) {
			t.Errorf("%s is not noticed", name)
		}
	}
	if must := r.Tally[0]; must.Killed*10 < must.Mutants*9 {
		t.Errorf("%d of %d mutants of a MUST are noticed; survivors: %q", must.Killed, must.Mutants, alive)
	}
	again, err := mutant.Run(context.Background(), c, mutant.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	var second []string
	for _, s := range again.Survivors {
		second = append(second, s.Name)
	}
	if !slices.Equal(alive, second) {
		t.Errorf("survivors are %q the first time, %q the second", alive, second)
	}
}

// Without a mutant that breaks anything, every case is vacuous.
func TestAFullRunFindsTheCasesThatNoticeNothing(t *testing.T) {
	r, err := mutant.Run(context.Background(), bookshop(t), mutant.Options{Full: true, Only: func(m mutant.Mutant) bool { return m.Name == "operation-lost.logout" }})
	if err != nil {
		t.Fatal(err)
	}
	if r.Mutants != 1 || len(r.Survivors) > 0 || len(r.Vacuous) == 0 || len(r.Vacuous) == r.Cases {
		t.Errorf("%d mutants, survivors %v, %d of %d cases vacuous; the cases of logout alone notice it", r.Mutants, r.Survivors, len(r.Vacuous), r.Cases)
	}
}

func TestARunEndsWhenItIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := mutant.Run(ctx, bookshop(t), mutant.Options{Progress: func(done, _ int, _ mutant.Mutant, _ bool) {
		if done == 3 {
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Interrupted || r.Dead() || r.Tally[0].Mutants >= r.Mutants {
		t.Errorf("interrupted: %v, dead: %v, %d of %d tried", r.Interrupted, r.Dead(), r.Tally[0].Mutants, r.Mutants)
	}
}

// TestReports holds the words of the reports.
func TestReports(t *testing.T) {
	rule := conformance.Rule{Pointer: "/paths/~1logout/post", File: "shop/openapi.yaml", Line: 57, Evidence: "documented page"}
	survivor := func(name string, s conformance.Severity, says string) mutant.Survivor {
		return mutant.Survivor{Mutant: mutant.Mutant{Name: name, Kind: "kind", Operation: "logout", Severity: s, Says: says, Rule: rule}, Tried: 12}
	}
	light := survivor("kills-same-user.logout", conformance.May, "logout ends the other sessions of the same user.")
	light.Lighter, light.NotTestable = 1, 2
	heavy := survivor("effect-lost.logout.session", conformance.Must, "logout does not end session.")
	light.Closest = "shop.logout.then.same-account.access.lives (MAY answer: wanted an answer (me), got a refusal, status 401)"
	heavy.Settings = map[string]any{"csrf": true}
	broken := survivor("format-changed.access", conformance.Should, "The token access does not have its documented form.")
	broken.Error = "no plan"
	reports := []*mutant.Report{
		{System: "shop", Title: "Shop", Mutants: 152, Cases: 65, Seconds: 1.25, Dormant: []mutant.Dormant{{Name: "x", Why: "nothing shows it"}}, Vacuous: []string{"shop.me.me"}, Unsound: []string{"shop.me.x: failed: wanted 1, got 2"}, Interrupted: true,
			Tally: []mutant.Tally{{conformance.Must, 145, 144}, {conformance.Should, 1, 0}, {conformance.May, 6, 5}}, Survivors: []mutant.Survivor{light, broken, heavy}},
		{System: "whole", Mutants: 10, Cases: 3, Seconds: 0.5, Tally: []mutant.Tally{{conformance.Must, 10, 10}}},
	}
	if reports[0].Dead() || !reports[1].Dead() {
		t.Error("a MUST is alive in the first, and none in the second")
	}
	if n := len(reports[0].Missed(conformance.Must)); n != 1 {
		t.Errorf("of a MUST 1 is missed, not %d", n)
	}
	if n := len(reports[0].Missed(conformance.May)); n != 3 {
		t.Errorf("3 are missed at all, not %d", n)
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"report.txt":  func(b *bytes.Buffer) error { return mutant.WriteText(b, reports...) },
		"report.md":   func(b *bytes.Buffer) error { return mutant.WriteMarkdown(b, reports...) },
		"report.json": func(b *bytes.Buffer) error { return mutant.WriteJSON(b, reports...) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s is\n%s\nwant\n%s", name, b.Bytes(), want)
		}
	}
}
