package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// short is a timeout that a test can wait for.
const short = 250 * time.Millisecond

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func mustClient(t *testing.T, target *conformance.Target) *conformance.Client {
	t.Helper()
	c, err := conformance.NewClient(target, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// raw serves connections with f until the test ends, and returns the address.
func raw(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				f(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return "http://" + l.Addr().String()
}

// says reads a request and answers with bytes.
func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		io.Copy(io.Discard, r.Body)
		io.WriteString(c, text)
	}
}

// silent takes what comes and says nothing.
func silent(c net.Conn) { io.Copy(io.Discard, c) }

// drips answers a byte at a time, without end.
func drips(c net.Conn) {
	if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
		return
	}
	if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"); err != nil {
		return
	}
	for {
		if _, err := c.Write([]byte(" ")); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// dripsHead sends a header that never ends.
func dripsHead(c net.Conn) {
	if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
		return
	}
	if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Slow: "); err != nil {
		return
	}
	for {
		if _, err := c.Write([]byte("a")); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func refused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestEachFaultHasItsName(t *testing.T) {
	t.Parallel()
	self := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(self.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	ca := caFile(t, self)
	cases := map[string]struct {
		target conformance.Target
		want   conformance.Fault
		says   string
	}{
		"no such name":         {conformance.Target{URL: mustURL(t, "http://no-such-host.invalid")}, conformance.FaultDNS, "no-such-host.invalid cannot be looked up"},
		"nothing listens":      {conformance.Target{URL: mustURL(t, refused(t))}, conformance.FaultRefused, "refuses the connection"},
		"never answers":        {conformance.Target{URL: mustURL(t, raw(t, silent))}, conformance.FaultTimeout, "did not begin to answer"},
		"drips its body":       {conformance.Target{URL: mustURL(t, raw(t, drips))}, conformance.FaultSlow, "had not ended"},
		"drips its header":     {conformance.Target{URL: mustURL(t, raw(t, dripsHead))}, conformance.FaultSlow, "had not ended"},
		"self-signed":          {conformance.Target{URL: mustURL(t, self.URL)}, conformance.FaultAuthority, "certificate not trusted"},
		"certificate's name":   {conformance.Target{URL: mustURL(t, strings.Replace(self.URL, "127.0.0.1", "localhost", 1)), CA: ca}, conformance.FaultName, "certificate of another host"},
		"no TLS at the port":   {conformance.Target{URL: mustURL(t, strings.Replace(plain.URL, "http:", "https:", 1))}, conformance.FaultTLS, "no TLS"},
		"hangs up in TLS":      {conformance.Target{URL: mustURL(t, strings.Replace(raw(t, func(net.Conn) {}), "http:", "https:", 1))}, conformance.FaultTLS, "no TLS"},
		"not HTTP":             {conformance.Target{URL: mustURL(t, raw(t, says("SSH-2.0-OpenSSH_9.6\r\n")))}, conformance.FaultNotHTTP, "does not answer in HTTP"},
		"says nothing":         {conformance.Target{URL: mustURL(t, raw(t, says("")))}, conformance.FaultClosed, "closed the connection"},
		"hangs up in its body": {conformance.Target{URL: mustURL(t, raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")))}, conformance.FaultClosed, "closed the connection"},
		"hangs up in its head": {conformance.Target{URL: mustURL(t, raw(t, says("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n")))}, conformance.FaultClosed, "closed the connection"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.target.Budgets.Timeout = 4 * short
			start := time.Now()
			_, err := mustClient(t, &c.target).Do(t.Context(), get(t, c.target.URL.String()+"/x"))
			var e *conformance.ExchangeError
			if !errors.As(err, &e) || e.Fault != c.want || !strings.Contains(err.Error(), c.says) {
				t.Errorf("fault %q, %v; want %q, …%s…", conformance.FaultOf(err), err, c.want, c.says)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func caFile(t *testing.T, s *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestACertificateThatTheTargetNamesIsTrusted(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	t.Cleanup(s.Close)
	reply, err := mustClient(t, &conformance.Target{URL: mustURL(t, s.URL), CA: caFile(t, s)}).Do(t.Context(), get(t, s.URL))
	if err != nil || string(reply.Body) != "HTTP/1.1" {
		t.Errorf("%+v, %v", reply, err)
	}
}

func TestWhatCannotBeCalledIsRefusedBeforeTheRun(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	here := mustURL(t, "http://127.0.0.1:1")
	for want, target := range map[string]conformance.Target{
		"no URL that can be called":             {},
		"such as https://staging.example.com":   {URL: mustURL(t, "ftp://example.com")},
		"take it out of the URL":                {URL: mustURL(t, "http://ann:secret@example.com")},
		"no.pem cannot be read: no such file":   {URL: here, CA: "no.pem"},
		"holds no certificate":                  {URL: here, CA: empty},
		`"http://other/" is no host`:            {URL: here, Hosts: []string{"http://other/"}},
		`"nowhere" is no URL of a control API;`: {URL: here, Control: "nowhere"},
	} {
		_, err := conformance.NewClient(&target, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v; want %s", err, want)
		}
	}
}

func TestOnlyTheTargetIsTouched(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := 0
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { mu.Lock(); seen++; mu.Unlock() })
	own, other, control := httptest.NewServer(h), httptest.NewServer(h), httptest.NewServer(h)
	for _, s := range []*httptest.Server{own, other, control} {
		t.Cleanup(s.Close)
	}
	c := mustClient(t, &conformance.Target{URL: mustURL(t, own.URL+"/base"), Control: control.URL + "/__admin"})
	for _, u := range []string{other.URL, strings.Replace(own.URL, "127.0.0.1", "localhost", 1), strings.Replace(own.URL, "http:", "https:", 1), "http://example.com", "/x"} {
		if _, err := c.Do(t.Context(), get(t, u)); conformance.FaultOf(err) != conformance.FaultHost {
			t.Errorf("%s: %v", u, err)
		}
	}
	if seen != 0 || c.Requests() != 0 {
		t.Errorf("%d came, %d were counted", seen, c.Requests())
	}
	for _, u := range []string{own.URL + "/elsewhere", control.URL} {
		if _, err := c.Do(t.Context(), get(t, u)); err != nil {
			t.Error(err)
		}
	}
	for _, listed := range []string{"127.0.0.1", mustURL(t, other.URL).Host} {
		c := mustClient(t, &conformance.Target{URL: mustURL(t, own.URL), Hosts: []string{listed}})
		if _, err := c.Do(t.Context(), get(t, other.URL)); err != nil {
			t.Errorf("listed as %s: %v", listed, err)
		}
	}
	secure := mustClient(t, &conformance.Target{URL: mustURL(t, "https://127.0.0.1:1"), Hosts: []string{"127.0.0.1"}})
	if _, err := secure.Do(t.Context(), get(t, other.URL)); err == nil || !strings.Contains(err.Error(), "would be called without") {
		t.Errorf("a secret may leave in clear: %v", err)
	}
}

func TestARedirectIsNotedAndNotFollowed(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(other.Close)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := other.URL + "/login"
		if r.URL.Path == "/here" {
			to = "/login"
		}
		http.Redirect(w, r, to, http.StatusFound)
	}))
	t.Cleanup(s.Close)
	c := mustClient(t, &conformance.Target{URL: mustURL(t, s.URL)})
	there, err := c.Do(t.Context(), get(t, s.URL+"/there"))
	if err != nil || there.Status != 302 || there.Redirect == nil || there.Redirect.String() != other.URL+"/login" {
		t.Errorf("%+v, %v", there, err)
	}
	here, err := c.Do(t.Context(), get(t, s.URL+"/here"))
	if err != nil || here.Status != 302 || here.Redirect != nil || here.Header.Get("Location") != "/login" {
		t.Errorf("%+v, %v", here, err)
	}
}

func TestNoMoreThanTheLimitIsRead(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 20 {
			w.Write(bytes.Repeat([]byte("a"), 1<<20))
		}
	}))
	t.Cleanup(s.Close)
	reply, err := mustClient(t, &conformance.Target{URL: mustURL(t, s.URL)}).Do(t.Context(), get(t, s.URL))
	if err != nil || !reply.Cut || len(reply.Body) != conformance.MaxBody {
		t.Errorf("%v, cut %v, %d bytes", err, reply.Cut, len(reply.Body))
	}
}

func TestAnAnswerIsWhatWasSent(t *testing.T) {
	t.Parallel()
	var got http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		w.Header().Set("Set-Cookie", "sid=1")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Date", "Sat, 21 Nov 2026 10:00:00 GMT")
		io.WriteString(w, "no gzip")
	}))
	t.Cleanup(s.Close)
	c := mustClient(t, &conformance.Target{URL: mustURL(t, s.URL), Headers: http.Header{"X-Gateway": {"staging"}, "X-Own": {"gateway"}}})
	r := get(t, s.URL)
	r.Header.Set("X-Own", "case")
	reply, err := c.Do(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if string(reply.Body) != "no gzip" || !reply.Date.Equal(time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)) || reply.Took <= 0 {
		t.Errorf("%+v", reply)
	}
	if got.Get("Accept-Encoding") != "" || got.Get("X-Gateway") != "staging" || got.Get("X-Own") != "case" || r.Header.Get("X-Gateway") != "" {
		t.Errorf("sent %v", got)
	}
	if _, err := c.Do(t.Context(), get(t, s.URL)); err != nil || got.Get("Cookie") != "" {
		t.Errorf("a cookie was kept: %v, %v", got, err)
	}
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	from := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		from[r.RemoteAddr] = true
		mu.Unlock()
		io.WriteString(w, "answer")
	}))
	t.Cleanup(s.Close)
	c := mustClient(t, &conformance.Target{URL: mustURL(t, s.URL)})
	for range 50 {
		if _, err := c.Do(t.Context(), get(t, s.URL)); err != nil {
			t.Fatal(err)
		}
	}
	if len(from) != 1 || c.Requests() != 50 {
		t.Errorf("%d connections, %d requests", len(from), c.Requests())
	}
}

