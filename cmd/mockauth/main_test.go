package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/specs"
)

// stream is a standard stream that can be read while it is written.
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

// once runs a command that ends by itself.
func once(args []string, env ...string) (code int, stdout, stderr string) {
	var out, errs stream
	code = run(context.Background(), args, env, &out, &errs)
	return code, out.String(), errs.String()
}

// running is a server under test.
type running struct {
	t              *testing.T
	url            string
	stdout, stderr *stream
	cancel         context.CancelFunc
	code           chan int
}

// patience is how long anything may take on a busy machine before a test gives
// up.
const patience = 20 * time.Second

// start runs serve until the test ends, and waits for its address.
func start(t *testing.T, args []string, env ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, stdout: &stream{}, stderr: &stream{}, cancel: cancel, code: make(chan int, 1)}
	go func() { r.code <- run(ctx, append([]string{"serve"}, args...), env, r.stdout, r.stderr) }()
	t.Cleanup(cancel)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		line, _, complete := strings.Cut(r.stdout.String(), "\n")
		if url, ok := strings.CutPrefix(line, "listening url="); ok && complete {
			r.url = url
			return r
		}
		select {
		case code := <-r.code:
			t.Fatalf("serve %v ended with %d: %s", args, code, r.stderr)
		default:
		}
	}
	t.Fatalf("serve %v does not listen: %s", args, r.stderr)
	return nil
}

// stop ends the server as Ctrl-C does and returns the exit code.
func (r *running) stop() int {
	r.t.Helper()
	r.cancel()
	select {
	case code := <-r.code:
		return code
	case <-time.After(patience):
		r.t.Fatal("the server does not end")
		return -1
	}
}

// get is status, headers and body of a GET.
func (r *running) get(target string, header ...string) (int, http.Header, string) {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodGet, target, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}

// login is the ordinary user's, frozen in time so that it depends on the seed
// alone.
func (r *running) login() (http.Header, string) {
	r.t.Helper()
	for _, call := range [][3]string{
		{"/__admin/clock", "application/json", `{"freeze":"2026-01-01T00:00:00Z"}`},
		{"/api/rest/signin", "application/x-www-form-urlencoded", url.Values{"login": {"john.roe"}, "password": {"demo-john"}}.Encode()},
	} {
		res, err := http.Post(r.url+call[0], call[1], strings.NewReader(call[2]))
		if err != nil {
			r.t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode >= 300 {
			r.t.Fatalf("%s: %d %s %v", call[0], res.StatusCode, body, err)
		}
		if strings.HasSuffix(call[0], "signin") {
			return res.Header, string(body)
		}
	}
	return nil, ""
}

// freePort is a port that stays free: one below those that the system hands out
// by itself, which another test may be given the next moment.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20000 + rand.IntN(10000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port from 20000 to 29999 is free")
	return ""
}

func temporary(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }

// flagCase is one flag of serve: a value, another that must lose, and whether
// the value is in force.
type flagCase struct {
	value, other string
	holds        func(r *running, value string) bool
}

