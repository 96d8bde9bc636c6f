package suite

import (
	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/report"
)

// words are what a failed spec says: those of the reports.
func words(v conformance.Verdict) string { return report.Text(v) }
