package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mockauth/mockauth/conformance"
)

func TestTheConclusionSaysWhatTheRunProved(t *testing.T) {
	set := func(s conformance.Status) func(*conformance.Result) {
		return func(r *conformance.Result) { r.Verdicts[2].Status = s }
	}
	const target = "https://staging.shop.example"
	for _, c := range []struct {
		change func(r *conformance.Result)
		want   string
	}{
		{func(*conformance.Result) {}, target + " conforms to Shop session API 4.2."},
		{set(conformance.Failed), target + " does not conform to Shop session API 4.2."},
		{set(conformance.Excluded), target + " conforms to Shop session API 4.2, as far as it was checked."},
		{set(conformance.NotTestable), "It cannot be said whether " + target + " conforms to Shop session API 4.2: not everything was testable."},
		{set(conformance.Interrupted), "The run was interrupted before it could say whether " + target + " conforms to Shop session API 4.2."},
		{func(r *conformance.Result) { r.Verdicts = nil }, "Nothing was checked of " + target + "."},
	} {
		r := good(5)
		c.change(r)
		if got := conclusion(r); got != c.want {
			t.Errorf("it says %q, want %q", got, c.want)
		}
	}
}

func TestTheConclusionSaysWhatIsTrueOfKnownFailures(t *testing.T) {
	day := func(n int) *time.Time { d := head().Started.AddDate(0, 0, n); return &d }
	list := []conformance.KnownCase{
		{ID: "shop.login.granted", Reason: "until release 4", Expires: day(30)},
		{ID: "shop.getSelf.granted", Reason: "(it expired on the way)", Expires: day(-2517)},
		{ID: "shop.refresh.granted", Reason: "was wrong"},
		{ID: "shop.refresh.grant", Reason: "a typo"},
		{ID: "shop.login.granted", Reason: "again"},
	}
	const target = "https://staging.shop.example"
	const does = target + " does what Shop session API 4.2 demands"
	for _, c := range []struct {
		known, fixed []int // of the list
		other        []int
		want, tally  string
		filter       string
	}{
		{known: []int{0}, want: target + " conforms to Shop session API 4.2, except for 1 known failure.", tally: "1 known (the first expires in 30 days)"},
		{known: []int{0, 2}, filter: "login", want: target + " conforms to Shop session API 4.2, as far as it was checked, except for 2 known failures."},
		{known: []int{0, 1}, want: does + ", except for 2 known failures, but the list of these is stale: 1 entry has expired.", tally: "2 known (the first expired 2,517 days ago)"},
		{known: []int{0}, fixed: []int{2}, want: does + ", except for 1 known failure, but the list of these is stale: 1 case passes now."},
		{fixed: []int{0, 2}, want: does + ", but the list of known failures is stale: 2 cases pass now."},
		{fixed: []int{1}, want: does + ", but the list of known failures is stale: 1 entry has expired, 1 case passes now."},
		{other: []int{3}, want: does + ", but the list of known failures is stale: 1 id matches no case."},
		{known: []int{0, 1}, fixed: []int{2}, other: []int{3, 4}, filter: "x", want: does + ", as far as it was checked, except for 2 known failures, but the list of these is stale: 1 entry has expired, 1 case passes now, 1 id matches no case, 1 entry stands twice."},
	} {
		r := good(5)
		plan := &conformance.Plan{}
		for _, v := range r.Verdicts {
			plan.Cases = append(plan.Cases, &conformance.Case{Info: v.Info})
		}
		var known []conformance.KnownCase
		for status, entries := range map[conformance.Status][]int{conformance.Failed: c.known, conformance.Passed: c.fixed} {
			for _, i := range entries {
				for j, v := range r.Verdicts {
					if v.ID == list[i].ID {
						v.Status = status
						r.Verdicts[j] = conformance.Excuse(v, list[i], r.Started)
						known = append(known, list[i])
					}
				}
			}
		}
		for _, i := range c.other {
			known = append(known, list[i])
		}
		r.Stale, r.Filter = conformance.Stale(plan, known, r.Started), c.filter
		if got := conclusion(r); got != c.want {
			t.Errorf("it says %q, want %q", got, c.want)
		}
		if got := strings.Join(tally(r), " · "); !strings.Contains(got, c.tally) {
			t.Errorf("it counts %q, want %q", got, c.tally)
		}
		sign := "✓ "
		if strings.Contains(c.want, "stale") {
			sign = "! "
		}
		if got := string(write(t, writers["terminal.txt"], r)); !strings.Contains(got, "\n"+sign+target) && !strings.HasPrefix(got, sign+target) {
			t.Errorf("the last lines begin otherwise than with %q:\n%s", sign, got)
		}
		if ended := slices.Contains(slices.Concat(c.known, c.fixed), 1); ended != strings.Contains(string(write(t, HTML, r)), "It was excused until") {
			t.Errorf("of %q the page has another tense", c.tally)
		}
	}
	r := good(3)
	r.Stale = []string{"A tool of somebody else says so."}
	if got, want := conclusion(r), does+", but the list of known failures is stale: 1 entry does not hold any more."; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

func TestTheWeightIsThatOfWhatWasNotSo(t *testing.T) {
	v := sample().Verdicts[11] // a MUST, of which a SHOULD was not so
	if v.Severity != conformance.Must || weight(v) != conformance.Should {
		t.Errorf("the severity is %s, the weight %s", v.Severity, weight(v))
	}
}

func TestFailuresThatSayTheSameAreOne(t *testing.T) {
	list := sames(bad(300, 1500))
	n := 0
	for _, s := range list {
		n += len(s.Verdicts)
	}
	if n != 300 {
		t.Errorf("there are %d failures", n)
	}
	if len(list[0].Verdicts) != 100 {
		t.Errorf("the first is the same in %d cases", len(list[0].Verdicts))
	}
	if c := commonest(bad(300, 1500)); c[0].N != 272 || c[0].Text != "status: wanted 401, got 500" || len(c) > commonMismatches {
		t.Errorf("most have in common %+v", c[0])
	}
	for _, s := range sames(sample()) {
		if s.Others() > 0 {
			t.Errorf("%v are not the same", s.Verdicts)
		}
	}
}

func TestExpiryIsCountedFromTheStartOfTheRun(t *testing.T) {
	start := time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC)
	for hours, want := range map[int]string{0: "today", 2: "tomorrow", 26: "in 2 days", -24: "1 day ago", -50: "2 days ago", 24 * 1500: "in 1,500 days"} {
		if got := days(start, start.Add(time.Duration(hours)*time.Hour)); got != want {
			t.Errorf("after %d h: %q, want %q", hours, got, want)
		}
	}
}

