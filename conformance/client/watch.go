package client

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/driver"
)

// watching are the cases for a command that is run once, in a world in which
// nothing goes wrong, and is asked for nothing: all of them are judged by what
// it sent and wrote in that one run.
func (f *facts) watching() []*scenario {
	var out []*scenario
	add := func(name, title, law string, action string, judge func(*stage, []observed)) {
		out = append(out, &scenario{
			name: name, title: title, law: law, severity: conformance.Must, op: f.about(action), cause: []string{"the command runs once"},
			run: func(ctx context.Context, s *stage) { s.watched(ctx, judge) },
		})
	}
	add("exit", "the command ends with exit status 0", "a program that did what it was told says so", driver.Login, func(s *stage, _ []observed) {
		if r := s.results[0]; !r.OK {
			s.add("client, exit status", "0", r.text())
		}
	})
	add("wire.requests", "every request is one of the contract", "a request has the method, path, media type and members that the contract describes", driver.Login, func(s *stage, seen []observed) {
		s.valid(seen)
	})
	add("wire.secrets", "passwords and tokens are sent where the contract puts them, and nowhere else", "URLs, other header fields and other operations are logged and cached (RFC 6750 5.3, RFC 9110 17.9)", driver.Login, func(s *stage, seen []observed) {
		s.placed(seen, s.note)
	})
	add("understand.token", "tokens are sent back as they were issued", "a token is opaque: not a character more or less (RFC 6749 1.4)", driver.Call, func(s *stage, seen []observed) {
		n := 0
		for _, o := range seen {
			for _, p := range o.Presented {
				if n++; p.Dead == "unknown" {
					s.add("request "+o.Operation+", "+strings.TrimPrefix(p.At, "$request."), "a token as it was issued", "one that was never issued")
				}
			}
		}
		if n == 0 {
			s.skip("the command sent no token")
		}
	})
	if f.cookies {
		add("understand.cookies", "cookies are kept, sent back and dropped by the rules", "RFC 6265bis 5", driver.Call, func(s *stage, seen []observed) {
			s.cookies(seen, s.add)
			if len(s.v.mismatches) == 0 && !slices.ContainsFunc(seen, func(o observed) bool { return o.Header.Get("Cookie") != "" }) {
				s.skip("the command sent no cookie")
			}
		})
	}
	if len(f.renewals) > 0 {
		add("life.old-token", "after a refresh the new tokens are used, and the old ones no more", "a new token takes the place of the old one (RFC 6749 6)", driver.Renew, func(s *stage, seen []observed) {
			if count(seen, renewed) == 0 {
				s.skip("the command renewed no session")
				return
			}
			s.older(seen, s.add)
		})
		add("life.single-flight", "a token that renews is used once", "a refresh token for single use is used once (RFC 9700 4.14.2)", driver.Renew, func(s *stage, seen []observed) {
			if count(seen, renewed) == 0 {
				s.skip("the command renewed no session")
				return
			}
			for _, p := range repeated(seen, func(p presented) bool {
				t := s.suite.contract.Token(p.Kind)
				return t != nil && t.Once
			}) {
				if p.n > 1 {
					s.add("wire", "one refresh with one "+p.Kind+" token", fmt.Sprintf("%d: %s", p.n, lines(seen)))
				}
			}
		})
	}
	add("life.loops", "a token that was refused is not sent again and again", "a refused token stays refused (RFC 6750 3.1)", driver.Call, func(s *stage, seen []observed) {
		for _, p := range repeated(seen, func(p presented) bool { return p.Dead != "" }) {
			if p.n > 4 {
				s.add("wire", "a token that was refused is not sent again and again", fmt.Sprintf("the %s token (%s) %d times", p.Kind, p.Dead, p.n))
			}
		}
	})
	if len(f.logouts) > 0 {
		add("life.after-logout", "after logging out the dead token is not sent", "a session that was ended is not used", driver.Logout, func(s *stage, seen []observed) {
			ended, left := map[string]bool{}, false
			for _, o := range seen {
				for _, p := range o.Presented {
					if ended[p.Text] && p.Dead != "" {
						s.add("request "+o.Operation, "no token after the logout", "the "+p.Kind+" token ("+p.Dead+")")
					}
				}
				if closed(o) {
					left = true
					for _, t := range o.Ended {
						ended[t] = true
					}
				}
			}
			if !left {
				s.skip("the command ended no session")
			}
		})
	}
	for _, x := range []struct{ name, title string }{
		{"output", "no password and no token is written to stdout or stderr"},
		{"elsewhere", "no password and no token reaches another server"},
	} {
		add("leaks."+x.name, x.title, "what a client prints is kept in logs that many may read", driver.Login, func(*stage, []observed) {})
	}
	return out
}

// watched judges the one run. It is made when the first case asks for it; the
// others look at the same.
func (s *stage) watched(ctx context.Context, judge func(*stage, []observed)) {
	w := &s.suite.watch
	w.once.Do(func() {
		w.stage = s.r.stage(s.suite.contract.Name + ".client.watch")
		if w.err = w.stage.open(setting{}); w.err != nil {
			return
		}
		if _, ok := w.stage.step(ctx, driver.Step{Do: driver.Login}); !ok {
			w.over = &w.stage.v
		}
		if s.r.d != nil {
			w.stage.output.WriteString(s.r.d.Output())
		}
		w.stage.everywhere()
		w.log, w.results = w.stage.seen(0), w.stage.results
		s.r.count(w.stage)
		w.stage.close()
	})
	switch {
	case w.err != nil:
		s.fault(ctx, w.err)
		return
	case w.over != nil:
		s.v = *w.over
		if len(s.v.mismatches) > 0 {
			s.v = verdict{}
			s.untestable("the command did not end in time (--patience), and was ended")
		}
		return
	}
	s.mu.Lock()
	s.log = w.log
	s.mu.Unlock()
	s.results, s.mask, s.secrets = w.results, w.stage.mask, w.stage.secrets
	seen := s.seen(0)
	if len(seen) == 0 {
		why := "the command sent nothing to its server: it finds the address in MOCKAUTH_BASE_URL, or as {{base_url}} in its arguments"
		if len(s.results) > 0 && !s.results[0].OK {
			why = "it failed: " + s.results[0].text() + "; " + why
		}
		s.untestable(why)
		return
	}
	judge(s, seen)
}
