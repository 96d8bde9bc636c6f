// Package crmcom is a client of the CRM.COM Web API: a token that lives for two
// hours, and no refresh.
//
// To go on, a client authenticates again, so the credentials are kept until
// Logout. A call that is refused for its token authenticates once, and is repeated
// once; of many goroutines one authenticates, and the others wait for it.
package crmcom

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/mockauth/mockauth/testdata/clients/go/internal/wire"
)

// Error is a call that failed. Code is status.code of the answer.
type Error = wire.Error

// Options are what differs between releases.
type Options struct {
	// Release: the server has authentication/token/release (R10 and R11).
	Release bool
	// Organization: the name of the organisation is spelled with a z.
	Organization bool
}

// Client has one session at a time. It is safe for concurrent use.
type Client struct {
	conn *wire.Conn
	opts Options
	lock wire.Lock // for what follows
	// again authenticates with the credentials of the last login; nil: none.
	again func(context.Context) (string, error)
	token string
}

// New makes a client; base ends in the documented base path. hc may be nil.
func New(base string, hc *http.Client, opts Options) (*Client, error) {
	conn, err := wire.New(base, hc, nil)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, opts: opts, lock: wire.NewLock()}, nil
}

// Login authenticates with user name and password. An empty unit is the default one.
func (c *Client) Login(ctx context.Context, username, password, organisation, unit string) error {
	body := map[string]string{"username": username, "password": password}
	if c.opts.Organization {
		body["organization"] = organisation
	} else {
		body["organisation"] = organisation
	}
	if unit != "" {
		body["unit"] = unit
	}
	return c.begin(ctx, "/authentication/token", "", body, password)
}

// LoginWithKey authenticates with a Web API key, which is the user name of HTTP Basic.
func (c *Client) LoginWithKey(ctx context.Context, key string) error {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"))
	return c.begin(ctx, "/authentication/web_api_key/token", basic, map[string]string{}, key)
}

// Contact reads a contact by its number. The token of a GET travels in the query.
func (c *Client) Contact(ctx context.Context, number string) (map[string]any, error) {
	token, err := c.valid(ctx, "")
	if err != nil {
		return nil, err
	}
	data, err := c.contact(ctx, token, number)
	if !aboutToken(err) {
		return data, err
	}
	if token, err = c.valid(ctx, token); err != nil {
		return nil, err
	}
	data, err = c.contact(ctx, token, number)
	var e *Error
	if aboutToken(err) && errors.As(err, &e) { // a new token is refused, too: another one would not help
		return nil, e.Over()
	}
	return data, err
}

// Logout forgets token and credentials, and releases the token where the release can.
func (c *Client) Logout(ctx context.Context) error {
	if err := c.lock.Take(ctx); err != nil {
		return err
	}
	token := c.token
	c.token, c.again = "", nil
	c.lock.Give()
	if token == "" || !c.opts.Release {
		return nil
	}
	return c.post(ctx, "/authentication/token/release", "", map[string]string{"token": token}, token, nil)
}

func (c *Client) begin(ctx context.Context, path, basic string, body map[string]string, secret string) error {
	if err := c.lock.Take(ctx); err != nil {
		return err
	}
	defer c.lock.Give()
	c.token, c.again = "", nil
	again := func(ctx context.Context) (string, error) {
		var data struct {
			Token text `json:"token"`
		}
		if err := c.post(ctx, path, basic, body, secret, &data); err != nil {
			return "", err
		}
		if data.Token == "" {
			return "", &Error{Message: "the answer has no token"}
		}
		return string(data.Token), nil
	}
	token, err := again(ctx)
	if err == nil {
		c.token, c.again = token, again
	}
	return err
}

// valid is a token other than the one that was refused.
func (c *Client) valid(ctx context.Context, refused string) (string, error) {
	if err := c.lock.Take(ctx); err != nil {
		return "", err
	}
	defer c.lock.Give()
	if c.again == nil {
		return "", &Error{Message: "not logged in; log in", Login: true}
	}
	if c.token != "" && c.token != refused {
		return c.token, nil
	}
	c.token = ""
	token, err := c.again(ctx)
	var e *Error
	if errors.As(err, &e) && e.Answered && (e.Status == http.StatusOK || e.Status == http.StatusUnauthorized) {
		c.again = nil // refused: to try again would lock the user out
		return "", e.Over()
	}
	c.token = token
	return token, err
}

func (c *Client) contact(ctx context.Context, token, number string) (data map[string]any, err error) {
	a, err := c.conn.Send(ctx, wire.Request{
		Method: http.MethodGet, Path: "/contact_information/show",
		Query:  url.Values{"token": {token}, "contact_information_identifier": {"number=" + number}},
		Header: map[string]string{"Accept": "application/json"},
	})
	if err != nil {
		return nil, err
	}
	return data, read(a, token, &data)
}

func (c *Client) post(ctx context.Context, path, basic string, body map[string]string, secret string, data any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return &Error{Message: "the request cannot be made"}
	}
	header := map[string]string{"Accept": "application/json", "Content-Type": "application/json"}
	if basic != "" {
		header["Authorization"] = basic
	}
	a, err := c.conn.Send(ctx, wire.Request{Method: http.MethodPost, Path: path, Header: header, Body: text})
	if err != nil {
		return err
	}
	return read(a, secret, data)
}

// read reads data. A refusal is known by its code, also where the status is 200.
func read(a *wire.Answer, secret string, data any) error {
	if t := a.Trouble(); t != nil {
		return t
	}
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Status struct {
			Code        string `json:"code"`
			Message     string `json:"message"`
			Description string `json:"description"`
		} `json:"status"`
	}
	if err := a.JSON(&answer); err != nil {
		return err
	}
	if s := answer.Status; a.Status >= 400 || !strings.EqualFold(s.Code, "OK") {
		for _, message := range []string{s.Message, s.Description, "the server refused the call"} {
			if message != "" {
				return &Error{Code: wire.Brief(s.Code, secret), Status: a.Status, Answered: true, Message: wire.Brief(message, secret)}
			}
		}
	}
	if data == nil || len(answer.Data) == 0 {
		return nil
	}
	if json.Unmarshal(answer.Data, data) != nil {
		return &Error{Status: a.Status, Message: "the answer has data of another form"}
	}
	return nil
}

func aboutToken(err error) bool {
	var e *Error
	if !errors.As(err, &e) || !e.Answered {
		return false
	}
	last := strings.ToUpper(e.Code[strings.LastIndex(e.Code, ".")+1:])
	return e.Status == http.StatusUnauthorized || strings.HasPrefix(last, "INVALIDTOKEN") || strings.HasPrefix(last, "TOKENEXPIRED") || strings.HasPrefix(last, "EXPIREDTOKEN")
}

// text is a JSON string or number; tokens of digits were seen.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
		*t = text(b)
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}
