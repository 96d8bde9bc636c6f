package conformance_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// system is a contract that the doctor's tests lay other servers under: it has
// a base path, and answers JSON.
const system = "saymon"

func mustSystem(t *testing.T, name string) *specs.Contract {
	t.Helper()
	c, err := specs.System(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func examine(t *testing.T, target *conformance.Target, logIn func(context.Context) error) []conformance.Check {
	t.Helper()
	if target.Budgets.Timeout == 0 {
		target.Budgets.Timeout = 4 * short
	}
	d := conformance.Doctor{Contract: mustSystem(t, system), Target: target, Client: mustClient(t, target), LogIn: logIn}
	start := time.Now()
	checks := d.Examine(t.Context())
	if took := time.Since(start); took > 2*target.Budgets.Timeout+2*time.Second {
		t.Errorf("it took %s", took)
	}
	return checks
}

// problem returns the last check, which must be the only one that is not OK.
func problem(t *testing.T, checks []conformance.Check) conformance.Check {
	t.Helper()
	for i, c := range checks {
		if c.OK != (i < len(checks)-1) || c.OK == (c.Problem != "") || c.Said == "" || strings.Contains(c.Problem, "\n") {
			t.Fatalf("%+v", checks)
		}
	}
	return checks[len(checks)-1]
}

func TestTheDoctorFindsOurMockHealthy(t *testing.T) {
	t.Parallel()
	mock := mockserver.Start(t)
	for _, name := range specs.Systems() {
		target, ok, err := conformance.Discover(t.Context(), &conformance.Target{URL: mustURL(t, mock.URL())}, name)
		if err != nil || !ok {
			t.Fatal(err)
		}
		called := false
		d := conformance.Doctor{Contract: mustSystem(t, name), Target: target, Client: mustClient(t, target), LogIn: func(context.Context) error { called = true; return nil }}
		checks := d.Examine(t.Context())
		var names []string
		for _, c := range checks {
			names = append(names, c.Name)
		}
		want := []string{"reachable", "TLS", "base path", "media types", "clock", "capabilities", "log in"}
		if !conformance.Healthy(checks) || !slices.Equal(names, want) || !called {
			t.Errorf("%s: %+v", name, checks)
		}
		// The same server as one that is not known to be ours.
		target = &conformance.Target{URL: mustURL(t, mock.URL()), Capabilities: conformance.Capabilities{Clock: conformance.ClockNone}}
		d = conformance.Doctor{Contract: mustSystem(t, name), Target: target, Client: mustClient(t, target)}
		if checks := d.Examine(t.Context()); !conformance.Healthy(checks) || len(checks) != 6 {
			t.Errorf("%s: %+v", name, checks)
		}
	}
}

func TestTheDoctorNamesWhatIsWrongWithTheWay(t *testing.T) {
	t.Parallel()
	self := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(self.Close)
	wantsTLS := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(wantsTLS.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for name, c := range map[string]struct{ url, check, says string }{
		"dead name":    {"http://no-such-host.invalid", "reachable", "typing error"},
		"nobody there": {refused(t), "reachable", "start the server"},
		"hangs":        {raw(t, silent), "reachable", "says nothing"},
		"drips":        {raw(t, drips), "reachable", "never ends, or is very slow"},
		"hangs up":     {raw(t, says("")), "reachable", "closed the connection"},
		"garbage":      {raw(t, says("\x15\x03\x01\x00\x02\x02\x46")), "reachable", "write url: https://127.0.0.1:"},
		"self-signed":  {self.URL, "TLS", "say ca: FILE"},
		"other name":   {strings.Replace(self.URL, "127.0.0.1", "localhost", 1), "TLS", ""},
		"no TLS":       {strings.Replace(plain.URL, "http:", "https:", 1), "TLS", "try url: http://127.0.0.1:"},
		"wants TLS":    {strings.Replace(wantsTLS.URL, "https:", "http:", 1), "reachable", "Write url: https://127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checks := examine(t, &conformance.Target{URL: mustURL(t, c.url)}, nil)
			if got := problem(t, checks); got.Name != c.check || !strings.Contains(got.Problem, c.says) || len(checks) != 1 {
				t.Errorf("%+v", checks)
			}
		})
	}
}

// below serves JSON refusals below a path, and something else elsewhere.
func below(t *testing.T, base string, elsewhere http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, base+"/users/") || r.Method != http.MethodGet || r.Header.Get("Authorization") != "" {
			elsewhere(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"message":"Unauthorized"}`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, "<!DOCTYPE html>\n<html><head><title>Staging &amp; more</title></head></html>")
}

func TestTheDoctorNamesTheRightBasePath(t *testing.T) {
	t.Parallel()
	for name, elsewhere := range map[string]http.HandlerFunc{"404": http.NotFound, "a page for all": page} {
		checks := examine(t, &conformance.Target{URL: mustURL(t, below(t, "", elsewhere))}, nil)
		got := problem(t, checks)
		if got.Name != "base path" || !strings.Contains(got.Problem, `Say basePath: ""`) || !strings.Contains(got.Problem, "/node/api/users/current (") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// The base path stands in the url as well.
	at := below(t, "/node/api", http.NotFound)
	got := problem(t, examine(t, &conformance.Target{URL: mustURL(t, at+"/node/api")}, nil))
	if !strings.Contains(got.Problem, `Say basePath: ""`) {
		t.Errorf("%+v", got)
	}
	// A wrong one was said.
	wrong := "/api/v9"
	got = problem(t, examine(t, &conformance.Target{URL: mustURL(t, at), BasePath: &wrong}, nil))
	if !strings.Contains(got.Problem, `Say basePath: "/node/api"`) {
		t.Errorf("%+v", got)
	}
	if checks := examine(t, &conformance.Target{URL: mustURL(t, at)}, nil); !conformance.Healthy(checks) {
		t.Errorf("%+v", checks)
	}
}

func TestTheDoctorKnowsWhatIsNotTheAPI(t *testing.T) {
	t.Parallel()
	sso := httptest.NewServer(http.HandlerFunc(page))
	t.Cleanup(sso.Close)
	for name, c := range map[string]struct {
		h           http.HandlerFunc
		check, says string
	}{
		"nothing below any path": {http.NotFound, "base path", "nor below the other base paths that were tried (/, /node)"},
		"a page everywhere":      {page, "media types", `200, a web page "Staging & more"`},
		"an unnamed page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			io.WriteString(w, "  <html>\n")
		}, "media types", "single-page application"},
		"empty answers": {func(http.ResponseWriter, *http.Request) {}, "media types", "200 and nothing else"},
		"a gateway without server": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			page(w, r)
		}, "reachable", "down or broken"},
		"a portal": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, sso.URL+"/login?next=secret", http.StatusFound)
		}, "base path", "leads to " + sso.URL + "/login, which is another host"},
		"a proxy": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }, "reachable", "Say proxy: {env: NAME}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(c.h)
			t.Cleanup(s.Close)
			checks := examine(t, &conformance.Target{URL: mustURL(t, s.URL)}, func(context.Context) error {
				t.Error("it logged in all the same")
				return nil
			})
			if got := problem(t, checks); got.Name != c.check || !strings.Contains(got.Problem, c.says) || strings.Contains(got.Problem, "secret") {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Many frameworks answer errors as HTML unless they are told otherwise: that is
// for the cases to say, once a log-in shows that the API is there.
func TestTheDoctorLetsAServerAnswerErrorsAsHTML(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		logIn   func(context.Context) error
		healthy bool
	}{
		"the log-in works":          {401, func(context.Context) error { return nil }, true},
		"the log-in gives no token": {401, func(context.Context) error { return &conformance.LogInNote{Said: "no token"} }, false},
		"the log-in is refused":     {401, func(context.Context) error { return errors.New("401") }, false},
		"there is no account":       {401, nil, false},
		"a page for everything":     {200, func(context.Context) error { return nil }, false},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(c.status)
			page(w, r)
		}))
		t.Cleanup(s.Close)
		n := 0
		var logIn func(context.Context) error
		if c.logIn != nil {
			logIn = func(ctx context.Context) error { n++; return c.logIn(ctx) }
		}
		checks := examine(t, &conformance.Target{URL: mustURL(t, s.URL)}, logIn)
		if conformance.Healthy(checks) != c.healthy || n > 1 {
			t.Errorf("%s: logged in %d times, %+v", name, n, checks)
		}
		if c.healthy {
			if said := checks[2].Said; !strings.Contains(said, "answers errors as HTML") {
				t.Errorf("%s: %s", name, said)
			}
			continue
		}
		if got := problem(t, checks); got.Name != "media types" || !strings.Contains(got.Problem, "or the server itself answers errors as HTML") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTheDoctorSendsNoCredentialsAndFewRequests(t *testing.T) {
	t.Parallel()
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		if r.Method != http.MethodGet || r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" || r.ContentLength > 0 {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	examine(t, &conformance.Target{URL: mustURL(t, s.URL)}, nil)
	if n > 16 {
		t.Errorf("%d requests", n)
	}
}

func TestTheDoctorComparesTheClocks(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for off, want := range map[time.Duration]struct {
		ok   bool
		says string
	}{
		0:                 {true, "s"},
		-30 * time.Second: {true, "the server is behind this machine"},
		30 * time.Second:  {true, "the server is ahead of this machine"},
		-time.Hour:        {false, "is 1h0m0s behind"},
		time.Hour:         {false, "ahead of that of this machine"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", at.Add(off).Format(http.TimeFormat))
			w.WriteHeader(http.StatusUnauthorized)
		}))
		t.Cleanup(s.Close)
		target := &conformance.Target{URL: mustURL(t, s.URL), Budgets: conformance.Budgets{Timeout: 4 * time.Second}}
		loggedIn := false
		d := conformance.Doctor{
			Contract: mustSystem(t, system), Target: target, Client: mustClient(t, target), Now: func() time.Time { return at },
			LogIn: func(context.Context) error { loggedIn = true; return nil },
		}
		found := false
		for _, c := range d.Examine(t.Context()) {
			if c.Name != "clock" {
				continue
			}
			found = true
			if c.OK != want.ok || !strings.Contains(c.Said+c.Problem, want.says) {
				t.Errorf("%s: %+v", off, c)
			}
		}
		if !found || !loggedIn {
			t.Errorf("%s: the clock was not looked at, or ended the examination", off)
		}
	}
}

func TestTheDoctorSaysWhyTheLogInFailed(t *testing.T) {
	t.Parallel()
	target := &conformance.Target{URL: mustURL(t, below(t, "/node/api", http.NotFound)), Secrets: []string{"p4ssw0rd"}}
	got := problem(t, examine(t, target, func(context.Context) error { return errors.New("POST /users/session answers 401: p4ssw0rd is wrong") }))
	if got.Name != "log in" || !strings.Contains(got.Problem, "answers 401: [masked] is wrong. Look whether") {
		t.Errorf("%+v", got)
	}
}

func TestTheDoctorDoesNotBelieveInACapability(t *testing.T) {
	t.Parallel()
	at := below(t, "/node/api", http.NotFound)
	target := &conformance.Target{URL: mustURL(t, at), Control: at + "/__admin", Capabilities: conformance.Capabilities{Clock: conformance.ClockControl}}
	if got := problem(t, examine(t, target, nil)); got.Name != "capabilities" || !strings.Contains(got.Problem, "clock: wait") {
		t.Errorf("%+v", got)
	}
}

func TestALowRateStopsTheDoctorInTime(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	target := &conformance.Target{URL: mustURL(t, s.URL), Budgets: conformance.Budgets{RequestsPerSecond: 20, Timeout: short}}
	if got := problem(t, examine(t, target, nil)); got.Name != "base path" {
		t.Errorf("%+v", got)
	}
}

func TestTheDoctorEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	target := &conformance.Target{URL: mustURL(t, refused(t))}
	d := conformance.Doctor{Contract: mustSystem(t, system), Target: target, Client: mustClient(t, target)}
	if checks := d.Examine(ctx); conformance.Healthy(checks) || len(checks) != 1 {
		t.Errorf("%+v", checks)
	}
}
