package wire

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// Head reads everything but the body into a session.Request.
func Head(r *http.Request, params map[string]string, basePath, prefix string) *session.Request {
	q := &session.Request{Method: r.Method, PathParams: params, Base: BaseURL(r, prefix) + basePath}
	if q.Method == http.MethodHead {
		q.Method = http.MethodGet
	}
	if r.URL.RawQuery != "" {
		q.Query = Query(r.URL.RawQuery)
	}
	Fields(q, r.Header)
	return q
}

// Fields reads header fields into a session.Request, which shares them.
func Fields(q *session.Request, h http.Header) {
	q.Header = canonical(h)
	q.Cookies = Cookies(h["Cookie"])
	Authorization(q, h.Get("Authorization"))
}

// canonical is a header with its names in canonical form. They have it where the
// request came over a network.
func canonical(h http.Header) http.Header {
	for name := range h {
		if http.CanonicalHeaderKey(name) != name {
			out := make(http.Header, len(h))
			for name, list := range h {
				out[http.CanonicalHeaderKey(name)] = list
			}
			return out
		}
	}
	return h
}

// BaseURL is scheme and host as the client sees them, and the prefix of the
// world. A proxy that ends TLS says so in X-Forwarded-Proto.
func BaseURL(r *http.Request, prefix string) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	host := r.Host
	if host == "" { // HTTP/1.0
		host = "localhost"
	}
	return scheme + "://" + host + prefix
}

// Query reads a query string: what cannot be decoded is kept as it came, so
// that one broken parameter does not hide the others. Only & separates.
func Query(raw string) map[string][]string {
	out := map[string][]string{}
	for n := 0; raw != "" && n < 1000; n++ {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		if s, err := url.QueryUnescape(k); err == nil {
			k = s
		}
		if s, err := url.QueryUnescape(v); err == nil {
			v = s
		}
		if k != "" {
			out[k] = append(out[k], v)
		}
	}
	return out
}

// Cookies reads Cookie headers leniently, as servers do: pairs divided by
// semicolons, values as they are, quotes stripped. Clients exist that send
// back whole Set-Cookie strings; their attributes become cookies of no
// consequence.
func Cookies(headers []string) map[string][]string {
	if len(headers) == 0 {
		return nil
	}
	out := map[string][]string{}
	n := 0
	for _, h := range headers {
		for h != "" && n < 1000 {
			n++
			var pair string
			pair, h, _ = strings.Cut(h, ";")
			name, v, ok := strings.Cut(strings.TrimSpace(pair), "=")
			if name = strings.TrimSpace(name); !ok || name == "" {
				continue
			}
			v = strings.TrimSpace(v)
			if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
				v = v[1 : len(v)-1]
			}
			out[name] = append(out[name], v)
		}
	}
	return out
}

// Authorization reads the credentials in a header field of that name; "": there is
// none.
func Authorization(q *session.Request, h string) {
	if h == "" {
		return
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(h), " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "bearer"):
		q.Bearer = &rest
	case strings.EqualFold(scheme, "basic"):
		text := strings.TrimRight(rest, "=")
		raw, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			if raw, err = base64.RawURLEncoding.DecodeString(text); err != nil {
				return
			}
		}
		// RFC 7617 wants a colon; without one the whole is a user name.
		user, pass, _ := strings.Cut(string(raw), ":")
		if !utf8.ValidString(user) || !utf8.ValidString(pass) {
			return
		}
		q.BasicUser, q.BasicPass = &user, pass
	}
}

// Body is a request body that was read. It may be taken for several requests,
// one after another.
type Body struct {
	media *specs.Media
	value any // never changed
	has   bool
	// mediaFault is answered at once, a malformed body in its turn.
	mediaFault, fault *session.Failure

	validated bool
	found     []schema.Finding
}

// ReadBody finds the media type of a body, and decodes it.
func (o *Operation) ReadBody(contentType []string, raw []byte, lim codec.Limits) *Body {
	b := &Body{}
	b.mediaFault, b.fault = o.decodeBody(b, contentType, raw, lim)
	return b
}

// findings are the places in which the body breaks its schema, worked out once.
func (o *Operation) findings(b *Body) []schema.Finding {
	if !b.validated {
		b.validated = true
		if v, err := o.Contract.Schemas.Compile(b.media.Pointer, schema.Request); err == nil {
			b.found = v.Validate(b.value)
		}
	}
	return b.found
}

