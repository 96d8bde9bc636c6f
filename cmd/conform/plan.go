package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// sayPlan says what a run would do to the server, before it does.
func (a *app) sayPlan(p *planned) {
	var run, excluded, requests, wrong, sessions int
	var wait time.Duration
	writes := map[string]int{}
	var order []string
	reasons, cannot := map[string]int{}, map[string]int{}
	b := p.target.Budgets
	for _, c := range p.chosen {
		why := c.Excluded
		switch {
		case why != "":
		case b.WrongPasswords > 0 && wrong+c.Wrong > b.WrongPasswords:
			why = fmt.Sprintf("budgets.wrongPasswords (%d) will be used up", b.WrongPasswords)
		case c.Wait > 0 && p.target.Capabilities.Clock == conformance.ClockWait && b.Wait > 0 && wait+c.Wait > b.Wait:
			why = fmt.Sprintf("it would wait %s, more than is left of budgets.wait (%s)", c.Wait.Round(time.Second), b.Wait)
		}
		if why != "" {
			excluded++
			reasons[why]++
			continue
		}
		if c.Unplanned != "" {
			cannot[c.Unplanned]++
			continue
		}
		run++
		requests += c.Requests
		wrong += c.Wrong
		sessions += c.Sessions
		wait += c.Wait
		if what := c.Method + " " + c.Path; !strings.EqualFold(c.Method, "GET") && !strings.EqualFold(c.Method, "HEAD") {
			if writes[what] == 0 {
				order = append(order, what)
			}
			writes[what]++
		}
	}
	w := a.stdout
	fmt.Fprintf(w, "%s at %s\n", p.contract.Name, p.target.URL.Redacted())
	upTo := ""
	if p.ours {
		fmt.Fprintln(w, "  a mock of ours: each case gets a world of its own; what many begin with is done once")
		upTo = "up to "
	}
	fmt.Fprintf(w, "  %s to run, %d excluded\n", count(run, "case"), excluded)
	fmt.Fprintf(w, "  sends     %s%s%s\n", upTo, count(requests, "request"), rate(b.RequestsPerSecond, requests))
	fmt.Fprintf(w, "  opens     up to %s, and closes them again%s\n", count(sessions, "session"), most(b.Sessions))
	fmt.Fprintf(w, "  presents  %s%s\n", count(wrong, "wrong password"), most(b.WrongPasswords))
	if wait > 0 {
		how := "by setting the mock's clock"
		if p.target.Capabilities.Clock != conformance.ClockControl {
			how = "by sleeping"
		}
		fmt.Fprintf(w, "  waits     %s, %s\n", wait.Round(time.Second), how)
	}
	if len(order) > 0 {
		fmt.Fprintln(w, "  judges calls that are no GET:")
		for _, what := range order {
			fmt.Fprintf(w, "    %4d  %s\n", writes[what], what)
		}
	}
	if len(cannot) > 0 {
		fmt.Fprintln(w, "  cannot be tested, which fails the run:")
		for _, why := range sortedByCount(cannot) {
			fmt.Fprintf(w, "    %4d  %s\n", cannot[why], why)
		}
	}
	if len(reasons) > 0 {
		fmt.Fprintln(w, "  excludes:")
		for _, why := range sortedByCount(reasons) {
			fmt.Fprintf(w, "    %4d  %s\n", reasons[why], why)
		}
	}
}

// most is a budget in words.
func most(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (at most %d)", n)
}

func rate(perSecond float64, requests int) string {
	if perSecond <= 0 {
		return ""
	}
	return fmt.Sprintf(", at most %g a second: %s", perSecond, time.Duration(float64(requests)/perSecond*float64(time.Second)).Round(time.Second))
}
