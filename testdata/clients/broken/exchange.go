package broken

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mockauth/mockauth/conformance/driver"
)

const (
	maxBody = 1 << 20
	maxWait = 2 * time.Second
)

// answer is what came, its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    bool // it broke off
}

// do does an operation and reads what came. The error is a *failure.
func (c *Client) do(ctx context.Context, o op, s session, a driver.Account) (*node, error) {
	req, err := c.request(ctx, o, s, a)
	if err != nil {
		return nil, &failure{text: "the request cannot be made"}
	}
	got, err := c.send(ctx, req, o.path == c.d.login.path)
	if err == nil {
		var root *node
		if root, err = c.read(got, o, s, a); err == nil {
			return root, nil
		}
	}
	f, ok := failed(err)
	if !ok {
		f = &failure{text: err.Error()}
	}
	if c.has("secret-in-error") {
		f.text += fmt.Sprintf(" (%s %s %v %s)", req.Method, req.URL, req.Header, bodyOf(req))
	}
	return nil, f
}

// request makes the request of an operation.
func (c *Client) request(ctx context.Context, o op, s session, a driver.Account) (*http.Request, error) {
	login, call := o.path == c.d.login.path && o.method == c.d.login.method, o.path == c.d.call.path
	var fields []field
	if o.fields != nil {
		fields = o.fields(&s, a)
	}
	if login && c.has("sends-unknown-field") {
		fields = append(fields, field{"rememberMe", "true"})
	}
	var body []byte
	media := c.d.media
	if c.has("body-as-form") {
		media = "application/x-www-form-urlencoded"
	}
	if fields != nil {
		body = encode(media, c.d.wrap, fields)
	}
	u, err := url.Parse(c.base + o.path)
	if err != nil {
		return nil, err
	}
	query, header := url.Values{}, http.Header{}
	header.Set("Accept", c.d.accept)
	if body != nil {
		header.Set("Content-Type", media)
	}
	if !login && s.access != "" && o.path != c.d.renew.path {
		switch c.d.name {
		case "jmap-server":
			query.Set("sessionId", s.access)
			header.Set("X-Auth-Token", s.access)
		case "wedia":
			header.Set("Authorization", "Bearer "+s.access)
		case "jmap-cloud":
			if call {
				header.Set("Authorization", "Bearer "+s.access)
			}
		}
	}
	if c.d.cookies {
		if cookies := c.jar.header(u); cookies != "" {
			header.Set("Cookie", cookies)
		}
	}
	method := o.method
	c.spoil(&method, query, header, body, s, u, login, call)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	if body == nil {
		req.Body, req.GetBody = http.NoBody, nil
	}
	return req, nil
}

// spoil has the bugs of requests.
func (c *Client) spoil(method *string, query url.Values, header http.Header, body []byte, s session, u *url.URL, login, call bool) {
	of := func(name string) string {
		text, _ := c.last()[name].(string)
		return text
	}
	if c.has("wrong-content-type") && body != nil {
		header.Set("Content-Type", "text/plain")
	}
	if c.has("wrong-method") && call {
		*method = http.MethodPost
	}
	if c.has("wrong-accept") {
		header.Set("Accept", "text/html")
	}
	if c.has("missing-accept") {
		header.Del("Accept")
	}
	if c.has("token-in-query") && call {
		if token := s.access; token != "" {
			query.Set("access_token", token)
		}
		for _, k := range c.jar.due(u) {
			query.Set(k.name, k.value)
		}
	}
	if c.has("password-in-query") && login {
		for _, f := range c.d.login.fields(nil, c.last()) {
			if f.name == "password" {
				query.Set(f.name, f.value)
			}
		}
	}
	if c.has("password-with-every-call") && !login && header.Get("Authorization") == "" {
		name := of("username")
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(name+":"+of("password"))))
	} else if c.has("password-with-every-call") && !login {
		header.Set("X-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(of("email")+":"+of("password"))))
	}
	if c.has("sends-referer") {
		c.mu.Lock()
		if c.referer != "" {
			header.Set("Referer", c.referer)
		}
		c.referer = u.String() + "?" + query.Encode()
		c.mu.Unlock()
	}
	if c.has("secret-in-log") {
		c.log(fmt.Sprintf("%s %s %v %s", *method, u, header, body))
	}
}

