package mockserver_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// FuzzRequest sends anything to a server of all systems: there is no panic, the
// answer comes at once, has a status and a body of the type that it says, and
// the server answers afterwards. It begins with a documented request for every
// outcome of every operation, whose tokens live in the world that is fuzzed.
func FuzzRequest(f *testing.F) {
	server := newServer(f, mockserver.Seed(1), mockserver.JournalSize(4), mockserver.AdminApart())
	server.Default().Clock().Freeze(midnight)
	seen := map[string]bool{}
	for _, system := range specs.Systems() {
		for _, e := range exchangesOf(f, system) {
			// All of them take the fuzzer longer to read than it has; the replay
			// sends the others.
			kind := system + " " + e.Operation + " " + e.Outcome
			if seen[kind] {
				continue
			}
			seen[kind] = true
			s := scriptIn(f, server, system, server.Default())
			s.loose = true
			for _, g := range e.Given {
				if g.Request != nil {
					s.one(step{Request: g.Request, Capture: g.Capture})
				}
			}
			req, err := s.request(e.Request)
			if err != nil {
				continue // a URL that is none once its names are not filled in
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(req.Method, req.URL.EscapedPath(), req.URL.RawQuery, headerLines(req.Header), body)
		}
	}
	live := exchangesOf(f, specs.Systems()[0])[0]
	f.Fuzz(func(t *testing.T, method, path, query, headers string, body []byte) {
		req, err := http.NewRequest(method, "http://mock.test/", bytes.NewReader(body))
		if err != nil {
			t.Skip("net/http does not hand such a method on")
		}
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Skip("net/http does not hand such a path on")
		}
		u.Scheme, u.Host, u.RawQuery = "http", "mock.test", query
		req.URL = u
		req.RequestURI = u.RequestURI()
		for line := range strings.SplitSeq(headers, "\n") {
			if k, v, ok := strings.Cut(line, ": "); ok && k != "" {
				req.Header.Add(k, v)
			}
		}
		answered := func(what string, req *http.Request) *httptest.ResponseRecorder {
			began := time.Now()
			rec := httptest.NewRecorder()
			server.ServeHTTP(rec, req)
			if took := time.Since(began); took > 2*time.Second*slowdown {
				t.Errorf("%s took %s", what, took)
			}
			return rec
		}
		rec := answered("the request", req)
		r, err := readReply(rec.Result())
		if err != nil {
			t.Fatal(err)
		}
		if r.status < 200 || r.status > 599 {
			t.Errorf("status %d", r.status)
		}
		if r.outcome == "contract" {
			t.Errorf("the contract cannot be carried out: %s", r.why)
		}
		if err := bodyFits(r); err != nil {
			t.Errorf("%v\n%q", err, r.body)
		}
		s := scriptIn(t, server, specs.Systems()[0], server.Default())
		again, err := s.request(live.Request)
		if err != nil {
			t.Fatal(err)
		}
		if rec := answered("a good request after it", again); rec.Code != live.Answer.Status {
			t.Errorf("afterwards a good request is answered %d: %s", rec.Code, rec.Body)
		}
	})
}

func headerLines(h http.Header) string {
	var lines []string
	for k, list := range h {
		for _, v := range list {
			lines = append(lines, k+": "+v)
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// FuzzWorld reads anything as a world of some system: there is no panic, and it
// is a world whose records the contract has, or findings that say what is wrong.
func FuzzWorld(f *testing.F) {
	var contracts []*specs.Contract
	for i, name := range specs.Systems() {
		c, err := specs.System(name)
		if err != nil {
			f.Fatal(err)
		}
		contracts = append(contracts, c)
		data, err := os.ReadFile("../fixtures/" + name + "/" + fixtures.WorldFile)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), data)
	}
	for _, text := range []string{"", "records:", "records: []", "records: {user: {}}", "records: {user: [null]}", "a: &a [*a]", "records: {user: [{value: &v {login: *v}}]}"} {
		f.Add(uint8(0), []byte(text))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		c := contracts[int(which)%len(contracts)]
		began := time.Now()
		w, err := fixtures.Parse(c, "world.yaml", data)
		if took := time.Since(began); took > 2*time.Second*slowdown {
			t.Errorf("%d bytes took %s", len(data), took)
		}
		if err != nil {
			if findings := (specs.Findings)(nil); errors.As(err, &findings) && len(findings) == 0 {
				t.Error("an error without a finding")
			}
			if strings.TrimSpace(fmt.Sprint(err)) == "" {
				t.Error("an error that says nothing")
			}
			return
		}
		for _, r := range w.Records {
			if c.Record(r.Kind) == nil || r.Value[c.Record(r.Kind).Key] == nil {
				t.Errorf("a record that the contract does not have: %+v", r)
			}
		}
	})
}
