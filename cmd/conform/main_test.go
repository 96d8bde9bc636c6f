package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/mockserver"
)

// asConform, in the environment, makes this test binary conform itself: it is
// what -p starts.
const asConform = "CONFORM_TEST_MAIN=1"

func TestMain(m *testing.M) {
	if os.Getenv("CONFORM_TEST_MAIN") != "" {
		hush()
		ctx, stop := interrupts(os.Stderr, os.Exit)
		code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// stream is a standard stream that may be read while it is written.
type stream struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// said is what a command did.
type outcome struct {
	code           int
	stdout, stderr string
}

// conform runs a command.
func conform(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	var out, errs stream
	code := run(t.Context(), args, append(env, "HOME="+t.TempDir(), "XDG_CACHE_HOME="+t.TempDir()), &out, &errs)
	return outcome{code, out.String(), errs.String()}
}

// want fails unless the exit code is this, and each of the texts is said on
// stdout or stderr.
func (o outcome) want(t *testing.T, code int, texts ...string) outcome {
	t.Helper()
	all := o.stdout + o.stderr
	if o.code != code {
		t.Errorf("exit code %d, want %d:\n%s", o.code, code, all)
	}
	for _, text := range texts {
		if !strings.Contains(strings.Join(strings.Fields(all), " "), text) {
			t.Errorf("it does not say %q:\n%s", text, all)
		}
	}
	return o
}

// system is the one that most tests are about: a small one.
const system = "jmap-server"

const demoPassword = "demo-test1"

// bent is a server before a mock that changes its answers, but for the control
// API's.
func bent(t *testing.T, mock *mockserver.Mock, change func(*http.Response)) string {
	t.Helper()
	u, err := url.Parse(mock.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) },
		ModifyResponse: func(r *http.Response) error {
			if !strings.Contains(r.Request.URL.Path, mockserver.AdminPath) {
				change(r)
			}
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// slip is one deviation from what is documented: who logs in is told FINE
// instead of OK.
func slip(r *http.Response) {
	if !strings.HasSuffix(r.Request.URL.Path, "/session") || r.Request.Method != http.MethodPost {
		return
	}
	b, _ := io.ReadAll(r.Body)
	_ = r.Body.Close()
	b = bytes.Replace(b, []byte(`"status":"OK"`), []byte(`"status":"FINE"`), 1)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	r.Header.Set("Content-Length", strconv.Itoa(len(b)))
}

// staging is a mock that shows nobody that it is one, and a target file for it.
func staging(t *testing.T, more string) (mock *mockserver.Mock, file string, env []string) {
	t.Helper()
	mock = mockserver.Start(t, mockserver.System(system), mockserver.AdminApart(), mockserver.NoDiagnostics())
	return mock, targetFile(t, mock.URL(), more), []string{"STAGING_PASSWORD=" + demoPassword}
}

func targetFile(t *testing.T, base, more string) string {
	t.Helper()
	text := fmt.Sprintf(`contract: %s
url: %s
accounts:
  user:
    - {username: userTest1, password: {env: STAGING_PASSWORD}}
budgets: {requestsPerSecond: unlimited, timeout: 5s}
%s`, system, base, more)
	return written(t, "target.yaml", text)
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const opens = "openSession.sessionOpened"

func TestAServerThatConforms(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system))
	dir := t.TempDir()
	conform(t, nil, "server", system, "--url", mock.URL(), "--report", dir).want(t, exitOK, "conforms to", "reports", "reachable")
	for _, name := range []string{"report.html", "junit.xml", "results.json", "conform.sarif"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	r, err := readResult(filepath.Join(dir, "results.json"))
	if err != nil || r.System != system || len(r.Doctor) == 0 || r.Version == "" || !r.Conforms() || len(r.Verdicts) < 50 {
		t.Errorf("%v: %+v", err, r)
	}
	// The system is asked for, and run is another name of server.
	conform(t, nil, "run", "--url", mock.URL(), "--focus", opens).want(t, exitOK, "conforms to")
}

func TestAServerThatDoesNotConform(t *testing.T) {
	base := bent(t, mockserver.Start(t, mockserver.System(system)), slip)
	conform(t, nil, "server", system, "--url", base, "--focus", opens).want(t, exitFails, "does not conform", system+"."+opens, "FINE", "conform explain")
}

// net/http writes what a server sends beyond its answer into the standard logger,
// past every masker.
func TestWhatAServerSendsUnaskedIsNotWritten(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}unasked-"+demoPassword)
				time.Sleep(200 * time.Millisecond)
			}()
		}
	}()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "doctor", "--config", targetFile(t, "http://"+l.Addr().String(), ""))
	cmd.Env = append(os.Environ(), asConform, "STAGING_PASSWORD="+demoPassword, "GORACE=atexit_sleep_ms=0")
	said, _ := cmd.CombinedOutput()
	if len(said) == 0 || bytes.Contains(said, []byte("Unsolicited")) || bytes.Contains(said, []byte(demoPassword)) {
		t.Errorf("it says %s", said)
	}
}