func flagCases(t *testing.T) map[string]flagCase {
	port := func(r *running, v string) bool { return strings.HasSuffix(r.url, ":"+v) }
	setting := func(member string) func(*running, string) bool {
		return func(r *running, v string) bool {
			_, want, _ := strings.Cut(v, "=")
			_, _, body := r.get(r.url + "/__admin/settings/wedia")
			return strings.Contains(body, fmt.Sprintf("%q:%q", member, want))
		}
	}
	status := func(r *running, target string, header ...string) int {
		s, _, _ := r.get(target, header...)
		return s
	}
	reference := map[string]string{}
	for _, seed := range []string{"7", "8"} {
		r := start(t, []string{"wedia", "--port=0", "--seed=" + seed})
		_, reference[seed] = r.login()
		r.stop()
	}
	return map[string]flagCase{
		"host": {"localhost", "192.0.2.1", func(r *running, v string) bool { return status(r, r.url+"/__admin/health") == 200 }},
		"port": {freePort(t), freePort(t), port},
		"admin-port": {freePort(t), freePort(t), func(r *running, v string) bool {
			res, err := http.Get("http://127.0.0.1:" + v + "/__admin/systems")
			if err != nil {
				return false
			}
			defer func() { _ = res.Body.Close() }()
			body, err := io.ReadAll(res.Body)
			return err == nil && res.StatusCode == 200 && strings.Contains(string(body), r.url+`"`) && status(r, r.url+"/__admin/health") == 404
		}},
		"admin-token": {"one", "two", func(r *running, v string) bool {
			return status(r, r.url+"/__admin/systems") == 401 && status(r, r.url+"/__admin/systems", "Authorization", "Bearer "+v) == 200
		}},
		"ready-file": {temporary(t, "a"), temporary(t, "b"), func(r *running, v string) bool {
			for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
				if data, err := os.ReadFile(v); err == nil {
					return string(data) == r.url+"\n"
				}
			}
			return false
		}},
		"seed": {"7", "8", func(r *running, v string) bool {
			_, body := r.login()
			return token(body) == token(reference[v])
		}},
		"profile": {"wedia=seed-example", "wedia=test", setting("profile")},
		"set":     {"wedia.tokenShortLifeTime=7m0s", "wedia.tokenShortLifeTime=8m0s", setting("tokenShortLifeTime")},
		"accounts": {"testdata/accounts.yaml", "testdata/no-accounts.yaml", func(r *running, _ string) bool {
			_, _, body := r.get(r.url + "/__admin/systems")
			return strings.Contains(body, "demo-own") && strings.Contains(body, "demo-john")
		}},
		"log-format": {"json", "text", func(r *running, _ string) bool {
			r.login()
			return json.Valid([]byte(firstLine(r.stderr.String())))
		}},
		"quiet": {"true", "false", func(r *running, _ string) bool {
			r.login()
			return strings.Count(r.stdout.String(), "\n") == 1 && r.stderr.String() == ""
		}},
		"no-diagnostics": {"true", "false", func(r *running, _ string) bool {
			h, _ := r.login()
			return h.Get("Mockauth-Outcome") == ""
		}},
	}
}

// token is the id of the refresh token in a login's answer: all else in it is
// the same for every seed.
func token(body string) string {
	var answer struct {
		RefreshToken string `json:"refreshToken"`
	}
	var claims struct {
		ID string `json:"jti"`
	}
	if json.Unmarshal([]byte(body), &answer) == nil {
		if parts := strings.Split(answer.RefreshToken, "."); len(parts) == 3 {
			if payload, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil && json.Unmarshal(payload, &claims) == nil && claims.ID != "" {
				return claims.ID
			}
		}
	}
	return "none in " + body
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func TestEveryFlagHasItsVariableAndTheFlagWins(t *testing.T) {
	cases := flagCases(t)
	serveCommand(nil).Flags().VisitAll(func(f *pflag.Flag) {
		if _, ok := cases[f.Name]; !ok && f.Name != "help" {
			t.Errorf("the flag --%s is not tested", f.Name)
		}
	})
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			variable := "MOCKAUTH_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
			base := []string{"wedia"}
			if name != "port" {
				base = append(base, "--port=0")
			}
			try := func(how, flag, value string, want bool) {
				t.Helper()
				args := base
				var env []string
				if flag != "" {
					args = append(args[:len(args):len(args)], "--"+name+"="+flag)
				}
				if value != "" {
					env = append(env, variable+"="+value)
				}
				r := start(t, args, env...)
				if got := c.holds(r, c.value); got != want {
					t.Errorf("%s: in force is %v, want %v\n%s%s", how, got, want, r.stdout, r.stderr)
				}
				if code := r.stop(); code != 0 {
					t.Errorf("%s: exit code %d", how, code)
				}
			}
			try("the flag", c.value, "", true)
			try("the variable", "", c.value, true)
			try("the flag against the variable", c.value, c.other, true)
			switch name {
			case "host":
				code, _, stderr := once(append([]string{"serve"}, base...), variable+"="+c.other)
				if code != exitServe || !strings.Contains(stderr, c.other) {
					t.Errorf("the other value in the variable: exit code %d, %s", code, stderr)
				}
			case "accounts":
				code, _, stderr := once(append([]string{"serve"}, base...), variable+"="+c.other)
				if code != exitUsage || !strings.Contains(stderr, c.other) {
					t.Errorf("the other value in the variable: exit code %d, %s", code, stderr)
				}
			default:
				try("the other value in the variable", "", c.other, false)
			}
		})
	}
}

