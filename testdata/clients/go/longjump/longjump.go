// Package longjump is a client of LongJump and AgileApps: a session, named by the
// cookie JSESSIONID.
//
// It speaks XML or JSON, and reads an answer as what it says it is. There is no
// refresh, and the password is not kept: when the session has ended, calls fail
// with Error.Login.
package longjump

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/mockauth/mockauth/testdata/clients/go/internal/wire"
)

// Error is a call that failed. Code is platform/message/code of the answer.
type Error = wire.Error

// NotLoggedIn is the documented code for a call without a session.
const NotLoggedIn = "-101"

const (
	// XML is what the older platform prefers.
	XML = "application/xml"
	// JSON is what the later one prefers.
	JSON = "application/json"
)

// Client has one session at a time. It is safe for concurrent use.
type Client struct {
	conn  *wire.Conn
	media string
	live  atomic.Bool
}

// User is who is logged in.
type User struct {
	ID        string `json:"id"         xml:"id"`
	Username  string `json:"username"   xml:"username"`
	FirstName string `json:"first_name" xml:"first_name"`
	LastName  string `json:"last_name"  xml:"last_name"`
	Email     string `json:"email"      xml:"email"`
}

type login struct {
	UserName string `json:"userName" xml:"userName"`
	Password string `json:"password" xml:"password"`
}

// platform is the one member, or the root element, of every body.
type platform struct {
	XMLName xml.Name `json:"-"                 xml:"platform"`
	Login   *login   `json:"login,omitempty"   xml:"login"`
	User    *User    `json:"user,omitempty"    xml:"user"`
	Message *message `json:"message,omitempty" xml:"message"`
}

type message struct {
	Code        code   `json:"code"        xml:"code"`
	Description string `json:"description" xml:"description"`
}

// New makes a client that speaks XML or JSON; base ends in the documented base
// path. hc may be nil.
func New(base string, hc *http.Client, media string) (*Client, error) {
	if media != XML && media != JSON {
		return nil, errors.New("media is longjump.XML or longjump.JSON")
	}
	conn, err := wire.New(base, hc, wire.NewJar())
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, media: media}, nil
}

// Login opens a session.
func (c *Client) Login(ctx context.Context, username, password string) error {
	c.forget()
	body, err := c.encode(platform{Login: &login{UserName: username, Password: password}})
	if err != nil {
		return &Error{Message: "the request cannot be made"}
	}
	a, err := c.conn.Send(ctx, wire.Request{
		Method: http.MethodPost, Path: "/login", Body: body,
		Header: map[string]string{"Accept": c.media, "Content-Type": c.media},
	})
	if err != nil {
		return err
	}
	if _, err := read(a, password); err != nil {
		return err
	}
	if c.session() == "" {
		return &Error{Status: a.Status, Message: "the answer sets no cookie JSESSIONID"}
	}
	c.live.Store(true)
	return nil
}

// Info is the user who is logged in.
func (c *Client) Info(ctx context.Context) (*User, error) {
	p, err := c.get(ctx, "/user/info")
	if err != nil {
		return nil, err
	}
	if p.User == nil {
		return nil, &Error{Message: "the answer has no user"}
	}
	return p.User, nil
}

// Logout ends the session. It is forgotten in any case.
func (c *Client) Logout(ctx context.Context) error {
	if !c.live.Load() {
		return nil
	}
	defer c.forget()
	_, err := c.get(ctx, "/logout")
	return err
}

func (c *Client) get(ctx context.Context, path string) (*platform, error) {
	if !c.live.Load() {
		return nil, &Error{Message: "not logged in; log in", Login: true}
	}
	session := c.session()
	a, err := c.conn.Send(ctx, wire.Request{Method: http.MethodGet, Path: path, Header: map[string]string{"Accept": c.media}})
	if err != nil {
		return nil, err
	}
	p, err := read(a, session)
	var e *Error
	if errors.As(err, &e) && e.Answered && (e.Status == http.StatusUnauthorized || e.Code == NotLoggedIn) {
		if c.session() == session { // and not that of a new login
			c.forget()
		}
		return nil, e.Over()
	}
	return p, err
}

func (c *Client) session() string { return c.conn.Cookie("/user/info", "JSESSIONID") }

func (c *Client) forget() {
	c.live.Store(false)
	c.conn.Jar.Clear()
}

func (c *Client) encode(p platform) ([]byte, error) {
	if c.media == JSON {
		return json.Marshal(map[string]platform{"platform": p})
	}
	body, err := xml.Marshal(p)
	return append([]byte(xml.Header), body...), err
}

// read reads what stands below platform. Any code but 0 is a refusal, whatever the
// status.
func read(a *wire.Answer, secret string) (*platform, error) {
	if t := a.Trouble(); t != nil {
		return nil, t
	}
	var p *platform
	if strings.HasSuffix(a.Media, "/xml") || strings.HasSuffix(a.Media, "+xml") {
		p = &platform{}
		if err := a.XML(p); err != nil {
			return nil, err
		}
	} else {
		var tree struct {
			Platform *platform `json:"platform"`
		}
		if err := a.JSON(&tree); err != nil {
			return nil, err
		}
		p = tree.Platform
	}
	if p == nil || p.Message == nil {
		p = &platform{Message: &message{}}
	}
	if m := p.Message; a.Status >= 400 || m.Code != "0" {
		if m.Description == "" {
			m.Description = "the server refused the call"
		}
		return nil, &Error{Code: wire.Brief(string(m.Code), secret), Status: a.Status, Answered: true, Message: wire.Brief(m.Description, secret)}
	}
	return p, nil
}

// code is a number, in JSON mostly as text.
type code string

func (c *code) UnmarshalJSON(b []byte) error {
	*c = code(strings.Trim(string(b), `"`))
	return nil
}