// A log-in that gives no token is no configuration fault, and is said.
func TestTheDoctorSaysThatALogInGivesNoToken(t *testing.T) {
	base := bent(t, mockserver.Start(t, mockserver.System(system)), func(r *http.Response) {
		b, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		b = bytes.Replace(b, []byte(`"sessionId"`), []byte(`"session"`), 1)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		r.Header.Set("Content-Length", strconv.Itoa(len(b)))
	})
	conform(t, nil, "doctor", system, "--url", base).want(t, exitOK, "ok log in", "has no token sid where the contract has it")
}

func TestWhatGoesWrongIsSaidOnce(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system))
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(func() { hangs.CloseClientConnections(); hangs.Close() })
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>Welcome</title><p>It works")
	}))
	t.Cleanup(html.Close)
	tls := httptest.NewTLSServer(mock)
	t.Cleanup(tls.Close)
	other := mockserver.Start(t, mockserver.System(system), mockserver.AdminApart(), mockserver.NoDiagnostics())
	password := []string{"STAGING_PASSWORD=" + demoPassword}
	two := "contract: " + system + "\nurl: URL\naccounts:\n  user:\n    - {username: userTest1, password: {env: STAGING_PASSWORD}}\n    - {username: jane.doe, password: {env: SECOND}}\n"
	for name, c := range map[string]struct {
		args []string
		env  []string
		code int
		says []string
	}{
		"dead host":               {[]string{system, "--url", "http://" + free(t)}, nil, exitPreflight, []string{"Nothing listens at that port", "Nothing was tested"}},
		"dead host, any system":   {[]string{"--url", "http://" + free(t)}, nil, exitPreflight, []string{"refuses the connection", "Name the system"}},
		"wrong base path":         {[]string{"--config", targetFile(t, other.URL()+"/elsewhere", "")}, password, exitPreflight, []string{"base path", "Nothing was tested"}},
		"wrong password":          {[]string{"--config", targetFile(t, other.URL(), "")}, []string{"STAGING_PASSWORD=wrong"}, exitPreflight, []string{"Logging in does not work", "account", "Nothing was tested"}},
		"wrong second password":   {[]string{"--config", written(t, "two.yaml", strings.Replace(two, "URL", other.URL(), 1))}, append(password, "SECOND=out-of-date"), exitPreflight, []string{"Logging in does not work", "as jane.doe", "Nothing was tested"}},
		"self-signed":             {[]string{"--config", targetFile(t, tls.URL, "")}, password, exitPreflight, []string{"self-signed", "ca: FILE"}},
		"hangs":                   {[]string{"--config", targetFile(t, hangs.URL, ""), "--timeout", "300ms"}, password, exitPreflight, []string{"hangs", "timeout"}},
		"answers HTML":            {[]string{"--config", targetFile(t, html.URL, "")}, password, exitPreflight, []string{"a web page", "Nothing was tested"}},
		"malformed config":        {[]string{"--config", written(t, "t.yaml", "contract: "+system+"\nurl: [\n")}, nil, exitUsage, []string{"t.yaml"}},
		"config of unknown words": {[]string{"--config", targetFile(t, mock.URL(), "acounts: {}\n")}, password, exitUsage, []string{`did you mean "accounts"?`, "target.yaml:7"}},
		"secret is not set":       {[]string{"--config", targetFile(t, mock.URL(), "")}, nil, exitUsage, []string{"STAGING_PASSWORD is not set", "export STAGING_PASSWORD"}},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			o := conform(t, c.env, append([]string{"server"}, c.args...)...).want(t, c.code, c.says...)
			if strings.Contains(o.stdout+o.stderr, demoPassword) {
				t.Errorf("it says the password: %s%s", o.stdout, o.stderr)
			}
			if took := time.Since(start); took > 15*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A target that looks well, and then says nothing any more, costs a handful of
// timeouts and not one a case.
func TestATargetThatStopsAnsweringIsGivenUp(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system), mockserver.AdminApart(), mockserver.NoDiagnostics())
	u, err := url.Parse(mock.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	for _, more := range [][]string{nil, {"-p", "2"}} {
		var served atomic.Int64
		ended := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if served.Add(1) > 30 {
				select {
				case <-r.Context().Done():
				case <-ended:
				}
				return
			}
			proxy.ServeHTTP(w, r)
		}))
		args := append([]string{"server", "--config", targetFile(t, server.URL, ""), "--timeout", "200ms"}, more...)
		conform(t, []string{asConform, "STAGING_PASSWORD=" + demoPassword}, args...).want(t, exitFails, "the target stopped answering: in 5 cases in a row")
		close(ended)
		server.Close()
	}
}

