package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/mockserver"
)

// most is how many requests one call may cost, whatever happens.
const most = 8

// lives are the cases about a session's life.
func (f *facts) lives() []*scenario {
	var out []*scenario
	login := []string{driver.Login, driver.Call}
	add := func(name, title, law string, severity conformance.Severity, action string, needs, cause []string, run func(context.Context, *stage)) {
		out = append(out, &scenario{
			name: "life." + name, title: title, law: law, severity: severity, op: f.about(action),
			needs: needs, about: action, rehearsed: true, cause: cause, run: run,
		})
	}
	if f.ends {
		add("expiry", "an expired session is renewed, or its end is told: no loop, no false success", "an expired token is refused until another is had (RFC 6750 3.1)", conformance.Must,
			driver.Call, login, []string{"login, call", "the clock passes the end of the token", "call"}, func(ctx context.Context, s *stage) { s.expired(ctx) })
	}
	if len(f.renewals) > 0 && f.ends {
		add("renews", "a call with an expired token renews the session by itself", "a client that has the means renews its session (RFC 6749 1.5)", conformance.Should,
			driver.Renew, append(slices.Clone(login), driver.Renew), []string{"login, call", "the clock passes the end of the token", "call"}, func(ctx context.Context, s *stage) { s.renews(ctx) })
		add("refresh-refused", "after a refused refresh the user is asked to log in: no loop", "a refresh token that was refused stays refused (RFC 6749 5.2)", conformance.Must,
			driver.Renew, append(slices.Clone(login), driver.Renew), []string{"login, call", "the clock passes the end of the token", "refreshing is refused", "call, login, call"}, func(ctx context.Context, s *stage) { s.refreshRefused(ctx) })
		add("lost-answer", "a refresh whose answer is lost leads to a login, not to a loop", "a request without an answer may have been carried out (RFC 9110 9.2.2)", conformance.Must,
			driver.Renew, append(slices.Clone(login), driver.Renew), []string{"login, call", "the clock passes the end of the token", "the answer to the refresh is lost, the token is used up", "call, login, call"}, func(ctx context.Context, s *stage) { s.lostAnswer(ctx) })
		add("old-token", "after a refresh the new tokens are used, and the old ones no more", "a new token takes the place of the old one (RFC 6749 6)", conformance.Must,
			driver.Renew, append(slices.Clone(login), driver.Renew), []string{"login, call, refresh, call, refresh, call"}, func(ctx context.Context, s *stage) { s.oldToken(ctx) })
	}
	if len(f.renewals) > 0 {
		add("needless", "nothing is renewed while the token lives", "a refresh costs the server a token, and rotates it for others", conformance.Should,
			driver.Renew, login, []string{"login and three calls, in no time"}, func(ctx context.Context, s *stage) { s.needless(ctx) })
	}
	if f.idle {
		add("idle", "a session in use lives on, and the end of one that was not is noticed", "a session ends when it was idle", conformance.Must,
			driver.Call, login, []string{"login", "three calls, each before the idle time is over", "the idle time passes", "call"}, func(ctx context.Context, s *stage) { s.idle(ctx) })
	}
	if len(f.logouts) > 0 {
		out3 := append(slices.Clone(login), driver.Logout)
		add("logout", "logging out ends the session at the server", "a session that is not ended lives on (RFC 7009 1)", conformance.Must,
			driver.Logout, out3, []string{"login, call, logout"}, func(ctx context.Context, s *stage) { s.logout(ctx) })
		add("after-logout", "after logging out no token is sent, and a call is an error", "a session that was ended is not used", conformance.Must,
			driver.Logout, out3, []string{"login, call, logout, call"}, func(ctx context.Context, s *stage) { s.afterLogout(ctx, "") })
		add("logout-lost", "a logout whose answer is lost ends the session for the client, too", "a request without an answer may have been carried out (RFC 9110 9.2.2)", conformance.Should,
			driver.Logout, out3, []string{"login, call", "the answer to the logout is lost", "logout, call"}, func(ctx context.Context, s *stage) { s.afterLogout(ctx, "drop") })
	}
	for _, skew := range []struct {
		name string
		d    time.Duration
		s    conformance.Severity
	}{{"5m-ahead", 5 * time.Minute, conformance.Must}, {"5m-behind", -5 * time.Minute, conformance.Must}, {"1h-ahead", time.Hour, conformance.Must}, {"1h-behind", -time.Hour, conformance.Must}} {
		add("skew."+skew.name, "a server's clock that is "+strings.Replace(skew.name, "-", " ", 1)+" is no trouble", "clocks differ (RFC 7519 4.1.4)", skew.s,
			driver.Call, login, []string{"the clock of the server is " + strings.Replace(skew.name, "-", " ", 1), "login and three calls"}, func(ctx context.Context, s *stage) { s.skewed(ctx, skew.d) })
	}
	add("accounts", "a new client in the same program does not go on with the session of the one before", "a session belongs to one user", conformance.Must,
		driver.Login, login, []string{"one client logs in and calls", "another one logs in as somebody else, and calls"}, func(ctx context.Context, s *stage) { s.two(ctx) })
	return out
}