// send sends a request, perhaps twice: where the server says 503 or 429 and to come
// back within two seconds.
func (c *Client) send(ctx context.Context, req *http.Request, login bool) (*answer, error) {
	waited := false
	for try := 0; ; try++ {
		a, err := c.follow(ctx, req, login)
		if err != nil || a.status != http.StatusServiceUnavailable && a.status != http.StatusTooManyRequests {
			return a, err
		}
		wait, told := retryAfter(a.header)
		end, bounded := ctx.Deadline()
		switch {
		case a.status == http.StatusServiceUnavailable && c.has("hammers-on-503") && try < 40 && ctx.Err() == nil:
			continue
		case a.status == http.StatusTooManyRequests && c.has("ignores-retry-after") && try < 5:
			continue
		case c.has("sleeps-as-told") && told:
		case waited || !told || wait > maxWait || bounded && wait > time.Until(end)/2:
			return a, nil
		}
		waited = true
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, &failure{text: "no answer in time"}
		}
	}
}

// follow follows redirects where a bug says so.
func (c *Client) follow(ctx context.Context, req *http.Request, login bool) (*answer, error) {
	for hops := 0; ; hops++ {
		a, err := c.once(ctx, req)
		if err != nil || a.status < 300 || a.status >= 400 {
			return a, err
		}
		to, err := req.URL.Parse(a.header.Get("Location"))
		if err != nil || to.Host == "" {
			return a, nil //nolint:nilerr // a Location that leads nowhere is not followed
		}
		switch {
		case c.has("follows-redirect-with-token") && !login && hops < 5:
		case c.has("follows-redirect-with-password") && login && hops < 5:
		default:
			return a, nil
		}
		next := req.Clone(ctx)
		next.URL, next.Host = to, ""
		if req.GetBody != nil {
			next.Body, _ = req.GetBody()
		}
		req = next
	}
}

// once is one exchange.
func (c *Client) once(ctx context.Context, req *http.Request) (*answer, error) {
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }}
	if req.GetBody != nil {
		req.Body, _ = req.GetBody()
	}
	res, err := c.http.Do(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		var n net.Error
		late := errors.As(err, &n) && n.Timeout() || ctx.Err() != nil
		if c.has("hangs-on-dropped-connection") && sent.Load() && !late {
			<-ctx.Done()
		}
		if late {
			return nil, &failure{text: "no whole answer in time", sent: sent.Load()}
		}
		return nil, &failure{text: "the connection failed", sent: sent.Load()}
	}
	defer func() { _ = res.Body.Close() }()
	a := &answer{status: res.StatusCode, header: res.Header}
	a.body, err = io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err == nil && len(a.body) > maxBody {
		if !c.has("reads-unbounded-body") {
			return nil, &failure{text: fmt.Sprintf("the answer has more than %d bytes", maxBody), status: a.status, sent: true}
		}
		_, err = io.Copy(io.Discard, res.Body) // keeping it would do the same, and harm the machine
		a.cut = true
	}
	if err != nil {
		if c.has("truncated-as-success") && ctx.Err() == nil {
			a.cut = true
			return a, nil
		}
		return nil, &failure{text: "the answer broke off", sent: true}
	}
	if c.d.cookies {
		c.jar.keep(req.URL, res.Header)
	}
	return a, nil
}

