package client

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

const ticks = time.Second

// wire are the cases about what a client sends.
func (f *facts) wire() []*scenario {
	var out []*scenario
	for _, action := range []string{driver.Login, driver.Call, driver.Renew, driver.Logout} {
		if action == driver.Renew && len(f.renewals) == 0 || action == driver.Logout && len(f.logouts) == 0 {
			continue
		}
		needs := []string{driver.Login}
		if action != driver.Login {
			needs = append(needs, action)
		}
		out = append(out, &scenario{
			name: "wire." + action, title: "what the client sends for " + doing(driver.Step{Do: action}) + " is a request of the contract, and works",
			law: "a request has the method, path, media type and members that the contract describes", severity: conformance.Must,
			op: f.about(action), needs: needs, about: action, rehearsed: action == driver.Renew || action == driver.Logout, cause: []string{"in a world in which nothing goes wrong: " + action},
			run: func(ctx context.Context, s *stage) { s.wireOf(ctx, action) },
		})
	}
	out = append(out, &scenario{
		name: "wire.secrets", title: "passwords and tokens are sent where the contract puts them, and nowhere else",
		law: "URLs, other header fields and other operations are logged and cached (RFC 6750 5.3, RFC 9110 17.9)", severity: conformance.Must,
		op: f.login(), needs: []string{driver.Login}, cause: []string{"one whole session, in which nothing goes wrong"},
		run: func(ctx context.Context, s *stage) { s.session(ctx); s.placed(s.seen(0), s.note) },
	})
	for _, action := range []string{driver.Login, driver.Call} {
		out = append(out, &scenario{
			name: "wire.redirect." + action, title: "a redirect to another server during " + doing(driver.Step{Do: action}) + " takes no password and no token there",
			law: "credentials belong to one origin (RFC 9110 15.4, 17.16.3)", severity: conformance.Must,
			op: f.about(action), needs: []string{driver.Login, action}, rehearsed: true,
			cause: []string{action + " is answered 307 with a Location on another port"},
			run:   func(ctx context.Context, s *stage) { s.redirected(ctx, action) },
		})
	}
	return out
}

// wireOf checks the requests of one action.
func (s *stage) wireOf(ctx context.Context, action string) {
	if action != driver.Login {
		if _, ok := s.login(ctx); !ok {
			return
		}
	}
	r, ok := s.step(ctx, driver.Step{Do: action})
	if !ok {
		return
	}
	if action == driver.Logout {
		s.later(ctx, r.from, closed)
	}
	seen := s.seen(r.from)
	s.valid(seen)
	done := map[string]func(observed) bool{driver.Login: opened, driver.Call: called, driver.Renew: renewed, driver.Logout: closed}[action]
	happened := slices.ContainsFunc(seen, done)
	switch {
	case !r.OK && happened:
		s.add("client", "success, as the server answered", r.text())
	case !r.OK:
		s.add("client", "success", r.text()+"; seen: "+lines(seen))
	case action == driver.Login && count(seen, opened) > 1:
		s.should("wire", "one session for one login", fmt.Sprintf("%d: %s", count(seen, opened), lines(seen)))
	case !happened && len(s.v.mismatches) == 0:
		s.add("wire", "a request that the contract accepts for "+doing(r.step), lines(seen))
	}
}

// valid looks for requests that the contract does not describe.
func (s *stage) valid(seen []observed) {
	for _, o := range seen {
		reason, bad := strings.CutPrefix(o.Outcome, "request.")
		if o.Fault != "" && o.Outcome == "" {
			continue
		}
		switch {
		case o.Operation == "" && o.Method == http.MethodOptions:
		case o.Operation == "" && !s.below(o.URL):
			// Favicons and the like are nobody's fault.
		case bad && len(o.Violations) > 0:
			for _, v := range o.Violations {
				where := "body " + v.Pointer
				if v.Where != "" {
					where = v.Where
				}
				s.add("request "+o.Operation+", "+where, v.Message, "request."+reason)
			}
		case bad:
			s.add("request "+o.Operation, "a request of the contract", line(o)+": "+o.Why)
		default:
			s.undeclared(o)
		}
	}
}

// below reports whether a path is below the base path of the contract.
func (s *stage) below(target string) bool {
	base := s.suite.contract.BasePaths
	return slices.ContainsFunc(base, func(b string) bool { return b != "" && strings.HasPrefix(target, b) }) || !strings.Contains(target, "favicon") && slices.Contains(base, "")
}

// undeclared looks for query parameters that no operation has: the contract may
// pass them over, but a client that sends them means something.
func (s *stage) undeclared(o observed) {
	op := s.operation(o.Operation)
	u, err := url.ParseRequestURI(o.URL)
	if op == nil || err != nil {
		return
	}
	known := map[string]bool{}
	var names []string
	note := func(l specs.Part, name string) {
		if l == specs.InQuery && !known[name] {
			known[name] = true
			names = append(names, name)
		}
	}
	for _, p := range op.Parameters {
		note(p.In, p.Name)
	}
	for _, l := range slices.Concat(op.Secrets, op.Proves) {
		note(l.In, l.Name)
	}
	for name := range u.Query() {
		if !known[name] {
			s.should("request "+o.Operation+", query "+name, "a parameter of the contract; "+specs.DidYouMean(name, names), "it is sent")
		}
	}
	s.members(o, op)
}