// free is an address at which nothing listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestACertificateOfOnesOwnIsTrustedWhenToldSo(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system), mockserver.AdminApart())
	server := httptest.NewTLSServer(mock)
	t.Cleanup(server.Close)
	ca := written(t, "ca.pem", pemOf(server.Certificate().Raw))
	conform(t, []string{"STAGING_PASSWORD=" + demoPassword}, "server", "--config", targetFile(t, server.URL, ""), "--ca", ca, "--focus", opens).want(t, exitOK, "conforms to")
}

func TestUsage(t *testing.T) {
	// Ledgers of the one who runs this test are none of its business.
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	mock := mockserver.Start(t, mockserver.System(system))
	u := mock.URL()
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"", exitOK, "checks that a server does what its contract promises"},
		{"sever", exitUsage, `unknown command "sever"`},
		{"server", exitUsage, "which server? --url"},
		{"server " + system, exitUsage, "which server? --url"},
		{"server jmap-sever --url " + u, exitUsage, `did you mean "jmap-server"?`},
		{"server a b --url " + u, exitUsage, "at most 1 arg"},
		{"server ./nowhere --url " + u, exitUsage, "cannot be read"},
		{"server --url 127.0.0.1:1", exitUsage, "try http://127.0.0.1:1"},
		{"server --url ftp://127.0.0.1", exitUsage, "http or https"},
		{"server --url http://u:p@h", exitUsage, "accounts stand in the target file"},
		{"server --url http://h/?a=b", exitUsage, "query"},
		{"server --url http://", exitUsage, "has no host"},
		{"server --url " + u + " --timeout soon", exitUsage, "500ms, 10s"},
		{"server --url " + u + " --timeout -1s", exitUsage, "--timeout"},
		{"server --url " + u + " -p 0", exitUsage, "from 1 to 64"},
		{"server --url " + u + " -p many", exitUsage, `invalid argument "many"`},
		{"server --url " + u + " --seed x", exitUsage, `invalid argument "x"`},
		{"server --url " + u + " --json --verbose", exitUsage, "leave --verbose out"},
		{"server --url " + u + " --json --github", exitUsage, "--report DIR"},
		{"server --url " + u + " --header nothing", exitUsage, "NAME: VALUE"},
		{"server --url " + u + " --known /nowhere.yaml", exitUsage, "known failures"},
		{"server --url " + u + " --config /nowhere.yaml", exitUsage, "cannot be read"},
		{"server --url " + u + " --ca /nowhere.pem", exitUsage, "nowhere.pem"},
		{"server " + system + " --url " + u + " --profile nothing", exitUsage, "has no profile"},
		{"server " + system + " --url " + u + " --set nothing=1", exitUsage, `has no setting "nothing"`},
		{"server " + system + " --url " + u + " --set nothing", exitUsage, "KEY=VALUE"},
		{"server --url " + u + " --worker 1", exitUsage, "-p runs several"},
		{"server --url " + u + " --focus (", exitUsage, "--focus ("},
		{"server --url " + u + " --label a&&", exitUsage, "an example that works"},
		{"server --url " + u + " --focus opnSession", exitNothing, `did you mean "openSession"?`},
		{"server --url " + u + " --skip opnSession", exitNothing, `did you mean "openSession"?`},
		{"server --url " + u + " --label severity:mut", exitNothing, `did you mean "severity:must"?`},
		{"server --url " + u + " --focus openSession --skip openSession", exitNothing, "no case fits all of this together"},
		{"list", exitUsage, "which system?"},
		{"list " + system + " --focus opnSession", exitNothing, `did you mean "openSession"?`},
		{"explain", exitUsage, "which case?"},
		{"explain " + system + ".opnSession", exitNothing, "there is no case"},
		{"explain nothing.like.it", exitUsage, "begins with no system"},
		{"replay", exitUsage, "which case?"},
		{"replay " + system + "." + opens, exitUsage, "which server?"},
		{"replay " + system + "." + opens + " --from /nowhere.json", exitUsage, "writes DIR/results.json"},
		{"baseline --from /nowhere.json", exitUsage, "writes DIR/results.json"},
		{"init", exitUsage, "for which contract?"},
		{"init nothing", exitUsage, "there is no system"},
		{"schema nothing", exitUsage, "one of: driver, results, target"},
		{"version x", exitUsage, "unknown command"},
		{"version", exitOK, "contract format 1"},
		{"cleanup --ledger /nowhere", exitUsage, "cannot be read"},
		{"cleanup", exitOK, "nothing is left open"},
		{"mutate --least heavy", exitUsage, "MUST, SHOULD or MAY"},
		{"mutate --only (", exitUsage, "--only"},
		{"mutate " + system + " --only nothing-like-it", exitNothing, "no mutant fits"},
		{"mutate --json --markdown", exitUsage, "not both"},
		{"doctor", exitUsage, "which server?"},
	} {
		t.Run(c.args, func(t *testing.T) {
			o := conform(t, nil, strings.Fields(c.args)...).want(t, c.code, c.says)
			if c.code == exitUsage && !strings.HasPrefix(o.stderr, "conform: ") {
				t.Errorf("stderr: %s", o.stderr)
			}
		})
	}
}