func TestDurationsHaveTheUnitThatSuits(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0 ms", -1: "0 ms", 0.0004: "0.4 ms", 0.012: "12 ms", 0.0996: "100 ms", 0.4: "400 ms", 1: "1.0 s", 1.43: "1.4 s", 99.9: "99.9 s", 125: "2 min 05 s", 7200: "2.0 h",
	} {
		if got := duration(seconds); got != want {
			t.Errorf("%v is %q, want %q", seconds, got, want)
		}
	}
}

func TestALinkEndsWhereTheSentenceGoesOn(t *testing.T) {
	for source, want := range map[string]string{
		"the guide":                          "",
		"https://a.example/x":                "https://a.example/x",
		"Guide (https://a.example/x), p. 4":  "https://a.example/x",
		"https://a.example/x?y=1#z.":         "https://a.example/x?y=1#z",
		`<a href="https://a.example/">`:      "https://a.example/",
		"javascript:alert(1) http://b.c/d e": "http://b.c/d",
	} {
		if got := link(source); got != want {
			t.Errorf("in %q: %q, want %q", source, got, want)
		}
	}
}

func TestTextsAreCutAtCharacters(t *testing.T) {
	for n := 1; n < 8; n++ {
		got := clip("\u6771\u4eac\u6771\u4eac\u6771", n)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > n {
			t.Errorf("cut to %d it is %q", n, got)
		}
	}
	if clip("\u6771\u4eac", 2) != "\u6771\u4eac" {
		t.Error("what fits is cut")
	}
}

