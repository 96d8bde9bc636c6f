package mockserver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// state is all that a world says of a system: how many sessions and tokens, and
// every record.
func (s *script) state() string {
	s.t.Helper()
	sessions, tokens, err := s.world.Counts(s.system)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := s.client.Get(s.world.URL() + mockserver.AdminPath + "/systems")
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := readReply(res)
	if err != nil {
		s.t.Fatal(err)
	}
	var systems []struct{ Accounts json.RawMessage }
	if err := json.Unmarshal(r.body, &systems); err != nil || len(systems) != 1 {
		s.t.Fatalf("%v: %s", err, r.body)
	}
	return fmt.Sprintf("%d sessions, %d tokens, records %s", sessions, tokens, systems[0].Accounts)
}

// A refused request changes nothing: no session, no token, no record.
func TestRefusedRequestChangesNothing(t *testing.T) {
	t.Parallel()
	for _, system := range specs.Systems() {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, mockserver.System(system), mockserver.Seed(1))
			n := 0
			for _, e := range exchangesOf(t, system) {
				if e.Answer.Status < 400 && !isRefusal(e.Outcome) {
					continue
				}
				s := newScript(t, server, system)
				s.begin(e)
				before := s.state()
				r, err := s.send(e.Request)
				if err != nil {
					t.Fatal(err)
				}
				if r.why == "" {
					continue // answered: the expectation is tested elsewhere
				}
				n++
				if after := s.state(); after != before {
					t.Errorf("%s: refused as %s, and it changed\n%s\nto\n%s", e.ID, r.outcome, before, after)
				}
			}
			if n < 10 {
				t.Errorf("only %d refusals were tried", n)
			}
		})
	}
}

// A revoked token is accepted by no operation, wherever it is put.
func TestRevokedTokenIsAcceptedNowhere(t *testing.T) {
	t.Parallel()
	for _, system := range specs.Systems() {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, mockserver.System(system), mockserver.Seed(1))
			c := server.Contract(system)
			for _, l := range livesOf(t, system) {
				for _, v := range l.Ends {
					s := newScript(t, server, system)
					s.set(l.Profile, l.Settings)
					s.set(v.Profile, v.Settings)
					s.play(l.Issue)
					s.play(v.Steps)
					named := 0
					for _, op := range c.Operations {
						for _, at := range placesOf(op, l.Token) {
							req := present(t, s, op, at, s.names["token"])
							if req == nil {
								continue
							}
							r := do(s, req)
							if r.why == "" {
								t.Errorf("%s, revoked as %q: %s takes it in %s and answers %d %s", l.Token, v.About, op.ID, at.Describe(), r.status, r.outcome)
							}
							if r.outcome == "token.revoked."+l.Token {
								named++
							}
						}
					}
					if named == 0 && l.Dead.Outcome == "" && !besides(c, l.Token) {
						t.Errorf("%s, revoked as %q: no operation says that it is revoked", l.Token, v.About)
					}
				}
			}
		})
	}
}

// placesOf are where an operation takes a token of a kind, and refuses one that
// is revoked: not where a dead one counts as not sent.
func placesOf(op *specs.Operation, kind string) []specs.Location {
	var out []specs.Location
	take := func(p *specs.Proof) {
		for _, reason := range p.Tolerate {
			if strings.HasPrefix("token.revoked."+kind, reason) {
				return
			}
		}
		for _, b := range p.Binds {
			if slices.ContainsFunc(b.Alts, func(a *specs.Target) bool { return a.Kind == specs.FindToken && a.Token == kind }) {
				out = append(out, b.At)
			}
		}
	}
	if !op.Anonymous {
		for _, alt := range op.Security {
			if len(alt) == 1 {
				take(alt[0])
			}
		}
	}
	for _, p := range op.Accepts {
		take(p)
	}
	return out
}

// besides reports whether a kind of token is only ever taken beside another, so
// that alone it is not looked at.
func besides(c *specs.Contract, kind string) bool {
	for _, op := range c.Operations {
		if len(placesOf(op, kind)) > 0 {
			return false
		}
	}
	return true
}

