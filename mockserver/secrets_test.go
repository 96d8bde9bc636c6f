package mockserver_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// spellings are the forms in which a secret is looked for.
func spellings(secret string) map[string]string {
	out := map[string]string{"as it is": secret}
	if j, err := json.Marshal(secret); err == nil {
		out["in JSON"] = string(j[1 : len(j)-1])
	}
	var x bytes.Buffer
	if xml.EscapeText(&x, []byte(secret)) == nil {
		out["in XML"] = x.String()
	}
	out["percent-encoded"] = url.QueryEscape(secret)
	out["percent-encoded in a path"] = url.PathEscape(secret)
	out["percent-encoded in small letters"] = regexp.MustCompile(`%[0-9A-F]{2}`).ReplaceAllStringFunc(url.QueryEscape(secret), strings.ToLower)
	out["in base64"] = base64.RawStdEncoding.EncodeToString([]byte(secret))
	out["in base64url"] = base64.RawURLEncoding.EncodeToString([]byte(secret))
	if len(secret) >= 8 {
		// Inside of something longer a secret has one of three forms, but for its
		// first and last letters.
		for shift := 1; shift < 3; shift++ {
			b := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
			out[fmt.Sprint("in base64, after ", shift)] = b[shift+1 : len(b)-2]
		}
	}
	return out
}

// haystack is what was written, piece by piece, and as who undoes its escapes
// reads it.
type haystack struct{ raw, percent, entities, literals string }

var jsonString = regexp.MustCompile(`"(?:[^"\\]|\\.)*\\(?:[^"\\]|\\.)*"`)

func newHaystack(pieces []string) haystack {
	pieces = slices.Clone(pieces)
	slices.Sort(pieces)
	pieces = slices.Compact(pieces)
	var h haystack
	for _, p := range pieces {
		if s, err := url.QueryUnescape(p); err == nil && s != p {
			h.percent += s + "\n\n"
		}
		var s string
		for _, lit := range jsonString.FindAllString(p, -1) {
			if json.Unmarshal([]byte(lit), &s) == nil {
				h.literals += s + "\n\n"
			}
		}
	}
	h.raw = strings.Join(pieces, "\n\n")
	h.entities = html.UnescapeString(h.raw)
	if h.entities == h.raw {
		h.entities = ""
	}
	return h
}

// shows says how a secret is shown, or "". Short ones are words: "1234" is part
// of many a number.
func (h haystack) shows(secret string) string {
	if len(strings.TrimSpace(secret)) < 3 {
		return "" // two letters are in every text
	}
	for form, s := range spellings(secret) {
		if strings.Contains(h.raw, s) && (len(s) >= 8 || isolated(h.raw, s)) {
			return form + " in:\n  " + h.around(s)
		}
	}
	if len(secret) < 8 {
		return ""
	}
	for how, text := range map[string]string{"percent-encoded somehow": h.percent, "in XML somehow": h.entities, "in JSON somehow": h.literals} {
		if strings.Contains(text, secret) {
			return how
		}
	}
	return ""
}

// around is the piece in which a text stands.
func (h haystack) around(s string) string {
	for _, p := range strings.Split(h.raw, "\n\n") {
		if strings.Contains(p, s) && (len(s) >= 8 || isolated(p, s)) {
			return p
		}
	}
	return ""
}

// aWord reports whether a secret is one that our own sentences may hold: "wrong"
// is a popular wrong password.
func aWord(secret string) bool {
	return len(secret) < 8 && strings.Trim(secret, "abcdefghijklmnopqrstuvwxyz") == ""
}

func isolated(text, s string) bool {
	alnum := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for at := 0; ; {
		i := strings.Index(text[at:], s)
		if i < 0 {
			return false
		}
		i += at
		if (i == 0 || !alnum(text[i-1])) && (i+len(s) == len(text) || !alnum(text[i+len(s)])) {
			return true
		}
		at = i + 1
	}
}

// witness is everything that a mock writes down beside its answers.
type witness struct {
	mu  sync.Mutex
	log bytes.Buffer
}

func (w *witness) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func (w *witness) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.log.String()
	w.log.Reset()
	return s
}

// logger writes every line as text and as JSON.
func (w *witness) logger() *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelDebug}
	return slog.New(both{slog.NewTextHandler(w, o), slog.NewJSONHandler(w, o)})
}