// old logs in, calls, and lets the token of the call expire. It reports false if
// the case is over.
func (s *stage) old(ctx context.Context) bool {
	if _, ok := s.login(ctx); !ok {
		return false
	}
	if _, ok := s.call(ctx); !ok {
		return false
	}
	switch {
	case s.expire(s.suite.manner):
		return true
	case s.mortal:
		s.skip("no token that a call carries expires under this profile")
		return false
	}
	if err := s.open(setting{mortal: true}); err != nil {
		s.fault(ctx, err)
		return false
	}
	return s.old(ctx)
}

// bounded looks for loops.
func (s *stage) bounded(seen []observed) {
	if len(seen) > most {
		s.add("wire", "at most "+plural(most, "request")+" for one call", fmt.Sprintf("%d: %s", len(seen), lines(seen)))
		return
	}
	for _, p := range repeated(seen, func(p presented) bool { return p.Dead != "" }) {
		if p.n > 2 {
			s.add("wire", "a token that was refused is not sent again and again", fmt.Sprintf("the %s token (%s) %d times", p.Kind, p.Dead, p.n))
		}
	}
}

// repeat is a token and how often it was sent.
type repeat struct {
	presented
	n int
}

func repeated(seen []observed, is func(presented) bool) []repeat {
	var out []repeat
	for _, o := range seen {
		counted := map[string]bool{}
		for _, p := range o.Presented {
			if !is(p) || counted[p.Text] {
				continue
			}
			counted[p.Text] = true
			i := slices.IndexFunc(out, func(r repeat) bool { return r.Text == p.Text })
			if i < 0 {
				out = append(out, repeat{p, 0})
				i = len(out) - 1
			}
			out[i].n++
		}
	}
	return out
}

// honest compares what the client says of a call with what was seen.
func (s *stage) honest(r said, seen []observed) {
	if r.OK && !slices.ContainsFunc(seen, called) {
		s.add("client", "an error: no call was accepted", "success; seen: "+lines(seen))
	}
}

func (s *stage) expired(ctx context.Context) {
	if !s.old(ctx) {
		return
	}
	r, ok := s.step(ctx, driver.Step{Do: driver.Call})
	if !ok {
		return
	}
	seen := s.seen(r.from)
	s.bounded(seen)
	s.honest(r, seen)
	s.older(s.seen(0), s.add)
	if len(s.v.mismatches) > 0 {
		return
	}
	mended := slices.ContainsFunc(seen, func(o observed) bool { return renewed(o) || opened(o) })
	expired := slices.ContainsFunc(seen, func(o observed) bool { return o.Refused })
	switch {
	case r.OK && !mended && !expired:
		s.skip("another token of the session outlives the one that expired, and calls go on with it")
		return
	case r.OK:
		return
	}
	s.recovers(ctx, r)
}

