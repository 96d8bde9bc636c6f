package report

import (
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
)

func TestThePlainestCaseStandsForThoseThatSayTheSame(t *testing.T) {
	wrong := conformance.Mismatch{In: "body", Pointer: "/items", Wanted: "an array", Got: "nothing", Severity: conformance.Must, Rule: conformance.Rule{Pointer: "/paths/~1api~1me/get/responses/200"}}
	anywhere := wrong
	anywhere.Rule.Pointer = "/components/schemas/Me"
	add := func(r *conformance.Result, operation, outcome, kind string, requests int, m conformance.Mismatch) {
		v := conformance.Verdict{Info: info(operation, outcome, "What is demanded holds.", conformance.Must, 1), Status: conformance.Failed, Mismatches: []conformance.Mismatch{m}}
		v.Kind = kind
		for range requests {
			v.Exchanges = append(v.Exchanges, login())
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	for name, c := range map[string]struct {
		m    conformance.Mismatch
		want string
	}{
		"a rule of one operation":   {wrong, "shop.getSelf.self"},
		"a rule of no one of these": {anywhere, "shop.logout.done"},
	} {
		r := head()
		add(r, "login", "granted.then.issued.access.works", "token", 2, c.m)
		add(r, "getSelf", "law.never-mixed", "law", 1, c.m)
		add(r, "getSelf", "self.by.cookie", "answer", 3, c.m)
		add(r, "getSelf", "self", "answer", 2, c.m)
		add(r, "logout", "done", "answer", 1, c.m)
		list := sames(r)
		if len(list) != 1 || list[0].Verdicts[0].ID != c.want {
			t.Errorf("%s: the first is %s, want %s", name, list[0].Verdicts[0].ID, c.want)
		}
		var others []string
		for _, v := range list[0].Verdicts[1:] {
			others = append(others, v.ID)
		}
		if got := others[0]; got != "shop.login.granted.then.issued.access.works" || len(others) != 4 {
			t.Errorf("%s: the others are %s", name, strings.Join(others, ", "))
		}
		if r.Verdicts[0].ID != "shop.login.granted.then.issued.access.works" {
			t.Errorf("%s: the result was changed", name)
		}
	}
}