func TestEachCommandHasHelpWithAnExample(t *testing.T) {
	for _, name := range []string{"server", "doctor", "init", "list", "explain", "replay", "baseline", "cleanup", "mutate", "schema"} {
		o := conform(t, nil, name, "--help").want(t, exitOK, "Examples:", "conform "+name)
		if strings.Contains(o.stdout, "worker") {
			t.Errorf("%s shows a flag of our own", name)
		}
		for _, line := range strings.Split(o.stdout, "\n") {
			if !strings.HasPrefix(line, "  -") && !strings.Contains(line, "--") && len(line) > 100 {
				t.Errorf("%s --help has a line of %d characters: %s", name, len(line), line)
			}
		}
	}
}

func TestAllSystemsOfAMockAreRunOneAfterAnother(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system), mockserver.System("crmcom"))
	dir := t.TempDir()
	for _, args := range [][]string{{}, {"all"}} {
		o := conform(t, nil, append([]string{"server", "--url", mock.URL(), "--label", "severity:must", "--report", dir}, args...)...).want(t, exitOK, "crmcom", system)
		if n := strings.Count(o.stdout, "conforms to"); n != 2 {
			t.Errorf("%d systems conform:\n%s", n, o.stdout)
		}
	}
	for _, name := range []string{system + "/results.json", "crmcom/report.html", "summary.md"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	o := conform(t, nil, "server", "--url", mock.URL(), "--focus", opens, "--focus", "crmcom.*severity", "--json")
	o.want(t, exitNothing, "crmcom.*severity")
	o = conform(t, nil, "server", "--url", mock.URL(), "--label", "severity:must", "--json").want(t, exitOK)
	var all []conformance.Result
	if err := json.Unmarshal([]byte(o.stdout), &all); err != nil || len(all) != 2 {
		t.Errorf("%v: %.200s", err, o.stdout)
	}
	// The exit code is that of the worst.
	base := bent(t, mock, slip)
	conform(t, nil, "server", "--url", base, "--label", "severity:must").want(t, exitFails, "does not conform", "conforms to")
	conform(t, nil, "server", "--url", base, "--profile", "x").want(t, exitUsage, "Name one")
}

func TestKnownFailuresDoNotFailTheRunUntilTheyAreStale(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system))
	base := bent(t, mock, slip)
	dir := t.TempDir()
	known := filepath.Join(dir, "known.yaml")
	conform(t, nil, "server", system, "--url", base, "--report", dir, "--focus", opens).want(t, exitFails)
	conform(t, nil, "baseline", "--from", filepath.Join(dir, "results.json"), "-o", known, "--reason", "told the vendor").want(t, exitOK, "known failure")
	text, _ := os.ReadFile(known)
	if !strings.Contains(string(text), system+"."+opens) || !strings.Contains(string(text), "told the vendor") {
		t.Errorf("%s", text)
	}
	conform(t, nil, "server", system, "--url", base, "--known", known, "--focus", opens).want(t, exitOK, "known", "except for")
	// The server was mended: the list is stale.
	conform(t, nil, "server", system, "--url", mock.URL(), "--known", known, "--focus", opens).want(t, exitStale, "take it off the list")
	// What fails beside it still fails.
	conform(t, nil, "server", system, "--url", base, "--known", written(t, "k.yaml", "- {id: "+system+"."+opens+", reason: r}\n"), "--focus", opens).want(t, exitFails)
	for name, c := range map[string][2]string{
		"no case":                    {"- {id: " + system + ".nothing, reason: r}\n", "is no case"},
		"expired":                    {"- {id: " + system + ".openSession.credentials.wrong.user, reason: r, expires: 2020-01-01}\n", "expired on 2020-01-01"},
		"a system that there is not": {"- {id: jmap-sever.nothing, reason: r}\n", "is no case"},
	} {
		t.Run(name, func(t *testing.T) {
			conform(t, nil, "server", system, "--url", mock.URL(), "--known", written(t, "k.yaml", c[0]), "--focus", "listProjects").want(t, exitStale, c[1])
		})
	}
	// Entries of other systems are for other runs.
	conform(t, nil, "server", system, "--url", mock.URL(), "--known", written(t, "k.yaml", "- {id: wedia.nothing, reason: r}\n"), "--focus", opens).want(t, exitOK)
	// A baseline from a run drops what passes and keeps what is said.
	kept := written(t, "kept.yaml", "- {id: "+system+"."+opens+", reason: mine, ticket: T-1}\n- {id: "+system+".openAdminSession.adminOpened, reason: gone}\n")
	conform(t, nil, "baseline", system, "--url", base, "-o", kept).want(t, exitOK)
	text, _ = os.ReadFile(kept)
	if s := string(text); !strings.Contains(s, "T-1") || strings.Contains(s, "gone") || !strings.Contains(s, "not yet looked at") {
		t.Errorf("%.1500s", s)
	}
}

