package conformance_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// BenchmarkPlan is what planning a system costs, contract loaded.
func BenchmarkPlan(b *testing.B) {
	for _, name := range specs.Systems() {
		b.Run(name, func(b *testing.B) {
			srv, err := mockserver.New(mockserver.System(name))
			if err != nil {
				b.Fatal(err)
			}
			u, _ := url.Parse("http://mock.test")
			t, _, err := conformance.Discover(context.Background(), &conformance.Target{URL: u, Transport: srv.Transport()}, name)
			if err != nil {
				b.Fatal(err)
			}
			c, err := specs.System(name)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				p, err := conformance.NewPlan(c, t)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(p.Cases)), "cases")
			}
		})
	}
}
