package conformance

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// request is a request as it is planned: every place holds a value, or a slot
// that is filled when it is sent.
type request struct {
	op     *wire.Operation
	path   []named // by name
	query  []named
	header []named
	cookie []named
	bearer any    // nil: none
	basic  *basic // nil: none
	body   any    // ordered; slots are leaves
	media  *specs.Media
	accept string // "": none is sent
	bad    *broken
}

// basic is what Basic carries.
type basic struct{ user, pass any }

// broken is what a request has instead that is broken on purpose. Hardly one is, and
// planning makes them by the ten thousand: so it is kept beside the request.
type broken struct {
	contentType *string
	raw         []byte
	method      string
	template    string
}

// broken is how a request is broken.
func (r *request) broken() broken {
	if r.bad == nil {
		return broken{}
	}
	return *r.bad
}

// breaks is how a request is broken, to be changed.
func (r *request) breaks() *broken {
	b := r.broken()
	r.bad = &b
	return r.bad
}

// basics is what Basic carries, to be changed.
func (r *request) basics() *basic {
	b := basic{"", ""}
	if r.basic != nil {
		b = *r.basic
	}
	r.basic = &b
	return r.basic
}

type named struct {
	name  string
	value any
}

// slotKind is what a slot is filled with.
type slotKind int

const (
	tokenSlot slotKind = iota
	sessionSlot
	recordSlot
)

// slot is a place that is filled with something that an earlier step made.
type slot struct {
	kind slotKind
	name string // kind of token, `as` of the session, role of the record
	step int    // that made it, from 1
	nth  int
	// value says how the thing is written there, and root how it calls it; nil:
	// the thing's own text.
	value *specs.Value
	root  string
	// change is what is done to the text: it makes a token forged or malformed.
	change change
}

// clone is a request of its own. What hangs on it is shared until it is set or
// dropped: neither changes a map, a list or a body in place.
func (r *request) clone() *request {
	c := *r
	return &c
}

func setNamed(list []named, name string, v any) []named {
	list = slices.Clone(list)
	for i := range list {
		if strings.EqualFold(list[i].name, name) {
			list[i].value = v
			return list
		}
	}
	return append(list, named{name, v})
}

// setPath is setNamed for parameters in the path.
func setPath(list []named, name string, v any) []named {
	at, ok := pathAt(list, name)
	if !ok {
		return slices.Insert(slices.Clip(list), at, named{name, v})
	}
	list = slices.Clone(list)
	list[at].value = v
	return list
}

// pathAt is where a parameter of the path is, or belongs.
func pathAt(list []named, name string) (int, bool) {
	return slices.BinarySearchFunc(list, name, func(n named, name string) int { return strings.Compare(n.name, name) })
}

func dropNamed(list []named, name string) []named {
	is := func(n named) bool { return strings.EqualFold(n.name, name) }
	if !slices.ContainsFunc(list, is) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), is)
}

// put is value.Put that changes nothing in place.
func put(body any, tokens []string, v any) any {
	if len(tokens) == 0 {
		return v
	}
	if list, ok := body.([]any); ok {
		i, err := strconv.Atoi(tokens[0])
		if err != nil || i < 0 || i >= len(list) {
			return body
		}
		list = slices.Clone(list)
		list[i] = put(list[i], tokens[1:], v)
		return list
	}
	o, _ := body.(value.Object)
	o = slices.Clone(o)
	for i := range o {
		if o[i].Name == tokens[0] { //nolint:gosec // as above
			o[i].Value = put(o[i].Value, tokens[1:], v) //nolint:gosec // tokens are not empty: checked above
			return o
		}
	}
	return append(o, value.Member{Name: tokens[0], Value: put(nil, tokens[1:], v)}) //nolint:gosec // as above
}

// remove is value.Remove that changes nothing in place.
func remove(body any, tokens []string) any {
	if len(tokens) == 0 {
		return nil
	}
	switch b := body.(type) {
	case []any:
		if i, err := strconv.Atoi(tokens[0]); err == nil && i >= 0 && i < len(b) {
			b = slices.Clone(b)
			b[i] = remove(b[i], tokens[1:])
			return b
		}
	case value.Object:
		for i := range b {
			switch {
			case b[i].Name != tokens[0]:
			case len(tokens) == 1:
				return append(append(make(value.Object, 0, len(b)), b[:i]...), b[i+1:]...)
			default:
				b = slices.Clone(b)
				b[i].Value = remove(b[i].Value, tokens[1:])
				return b
			}
		}
	}
	return body
}

