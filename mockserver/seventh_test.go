package mockserver_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// seventh writes the contract of an API that no Go knows to a folder of its own.
func seventh(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "harbour")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	copyFile(t, "testdata/seventh/openapi.yaml", filepath.Join(dir, "openapi.yaml"))
	return dir
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// withDemo puts demo records into the contract itself.
func withDemo(t *testing.T, dir string) {
	t.Helper()
	var doc, demo yaml.Node
	for file, into := range map[string]*yaml.Node{filepath.Join(dir, "openapi.yaml"): &doc, "testdata/seventh/demo.yaml": &demo} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	records := under(t, under(t, doc.Content[0], "x-session"), "records")
	kinds := demo.Content[0].Content
	for i := 0; i+1 < len(kinds); i += 2 {
		n := under(t, records, kinds[i].Value)
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "demo"}, kinds[i+1])
	}
	data, err := yaml.Marshal(&doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "openapi.yaml"), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func under(t *testing.T, n *yaml.Node, key string) *yaml.Node {
	t.Helper()
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	t.Fatalf("the contract has no %s", key)
	return nil
}

// account is a demo account as GET /__admin/systems lists it.
type account struct {
	Kind  string         `json:"kind"`
	For   string         `json:"for"`
	Value map[string]any `json:"value"`
}

// listed is what a user learns of a system from the control API.
func listed(t *testing.T, m *mockserver.Mock) (accounts []account, curl string) {
	t.Helper()
	res, err := m.Client().Get(m.URL() + mockserver.AdminPath + "/systems")
	if err != nil {
		t.Fatal(err)
	}
	r, err := readReply(res)
	if err != nil {
		t.Fatal(err)
	}
	var systems []struct {
		Name     string    `json:"name"`
		Accounts []account `json:"accounts"`
		Curl     string    `json:"curl"`
	}
	if err := json.Unmarshal(r.body, &systems); err != nil {
		t.Fatalf("%v\n%s", err, r.body)
	}
	if len(systems) != 1 || systems[0].Name != "harbour" {
		t.Fatalf("systems: %s", r.body)
	}
	return systems[0].Accounts, systems[0].Curl
}

// A contract of an API that nobody thought of is a full mock: it logs in,
// answers, rotates, refuses reuse, expires and logs out; with no world at all,
// with the records of the contract, and with those of a file beside it.
func TestContractAloneMakesAStatefulMock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, dir string)
		skipper string // whom the world must have; "": whoever was made
	}{
		{"no world: a skipper is made from the schema", func(*testing.T, string) {}, ""},
		{"demo records in the contract", withDemo, "joan"},
		{"a world beside the contract", func(t *testing.T, dir string) {
			copyFile(t, "testdata/seventh/world.yaml", filepath.Join(dir, "world.yaml"))
		}, "ada"},
		{"a world goes before demo records", func(t *testing.T, dir string) {
			withDemo(t, dir)
			copyFile(t, "testdata/seventh/world.yaml", filepath.Join(dir, "world.yaml"))
		}, "ada"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := seventh(t)
			c.prepare(t, dir)
			m := mockserver.Start(t, mockserver.File(dir))
			m.Clock().Freeze(midnight)
			accounts, curl := listed(t, m)
			i := slices.IndexFunc(accounts, func(a account) bool { return a.Kind == "skipper" })
			if i < 0 {
				t.Fatal("nobody can log in")
			}
			who := accounts[i].Value
			if c.skipper != "" && who["name"] != c.skipper {
				t.Fatalf("the first skipper is %v, want %s", who["name"], c.skipper)
			}
			if !strings.Contains(curl, "/harbour/v1/login") {
				t.Errorf("the curl line does not log in: %q", curl)
			}
			api := harbour{t, m}
			api.walk(who["name"], who["pin"], who["dock"])
			if c.skipper == "ada" {
				r := api.post("/login", map[string]any{"name": "grace", "pin": "1906"}, "")
				api.want(r, 423, "berth.closed")
				if body := string(r.body); !strings.Contains(body, `"hint":"A1"`) || !strings.Contains(body, `"reason":"berth.closed"`) {
					t.Errorf("the failure of the contract's own is answered %s", body)
				}
			}
		})
	}
}

