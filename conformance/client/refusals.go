package client

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// refusals are the cases about what a client says of documented errors: the key
// that the contract says a client raises, else the server's own code or status.
func (f *facts) refusals() []*scenario {
	var out []*scenario
	seen := map[string]bool{}
	add := func(x *scenario) {
		if !seen[x.name] {
			seen[x.name] = true
			out = append(out, x)
		}
	}
	for _, group := range []struct {
		action string
		ops    []*specs.Operation
	}{{driver.Login, f.logins}, {driver.Call, f.calls}, {driver.Resume, slices.Concat(f.renewals, f.calls)}, {driver.Logout, f.logouts}} {
		for _, op := range group.ops {
			for _, r := range op.Raises {
				if group.action == driver.Call {
					continue
				}
				add(&scenario{
					name: "understand.error." + r.Key, title: fmt.Sprintf("%s is raised as %s by %s", reasonWords(r.Reason), r.Key, doing(driver.Step{Do: group.action})),
					severity: conformance.SeverityOf(r.Evidence.Part("").Level), op: op, pointer: op.Pointer + "/x-session/raises/" + escape(r.Reason), mark: r.Evidence.Part(""),
					needs: []string{driver.Login, group.action}, about: group.action, rehearsed: true,
					cause: []string{group.action + " is refused: " + reasonWords(r.Reason)},
					run:   func(ctx context.Context, s *stage) { s.raised(ctx, group.action, r.Reason, r.Key) },
				})
			}
		}
	}
	for _, group := range []struct {
		action  string
		ops     []*specs.Operation
		reasons []string
	}{
		{driver.Login, f.logins, []string{"credentials"}},
		{driver.Call, f.calls, []string{"token.revoked", "scope"}},
	} {
		for _, reason := range group.reasons {
			if len(group.ops) == 0 || !f.refuses(group.ops, reason) {
				continue
			}
			add(&scenario{
				name:  "understand.refused." + group.action + "." + strings.Split(reason, ".")[0],
				title: fmt.Sprintf("%s that is refused (%s) is an error, with the server's code or status", doing(driver.Step{Do: group.action}), reasonWords(reason)),
				law:   "what the server refuses has not happened", severity: conformance.Must, op: first(group.ops),
				needs: []string{driver.Login, group.action}, about: group.action, rehearsed: true, cause: []string{group.action + " is refused: " + reasonWords(reason)},
				run: func(ctx context.Context, s *stage) { s.refused(ctx, group.action, reason) },
			})
		}
	}
	return out
}

// escape makes a reference token of a JSON pointer.
func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

func reasonWords(reason string) string {
	switch reason {
	case "*":
		return "any other refusal"
	case "client":
		return "trouble that is no answer"
	case "credentials":
		return "a wrong password"
	}
	return reason
}

// refuses reports whether one of some operations can refuse for a reason.
func (f *facts) refuses(ops []*specs.Operation, reason string) bool {
	for _, op := range ops {
		for _, r := range f.c.Refusals(op) {
			if r == reason || strings.HasPrefix(r, reason+".") {
				return true
			}
		}
	}
	return false
}

// raised brings a refusal about and compares the error key.
func (s *stage) raised(ctx context.Context, action, reason, key string) {
	r, ok := s.cause(ctx, action, reason)
	if !ok {
		return
	}
	s.bounded(s.seen(r.from))
	switch {
	case r.OK:
		s.add("client", "the error "+key, "success")
	case r.Error == nil || r.Error.Code != key:
		got := "no error"
		if r.Error != nil {
			got = "no code; " + r.text()
			if r.Error.Code != "" {
				got = r.Error.Code
			}
		}
		s.add("client, error code", key, got)
	}
}

// cause brings a refusal of an action about, for real where that can be done,
// and returns what the client said.
func (s *stage) cause(ctx context.Context, action, reason string) (said, bool) {
	m := s.suite.manner
	op := m.ops[action]
	if action != driver.Login {
		if _, ok := s.login(ctx); !ok {
			return said{}, false
		}
	}
	step := driver.Step{Do: action}
	if action == driver.Resume {
		step.Token = s.resumable()
		if step.Token == "" {
			s.skip("no token of the session can be kept for another day")
			return said{}, false
		}
		s.fresh = true
	}
	from := s.mark()
	var id int
	var ok bool
	switch {
	case reason == "credentials":
		s.wrong()
	case reason == "client":
		id, ok = s.lay(mockserver.Fault{Operation: op, Times: -1, Do: "reset"})
		if !ok {
			return said{}, false
		}
	case reason == "*" && s.anyRefusal(op):
		// A documented refusal for a reason that no key of its own has.
	case reason == "*":
		id, ok = s.lay(mockserver.Fault{Operation: op, Times: -1, Do: "answer", Status: 500, Header: map[string]string{"Content-Type": "text/plain"}, Body: "Internal Server Error"})
		if !ok {
			return said{}, false
		}
	case action == driver.Resume:
		// A token that was never issued, of the form of one that was.
		step.Token = other(step.Token)
	default:
		full := s.suite.facts.full(s.operation(op), reason)
		if full == "" || s.world.Fail(s.suite.contract.Name, op, full, 20) != nil {
			s.skip("what the client sends for " + doing(step) + " is never refused so")
			return said{}, false
		}
	}
	r, ok := s.step(ctx, step)
	if !ok {
		return r, false
	}
	seen := s.seen(from)
	if id != 0 && s.fired(id) == 0 || id == 0 && !slices.ContainsFunc(seen, func(o observed) bool { return o.Refused || strings.HasPrefix(o.Outcome, "request.") }) {
		if action == driver.Resume && r.Error != nil {
			return r, true // it refused the token by itself
		}
		s.untestable("no request was refused; seen: " + lines(seen))
		return r, false
	}
	return r, true
}