// set puts a value or a slot at a location.
func (r *request) set(l specs.Location, v any) {
	switch l.In {
	case specs.InBody:
		r.body = put(r.body, l.Tokens, v)
	case specs.InPath:
		r.path = setPath(r.path, l.Name, v)
	case specs.InQuery:
		r.query = setNamed(r.query, l.Name, v)
	case specs.InHeader:
		r.header = setNamed(r.header, l.Name, v)
	case specs.InCookie:
		r.cookie = setNamed(r.cookie, l.Name, v)
	case specs.InBearer:
		r.bearer = v
	case specs.InBasicUser:
		r.basics().user = v
	case specs.InBasicPassword:
		r.basics().pass = v
	}
}

// drop takes away what is at a location.
func (r *request) drop(l specs.Location) {
	switch l.In {
	case specs.InBody:
		r.body = remove(r.body, l.Tokens)
	case specs.InQuery:
		r.query = dropNamed(r.query, l.Name)
	case specs.InHeader:
		r.header = dropNamed(r.header, l.Name)
	case specs.InCookie:
		r.cookie = dropNamed(r.cookie, l.Name)
	case specs.InBearer:
		r.bearer = nil
	case specs.InBasicUser, specs.InBasicPassword:
		r.basic = nil
	case specs.InPath:
	}
}

// get returns what is at a location.
func (r *request) get(l specs.Location) (any, bool) {
	find := func(list []named) (any, bool) {
		for _, n := range list {
			if strings.EqualFold(n.name, l.Name) {
				return n.value, true
			}
		}
		return nil, false
	}
	switch l.In {
	case specs.InBody:
		if len(l.Tokens) == 0 {
			return r.body, r.body != nil
		}
		return value.Lookup(r.body, l.Tokens)
	case specs.InPath:
		if i, ok := pathAt(r.path, l.Name); ok {
			return r.path[i].value, true
		}
	case specs.InQuery:
		return find(r.query)
	case specs.InHeader:
		return find(r.header)
	case specs.InCookie:
		return find(r.cookie)
	case specs.InBearer:
		return r.bearer, r.bearer != nil
	case specs.InBasicUser:
		if r.basic != nil {
			return r.basic.user, true
		}
	case specs.InBasicPassword:
		if r.basic != nil {
			return r.basic.pass, true
		}
	}
	return nil, false
}

// filler turns slots into values; a slot that cannot be filled is an error.
type filler func(s *slot) (any, error)

func fill(x any, f filler) (any, error) {
	switch x := x.(type) {
	case *slot:
		return f(x)
	case value.Object:
		out := make(value.Object, len(x))
		for i := range x {
			v, err := fill(x[i].Value, f)
			if err != nil {
				return nil, err
			}
			out[i] = value.Member{Name: x[i].Name, Value: v}
		}
		return out, nil
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			v, err := fill(e, f)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	}
	return x, nil
}

func fillText(x any, f filler) (string, error) {
	v, err := fill(x, f)
	if err != nil {
		return "", err
	}
	if list, ok := v.([]any); ok {
		texts := make([]string, len(list))
		for i, e := range list {
			texts[i], _ = value.Text(e)
		}
		return strings.Join(texts, ","), nil
	}
	t, ok := value.Text(v)
	if !ok {
		return "", fmt.Errorf("%T cannot be written there", v)
	}
	return t, nil
}

// outgoing is a request that is ready: for the wire, and for the prediction.
type outgoing struct {
	http *http.Request
	raw  []byte
	in   *wire.Incoming
}

// address is where requests go: scheme and host, what stands before the base
// path, and the base path.
type address struct {
	root string // scheme://host and prefix, no slash at the end
	base string // base path of the contract
}

// target is the path and the query of a request, and the parameters in the path.
func (r *request) target(f filler) (target string, params map[string]string, err error) {
	params = map[string]string{}
	target = r.op.Op.Path
	if b := r.broken(); b.template != "" {
		target = b.template
	}
	for _, n := range r.path {
		t, err := fillText(n.value, f)
		if err != nil {
			return "", nil, err
		}
		params[n.name] = t
		target = strings.ReplaceAll(target, "{"+n.name+"}", url.PathEscape(t))
	}
	for i, n := range r.query {
		t, err := fillText(n.value, f)
		if err != nil {
			return "", nil, err
		}
		before := "&"
		if i == 0 {
			before = "?"
		}
		target += before + url.QueryEscape(n.name) + "=" + url.QueryEscape(t)
	}
	return target, params, nil
}

