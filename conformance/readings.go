package conformance

import (
	"net/http"

	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// readings are the requests that were read before: a search asks the same few over
// and over, in one state after another. What was read is never changed.
type readings struct {
	requests map[reading]*wire.Incoming
	// What many requests have in common: their header fields, and a body.
	fields map[string]*session.Request
	bodies map[reading]*wire.Body
	words  words // of the last request, to be overwritten
}

// reading tells requests apart, or their bodies: by the operation, the media type of
// the body, and what they say.
type reading struct {
	op    *wire.Operation
	media *specs.Media
	says  string
}

func newReadings() *readings {
	return &readings{requests: map[reading]*wire.Incoming{}, fields: map[string]*session.Request{}, bodies: map[reading]*wire.Body{}}
}

// incoming is the request as the server will read it: what build gives, without
// writing the head and reading it again, for a request that is not sent. Requests
// that say the same are the same *wire.Incoming, unless known is nil.
func (r *request) incoming(to address, f filler, known *readings) (*wire.Incoming, error) {
	if known != nil {
		return known.read(r, to, f)
	}
	q := &session.Request{}
	if err := r.readFields(q, f); err != nil {
		return nil, err
	}
	if err := r.readTarget(q, to, f); err != nil {
		return nil, err
	}
	b, err := r.readBody(f)
	if err != nil {
		return nil, err
	}
	return r.op.Take(q, q.Header["Accept"], b, nil), nil
}

func (k *readings) read(r *request, to address, f filler) (*wire.Incoming, error) {
	w := &k.words
	w.b, w.fill, w.err = w.b[:0], f, nil
	w.target(r)
	fieldsAt := len(w.b)
	w.fields(r)
	typeAt := len(w.b)
	w.text(r.contentTyped())
	bodyAt := len(w.b)
	w.body(r)
	if w.err != nil {
		return nil, w.err
	}
	if in := k.requests[reading{r.op, r.media, string(w.b)}]; in != nil {
		return in, nil
	}
	says := string(w.b)
	fields := k.fields[says[fieldsAt:bodyAt]]
	if fields == nil {
		fields = &session.Request{}
		if err := r.readFields(fields, f); err != nil {
			return nil, err
		}
		k.fields[says[fieldsAt:bodyAt]] = fields
	}
	body := k.bodies[reading{r.op, r.media, says[typeAt:]}]
	if body == nil {
		var err error
		if body, err = r.readBody(f); err != nil {
			return nil, err
		}
		k.bodies[reading{r.op, r.media, says[typeAt:]}] = body
	}
	q := *fields
	if err := r.readTarget(&q, to, f); err != nil {
		return nil, err
	}
	in := r.op.Take(&q, q.Header["Accept"], body, nil)
	k.requests[reading{r.op, r.media, says}] = in
	return in, nil
}

// readBody writes the body of a request and reads it as the server will.
func (r *request) readBody(f filler) (*wire.Body, error) {
	raw, typ, err := r.encode(f)
	if err != nil {
		return nil, err
	}
	var list []string
	if typ != "" {
		list = []string{typ}
	}
	return r.op.ReadBody(list, raw, codec.DefaultLimits()), nil
}

// readFields reads the header fields of a request as the server will.
func (r *request) readFields(q *session.Request, f filler) error {
	h, err := r.headers(f)
	if err != nil {
		return err
	}
	if typ := r.contentTyped(); typ != "" {
		h["Content-Type"] = []string{typ}
	}
	wire.Fields(q, h)
	return nil
}

// readTarget reads method, path and query of a request as the server will.
func (r *request) readTarget(q *session.Request, to address, f filler) error {
	q.Method, q.Base = r.op.Op.Method, to.root+to.base
	if b := r.broken(); b.method != "" {
		q.Method = b.method
	}
	if q.Method == http.MethodHead {
		q.Method = http.MethodGet
	}
	if len(r.path) > 0 {
		q.PathParams = make(map[string]string, len(r.path))
	}
	for _, n := range r.path {
		t, err := fillText(n.value, f)
		if err != nil {
			return err
		}
		q.PathParams[n.name] = t
	}
	if len(r.query) > 0 {
		q.Query = make(map[string][]string, len(r.query))
	}
	for _, n := range r.query {
		t, err := fillText(n.value, f)
		if err != nil {
			return err
		}
		if n.name != "" {
			q.Query[n.name] = append(q.Query[n.name], t)
		}
	}
	return nil
}
