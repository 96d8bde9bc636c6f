package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/mockserver"
)

func TestReportsThatCannotBeWrittenAreSaidBeforeTheRun(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system), mockserver.System("crmcom"))
	path := written(t, "file", "")
	nobody := "http://" + free(t) // the doctor would end with another exit code
	for _, dir := range []string{path, filepath.Join(path, "out")} {
		conform(t, []string{"STAGING_PASSWORD=" + demoPassword}, "server", "--config", targetFile(t, nobody, ""), "--report", dir).want(t, exitUsage, "--report "+dir, "folder for the reports")
	}
	// With several systems each has a folder of its own.
	for _, args := range [][]string{{}, {"--focus", "login"}} {
		o := conform(t, nil, append([]string{"server", "--url", mock.URL(), "--report", filepath.Dir(written(t, system, ""))}, args...)...).want(t, exitUsage, "--report")
		if o.stdout != "" {
			t.Errorf("something was run:\n%s", o.stdout)
		}
	}
	// Nothing is written by a plan.
	conform(t, nil, "server", system, "--url", mock.URL(), "--plan", "--report", path).want(t, exitOK)
}

func TestHelpSaysThatSeveralSystemsGiveAList(t *testing.T) {
	conform(t, nil, "server", "--help").want(t, exitOK, "a list of them for several systems")
}

func TestTheSummaryOfSystemsSaysWhatEachWasFoundToBe(t *testing.T) {
	result := func(statuses ...conformance.Status) *conformance.Result {
		r := &conformance.Result{System: "shop"}
		for _, s := range statuses {
			r.Verdicts = append(r.Verdicts, conformance.Verdict{Status: s})
		}
		return r
	}
	expired := result(conformance.Known)
	expired.Stale = []string{"the known failure shop.a expired on 2020-01-01: mend it"}
	results := []*conformance.Result{
		result(conformance.Passed, conformance.Differs, conformance.Known),
		result(conformance.Passed, conformance.Fixed),
		expired,
		result(conformance.Failed, conformance.Fixed),
	}
	var out stream
	if err := (&app{stdout: &out}).conclude(results, make([]*planned, 4), runFlags{}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"shop conforms 1 passed, 0 failed, 0 not testable, 1 known, 1 differ, 0 excluded",
		"shop list is stale 1 passed, 0 failed, 0 not testable, 1 fixed, 0 known, 0 differ, 0 excluded",
		"shop list is stale 0 passed, 0 failed, 0 not testable, 1 known, 0 differ, 0 excluded",
		"shop does not conform 0 passed, 1 failed, 0 not testable, 1 fixed, 0 known, 0 differ, 0 excluded",
	} {
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}
