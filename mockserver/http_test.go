package mockserver_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// A request may take no longer than this, however bad it is: the worst takes
// some 0.1 s. One that takes longer is sent again: on a machine that does
// something else as well, only what is slow each time is slow.
const patience = time.Second * slowdown

// login is one call of a system that opens a session.
type login struct {
	life life
	step step
	op   *specs.Operation
	path string // without query
}

// loginsOf are the different calls by which a system is entered: one for each
// path.
func loginsOf(t *testing.T, c *specs.Contract) []login {
	t.Helper()
	var out []login
	for _, l := range livesOf(t, c.Name) {
		st := l.Issue[0]
		path, _, _ := strings.Cut(st.Request.Path, "?")
		if slices.ContainsFunc(out, func(o login) bool { return o.path == path }) {
			continue
		}
		for _, op := range c.Operations {
			for _, base := range c.BasePaths {
				if op.Method == st.Request.Method && base+op.Path == path && len(op.Body) > 0 {
					out = append(out, login{l, st, op, path})
				}
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s: no life begins with a login", c.Name)
	}
	return out
}

// eachLogin runs f for every login of every shipped system.
func eachLogin(t *testing.T, f func(t *testing.T, s *script, l login)) {
	t.Helper()
	t.Parallel()
	for _, system := range specs.Systems() {
		server := newServer(t, mockserver.System(system), mockserver.Seed(1))
		for _, l := range loginsOf(t, server.Contract(system)) {
			t.Run(system+" "+l.path, func(t *testing.T) {
				s := newScript(t, server, system)
				s.set(l.life.Profile, l.life.Settings)
				f(t, s, l)
			})
		}
	}
}

// again does what the login is for: the server lives.
func (l login) works(s *script) {
	s.t.Helper()
	s.play(l.life.Issue[:1])
}

// raw sends bytes as a body, with the login's own headers but Content-Type and
// what `headers` says.
func (l login) raw(s *script, typ string, body []byte, headers map[string]string) *reply {
	s.t.Helper()
	req, err := http.NewRequest(l.step.Request.Method, s.world.URL()+l.path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for k, v := range l.step.Request.Headers {
		req.Header.Set(k, v)
	}
	req.Header.Del("Content-Type")
	if typ != "" {
		req.Header.Set("Content-Type", typ)
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	return do(s, req)
}

func do(s *script, req *http.Request) *reply {
	s.t.Helper()
	for try := 1; ; try++ {
		began := time.Now()
		res, err := s.client.Do(req)
		if err != nil {
			s.t.Fatal(err)
		}
		r, err := readReply(res)
		if err != nil {
			s.t.Fatal(err)
		}
		took := time.Since(began)
		if took < patience {
			return r
		}
		if try == 3 || req.GetBody == nil {
			s.t.Errorf("%s %s took %s", req.Method, req.URL.Path, took)
			return r
		}
		if req.Body, err = req.GetBody(); err != nil {
			s.t.Fatal(err)
		}
	}
}

// refused holds that an answer is a clear refusal: a 4xx, or what the system
// answers refusals with, and a sentence that says why.
func refused(s *script, r *reply, what, reason string) {
	s.t.Helper()
	if !strings.HasPrefix(r.outcome, reason) {
		s.t.Errorf("%s: %d, outcome %s, want %s…: %s", what, r.status, r.outcome, reason, r.why)
	}
	own := s.server.Contract(s.system).Envelope.Status != nil
	if r.status < 400 && !own || r.status >= 500 {
		s.t.Errorf("%s: status %d is no 4xx (%s)", what, r.status, r.outcome)
	}
	if len(r.why) < 10 {
		s.t.Errorf("%s: Mockauth-Why is %q", what, r.why)
	}
	if err := bodyFits(r); err != nil {
		s.t.Errorf("%s: %v\n%s", what, err, r.body)
	}
}

// bodyFits reports a body that is not what its Content-Type says.
func bodyFits(r *reply) error {
	if len(r.body) == 0 {
		return nil
	}
	typ := ""
	for k, v := range r.header { // a contract may spell the name its own way
		if strings.EqualFold(k, "Content-Type") && len(v) > 0 {
			typ, _, _ = mime.ParseMediaType(v[0])
		}
	}
	switch {
	case strings.HasSuffix(typ, "json"):
		if !json.Valid(r.body) {
			return fmt.Errorf("the body is no JSON, and %s says so", typ)
		}
	case strings.HasSuffix(typ, "xml"):
		if err := wellFormed(r.body); err != nil {
			return fmt.Errorf("the body is no XML, and %s says so: %w", typ, err)
		}
	case typ == "":
		return fmt.Errorf("a body without Content-Type")
	}
	return nil
}

// badBody is a body that no decoder may take, and the reason for refusing it.
type badBody struct {
	name, typ string
	body      []byte
	reason    string
}

func badBodies(typ string) []badBody {
	deep := func(open, text, shut string) []byte {
		const levels = 50_000
		return []byte(strings.Repeat(open, levels) + text + strings.Repeat(shut, levels))
	}
	var out []badBody
	add := func(name, typ, reason string, body ...string) {
		out = append(out, badBody{name, typ, []byte(strings.Join(body, "")), reason})
	}
	switch {
	case typ == "application/json":
		add("truncated", typ, "request.malformed", `{"login": "a`)
		add("no JSON at all", typ, "request.malformed", `login=a&password=b`)
		add("trailing data", typ, "request.malformed", `{} {}`)
		add("duplicate members", typ, "request.malformed", `{"login": "a", "login": "b"}`)
		add("duplicate members by escape", typ, "request.malformed", `{"login": "a", "\u006cogin": "b"}`)
		add("invalid UTF-8", typ, "request.", "{\"login\": \"\xff\xfe\"}")
		add("a control character", typ, "request.malformed", "{\"login\": \"a\x00b\"}")
		add("half of a surrogate pair", typ, "request.malformed", `{"login": "\ud800"}`)
		add("a comment", typ, "request.malformed", `{"login": "a" /* comment */}`)
		add("a trailing comma", typ, "request.malformed", `{"login": "a",}`)
		add("NaN", typ, "request.malformed", `{"login": NaN}`)
		add("a number beyond reason", typ, "request.", `{"login": 1e999999999}`)
		add("another charset", typ+"; charset=utf-16", "request.media.unsupported", `{}`)
		add("an unknown charset", typ+"; charset=klingon", "request.media.unsupported", `{}`)
		out = append(out,
			badBody{"deep arrays", typ, deep("[", "", "]"), "request."},
			badBody{"deep objects", typ, deep(`{"a":`, "1", "}"), "request."},
			badBody{"deep and cut off", typ, []byte(strings.Repeat("[", 500_000)), "request."},
			badBody{"very many members", typ, []byte("[" + strings.Repeat("1,", 400_000) + "1]"), "request."})
	case strings.HasSuffix(typ, "xml"):
		add("truncated", typ, "request.malformed", `<platform><login>`)
		add("no XML at all", typ, "request.malformed", `{"platform": 1}`)
		add("two roots", typ, "request.malformed", `<platform/><platform/>`)
		add("trailing text", typ, "request.malformed", `<platform/>x`)
		add("a DTD", typ, "request.malformed", `<!DOCTYPE platform><platform/>`)
		add("an entity of its own", typ, "request.malformed", `<!DOCTYPE p [<!ENTITY a "b">]><platform>&a;</platform>`)
		add("an external entity", typ, "request.malformed", `<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/hostname">]><platform>&a;</platform>`)
		add("a billion laughs", typ, "request.malformed", `<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><platform>&c;</platform>`)
		add("an unknown entity", typ, "request.malformed", `<platform>&nobody;</platform>`)
		add("a duplicate attribute", typ, "request.malformed", `<platform a="1" a="2"/>`)
		add("a prefix that nobody declared", typ, "request.malformed", `<x:platform/>`)
		add("a character that XML does not have", typ, "request.malformed", "<platform>\x01</platform>")
		add("invalid UTF-8", typ, "request.", "<platform>\xff\xfe</platform>")
		add("an unknown charset", typ+"; charset=klingon", "request.media.unsupported", `<platform/>`)
		out = append(out,
			badBody{"deep elements", typ, deep("<a>", "x", "</a>"), "request."},
			badBody{"deep and cut off", typ, []byte(strings.Repeat("<a>", 100_000)), "request."},
			badBody{"very many attributes", typ, []byte("<a " + manyAttributes(50_000) + "/>"), "request."})
	case typ == "application/x-www-form-urlencoded":
		add("invalid UTF-8", typ, "request.", "login=%ff%fe&password=b")
		add("an escape that is none", typ, "request.malformed", "login=%zz&password=b")
		add("an escape that is cut off", typ, "request.malformed", "login=a&password=%4")
		add("an unknown charset", typ+"; charset=klingon", "request.media.unsupported", "login=a")
		out = append(out, badBody{"very many fields", typ, []byte(strings.Repeat("a=b&", 100_000)), "request."})
	case typ == "multipart/form-data":
		add("no boundary", typ, "request.", "--x\r\n\r\na\r\n--x--\r\n")
		add("a boundary that is not there", typ+"; boundary=y", "request.malformed", "--x\r\n\r\na\r\n--x--\r\n")
		add("truncated", typ+"; boundary=x", "request.malformed", "--x\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\na")
		add("a part without a name", typ+"; boundary=x", "request.malformed", "--x\r\n\r\na\r\n--x--\r\n")
		add("invalid UTF-8", typ+"; boundary=x", "request.", "--x\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\n\xff\xfe\r\n--x--\r\n")
		out = append(out, badBody{"very many parts", typ + "; boundary=x",
			[]byte(strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\na\r\n", 15_000) + "--x--\r\n"), "request."})
	}
	return out
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `a%d="1" `, i)
	}
	return b.String()
}

// What cannot be read is refused clearly, at once, and the server lives.
func TestBadBodiesAreRefusedClearly(t *testing.T) {
	eachLogin(t, func(t *testing.T, s *script, l login) {
		tried := 0
		for _, m := range l.op.Body {
			for _, b := range badBodies(m.Type) {
				tried++
				refused(s, l.raw(s, b.typ, b.body, nil), m.Type+", "+b.name, b.reason)
			}
		}
		if tried == 0 {
			t.Errorf("nothing was tried: no bad bodies are known for %v", l.op.Body)
		}
		l.works(s)
	})
}

func TestOversizedBodyIsRefused(t *testing.T) {
	t.Parallel()
	for _, system := range specs.Systems() {
		server := newServer(t, mockserver.System(system), mockserver.BodyLimit(4096))
		for _, l := range loginsOf(t, server.Contract(system)) {
			s := newScript(t, server, system)
			s.set(l.life.Profile, l.life.Settings)
			for _, m := range l.op.Body {
				refused(s, l.raw(s, m.Type, bytes.Repeat([]byte("a"), 4097), nil), m.Type+" of 4097 bytes", "request.size")
			}
			l.works(s)
		}
	}
}

func TestMediaTypesOfRequestsAreNegotiated(t *testing.T) {
	eachLogin(t, func(t *testing.T, s *script, l login) {
		good, err := s.request(l.step.Request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(good.Body)
		if err != nil {
			t.Fatal(err)
		}
		typ := good.Header.Get("Content-Type")
		if len(body) == 0 {
			t.Skip("logs in without a body: there is nothing of a type")
		}
		refused(s, l.raw(s, "", body, nil), "no Content-Type", "request.media.missing")
		for _, other := range []string{"text/plain", "image/png", "application/jsonx", "nonsense", "application/json/x", "*/*", "; charset=utf-8"} {
			refused(s, l.raw(s, other, body, nil), other, "request.media.unsupported")
		}
		refused(s, l.raw(s, typ, body, map[string]string{"Accept": "image/png"}), "Accept: image/png", "request.accept")
		refused(s, l.raw(s, typ, body, map[string]string{"Accept": "*/*;q=0"}), "Accept: */*;q=0", "request.accept")
		for _, same := range []string{typ, strings.Replace(typ, "application/", "Application/", 1), typ + "; charset=utf-8", typ + ";charset=UTF-8", typ + `; charset="utf-8"`, typ + " ; Charset=Utf-8"} {
			if r := l.raw(s, same, body, nil); r.status != l.step.Status {
				t.Errorf("Content-Type %q: %d %s: %s", same, r.status, r.outcome, r.why)
			}
		}
	})
}

// A base URL with a slash at its end before a path that begins with one is what
// many clients send.
func TestDoubleSlashesAreOne(t *testing.T) {
	eachLogin(t, func(t *testing.T, s *script, l login) {
		for _, prefix := range []string{"/", "//"} {
			c := *l.step.Request
			c.Path = prefix + c.Path
			r, err := s.send(&c)
			if err != nil {
				t.Fatal(err)
			}
			if r.status != l.step.Status {
				t.Errorf("%s: %d %s: %s", c.Path, r.status, r.outcome, r.why)
			}
		}
	})
}

func TestUnknownQueryParametersAreIgnored(t *testing.T) {
	eachLogin(t, func(t *testing.T, s *script, l login) {
		if s.server.Contract(s.system).Undeclared == "refuse" || l.op.Undeclared == "refuse" {
			t.Skip("this one refuses them, as its contract says")
		}
		for _, q := range []string{"nobody=knows", "_=1735689600000", "a&b=&=c&&d=%zz", "nobody=knows&nobody=again"} {
			c := *l.step.Request
			sep := "?"
			if strings.Contains(c.Path, "?") {
				sep = "&"
			}
			c.Path += sep + q
			r, err := s.send(&c)
			if err != nil {
				t.Fatal(err)
			}
			if r.status != l.step.Status {
				t.Errorf("%s: %d %s: %s", c.Path, r.status, r.outcome, r.why)
			}
		}
	})
}

// allowed are the methods of each path of a contract as it is under a profile.
func allowed(c *specs.Contract, offered func(*specs.Operation) bool) map[string][]string {
	out := map[string][]string{}
	for _, op := range c.Operations {
		if offered(op) {
			path := c.BasePaths[0] + op.Path
			out[path] = append(out[path], op.Method)
			if op.Method == http.MethodGet {
				out[path] = append(out[path], http.MethodHead)
			}
		}
	}
	for path := range out {
		out[path] = append(out[path], http.MethodOptions)
		slices.Sort(out[path])
	}
	return out
}

// eachPath runs f for every path that is always offered, parameters filled in.
func eachPath(t *testing.T, f func(s *script, path string, methods []string)) {
	t.Helper()
	t.Parallel()
	for _, system := range specs.Systems() {
		server := newServer(t, mockserver.System(system))
		s := newScript(t, server, system)
		c := server.Contract(system)
		for template, methods := range allowed(c, func(op *specs.Operation) bool { return op.Offered == nil }) {
			path := parameterInPath.ReplaceAllString(template, "1")
			// A template such as /user/{id} also matches what a fixed path does; the
			// fixed one goes first, and is walked by itself.
			f(s, path, methods)
		}
	}
}

var parameterInPath = regexp.MustCompile(`\{[^}]*\}`)

func TestMethodThatIsNotOfferedIs405WithAllow(t *testing.T) {
	eachPath(t, func(s *script, path string, methods []string) {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} {
			if slices.Contains(methods, method) {
				continue
			}
			req, err := http.NewRequest(method, s.world.URL()+path, nil)
			if err != nil {
				s.t.Fatal(err)
			}
			r := do(s, req)
			refused(s, r, method+" "+path, "request.method")
			if want := strings.Join(methods, ", "); r.header.Get("Allow") != want {
				s.t.Errorf("%s %s %s: Allow is %q, want %q", s.system, method, path, r.header.Get("Allow"), want)
			}
		}
	})
}

func TestOptionsSaysWhatIsAllowed(t *testing.T) {
	eachPath(t, func(s *script, path string, methods []string) {
		want := strings.Join(methods, ", ")
		for _, preflight := range []bool{false, true} {
			req, err := http.NewRequest(http.MethodOptions, s.world.URL()+path, nil)
			if err != nil {
				s.t.Fatal(err)
			}
			if preflight {
				req.Header.Set("Origin", "http://localhost:3000")
				req.Header.Set("Access-Control-Request-Method", methods[0])
				req.Header.Set("Access-Control-Request-Headers", "x-auth-token, content-type")
			}
			r := do(s, req)
			if r.status != http.StatusNoContent || r.header.Get("Allow") != want || len(r.body) > 0 {
				s.t.Errorf("%s OPTIONS %s: %d, Allow %q, body %q; want 204, %q, none", s.system, path, r.status, r.header.Get("Allow"), r.body, want)
			}
			if origin := r.header.Get("Access-Control-Allow-Origin"); preflight != (origin != "") {
				s.t.Errorf("%s OPTIONS %s: preflight %v, Access-Control-Allow-Origin %q", s.system, path, preflight, origin)
			}
			if !preflight {
				continue
			}
			credentials, asked := "true", "x-auth-token, content-type"
			if cors := s.server.Contract(s.system).CORS; cors != nil {
				if !cors.Credentials {
					credentials = ""
				}
				if len(cors.Headers) > 0 {
					asked = strings.Join(cors.Headers, ", ")
				}
			}
			for name, want := range map[string]string{"Access-Control-Allow-Methods": want, "Access-Control-Allow-Credentials": credentials, "Access-Control-Allow-Headers": asked} {
				if got := r.header.Get(name); got != want {
					s.t.Errorf("%s OPTIONS %s: %s %q, want %q", s.system, path, name, got, want)
				}
			}
		}
	})
}

// A page on another port may call, with its cookies, unless the contract says
// otherwise; and what the contract says is what is answered.
func TestCrossOriginCallsAreAnsweredWithCredentials(t *testing.T) {
	const origin = "http://localhost:3000"
	eachLogin(t, func(t *testing.T, s *script, l login) {
		req, err := s.request(l.step.Request)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		r := do(s, req)
		cors := s.server.Contract(s.system).CORS
		wantOrigin, wantCredentials := origin, "true"
		if cors != nil && !cors.Credentials {
			wantCredentials = ""
			if len(cors.Origins) == 0 || slices.Contains(cors.Origins, "*") {
				wantOrigin = "*"
			}
		}
		if got := r.header.Get("Access-Control-Allow-Origin"); got != wantOrigin {
			t.Errorf("Access-Control-Allow-Origin %q, want %q", got, wantOrigin)
		}
		if got := r.header.Get("Access-Control-Allow-Credentials"); got != wantCredentials {
			t.Errorf("Access-Control-Allow-Credentials %q, want %q", got, wantCredentials)
		}
		if wantOrigin == origin && !slices.Contains(r.header.Values("Vary"), "Origin") {
			t.Error("the answer depends on Origin, and Vary does not say so")
		}
		if !strings.Contains(r.header.Get("Access-Control-Expose-Headers"), "Mockauth-Why") {
			t.Error("a page cannot read Mockauth-Why")
		}
		if req, err = s.request(l.step.Request); err != nil {
			t.Fatal(err)
		}
		for name := range do(s, req).header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s is sent to a caller that is no page", name)
			}
		}
	})
}

// HEAD is GET without the body: the same status and headers, Content-Length
// included.
func TestHeadHasTheHeadersOfGet(t *testing.T) {
	t.Parallel()
	for _, system := range specs.Systems() {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			// Two servers of one seed: a GET may change the world.
			get := newServer(t, mockserver.System(system), mockserver.Seed(1))
			head := newServer(t, mockserver.System(system), mockserver.Seed(1))
			n := 0
			for _, e := range exchangesOf(t, system) {
				if e.Request.Method != http.MethodGet {
					continue
				}
				n++
				a, b := newScript(t, get, system), newScript(t, head, system)
				a.begin(e)
				b.begin(e)
				ra, err := a.send(e.Request)
				if err != nil {
					t.Fatal(err)
				}
				c := *e.Request
				c.Method = http.MethodHead
				rb, err := b.send(&c)
				if err != nil {
					t.Fatal(err)
				}
				if len(rb.body) > 0 {
					t.Errorf("%s: HEAD has a body: %q", e.ID, rb.body)
				}
				if ra.status != rb.status || fmt.Sprint(ra.header) != fmt.Sprint(rb.header) {
					t.Errorf("%s: GET %d %v\nHEAD %d %v", e.ID, ra.status, ra.header, rb.status, rb.header)
				}
			}
			if n == 0 {
				t.Error("no GET among the exchanges")
			}
		})
	}
}

// eachUse runs f for every life whose last step is one request with the header.
func eachUse(t *testing.T, header string, f func(s *script, l life, value string, send func(value string) *reply)) {
	t.Helper()
	t.Parallel()
	n := 0
	for _, system := range specs.Systems() {
		server := newServer(t, mockserver.System(system))
		for _, l := range livesOf(t, system) {
			for _, steps := range [][]step{l.Issue, l.Use} {
				last := steps[len(steps)-1]
				value, ok := last.Request.Headers[header]
				if !ok || l.Dead.Outcome != "" {
					continue
				}
				n++
				t.Run(system+"/"+l.Token+"/"+l.About, func(t *testing.T) {
					s := newScript(t, server, system)
					s.set(l.Profile, l.Settings)
					if &steps[0] != &l.Issue[0] {
						s.play(l.Issue)
					}
					s.play(steps[:len(steps)-1])
					f(s, l, s.text(value), func(value string) *reply {
						t.Helper()
						req, err := s.request(last.Request)
						if err != nil {
							t.Fatal(err)
						}
						req.Header.Set(header, value)
						r := do(s, req)
						if r.status != last.Status {
							t.Errorf("%s: %q: %d %s: %s", header, value, r.status, r.outcome, r.why)
						}
						return r
					})
				})
			}
		}
	}
	if n == 0 {
		t.Fatalf("no life has the header %s", header)
	}
}

// Clients quote cookies, send strange ones beside them, and send back whole
// Set-Cookie strings.
func TestCookiesAreReadLeniently(t *testing.T) {
	eachUse(t, "Cookie", func(s *script, l life, value string, send func(string) *reply) {
		if l.Idle == 0 && !l.Endless && l.Lifetime == 0 {
			s.t.Fatal("a life without an end of any sort")
		}
		pairs := strings.Split(value, "; ")
		quoted := make([]string, len(pairs))
		for i, p := range pairs {
			name, v, _ := strings.Cut(p, "=")
			quoted[i] = name + `="` + v + `"`
		}
		send(value)
		send(strings.Join(quoted, "; "))
		send(strings.Join(pairs, ";"))
		send("  " + strings.Join(pairs, "  ;  ") + " ; ")
		send("_ga=GA1.2.3; " + value + "; consent={\"all\":true}; =x; novalue;;")
		send(strings.Join(pairs, "; Path=/; HttpOnly; ") + "; Path=/; Max-Age=1200; Expires=Thu, 01 Jan 2026 00:20:00 GMT; Secure; HttpOnly; SameSite=Lax")
	})
}

// The name of an authentication scheme is case-insensitive (RFC 9110, section
// 11.1), and a Basic value without a colon is a name with no password.
func TestAuthorizationIsReadLeniently(t *testing.T) {
	eachUse(t, "Authorization", func(s *script, l life, value string, send func(string) *reply) {
		if s.server.Contract(s.system).Token(l.Token).Once {
			s.t.Skip("a single use cannot be sent again")
		}
		scheme, rest, _ := strings.Cut(value, " ")
		send(value)
		send(strings.ToLower(scheme) + " " + rest)
		send(strings.ToUpper(scheme) + "  " + rest)
		if !strings.EqualFold(scheme, "Basic") {
			return
		}
		send(scheme + " " + strings.TrimRight(rest, "="))
		raw, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			s.t.Fatal(err)
		}
		if name, ok := strings.CutSuffix(string(raw), ":"); ok {
			send(scheme + " " + base64.StdEncoding.EncodeToString([]byte(name)))
		}
	})
}

