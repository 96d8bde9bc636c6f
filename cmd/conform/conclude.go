package main

import (
	"fmt"
	"os"
	"path/filepath"

	"encoding/json"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/report"
)

// conclude says what came of several systems together.
func (a *app) conclude(results []*conformance.Result, runs []*planned, f runFlags) error {
	if len(runs) < 2 {
		return nil
	}
	if f.json {
		return a.severalJSON(results)
	}
	fmt.Fprintln(a.stdout)
	for _, r := range results {
		c := r.Counts()
		fixed := ""
		if n := c[conformance.Fixed]; n > 0 {
			fixed = fmt.Sprintf(" %d fixed,", n)
		}
		fmt.Fprintf(a.stdout, "%-14s %s%4d passed, %d failed, %d not testable,%s %d known, %d differ, %d excluded\n", r.System, mark(r),
			c[conformance.Passed], c[conformance.Failed], c[conformance.NotTestable], fixed, c[conformance.Known], c[conformance.Differs], c[conformance.Excluded])
	}
	if n := len(runs) - len(results); n > 0 {
		fmt.Fprintf(a.stdout, "%s not run; what stands above says why\n", count(n, "system"))
	}
	if f.report != "" {
		return a.summaryFile(results, filepath.Join(f.report, "summary.md"))
	}
	return nil
}

func mark(r *conformance.Result) string {
	switch codeOf(r) {
	case exitOK:
		return "conforms        "
	case exitInterrupted:
		return "interrupted     "
	case exitNothing:
		return "nothing ran     "
	case exitStale:
		return "list is stale   " // of the known failures: nothing else is wrong
	default:
		return "does not conform"
	}
}

// severalJSON prints the results of several systems as one JSON array.
func (a *app) severalJSON(results []*conformance.Result) error {
	all := []json.RawMessage{}
	for _, r := range results {
		var b rawWriter
		if err := report.JSON(&b, r); err != nil {
			return err
		}
		all = append(all, json.RawMessage(b))
	}
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(all)
}

type rawWriter []byte

func (w *rawWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// summaryFile writes the Markdown summaries of all systems, one below the other.
func (a *app) summaryFile(results []*conformance.Result, path string) error {
	var b rawWriter
	for _, r := range results {
		if err := report.Summary(&b, r); err != nil {
			return err
		}
		b = append(b, '\n')
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a CI server reads reports as another user
		return err
	}
	return os.WriteFile(path, b, 0o644) //nolint:gosec // a CI server reads reports as another user
}