// build makes the request ready.
func (r *request) build(ctx context.Context, to address, f filler, known *bodies) (*outgoing, error) {
	target, params, err := r.target(f)
	if err != nil {
		return nil, err
	}
	h, err := r.headers(f)
	if err != nil {
		return nil, err
	}
	raw, typ, err := r.encode(f)
	if err != nil {
		return nil, err
	}
	if typ != "" {
		h["Content-Type"] = []string{typ}
	}
	target = to.root + to.base + target
	method := r.op.Op.Method
	if b := r.broken(); b.method != "" {
		method = b.method
	}
	var body *bytes.Reader
	var req *http.Request
	if raw != nil {
		body = bytes.NewReader(raw)
		req, err = http.NewRequestWithContext(ctx, method, target, body)
	} else {
		req, err = http.NewRequestWithContext(ctx, method, target, http.NoBody)
	}
	if err != nil {
		return nil, err
	}
	req.Header = h
	head := wire.Head(req, params, to.base, "")
	head.Base = to.root + to.base
	return &outgoing{http: req, raw: raw, in: r.op.Take(head, h["Accept"], known.ofRequest(r.op, h["Content-Type"], raw), nil)}, nil
}

func (r *request) headers(f filler) (http.Header, error) {
	h := make(http.Header, 4)
	err := r.fields(f, func(name, text string) { h[textproto.CanonicalMIMEHeaderKey(name)] = []string{text} })
	return h, err
}

// fields calls set for each header field but Content-Type, with its name in any
// case; the last of a name counts.
func (r *request) fields(f filler, set func(name, text string)) error {
	set("User-Agent", userAgent)
	if r.accept != "" {
		set("Accept", r.accept)
	}
	for _, n := range r.header {
		t, err := fillText(n.value, f)
		if err != nil {
			return err
		}
		set(n.name, t)
	}
	if len(r.cookie) > 0 {
		var pairs []string
		for _, n := range r.cookie {
			t, err := fillText(n.value, f)
			if err != nil {
				return err
			}
			pairs = append(pairs, n.name+"="+t)
		}
		set("Cookie", strings.Join(pairs, "; "))
	}
	if r.bearer != nil {
		t, err := fillText(r.bearer, f)
		if err != nil {
			return err
		}
		set("Authorization", "Bearer "+t)
	}
	if r.basic != nil {
		user, err := fillText(r.basic.user, f)
		if err != nil {
			return err
		}
		pass, err := fillText(r.basic.pass, f)
		if err != nil {
			return err
		}
		set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+pass)))
	}
	return nil
}

// boundary divides the parts of a multipart form: fixed, so that a request is
// the same each time.
const boundary = "conform-5f1d0c7b9a"

const multipartForm = "multipart/form-data"

// encode writes the body; typ is the Content-Type, or "".
func (r *request) encode(f filler) (raw []byte, typ string, err error) {
	typ = r.contentTyped()
	if raw = r.broken().raw; raw != nil || !r.hasBody() {
		return raw, typ, nil
	}
	x, err := fill(r.body, f)
	if err != nil {
		return nil, "", err
	}
	if raw, err = encodeBody(r.media.Type, x, r.media); err != nil {
		return nil, "", err
	}
	return raw, typ, nil
}

func (r *request) hasBody() bool { return r.body != nil && r.media != nil }

// contentTyped is the Content-Type of a request, or "".
func (r *request) contentTyped() string {
	typ, b := "", r.broken()
	switch {
	case b.contentType != nil:
		typ = *b.contentType
	case b.raw == nil && !r.hasBody() || r.media == nil:
	case b.raw == nil && r.media.Type == multipartForm:
		typ = multipartForm + "; boundary=" + boundary
	default:
		typ = r.media.Type
	}
	if strings.Contains(typ, "*") {
		typ = "application/octet-stream"
	}
	return typ
}

func encodeBody(typ string, x any, m *specs.Media) ([]byte, error) {
	if typ != multipartForm {
		return wire.Encode(typ, x, m.Schema)
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary(boundary); err != nil {
		return nil, err
	}
	o, ok := x.(value.Object)
	if !ok {
		return nil, fmt.Errorf("a form has fields; the body has none")
	}
	for _, member := range o {
		list, isList := member.Value.([]any)
		if !isList {
			list = []any{member.Value}
		}
		for _, e := range list {
			t, ok := value.Text(e)
			if !ok {
				return nil, fmt.Errorf("the field %s is no text", member.Name)
			}
			if err := w.WriteField(member.Name, t); err != nil {
				return nil, err
			}
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// made is what a step made, for the slots of later steps.
type made struct {
	tokens   map[string][]*session.Token
	sessions []*session.Session
	records  map[string]*session.Record
}
