package mockserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/mockserver/admin"
)

// controlCall is one call of testdata/control.yaml.
type controlCall struct {
	Operation string `yaml:"operation"`
	Method    string `yaml:"method"`
	Path      string `yaml:"path"`
	Body      string `yaml:"body"`
	Status    int    `yaml:"status"`
	Says      string `yaml:"says"`
	Traffic   bool   `yaml:"traffic"` // first, somebody uses the mock
}

func controlCalls(t *testing.T) []controlCall {
	t.Helper()
	var file struct {
		Calls []controlCall `yaml:"calls"`
	}
	readYAML(t, "testdata/control.yaml", &file)
	return file.Calls
}

// controlDocument is openapi.json, and what was seen of it.
type controlDocument struct {
	doc    *openapi3.T
	routes map[string]*routers.Route // by operationId
	seen   map[string]bool           // operationId and status
}

func newControlDocument(t *testing.T) *controlDocument {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(admin.Document())
	if err != nil {
		t.Fatal(err)
	}
	d := &controlDocument{doc, map[string]*routers.Route{}, map[string]bool{}}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			d.routes[op.OperationID] = &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op}
		}
	}
	return d
}

// check compares an answer, and the request if it was taken, with the document.
func (d *controlDocument) check(operation string, req *http.Request, sent string, res *http.Response, body []byte) error {
	route := d.routes[operation]
	if route == nil {
		return fmt.Errorf("the document has no operation %q", operation)
	}
	d.seen[fmt.Sprint(operation, " ", res.StatusCode)] = true
	if route.Operation.Responses.Status(res.StatusCode) == nil {
		return fmt.Errorf("the document has no answer %d", res.StatusCode)
	}
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, Route: route},
		Status:                 res.StatusCode, Header: res.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
	if err != nil {
		return err
	}
	if content := route.Operation.Responses.Status(res.StatusCode).Value.Content; len(content) > 0 {
		typ := res.Header.Get("Content-Type")
		m := content.Get(typ)
		if m == nil {
			return fmt.Errorf("the answer is of type %q", typ)
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			return err
		}
		if extra := undocumented(m.Schema.Value, v, ""); operation != "getDocument" && len(extra) > 0 {
			return fmt.Errorf("members that the document does not have: %s", strings.Join(extra, ", "))
		}
	} else if len(body) > 0 {
		return fmt.Errorf("a body where none is documented: %s", body)
	}
	if res.StatusCode < 300 && sent != "" {
		var v any
		if err := json.Unmarshal([]byte(sent), &v); err != nil {
			return err
		}
		return route.Operation.RequestBody.Value.Content.Get("application/json").Schema.Value.VisitJSON(v)
	}
	return nil
}

// undocumented returns the members that a schema does not name: the document
// lets them pass, so that it can grow, but it must not be behind.
func undocumented(s *openapi3.Schema, v any, at string) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		if s.AdditionalProperties.Schema != nil || s.AdditionalProperties.Has != nil && *s.AdditionalProperties.Has {
			return nil
		}
		for name, x := range v {
			if p := s.Properties[name]; p != nil {
				out = append(out, undocumented(p.Value, x, at+"/"+name)...)
			} else {
				out = append(out, at+"/"+name)
			}
		}
	case []any:
		for _, x := range v {
			if s.Items != nil {
				out = append(out, undocumented(s.Items.Value, x, at+"/-")...)
			}
		}
	}
	return out
}

func TestTheControlAPIAnswersAsItsDocumentSays(t *testing.T) {
	d := newControlDocument(t)
	calls := controlCalls(t)
	for _, root := range []string{"/__admin", "/w/lab/__admin"} {
		m := mockserver.Start(t, mockserver.System("wedia"))
		lab, err := m.NewWorld("lab", false)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 99 { // there is room for one more
			for _, w := range []*mockserver.World{lab, m.Default()} {
				if err := w.Keep(fmt.Sprintf("kept-%d", i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, c := range calls {
			if c.Traffic {
				someTraffic(t, m.URL()+strings.TrimSuffix(root, "/__admin"))
			}
			name := fmt.Sprintf("%s, call %d: %s %s %s", root, i+1, c.Method, c.Path, c.Body)
			req, res, body := d.send(t, m.URL()+root+c.Path, c, nil)
			if res.StatusCode != c.Status {
				t.Errorf("%s: status %d, want %d: %s", name, res.StatusCode, c.Status, body)
				continue
			}
			if err := d.check(c.Operation, req, c.Body, res, body); err != nil {
				t.Errorf("%s: %v\n%s", name, err, body)
			}
			var p struct {
				Detail string `json:"detail"`
			}
			if c.Says != "" && (json.Unmarshal(body, &p) != nil || !strings.Contains(p.Detail, c.Says)) {
				t.Errorf("%s: the detail does not say %s: %s", name, c.Says, body)
			}
		}
		for _, c := range firstOfEach(calls) {
			req, res, body := d.send(t, m.URL()+root+c.Path, c, http.Header{"Origin": {"http://evil.example"}})
			if err := d.check(c.Operation, req, "", res, body); err != nil || res.StatusCode != http.StatusForbidden {
				t.Errorf("%s with an Origin: %d %s %v", c.Operation, res.StatusCode, body, err)
			}
		}
		guarded := mockserver.Start(t, mockserver.System("wedia"), mockserver.AdminToken("let-me-in"))
		if _, err := guarded.NewWorld("lab", false); err != nil {
			t.Fatal(err)
		}
		for _, c := range firstOfEach(calls) {
			want := http.StatusUnauthorized
			if c.Operation == "getHealth" {
				want = http.StatusOK
			}
			req, res, body := d.send(t, guarded.URL()+root+c.Path, c, nil)
			if err := d.check(c.Operation, req, "", res, body); err != nil || res.StatusCode != want {
				t.Errorf("%s without the token: %d, want %d: %s %v", c.Operation, res.StatusCode, want, body, err)
			}
		}
	}
	for id, r := range d.routes {
		for _, status := range slices.Sorted(maps.Keys(r.Operation.Responses.Map())) {
			if !d.seen[id+" "+status] {
				t.Errorf("%s: the document has an answer %s that no call got", id, status)
			}
		}
	}
}

func (d *controlDocument) send(t *testing.T, target string, c controlCall, h http.Header) (*http.Request, *http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(c.Method, target, strings.NewReader(c.Body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, h)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return req, res, body
}

// firstOfEach is the first call of every operation.
func firstOfEach(calls []controlCall) []controlCall {
	var out []controlCall
	seen := map[string]bool{}
	for _, c := range calls {
		if !seen[c.Operation] {
			seen[c.Operation] = true
			out = append(out, c)
		}
	}
	return out
}

// someTraffic leaves a login, a refusal and a path that does not exist in the
// journal.
func someTraffic(t *testing.T, root string) {
	t.Helper()
	for _, password := range []string{"demo-john", "wrong"} {
		res, err := http.PostForm(root+"/api/rest/signin", url.Values{"login": {"john.roe"}, "password": {password}, "unheard-of": {"1"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	res, err := http.Get(root + "/no/such/path")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
}