func TestAVariableTakesSeveralValuesDividedByCommas(t *testing.T) {
	r := start(t, []string{"wedia", "crmcom"}, "MOCKAUTH_PORT=0", "MOCKAUTH_PROFILE=wedia=seed-example,crmcom=r9", "MOCKAUTH_SET=wedia.tokenShortLifeTime=7m,wedia.tokenLongLifeTime=9h")
	for path, want := range map[string][]string{
		"wedia": {`"profile":"seed-example"`, `"tokenShortLifeTime":"7m0s"`, `"tokenLongLifeTime":"9h0m0s"`}, "crmcom": {`"profile":"r9"`},
	} {
		_, _, body := r.get(r.url + "/__admin/settings/" + path)
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s: no %s in %s", path, w, body)
			}
		}
	}
}

func TestAWrongCommandLineIsSaidInOneLine(t *testing.T) {
	var file struct {
		Lines []struct {
			Args, Env []string
			Code      int
			Says, Try string
		}
	}
	data, err := os.ReadFile("testdata/usage.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for _, l := range file.Lines {
		code, _, stderr := once(l.Args, l.Env...)
		line, rest, _ := strings.Cut(stderr, "\n")
		want := ""
		if l.Try != "" {
			want = "Try: " + l.Try + "\n"
		}
		if code != l.Code || !strings.HasPrefix(line, "mockauth: ") || !strings.Contains(line, l.Says) || rest != want {
			t.Errorf("%v %v: exit code %d, want %d; stderr:\n%swant one line with %s\n%s", l.Args, l.Env, code, l.Code, stderr, l.Says, want)
		}
	}
}

func TestAPortInUseIsSaidInOneLine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for flag, args := range map[string][]string{"--port": {"--port", port}, "--admin-port": {"--port", "0", "--admin-port", port}} {
		code, _, stderr := once(append([]string{"serve", "wedia"}, args...))
		if code != exitServe || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "port "+port+" is in use") || !strings.Contains(stderr, "with "+flag) {
			t.Errorf("%v: exit code %d, want 1 and one line:\n%s", args, code, stderr)
		}
	}
}

func TestABadContractStopsTheServerWithItsFindings(t *testing.T) {
	for _, args := range [][]string{{"serve", "testdata/broken", "--port=0"}, {"accounts", "testdata/broken/openapi.yaml"}} {
		code, stdout, stderr := once(args)
		if code != exitUsage || stdout != "" {
			t.Errorf("%v: exit code %d, want 2 and nothing on stdout: %s", args, code, stdout)
		}
		for _, want := range []string{
			"mockauth: the contract does not load: ", " findings\n",
			"\n" + filepath.Join("testdata", "broken", "openapi.yaml") + ":5: ", "[unknown-word]\n", "\n    at /x-session/tokns\n", "\n    did you mean \"tokens\"?\n", "did you mean \"issues\"?\n",
		} {
			if !strings.Contains(stderr, want) {
				t.Errorf("%v: stderr has no %q:\n%s", args, want, stderr)
			}
		}
	}
}