func TestSeveralProcessesGiveOneResult(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system), mockserver.System("crmcom"))
	env := append(os.Environ(), asConform, "GORACE=atexit_sleep_ms=0")
	dir := t.TempDir()
	conform(t, env, "server", "--url", mock.URL(), "-p", "2", "--seed", "3", "--report", dir).want(t, exitOK, "conforms to")
	one, err := readResult(filepath.Join(dir, system, "results.json"))
	if err != nil || len(one.Verdicts) < 50 || one.Seed != 3 || one.Used.Requests < 50 {
		t.Errorf("%v: %+v", err, one)
	}
	base := bent(t, mock, slip)
	conform(t, env, "server", system, "--url", base, "-p", "3", "--focus", opens).want(t, exitFails, "does not conform")
}

func TestAnInterruptCleansUpAndReports(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system))
	for _, processes := range []string{"1", "2"} {
		t.Run(processes+" processes", func(t *testing.T) {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			// Some seconds after the first answer: the cases take longer, also on a
			// slow machine.
			var answered atomic.Int32
			base := bent(t, mock, func(*http.Response) {
				if answered.Add(1) == 1 {
					time.AfterFunc(4*time.Second, cancel)
				}
				time.Sleep(150 * time.Millisecond)
			})
			var out, errs stream
			env := append(os.Environ(), asConform, "GORACE=atexit_sleep_ms=0", "XDG_CACHE_HOME="+t.TempDir())
			code := run(ctx, []string{"server", system, "--url", base, "--report", dir, "-p", processes}, env, &out, &errs)
			outcome{code, out.String(), errs.String()}.want(t, exitInterrupted)
			r, err := readResult(filepath.Join(dir, "results.json"))
			if err != nil || !r.Interrupted || r.Counts()[conformance.Interrupted] == 0 || r.Ran() == 0 {
				t.Fatalf("%v: %+v", err, r.Counts())
			}
			if worlds := mock.Worlds(); len(worlds) != 1 {
				t.Errorf("%d worlds are left", len(worlds))
			}
		})
	}
}

// A server that hides that it is a mock is treated as one that is not ours:
// sessions are closed one by one, budgets hold, and nothing is left.
func TestAServerThatIsNotOursIsLeftAsItWas(t *testing.T) {
	mock, file, env := staging(t, "")
	cache := t.TempDir()
	var out, errs stream
	code := run(t.Context(), []string{"server", "--config", file}, append(env, "XDG_CACHE_HOME="+cache, "HOME="+cache), &out, &errs)
	o := outcome{code, out.String(), errs.String()}
	if code != exitOK && code != exitFails {
		o.want(t, exitOK)
	}
	if sessions, _, err := mock.Default().Counts(system); err != nil || sessions != 0 {
		t.Errorf("%d sessions are left, %v\n%s", sessions, err, o.stdout)
	}
	if strings.Contains(o.stdout+o.stderr, demoPassword) {
		t.Error("the password is said")
	}
	left := 0
	_ = filepath.WalkDir(cache, func(_ string, d os.DirEntry, _ error) error {
		if !d.IsDir() {
			left++
		}
		return nil
	})
	if left != 0 {
		t.Errorf("%d files are left in the cache", left)
	}
}

func TestThePlanIsSaidBeforeAnythingIsSent(t *testing.T) {
	mock, file, env := staging(t, "")
	conform(t, env, "server", "--config", file, "--plan").want(t, exitOK, "wrong password", "opens", "(at most 2)", "excluded")
	if n := len(mock.Journal()); n > 1 { // one question whether it is a mock of ours
		t.Errorf("%d requests were sent", n)
	}
	conform(t, nil, "server", system, "--plan").want(t, exitOK, "a mock of ours")
}

