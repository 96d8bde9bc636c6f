// Package ginkgo is an example: the cases of two servers run in a Ginkgo suite,
// beside specs of its own.
package ginkgo_test

import (
	"net/url"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/suite"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// The servers under test are mocks of ours here. They are up before RunSpecs,
// since Ginkgo wants to know all specs before it runs the first.
func TestHost(t *testing.T) {
	RegisterFailHandler(Fail)
	for _, system := range []string{"jmap-server", "crmcom"} {
		server := mockserver.Start(t, mockserver.System(system))
		if err := suite.Register(planned(t, system, server.URL()), suite.Config{
			Filter: suite.Filter{Labels: "severity:must"},
		}); err != nil {
			t.Fatal(err)
		}
	}
	RunSpecs(t, "a host's suite")
}

func planned(t *testing.T, system, base string) *conformance.Plan {
	t.Helper()
	contract, err := specs.System(system)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	target, _, err := conformance.Discover(t.Context(), &conformance.Target{URL: u}, contract.Name)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := conformance.NewPlan(contract, target)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

var _ = Describe("the host's own specs", func() {
	It("run beside those that were registered", func() {
		Expect(specs.Systems()).To(ContainElements("jmap-server", "crmcom"))
	})
})
