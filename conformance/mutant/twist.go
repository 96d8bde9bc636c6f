package mutant

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// changed returns a twist of one operation: change gets what would be right, and
// returns what is decided instead.
func changed(op *specs.Operation, change func(t *turn, d *session.Decision) *session.Decision) session.Twist {
	return func(m *session.Machine, o *specs.Operation, req *session.Request, at session.Moment) *session.Decision {
		d := m.Decide(o, req, at)
		if op != nil && o.ID != op.ID {
			return d
		}
		return change(&turn{m, o, req, at}, d)
	}
}

// turn is one request that is being decided.
type turn struct {
	m   *session.Machine
	op  *specs.Operation
	req *session.Request
	at  session.Moment
}

func (t *turn) again(req *session.Request) *session.Decision { return t.m.Decide(t.op, req, t.at) }

// proofs calls f for every proof of an operation.
func proofs(op *specs.Operation, f func(p *specs.Proof, security bool)) {
	var walk func(p *specs.Proof, security bool)
	walk = func(p *specs.Proof, security bool) {
		f(p, security)
		for _, a := range p.Also {
			walk(a, security)
		}
	}
	for _, alt := range op.Security {
		for _, p := range alt {
			walk(p, true)
		}
	}
	for _, p := range op.Accepts {
		walk(p, false)
	}
}

func binds(p *specs.Proof) []*specs.RequestBind { return slices.Concat(p.Binds, p.May) }

func isToken(b *specs.RequestBind) bool {
	return len(b.Alts) > 0 && b.Alts[0].Kind == specs.FindToken
}

func isRecord(b *specs.RequestBind) bool {
	return len(b.Alts) > 0 && b.Alts[0].Kind == specs.FindRecord
}

// presented returns the tokens of this world that the request carries, live or
// not.
func (t *turn) presented() []*session.Token {
	var out []*session.Token
	proofs(t.op, func(p *specs.Proof, _ bool) {
		for _, b := range binds(p) {
			raw, ok := t.req.Value(b.At)
			if !ok || !isToken(b) {
				continue
			}
			for _, alt := range b.Alts {
				if alt.Kind != specs.FindToken {
					continue
				}
				if x, ok := alt.Value.Undo(raw); ok {
					if text, ok := value.Text(x); ok {
						if tok := t.at.Tx.Token(text); tok != nil && !slices.Contains(out, tok) {
							out = append(out, tok)
						}
					}
				}
			}
		}
	})
	return out
}

// guests calls try with tokens of a kind that nobody was given, until one makes a
// decision that refuses nobody: first in a session of the tokens that the
// request carries, then in any that is open, then one for each account. like is a session that the guest's
// must not be that of; nil: any will do.
func (t *turn) guests(kind *specs.TokenKind, like *session.Session, try func(*session.Token) *session.Decision) *session.Decision {
	n := 0
	in := func(x *session.Session) *session.Decision {
		n++
		tok := &session.Token{
			Kind: kind, Text: fmt.Sprintf("guest-%s-%d-%d", kind.Name, t.at.Number, n), ID: "guest", Session: x.ID,
			Facts: x.Facts, Issued: t.at.Now, Used: t.at.Now, By: t.at.Number,
		}
		tok.Value = tok.Text
		c := *x
		c.Tokens = append(slices.Clone(x.Tokens), tok.Text)
		t.at.Tx.PutSession(&c)
		t.at.Tx.PutToken(tok)
		if d := try(tok); d != nil && d.Failure == nil {
			return d
		}
		dead := *tok
		dead.State = session.Revoked
		t.at.Tx.PutToken(&dead)
		return nil
	}
	if like == nil {
		for _, tok := range t.presented() {
			if x := t.at.Tx.Session(tok.Session); x != nil && !x.Ended && t.m.Deadness(tok, t.at) == "" {
				if d := in(x); d != nil {
					return d
				}
			}
		}
		for _, x := range t.sessions() {
			if d := in(x); d != nil {
				return d
			}
		}
	}
	for _, f := range t.m.Contract.Session.Facts {
		if f.Record == "" || like != nil && like.Facts[f.Name] == nil {
			continue
		}
		for _, r := range t.at.Tx.Records(f.Record) {
			if like != nil && like.Facts[f.Name] == r.Key {
				continue
			}
			facts := map[string]any{}
			if like != nil {
				facts = maps.Clone(like.Facts)
			}
			facts[f.Name] = r.Key
			x := &session.Session{ID: fmt.Sprintf("guest-%d-%d", t.at.Number, n), Facts: facts, Opened: t.at.Now, Used: t.at.Now, By: t.at.Number}
			if d := in(x); d != nil {
				return d
			}
			t.end(x)
		}
	}
	return nil
}