func TestFlagsOfServer(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system))
	base := bent(t, mock, slip)
	focus := []string{"--focus", opens}
	server := func(t *testing.T, base string, env []string, more ...string) outcome {
		return conform(t, env, append([]string{"server", system, "--url", base}, more...)...)
	}
	t.Run("json", func(t *testing.T) {
		o := server(t, base, nil, append(focus, "--json")...).want(t, exitFails)
		if r, err := conformance.Decode([]byte(o.stdout)); err != nil || r.Counts()[conformance.Failed] == 0 || r.Filter == "" {
			t.Errorf("%v: %.300s", err, o.stdout)
		}
	})
	t.Run("verbose", func(t *testing.T) {
		o := server(t, base, nil, append(focus, "--verbose")...).want(t, exitFails, "> POST http://", "FINE", "[masked]")
		if strings.Contains(o.stdout, demoPassword) {
			t.Error("a password is said")
		}
	})
	t.Run("fail-fast", func(t *testing.T) {
		o := server(t, base, nil, "--fail-fast", "--json").want(t, exitFails)
		r, err := conformance.Decode([]byte(o.stdout))
		if err != nil || r.Counts()[conformance.Interrupted] == 0 || r.Interrupted {
			t.Errorf("%v: %v", err, r.Counts())
		}
	})
	t.Run("seed", func(t *testing.T) {
		o := server(t, mock.URL(), nil, "--label", "severity:must", "--seed", "9", "--json").want(t, exitOK)
		if r, err := conformance.Decode([]byte(o.stdout)); err != nil || r.Seed != 9 {
			t.Errorf("%v", err)
		}
	})
	t.Run("strict", func(t *testing.T) {
		// That a wrong password is answered with 403 was only observed: a SHOULD.
		odd := bent(t, mock, func(r *http.Response) {
			if r.StatusCode == http.StatusForbidden {
				r.StatusCode, r.Status = http.StatusPaymentRequired, "402 Payment Required"
			}
		})
		wrong := []string{"--focus", "openSession.credentials.wrong"}
		plain, strict := server(t, odd, nil, wrong...), server(t, odd, nil, append(wrong, "--strict")...)
		if plain.code != exitOK || strict.code != exitFails {
			t.Errorf("exit codes %d, with --strict %d\n%s", plain.code, strict.code, strict.stdout)
		}
	})
	t.Run("github", func(t *testing.T) {
		summary := filepath.Join(t.TempDir(), "summary.md")
		server(t, base, []string{"GITHUB_STEP_SUMMARY=" + summary}, append(focus, "--github")...).want(t, exitFails, "::error ")
		if b, err := os.ReadFile(summary); err != nil || !strings.Contains(string(b), "does not conform") {
			t.Errorf("%v: %s", err, b)
		}
	})
	t.Run("variables", func(t *testing.T) {
		conform(t, []string{"CONFORM_URL=" + mock.URL(), "CONFORM_FOCUS=" + opens + ",listProjects", "CONFORM_STRICT=true"}, "server", system).want(t, exitOK, "conforms to")
		conform(t, []string{"CONFORM_URL=" + mock.URL(), "CONFORM_SEED=x"}, "server", system).want(t, exitUsage, "CONFORM_SEED")
		// The flag wins.
		conform(t, []string{"CONFORM_URL=http://" + free(t)}, append([]string{"server", system, "--url", mock.URL()}, focus...)...).want(t, exitOK)
	})
	t.Run("header", func(t *testing.T) {
		var mu sync.Mutex
		seen := map[string]int{}
		gate := bent(t, mock, func(r *http.Response) {
			mu.Lock()
			defer mu.Unlock()
			seen[r.Request.Header.Get("X-Gateway")]++
		})
		server(t, gate, nil, append(focus, "--header", "X-Gateway: opensesame")...).want(t, exitOK)
		if seen[""] > 0 || seen["opensesame"] == 0 {
			t.Errorf("%v", seen)
		}
	})
	t.Run("control-token", func(t *testing.T) {
		locked := mockserver.Start(t, mockserver.System(system), mockserver.AdminToken("let-me-in"))
		server(t, locked.URL(), nil, focus...).want(t, exitPreflight, "token")
		o := server(t, locked.URL(), []string{"CONFORM_CONTROL_TOKEN=let-me-in"}, focus...).want(t, exitOK)
		if strings.Contains(o.stdout+o.stderr, "let-me-in") {
			t.Error("the token is said")
		}
	})
	t.Run("profile and set", func(t *testing.T) {
		o := server(t, mock.URL(), nil, append(focus, "--set", firstSetting(t), "--json")...)
		if o.code == exitUsage {
			t.Error(o.stderr)
		}
	})
	t.Run("ledger", func(t *testing.T) {
		_, file, env := staging(t, "")
		path := filepath.Join(t.TempDir(), "run.ledger")
		conform(t, env, "server", "--config", file, "--focus", opens, "--ledger", path).want(t, exitOK)
		if _, err := os.Stat(path); err == nil {
			t.Error("the ledger stays, though nothing is open")
		}
	})
}