// recovers: after an error the session can be had again, by a refresh if the
// client has one, else by logging in.
func (s *stage) recovers(ctx context.Context, after said) {
	if s.r.can(driver.Renew) && s.suite.facts.without(driver.Renew, s.suite.manner.given) == "" {
		r, ok := s.do(ctx, driver.Step{Do: driver.Renew}, driver.Step{Do: driver.Call})
		if !ok {
			return
		}
		if !r[0].OK || !r[1].OK {
			bad := r[0]
			if r[0].OK {
				bad = r[1]
			}
			s.add("client", "a session again after "+doing(driver.Step{Do: driver.Renew})+": the refresh token lives", "after "+quoted(after.text())+": "+bad.text()+"; seen: "+lines(s.seen(r[0].from)))
		}
		return
	}
	s.loginAgain(ctx, after)
}

// loginAgain: after the end of a session the user can log in with the same
// client.
func (s *stage) loginAgain(ctx context.Context, after said) {
	r, ok := s.do(ctx, driver.Step{Do: driver.Login}, driver.Step{Do: driver.Call})
	if !ok {
		return
	}
	for _, x := range r {
		if !x.OK {
			s.add("client", "a session again after logging in again", "after "+quoted(after.text())+": "+doing(x.step)+": "+x.text())
			return
		}
	}
	s.honest(r[1], s.seen(r[1].from))
}

func (s *stage) renews(ctx context.Context) {
	if !s.old(ctx) {
		return
	}
	r, ok := s.step(ctx, driver.Step{Do: driver.Call})
	if !ok {
		return
	}
	seen := s.seen(r.from)
	if r.OK && !slices.ContainsFunc(seen, func(o observed) bool { return o.Refused || renewed(o) || opened(o) }) {
		s.skip("another token of the session outlives the one that expired, and calls go on with it")
		return
	}
	if !r.OK || !slices.ContainsFunc(seen, called) {
		s.add("client", "the call works: the session is renewed", r.text()+"; seen: "+lines(seen))
	}
}

// renewal makes the client renew its session now: by itself if it does so on a
// call, else because it is told to.
func (s *stage) renewal(ctx context.Context) (said, bool) {
	step := driver.Step{Do: driver.Call}
	if !s.suite.manner.renews {
		step.Do = driver.Renew
	}
	return s.step(ctx, step)
}

// renewalOp is the operation that the client renews with; "": it was not seen.
func (s *stage) renewalOp() string {
	op := s.suite.manner.ops[driver.Renew]
	if op == "" {
		s.untestable("the client was never seen renewing a session")
	}
	return op
}

func (s *stage) refreshRefused(ctx context.Context) {
	op := s.renewalOp()
	if op == "" || !s.old(ctx) {
		return
	}
	reason := s.suite.facts.full(s.operation(op), "token.revoked")
	defer s.world.ClearFailures()
	if err := s.world.Fail(s.suite.contract.Name, op, reason, 100); err != nil {
		s.skip("this profile does not refuse a refresh: " + err.Error())
		return
	}
	r, ok := s.renewal(ctx)
	if !ok {
		return
	}
	seen := s.seen(r.from)
	tries := count(seen, on(op))
	switch {
	case tries == 0:
		s.untestable("the client did not try to refresh; seen: " + lines(seen))
		return
	case tries > 2:
		s.add("wire", "a refused refresh is not tried again", fmt.Sprintf("%d times: %s", tries, lines(seen)))
	case count(seen, opened) > 1:
		s.add("wire", "one login at most", fmt.Sprintf("%d: %s", count(seen, opened), lines(seen)))
	}
	s.bounded(seen)
	s.honestOr(r, seen)
	if !r.OK && r.Error != nil && !r.Error.Login && r.Error.Code == "" && r.Error.HTTP == 0 {
		s.should("client, error", "a word that a login is needed: a flag, a code, a status", r.text())
	}
	if r.OK || slices.ContainsFunc(s.v.mismatches, func(m conformance.Mismatch) bool { return m.Severity == conformance.Must }) {
		return
	}
	// It knows now that the session is over.
	again, ok := s.renewal(ctx)
	if !ok {
		return
	}
	if n := count(s.seen(r.from), on(op)); n > 2 {
		s.add("wire", "a refused refresh is not tried again", fmt.Sprintf("%d times in two calls: %s", n, lines(s.seen(r.from))))
		return
	}
	s.world.ClearFailures()
	s.loginAgain(ctx, again)
}