type both [2]slog.Handler

func (b both) Enabled(context.Context, slog.Level) bool { return true }
func (b both) Handle(ctx context.Context, r slog.Record) error {
	for _, h := range b {
		if err := h.Handle(ctx, r.Clone()); err != nil {
			return err
		}
	}
	return nil
}
func (b both) WithAttrs(a []slog.Attr) slog.Handler {
	return both{b[0].WithAttrs(a), b[1].WithAttrs(a)}
}
func (b both) WithGroup(n string) slog.Handler { return both{b[0].WithGroup(n), b[1].WithGroup(n)} }

// written is what was written of a world, in pieces: the messages of its journal
// as Go and over HTTP, and what was said of them in our own words, in journal and
// log.
func (w *witness) written(t *testing.T, world *mockserver.World) (messages, words []string) {
	t.Helper()
	rec := httptest.NewRecorder()
	world.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "http://mock.test/__admin/requests", nil))
	data, err := json.Marshal(world.Journal())
	if err != nil {
		t.Fatal(err)
	}
	words = append(words, w.take())
	for _, list := range [][]byte{rec.Body.Bytes(), data} {
		var exchanges []map[string]any
		if err := json.Unmarshal(list, &exchanges); err != nil {
			t.Fatal(err)
		}
		for _, x := range exchanges {
			res, _ := x["response"].(map[string]any)
			headers, _ := res["headers"].(map[string]any)
			for name, v := range headers {
				if strings.HasPrefix(name, "Mockauth-") {
					words = append(words, texts(v)...)
					delete(headers, name)
				}
			}
			messages = append(messages, append(texts(x["request"]), texts(res)...)...)
			delete(x, "request")
			delete(x, "response")
			words = append(words, texts(x)...)
		}
	}
	return messages, words
}

func texts(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		out = append(out, v)
	case []any:
		for _, x := range v {
			out = append(out, texts(x)...)
		}
	case map[string]any:
		for k, x := range v {
			out = append(append(out, k), texts(x)...)
		}
	}
	return out
}

// reasons is what an answer says of a refusal in words of its own.
func reasons(h http.Header, body []byte) []string {
	out := append(h.Values("Mockauth-Why"), h.Values("Mockauth-Outcome")...)
	out = append(out, h.Values("Mockauth-Client-Error")...)
	if h.Get("Content-Type") == "application/problem+json" {
		out = append(out, string(body))
	}
	return out
}

// A secret that was sent, found by the names that the six documentations give
// to such things, and not by the contracts that the mock goes by.
var (
	secretName = `(?i:[a-z_.-]*(?:password|pass_code|captcha|token|jwt)|sid|jsessionid|x-wedia-api-token-[a-z]+|authentication_code|sessionid)`
	sentForms  = []*regexp.Regexp{
		regexp.MustCompile(`"` + secretName + `"\s*:\s*"((?:[^"\\]|\\.)*)"`),
		regexp.MustCompile(`(?m)[?&; ]` + secretName + `=([^&;\s]*)`),
		regexp.MustCompile(`(?m)^` + secretName + `=([^&;\s]*)`),
		regexp.MustCompile(`name="` + secretName + `"[^\r]*\r\n(?:[^\r]+\r\n)*\r\n([^\r]*)\r\n--`),
		regexp.MustCompile(`<` + secretName + `>([^<]*)</`),
		regexp.MustCompile(`(?i)authorization: bearer (\S+)`),
	}
	sentBasic = regexp.MustCompile(`(?i)authorization: basic (\S+)`)
)

func sentIn(request string) []string {
	var out []string
	for i, re := range sentForms {
		for _, m := range re.FindAllStringSubmatch(request, -1) {
			s := m[1]
			switch i {
			case 0:
				_ = json.Unmarshal([]byte(`"`+s+`"`), &s)
			case 1, 2:
				if u, err := url.QueryUnescape(s); err == nil {
					s = u
				}
			case 4:
				s = html.UnescapeString(s)
			}
			out = append(out, s)
		}
	}
	for _, m := range sentBasic.FindAllStringSubmatch(request, -1) {
		if raw, err := base64.StdEncoding.DecodeString(m[1]); err == nil {
			if _, pass, ok := strings.Cut(string(raw), ":"); ok {
				out = append(out, pass)
			}
		}
	}
	return out
}

