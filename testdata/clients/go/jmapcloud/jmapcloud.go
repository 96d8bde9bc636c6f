// Package jmapcloud is a client of JMap Cloud: an access token, and a refresh
// token that is used once.
//
// A call that is refused for its access token renews the pair once, and is
// repeated once; of many goroutines one renews, and the others wait for it. The
// password is not kept. A refresh token whose answer was lost may be used up, and
// is not sent again.
package jmapcloud

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/mockauth/mockauth/testdata/clients/go/internal/wire"
)

// Error is a call that failed. Code is a key that the vendor documents for its own
// library, or empty.
type Error = wire.Error

// The documented keys.
const (
	Credential       = "user.login.error.credential" //nolint:gosec // the name of an error
	LoginServer      = "user.login.error.server"
	LoginUnexpected  = "user.login.error.unexpected"
	TokenInvalid     = "user.token.invalid"
	LogoutServer     = "user.logout.error.server"
	LogoutUnexpected = "user.logout.error.unexpected"
)

// Client has one session at a time. It is safe for concurrent use.
type Client struct {
	conn *wire.Conn
	lock wire.Lock // for what follows
	pair pair
}

type pair struct {
	Access  string `json:"accessToken"`
	Refresh string `json:"refreshToken"`
}

// User is who is logged in.
type User struct {
	Name          string `json:"name"`
	Email         string `json:"email"`
	Organizations []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"organizations"`
}

// New makes a client; base ends in the documented base path. hc may be nil.
func New(base string, hc *http.Client) (*Client, error) {
	conn, err := wire.New(base, hc, nil)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, lock: wire.NewLock()}, nil
}

// Login gets a pair of tokens for an e-mail address and password.
func (c *Client) Login(ctx context.Context, email, password string) error {
	if err := c.lock.Take(ctx); err != nil {
		return err
	}
	defer c.lock.Give()
	c.pair = pair{}
	p, _, err := c.get(ctx, "/authenticate", map[string]string{"username": email, "password": password}, password)
	if err == nil {
		c.pair = p
		return nil
	}
	var e *Error
	switch {
	case !errors.As(err, &e):
		return err
	case e.Answered && e.Status == http.StatusUnauthorized:
		return e.With(Credential)
	case e.Answered:
		return e.With(LoginServer)
	default:
		return e.With(LoginUnexpected)
	}
}

// SetToken takes over a session by its refresh token, which is used up by that.
func (c *Client) SetToken(ctx context.Context, refreshToken string) error {
	if err := c.lock.Take(ctx); err != nil {
		return err
	}
	defer c.lock.Give()
	c.pair = pair{Refresh: refreshToken}
	return c.renew(ctx, "")
}

// Refresh renews the pair now; with an organization, for that one.
func (c *Client) Refresh(ctx context.Context, organizationID string) error {
	if err := c.lock.Take(ctx); err != nil {
		return err
	}
	defer c.lock.Give()
	return c.renew(ctx, organizationID)
}

// Self reads the own account.
func (c *Client) Self(ctx context.Context) (*User, error) {
	access, err := c.access(ctx, "")
	if err != nil {
		return nil, err
	}
	user, err := c.self(ctx, access)
	if !refused(err) {
		return user, err
	}
	if access, err = c.access(ctx, access); err != nil {
		return nil, err
	}
	user, err = c.self(ctx, access)
	if refused(err) { // a new token is refused, too: another one would not help
		return nil, over("the server refuses the new access token", http.StatusUnauthorized)
	}
	return user, err
}

// Logout revokes the refresh token. Both tokens are forgotten in any case.
func (c *Client) Logout(ctx context.Context) error {
	if err := c.lock.Take(ctx); err != nil {
		return err
	}
	old := c.pair
	c.pair = pair{}
	c.lock.Give()
	if old.Refresh == "" {
		return nil
	}
	_, err := c.post(ctx, "/revoke-token", map[string]string{"refreshToken": old.Refresh}, old.Refresh)
	var e *Error
	if errors.As(err, &e) {
		if e.Answered {
			return e.With(LogoutServer)
		}
		return e.With(LogoutUnexpected)
	}
	return err
}

// access is an access token other than the one that was refused.
func (c *Client) access(ctx context.Context, refused string) (string, error) {
	if err := c.lock.Take(ctx); err != nil {
		return "", err
	}
	defer c.lock.Give()
	if refused == "" && c.pair.Access == "" && c.pair.Refresh == "" {
		return "", over("not logged in", 0)
	}
	if c.pair.Access != "" && c.pair.Access != refused {
		return c.pair.Access, nil
	}
	c.pair.Access = "" // dead
	if err := c.renew(ctx, ""); err != nil {
		return "", err
	}
	return c.pair.Access, nil
}

// renew uses the refresh token. The lock is held.
func (c *Client) renew(ctx context.Context, organizationID string) error {
	token := c.pair.Refresh
	if token == "" {
		c.pair = pair{}
		return over("the session is over", 0)
	}
	body := map[string]string{"refreshToken": token}
	if organizationID != "" {
		body["organizationId"] = organizationID
	}
	p, used, err := c.get(ctx, "/refresh-token", body, token)
	if used {
		c.pair.Refresh = ""
	}
	var e *Error
	switch {
	case err == nil:
		c.pair = p
		return nil
	case refused(err):
		c.pair = pair{}
		return over("the refresh token is refused", http.StatusUnauthorized)
	case errors.As(err, &e) && used && c.pair.Access == "":
		return e.With(TokenInvalid).Over()
	}
	return err
}

// get posts for a pair. used: the server may have done it.
func (c *Client) get(ctx context.Context, path string, body map[string]string, secret string) (p pair, used bool, err error) {
	a, err := c.post(ctx, path, body, secret)
	if err != nil {
		var e *Error
		return pair{}, errors.As(err, &e) && e.Sent, err
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	if err := a.JSON(&answer); err != nil {
		return pair{}, a.Media == "application/json", err
	}
	// The older form of the answer has an access token alone.
	if json.Unmarshal(answer.Result, &p.Access) != nil && json.Unmarshal(answer.Result, &p) != nil || p.Access == "" {
		return pair{}, true, &Error{Status: a.Status, Message: "the answer has no access token"}
	}
	return p, true, nil
}

func (c *Client) self(ctx context.Context, access string) (*User, error) {
	a, err := c.conn.Send(ctx, wire.Request{Method: http.MethodGet, Path: "/users/self", Header: map[string]string{"Accept": "application/json", "Authorization": "Bearer " + access}})
	if err != nil {
		return nil, err
	}
	if err := check(a, access); err != nil {
		return nil, err
	}
	var answer struct {
		Result *User `json:"result"`
	}
	if err := a.JSON(&answer); err != nil {
		return nil, err
	}
	if answer.Result == nil {
		return nil, &Error{Status: a.Status, Message: "the answer has no user"}
	}
	return answer.Result, nil
}

func (c *Client) post(ctx context.Context, path string, body map[string]string, secret string) (*wire.Answer, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, &Error{Message: "the request cannot be made"}
	}
	a, err := c.conn.Send(ctx, wire.Request{
		Method: http.MethodPost, Path: path, Body: text,
		Header: map[string]string{"Accept": "application/json", "Content-Type": "application/json"},
	})
	if err != nil {
		return nil, err
	}
	return a, check(a, secret)
}

// check is the refusal that an answer is, or nil.
func check(a *wire.Answer, secret string) error {
	if t := a.Trouble(); t != nil {
		return t
	}
	if a.Status < 400 {
		return nil
	}
	var refusal struct {
		Message string `json:"message"`
	}
	if err := a.JSON(&refusal); err != nil {
		return err
	}
	if refusal.Message == "" {
		refusal.Message = "the server refused the call"
	}
	return &Error{Status: a.Status, Answered: true, Message: wire.Brief(refusal.Message, secret)}
}

func refused(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Answered && e.Status == http.StatusUnauthorized
}

func over(message string, status int) error {
	return (&Error{Message: message, Status: status, Code: TokenInvalid}).Over()
}