// firstSetting is a setting of the system with its default.
func firstSetting(t *testing.T) string {
	t.Helper()
	c, err := contract(system)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Settings {
		if s.Type == "boolean" {
			return fmt.Sprintf("%s=%v", s.Name, s.Default)
		}
	}
	t.Fatal("no boolean setting: another system must be taken for this test")
	return ""
}

func TestListAndExplain(t *testing.T) {
	o := conform(t, nil, "list", system).want(t, exitOK, "MUST", system+"."+opens)
	lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
	o = conform(t, nil, "list", system, "--json").want(t, exitOK)
	var all []listed
	if err := json.Unmarshal([]byte(o.stdout), &all); err != nil || len(all) != len(lines) || len(all[0].Labels) == 0 {
		t.Fatalf("%v: %d and %d lines", err, len(all), len(lines))
	}
	o = conform(t, nil, "explain", system+"."+opens).want(t, exitOK, "MUST, since it is documented", "The rule", "/paths/", "How it is caused", "If a server fails it", "conform replay", "Labels: ")
	if !regexp.MustCompile(`openapi\.yaml:\d+`).MatchString(o.stdout) {
		t.Errorf("no line of the contract: %s", o.stdout)
	}
	conform(t, nil, "explain", system+".openSesion.sessionOpened").want(t, exitNothing, `did you mean "`+system+"."+opens)
	// A contract of one's own.
	own := filepath.Join("..", "..", "testdata", "contracts", "bookshop")
	conform(t, nil, "list", own).want(t, exitOK, "bookshop.login")
	conform(t, nil, "explain", "bookshop.login.tokens", "--contract", own).want(t, exitOK, "bookshop")
	mock := mockserver.Start(t, mockserver.File(own))
	conform(t, nil, "server", own, "--url", mock.URL(), "--focus", "bookshop.login.tokens").want(t, exitOK, "conforms to")
	conform(t, nil, "list", "../../testdata/contracts/broken").want(t, exitUsage)
}

func TestReplay(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system))
	base := bent(t, mock, slip)
	id := system + "." + opens
	conform(t, nil, "replay", id, "--url", mock.URL()).want(t, exitOK, "> POST", "< 200", "passed")
	conform(t, nil, "replay", id, "--url", base).want(t, exitFails, "FINE")
	dir := t.TempDir()
	conform(t, nil, "server", system, "--url", base, "--report", dir, "--focus", opens).want(t, exitFails)
	from := filepath.Join(dir, "results.json")
	conform(t, nil, "replay", id, "--from", from).want(t, exitFails, "as before: failed")
	conform(t, nil, "replay", id, "--from", from, "--url", mock.URL()).want(t, exitOK, "before: failed, now: passed")
	conform(t, nil, "replay", id+"x", "--from", from).want(t, exitNothing, "did you mean")
}

func TestInitWritesAFileThatDoctorReads(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system), mockserver.AdminApart())
	path := filepath.Join(t.TempDir(), "target.yaml")
	conform(t, nil, "init", system, "-o", path).want(t, exitOK, "conform doctor --config")
	conform(t, nil, "init", system, "-o", path).want(t, exitUsage, "is there already")
	conform(t, nil, "doctor", "--config", path).want(t, exitUsage, "is not set")
	var env []string
	text, _ := os.ReadFile(path)
	for _, m := range regexp.MustCompile(`(?m)^[^#\n]*\{env: (\w+)\}`).FindAllStringSubmatch(string(text), -1) {
		v := "userTest1"
		switch {
		case strings.Contains(m[1], "ADMIN") && strings.Contains(m[1], "PASSWORD"):
			v = "demo-administrator"
		case strings.Contains(m[1], "ADMIN"):
			v = "administrator"
		case strings.Contains(m[1], "PASSWORD"):
			v = demoPassword
		}
		env = append(env, m[1]+"="+v)
	}
	conform(t, env, "doctor", "--config", path, "--url", mock.URL()).want(t, exitOK, "ok reachable", "ok log in")
	o := conform(t, env, "doctor", "--config", path, "--url", mock.URL(), "--json").want(t, exitOK)
	var checks map[string][]conformance.Check
	if err := json.Unmarshal([]byte(o.stdout), &checks); err != nil || len(checks[system]) < 4 {
		t.Errorf("%v: %s", err, o.stdout)
	}
	conform(t, env, "server", "crmcom", "--config", path).want(t, exitUsage, "leave one of them out")
	conform(t, env, "server", "all", "--config", path).want(t, exitUsage, `leave "all" out`)
	conform(t, nil, "init", system).want(t, exitOK, "contract: "+system)
}