func TestTheReadyFileIsThereWhileTheServerAnswers(t *testing.T) {
	file := temporary(t, "ready")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"serve", "--port=0", "--ready-file", file}, nil, io.Discard, io.Discard)
	}()
	var data []byte
	for end := time.Now().Add(patience); data == nil && time.Now().Before(end); {
		if d, err := os.ReadFile(file); err == nil {
			data = d
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	root := strings.TrimSuffix(string(data), "\n")
	res, err := http.Get(root + "/__admin/health")
	if err != nil {
		t.Fatalf("the file is there (%q), and the server does not answer: %v", data, err)
	}
	_ = res.Body.Close()
	cancel()
	if c := <-code; c != exitOK {
		t.Errorf("exit code %d, want 0", c)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the end the file is still there: %v", err)
	}
}

func TestBeyondLoopbackTheControlAPIWantsThePrintedToken(t *testing.T) {
	r := start(t, []string{"wedia", "--host=0.0.0.0", "--port=0"})
	_, rest, ok := strings.Cut(r.waitFor("its token"), "its token")
	made := strings.TrimSpace(firstLine(rest))
	if !ok || len(made) < 32 {
		t.Fatalf("no token is printed:\n%s", r.stdout)
	}
	if !strings.HasPrefix(r.url, "http://127.0.0.1:") {
		t.Errorf("the address is %s; nobody can call 0.0.0.0", r.url)
	}
	if s, _, _ := r.get(r.url + "/__admin/systems"); s != http.StatusUnauthorized {
		t.Errorf("systems without the token: %d, want 401", s)
	}
	if s, _, _ := r.get(r.url+"/__admin/systems", "Authorization", "Bearer "+made); s != http.StatusOK {
		t.Errorf("systems with the token: %d, want 200", s)
	}
	if s, _, _ := r.get(r.url + "/__admin/health"); s != http.StatusOK {
		t.Errorf("health: %d, want 200", s)
	}
	again := start(t, []string{"wedia", "--host=0.0.0.0", "--port=0"})
	if strings.Contains(again.waitFor("its token"), made) {
		t.Error("two servers have the same token")
	}
}

// waitFor waits until stdout has a text.
func (r *running) waitFor(text string) string {
	r.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s := r.stdout.String(); strings.Contains(s, text) && strings.HasSuffix(s, "\n") {
			return s
		}
	}
	r.t.Fatalf("stdout does not say %q:\n%s", text, r.stdout)
	return ""
}

func TestTheControlPortServesTheControlAPIOfEveryWorldAndNothingElse(t *testing.T) {
	r := start(t, []string{"wedia", "--port=0", "--admin-port=0"})
	_, rest, _ := strings.Cut(r.waitFor("control API"), "control API  ")
	control, _, _ := strings.Cut(rest, " ")
	res, err := http.Post(control+"/worlds", "application/json", strings.NewReader(`{"name":"one"}`))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusCreated || !strings.Contains(string(body), r.url+"/w/one") {
		t.Errorf("a world made there: %d %s %v; want it at %s", res.StatusCode, body, err, r.url+"/w/one")
	}
	root := strings.TrimSuffix(control, "/__admin")
	for target, want := range map[string]int{
		control + "/health": 200, root + "/w/one/__admin/health": 200, root + "/w/two/__admin/health": 404, root + "/api/rest/config": 404,
		r.url + "/__admin/health": 404, r.url + "/w/one/__admin/health": 404, r.url + "/w/one/api/rest/config": 200,
	} {
		if s, _, body := r.get(target); s != want {
			t.Errorf("%s: %d, want %d: %s", target, s, want, body)
		}
	}
}

// words splits a line as a POSIX shell does: blanks divide, single quotes keep
// everything, a backslash outside of them keeps the next character.
func words(line string) ([]string, error) {
	var out []string
	var word strings.Builder
	in, quoted := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c != '\'':
			word.WriteByte(c)
		case c == '\'':
			in, quoted = true, !quoted
		case c == '\\':
			if i++; i == len(line) {
				return nil, errors.New("a backslash at the end")
			}
			in = true
			word.WriteByte(line[i])
		case c == ' ':
			if in {
				out = append(out, word.String())
			}
			word.Reset()
			in = false
		case strings.IndexByte("\"$`&|;<>()*?[]#~!{}\n\t", c) >= 0:
			return nil, fmt.Errorf("%q means something to a shell, and is not quoted", c)
		default:
			in = true
			word.WriteByte(c)
		}
	}
	if quoted {
		return nil, errors.New("a quote is not closed")
	}
	if in {
		out = append(out, word.String())
	}
	return out, nil
}