// read reads an answer. The error is a *failure.
func (c *Client) read(a *answer, o op, s session, account driver.Account) (*node, error) {
	login := o.path == c.d.login.path && o.method == c.d.login.method
	empty := &node{}
	switch {
	case a.cut && !login:
		return empty, nil
	case a.status >= 300 && a.status < 400:
		if c.has("redirect-as-success") && !login {
			return empty, nil
		}
		return nil, &failure{text: fmt.Sprintf("the server redirects (HTTP %d); it was not followed", a.status), status: a.status, answered: true}
	case a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests:
		text := fmt.Sprintf("the server takes no calls now (HTTP %d)", a.status)
		if wait := a.header.Get("Retry-After"); wait != "" {
			text += "; Retry-After: " + brief(wait)
		}
		return nil, &failure{text: text, status: a.status, answered: true}
	}
	root, err := c.parse(a)
	if err != nil {
		if c.has("treats-html-as-success") && a.status < 400 && !login && bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("<")) {
			return empty, nil
		}
		// Where it says that it is of the API, the server has done the work.
		media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
		return nil, &failure{text: fmt.Sprintf("the answer (HTTP %d) cannot be read: %v", a.status, err), status: a.status, sent: a.status < 300 && media == c.d.accept, answered: a.status >= 400}
	}
	if c.has("crashes-on-null") && root.any(func(n *node) bool { return n.kind == null }) {
		return nil, &failure{text: "panic: runtime error: invalid memory address or nil pointer dereference"}
	}
	if login && c.has("fails-on-unknown-members") {
		known := strings.Fields(c.d.members + " error message code description status")
		if root.any(func(n *node) bool { return n.name != "" && !slices.Contains(known, n.name) }) {
			return nil, &failure{text: "the answer has a member that is not known"}
		}
	}
	is, code, text, status := c.d.refusal(root, a.status)
	if is && c.has("ignores-error-envelope") {
		is, status = a.status >= 400, a.status
	}
	if !is || c.has("treats-refusal-as-success") && !login {
		return root, nil
	}
	if text == "" {
		text = "the server refused the call"
	}
	secrets := []string{s.access, s.refresh}
	for _, f := range c.d.login.fields(nil, account) {
		if f.name == "password" {
			secrets = append(secrets, f.value)
		}
	}
	return nil, &failure{code: brief(code, secrets...), text: brief(text, secrets...), status: status, answered: true}
}

func (c *Client) parse(a *answer) (*node, error) {
	contentType := a.header.Get("Content-Type")
	if c.has("compares-media-type") && contentType != c.d.accept {
		return nil, errors.New("its type is not " + c.d.accept)
	}
	text, err := c.decode(a.body, contentType)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(text)) == 0 && a.status < 300 {
		return &node{}, nil
	}
	media, _, _ := mime.ParseMediaType(contentType)
	if (strings.HasSuffix(media, "/xml") || strings.HasSuffix(media, "+xml")) && c.d.name == "longjump" && !c.has("missing-accept") {
		if root, err := parseXML(text); err == nil && root.at("platform") != nil {
			return root, nil
		}
		return nil, errors.New("it is no XML of this API")
	}
	root, err := parseJSON(text)
	if err != nil || root.kind != object {
		return nil, errors.New("it is no JSON object")
	}
	return root, nil
}

func encode(media string, wrap []string, fields []field) []byte {
	var b bytes.Buffer
	switch media {
	case "application/json":
		for _, w := range wrap {
			fmt.Fprintf(&b, "{%q:", w)
		}
		for i, f := range fields {
			name, _ := json.Marshal(f.name)
			value, _ := json.Marshal(f.value)
			b.WriteByte("{,"[min(i, 1)])
			fmt.Fprintf(&b, "%s:%s", name, value)
		}
		b.WriteString(strings.Repeat("}", len(wrap)+1))
	case "application/xml":
		b.WriteString(xml.Header)
		for _, w := range wrap {
			fmt.Fprintf(&b, "<%s>", w)
		}
		for _, f := range fields {
			fmt.Fprintf(&b, "<%s>", f.name)
			_ = xml.EscapeText(&b, []byte(f.value))
			fmt.Fprintf(&b, "</%s>", f.name)
		}
		for _, w := range slices.Backward(wrap) {
			fmt.Fprintf(&b, "</%s>", w)
		}
	default:
		form := url.Values{}
		for _, f := range fields {
			form.Set(f.name, f.value)
		}
		b.WriteString(form.Encode())
	}
	return b.Bytes()
}

// brief is a server's text for an error: one line, not long, without our secrets.
func brief(text string, secrets ...string) string {
	text = strings.Join(strings.Fields(text), " ")
	for _, s := range secrets {
		if strings.TrimSpace(s) != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return strings.ToValidUTF8(text[:min(len(text), 200)], "")
}

func retryAfter(header http.Header) (time.Duration, bool) {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if s, err := strconv.ParseUint(value, 10, 24); err == nil {
		return time.Duration(s) * time.Second, true
	}
	then, err := http.ParseTime(value)
	now, err2 := http.ParseTime(header.Get("Date"))
	return max(then.Sub(now), 0), err == nil && err2 == nil
}

// jwtEnd is the claim exp of a JWT; zero: none.
func jwtEnd(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	text, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Exp json.Number `json:"exp"`
	}
	_ = json.Unmarshal(text, &claims)
	return instant(claims.Exp.String())
}

func bodyOf(req *http.Request) []byte {
	if req.GetBody == nil {
		return nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(body)
	return text
}