// present is a request of an operation with a token at a place and nothing else
// that is right; nil if the place cannot be written.
func present(t *testing.T, s *script, op *specs.Operation, at specs.Location, token string) *http.Request {
	t.Helper()
	target := s.world.URL() + s.server.Contract(s.system).BasePaths[0] + parameterInPath.ReplaceAllString(op.Path, "1")
	var body []byte
	typ := ""
	switch at.In {
	case specs.InBody:
		for _, m := range op.Body {
			if m.Type == "application/json" {
				var v any = token
				for i := len(at.Tokens) - 1; i >= 0; i-- {
					v = map[string]any{at.Tokens[i]: v}
				}
				var err error
				if body, err = json.Marshal(v); err != nil {
					t.Fatal(err)
				}
				typ = m.Type
			}
			if m.Type == "application/x-www-form-urlencoded" && len(at.Tokens) == 1 {
				body, typ = []byte(url.Values{at.Tokens[0]: {token}}.Encode()), m.Type
			}
		}
		if typ == "" {
			return nil
		}
	case specs.InQuery:
		target += "?" + url.QueryEscape(at.Name) + "=" + url.QueryEscape(token)
	case specs.InHeader, specs.InCookie, specs.InBearer:
	default:
		return nil
	}
	req, err := http.NewRequest(op.Method, target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	switch at.In {
	case specs.InHeader:
		req.Header.Set(at.Name, token)
	case specs.InCookie:
		req.Header.Set("Cookie", at.Name+"="+token)
	case specs.InBearer:
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if typ != "" {
		req.Header.Set("Content-Type", typ)
	}
	return req
}

// Two accounts that are logged in at once are told of themselves only.
func TestTokenOfOneAccountNeverAnswersWithAnother(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	tell := 0
	t.Cleanup(func() {
		if tell < 5 {
			t.Errorf("only %d systems told accounts of themselves", tell)
		}
	})
	for _, system := range specs.Systems() {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, mockserver.System(system), mockserver.Seed(1))
			c := server.Contract(system)
			world, err := fixtures.System(c)
			if err != nil {
				t.Fatal(err)
			}
			told := 0
			for _, l := range livesOf(t, system) {
				if len(l.Issue) > 1 || len(l.Use) > 1 || c.Token(l.Token).Once {
					continue
				}
				mine := accountIn(c, world, l.Issue[0].Request)
				if mine == nil {
					continue
				}
				for _, r := range world.Records {
					theirs, isText := r.Value[mine.name].(string)
					if r.Kind != mine.kind || !isText || strings.Contains(theirs, mine.value) || strings.Contains(mine.value, theirs) {
						continue
					}
					pass, _ := r.Value[mine.secret].(string)
					told += apart(t, server, l, system, *mine, theirs, pass)
				}
			}
			// A system whose protected call is a stand-in says nothing of anybody.
			t.Logf("%d pairs of accounts were told of themselves", told)
			mu.Lock()
			defer mu.Unlock()
			if told > 0 {
				tell++
			}
		})
	}
}

// naming is how a login says whose it is, and the secret of that record.
type naming struct{ kind, name, value, secret, pass string }

// accountIn finds the record that a login is for, by a field that records are
// found by and by its secret; nil if the body does not say both.
func accountIn(c *specs.Contract, w *fixtures.World, login *call) *naming {
	text := loginText(login)
	for _, r := range w.Records {
		k := c.Record(r.Kind)
		for _, secret := range k.Order {
			pass, isText := r.Value[secret].(string)
			if !k.Fields[secret].Secret || !isText || pass == "" || !strings.Contains(text, between(pass)) {
				continue
			}
			for _, name := range k.Order {
				v, isText := r.Value[name].(string)
				if isText && k.Indexed[name] && !k.Fields[name].Secret && strings.Contains(text, between(v)) {
					return &naming{r.Kind, name, v, secret, pass}
				}
			}
		}
	}
	return nil
}

func between(s string) string { return "\x00" + s + "\x00" }

// loginText is the values of a login's body, each between zeros.
func loginText(c *call) string {
	var b strings.Builder
	for _, part := range []tree{c.JSON, c.Form, c.Multipart} {
		for _, n := range scalars(part) {
			b.WriteString(between(n.Value))
		}
	}
	return b.String()
}

// apart logs two accounts in and asks for each in turn. It returns 1 if the
// answers name them.
func apart(t *testing.T, server *mockserver.Server, l life, system string, mine naming, theirs, pass string) int {
	t.Helper()
	a := newScript(t, server, system)
	a.set(l.Profile, l.Settings)
	b := scriptIn(t, server, system, a.world)
	other := *l.Issue[0].Request
	for _, part := range []*tree{&other.JSON, &other.Form, &other.Multipart} {
		*part = part.with(func(v string) string {
			switch v {
			case mine.value:
				return theirs
			case mine.pass:
				return pass
			}
			return v
		})
	}
	b.loose = true
	in := b.one(step{Request: &other, Capture: l.Issue[0].Capture})
	if in.why != "" {
		return 0 // one who may not log in, or not like this
	}
	a.play(l.Issue)
	told := 0
	var first [2][]byte
	for round := range 2 {
		for i, s := range []*script{a, b} {
			own, foreign := mine.value, theirs
			if i == 1 {
				own, foreign = theirs, mine.value
			}
			got, err := s.send(l.Use[0].Request)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(got.body), foreign) {
				t.Errorf("%s: the token of %s is answered with %s: %s", l.About, own, foreign, got.body)
			}
			if strings.Contains(string(got.body), own) {
				told = 1
			}
			if round == 0 {
				first[i] = got.body
			} else if l.Use[0].Request.Method == http.MethodGet && !bytes.Equal(first[i], got.body) {
				t.Errorf("%s: the token of %s is answered differently after the other was used:\n%s\n%s", l.About, own, first[i], got.body)
			}
		}
	}
	return told
}