// honestOr is honest, for a step that may have been a refresh.
func (s *stage) honestOr(r said, seen []observed) {
	if r.OK && !slices.ContainsFunc(seen, func(o observed) bool { return called(o) || opened(o) || renewed(o) }) {
		s.add("client", "an error: nothing was accepted", "success; seen: "+lines(seen))
	}
}

func (s *stage) lostAnswer(ctx context.Context) {
	op := s.renewalOp()
	if op == "" || !s.old(ctx) {
		return
	}
	id, ok := s.lay(mockserver.Fault{Operation: op, Do: "drop"})
	if !ok {
		return
	}
	r, ok := s.renewal(ctx)
	if !ok {
		return
	}
	seen := s.seen(r.from)
	if s.fired(id) == 0 {
		s.untestable("the client did not try to refresh; seen: " + lines(seen))
		return
	}
	s.bounded(seen)
	s.honestOr(r, seen)
	if len(s.v.mismatches) > 0 || r.OK {
		return
	}
	// What it does next: the token is used up, where it is for single use.
	again, ok := s.renewal(ctx)
	if !ok {
		return
	}
	seen = s.seen(r.from)
	for _, p := range repeated(seen, func(p presented) bool { return p.Dead == "consumed" || p.Dead == "revoked" || p.Dead == "replaced" }) {
		if p.n > 1 {
			s.add("wire", "a used token is tried once more at most", fmt.Sprintf("the %s token (%s) %d times: %s", p.Kind, p.Dead, p.n, lines(seen)))
		}
	}
	if len(s.v.mismatches) == 0 && !again.OK {
		s.loginAgain(ctx, again)
	}
}

func (s *stage) oldToken(ctx context.Context) {
	if _, ok := s.login(ctx); !ok {
		return
	}
	r, ok := s.do(ctx, driver.Step{Do: driver.Call}, driver.Step{Do: driver.Renew}, driver.Step{Do: driver.Call}, driver.Step{Do: driver.Renew}, driver.Step{Do: driver.Call})
	if !ok {
		return
	}
	seen := s.seen(0)
	if count(seen, renewed) == 0 {
		s.untestable("no refresh was accepted; seen: " + lines(seen))
		return
	}
	s.older(seen, s.add)
	if len(s.v.mismatches) > 0 {
		return
	}
	for _, x := range r {
		if !x.OK {
			s.add("client", "success in "+doing(x.step), x.text()+"; seen: "+lines(seen))
			return
		}
	}
}

// older looks for tokens that were sent although a later one of their kind had
// been given to the same session before.
func (s *stage) older(seen []observed, add func(in, wanted, got string)) {
	newest := map[string]issued{} // by session and kind
	of := map[string]issued{}
	for _, o := range seen {
		for _, p := range o.Presented {
			t, ok := of[p.Text]
			if !ok {
				continue
			}
			if last := newest[t.Session+" "+t.Kind]; last.Text != t.Text {
				state := p.Dead
				if state == "" {
					state = "not dead yet"
				}
				add("request "+o.Operation, "the newest "+t.Kind+" token", "the one before ("+state+")")
			}
		}
		for _, t := range o.Issued {
			newest[t.Session+" "+t.Kind], of[t.Text] = t, t
		}
	}
}