func TestTheRateIsKept(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	c := mustClient(t, &conformance.Target{URL: mustURL(t, s.URL), Budgets: conformance.Budgets{RequestsPerSecond: 50}})
	start := time.Now()
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if _, err := c.Do(t.Context(), get(t, s.URL)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("six requests at 50 a second took %s", took)
	}
}

func TestWaitingForTheRateEndsWithTheContext(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	c := mustClient(t, &conformance.Target{URL: mustURL(t, s.URL), Budgets: conformance.Budgets{RequestsPerSecond: 0.01}})
	if _, err := c.Do(t.Context(), get(t, s.URL)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	_, err := c.Do(ctx, get(t, s.URL))
	if conformance.FaultOf(err) != conformance.FaultCanceled || !errors.Is(err, context.DeadlineExceeded) || c.Requests() != 1 {
		t.Errorf("%v, %d requests", err, c.Requests())
	}
}

func TestTheProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "proxy: "+r.URL.String()) }))
	t.Cleanup(s.Close)
	t.Setenv("HTTP_PROXY", s.URL)
	target := &conformance.Target{URL: mustURL(t, "http://target.invalid"), Budgets: conformance.Budgets{Timeout: 4 * time.Second}}
	if reply, err := mustClient(t, target).Do(t.Context(), get(t, "http://target.invalid/x")); err == nil {
		t.Errorf("answered by %s", reply.Body)
	}
	target.Proxy = mustURL(t, s.URL)
	reply, err := mustClient(t, target).Do(t.Context(), get(t, "http://target.invalid/x"))
	if err != nil || string(reply.Body) != "proxy: http://target.invalid/x" {
		t.Errorf("%+v, %v", reply, err)
	}
}

func TestAnErrorHoldsNoSecret(t *testing.T) {
	t.Parallel()
	at := raw(t, says("HTTP/1.1 s3cret-token\r\n\r\n"))
	c := mustClient(t, &conformance.Target{URL: mustURL(t, at), Secrets: []string{"s3cret-token"}})
	_, err := c.Do(t.Context(), get(t, at+"/x?token=s3cret-token"))
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), conformance.Masked) {
		t.Error(err)
	}
}

func BenchmarkClient(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "answer") }))
	defer s.Close()
	u, _ := url.Parse(s.URL)
	c, err := conformance.NewClient(&conformance.Target{URL: u}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r, _ := http.NewRequest(http.MethodGet, s.URL, nil)
	for b.Loop() {
		if _, err := c.Do(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
