package client

import (
	"bytes"
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// alterations are ways to write an answer that mean the same, and what a client
// must not mind.
func alterations() []struct {
	name, alter, title, law string
	severity                conformance.Severity
} {
	return []struct {
		name, alter, title, law string
		severity                conformance.Severity
	}{
		{"unknown-members", "unknown-members", "members that it does not know", "a server may add members (the contract's schemas are open)", conformance.Must},
		{"reversed", "reversed", "another order of members", "the order of members means nothing (RFC 8259 4)", conformance.Must},
		{"spaces", "spaces", "white space around values", "white space between tokens means nothing (RFC 8259 2)", conformance.Must},
		{"escapes", "escapes", "characters that are escaped", "an escaped character is the character (RFC 8259 7)", conformance.Must},
		{"number-or-text", "numbers-as-strings", "a token that is a number as text, or the other way round", "an id is taken as it comes, quotes or not", conformance.Should},
		{"nulls", "nulls", "null where a member may be left out", "a member that may be missing may be null in many servers", conformance.Should},
		{"bom", "bom", "a byte order mark", "a parser may ignore one (RFC 8259 8.1)", conformance.Should},
		{"charset", "charset=iso-8859-1", "another charset that Content-Type names", "the charset parameter says how a text is written (RFC 9110 8.3.2)", conformance.Should},
		{"header-case", "header-case", "header names in lower case", "field names are case-insensitive (RFC 9110 5.1)", conformance.Must},
	}
}

// understanding are the cases about what a client makes of answers.
func (f *facts) understanding() []*scenario {
	out := []*scenario{{
		name: "understand.token", title: "tokens are sent back as they were issued", law: "a token is opaque: not a character more or less (RFC 6749 1.4)",
		severity: conformance.Must, op: f.about(driver.Call), about: driver.Call, needs: []string{driver.Login, driver.Call}, cause: []string{"login, call, call"},
		run: func(ctx context.Context, s *stage) { s.exact(ctx) },
	}}
	if f.cookies {
		out = append(out, &scenario{
			name: "understand.cookies", title: "cookies are kept, sent back and dropped by the rules", law: "RFC 6265bis 5",
			severity: conformance.Must, op: f.about(driver.Call), needs: []string{driver.Login, driver.Call}, cause: []string{"one whole session"},
			run: func(ctx context.Context, s *stage) { s.jar(ctx) },
		})
	}
	actions := []string{driver.Login, driver.Call}
	if len(f.renewals) > 0 {
		actions = append(actions, driver.Renew)
	}
	for _, a := range alterations() {
		for _, action := range actions {
			out = append(out, &scenario{
				name: "understand." + a.name + "." + action, title: "the answer to " + doing(driver.Step{Do: action}) + " is understood with " + a.title,
				law: a.law, severity: a.severity, op: f.about(action), needs: []string{driver.Login, driver.Call}, about: action, rehearsed: true,
				cause: []string{"the documented answer to " + action + ", written with " + a.title},
				run:   func(ctx context.Context, s *stage) { s.altered(ctx, action, a.alter) },
			})
		}
	}
	return out
}

// exact looks for tokens that were sent otherwise than they were issued.
func (s *stage) exact(ctx context.Context) {
	if _, ok := s.login(ctx); !ok {
		return
	}
	r, ok := s.do(ctx, driver.Step{Do: driver.Call}, driver.Step{Do: driver.Call})
	if !ok {
		return
	}
	seen := s.seen(0)
	found := 0
	for _, o := range seen {
		for _, p := range o.Presented {
			found++
			if p.Dead != "unknown" {
				continue
			}
			got := "one that was never issued"
			for _, x := range s.tokens() {
				switch {
				case strings.Trim(p.Text, "\"' \t\r\n") == x.Text:
					got = "the " + x.Kind + " token with quotes or spaces around it"
				case strings.Contains(p.Text, x.Text):
					got = "something with the " + x.Kind + " token in it"
				case strings.HasPrefix(x.Text, p.Text):
					got = "the beginning of the " + x.Kind + " token"
				case strings.EqualFold(p.Text, x.Text):
					got = "the " + x.Kind + " token in other letters"
				}
			}
			s.add("request "+o.Operation+", "+strings.TrimPrefix(p.At, "$request."), "a token as it was issued", got)
		}
	}
	switch {
	case len(s.v.mismatches) > 0:
	case found == 0:
		s.add("wire", "a call that carries the token of the session", lines(seen))
	default:
		for _, x := range r {
			if !x.OK {
				s.add("client", "success: the token lives", x.text())
			}
		}
	}
}

// tokens are all that were issued.
func (s *stage) tokens() []issued {
	var out []issued
	for _, o := range s.seen(0) {
		out = append(out, o.Issued...)
	}
	return out
}

// altered writes the answer to one action otherwise.
func (s *stage) altered(ctx context.Context, action, alter string) {
	m := s.suite.manner
	op := m.ops[action]
	if op == "" {
		s.skip(doing(driver.Step{Do: action}) + " of the client was never seen")
		return
	}
	if action != driver.Login {
		if _, ok := s.login(ctx); !ok {
			return
		}
	}
	id, ok := s.lay(mockserver.Fault{Operation: op, Times: -1, Do: "alter", Alter: []string{alter}})
	if !ok {
		return
	}
	steps := []driver.Step{{Do: action}}
	switch {
	case action == driver.Renew && !s.r.can(driver.Renew):
		if !s.expire(m) {
			s.skip("no token of this profile expires, so that nothing is renewed")
			return
		}
		steps = nil
	case action == driver.Call:
		steps = nil
	}
	steps = append(steps, driver.Step{Do: driver.Call})
	from := s.mark()
	r, ok := s.do(ctx, steps...)
	if !ok {
		return
	}
	if s.fired(id) == 0 || !slices.ContainsFunc(s.seen(from), func(o observed) bool { return o.Operation == op && otherwise(o, alter) }) {
		s.skip("the answer that the client gets to " + doing(driver.Step{Do: action}) + " reads the same either way")
		return
	}
	for _, x := range r {
		if !x.OK {
			s.add("client", "success in "+doing(x.step)+": the answer means the same", x.text())
			return
		}
	}
	if seen := s.seen(from); !slices.ContainsFunc(seen, called) {
		s.add("wire", "a call with the token of the session", lines(seen))
	}
}

// otherwise reports whether an answer shows an alteration, where that can be
// told.
func otherwise(o observed, alter string) bool {
	body := o.AnswerBody
	switch alter {
	case "numbers-as-strings":
		return slices.ContainsFunc(o.Issued, func(t issued) bool { return strings.Trim(t.Text, "0123456789") == "" })
	case "nulls":
		return bytes.Contains(body, []byte("null"))
	case "bom":
		return bytes.HasPrefix(body, []byte("\xef\xbb\xbf"))
	case "spaces":
		return bytes.ContainsAny(body, "\n")
	case "escapes":
		return bytes.Contains(body, []byte(`\u`)) || bytes.Contains(body, []byte("&#"))
	case "charset=iso-8859-1":
		for name, list := range o.AnswerHeader {
			if strings.EqualFold(name, "Content-Type") && strings.Contains(strings.ToLower(strings.Join(list, " ")), "8859") {
				return true
			}
		}
		return false
	}
	return true
}

func (r *Runner) can(action string) bool { return r.d != nil && r.d.About().Can(action) }

// jar compares the cookies that are sent with those that a user agent would
// send.
func (s *stage) jar(ctx context.Context) {
	if !s.session(ctx) {
		return
	}
	s.cookies(s.seen(0), s.add)
	if s.v.status == "" && len(s.v.mismatches) == 0 && !slices.ContainsFunc(s.seen(0), func(o observed) bool { return o.Header.Get("Cookie") != "" }) {
		s.skip("the client keeps no cookies: it carries its tokens elsewhere")
	}
}

// cookies judges a client that sends cookies at all by RFC 6265bis. The times of
// cookies are not looked at, for the clocks of the two sides differ.
func (s *stage) cookies(seen []observed, add func(in, wanted, got string)) {
	sends := slices.ContainsFunc(seen, func(o observed) bool { return o.Header.Get("Cookie") != "" })
	onlyWay := !sends && slices.ContainsFunc(seen, func(o observed) bool { return len(o.AnswerHeader["Set-Cookie"]) > 0 }) && s.onlyCookies(seen)
	if !sends && !onlyWay {
		return
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return
	}
	for _, o := range seen {
		u, err := url.Parse("http://" + o.Host + o.URL)
		if err != nil || o.Method == http.MethodOptions {
			continue
		}
		due := map[string]string{}
		for _, c := range jar.Cookies(u) {
			due[c.Name] = c.Value
		}
		sent := map[string]string{}
		for _, h := range o.Header["Cookie"] {
			list, _ := http.ParseCookie(h) // what can be read is looked at
			for _, c := range list {
				sent[c.Name] = c.Value
			}
		}
		for _, name := range sortedKeys(due) {
			switch got, ok := sent[name]; {
			case !ok && s.proves(o, name):
				add("request "+o.Operation+", cookie "+name, "the cookie that the server has set", "it is not sent")
			case ok && got != due[name]:
				add("request "+o.Operation+", cookie "+name, "the value that the server has set last", "another one")
			}
		}
		for _, name := range sortedKeys(sent) {
			if _, ok := due[name]; !ok {
				s.should("request "+o.Operation+", cookie "+name, "no cookie that the server has not set for this path, or has cleared", "it is sent")
			}
		}
		jar.SetCookies(u, living(o))
	}
}

// living are the cookies of an answer, with no end in time but that of a cookie
// that is cleared.
func living(o observed) []*http.Cookie {
	list := (&http.Response{Header: http.Header{"Set-Cookie": o.AnswerHeader["Set-Cookie"]}}).Cookies()
	for _, c := range list {
		cleared := c.MaxAge < 0 || c.MaxAge == 0 && !c.Expires.IsZero() && c.Expires.Before(o.Time)
		c.Expires, c.MaxAge = time.Time{}, 0
		if cleared {
			c.MaxAge = -1
		}
		c.Secure = false // a jar would not send it to a mock without TLS, and that is right
	}
	return list
}

// proves reports whether a cookie is one that a proof of the operation reads.
func (s *stage) proves(o observed, name string) bool {
	op := s.operation(o.Operation)
	return op != nil && slices.ContainsFunc(op.Proves, func(l specs.Location) bool { return l.In == specs.InCookie && l.Name == name })
}

// onlyCookies reports whether a call found no token in a request that could have
// carried one in a cookie, for the server had set it.
func (s *stage) onlyCookies(seen []observed) bool {
	set := map[string]bool{}
	for _, o := range seen {
		op := s.operation(o.Operation)
		if op != nil && o.Refused && len(o.Presented) == 0 && len(op.Opens) == 0 &&
			slices.ContainsFunc(op.Proves, func(l specs.Location) bool { return l.In == specs.InCookie && set[l.Name] }) {
			return true
		}
		for _, c := range living(o) {
			set[c.Name] = slices.ContainsFunc(o.Issued, func(t issued) bool { return t.Text == c.Value })
		}
	}
	return false
}
