// Package wedia is a client of the WEDIA engine: an access token, and a refresh
// token that stays as it is.
//
// In bearer mode both are kept here; in cookie mode both are in cookies. A call that
// is refused for its access token refreshes once, and is repeated once; of many
// goroutines one refreshes, and the others wait for it. The password is not kept.
package wedia

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/mockauth/mockauth/testdata/clients/go/internal/wire"
)

// Error is a call that failed. Code is the member error of the answer, such as 401/2.
type Error = wire.Error

// Mode is where the tokens are.
type Mode int

// The modes.
const (
	Bearer Mode = iota
	Cookies
)

// Client has one session at a time. It is safe for concurrent use.
type Client struct {
	conn *wire.Conn
	mode Mode
	lock wire.Lock // for what follows
	now  state
}

type state struct {
	access, refresh string
	turn            int // counts access tokens; 0: signed out
}

// Caller is who is signed in.
type Caller struct {
	ID    string `json:"id"`
	Login string `json:"login"`
	Name  string `json:"name"`
}

// New makes a client; base is the URL of the servlet context. hc may be nil.
func New(base string, hc *http.Client, mode Mode) (*Client, error) {
	conn, err := wire.New(base, hc, wire.NewJar()) // some releases keep a servlet session in both modes
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, mode: mode, lock: wire.NewLock()}, nil
}

// Signin signs a user in.
func (c *Client) Signin(ctx context.Context, login, password string) error {
	return c.signin(ctx, url.Values{"login": {login}, "password": {password}}, password)
}

// SigninApplication signs an application in, by its name, key and secret.
func (c *Client) SigninApplication(ctx context.Context, name, key, secret string) error {
	return c.signin(ctx, url.Values{"application": {name}, "login": {key}, "password": {secret}}, secret)
}

// Resume takes over a session by its refresh token, in bearer mode.
func (c *Client) Resume(ctx context.Context, refreshToken string) error {
	if err := c.lock.Take(ctx); err != nil {
		return err
	}
	defer c.lock.Give()
	c.forget()
	c.now.refresh = refreshToken
	return c.refresh(ctx)
}

// Refresh gets a new access token now.
func (c *Client) Refresh(ctx context.Context) error {
	if err := c.lock.Take(ctx); err != nil {
		return err
	}
	defer c.lock.Give()
	return c.refresh(ctx)
}

// Whoami is the caller.
func (c *Client) Whoami(ctx context.Context) (*Caller, error) {
	s, err := c.live(ctx, 0)
	if err != nil {
		return nil, err
	}
	caller, err := c.whoami(ctx, s)
	if !refused(err) {
		return caller, err
	}
	if s, err = c.live(ctx, s.turn); err != nil {
		return nil, err
	}
	caller, err = c.whoami(ctx, s)
	var e *Error
	if refused(err) && errors.As(err, &e) { // a new token is refused, too: another one would not help
		return nil, e.Over()
	}
	return caller, err
}

// Signout revokes the refresh token. Everything is forgotten in any case.
func (c *Client) Signout(ctx context.Context) error {
	if err := c.lock.Take(ctx); err != nil {
		return err
	}
	defer c.lock.Give()
	if c.now.turn == 0 && c.now.refresh == "" {
		return nil
	}
	defer c.forget()
	var fields url.Values
	if c.mode == Bearer {
		fields = url.Values{"token": {c.now.refresh}}
	}
	_, err := c.post(ctx, "/api/rest/signout", fields, c.now.refresh)
	return err
}

func (c *Client) signin(ctx context.Context, fields url.Values, secret string) error {
	if err := c.lock.Take(ctx); err != nil {
		return err
	}
	defer c.lock.Give()
	c.forget()
	if c.mode == Cookies {
		fields.Set("cookieauth", "true")
	}
	return c.take(ctx, "/api/rest/signin", fields, secret)
}

