package conformance

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/specs"
)

func day(s string) *time.Time {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return &d
}

func TestAnEntryExcusesAFailureAndAccusesAPass(t *testing.T) {
	now := *day("2027-03-31")
	for status, want := range map[Status]Status{
		Failed: Known, NotTestable: Known, Passed: Fixed, Differs: Differs, Excluded: Excluded, Interrupted: Interrupted, Known: Known, Fixed: Fixed,
	} {
		for _, k := range []KnownCase{{ID: "a", Reason: "slow"}, {ID: "a", Reason: "slow", Expires: day("2020-01-01")}} {
			v := Excuse(Verdict{Info: Info{ID: "a"}, Status: status}, k, now)
			if v.Status != want || v.Known == nil || (want != status) != strings.Contains(v.Why, "slow") {
				t.Errorf("%s with %+v: %s, %q", status, k, v.Status, v.Why)
			}
		}
	}
}

func TestAnEntryIsStaleWhenItsDayIsOverOrItsCaseIsGone(t *testing.T) {
	p := &Plan{Cases: []*Case{{Info: Info{ID: "demo.a"}}, {Info: Info{ID: "demo.logout"}}}}
	now := day("2027-03-31").Add(23 * time.Hour)
	for name, c := range map[string]struct {
		known KnownCase
		says  string
	}{
		"holds":                        {KnownCase{ID: "demo.a"}, ""},
		"holds on its last day":        {KnownCase{ID: "demo.a", Expires: day("2027-03-31")}, ""},
		"expired the day before":       {KnownCase{ID: "demo.a", Expires: day("2027-03-30")}, "expired on 2027-03-30"},
		"is no case":                   {KnownCase{ID: "demo.logot"}, `did you mean "demo.logout"`},
		"is no case, whatever its day": {KnownCase{ID: "demo.logot", Expires: day("2029-03-30")}, "no case"},
	} {
		got := strings.Join(Stale(p, []KnownCase{c.known}, now), "\n")
		if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if twice := Stale(p, []KnownCase{{ID: "demo.a"}, {ID: "demo.a"}}, now); len(twice) != 1 {
		t.Errorf("%q", twice)
	}
}

func TestAFileOfKnownFailuresIsReadWithItsLines(t *testing.T) {
	good := "# c\n- {id: a.b, reason: slow, ticket: T-1, expires: 2027-03-31}\n- id: c.d\n  reason: odd\n"
	known, err := ReadKnown("known.yaml", []byte(good))
	if err != nil || len(known) != 2 || known[0].Ticket != "T-1" || !known[0].Expires.Equal(*day("2027-03-31")) || known[1].ID != "c.d" {
		t.Fatalf("%+v, %v", known, err)
	}
	again, err := WriteKnown(known)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ReadKnown("again", again); err != nil || len(back) != 2 || back[0].Ticket != "T-1" || !back[0].Expires.Equal(*known[0].Expires) {
		t.Errorf("written and read: %+v, %v\n%s", back, err, again)
	}
	for _, empty := range []string{"", "# nothing\n", "[]", "null"} {
		if known, err := ReadKnown("known.yaml", []byte(empty)); err != nil || len(known) != 0 {
			t.Errorf("%q: %v, %v", empty, known, err)
		}
	}
	for text, says := range map[string]string{
		"id: a":                           "known.yaml:1: a file of known failures is a list",
		"- a":                             "known.yaml:1: an entry is a map",
		"- {id: a, reason: b}\n- {id: c}": "known.yaml:2: an entry without reason",
		"- {reason: c}":                   "known.yaml:1: an entry without id",
		"- {id: a, reason: b}\n- {id: a, reason: c}": "known.yaml:2: a stands twice, first in line 1",
		"- {id: a, resaon: b}":                       `did you mean "reason"?`,
		"- {id: a, reason: b, expires: soon}":        "expires: 2027-03-31",
		"- {id: a, reason: [b]}":                     `"reason" is a text`,
		"- {id: a, id: b, reason: c}":                "stands twice in one entry",
		"- [":                                        "known.yaml",
	} {
		_, err := ReadKnown("known.yaml", []byte(text))
		var f specs.Findings
		if !errors.As(err, &f) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestABaselineKeepsWhatStillHolds(t *testing.T) {
	r := &Result{}
	for id, s := range map[string]Status{"new": Failed, "old": Known, "untestable": NotTestable, "passes": Fixed, "fine": Passed, "left out": Excluded, "differs": Differs} {
		r.Verdicts = append(r.Verdicts, Verdict{Info: Info{ID: id}, Status: s})
	}
	before := []KnownCase{{ID: "old", Reason: "because", Ticket: "T"}, {ID: "passes"}, {ID: "left out", Reason: "later"}, {ID: "other.system", Reason: "elsewhere"}, {ID: "differs"}}
	got := map[string]KnownCase{}
	for _, k := range Baseline(r, before, "not yet looked at") {
		got[k.ID] = k
	}
	if len(got) != 5 || got["new"].Reason != "not yet looked at" || got["untestable"].Reason == "" || got["old"].Ticket != "T" || got["left out"].Reason != "later" || got["other.system"].Reason != "elsewhere" {
		t.Errorf("%+v", got)
	}
}
