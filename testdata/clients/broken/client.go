// Package broken is one session client for several APIs that is right in every
// respect, until it is told which bugs to have. Breaks lists them.
package broken

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mockauth/mockauth/conformance/driver"
)

// Client has one session at a time, and some of the bugs of Breaks. It is safe for
// concurrent use.
type Client struct {
	d     *dialect
	has   func(string) bool
	base  string
	log   func(string)
	http  *http.Client
	jar   *jar
	write chan struct{} // a mutex that is waited for no longer than a context lasts

	mu      sync.Mutex // for what follows
	now     session
	account driver.Account // of the login; for bugs only
	referer string
	stuck   *session // what a bug does not let go
}

// session is a snapshot of what the client holds.
type session struct {
	access, refresh string
	ends            time.Time
	turn            int // counts renewals; 0: there is no session
}

// failure is an error that the client raises.
type failure struct {
	code, text string
	status     int
	login      bool
	answered   bool // by a refusal of the API
	sent       bool // no whole answer came, and the request may have arrived
}

func (f *failure) Error() string { return f.text }

func (c *Client) state() session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *Client) set(s session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stuck != nil {
		s = *c.stuck
	}
	c.now = s
}

// last is the account of the last login.
func (c *Client) last() driver.Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.account
}

func (c *Client) lock(ctx context.Context) error {
	select {
	case c.write <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &failure{text: "another call renews the session, and has not ended in time"}
	}
}

func (c *Client) unlock() { <-c.write }

// Login begins a session.
func (c *Client) Login(ctx context.Context, account driver.Account) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	if c.has("shares-session-between-accounts") && c.state().turn > 0 {
		return nil
	}
	err := c.login(ctx, account)
	if err == nil && c.has("logs-in-twice") {
		err = c.login(ctx, account)
	}
	return err
}

func (c *Client) login(ctx context.Context, account driver.Account) error {
	c.forget()
	c.mu.Lock()
	c.account = account
	c.mu.Unlock()
	for try := 0; ; try++ {
		root, err := c.do(ctx, c.d.login, session{}, account)
		if f, ok := failed(err); c.has("retries-non-idempotent") && ok && f.sent && try < 9 && ctx.Err() == nil {
			continue
		}
		if err == nil {
			err = c.take(root, session{}, true)
		}
		return c.keyed(err, c.d.login.path)
	}
}

// Call makes a call that needs the session.
func (c *Client) Call(ctx context.Context) error {
	s := c.state()
	switch {
	case s.turn == 0 && c.has("renews-after-logout") && c.last() != nil:
		if err := c.Login(ctx, c.last()); err != nil {
			return err
		}
		s = c.state()
	case s.turn == 0:
		return c.over(&failure{text: "not logged in"})
	}
	if c.d.renew.path != "" {
		late := !s.ends.IsZero() && time.Now().After(s.ends)
		if late && c.has("trusts-own-clock") {
			return &failure{text: "the access token has expired"}
		}
		if c.has("refreshes-before-each-call") {
			if err := c.renew(ctx, s); err != nil {
				return err
			}
			s = c.state()
		}
		for try := 0; c.has("renews-until-own-clock-agrees") && late && try < 5; try++ {
			if err := c.renew(ctx, s); err != nil {
				return err
			}
			s = c.state()
		}
	}
	err := c.call(ctx, s)
	if !refused(err) {
		return err
	}
	for try := 0; c.has("retry-loop") && try < 30 && refused(err) && ctx.Err() == nil; try++ {
		err = c.call(ctx, s)
	}
	if c.d.renew.path == "" {
		if c.has("hides-session-end") {
			return nil
		}
		c.end(s)
		return c.over(err)
	}
	if c.has("no-refresh") {
		return err
	}
	if err := c.renew(ctx, s); err != nil {
		if f, ok := failed(err); ok && f.sent && !c.d.reusable && !c.has("stale-after-lost-answer") {
			c.end(s) // both tokens are dead, as far as is known
			return c.over(err)
		}
		return err
	}
	err = c.call(ctx, c.state())
	if refused(err) { // a new token is refused, too: another one would not help
		return c.over(err)
	}
	return err
}

// Refresh renews the session now.
func (c *Client) Refresh(ctx context.Context) error {
	if c.has("no-refresh") {
		return nil
	}
	if s := c.state(); s.turn == 0 {
		return c.over(&failure{text: "not logged in"})
	}
	return c.renew(ctx, c.state())
}

// Logout ends the session. It is forgotten in any case.
func (c *Client) Logout(ctx context.Context) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	s := c.state()
	if s.turn == 0 {
		return nil
	}
	var err error
	if !c.has("logs-out-locally-only") {
		_, err = c.do(ctx, c.d.logout, s, nil)
	}
	if !c.has("uses-token-after-logout") && !c.has("ignores-cookie-clearing") {
		c.forget()
	}
	return c.keyed(err, c.d.logout.path+" ")
}

func (c *Client) forget() {
	c.jar.clear()
	c.set(session{})
}

// end forgets a session that was refused, and not a younger one.
func (c *Client) end(s session) {
	if c.state().turn == s.turn {
		c.forget()
	}
}

func (c *Client) call(ctx context.Context, s session) error {
	_, err := c.do(ctx, c.d.call, s, nil)
	return err
}