func (o *Operation) decodeBody(b *Body, contentType []string, raw []byte, lim codec.Limits) (media, fault *session.Failure) {
	op := o.Op
	if len(op.Body) == 0 {
		return nil, nil
	}
	sent := ""
	if len(contentType) > 0 {
		sent = strings.TrimSpace(contentType[0])
	}
	want := make([]string, len(op.Body))
	for i, m := range op.Body {
		want[i] = m.Type
	}
	wants := strings.Join(want, " or ")
	if sent == "" {
		if len(raw) == 0 && !op.BodyRequired {
			return nil, nil
		}
		return &session.Failure{Reason: "request.media.missing", Field: "Content-Type", Why: "The header Content-Type is missing; send " + wants + "."}, nil
	}
	typ, params, err := codec.MediaType(sent)
	if err == nil {
		b.media = MatchMedia(op.Body, typ)
	}
	if b.media == nil {
		if len(raw) == 0 && !op.BodyRequired {
			return nil, nil // clients send a Content-Type on GET as well
		}
		return &session.Failure{Reason: "request.media.unsupported", Field: "Content-Type", Value: typ, Why: fmt.Sprintf("Content-Type %s is not taken here; send %s.", typ, wants)}, nil
	}
	if len(raw) == 0 && !op.BodyRequired {
		return nil, nil
	}
	v, err := Decode(typ, params, raw, b.media.Schema, lim)
	if err == nil {
		if b.media.Schema != nil {
			v = codec.Unbare(v, b.media.Schema)
		}
		b.value, b.has = v, true
		return nil, nil
	}
	var ce *codec.Error
	if !errors.As(err, &ce) {
		return nil, &session.Failure{Reason: "request.malformed", Why: "The body cannot be decoded."}
	}
	f := &session.Failure{Reason: "request.malformed", Why: sentence(ce.Message)}
	switch ce.Kind {
	case codec.TooLarge:
		f.Reason = "request.size"
	case codec.Encoding, codec.Unsupported:
		f.Reason = "request.media.unsupported"
		return f, nil
	}
	if ce.Pointer != "" {
		f.Violations = []session.Violation{{Pointer: ce.Pointer, Message: ce.Message}}
	}
	return nil, f
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// MatchMedia returns the media type of a list that a type falls under, or nil.
func MatchMedia(list []*specs.Media, typ string) *specs.Media {
	for _, m := range list {
		if m.Type == typ {
			return m
		}
	}
	for _, m := range list {
		if major, ok := strings.CutSuffix(m.Type, "/*"); ok && (major == "*" || strings.HasPrefix(typ, major+"/")) {
			return m
		}
	}
	return nil
}

// IsJSON reports whether a media type is JSON.
func IsJSON(typ string) bool { return typ == "application/json" || strings.HasSuffix(typ, "+json") }

// IsXML reports whether a media type is XML.
func IsXML(typ string) bool {
	return typ == "application/xml" || typ == "text/xml" || strings.HasSuffix(typ, "+xml")
}

// Decode turns the bytes of a body into a value.
func Decode(typ string, params map[string]string, raw []byte, n *schema.Node, lim codec.Limits) (any, error) {
	switch {
	case IsJSON(typ):
		return codec.DecodeJSON(raw, params["charset"], lim)
	case IsXML(typ):
		return codec.DecodeXML(raw, params["charset"], n, lim)
	case typ == "application/x-www-form-urlencoded":
		return codec.DecodeForm(raw, params["charset"], n, lim)
	case typ == "multipart/form-data":
		return codec.DecodeMultipart(raw, params["boundary"], n, lim)
	}
	if !utf8.Valid(raw) {
		return base64.StdEncoding.EncodeToString(raw), nil
	}
	return string(raw), nil
}

// validate compares parameters and body with their schemas.
func (o *Operation) validate(q *session.Request, b *Body) *session.Failure {
	var found []session.Violation
	missing, field, val := false, "", ""
	report := func(where, pointer, keyword, message, name, v string) {
		if keyword == "required" && !missing {
			missing, field, val = true, name, ""
		}
		if field == "" {
			field, val = name, v
		}
		found = append(found, session.Violation{Where: where, Pointer: pointer, Message: message})
	}
	c := o.Contract
	for _, p := range o.Op.Parameters {
		text, ok := parameter(q, p)
		if !ok {
			if p.Required {
				report(partName(p.In)+" "+p.Name, "", "required", "is required", p.Name, "")
			}
			continue
		}
		if p.Pointer == "" {
			continue
		}
		v, err := c.Schemas.Compile(p.Pointer, schema.Request)
		if err != nil {
			continue // validate says so when the contract is checked
		}
		var x any = codec.DecodeText(p.Schema, text[0])
		if p.Schema != nil && p.Schema.Is("array") {
			x = arrayParameter(p, text)
		}
		for _, f := range v.Validate(x) {
			report(partName(p.In)+" "+p.Name, "", f.Keyword, f.Message, p.Name, text[0])
		}
	}
	switch {
	case b.has && b.media.Pointer != "":
		for _, f := range o.findings(b) {
			message := f.Message
			if f.Keyword == "required" {
				message += instead(b.value, f.Pointer)
			}
			report("", f.Pointer, f.Keyword, message, lastToken(f.Pointer), textAt(b.value, f.Pointer))
		}
	case !b.has && o.Op.BodyRequired && len(o.Op.Body) > 0:
		report("", "", "required", "a body is required", "body", "")
	}
	if len(found) == 0 {
		return nil
	}
	if o.Op.CarriesSecret(field) {
		val = ""
	}
	f := &session.Failure{Reason: "request.field.invalid", Field: field, Value: val, Violations: found}
	if missing {
		f.Reason = "request.field.missing"
	}
	texts := make([]string, 0, 3)
	for i, v := range found {
		if i == 3 {
			texts = append(texts, fmt.Sprintf("and %d more", len(found)-3))
			break
		}
		where := v.Where
		if where == "" {
			where = v.Pointer
		}
		if where == "" {
			where = "the body"
		}
		texts = append(texts, where+": "+v.Message)
	}
	f.Why = "The request breaks the contract: " + strings.Join(texts, "; ") + "."
	return f
}

// instead names the member of another name that is there where one is missing.
func instead(body any, pointer string) string {
	tokens, err := value.SplitPointer(pointer)
	if err != nil || len(tokens) == 0 {
		return ""
	}
	at, _ := value.Lookup(body, tokens[:len(tokens)-1])
	m, ok := at.(map[string]any)
	if !ok {
		return ""
	}
	if near := specs.Nearest(tokens[len(tokens)-1], slices.Sorted(maps.Keys(m))); near != "" && len(near) <= 60 {
		return fmt.Sprintf("; %q was sent", near)
	}
	return ""
}

func textAt(body any, pointer string) string {
	tokens, err := value.SplitPointer(pointer)
	if err != nil {
		return ""
	}
	v, ok := value.Lookup(body, tokens)
	if !ok {
		return ""
	}
	t, _ := value.Text(v)
	return t
}

func lastToken(pointer string) string {
	tokens, err := value.SplitPointer(pointer)
	if err != nil || len(tokens) == 0 {
		return "body"
	}
	return tokens[len(tokens)-1]
}

func partName(p specs.Part) string {
	switch p {
	case specs.InPath:
		return "path"
	case specs.InQuery:
		return "query"
	case specs.InHeader:
		return "header"
	}
	return "cookie"
}

func parameter(q *session.Request, p *specs.Parameter) ([]string, bool) {
	var list []string
	switch p.In {
	case specs.InPath:
		s, ok := q.PathParams[p.Name]
		return []string{s}, ok
	case specs.InQuery:
		list = q.Query[p.Name]
	case specs.InHeader:
		list = q.Header[http.CanonicalHeaderKey(p.Name)]
	case specs.InCookie:
		list = q.Cookies[p.Name]
	}
	return list, len(list) > 0
}

// arrayParameter reads a list: repeated, or divided by commas.
func arrayParameter(p *specs.Parameter, texts []string) any {
	if len(texts) == 1 {
		texts = strings.Split(texts[0], ",")
	}
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = codec.DecodeText(p.Schema.Items(), t)
	}
	return out
}

// undeclared returns the query parameters that the operation does not declare.
func (o *Operation) undeclared(q *session.Request) []string {
	var out []string
	for name := range q.Query {
		if !o.declared[name] {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}
