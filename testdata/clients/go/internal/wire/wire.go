// Package wire is what the clients beside it share: one exchange over HTTP, and
// the form of their errors.
package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// maxBody is how much of a body is read. The answers of these APIs have a few
	// hundred bytes.
	maxBody = 1 << 20
	// maxWait is the longest Retry-After that is waited for.
	maxWait = 2 * time.Second
	// timeout bounds an exchange where neither the http.Client nor the context does.
	timeout = 10 * time.Second
)

// Error is a call that failed.
type Error struct {
	// Code is the library's or the server's key for it, or empty.
	Code string
	// Status is that of the answer; 0: no whole answer came.
	Status int
	// Login: the session is over, and the user has to log in again.
	Login bool
	// Message says what happened. It holds no secret.
	Message string
	// Sent: no whole answer came, but the server may have got the request.
	Sent bool
	// Answered: the server refused the call.
	Answered bool

	cause error
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives the context's error, where that ended the call.
func (e *Error) Unwrap() error { return e.cause }

// With is the error under another code.
func (e *Error) With(code string) *Error {
	other := *e
	other.Code = code
	return &other
}

// Over is the error as one after which the user has to log in again.
func (e *Error) Over() *Error {
	other := *e
	other.Login = true
	if !strings.HasSuffix(other.Message, "log in again") {
		other.Message += "; log in again"
	}
	return &other
}

// Conn sends requests below one base URL, and follows no redirect: a token goes
// nowhere but to the host that it belongs to. It is safe for concurrent use.
type Conn struct {
	base *url.URL
	http http.Client
	// Jar keeps the cookies; nil: they are ignored.
	Jar *Jar
}

// New makes a Conn. hc may be nil; its redirect policy and jar are not used.
func New(base string, hc *http.Client, jar *Jar) (*Conn, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, errors.New("the base URL has to be like https://host/path, without user and query")
	}
	if u.Path == "" {
		u.Path = "/" // else what is joined to it has no slash before it, and gets no cookie
	}
	c := &Conn{base: u, Jar: jar}
	if hc != nil {
		c.http = *hc
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.http.Jar = nil; jar != nil {
		c.http.Jar = jar
	}
	if c.http.Timeout == 0 {
		c.http.Timeout = timeout
	}
	return c, nil
}

// Request is what is asked.
type Request struct {
	Method, Path string
	Query        url.Values
	Header       map[string]string
	Body         []byte
}

// Answer is what came, its body read.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Media is the media type, in small letters.
	Media string
}

// Send does one exchange, and a second one where the server says 503 or 429 and
// to come back within two seconds.
func (c *Conn) Send(ctx context.Context, r Request) (*Answer, error) {
	a, err := c.once(ctx, r)
	if err != nil || a.Status != http.StatusServiceUnavailable && a.Status != http.StatusTooManyRequests {
		return a, err
	}
	wait, ok := a.retryAfter()
	if end, bounded := ctx.Deadline(); !ok || wait > maxWait || bounded && wait > time.Until(end)/2 {
		return a, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return c.once(ctx, r)
	case <-ctx.Done():
		return a, nil
	}
}

func (c *Conn) once(ctx context.Context, r Request) (*Answer, error) {
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }}
	u := c.base.JoinPath(r.Path)
	u.RawQuery = r.Query.Encode()
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), r.Method, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, &Error{Message: "the request cannot be made"}
	}
	if r.Body == nil {
		req.Body, req.GetBody = http.NoBody, nil
	}
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, noAnswer(ctx, err, sent.Load())
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return nil, noAnswer(ctx, err, true)
	}
	if len(body) > maxBody {
		return nil, &Error{Status: res.StatusCode, Sent: true, Message: fmt.Sprintf("the answer has more than %d bytes; the rest was not read", maxBody)}
	}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return &Answer{Status: res.StatusCode, Header: res.Header, Body: body, Media: media}, nil
}

// noAnswer says why nothing came. The error of net/http is left out: it holds the
// URL, and with some of these APIs a token stands in that.
func noAnswer(ctx context.Context, err error, sent bool) *Error {
	var n net.Error
	if errors.As(err, &n) && n.Timeout() || ctx.Err() != nil {
		return &Error{Message: "no whole answer in time", Sent: sent, cause: ctx.Err()}
	}
	return &Error{Message: "the connection failed before a whole answer came", Sent: sent}
}

// Trouble is what stands between client and API: a redirect, an overload; nil:
// nothing.
func (a *Answer) Trouble() *Error {
	switch {
	case a.Status >= 300 && a.Status < 400:
		host := "another path"
		if to, err := url.Parse(a.Header.Get("Location")); err == nil && to.Host != "" {
			host = to.Hostname()
		}
		return &Error{Status: a.Status, Answered: true, Message: fmt.Sprintf("the server redirects to %s (HTTP %d); it was not followed", host, a.Status)}
	case a.Status == http.StatusServiceUnavailable || a.Status == http.StatusTooManyRequests:
		e := &Error{Status: a.Status, Answered: true, Message: fmt.Sprintf("the server takes no calls now (HTTP %d)", a.Status)}
		if wait := a.Header.Get("Retry-After"); wait != "" {
			e.Message += "; Retry-After: " + Brief(wait)
		}
		return e
	}
	return nil
}

// Unreadable is the error for an answer that is not in the form of the API.
func (a *Answer) Unreadable(wanted string) *Error {
	what := "not " + wanted
	if start := bytes.ToLower(bytes.TrimSpace(a.Body[:min(len(a.Body), 64)])); a.Media == "text/html" || bytes.HasPrefix(start, []byte("<!doctype")) || bytes.HasPrefix(start, []byte("<html")) {
		what = "HTML"
	}
	return a.unlike(fmt.Sprintf("the answer (HTTP %d) is %s; %s was expected", a.Status, what, wanted))
}

// unlike is the error for a body that is not in the form of the API. The status
// alone may say that the call was refused, as that of a proxy.
func (a *Answer) unlike(message string) *Error {
	return &Error{Status: a.Status, Answered: a.Status >= 400, Message: message}
}

func (a *Answer) retryAfter() (time.Duration, bool) {
	value := strings.TrimSpace(a.Header.Get("Retry-After"))
	if s, err := strconv.ParseUint(value, 10, 16); err == nil {
		return time.Duration(s) * time.Second, true
	}
	then, err := http.ParseTime(value)
	now, err2 := http.ParseTime(a.Header.Get("Date"))
	if err != nil || err2 != nil {
		return 0, false
	}
	return max(then.Sub(now), 0), true
}

// Brief is a server's text for an error: one line, not long, without our secrets.
func Brief(text string, secrets ...string) string {
	text = strings.Join(strings.Fields(text), " ")
	for _, s := range secrets {
		if strings.TrimSpace(s) != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return strings.ToValidUTF8(text[:min(len(text), 200)], "")
}