// renew renews the session unless another call did since s.
func (c *Client) renew(ctx context.Context, s session) error {
	if !c.has("double-refresh") {
		if err := c.lock(ctx); err != nil {
			return err
		}
		defer c.unlock()
		s2 := c.state()
		if s2.turn == 0 {
			return c.over(&failure{text: "not logged in"})
		}
		if s2.turn != s.turn {
			return nil
		}
		s = s2
	}
	if s.refresh == "" && !c.d.cookies {
		c.forget()
		return c.over(&failure{text: "the session is over"})
	}
	err := c.renewOnce(ctx, s)
	for try := 0; err == nil && try < 9 && c.has("refresh-loop") && ctx.Err() == nil; try++ {
		err = c.renewOnce(ctx, c.state())
	}
	if err == nil {
		return nil
	}
	f, ok := failed(err)
	if !ok {
		return err
	}
	for try := 0; f.sent && c.has("stale-after-lost-answer") && try < 20 && ctx.Err() == nil; try++ {
		if err = c.renewOnce(ctx, s); err == nil {
			return nil
		}
	}
	if c.has("stale-after-lost-answer") {
		return err
	}
	if !f.answered || f.status != 400 && f.status != 401 && f.status != 403 {
		if f.sent && !c.d.reusable { // the refresh token may be used up
			s.refresh = ""
			c.set(s)
		}
		return err
	}
	for try := 0; c.has("refresh-after-refused-loop") && try < 30 && ctx.Err() == nil; try++ {
		if c.renewOnce(ctx, s) == nil {
			return nil
		}
	}
	for try := 0; c.has("relogs-in-for-ever") && try < 20 && ctx.Err() == nil; try++ {
		if c.login(ctx, c.last()) == nil && c.renewOnce(ctx, c.state()) == nil {
			return nil
		}
	}
	if c.has("keeps-dead-tokens") {
		c.mu.Lock()
		c.stuck = &s
		c.mu.Unlock()
	} else {
		c.forget()
	}
	return c.over(f)
}

func (c *Client) renewOnce(ctx context.Context, s session) error {
	root, err := c.do(ctx, c.d.renew, s, nil)
	if err != nil {
		return err
	}
	return c.take(root, s, false)
}

// take keeps the tokens of an answer. One that it leaves out stays as it was, but
// for a refresh token that is used up.
func (c *Client) take(root *node, old session, first bool) error {
	s := session{turn: old.turn + 1}
	if c.d.reusable {
		s.refresh = old.refresh
	}
	if c.d.cookies {
		if first && c.has("drops-cookies") {
			c.set(s)
			return nil
		}
		if !c.jar.holds(c.d.cookie) {
			return &failure{text: "the answer sets no cookie " + c.d.cookie}
		}
	} else {
		access, refresh := root.at(c.d.access...), root.at(c.d.refresh...)
		if c.d.name == "jmap-cloud" && root.at("result") != nil && root.at("result").kind == str {
			access, refresh = root.at("result"), nil // the older form
		}
		if c.has("trusts-first-member-order") {
			access, refresh = place(root, c.d.accessPlace), place(root, c.d.afterPlace)
		}
		s.access = c.token(access)
		if len(c.d.refresh) > 0 && c.token(refresh) != "" {
			s.refresh = c.token(refresh)
		}
		if s.access == "" {
			return &failure{text: "the answer has no token", sent: true}
		}
	}
	if len(c.d.ends) > 0 {
		s.ends = instant(root.at(c.d.ends...).scalar())
	} else if c.d.renew.path != "" {
		s.ends = jwtEnd(s.access)
	}
	if !first && c.has("reuse-refresh-token") {
		s.refresh = old.refresh
	}
	if !first && c.has("keeps-old-access-token") {
		s.access = old.access
	}
	c.set(s)
	return nil
}

// token reads a token or id: a string, or a number. Quotes within are no part of it.
func (c *Client) token(n *node) string {
	if n == nil || n.kind != str && n.kind != number {
		return ""
	}
	text := strings.Trim(strings.TrimSpace(n.text), `"'`)
	switch {
	case c.has("keeps-quotes") && n.kind == str:
		text = n.raw
	case c.has("no-unescape") && n.kind == str:
		text = strings.Trim(n.raw, `"`)
	case c.has("number-as-float") && n.kind == number:
		var f float64
		_, _ = fmt.Sscan(n.text, &f)
		text = fmt.Sprintf("%g", f)
	case c.has("cuts-long-tokens") && len(text) > 64:
		text = text[:64]
	}
	return text
}

// place is the member with these numbers, or nil.
func place(n *node, places []int) *node {
	for _, i := range places {
		if n == nil || i >= len(n.kids) {
			return nil
		}
		n = n.kids[i]
	}
	return n
}

func failed(err error) (*failure, bool) {
	var f *failure
	ok := errors.As(err, &f)
	return f, ok
}

func refused(err error) bool {
	f, ok := failed(err)
	return ok && f.answered && f.status == http.StatusUnauthorized
}

// over is an error as one that asks for a login.
func (c *Client) over(err error) error {
	old, _ := failed(err)
	f := &failure{code: old.code, text: old.text + "; log in again", status: old.status, login: true}
	if c.d.keys != nil {
		f.code = c.d.keys.token
	}
	if c.has("no-word-of-login") {
		return &failure{text: "something went wrong"}
	}
	return f
}

// keyed gives an error of login or logout the documented key.
func (c *Client) keyed(err error, path string) error {
	f, ok := failed(err)
	if k := c.d.keys; ok && k != nil {
		login := path == c.d.login.path
		switch {
		case login && f.answered && f.status == k.wrong:
			f.code = k.credential
		case login && f.answered:
			f.code = k.login
		case login:
			f.code = k.loginHere
		case f.answered:
			f.code = k.logout
		default:
			f.code = k.logoutHere
		}
		return f
	}
	return err
}