// live is a state with an access token that is younger than the turn that was
// refused; it refreshes unless another goroutine did.
func (c *Client) live(ctx context.Context, refused int) (state, error) {
	if err := c.lock.Take(ctx); err != nil {
		return state{}, err
	}
	defer c.lock.Give()
	if c.now.turn == 0 {
		return state{}, signedOut()
	}
	if c.now.turn == refused {
		if err := c.refresh(ctx); err != nil {
			return state{}, err
		}
	}
	return c.now, nil
}

// refresh gets a new access token. The lock is held.
func (c *Client) refresh(ctx context.Context) error {
	fields := url.Values{"token": {c.now.refresh}}
	switch {
	case c.mode == Cookies && c.now.turn > 0:
		fields = url.Values{"cookieauth": {"true"}}
	case c.now.refresh == "":
		return signedOut()
	}
	err := c.take(ctx, "/api/rest/token", fields, c.now.refresh)
	var e *Error
	if errors.As(err, &e) && e.Answered && (e.Status == 400 || e.Status == 401 || e.Status == 403) {
		c.forget()
		return e.Over()
	}
	return err
}

// take posts for tokens. One that the answer leaves out stays as it was.
func (c *Client) take(ctx context.Context, path string, fields url.Values, secret string) error {
	b, err := c.post(ctx, path, fields, secret)
	if err != nil {
		return err
	}
	access := b.AccessToken
	if c.mode == Cookies {
		access = c.conn.Cookie("/api/rest/whoami", "x-wedia-api-token-tk")
	}
	if access == "" {
		return &Error{Message: "the answer has no access token"}
	}
	if b.RefreshToken != "" {
		c.now.refresh = b.RefreshToken
	}
	c.now.access, c.now.turn = access, c.now.turn+1
	return nil
}

func (c *Client) forget() {
	c.now = state{}
	c.conn.Jar.Clear()
}

type body struct {
	AccessToken  string  `json:"accessToken"`
	RefreshToken string  `json:"refreshToken"`
	Error        *string `json:"error"`
	Message      string  `json:"message"`
	Response     struct {
		Data *Caller `json:"data"`
	} `json:"response"`
}

func (c *Client) post(ctx context.Context, path string, fields url.Values, secret string) (*body, error) {
	r := wire.Request{Method: http.MethodPost, Path: path, Header: map[string]string{"Accept": "application/json"}}
	if fields != nil {
		r.Body = []byte(fields.Encode())
		r.Header["Content-Type"] = "application/x-www-form-urlencoded"
	}
	a, err := c.conn.Send(ctx, r)
	if err != nil {
		return nil, err
	}
	return read(a, secret)
}

func (c *Client) whoami(ctx context.Context, s state) (*Caller, error) {
	r := wire.Request{Method: http.MethodGet, Path: "/api/rest/whoami", Header: map[string]string{"Accept": "application/json"}}
	if c.mode == Bearer {
		r.Header["Authorization"] = "Bearer " + s.access
	}
	a, err := c.conn.Send(ctx, r)
	if err != nil {
		return nil, err
	}
	b, err := read(a, s.access)
	if err != nil {
		return nil, err
	}
	if b.Response.Data == nil {
		return nil, &Error{Status: a.Status, Message: "the answer has no caller"}
	}
	return b.Response.Data, nil
}

// read reads a body. What makes it a refusal is its member error, not its status,
// which is 200 on some servers.
func read(a *wire.Answer, secret string) (*body, error) {
	if t := a.Trouble(); t != nil {
		return nil, t
	}
	var b body
	if err := a.JSON(&b); err != nil {
		return nil, err
	}
	if a.Status < 400 && b.Error == nil {
		return &b, nil
	}
	e := &Error{Status: a.Status, Answered: true, Message: wire.Brief(b.Message, secret)}
	if e.Message == "" {
		e.Message = "the server refused the call"
	}
	if b.Error != nil {
		e.Code = wire.Brief(*b.Error, secret)
		if s, err := strconv.Atoi(e.Code[:min(len(e.Code), 3)]); err == nil && a.Status < 400 {
			e.Status = s
		}
	}
	return nil, e
}

func refused(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Answered && e.Status == http.StatusUnauthorized
}

func signedOut() error { return &Error{Message: "not signed in; sign in", Login: true} }