func TestTheLinesThatTheBannerShowsWorkWhenPasted(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("curl is not installed, and in CI this must not be skipped")
		}
		t.Skip("curl is not installed")
	}
	r := start(t, []string{"--port=0"})
	banner := r.waitFor("control API")
	tried := 0
	for _, line := range strings.Split(banner, "\n") {
		_, line, ok := strings.Cut(line, "  try        ")
		if !ok {
			continue
		}
		tried++
		args, err := words(line)
		if err != nil || len(args) < 2 || args[0] != "curl" {
			t.Errorf("%s: %v", line, err)
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		// --disable comes first: a .curlrc of the machine must not have a say.
		cmd := exec.CommandContext(ctx, curl, append([]string{"--disable", "--noproxy", "*", "--silent", "--show-error"}, args[1:]...)...)
		out, err := cmd.CombinedOutput()
		cancel()
		if status := firstLine(string(out)); err != nil || !strings.HasPrefix(status, "HTTP/1.1 2") {
			t.Errorf("%s\n%v\n%s", line, err, out)
		}
	}
	if want := len(specs.Systems()); tried != want {
		t.Errorf("the banner shows %d lines to try, want one a system, %d:\n%s", tried, want, banner)
	}
}

func TestTheBannerNamesEverySystemWithItsAccounts(t *testing.T) {
	r := start(t, []string{"--port=0"})
	banner := r.waitFor("control API")
	if firstLine(banner) != "listening url="+r.url {
		t.Errorf("the first line is %q", firstLine(banner))
	}
	for _, part := range strings.Split(banner, "\n\n")[1:] {
		if strings.HasPrefix(part, "control API") {
			continue
		}
		for _, want := range []string{"  base URL   " + r.url, "\n  accounts   ", "\n  try        curl "} {
			if !strings.Contains(part, want) {
				t.Errorf("no %q in:\n%s", want, part)
			}
		}
	}
	for _, name := range specs.Systems() {
		if !strings.Contains(banner, "\n\n"+name+"  ") {
			t.Errorf("the banner does not name %s", name)
		}
	}
}

func TestAccountsListsWhoCanLogInAndWithWhat(t *testing.T) {
	code, text, stderr := once([]string{"accounts", "wedia", "--accounts", "testdata/accounts.yaml"})
	if code != exitOK || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"wedia\n", "  user\n", "    - from a file of one's own\n", "password: demo-own\n", "password: demo-john\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	code, text, _ = once([]string{"accounts", "--json"})
	var all []struct {
		System, Kind, For string
		Value             map[string]any
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil || code != exitOK {
		t.Fatalf("exit code %d: %v", code, err)
	}
	systems := map[string]bool{}
	for _, a := range all {
		systems[a.System] = true
		if a.Kind == "" || a.For == "" || len(a.Value) == 0 {
			t.Errorf("an account without kind, purpose or value: %+v", a)
		}
	}
	if len(systems) != len(specs.Systems()) {
		t.Errorf("accounts of %v, want those of every system", systems)
	}
}

func TestSchemaPrintsTheSchemaOfTheExtension(t *testing.T) {
	code, text, stderr := once([]string{"schema"})
	if code != exitOK || stderr != "" || !json.Valid([]byte(text)) || text != string(specs.ExtensionSchema()) {
		t.Errorf("exit code %d, %s\n%s", code, stderr, text)
	}
}

func TestVersionNamesTheProgramAndTheFormat(t *testing.T) {
	code, text, stderr := once([]string{"version"})
	if code != exitOK || stderr != "" || !strings.HasPrefix(text, "mockauth ") || !strings.HasSuffix(text, ", contract format 1\n") {
		t.Errorf("exit code %d, %q %s", code, text, stderr)
	}
}

func TestValidateSaysWhatIsWrongAndExitsWithOne(t *testing.T) {
	broken := filepath.Join("testdata", "broken", "openapi.yaml")
	code, text, stderr := once([]string{"validate", broken})
	if code != exitFindings || stderr != "" || !strings.Contains(text, broken+":5: ") || !strings.Contains(text, " findings\n") {
		t.Errorf("exit code %d, want 1 and the findings on stdout: %s\n%s", code, text, stderr)
	}
	code, text, _ = once([]string{"validate", "--json", broken})
	var findings specs.Findings
	if err := json.Unmarshal([]byte(text), &findings); err != nil || code != exitFindings || len(findings) < 2 || findings[0].Line == 0 || findings[0].Code == "" {
		t.Errorf("exit code %d: %v %s", code, err, text)
	}
	plain := temporary(t, "plain.yaml")
	if err := os.WriteFile(plain, []byte("openapi: 3.0.3\ninfo: {title: Plain, version: \"1\"}\npaths: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, text, stderr := once([]string{"validate", plain}); code != exitOK || text != plain+": nothing is wrong\n" || stderr != "" {
		t.Errorf("a contract without faults: exit code %d, %s %s", code, text, stderr)
	}
	if code, text, _ := once([]string{"validate", "--json", plain}); code != exitOK || strings.TrimSpace(text) != "[]" {
		t.Errorf("a contract without faults, as JSON: exit code %d, %s", code, text)
	}
	unreadable := temporary(t, "torn.yaml")
	if err := os.WriteFile(unreadable, []byte("openapi: [3.0.3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, text, stderr := once([]string{"validate", plain, unreadable}); code != exitUsage || !strings.Contains(text+stderr, unreadable) {
		t.Errorf("a file that is no YAML: exit code %d, want 2: %s %s", code, text, stderr)
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	for _, name := range []string{"", "serve", "validate", "accounts", "schema", "version"} {
		args := strings.Fields(name + " --help")
		code, text, stderr := once(args)
		if code != exitOK || stderr != "" || !strings.Contains(text, "Usage:\n  mockauth") {
			t.Errorf("%v: exit code %d, %s\n%s", args, code, stderr, text)
		}
		for _, leak := range []string{"stringArray", "default -1", " int ", "default []"} {
			if strings.Contains(text, leak) {
				t.Errorf("%v: %q is Go's word, not the user's:\n%s", args, leak, text)
			}
		}
	}
}

func TestTheProgramEndsWithZeroOnCtrlC(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGINT to send")
	}
	program := temporary(t, "mockauth")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		ready := temporary(t, "ready")
		cmd := exec.Command(program, "serve", "--port=0", "--quiet", "--ready-file", ready)
		var stderr stream
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			if _, err := os.Stat(ready); err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the program is not ready: %s", &stderr)
			}
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err != nil || stderr.String() != "" {
				t.Errorf("%v: %v, stderr %q; want exit code 0 and silence", signal, err, &stderr)
			}
		case <-time.After(patience):
			t.Errorf("%v does not end the program", signal)
		}
		if _, err := os.Stat(ready); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v: the ready file is still there", signal)
		}
	}
}