func TestAWordOfTheShellIsOneWord(t *testing.T) {
	for s, want := range map[string]string{"shop.a-b_c": "shop.a-b_c", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "ä": "'ä'"} {
		if got := quoted(s); got != want {
			t.Errorf("%q is %s, want %s", s, got, want)
		}
	}
}

func TestAStyleIsPlainWithoutATerminal(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for _, c := range []struct {
		terminal bool
		env      func(string) string
		rich     bool
	}{
		{true, env("TERM", "xterm"), true},
		{false, env("TERM", "xterm"), false},
		{true, env("NO_COLOR", "1"), false},
		{true, env("TERM", "dumb"), false},
	} {
		if s := StyleFor(c.terminal, 80, 24, c.env); s.Colour != c.rich || s.Live != c.rich || s.Width != 80 {
			t.Errorf("%+v is %+v", c, s)
		}
	}
}

func TestALiveDisplayFitsTheTerminal(t *testing.T) {
	for _, width := range []int{1, 40, 80, 300} {
		var b bytes.Buffer
		p := NewProgress(&b, Style{Live: true, Width: width, Height: 12})
		p.Of = map[string]int{"op1": 9999999}
		p.Start(head(), 900)
		for i := range 900 {
			v := conformance.Verdict{Info: conformance.Info{Operation: fmt.Sprintf("op%d%s", i%30, strings.Repeat("x", i%50))}, Status: conformance.Statuses()[i%8], Seconds: float64(i)}
			p.Verdict(v)
			if p.drawn > 12 {
				t.Fatalf("%d lines are drawn", p.drawn)
			}
		}
		p.Done()
		_, frames, _ := strings.Cut(b.String(), "\n") // the first line is not redrawn
		for line := range strings.Lines(frames) {
			if i := strings.LastIndex(line, "\x1b[J"); i >= 0 {
				line = line[i+3:]
			}
			if n := utf8.RuneCountInString(strings.TrimSpace(line)); n > min(max(width, 40), 160) {
				t.Fatalf("a line has %d characters at a width of %d: %q", n, width, line)
			}
		}
	}
}

func TestALogSaysOnceWhyManyCasesCannotBeTested(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, Style{})
	p.Start(head(), 200)
	for i := range 200 {
		v := conformance.Verdict{Info: conformance.Info{ID: fmt.Sprintf("case-%d", i)}, Status: conformance.NotTestable, Why: "it is not said who may log in"}
		switch {
		case i == 7:
			v.Why = "another reason"
		case i%50 == 1:
			v.Status, v.Why = conformance.Failed, ""
		}
		p.Verdict(v)
	}
	for text, times := range map[string]int{"? case-0  it is not said": 1, "it is not said": 1, "? case-7  another reason": 1, "✗ case-": 4, "100 of 200 cases, 2 failed, 98 not testable": 1} {
		if n := strings.Count(b.String(), text); n != times {
			t.Errorf("%q is said %d times, want %d:\n%s", text, n, times, b.String())
		}
	}
}

func TestProgressMayBeToldBySeveral(t *testing.T) {
	for _, live := range []bool{false, true} {
		var b bytes.Buffer
		p := NewProgress(&b, Style{Live: live})
		p.Start(head(), 400)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for _, v := range bad(10, 100).Verdicts {
					v.Operation += fmt.Sprint(i)
					p.Verdict(v)
				}
			})
		}
		wg.Wait()
		p.Done()
		if !strings.Contains(b.String(), "300 of 400 cases") && !live || p.done != 400 || p.failed != 40 {
			t.Errorf("%d done, %d failed:\n%s", p.done, p.failed, b.String())
		}
	}
}
