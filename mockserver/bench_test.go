package mockserver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/mockserver"
)

// The budgets that these belong to, and what was measured: docs/performance.md.
// bench/run.sh measures what needs a process or a network.

// benchCall is one request, as often as wanted. It goes to the handler: no network.
type benchCall struct {
	server *mockserver.Server
	method string
	path   string
	body   string
	header http.Header
}

func (c benchCall) once(b *testing.B) []byte {
	b.Helper()
	r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
	maps.Copy(r.Header, c.header)
	w := httptest.NewRecorder()
	c.server.ServeHTTP(w, r)
	if w.Code/100 != 2 {
		b.Fatalf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func (c benchCall) repeat(b *testing.B) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		c.once(b)
	}
}

func benchServer(b *testing.B, options ...mockserver.Option) *mockserver.Server {
	b.Helper()
	s, err := mockserver.New(options...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func typed(mediaType string) http.Header {
	return http.Header{"Content-Type": {mediaType}, "Accept": {mediaType}}
}

func BenchmarkLoginJSON(b *testing.B) {
	benchCall{benchServer(b), http.MethodPost, "/networking/rest/login", `{"platform":{"login":{"userName":"jim@acme.com","password":"jimacme"}}}`, typed("application/json")}.repeat(b)
}

func BenchmarkLoginXML(b *testing.B) {
	benchCall{benchServer(b), http.MethodPost, "/networking/rest/login", `<platform><login><userName>jim@acme.com</userName><password>jimacme</password></login></platform>`, typed("application/xml")}.repeat(b)
}

// With JWT, two of them, and a form.
func BenchmarkLoginForm(b *testing.B) {
	benchCall{benchServer(b), http.MethodPost, "/api/rest/signin", "login=john.roe&password=demo-john", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}.repeat(b)
}

func BenchmarkRequestByOperations(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := benchServer(b, mockserver.File(generated(b, n)))
			// The last one written: a router that tries one after another would
			// come to it last.
			authorized(s, logIn(b, s), n-1).repeat(b)
		})
	}
}

func BenchmarkRequestBySessions(b *testing.B) {
	sizes := []int{1, 100_000}
	if os.Getenv("MOCKAUTH_BENCH_MILLION") != "" { // some minutes, and a few GiB
		sizes = append(sizes, 1_000_000)
	}
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := benchServer(b, mockserver.File(generated(b, 10)))
			token := logIn(b, s)
			for range n - 1 {
				logIn(b, s)
			}
			if live, _, err := s.Default().Counts("bench"); err != nil || live != n {
				b.Fatalf("%d sessions live, and not %d: %v", live, n, err)
			}
			runtime.GC()
			authorized(s, token, 0).repeat(b)
		})
	}
}

// generated writes a contract with a login and n other operations.
func generated(b *testing.B, n int) string {
	b.Helper()
	head, err := os.ReadFile("testdata/bench/openapi.yaml")
	if err != nil {
		b.Fatal(err)
	}
	one, err := os.ReadFile("testdata/bench/operation.yaml")
	if err != nil {
		b.Fatal(err)
	}
	var doc bytes.Buffer
	doc.Write(head)
	for i := range n {
		doc.Write(bytes.ReplaceAll(one, []byte("partN"), fmt.Appendf(nil, "part%d", i)))
	}
	file := filepath.Join(b.TempDir(), "bench.yaml")
	if err := os.WriteFile(file, doc.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	return file
}

func logIn(b *testing.B, s *mockserver.Server) string {
	b.Helper()
	var answer struct {
		Access string `json:"access"`
	}
	body := benchCall{s, http.MethodPost, "/bench/login", `{"name":"ada","pin":"1815"}`, typed("application/json")}.once(b)
	if err := json.Unmarshal(body, &answer); err != nil || answer.Access == "" {
		b.Fatalf("no token in %s: %v", body, err)
	}
	return answer.Access
}

func authorized(s *mockserver.Server, token string, operation int) benchCall {
	return benchCall{s, http.MethodGet, fmt.Sprintf("/bench/things/7/part%d", operation), "", http.Header{"Authorization": {"Bearer " + token}}}
}

// A world with its accounts, used once: what a parallel test pays.
func BenchmarkMakeWorld(b *testing.B) {
	s := benchServer(b)
	login := benchCall{s, http.MethodPost, "", `{"platform":{"login":{"userName":"jim@acme.com","password":"jimacme"}}}`, typed("application/json")}
	makeWorld := func() string {
		w, err := s.NewWorld("", false)
		if err != nil {
			b.Fatal(err)
		}
		login.path = "/w/" + w.Name() + "/networking/rest/login"
		login.once(b)
		return w.Name()
	}
	const sample = 200
	var kept []string
	before := heap()
	for range sample {
		kept = append(kept, makeWorld())
	}
	bytes := heap() - before
	for _, name := range kept {
		if err := s.DeleteWorld(name); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := s.DeleteWorld(makeWorld()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(bytes)/sample/1024, "KiB/world")
}

// heap is the bytes that live, after two collections: the first moves what
// pools hold to where the second finds it.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkStartOne(b *testing.B) {
	benchStart(b, func() []mockserver.Option { return []mockserver.Option{mockserver.System("longjump")} })
}

func BenchmarkStartSix(b *testing.B) { benchStart(b, func() []mockserver.Option { return nil }) }

// benchStart makes its options anew each time: reading a contract is most of it.
func benchStart(b *testing.B, options func() []mockserver.Option) {
	b.Helper()
	for b.Loop() {
		s, err := mockserver.New(options()...)
		if err != nil {
			b.Fatal(err)
		}
		_ = s.Close()
	}
}