// What a run that was killed left open is closed by cleanup, and by nobody who
// has other secrets.
func TestCleanup(t *testing.T) {
	mock, file, env := staging(t, "")
	x := &app{environ: env, stdout: io.Discard, stderr: io.Discard}
	aims, err := x.aims(t.Context(), nil, aimFlags{config: file}, false)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "run.ledger")
	ledger, err := x.openLedger(aims[0], path)
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.Opened("1", conformance.Closer{Case: "a.case", Requests: []conformance.CloseRequest{{Method: "GET", URL: mock.URL() + "/nowhere"}}}); err != nil {
		t.Fatal(err)
	}
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
	conform(t, env, "cleanup", "--ledger", path).want(t, exitFails, "a.case", "1 session left open")
	conform(t, []string{"STAGING_PASSWORD=other"}, "cleanup", "--config", file, "--ledger", path).want(t, exitUsage)
	conform(t, env, "cleanup", "--config", file, "--ledger", path).want(t, exitOK, "a.case", "nothing is left open")
}

func TestSchemas(t *testing.T) {
	for _, args := range [][]string{{"schema"}, {"schema", "target"}, {"schema", "results"}} {
		o := conform(t, nil, args...).want(t, exitOK, "2020-12")
		if !json.Valid([]byte(o.stdout)) {
			t.Errorf("%v is no JSON", args)
		}
	}
}

func TestMutate(t *testing.T) {
	o := conform(t, nil, "mutate", system, "--only", "closeSession", "--json")
	if o.code != exitOK && o.code != exitFails {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
	var reports []map[string]any
	if err := json.Unmarshal([]byte(o.stdout), &reports); err != nil || len(reports) != 1 {
		t.Errorf("%v: %.200s", err, o.stdout)
	}
}

// Colour and redrawing are for terminals.
func TestNothingButTextGoesToAFile(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system))
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	run(t.Context(), []string{"server", system, "--url", mock.URL(), "--focus", opens}, nil, file, file)
	b, err := os.ReadFile(file.Name())
	if err != nil || bytes.Contains(b, []byte("\x1b")) || len(b) == 0 {
		t.Errorf("%v: %q", err, b)
	}
}

func TestTheSecondInterruptEndsAtOnce(t *testing.T) {
	code := make(chan int, 1)
	var errs stream
	ctx, stop := interrupts(&errs, func(c int) { code <- c })
	defer stop()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(os.Interrupt); err != nil {
		t.Skip(err)
	}
	<-ctx.Done()
	if !strings.Contains(errs.String(), "cleaning up") {
		t.Errorf("stderr: %s", errs.String())
	}
	if err := self.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if c := <-code; c != exitInterrupted {
		t.Errorf("exit code %d", c)
	}
}

func TestTheJUnitFileIsXML(t *testing.T) {
	mock := mockserver.Start(t, mockserver.System(system))
	dir := t.TempDir()
	conform(t, nil, "server", system, "--url", bent(t, mock, slip), "--focus", opens, "--report", dir).want(t, exitFails)
	b, err := os.ReadFile(filepath.Join(dir, "junit.xml"))
	var document struct{ XMLName xml.Name }
	if err != nil || xml.Unmarshal(b, &document) != nil || !bytes.Contains(b, []byte("<failure")) {
		t.Errorf("%v: %.300s", err, b)
	}
}

func TestCommandsThatAReportShowsNameTheServerAgain(t *testing.T) {
	_, file, env := staging(t, "")
	dir := t.TempDir()
	conform(t, env, "server", "--config", file, "--focus", opens, "--report", dir, "--set", "admin=false").want(t, exitOK)
	b, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"again": "--config `, file, "--set admin=false"} {
		if !strings.Contains(string(b), part) {
			t.Errorf("results.json does not hold %s", part)
		}
	}
	// The case is one of those that need an account, and nobody said who has one.
	conform(t, env, "replay", system+"."+opens, "--from", filepath.Join(dir, "results.json")).want(t, exitNothing, "Nobody may log in", "conform list")
	conform(t, nil, "explain", system+".openSession.nothingLikeIt").want(t, exitNothing, system+".openSession.")
}

func TestACapabilityThatMeansNoCaseIsAnError(t *testing.T) {
	_, file, env := staging(t, "capabilities: {without: [op:nothing, op:openSession]}\n")
	conform(t, env, "server", "--config", file).want(t, exitUsage, "capabilities.without says op:nothing, and")
}
