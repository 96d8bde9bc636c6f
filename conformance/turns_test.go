package conformance

import (
	"testing"

	"github.com/mockauth/mockauth/specs"
)

// Processes side by side each begin with an account of their own, among those
// that can stand for one another, and with the same one where there is no other.
func TestEachProcessBeginsWithItsOwnAccount(t *testing.T) {
	c, err := specs.System("saymon")
	if err != nil {
		t.Fatal(err)
	}
	user := func(login string, rights ...any) map[string]any {
		return map[string]any{"id": "id-" + login, "login": login, "password": "secret of " + login, "permissions": rights}
	}
	firsts := func(process int) []any {
		target := &Target{Records: map[string][]map[string]any{"user": {user("admin", "manage-users"), user("a"), user("b"), user("c")}}}
		before := target.Records["user"]
		target.TakeTurns(c, process)
		if before[1]["login"] != "a" {
			t.Error("the list that was handed in has changed")
		}
		var out []any
		for _, r := range target.Records["user"] {
			out = append(out, r["login"])
		}
		return out
	}
	for process, want := range map[int]string{1: `["admin","a","b","c"]`, 2: `["admin","b","c","a"]`, 3: `["admin","c","a","b"]`, 4: `["admin","a","b","c"]`} {
		if got := show(firsts(process)); got != want {
			t.Errorf("process %d: %s, not %s", process, got, want)
		}
	}
}

// A case is the same case whichever account it is carried out with.
func TestAccountsThatTakeTurnsPlanTheSameCases(t *testing.T) {
	c, err := specs.System("wedia")
	if err != nil {
		t.Fatal(err)
	}
	ids := func(process int) (out []string) {
		target := &Target{Records: map[string][]map[string]any{"user": {
			{"usid": "11", "login": "one", "password": "secret of one"}, {"usid": "12", "login": "two", "password": "secret of two"},
		}}}
		target.TakeTurns(c, process)
		p, err := NewPlan(c, target)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range p.Cases {
			out = append(out, k.ID)
		}
		return out
	}
	if a, b := ids(1), ids(2); len(a) == 0 || show(a) != show(b) {
		t.Errorf("%d and %d cases, or others", len(a), len(b))
	}
}