func TestNothingThatADocumentedExchangeSaysInSecretIsWrittenDown(t *testing.T) {
	for _, name := range specs.Systems() {
		t.Run(name, func(t *testing.T) {
			w := &witness{}
			server, err := mockserver.New(mockserver.System(name), mockserver.Seed(1), mockserver.Logger(w.logger()))
			if err != nil {
				t.Fatal(err)
			}
			exchanges, err := fixtures.Exchanges(name)
			if err != nil {
				t.Fatal(err)
			}
			s := &served{name: name, server: server, contract: server.Contract(name), exchanges: exchanges}
			demo := server.DemoSecrets(name)
			issued, sent, refused := 0, 0, 0
			for _, x := range exchanges {
				world, err := server.NewWorld(worldName(x.ID), false)
				if err != nil {
					t.Fatal(err)
				}
				var secrets, said []string
				world.WatchTokens(name, func(token string) { secrets = append(secrets, token) })
				r := &replay{served: s, world: world, x: x, captures: fixtures.Captures{}}
				world.Clock().Freeze(x.Clock)
				if err := errors.Join(world.SetProfile(name, x.Profile), world.Set(name, x.Settings)); err != nil {
					t.Fatal(err)
				}
				for _, step := range append(slices.Clone(x.Given), fixtures.Step{Call: &x.Request}) {
					_ = r.step(step) // whether the answer is right is another test's matter
					if step.Call == nil || r.got == nil {
						continue
					}
					if r.got.status >= 400 {
						refused++
					}
					in := sentIn(r.sent)
					sent += len(in)
					secrets = append(secrets, in...)
					said = append(said, reasons(r.got.header, r.got.body)...)
				}
				issued += len(secrets)
				messages, words := w.written(t, world)
				inMessages, everywhere := newHaystack(messages), newHaystack(append(append(said, words...), messages...))
				secrets = append(secrets, demo...)
				slices.Sort(secrets)
				for _, secret := range slices.Compact(secrets) {
					where := everywhere
					if aWord(secret) {
						where = inMessages
					}
					if how := where.shows(secret); how != "" {
						t.Errorf("fixtures/%s: %s: %q is shown %s", name, x.ID, secret, how)
					}
				}
				if err := server.DeleteWorld(world.Name()); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d exchanges, %d refusals, %d secrets issued or sent, %d of them found in requests", len(exchanges), refused, issued, sent)
			if issued <= sent || sent == 0 || refused == 0 {
				t.Errorf("%d secrets, %d of them sent, and %d refusals: the test has lost sight of them", issued, sent, refused)
			}
		})
	}
}

// secretRequest is one request of testdata/secrets.yaml.
type secretRequest struct {
	System  string            `yaml:"system"`
	Method  string            `yaml:"method"`
	Path    string            `yaml:"path"`
	Query   string            `yaml:"query"`
	Type    string            `yaml:"type"`
	Headers map[string]string `yaml:"headers"`
	Body    string            `yaml:"body"`
	Encode  string            `yaml:"encode"`
}

// secretRequests is testdata/secrets.yaml.
type secretRequests struct {
	Requests []secretRequest `yaml:"requests"`
	Strays   []secretRequest `yaml:"strays"`
}

// half is one half of a secret in XML.
func half(secret string, which int) string {
	r := []rune(secret)
	r = [][]rune{r[:len(r)/2], r[len(r)/2:]}[which]
	var x bytes.Buffer
	_ = xml.EscapeText(&x, []byte(string(r)))
	return x.String()
}

// writer replaces the placeholders of testdata/secrets.yaml.
func writer(secret string) *strings.Replacer {
	each := func(format string, units []rune) string {
		var b strings.Builder
		for _, u := range units {
			fmt.Fprintf(&b, format, u)
		}
		return b.String()
	}
	var units, octets []rune
	for _, u := range utf16.Encode([]rune(secret)) {
		units = append(units, rune(u))
	}
	for _, c := range []byte(secret) {
		octets = append(octets, rune(c))
	}
	j, _ := json.Marshal(secret)
	var x bytes.Buffer
	_ = xml.EscapeText(&x, []byte(secret))
	return strings.NewReplacer(
		"{{raw}}", secret, "{{json}}", string(j[1:len(j)-1]), "{{unicode}}", each(`\u%04x`, units),
		"{{form}}", url.QueryEscape(secret), "{{percent}}", each("%%%02x", octets),
		"{{xml}}", x.String(), "{{charref}}", each("&#x%x;", []rune(secret)),
		"{{base64}}", base64.StdEncoding.EncodeToString([]byte(secret)), "{{base64url}}", base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"{{split}}", half(secret, 0)+"<!--x-->"+half(secret, 1),
		"{{basic}}", base64.StdEncoding.EncodeToString([]byte("john.roe:"+secret)),
	)
}

func TestASecretIsHiddenWhereverAndHoweverItIsSent(t *testing.T) {
	var file secretRequests
	readYAML(t, "testdata/secrets.yaml", &file)
	w := &witness{}
	server, err := mockserver.New(mockserver.Logger(w.logger()))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"wrong-and-long-enough", `Wr0ng "<&>' é+/%=\x`, "hunter2", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.c2lnbmF0dXJlIG9mIG5vYm9keQ"} {
		for _, q := range file.Requests {
			server.Default().Reset()
			w.take()
			q.hides(t, server, w, secret)
		}
	}
}

