package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/wire"
)

const (
	// MaxBody is how many bytes of an answer are read: 8 MiB.
	MaxBody = 8 << 20
	// DefaultTimeout bounds one exchange where Budgets.Timeout is zero.
	DefaultTimeout = 10 * time.Second
	// maxHead bounds the status line and header of an answer.
	maxHead = 1 << 20
	// idle is how long an unused connection is kept. Servers close theirs after 2 s
	// and more; a POST on a connection that is being closed would be lost, and a
	// run never pauses as long as this but on purpose.
	idle = time.Second
)

// Client sends requests to one target, and to nobody else. It follows no
// redirect, keeps no cookies, asks for no compression, speaks HTTP/1.1, and uses
// no proxy but Target.Proxy: those of the environment (HTTPS_PROXY) are not
// looked at. It is safe for concurrent use.
//
// net/http itself writes to the standard logger (package log) when a server sends
// more than it announced, quotes it, and no Masker sees that: a program that
// publishes its log gives the standard logger another output, as conform does.
type Client struct {
	target  *Target
	masker  *Masker
	through http.RoundTripper
	own     *http.Transport // nil: through is the target's
	timeout time.Duration
	pace    pace
	count   atomic.Int64
	allowed hosts
}

// Reply is an answer that came, its body read.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	// Cut says that the body was longer than MaxBody.
	Cut bool
	// Took is the time from sending to the end of the body; waiting for the rate
	// is not counted.
	Took time.Duration
	// Date is the Date header; zero: none, or none that can be read.
	Date time.Time
	// Redirect is where a 3xx leads if that is another host than was asked; nil:
	// nowhere else. It was not followed.
	Redirect *url.URL
	// TLS is what was agreed on; nil: none.
	TLS *tls.ConnectionState
}

// NewClient makes a Client. The error says what in the target is wrong. The
// target's own secrets (headers, control token, Secrets) are added to m, which
// masks what errors say; nil: a Masker of its own.
func NewClient(t *Target, m *Masker) (*Client, error) {
	if t.URL == nil || t.URL.Host == "" || t.URL.Hostname() == "" || t.URL.Scheme != "http" && t.URL.Scheme != "https" {
		return nil, errors.New("the target has no URL that can be called; write one such as https://staging.example.com")
	}
	if t.URL.User != nil {
		return nil, errors.New("the target's URL holds a user; take it out of the URL: who logs in stands under accounts, and what a gateway wants under headers")
	}
	if m == nil {
		m = NewMasker()
	}
	m.Add(t.ownSecrets()...)
	c := &Client{target: t, masker: m, through: t.Transport, timeout: t.Budgets.Timeout}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if r := t.Budgets.RequestsPerSecond; r > 0 {
		c.pace.every = time.Duration(float64(time.Second) / r)
	}
	var err error
	if c.allowed, err = newHosts(t); err != nil {
		return nil, err
	}
	if c.through == nil {
		if c.own, err = newTransport(t); err != nil {
			return nil, err
		}
		c.through = c.own
	}
	return c, nil
}

func newTransport(t *Target) (*http.Transport, error) {
	trusted, err := trust(t.CA)
	if err != nil {
		return nil, err
	}
	tr := &http.Transport{
		DisableCompression:     true,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        idle,
		MaxResponseHeaderBytes: maxHead,
		Protocols:              &http.Protocols{},
		TLSClientConfig:        &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
	}
	tr.Protocols.SetHTTP1(true)
	if t.Proxy != nil {
		tr.Proxy = http.ProxyURL(t.Proxy)
	}
	return tr, nil
}

// trust returns the system's certificates and those of a file; nil is the
// system's alone.
func trust(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := document.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the CA file %s cannot be read: %w", file, reason(err))
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the CA file %s holds no certificate; it wants PEM: -----BEGIN CERTIFICATE-----", file)
	}
	return pool, nil
}