// session is one whole session, in which nothing goes wrong.
func (s *stage) session(ctx context.Context) bool {
	if _, ok := s.login(ctx); !ok {
		return false
	}
	d, err := s.r.driver(ctx)
	if err != nil {
		return false
	}
	for _, action := range []string{driver.Call, driver.Renew, driver.Call, driver.Logout} {
		if !d.About().Can(action) {
			continue
		}
		if _, ok := s.step(ctx, driver.Step{Do: action}); !ok {
			return false
		}
	}
	return true
}

// known are the secrets of a stage: those of the account that is used, and all
// tokens.
func (s *stage) known() []string {
	out := slices.Clone(s.secrets)
	for _, o := range s.seen(0) {
		for _, t := range o.Issued {
			out = append(out, t.Text)
		}
	}
	return slices.DeleteFunc(out, func(x string) bool { return len(x) < 6 })
}

// placed looks for secrets in places where the contract has none.
func (s *stage) placed(seen []observed, add func(severity conformance.Severity, in, wanted, got string)) {
	secrets := s.known()
	masks := make(map[string]*conformance.Masker, len(secrets))
	for _, x := range secrets {
		masks[x] = conformance.NewMasker(x)
	}
	for _, o := range seen {
		if o.Operation == "" && o.Method == http.MethodOptions {
			continue
		}
		for _, place := range s.strayed(o, masks) {
			severity := conformance.Must
			if place.same { // the same server has it already
				severity = conformance.Should
			}
			add(severity, "request "+or(o.Operation, o.Method+" of an unknown path")+", "+place.where, "no "+place.what+" there", "it is there")
		}
	}
}

type strayed struct {
	where, what string
	// same: in the field that is for credentials, at another operation of the
	// contract.
	same bool
}

// strayed are the places of a request that hold a secret, and must not.
func (s *stage) strayed(o observed, masks map[string]*conformance.Masker) []strayed {
	allowed := map[specs.Part]map[string]bool{}
	body := false
	if op := s.operation(o.Operation); op != nil {
		for _, l := range slices.Concat(op.Secrets, op.Proves) {
			if allowed[l.In] == nil {
				allowed[l.In] = map[string]bool{}
			}
			allowed[l.In][strings.ToLower(l.Name)] = true
			body = body || l.In == specs.InBody
		}
	}
	var out []strayed
	look := func(where, text string) {
		for _, x := range sortedKeys(masks) {
			if strings.Contains(text, x) || masks[x].Text(text) != text {
				p := strayed{where, s.what(x), where == "header Authorization" && o.Operation != "" && s.what(x) != password}
				if !slices.Contains(out, p) {
					out = append(out, p)
				}
			}
		}
	}
	target, query, _ := strings.Cut(o.URL, "?")
	if path, err := url.PathUnescape(target); err == nil && allowed[specs.InPath] == nil {
		look("the path", path)
	}
	values, _ := url.ParseQuery(query) // what can be read is looked at
	for name, list := range values {
		if !allowed[specs.InQuery][strings.ToLower(name)] {
			look("query "+name, name+"="+strings.Join(list, " "))
		}
	}
	for name, list := range o.Header {
		text := strings.Join(list, " ")
		switch lower := strings.ToLower(name); {
		case lower == "authorization":
			scheme, rest, _ := strings.Cut(text, " ")
			if allowed[specs.InHeader][lower] ||
				strings.EqualFold(scheme, "Bearer") && allowed[specs.InBearer] != nil || strings.EqualFold(scheme, "Basic") && allowed[specs.InBasicPassword] != nil {
				continue
			}
			if b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest)); err == nil {
				text += " " + string(b)
			}
			look("header "+name, text)
		case lower == "cookie":
			// A jar sends what the server has set, wherever the path fits.
		case !allowed[specs.InHeader][lower]:
			if u, err := url.QueryUnescape(text); err == nil {
				text += " " + u
			}
			look("header "+name, text)
		}
	}
	if !body {
		look("the body", string(o.Body))
	}
	return out
}

// what is a secret in words: password, or token access.
func (s *stage) what(text string) string {
	for _, o := range s.seen(0) {
		for _, t := range o.Issued {
			if t.Text == text {
				return "token (" + t.Kind + ")"
			}
		}
	}
	return password
}

const password = "password"

// redirected answers one action with a redirect to another server.
func (s *stage) redirected(ctx context.Context, action string) {
	if action != driver.Login {
		if _, ok := s.login(ctx); !ok {
			return
		}
	}
	id, ok := s.lay(mockserver.Fault{Operation: s.suite.manner.ops[action], Times: -1, Do: "redirect", Location: s.other.url + "/"})
	if !ok {
		return
	}
	r, ok := s.step(ctx, driver.Step{Do: action})
	s.elsewhereSeen(s.add)
	switch {
	case !ok:
		return
	case s.fired(id) == 0:
		s.untestable("the client did not send what was to be redirected; seen: " + lines(s.seen(r.from)))
	case r.OK:
		s.add("client", "an error: the server that was redirected to knows nothing", "success")
	}
}

// elsewhereSeen looks for secrets at the other server.
func (s *stage) elsewhereSeen(add func(in, wanted, got string)) {
	secrets := conformance.NewMasker(s.known()...)
	for _, dump := range s.other.requests() {
		head, _, _ := strings.Cut(dump, "\r\n")
		if secrets.Text(dump) != dump {
			add("another server", "no password and no token", head+" carries one")
		}
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
