package client_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/client"
	"github.com/mockauth/mockauth/specs"
	"github.com/mockauth/mockauth/testdata/clients/broken"
)

// run carries the cases out for which fits is true, four at a time, and returns
// all verdicts.
func run(t *testing.T, system string, o client.Options, fits func(conformance.Info) bool) []conformance.Verdict {
	t.Helper()
	c, err := specs.System(system)
	if err != nil {
		t.Fatal(err)
	}
	s, err := client.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	var cases []*conformance.Case
	for _, k := range s.Plan.Cases {
		if fits(k.Info) {
			cases = append(cases, k)
		}
	}
	var runners []conformance.CaseRunner
	for range min(4, len(cases)) {
		runners = append(runners, s.Runner())
	}
	ahead := conformance.AheadWith(t.Context(), cases, runners)
	defer ahead.Close(context.Background())
	r := &conformance.Result{System: system}
	for _, k := range cases {
		r.Verdicts = append(r.Verdicts, ahead.Run(t.Context(), k))
	}
	s.Finish(r)
	return r.Verdicts
}

func said(v conformance.Verdict) string {
	text := string(v.Status) + " " + v.Why
	for _, m := range v.Mismatches {
		text += "; " + m.In + ": wanted " + m.Wanted + ", got " + m.Got
	}
	return text
}

// A client without a bug passes, in each of the ways in which it can be set up.
func TestTheCorrectClientPasses(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"jmap-cloud", "jmap-server", "longjump", "wedia"} {
		for name, o := range map[string]broken.Options{"plain": {}, "cookies": {Cookies: true}, "json": {JSON: true}} {
			if name == "cookies" && system != "wedia" || name == "json" && system != "longjump" {
				continue
			}
			t.Run(system+"/"+name, func(t *testing.T) {
				t.Parallel()
				for _, v := range run(t, system, client.Options{Start: broken.Start(system, o), Patience: 20 * time.Second, Strict: true}, func(conformance.Info) bool { return true }) {
					if v.Status != conformance.Passed && v.Status != conformance.Excluded {
						t.Errorf("%s: %s", v.ID, said(v))
					}
				}
			})
		}
	}
}

// Each bug is caught by the case that names it.
func TestEachBugIsCaught(t *testing.T) {
	t.Parallel()
	only := os.Getenv("BREAK")
	for _, b := range broken.Breaks() {
		if only != "" && b.Name != only {
			continue
		}
		for _, system := range b.Systems {
			t.Run(b.Name+"/"+system, func(t *testing.T) {
				t.Parallel()
				names := []string{b.Caught}
				all := os.Getenv("ALL") != ""
				var failed, looked []string
				caught := false
				for _, v := range run(t, system, client.Options{Start: broken.Start(system, broken.Options{Breaks: []string{b.Name}}), Profile: b.Profile, Strict: b.Should, Patience: 4 * time.Second}, func(i conformance.Info) bool {
					return all || slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(i.Outcome, n) })
				}) {
					looked = append(looked, v.Outcome+" "+said(v))
					if v.Status == conformance.Failed {
						failed = append(failed, v.Outcome)
						caught = caught || slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(v.Outcome, n) })
						if os.Getenv("V") != "" {
							t.Log(v.Outcome, said(v))
						}
					}
				}
				if !caught {
					t.Errorf("%s (%s): %s does not catch it; failed: %s", b.Name, b.Does, b.Caught, strings.Join(failed, " "))
					if !all {
						t.Log(strings.Join(looked, "\n"))
					}
				}
			})
		}
	}
}
