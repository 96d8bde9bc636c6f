package mockserver_test

import (
	"bufio"
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/mockserver"
)

// replay is one exchange being played in a world.
type replay struct {
	*served
	world      *mockserver.World
	x          fixtures.Exchange
	captures   fixtures.Captures
	mismatches []string

	sent string // the last request, as text
	got  *answered
}

// answered is what came back.
type answered struct {
	status int
	header http.Header
	body   []byte
}

func (r *replay) fail(format string, args ...any) {
	r.mismatches = append(r.mismatches, "  "+strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n  "))
}

// transcript is the last request and answer, for the report of a failure.
func (r *replay) transcript() string {
	if r.got == nil {
		return r.sent
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n--\n%d\n", r.sent, r.got.status)
	_ = r.got.header.Write(&b)
	b.Write(r.got.body)
	return b.String()
}

func (r *replay) play() {
	r.world.Clock().Freeze(r.x.Clock)
	if err := r.world.SetProfile(r.name, r.x.Profile); err != nil {
		r.fail("%v", err)
		return
	}
	if err := r.world.Set(r.name, r.x.Settings); err != nil {
		r.fail("%v", err)
		return
	}
	for i, step := range r.x.Given {
		if err := r.step(step); err != nil {
			r.fail("step %d (line %d): %v", i+1, step.Line, err)
			return
		}
	}
	if err := r.call(r.x.Request); err != nil {
		r.fail("%v", err)
		return
	}
	r.compare()
}

func (r *replay) step(s fixtures.Step) error {
	switch {
	case s.Advance != 0:
		r.world.Clock().Advance(s.Advance)
	case s.Settings != nil:
		return r.world.Set(r.name, s.Settings)
	case s.Fail != nil:
		return r.world.Fail(r.name, s.Fail.Operation, s.Fail.Reason, 1)
	case s.Call != nil:
		if err := r.call(*s.Call); err != nil {
			return err
		}
		if r.got.status != s.Status {
			return fmt.Errorf("the status is %d, want %d", r.got.status, s.Status)
		}
		for _, c := range s.Capture {
			v, err := r.capture(c)
			if err != nil {
				return err
			}
			r.captures[c.Name] = v
		}
	}
	return nil
}

const host = "mock.test"

// call sends a request exactly as it is written: through the parser of an HTTP
// server, not through a client, which would put things in order.
func (r *replay) call(c fixtures.Call) error {
	authority := host
	if c.Host != "" {
		authority = c.Host
	}
	r.captures["base"] = "http://" + authority
	path, err := r.captures.Text(c.Path)
	if err != nil {
		return err
	}
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", c.Method, path, authority)
	typed := false
	for _, f := range c.Headers {
		v, err := r.captures.Text(f.Value)
		if err != nil {
			return err
		}
		typed = typed || strings.EqualFold(f.Name, "Content-Type")
		fmt.Fprintf(&head, "%s: %s\r\n", f.Name, v)
	}
	body, typ, err := r.body(c.Body)
	if err != nil {
		return err
	}
	if typ != "" && !typed {
		fmt.Fprintf(&head, "Content-Type: %s\r\n", typ)
	}
	if c.Body.Kind != fixtures.NoBody {
		fmt.Fprintf(&head, "Content-Length: %d\r\n", len(body))
	}
	r.sent, r.got = head.String()+"\r\n"+string(body), nil
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(r.sent)))
	if err != nil {
		return fmt.Errorf("no HTTP server can read this request: %w", err)
	}
	rec := httptest.NewRecorder()
	r.world.Handler().ServeHTTP(rec, req)
	header := rec.Result().Header
	// The recorder would guess a type where a server writes none.
	if h, ok := rec.Header()["Content-Type"]; ok && h == nil {
		header.Del("Content-Type")
	}
	r.got = &answered{rec.Code, header, rec.Body.Bytes()}
	return nil
}