// anyRefusal lays a documented refusal on an operation that is about none of
// what it was sent.
func (s *stage) anyRefusal(op string) bool {
	for _, r := range s.suite.contract.Reasons() {
		if strings.HasPrefix(r, "request.") && s.world.Fail(s.suite.contract.Name, op, r, 20) == nil {
			return true
		}
	}
	return false
}

// full is a reason of an operation that a shorter one stands for; "": it has
// none.
func (f *facts) full(op *specs.Operation, reason string) string {
	if op == nil {
		return ""
	}
	for _, r := range f.c.Refusals(op) {
		if r == reason {
			return r
		}
	}
	for _, r := range f.c.Refusals(op) {
		if strings.HasPrefix(r, reason+".") {
			return r
		}
	}
	return ""
}

// resumable is the token of the session that lives longest.
func (s *stage) resumable() string {
	best := issued{}
	for _, t := range s.tokens() {
		if best.Text == "" || !best.Expires.IsZero() && (t.Expires.IsZero() || t.Expires.After(best.Expires)) {
			best = t
		}
	}
	return best.Text
}

// other is a text like a token, and none.
func other(token string) string {
	b := []byte(token)
	for i := len(b) - 1; i >= 0 && i >= len(b)-6; i-- {
		switch c := b[i]; {
		case c >= '0' && c <= '8' || c >= 'a' && c <= 'y' || c >= 'A' && c <= 'Y':
			b[i]++
		case c == '9' || c == 'z' || c == 'Z':
			b[i] = c - 1
		}
	}
	return string(b)
}

// wrong makes the password of the account a wrong one.
func (s *stage) wrong() {
	fields := maps.Clone(s.self.fields)
	text, _ := value.Text(fields[s.self.secret])
	bad := other(text)
	fields[s.self.secret] = bad
	s.self.fields = fields
	s.secrets = append(s.secrets, bad)
	s.mask.Add(bad)
}

// refused brings a refusal about, and looks for the server's code or status.
func (s *stage) refused(ctx context.Context, action, reason string) {
	from := s.mark()
	r, ok := s.cause(ctx, action, reason)
	if !ok {
		return
	}
	seen := s.seen(from)
	s.bounded(seen)
	if n := count(seen, func(o observed) bool { return o.Refused && o.Operation == s.suite.manner.ops[driver.Login] }); action == driver.Login && n > 2 {
		s.add("wire", "a wrong password is not tried again", fmt.Sprintf("%d times: it may lock the account", n))
	}
	var codes []string
	for _, o := range seen {
		if !o.Refused {
			continue
		}
		codes = append(codes, s.codes(o)...)
	}
	switch {
	case r.OK && slices.ContainsFunc(s.seen(r.from), func(o observed) bool { return called(o) || opened(o) }):
		// It mended the session, and did what it was told.
	case r.OK:
		s.add("client", "an error: "+lines(seen), "success")
	case r.Error == nil:
		s.add("client", "an error", "no word about it")
	case !driver.OneShot(s.r.d) && !mentions(r.Error, codes):
		s.should("client, error", "the server's code or status: "+strings.Join(slices.Compact(codes), " or "), r.text())
	}
}

// mentions reports whether an error says one of the codes.
func mentions(e *driver.Error, codes []string) bool {
	for _, c := range codes {
		if e.Code == c || strconv.Itoa(e.HTTP) == c || strings.Contains(e.Message, c) {
			return true
		}
	}
	return e.Login || len(codes) == 0
}

// codes are what a refusal can be known by: its status, the codes in its body,
// and the key that a client raises for it.
func (s *stage) codes(o observed) []string {
	var out []string
	if o.Status >= 300 {
		out = append(out, strconv.Itoa(o.Status))
	}
	if o.ClientError != "" {
		out = append(out, o.ClientError)
	}
	body := s.decode(o)
	for _, l := range s.suite.contract.Envelope.Codes {
		if v, ok := value.Lookup(body, l.Tokens); ok && l.In == specs.InBody {
			if text, ok := value.Text(v); ok && text != "" {
				out = append(out, text)
			}
		}
	}
	return out
}
