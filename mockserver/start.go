package mockserver

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"time"
)

// TB is what Start needs of a test: *testing.T, *testing.B, GinkgoT() and
// others have it.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Mock is a running mock of a test.
type Mock struct {
	*Server
	jar *cookiejar.Jar
}

// Start serves contracts on a free port of the loopback address until the test
// ends. A contract or option that is wrong fails the test.
func Start(t TB, options ...Option) *Mock {
	t.Helper()
	m := start(t, options)
	if m == nil {
		return nil
	}
	if err := m.Listen("127.0.0.1:0"); err != nil {
		t.Fatalf("mockauth: %v", err)
		return nil
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// StartWithoutPort is Start without a network: Client and Transport reach the
// mock at http://mock.test.
func StartWithoutPort(t TB, options ...Option) *Mock {
	t.Helper()
	m := start(t, options)
	if m == nil {
		return nil
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// start returns nil if the test has failed and its Fatalf came back, which that
// of package testing does not.
func start(t TB, options []Option) *Mock {
	t.Helper()
	s, err := New(options...)
	if err != nil {
		t.Fatalf("mockauth: %v", err)
		return nil
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatalf("mockauth: %v", err)
		return nil
	}
	return &Mock{Server: s, jar: jar}
}

// Client is an HTTP client with cookies of its own that reaches the mock,
// with or without a port, and follows no redirect.
func (m *Mock) Client() *http.Client {
	return &http.Client{
		Transport: m.Transport(), Jar: m.jar, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Clock is the time of the default world.
func (m *Mock) Clock() *Clock { return m.Default().Clock() }

// Journal is what the default world has seen, oldest first, secrets masked.
func (m *Mock) Journal() []Exchange { return m.Default().Journal() }

// World makes a world for a test: its URL is below the mock's. It ends with the
// test.
func (m *Mock) World(t TB) *World {
	t.Helper()
	w, err := m.Server.NewWorld("", false)
	if err != nil {
		t.Fatalf("mockauth: %v", err)
		return nil
	}
	t.Cleanup(func() { _ = m.DeleteWorld(w.Name()) })
	return w
}

// Transport answers requests in this process, whatever their host, without a
// port. It is safe for concurrent use.
func (s *Server) Transport() http.RoundTripper { return &transport{server: s} }

type transport struct{ server *Server }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI = r.URL.RequestURI()
	rec := &memory{ResponseRecorder: httptest.NewRecorder()}
	t.server.ServeHTTP(rec, in)
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return rec.result(r)
}