// Behind a proxy that ends TLS, cookies and links are those of https.
func TestForwardedProtocolMakesCookiesAndLinksSecure(t *testing.T) {
	t.Parallel()
	m := mockserver.Start(t, mockserver.File("testdata/kiosk/openapi.yaml"))
	for _, c := range []struct{ proto, scheme, cookie string }{
		{"", "http://", "Path=/kiosk; HttpOnly"},
		{"http", "http://", "Path=/kiosk; HttpOnly"},
		{"https", "https://", "Path=/kiosk; Secure; HttpOnly"},
	} {
		req, err := http.NewRequest(http.MethodPost, m.URL()+"/kiosk/login", strings.NewReader("name=kim&pin=4711"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.proto != "" {
			req.Header.Set("X-Forwarded-Proto", c.proto)
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		r, err := readReply(res)
		if err != nil {
			t.Fatal(err)
		}
		var body struct{ Next string }
		if err := json.Unmarshal(r.body, &body); err != nil || r.status != 200 {
			t.Fatalf("%d %s (%v)", r.status, r.body, err)
		}
		if want := c.scheme + req.URL.Host + "/kiosk/till"; body.Next != want {
			t.Errorf("X-Forwarded-Proto %q: next is %s, want %s", c.proto, body.Next, want)
		}
		_, attributes, _ := strings.Cut(r.header.Get("Set-Cookie"), "; ")
		if attributes != c.cookie {
			t.Errorf("X-Forwarded-Proto %q: cookie attributes %q, want %q", c.proto, attributes, c.cookie)
		}
	}
}

// A document without sessions refuses with problem documents that name every
// violation by its JSON pointer.
func TestProblemDocumentNamesEveryViolation(t *testing.T) {
	t.Parallel()
	m := mockserver.StartWithoutPort(t, mockserver.File("testdata/plain/openapi.yaml"))
	for _, c := range []struct {
		query, body string
		reason      string
		pointers    []string
		places      []string
	}{
		{"?dry=perhaps", `{"a/b": "x", "items": [{"sku": "1"}, {"quantity": 0, "colour": "red"}, 7]}`, "request.field.missing",
			[]string{"/a~1b", "/email", "/items/1/sku", "/items/1/quantity", "/items/1/colour", "/items/2"}, []string{"query dry", "header X-Shop"}},
		{"", `{"email": "me", "items": {}}`, "request.field.missing", []string{"/email", "/items"}, []string{"header X-Shop"}},
	} {
		req, err := http.NewRequest(http.MethodPost, m.URL()+"/orders"+c.query, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := m.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		r, err := readReply(res)
		if err != nil {
			t.Fatal(err)
		}
		var p struct {
			Type, Title, Detail, Reason string
			Status                      int
			Violations                  []struct{ Pointer, Message, Where string }
		}
		if err := json.Unmarshal(r.body, &p); err != nil {
			t.Fatalf("%v: %s", err, r.body)
		}
		if typ := r.header.Get("Content-Type"); typ != "application/problem+json" || r.status != 400 || p.Status != 400 || p.Title != "Bad Request" || p.Type == "" || p.Reason != c.reason || p.Detail != r.why {
			t.Errorf("%d %s: %s", r.status, typ, r.body)
		}
		var pointers, places []string
		for _, v := range p.Violations {
			if v.Message == "" {
				t.Errorf("a violation without a message: %+v", v)
			}
			if v.Where != "" {
				places = append(places, v.Where)
			} else {
				pointers = append(pointers, v.Pointer)
			}
		}
		for _, want := range c.pointers {
			if !slices.Contains(pointers, want) {
				t.Errorf("%s: no violation at %s in %q", c.body, want, pointers)
			}
		}
		if len(pointers) != len(c.pointers) {
			t.Errorf("%s: violations at %q, want %q", c.body, pointers, c.pointers)
		}
		if !slices.Equal(places, c.places) {
			t.Errorf("violations of parameters: %q, want %q", places, c.places)
		}
	}
}

// A body that ends before it is complete is answered, not waited for.
func TestTruncatedBodiesAreAnswered(t *testing.T) {
	t.Parallel()
	for _, system := range specs.Systems() {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			m := mockserver.Start(t, mockserver.System(system))
			u, err := url.Parse(m.URL())
			if err != nil {
				t.Fatal(err)
			}
			l := loginsOf(t, m.Contract(system))[0]
			for name, rest := range map[string]string{
				"a chunk that is cut off":        "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a",
				"chunks without an end":          "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
				"a chunk size that is none":      "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
				"less than the length announced": "Content-Length: 100\r\n\r\n{\"a\":",
			} {
				conn, err := net.Dial("tcp", u.Host)
				if err != nil {
					t.Fatal(err)
				}
				_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
				fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n%s", l.path, u.Host, l.op.Body[0].Type, rest)
				if tcp, ok := conn.(*net.TCPConn); ok {
					_ = tcp.CloseWrite()
				}
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Errorf("%s: no answer: %v", name, err)
					_ = conn.Close()
					continue
				}
				r, err := readReply(res)
				_ = conn.Close()
				if err != nil {
					t.Fatal(err)
				}
				s := scriptIn(t, m.Server, system, m.Default())
				refused(s, r, name, "request.")
			}
			s := overNetwork(t, m, system)
			s.set(l.life.Profile, l.life.Settings)
			l.works(s)
		})
	}
}

// Clients that send a byte now and then hold nothing up, and are hung up on.
func TestSlowClientsHoldNobodyUp(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the server's patience with headers to end: 10 s")
	}
	t.Parallel()
	system := specs.Systems()[0]
	m := mockserver.Start(t, mockserver.System(system))
	u, err := url.Parse(m.URL())
	if err != nil {
		t.Fatal(err)
	}
	var slow []net.Conn
	for range 200 {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nX-A: ")
		slow = append(slow, conn)
	}
	s := overNetwork(t, m, system)
	l := loginsOf(t, m.Contract(system))[0]
	s.set(l.life.Profile, l.life.Settings)
	began := time.Now()
	l.works(s)
	if took := time.Since(began); took > patience {
		t.Errorf("beside 200 slow clients a login takes %s", took)
	}
	stop := time.Now().Add(20 * time.Second)
	for _, conn := range slow {
		_ = conn.SetReadDeadline(stop)
		if _, err := io.Copy(io.Discard, conn); err != nil {
			if os.IsTimeout(err) {
				t.Fatal("a client that never ends its headers is still connected after 20 s")
			}
		}
	}
}