func (r *replay) body(b fixtures.Body) (data []byte, typ string, err error) {
	switch b.Kind {
	case fixtures.JSON:
		v, err := r.captures.Value(b.Value)
		if err != nil {
			return nil, "", err
		}
		data, err := codec.AppendJSON(nil, v)
		return data, "application/json", err
	case fixtures.Form:
		var o value.Object
		for _, f := range b.Fields {
			v, err := r.captures.Text(f.Value)
			if err != nil {
				return nil, "", err
			}
			o = append(o, value.Member{Name: f.Name, Value: v})
		}
		data, err := codec.AppendForm(nil, o)
		return data, "application/x-www-form-urlencoded", err
	case fixtures.Multipart:
		var buf bytes.Buffer
		w := multipart.NewWriter(&buf)
		_ = w.SetBoundary("replayed-part")
		for _, f := range b.Fields {
			v, err := r.captures.Text(f.Value)
			if err != nil {
				return nil, "", err
			}
			_ = w.WriteField(f.Name, v) // a bytes.Buffer takes everything
		}
		_ = w.Close()
		return buf.Bytes(), w.FormDataContentType(), nil
	case fixtures.Text:
		t, err := r.captures.Text(b.Text)
		return []byte(t), "", err
	}
	return nil, "", nil
}

func (r *replay) capture(c fixtures.Capture) (any, error) {
	if name, ok := strings.CutPrefix(c.From, "$response.header."); ok {
		if _, v := values(r.got.header, name); len(v) > 0 {
			return v[0], nil
		}
		return nil, fmt.Errorf("the answer has no header %s to capture as %s", name, c.Name)
	}
	if name, ok := strings.CutPrefix(c.From, "$response.cookie."); ok {
		for _, set := range r.got.header.Values("Set-Cookie") {
			pair, _, _ := strings.Cut(set, ";")
			if k, v, _ := strings.Cut(pair, "="); textproto.TrimString(k) == name {
				return v, nil
			}
		}
		return nil, fmt.Errorf("the answer sets no cookie %s to capture as %s", name, c.Name)
	}
	v, err := r.at(c.From)
	if err != nil {
		return nil, fmt.Errorf("nothing to capture as %s: %w", c.Name, err)
	}
	return v, nil
}

// at returns the member of the answer's body at a JSON pointer; XML is read by
// the schema of the answer.
func (r *replay) at(pointer string) (any, error) {
	tokens, err := value.SplitPointer(pointer)
	if err != nil {
		return nil, err
	}
	body, err := r.decoded()
	if err != nil {
		return nil, err
	}
	v, ok := value.Lookup(body, tokens)
	if !ok {
		return nil, fmt.Errorf("the body has nothing at %q", pointer)
	}
	return v, nil
}

func (r *replay) decoded() (any, error) {
	if isXML(r.got.header) {
		return codec.DecodeXML(r.got.body, "", r.schema(), codec.DefaultLimits())
	}
	return codec.DecodeJSON(r.got.body, "", codec.DefaultLimits())
}

func isXML(h http.Header) bool {
	typ, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.HasSuffix(typ, "/xml") || strings.HasSuffix(typ, "+xml")
}

// schema is that of the XML answer at hand.
func (r *replay) schema() *schema.Node {
	id, _, _ := strings.Cut(r.got.header.Get("Mockauth-Outcome"), " ")
	if op := r.contract.Operation(id); op != nil {
		if res := op.Response(r.got.status); res != nil {
			for _, m := range res.Media {
				if strings.HasSuffix(m.Type, "xml") {
					return m.Schema
				}
			}
		}
	}
	return nil
}

// outcome is what Mockauth-Outcome must say.
func (r *replay) outcome() string {
	if r.x.Operation == "" {
		return r.x.Outcome
	}
	return r.x.Operation + " " + r.x.Outcome
}

func (r *replay) compare() {
	want, got := r.x.Answer, r.got
	if got.status != want.Status {
		r.fail("status is %d, want %d", got.status, want.Status)
	}
	if o := got.header.Get("Mockauth-Outcome"); o != r.outcome() {
		r.fail("outcome is %q, want %q; why: %s", o, r.outcome(), got.header.Get("Mockauth-Why"))
	}
	if c := got.header.Get("Mockauth-Client-Error"); c != r.x.Client {
		r.fail("client error is %q, want %q", c, r.x.Client)
	}
	r.compareHeaders()
	r.compareBody()
	for _, j := range r.x.Tokens {
		r.compareToken(j)
	}
	if n := got.header.Get("Content-Length"); n != "" && n != strconv.Itoa(len(got.body)) {
		r.fail("Content-Length is %s, and the body has %d bytes", n, len(got.body))
	}
}
