package mockserver_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/mockserver"
)

// script plays the steps of data files against one world: requests in the form
// of fixtures/*/exchanges.yaml, captures, moves of the clock and settings.
type script struct {
	t      testing.TB
	server *mockserver.Server
	system string
	world  *mockserver.World
	names  map[string]string // captured
	client *http.Client
	seen   []*reply // in order, if record is set
	record bool
	loose  bool // what was not captured stays as it is written
}

// midnight is where the clock of a script stands at first.
var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

type step struct {
	Request  *call             `yaml:"request"`
	Status   int               `yaml:"status"`
	Outcome  string            `yaml:"outcome"`
	Capture  map[string]string `yaml:"capture"`
	Advance  span              `yaml:"advance"`
	Settings map[string]any    `yaml:"settings"`
	Fail     *struct {
		Operation, Reason string
		Times             int
	} `yaml:"fail"`
}

type call struct {
	Method    string            `yaml:"method"`
	Path      string            `yaml:"path"`
	Host      string            `yaml:"host"`
	Headers   map[string]string `yaml:"headers"`
	JSON      tree              `yaml:"json"`
	Form      tree              `yaml:"form"`
	Multipart tree              `yaml:"multipart"`
	Body      *string           `yaml:"body"`
}

// tree is a part of a file that is read in the order it is written in.
type tree struct{ *yaml.Node }

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *tree) UnmarshalYAML(n *yaml.Node) error {
	t.Node = n
	return nil
}

// span is a duration that may be said in days.
type span time.Duration

func (s *span) UnmarshalYAML(n *yaml.Node) error {
	if days, ok := strings.CutSuffix(n.Value, "d"); ok {
		v, err := strconv.Atoi(days)
		*s = span(time.Duration(v) * 24 * time.Hour)
		return err
	}
	d, err := time.ParseDuration(n.Value)
	*s = span(d)
	return err
}

// reply is an answer with its body read.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	outcome string // without the operation
	op      string
	why     string
}

// newScript makes a world of its own, frozen at midnight, and speaks to it
// without a port.
func newScript(t testing.TB, server *mockserver.Server, system string) *script {
	t.Helper()
	w, err := server.NewWorld("", false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.DeleteWorld(w.Name()) })
	w.Clock().Freeze(midnight)
	return scriptIn(t, server, system, w)
}