// Every contract can be served without a world, however its records refer to
// each other: one of each kind is made, and can be looked up.
func TestWorldIsInventedForEveryContract(t *testing.T) {
	t.Parallel()
	for _, system := range specs.Systems() {
		c, err := specs.System(system)
		if err != nil {
			t.Fatal(err)
		}
		w, err := fixtures.Own(c, t.TempDir())
		if err != nil {
			t.Errorf("%s: %v", system, err)
			continue
		}
		if len(w.Records) < len(c.Records) {
			t.Errorf("%s: %d records of %d kinds", system, len(w.Records), len(c.Records))
		}
		again, err := fixtures.Own(c, "")
		if err != nil || !reflect.DeepEqual(w, again) {
			t.Errorf("%s: invented again, it is another world: %+v (%v)", system, again, err)
		}
		if _, err := mockserver.New(mockserver.Contract(c)); err != nil {
			t.Errorf("%s: %v", system, err)
		}
	}
}

type harbour struct {
	t *testing.T
	m *mockserver.Mock
}

func (h harbour) post(path string, body any, bearer string) *reply {
	h.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.call(http.MethodPost, path, data, bearer)
}

func (h harbour) call(method, path string, body []byte, bearer string) *reply {
	h.t.Helper()
	req, err := http.NewRequest(method, h.m.URL()+"/harbour/v1"+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := h.m.Client().Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := readReply(res)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h harbour) want(r *reply, status int, outcome string) {
	h.t.Helper()
	if r.status != status || r.outcome != outcome {
		h.t.Fatalf("answered %d %s, want %d %s: %s\n%s", r.status, r.outcome, status, outcome, r.why, r.body)
	}
}

func (h harbour) pair(r *reply) (access, refresh string) {
	h.t.Helper()
	h.want(r, 200, "pair")
	var p struct {
		Access, Refresh string
		Seconds         int
	}
	if err := json.Unmarshal(r.body, &p); err != nil || p.Access == "" || p.Refresh == "" || p.Seconds != 900 {
		h.t.Fatalf("no pair: %s (%v)", r.body, err)
	}
	return p.Access, p.Refresh
}

func (h harbour) walk(name, pin, dock any) {
	h.t.Helper()
	login := map[string]any{"name": name, "pin": pin}
	me := func(bearer string) *reply { return h.call(http.MethodGet, "/me", nil, bearer) }
	refresh := func(token string) *reply { return h.post("/refresh", map[string]any{"refresh": token}, "") }

	h.want(h.post("/login", map[string]any{"name": name, "pin": "wrong"}, ""), 401, "credentials.wrong.skipper")
	h.want(h.post("/login", map[string]any{"name": "nobody", "pin": pin}, ""), 401, "credentials.unknown.skipper")
	h.want(me(""), 401, "token.missing.access")

	access, first := h.pair(h.post("/login", login, ""))
	r := me(access)
	h.want(r, 200, "me")
	var body struct{ Name, Dock any }
	if err := json.Unmarshal(r.body, &body); err != nil || body.Name != name || body.Dock != dock || dock == nil {
		h.t.Errorf("me answers %s, want %v at dock %v", r.body, name, dock)
	}

	// The refresh token rotates, and its reuse is refused.
	second, next := h.pair(refresh(first))
	if next == first || second == access {
		h.t.Error("a refresh gave the same tokens again")
	}
	h.want(me(second), 200, "me")
	h.want(refresh(first), 409, "token.consumed.refresh")
	h.want(refresh(access), 401, "token.wrong-kind.refresh")
	h.want(me(next), 401, "token.wrong-kind.access")

	// Access tokens expire; the refresh token outlives them.
	h.m.Clock().Advance(15*time.Minute - time.Second)
	h.want(me(second), 200, "me")
	h.m.Clock().Advance(time.Second)
	h.want(me(second), 401, "token.expired.access")
	third, last := h.pair(refresh(next))

	// Logging out takes all tokens of the session with it.
	h.want(h.call(http.MethodPost, "/logout", nil, third), 204, "204")
	h.want(me(third), 401, "token.revoked.access")
	h.want(refresh(last), 401, "token.revoked.refresh")

	_, old := h.pair(h.post("/login", login, ""))
	h.m.Clock().Advance(7 * 24 * time.Hour)
	h.want(refresh(old), 401, "token.expired.refresh")
}
