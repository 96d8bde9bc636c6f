// Package wire is the messages of one operation: what a request's bytes say to
// the session machine, which media type its answer has, and how an answer
// becomes bytes. The mock reads and writes with it; a checker predicts with it
// what a server must answer. It neither listens nor sends.
//
// Start reading at Operation.Read and Operation.Decide.
package wire

import (
	"net/http"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// Operation is an operation and what is worked out once for its messages.
type Operation struct {
	Contract *specs.Contract
	Op       *specs.Operation
	// Offers are the media types of its answers, in the order of the document.
	Offers   []string
	declared map[string]bool
}

// New works out what the messages of an operation need.
func New(c *specs.Contract, op *specs.Operation) *Operation {
	o := &Operation{Contract: c, Op: op, declared: map[string]bool{}}
	for _, r := range op.Responses {
		for _, m := range r.Media {
			if !slices.Contains(o.Offers, m.Type) && !strings.Contains(m.Type, "*") {
				o.Offers = append(o.Offers, m.Type)
			}
		}
	}
	for _, par := range op.Parameters {
		if par.In == specs.InQuery {
			o.declared[par.Name] = true
		}
	}
	for _, l := range op.Proves {
		if l.In == specs.InQuery {
			o.declared[l.Name] = true
		}
	}
	return o
}

// Without returns what the messages of an operation's path need when it is not
// the operation that was called: its media types, and nothing else of it.
func (o *Operation) Without() *Operation {
	return &Operation{Contract: o.Contract, Op: &specs.Operation{Failures: specs.FailureTable{}}, Offers: o.Offers}
}

// Incoming is a request that was read for an operation.
type Incoming struct {
	Request *session.Request
	// Media is a fault of the media type, answered before anything else; nil:
	// none.
	Media *session.Failure
	Notes []string
	// Accept is the request's header fields of that name.
	Accept []string
}

// Read reads the body of a request whose head was read by Head, and judges
// both. unread is why the body could not be read, or nil.
func (o *Operation) Read(q *session.Request, h http.Header, raw []byte, unread *session.Failure, lim codec.Limits) *Incoming {
	return o.Take(q, h["Accept"], o.ReadBody(h["Content-Type"], raw, lim), unread)
}

// Take is Read with a body that was read before, perhaps for another request.
func (o *Operation) Take(q *session.Request, accept []string, b *Body, unread *session.Failure) *Incoming {
	in := &Incoming{Request: q, Accept: accept}
	q.Body, q.HasBody = b.value, b.has
	in.Media = again(b.mediaFault)
	fault := again(b.fault)
	if unread != nil {
		fault = unread
	}
	if fault == nil && in.Media == nil {
		fault = o.validate(q, b)
	}
	for _, name := range o.undeclared(q) {
		if o.Op.Undeclared == "refuse" && fault == nil {
			fault = &session.Failure{Reason: "request.undeclared", Field: name, Why: "The query parameter \"" + name + "\" is not in the contract; leave it out."}
		}
		in.Notes = append(in.Notes, "the query parameter \""+name+"\" is not in the contract")
	}
	q.Fault = fault
	return in
}

// again is a failure for one more request: whoever decides it adds to it.
func again(f *session.Failure) *session.Failure {
	if f == nil {
		return nil
	}
	c := *f
	return &c
}

// Decide says what the request means, and which media type the answer has. It
// changes nothing.
func (o *Operation) Decide(m *session.Machine, in *Incoming, at session.Moment) (*session.Decision, string) {
	typ, ok := o.Negotiate(m, in.Request, in.Accept, at)
	switch {
	case !ok:
		return m.Refuse(o.Op, in.Request, at, &session.Failure{Reason: "request.accept", Field: "Accept",
			Why: "None of the media types in Accept is answered here; accept " + strings.Join(o.Offers, " or ") + "."}), typ
	case in.Media != nil:
		return m.Refuse(o.Op, in.Request, at, in.Media), typ
	}
	return m.Decide(o.Op, in.Request, at), typ
}

// Negotiate chooses the media type of the answer. It reports false if none is
// acceptable; the type is then the first that is offered.
func (o *Operation) Negotiate(m *session.Machine, q *session.Request, header []string, at session.Moment) (string, bool) {
	offers := o.Offers
	if len(offers) == 0 {
		offers = fallback(o.Contract)
	}
	if forced := m.MediaType(o.Op, q, at); forced != "" && slices.Contains(offers, forced) {
		return forced, true
	}
	typ, ok := Accept(header, offers)
	if !ok {
		return offers[0], false
	}
	return typ, true
}

// fallback is the media types that the system answers with anywhere, for paths
// that have no operation.
func fallback(c *specs.Contract) []string {
	for _, op := range c.Operations {
		for _, r := range op.Responses {
			var out []string
			for _, m := range r.Media {
				if IsJSON(m.Type) || IsXML(m.Type) {
					out = append(out, m.Type)
				}
			}
			if len(out) > 0 {
				return out
			}
		}
	}
	return []string{"application/json"}
}

// Media is the media type, the schema and its pointer of an answer: those of
// the operation's response, else the contract's envelope of refusals.
func (o *Operation) Media(d *session.Decision, status int, typ string) (string, *schema.Node, string) {
	c := o.Contract
	if r := o.Op.Response(status); r != nil && len(r.Media) > 0 {
		m := MatchMedia(r.Media, typ)
		if m == nil {
			m = r.Media[0]
			typ = m.Type
		}
		if d.Failure == nil || c.Envelope.Schema == "" || r.Code != "default" && r.Code[0] != '2' {
			return typ, m.Schema, m.Pointer
		}
	}
	if d.Failure != nil && c.Envelope.Schema != "" {
		n, _ := c.Schemas.Node(c.Envelope.Schema)
		return typ, n, c.Envelope.Schema
	}
	if typ == "" || !IsJSON(typ) && !IsXML(typ) && !strings.HasPrefix(typ, "text/") {
		typ = "application/json"
	}
	return typ, nil, ""
}

// Encode writes the body of an answer.
func Encode(typ string, body any, n *schema.Node) ([]byte, error) {
	switch {
	case IsXML(typ):
		return codec.AppendXML(make([]byte, 0, room), body, n)
	case strings.HasPrefix(typ, "text/"):
		if s, ok := value.Text(body); ok {
			return []byte(s), nil
		}
	case typ == "application/x-www-form-urlencoded":
		return codec.AppendForm(nil, body)
	}
	if n != nil {
		body = codec.Bare(body, n)
	}
	return codec.AppendJSON(make([]byte, 0, room), body)
}

// room is what most answers fit in; what is larger grows. The journal keeps answers
// for long, so more would be kept for nothing.
const room = 256
