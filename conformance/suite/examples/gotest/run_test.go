// Package gotest is an example: a server is checked from an ordinary Go test.
package gotest_test

import (
	"net/url"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/report"
	"github.com/mockauth/mockauth/conformance/suite"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// The server under test is a mock of ours here. Yours has a URL, and accounts
// that config.Load reads from a target file.
func TestTheServerConforms(t *testing.T) {
	server := mockserver.Start(t, mockserver.System("jmap-server"))

	contract, err := specs.System("jmap-server")
	if err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	// A mock of ours says by itself who can log in; for any other server this
	// changes nothing.
	target, _, err := conformance.Discover(t.Context(), &conformance.Target{URL: base}, contract.Name)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := conformance.NewPlan(contract, target)
	if err != nil {
		t.Fatal(err)
	}

	result, err := suite.Run(t.Context(), plan, suite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range result.Verdicts {
		if v.Status.Fails() {
			t.Error(report.Text(v))
		}
	}
	if result.Ran() == 0 {
		t.Error("nothing was checked")
	}
	if _, err := report.Write(t.TempDir(), result); err != nil {
		t.Error(err)
	}
}