// reason is the reason of an error that names its file, without the file.
func reason(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Masker is what knows the secrets of this client's target.
func (c *Client) Masker() *Masker { return c.masker }

// Requests is the number of requests that were sent to the target. Calls of a
// mock's control API are not counted.
func (c *Client) Requests() int { return int(c.count.Load()) }

// Close gives idle connections back. The Client works on after it.
func (c *Client) Close() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

// userAgent is what every request says that it comes from.
const userAgent = "mockauth-conform"

// Do sends one request and reads the answer. The error is an *ExchangeError; its
// Fault says what went wrong. Where the answer began and then broke off there is
// both: what came of it, and the error.
//
// The target's Headers are added where the request has none of that name.
func (c *Client) Do(ctx context.Context, r *http.Request) (*Reply, error) {
	return c.do(ctx, r, instructions{})
}

// do is Do with what is asked of a mock of ours beside.
func (c *Client) do(ctx context.Context, r *http.Request, asks instructions) (*Reply, error) {
	if err := c.allowed.refuse(r); err != nil {
		return nil, err
	}
	if err := c.pace.wait(ctx); err != nil {
		return nil, &ExchangeError{Fault: FaultCanceled, Host: r.URL.Host, Err: err}
	}
	c.count.Add(1)
	return c.exchange(ctx, r, asks)
}

// stage is how far an exchange came.
type stage int32

const (
	stageStart stage = iota
	stageResolve
	stageConnect
	stageTLS
	stageSent // there is a connection; the request is on its way
	stageBody // the answer has begun
)

func (c *Client) exchange(parent context.Context, in *http.Request, asks instructions) (*Reply, error) {
	ctx, cancel := context.WithTimeout(parent, c.timeout)
	defer cancel()
	var at atomic.Int32
	reach := func(s stage) {
		for {
			now := at.Load()
			if now >= int32(s) || at.CompareAndSwap(now, int32(s)) {
				return
			}
		}
	}
	r := in.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { reach(stageResolve) },
		ConnectStart:         func(string, string) { reach(stageConnect) },
		TLSHandshakeStart:    func() { reach(stageTLS) },
		GotConn:              func(httptrace.GotConnInfo) { reach(stageSent) },
		GotFirstResponseByte: func() { reach(stageBody) },
	}))
	r.Header = c.header(in.Header, asks)
	start := time.Now()
	failed := func(err error) error {
		return c.explain(parent, r, stage(at.Load()), time.Since(start), err)
	}
	res, err := c.through.RoundTrip(r)
	if err != nil {
		return nil, failed(err)
	}
	reach(stageBody)
	defer func() { _ = res.Body.Close() }()
	reply := &Reply{Status: res.StatusCode, Header: res.Header, Redirect: elsewhere(r.URL, res), TLS: res.TLS}
	if d, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		reply.Date = d
	}
	reply.Body, err = wire.ReadAll(io.LimitReader(res.Body, MaxBody+1), res.ContentLength)
	if len(reply.Body) > MaxBody {
		reply.Body, reply.Cut = reply.Body[:MaxBody], true
	}
	reply.Took = time.Since(start)
	if err != nil {
		return reply, failed(err)
	}
	return reply, nil
}

// header is what is sent for a header that was asked for, which stays as it is.
func (c *Client) header(h http.Header, asks instructions) http.Header {
	_, named := h["User-Agent"]
	if named && len(c.target.Headers) == 0 && asks == (instructions{}) {
		return h
	}
	out := make(http.Header, len(h)+len(c.target.Headers)+1)
	if !named {
		out["User-Agent"] = []string{userAgent}
	}
	maps.Copy(out, c.target.Headers)
	maps.Copy(out, h)
	asks.write(out)
	return out
}

// elsewhere is where a redirect leads if that is another host, port or scheme.
func elsewhere(from *url.URL, res *http.Response) *url.URL {
	if res.StatusCode < 300 || res.StatusCode > 399 {
		return nil
	}
	to, err := from.Parse(res.Header.Get("Location"))
	if err != nil || to.Scheme == from.Scheme && hostPort(to) == hostPort(from) {
		return nil
	}
	return to
}

// hosts are the places that may be called.
type hosts struct {
	exact  map[string]bool // scheme://host:port
	any    map[string]bool // host, or host:port, at any port and scheme
	secure bool            // the target speaks TLS, so secrets never go without
	home   string
}

func newHosts(t *Target) (hosts, error) {
	h := hosts{exact: map[string]bool{place(t.URL): true}, any: map[string]bool{}, secure: t.URL.Scheme == "https", home: t.URL.Host}
	if t.Control != "" {
		u, err := url.Parse(t.Control)
		if err != nil || u.Host == "" {
			return h, fmt.Errorf("%q is no URL of a control API; write one such as http://127.0.0.1:4010/__admin", t.Control)
		}
		h.exact[place(u)] = true
	}
	for _, x := range t.Hosts {
		if x == "" || strings.ContainsAny(x, "/@ ?#") {
			return h, fmt.Errorf("%q is no host; write host or host:port, without a scheme or a path", x)
		}
		h.any[strings.ToLower(x)] = true
	}
	return h, nil
}

// place is scheme, host and port of a URL, the port always there.
func place(u *url.URL) string { return strings.ToLower(u.Scheme) + "://" + hostPort(u) }

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if strings.EqualFold(u.Scheme, "https") {
			port = "443"
		}
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// refuse returns an error for a request that leaves the target.
func (h hosts) refuse(r *http.Request) error {
	u := r.URL
	if u == nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return &ExchangeError{Fault: FaultHost, Err: errors.New("the request has no whole URL; nothing was sent")}
	}
	if h.exact[place(u)] {
		return nil
	}
	name := strings.ToLower(u.Hostname())
	listed := h.any[name] || h.any["["+name+"]"] || h.any[hostPort(u)] || h.any[strings.ToLower(u.Host)]
	switch {
	case listed && h.secure && u.Scheme == "http":
		return &ExchangeError{Fault: FaultHost, Host: u.Host, Err: fmt.Errorf("the target speaks HTTPS, and %s would be called without; nothing was sent", u.Host)}
	case !listed:
		return &ExchangeError{Fault: FaultHost, Host: u.Host, Err: fmt.Errorf("%s is not %s, nor listed under hosts, so nothing was sent; if it belongs to the target, list it there", u.Host, h.home)}
	}
	return nil
}

// pace lets requests through at a steady rate, none in bursts.
type pace struct {
	every time.Duration // 0: no limit

	mu   sync.Mutex
	next time.Time
}

func (p *pace) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil || p.every == 0 {
		return err
	}
	p.mu.Lock()
	now := time.Now()
	turn := p.next
	if turn.Before(now) {
		turn = now
	}
	p.next = turn.Add(p.every)
	p.mu.Unlock()
	if !turn.After(now) {
		return nil
	}
	timer := time.NewTimer(turn.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
