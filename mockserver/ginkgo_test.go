package mockserver_test

import (
	"net/url"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mockauth/mockauth/mockserver"
)

func TestGinkgo(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "mockserver in a Ginkgo suite")
}

// GinkgoT() is a TB: a mock is started by a spec and ends with it.
var _ = Describe("a mock in a spec", func() {
	for name, start := range map[string]func(mockserver.TB, ...mockserver.Option) *mockserver.Mock{
		"on a port of its own": mockserver.Start, "without a port": mockserver.StartWithoutPort,
	} {
		It("logs in, and is asked 20 minutes later, "+name, func() {
			mock := start(GinkgoT(), mockserver.System("wedia"))
			client := mock.Client()
			res, err := client.PostForm(mock.URL()+"/api/rest/signin", url.Values{"login": {"john.roe"}, "password": {"demo-john"}, "cookieauth": {"true"}})
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(res.Body.Close)
			Expect(res).To(HaveHTTPStatus(201))

			for _, status := range []int{200, 401} {
				res, err = client.Get(mock.URL() + "/api/rest/whoami")
				Expect(err).NotTo(HaveOccurred())
				DeferCleanup(res.Body.Close)
				Expect(res).To(HaveHTTPStatus(status))
				mock.Clock().Advance(20 * time.Minute)
			}
			Expect(mock.Journal()).To(HaveLen(3))
			Expect(mock.Journal()[2].Outcome).To(Equal("token.expired.access"))
		})
	}

	Describe("and a world for each spec", Ordered, func() {
		var mock *mockserver.Mock
		var name string
		BeforeAll(func() { mock = mockserver.Start(GinkgoT(), mockserver.System("wedia")) })

		It("has a URL below that of the mock", func() {
			world := mock.World(GinkgoT())
			name = world.Name()
			Expect(world.URL()).To(Equal(mock.URL() + "/w/" + name))
		})

		It("has ended with its spec", func() {
			Expect(mock.Server.World(name)).To(BeNil())
		})
	})
})