func TestASecretOfTheWorldIsHiddenInPlacesThatAreNotForIt(t *testing.T) {
	var file secretRequests
	readYAML(t, "testdata/secrets.yaml", &file)
	w := &witness{}
	server, err := mockserver.New(mockserver.Logger(w.logger()))
	if err != nil {
		t.Fatal(err)
	}
	world, err := server.NewWorld("strays", false)
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	world.WatchTokens("wedia", func(token string) { secrets = append(secrets, token) })
	req := httptest.NewRequest("POST", "/api/rest/signin", strings.NewReader("login=john.roe&password=demo-john"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	world.Handler().ServeHTTP(httptest.NewRecorder(), req)
	if len(secrets) == 0 {
		t.Fatal("no token was issued")
	}
	for _, name := range specs.Systems() {
		for _, secret := range server.DemoSecrets(name) {
			if len(secret) >= 8 && len(secret) < 200 {
				secrets = append(secrets, secret)
			}
		}
	}
	var said []string
	for i, secret := range secrets {
		if i > 12 && i%5 != 0 {
			continue // they are alike; all of them with all spellings take seconds
		}
		for _, q := range file.Strays {
			said = append(said, q.to(world.Handler(), secret)...)
		}
	}
	messages, words := w.written(t, world)
	h := newHaystack(append(append(said, words...), messages...))
	for _, secret := range secrets {
		if how := h.shows(secret); how != "" {
			t.Errorf("%q is shown %s", secret, how)
		}
	}
}

func TestARefusalThatNamesWhatWasSentNamesNoSecret(t *testing.T) {
	server, err := mockserver.New(mockserver.System("wedia"), mockserver.File("testdata/strict"))
	if err != nil {
		t.Fatal(err)
	}
	for sent, want := range map[string]string{"innocent": `"innocent"`, "demo-john": `"[masked]"`} {
		rec := httptest.NewRecorder()
		server.ServeHTTP(rec, httptest.NewRequest("GET", "/strict/thing?"+sent+"=1", nil))
		var p struct {
			Detail string `json:"detail"`
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
			t.Fatalf("%v: %s", err, rec.Body)
		}
		why := rec.Header().Get("Mockauth-Why")
		if rec.Code != http.StatusBadRequest || !strings.Contains(p.Detail, want) || !strings.Contains(why, want) {
			t.Errorf("%s: %d, detail %q, why %q; want 400, and both with %s", sent, rec.Code, p.Detail, why, want)
		}
	}
}

// to sends the request with a secret in it, and returns what the answer says in
// words of its own.
func (q secretRequest) to(handler http.Handler, secret string) []string {
	fill := writer(secret)
	body := fill.Replace(q.Body)
	if q.Encode == "utf-16le" {
		var b bytes.Buffer
		_ = binary.Write(&b, binary.LittleEndian, utf16.Encode([]rune(body)))
		body = b.String()
	}
	target := fill.Replace(q.Path)
	if q.Query != "" {
		target += "?" + fill.Replace(q.Query)
	}
	req := httptest.NewRequest(q.Method, target, strings.NewReader(body))
	if q.Type != "" {
		req.Header.Set("Content-Type", fill.Replace(q.Type))
	}
	for k, v := range q.Headers {
		req.Header.Set(k, fill.Replace(v))
	}
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, req)
	return reasons(rec.Header(), rec.Body.Bytes())
}

func (q secretRequest) hides(t *testing.T, server *mockserver.Server, w *witness, secret string) {
	t.Helper()
	pieces := q.to(server, secret)
	if n := len(server.Default().Journal()); n != 1 {
		t.Fatalf("the journal holds %d exchanges", n)
	}
	messages, words := w.written(t, server.Default())
	pieces = append(append(pieces, words...), messages...)
	for _, p := range pieces {
		// As people read UTF-16, and XML with a comment in it.
		pieces = append(pieces, strings.ReplaceAll(p, "\x00", ""), strings.ReplaceAll(p, "<!--x-->", ""))
	}
	if how := newHaystack(pieces).shows(secret); how != "" {
		t.Errorf("%s %s %s: %q is shown %s", q.Method, q.Path, q.Body, secret, how)
	}
}

func TestWhatIsNoSecretStaysReadableInTheJournal(t *testing.T) {
	m := mockserver.StartWithoutPort(t, mockserver.System("wedia"))
	form := "login=john.roe&password=demo-john&exp=short"
	res, err := m.Client().Post(m.URL()+"/api/rest/signin?lang=fr", "application/x-www-form-urlencoded", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	x := m.Journal()[0]
	if want := "login=john.roe&password=[masked]&exp=short"; x.Request.Body != want {
		t.Errorf("the body is %q, want %q", x.Request.Body, want)
	}
	if want := "/api/rest/signin?lang=fr"; x.Request.URL != want {
		t.Errorf("the URL is %q, want %q", x.Request.URL, want)
	}
	for _, want := range []string{`"tokenType":"Bearer"`, `"accessToken":"[masked]"`, `"refreshToken":"[masked]"`, `"signature":"[masked]"`, `"version":"1.0"`} {
		if !strings.Contains(x.Response.Body, want) {
			t.Errorf("the answer's body does not show %s: %s", want, x.Response.Body)
		}
	}
}

func TestTheJournalKeepsTheYoungestExchangesAndNoMore(t *testing.T) {
	for _, size := range []int{0, 1, 3} {
		m := mockserver.StartWithoutPort(t, mockserver.System("wedia"), mockserver.JournalSize(size))
		for range 5 {
			res, err := m.Client().Get(m.URL() + "/api/rest/config")
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
		}
		got := m.Journal()
		if len(got) != size {
			t.Fatalf("a journal of %d holds %d exchanges", size, len(got))
		}
		for i, x := range got {
			if want := 5 - size + 1 + i; x.Number != want {
				t.Errorf("a journal of %d: exchange %d has number %d, want %d", size, i, x.Number, want)
			}
		}
	}
}

func TestTheJournalKeepsTheBeginningOfALongBodyAndNoHalfASecret(t *testing.T) {
	const secret = "P665bPVi"
	w := &witness{}
	server, err := mockserver.New(mockserver.System("saymon"), mockserver.Logger(w.logger()))
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(secret) + 1 {
		server.Default().Reset()
		const before, after = `{"login":"user.name","x":"`, `","password":"`
		head := before + strings.Repeat("a,", mockserver.MaxJournalBody)
		head = head[:mockserver.MaxJournalBody-len(after)-cut] + after
		body := head + secret + `","rest":"` + strings.Repeat("b,", 100) + `"}`
		req := httptest.NewRequest("POST", "/node/api/users/session", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		server.ServeHTTP(httptest.NewRecorder(), req)
		m := server.Default().Journal()[0].Request
		if m.Size != len(body) {
			t.Errorf("the size is %d, want that of the whole body, %d", m.Size, len(body))
		}
		if len(m.Body) > mockserver.MaxJournalBody+len("[masked]") || len(m.Body) < len(head) {
			t.Errorf("%d bytes are kept of %d, want %d or so", len(m.Body), len(body), mockserver.MaxJournalBody)
		}
		if rest, ok := strings.CutPrefix(m.Body, head); !ok || cut >= 4 && rest != "[masked]" {
			t.Errorf("with the secret cut after %d letters, the body ends with %q", cut, m.Body[max(0, len(m.Body)-40):])
		}
	}
}