func TestAReadyFileThatWasLeftBehindIsNotRead(t *testing.T) {
	file := temporary(t, "ready")
	if err := os.WriteFile(file, []byte("http://127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The contract is wrong, so that this server never answers.
	if code, _, _ := once([]string{"serve", "testdata/broken", "--port=0", "--ready-file", file}); code != exitUsage {
		t.Errorf("exit code %d, want 2", code)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Error("the URL of an earlier server is still there")
	}
}

func TestAReadyFileThatCannotBeWrittenLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{dir, filepath.Join(dir, "missing", "ready")} {
		code, _, stderr := once([]string{"serve", "wedia", "--port=0", "--ready-file", file})
		if code != exitServe || !strings.Contains(stderr, "the ready file") {
			t.Errorf("%s: exit code %d, want 1: %s", file, code, stderr)
		}
	}
	if _, err := os.Stat(dir + ".tmp"); !errors.Is(err, os.ErrNotExist) {
		t.Error("a temporary file was left behind")
	}
}

func TestFlagsThatMeanNothingAreRefused(t *testing.T) {
	unknown := temporary(t, "team.yaml")
	if err := os.WriteFile(unknown, []byte("wedai: {records: {}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--host="}, {"--admin-port=-5"}, {"--accounts", unknown}} {
		if code, _, stderr := once(append([]string{"serve", "wedia", "--port=0"}, args...)); code != exitUsage || stderr == "" {
			t.Errorf("%v: exit code %d, want 2: %s", args, code, stderr)
		}
	}
	if _, _, stderr := once([]string{"accounts", "wedia", "--accounts", unknown}); !strings.Contains(stderr, `did you mean "wedia"`) {
		t.Errorf("a misspelled system: %s", stderr)
	}
}

func TestAnEmptyVariableOfSeveralValuesIsNone(t *testing.T) {
	start(t, []string{"wedia", "--port=0"}, "MOCKAUTH_SET=", "MOCKAUTH_ACCOUNTS=", "MOCKAUTH_PROFILE=")
}