// sessions returns every live session of the world, the youngest first.
func (t *turn) sessions() []*session.Session {
	var out []*session.Session
	t.at.Tx.EachSession(func(x *session.Session) {
		if !x.Ended {
			out = append(out, x)
		}
	})
	slices.SortFunc(out, func(a, b *session.Session) int {
		return cmp.Or(cmp.Compare(b.By, a.By), strings.Compare(a.ID, b.ID))
	})
	return out
}

// end ends a session at once, whatever comes of the request.
func (t *turn) end(x *session.Session) {
	if x == nil || x.Ended {
		return
	}
	c := *x
	c.Ended, c.EndBy = true, t.at.Number
	t.at.Tx.PutSession(&c)
}

// sent returns the request with a value at a location, as a client would have
// sent it.
func sent(r *session.Request, at specs.Location, v any) *session.Request {
	out := *r
	text, _ := value.Text(v)
	set := func(m map[string][]string, name string) map[string][]string {
		m = maps.Clone(m)
		if m == nil {
			m = map[string][]string{}
		}
		m[name] = []string{text}
		return m
	}
	switch at.In {
	case specs.InBody:
		out.Body, out.HasBody = putPlain(r.Body, at.Tokens, v), true
	case specs.InPath:
		out.PathParams = maps.Clone(r.PathParams)
		if out.PathParams == nil {
			out.PathParams = map[string]string{}
		}
		out.PathParams[at.Name] = text
	case specs.InQuery:
		out.Query = set(r.Query, at.Name)
	case specs.InHeader:
		out.Header = set(r.Header, http.CanonicalHeaderKey(at.Name))
	case specs.InCookie:
		out.Cookies = set(r.Cookies, at.Name)
	case specs.InBearer:
		out.Bearer = &text
	case specs.InBasicUser:
		out.BasicUser = &text
	case specs.InBasicPassword:
		out.BasicPass = text
		if r.BasicUser == nil {
			empty := ""
			out.BasicUser = &empty
		}
	}
	return &out
}

// putPlain is value.Put for what was decoded, which it does not change.
func putPlain(body any, tokens []string, v any) any {
	if len(tokens) == 0 {
		return v
	}
	if list, ok := body.([]any); ok {
		if i, err := strconv.Atoi(tokens[0]); err == nil && i >= 0 && i < len(list) {
			return replaced(list, i, putPlain(list[i], tokens[1:], v))
		}
		return list
	}
	o, _ := body.(map[string]any)
	o = maps.Clone(o)
	if o == nil {
		o = map[string]any{}
	}
	o[tokens[0]] = putPlain(o[tokens[0]], tokens[1:], v)
	return o
}

// written is what a client puts at the end of a binding whose other end is a
// named thing.
func (t *turn) written(v *specs.Value, name string, x any) (any, bool) {
	return t.m.Value(v, map[string]any{name: x}, t.at)
}

// rootOf is the name that a binding gives to what it finds.
func rootOf(v *specs.Value) string {
	for _, r := range v.Refs() {
		return r.Root
	}
	return ""
}