func scriptIn(t testing.TB, server *mockserver.Server, system string, w *mockserver.World) *script {
	return &script{t: t, server: server, system: system, world: w, names: map[string]string{}, client: &http.Client{
		Transport:     server.Transport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (s *script) set(profile string, settings map[string]any) {
	s.t.Helper()
	if profile != "" {
		if err := s.world.SetProfile(s.system, profile); err != nil {
			s.t.Fatal(err)
		}
	}
	if len(settings) > 0 {
		if err := s.world.Set(s.system, settings); err != nil {
			s.t.Fatal(err)
		}
	}
}

// play runs the steps; each must have the status and outcome that it names. It
// returns the last answer.
func (s *script) play(steps []step) *reply {
	s.t.Helper()
	var last *reply
	for i, st := range steps {
		last = s.one(st)
		if st.Request == nil {
			continue
		}
		if st.Status != 0 && last.status != st.Status {
			s.t.Fatalf("step %d, %s %s: status %d, want %d; outcome %s, %s\n%s", i, st.Request.Method, st.Request.Path, last.status, st.Status, last.outcome, last.why, last.body)
		}
		if st.Outcome != "" && last.outcome != st.Outcome {
			s.t.Fatalf("step %d, %s %s: outcome %s, want %s: %s", i, st.Request.Method, st.Request.Path, last.outcome, st.Outcome, last.why)
		}
	}
	return last
}

// one runs one step and checks nothing of its answer.
func (s *script) one(st step) *reply {
	s.t.Helper()
	switch {
	case st.Advance != 0:
		s.world.Clock().Advance(time.Duration(st.Advance))
	case st.Settings != nil:
		s.set("", st.Settings)
	case st.Fail != nil:
		if err := s.world.Fail(s.system, st.Fail.Operation, st.Fail.Reason, st.Fail.Times); err != nil {
			s.t.Fatal(err)
		}
	}
	if st.Request == nil {
		return nil
	}
	r, err := s.send(st.Request)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, at := range st.Capture {
		v, err := r.at(at)
		if err != nil && s.loose {
			continue
		}
		if err != nil {
			s.t.Fatalf("%s %s: %s cannot be captured at %q: %v; outcome %s %s\n%s", st.Request.Method, st.Request.Path, name, at, err, r.outcome, r.why, r.body)
		}
		s.names[name] = v
	}
	return r
}

func (s *script) send(c *call) (*reply, error) {
	req, err := s.request(c)
	if err != nil {
		return nil, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	r, err := readReply(res)
	if s.record {
		s.seen = append(s.seen, r)
	}
	return r, err
}

func readReply(res *http.Response) (*reply, error) {
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	r := &reply{status: res.StatusCode, header: res.Header, body: body, why: res.Header.Get("Mockauth-Why")}
	r.op, r.outcome, _ = strings.Cut(res.Header.Get("Mockauth-Outcome"), " ")
	if r.outcome == "" {
		r.op, r.outcome = "", r.op
	}
	return r, err
}

// request builds the request that a call describes, placeholders filled in.
func (s *script) request(c *call) (*http.Request, error) {
	var body io.Reader = http.NoBody
	typ := ""
	switch {
	case c.JSON.Node != nil:
		data, err := json.Marshal(s.value(c.JSON.Node))
		if err != nil {
			return nil, err
		}
		body, typ = bytes.NewReader(data), "application/json"
	case c.Form.Node != nil:
		var pairs []string
		for _, f := range s.fields(c.Form.Node) {
			pairs = append(pairs, url.QueryEscape(f[0])+"="+url.QueryEscape(f[1]))
		}
		body, typ = strings.NewReader(strings.Join(pairs, "&")), "application/x-www-form-urlencoded"
	case c.Multipart.Node != nil:
		var buf bytes.Buffer
		w := multipart.NewWriter(&buf)
		_ = w.SetBoundary("boundary-of-the-script") // the same bytes every time
		for _, f := range s.fields(c.Multipart.Node) {
			if err := w.WriteField(f[0], f[1]); err != nil {
				return nil, err
			}
		}
		_ = w.Close()
		body, typ = &buf, w.FormDataContentType()
	case c.Body != nil:
		body = strings.NewReader(s.text(*c.Body))
	}
	req, err := http.NewRequest(c.Method, s.world.URL()+s.text(c.Path), body)
	if err != nil {
		return nil, err
	}
	if typ != "" {
		req.Header.Set("Content-Type", typ)
	}
	for k, v := range c.Headers {
		req.Header.Set(k, s.text(v))
	}
	if c.Host != "" {
		req.Host = c.Host
	}
	return req, nil
}

func (s *script) fields(n *yaml.Node) [][2]string {
	n = follow(n)
	var out [][2]string
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, [2]string{n.Content[i].Value, s.text(follow(n.Content[i+1]).Value)})
	}
	return out
}

func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// member keeps the members of an object in the order of the file.
type member struct {
	name  string
	value any
}

type object []member

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (s *script) value(n *yaml.Node) any {
	n = follow(n)
	switch n.Kind {
	case yaml.MappingNode:
		o := object{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			o = append(o, member{n.Content[i].Value, s.value(n.Content[i+1])})
		}
		return o
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, e := range n.Content {
			out[i] = s.value(e)
		}
		return out
	}
	var v any
	if err := n.Decode(&v); err != nil {
		s.t.Fatal(err)
	}
	if text, ok := v.(string); ok {
		return s.text(text)
	}
	return v
}

var placeholder = regexp.MustCompile(`\{\{(?:(base64url) )?([A-Za-z0-9]+)\}\}`)

// text fills {{name}}, {{base64url name}} and {{base}} in.
func (s *script) text(t string) string {
	return placeholder.ReplaceAllStringFunc(t, func(p string) string {
		m := placeholder.FindStringSubmatch(p)
		if m[2] == "base" {
			return s.world.URL()
		}
		v, ok := s.names[m[2]]
		if !ok && s.loose {
			return p
		}
		if !ok {
			s.t.Fatalf("nothing was captured as %q in %q", m[2], t)
		}
		if m[1] != "" {
			return base64.RawURLEncoding.EncodeToString([]byte(v))
		}
		return v
	})
}

// at reads a captured place: a pointer into the body, "" for all of it, a
// cookie or a header.
func (r *reply) at(place string) (string, error) {
	if name, ok := strings.CutPrefix(place, "$response.cookie."); ok {
		res := http.Response{Header: r.header}
		for _, c := range res.Cookies() {
			if c.Name == name {
				return c.Value, nil
			}
		}
		return "", fmt.Errorf("no such cookie in %q", r.header["Set-Cookie"])
	}
	if name, ok := strings.CutPrefix(place, "$response.header."); ok {
		return r.header.Get(name), nil
	}
	if strings.Contains(r.header.Get("Content-Type"), "xml") {
		return r.inXML(place)
	}
	dec := json.NewDecoder(bytes.NewReader(r.body))
	dec.UseNumber()
	var x any
	if err := dec.Decode(&x); err != nil {
		if place == "" {
			return string(r.body), nil // an answer in plain text
		}
		return "", err
	}
	for _, token := range strings.Split(place, "/")[min(1, len(place)):] {
		if place == "" {
			break
		}
		switch c := x.(type) {
		case map[string]any:
			x = c[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(c) {
				return "", fmt.Errorf("no element %s", token)
			}
			x = c[i]
		}
	}
	switch x := x.(type) {
	case string:
		return x, nil
	case json.Number:
		return x.String(), nil
	}
	return "", fmt.Errorf("no text and no number there, but %T", x)
}

// inXML reads a pointer as a path of elements; a number takes one of several of
// the same name.
func (r *reply) inXML(place string) (string, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(r.body); err != nil {
		return "", err
	}
	list := []*etree.Element{&doc.Element}
	for token := range strings.SplitSeq(strings.TrimPrefix(place, "/"), "/") {
		if i, err := strconv.Atoi(token); err == nil && i < len(list) {
			list = list[i : i+1]
			continue
		}
		list = list[0].SelectElements(token)
		if len(list) == 0 {
			return "", fmt.Errorf("no element %s", token)
		}
	}
	return list[0].Text(), nil
}

func readYAML(t testing.TB, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// exchange is what these tests read of fixtures/*/exchanges.yaml; that the
// answers are right is tested elsewhere.
type exchange struct {
	ID        string         `yaml:"id"`
	Operation string         `yaml:"operation"`
	Outcome   string         `yaml:"outcome"`
	Profile   string         `yaml:"profile"`
	Settings  map[string]any `yaml:"settings"`
	Clock     *time.Time     `yaml:"clock"`
	Given     []step         `yaml:"given"`
	Request   *call          `yaml:"request"`
	Answer    struct {
		Status int `yaml:"status"`
	} `yaml:"answer"`
}

func exchangesOf(t testing.TB, system string) []exchange {
	t.Helper()
	data, err := os.ReadFile("../fixtures/" + system + "/exchanges.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Exchanges []exchange `yaml:"exchanges"`
	}
	if err := yaml.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Exchanges) == 0 {
		t.Fatalf("%s has no exchanges", system)
	}
	return f.Exchanges
}

// begin brings a script to where the exchange's own request is due.
func (s *script) begin(e exchange) {
	s.t.Helper()
	if e.Clock != nil {
		s.world.Clock().Freeze(*e.Clock)
	}
	s.set(e.Profile, e.Settings)
	s.play(e.Given)
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// wellFormed reports what is wrong with an XML document.
func wellFormed(data []byte) error {
	dec := xml.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := dec.Token(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// scalars are the single values of a part of a file.
func scalars(t tree) []*yaml.Node {
	if t.Node == nil {
		return nil
	}
	n := follow(t.Node)
	if n.Kind == yaml.ScalarNode {
		return []*yaml.Node{n}
	}
	var out []*yaml.Node
	for i, e := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue // a name
		}
		out = append(out, scalars(tree{e})...)
	}
	return out
}

// with is a copy in which every single value went through f.
func (t tree) with(f func(string) string) tree {
	if t.Node == nil {
		return t
	}
	c := *follow(t.Node)
	if c.Kind == yaml.ScalarNode {
		c.Value = f(c.Value)
		return tree{&c}
	}
	content := make([]*yaml.Node, len(c.Content))
	for i, e := range c.Content {
		content[i] = e
		if c.Kind != yaml.MappingNode || i%2 == 1 {
			content[i] = tree{e}.with(f).Node
		}
	}
	c.Content = content
	return tree{&c}
}

func toText(v any) string { return fmt.Sprintf("%v", v) }