func (s *stage) needless(ctx context.Context) {
	if _, ok := s.login(ctx); !ok {
		return
	}
	from := s.mark()
	r, ok := s.do(ctx, driver.Step{Do: driver.Call}, driver.Step{Do: driver.Call}, driver.Step{Do: driver.Call})
	if !ok {
		return
	}
	seen := s.seen(from)
	if n := count(seen, renewed) + count(seen, opened); n > 0 {
		s.add("wire", "calls, and nothing else: the token lives", lines(seen))
	}
	for _, x := range r {
		if !x.OK && len(s.v.mismatches) == 0 {
			s.untestable("a call with the session just opened did not work: " + x.text())
		}
	}
}

func (s *stage) idle(ctx context.Context) {
	if _, ok := s.login(ctx); !ok {
		return
	}
	if _, ok := s.call(ctx); !ok {
		return
	}
	_, idle := life(s.seen(0), s.suite.manner.kinds)
	switch {
	case idle == 0 && s.mortal:
		s.skip("no token that a call carries dies of being idle under this profile")
		return
	case idle == 0:
		if err := s.open(setting{mortal: true}); err != nil {
			s.fault(ctx, err)
			return
		}
		s.idle(ctx)
		return
	}
	for range 3 {
		s.world.Clock().Advance(idle * 6 / 10)
		r, ok := s.step(ctx, driver.Step{Do: driver.Call})
		if !ok {
			return
		}
		if !r.OK {
			s.add("client", "success: the session was used within its idle time", r.text()+"; seen: "+lines(s.seen(r.from)))
			return
		}
	}
	s.world.Clock().Advance(idle + ticks)
	r, ok := s.step(ctx, driver.Step{Do: driver.Call})
	if !ok {
		return
	}
	seen := s.seen(r.from)
	s.bounded(seen)
	s.honest(r, seen)
	if len(s.v.mismatches) == 0 && !r.OK {
		s.loginAgain(ctx, r)
	}
}

func (s *stage) logout(ctx context.Context) {
	if _, ok := s.login(ctx); !ok {
		return
	}
	if _, ok := s.call(ctx); !ok {
		return
	}
	r, ok := s.step(ctx, driver.Step{Do: driver.Logout})
	if !ok {
		return
	}
	s.later(ctx, r.from, closed)
	seen := s.seen(r.from)
	switch {
	case !slices.ContainsFunc(seen, closed):
		s.add("wire", "a request that ends the session", lines(seen))
	case count(seen, on(s.suite.manner.ops[driver.Logout])) > 1:
		s.add("wire", "one logout", lines(seen))
	case !r.OK:
		s.add("client", "success, as the server answered", r.text())
	}
}

// later waits a while for a request that a client may send in the background.
func (s *stage) later(ctx context.Context, from int, is func(observed) bool) {
	bounded, cancel := context.WithTimeout(ctx, background)
	defer cancel()
	s.until(bounded, from, is)
}

// background is how long after a step a request of it may come.
const background = 700 * time.Millisecond

func (s *stage) afterLogout(ctx context.Context, fault string) {
	if _, ok := s.login(ctx); !ok {
		return
	}
	if _, ok := s.call(ctx); !ok {
		return
	}
	id := 0
	if fault != "" {
		op := s.suite.manner.ops[driver.Logout]
		if op == "" {
			s.untestable("the client was never seen ending a session")
			return
		}
		var ok bool
		if id, ok = s.lay(mockserver.Fault{Operation: op, Times: -1, Do: fault}); !ok {
			return
		}
	}
	r, ok := s.step(ctx, driver.Step{Do: driver.Logout})
	if !ok {
		return
	}
	switch {
	case fault != "" && s.fired(id) == 0:
		s.untestable("the client sent no logout; seen: " + lines(s.seen(r.from)))
		return
	case fault == "" && !r.OK:
		s.untestable("the client could not log out: " + r.text())
		return
	}
	s.world.ClearFaults()
	next := []driver.Step{{Do: driver.Call}}
	if s.r.can(driver.Renew) {
		next = append(next, driver.Step{Do: driver.Renew})
	}
	known := s.tokens()
	for _, step := range next {
		r, ok := s.step(ctx, step)
		if !ok {
			return
		}
		seen := s.seen(r.from)
		for _, o := range seen {
			// With a clock that stands still, a new session may have a token of the same text.
			for _, t := range o.Issued {
				known = slices.DeleteFunc(known, func(k issued) bool { return k.Text == t.Text })
			}
			for _, p := range o.Presented {
				if slices.ContainsFunc(known, func(t issued) bool { return t.Text == p.Text }) {
					state := p.Dead
					if state == "" {
						state = "it lives: the logout did not end it"
					}
					s.add("request "+o.Operation, "no token after the logout", "the "+p.Kind+" token ("+state+")")
				}
			}
		}
		if r.OK {
			s.add("client", "an error of "+doing(step)+": there is no session", "success; seen: "+lines(seen))
		}
	}
}

