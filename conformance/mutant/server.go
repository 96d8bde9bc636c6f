package mutant

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// Mock is a mock that deviates as its Mutant says. It has no port: serve it as
// an http.Handler, or use Transport.
type Mock struct {
	*mockserver.Server
	mutant Mutant
}

// Server makes the mock of a mutant, under the settings that the mutant needs.
func Server(m Mutant, options ...mockserver.Option) (*Mock, error) {
	if m.origin == nil {
		return nil, errors.New("this mutant was not made by All")
	}
	c := m.origin.contract
	if m.contract != nil {
		c = m.contract()
	}
	all := []mockserver.Option{mockserver.Deviating(c, m.origin.world, m.twist), mockserver.Profile(c.Name, m.Profile)}
	for name, v := range m.Settings {
		all = append(all, mockserver.Setting(c.Name, name, v))
	}
	s, err := mockserver.New(append(all, options...)...)
	if err != nil {
		return nil, err
	}
	return &Mock{s, m}, nil
}

// original is the mock of a contract that does not deviate.
func (o *origin) original() Mutant { return Mutant{Name: "none", origin: o} }

// answer is an answer before it is sent.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// ServeHTTP implements http.Handler. The control API is left alone.
func (m *Mock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, mockserver.AdminPath) {
		m.Server.ServeHTTP(w, r)
		return
	}
	if m.mutant.request != nil {
		m.mutant.request(r)
	}
	rec := httptest.NewRecorder()
	m.Server.ServeHTTP(rec, r)
	a := &answer{rec.Code, rec.Header(), rec.Body.Bytes()}
	id, outcome, _ := strings.Cut(a.Header.Get("Mockauth-Outcome"), " ")
	// Nobody shall tell a mutant by its diagnostics.
	for _, name := range []string{"Mockauth-Outcome", "Mockauth-Why", "Mockauth-Client-Error"} {
		a.Header.Del(name)
	}
	if m.mutant.answer != nil {
		m.mutant.answer(m.mutant.origin.contract.Operation(id), outcome, a)
		if a.Header.Get("Content-Length") != "" {
			a.Header.Set("Content-Length", strconv.Itoa(len(a.Body)))
		}
	}
	maps.Copy(w.Header(), a.Header)
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the client has gone: nobody to tell
}

// Transport answers requests in this process, whatever their host. It is safe
// for concurrent use.
func (m *Mock) Transport() http.RoundTripper { return transport{m} }

type transport struct{ mock *Mock }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
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
	if r.URL.Scheme == "https" {
		in.Header.Set("X-Forwarded-Proto", "https")
	}
	in.RequestURI = r.URL.RequestURI()
	rec := httptest.NewRecorder()
	t.mock.ServeHTTP(rec, in)
	if r.Body != nil {
		_ = r.Body.Close()
	}
	h := http.Header{}
	for name, list := range rec.Header() {
		if list != nil { // that keeps net/http from guessing a Content-Type
			h[http.CanonicalHeaderKey(name)] = slices.Clone(list) // as a client reads it
		}
	}
	body := rec.Body.Bytes()
	return &http.Response{
		Status: strconv.Itoa(rec.Code) + " " + http.StatusText(rec.Code), StatusCode: rec.Code,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Request: r,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// route is where an operation is called.
type route struct {
	op       *specs.Operation
	segments []string // of the whole path; "{" for a parameter
	literal  int
}

func routes(c *specs.Contract) []route {
	var out []route
	for _, base := range c.BasePaths {
		for _, op := range c.Operations {
			r := route{op: op, segments: strings.Split(base+op.Path, "/")}
			for i, s := range r.segments {
				if strings.Contains(s, "{") {
					r.segments[i] = "{"
				} else {
					r.literal++
				}
			}
			out = append(out, r)
		}
	}
	// The path with more literal segments is the more special one.
	slices.SortStableFunc(out, func(a, b route) int { return b.literal - a.literal })
	return out
}

// operation is the operation that a request calls, or nil.
func (o *origin) operation(method string, u *url.URL) *specs.Operation {
	path := strings.Split(u.Path, "/")
	if len(path) > 2 && path[1] == "w" { // a world's prefix
		path = slices.Concat([]string{""}, path[3:])
	}
	for _, r := range o.routes {
		if r.op.Method != method || len(r.segments) != len(path) {
			continue
		}
		same := true
		for i, s := range r.segments {
			same = same && (s == "{" || s == path[i])
		}
		if same {
			return r.op
		}
	}
	return nil
}