func (s *stage) skewed(ctx context.Context, by time.Duration) {
	if err := s.open(setting{skew: by}); err != nil {
		s.fault(ctx, err)
		return
	}
	r, ok := s.do(ctx, driver.Step{Do: driver.Login}, driver.Step{Do: driver.Call}, driver.Step{Do: driver.Call}, driver.Step{Do: driver.Call})
	if !ok {
		return
	}
	for _, x := range r {
		if !x.OK {
			s.add("client", "success in "+doing(x.step), x.text()+"; seen: "+lines(s.seen(x.from)))
			return
		}
	}
	seen := s.seen(r[1].from)
	s.honest(r[3], s.seen(r[3].from))
	limit := 1
	if by > 10*time.Minute || by < -10*time.Minute {
		limit = 3
	}
	if n := count(seen, renewed) + count(seen, opened); n > limit {
		note := s.should
		if n > most {
			note = s.add
		}
		note("wire", fmt.Sprintf("at most %s for three calls", plural(limit, "renewal")), fmt.Sprintf("%d: %s", n, lines(seen)))
	}
}

func (s *stage) two(ctx context.Context) {
	if len(s.suite.facts.accounts(s.suite.world, s.suite.o.Account)) < 2 {
		s.skip("the demo world has one account that can log in")
		return
	}
	r0, ok := s.step(ctx, driver.Step{Do: driver.Login})
	if !ok {
		return
	}
	if r0.OK && !slices.ContainsFunc(s.seen(r0.from), opened) {
		s.add("wire", "a login of its own for a new client", lines(s.seen(r0.from))+", and the client says that it is logged in")
		return
	}
	if _, ok := s.call(ctx); !ok {
		return
	}
	first := s.tokens()
	second := s.another()
	if second == nil {
		s.skip("the demo world has one account that can log in without further ado")
		return
	}
	s.self, s.fresh = *second, true
	r, ok := s.do(ctx, driver.Step{Do: driver.Login}, driver.Step{Do: driver.Call})
	if !ok {
		return
	}
	if !r[0].OK {
		s.skip("the second account of the demo world cannot log in like the first: " + r[0].text())
		return
	}
	for _, o := range s.seen(r[0].from) {
		for _, p := range o.Presented {
			if slices.ContainsFunc(first, func(t issued) bool { return t.Text == p.Text }) {
				s.add("request "+o.Operation, "a token of the second user's session", "the "+p.Kind+" token of the first user's")
			}
		}
	}
	if len(s.v.mismatches) == 0 && !r[1].OK {
		s.add("client", "success: the second user has a session", r[1].text())
	}
}

// another is an account beside the one that logs in by default, of the same
// kind.
func (s *stage) another() *candidate {
	for _, r := range s.accounts[s.self.kind] {
		fields := map[string]any(r)
		key := s.suite.contract.Record(s.self.kind).Key
		if fields[key] == s.self.fields[key] {
			continue
		}
		if _, ok := fields[s.self.secret]; ok {
			c := s.self
			c.fields = fields
			return &c
		}
	}
	return nil
}
