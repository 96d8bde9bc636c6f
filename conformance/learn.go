package conformance

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// answer is a real answer that was read.
type answer struct {
	*Reply
	*content
	cookies map[string]*http.Cookie
	// raw are the Set-Cookie fields by name: net/http drops what it dislikes.
	raw map[string]string
}

// canonical spells the names of headers as net/http does: a transport within the
// process keeps them as they were written.
func canonical(h http.Header) http.Header {
	same := true
	for name := range h {
		same = same && http.CanonicalHeaderKey(name) == name
	}
	if same {
		return h
	}
	out := make(http.Header, len(h))
	for name, list := range h {
		name = http.CanonicalHeaderKey(name)
		out[name] = append(out[name], list...)
	}
	return out
}

func (b *bodies) readAnswer(r *Reply, o *wire.Operation, d *session.Decision, status int, typ string) *answer {
	r.Header = canonical(r.Header)
	a := &answer{Reply: r, content: &content{}}
	for _, line := range r.Header["Set-Cookie"] {
		a.readCookie(line)
	}
	if len(r.Body) > 0 {
		_, node, _ := o.Media(d, status, typ)
		a.content = b.ofAnswer(r.Header.Get("Content-Type"), typ, node, r.Body)
	}
	return a
}

func (a *answer) readCookie(line string) {
	c, err := http.ParseSetCookie(line)
	if err != nil {
		return
	}
	if a.cookies == nil {
		a.cookies, a.raw = map[string]*http.Cookie{}, map[string]string{}
	}
	a.cookies[c.Name], a.raw[c.Name] = c, line
}

// refuses reports whether an answer is a refusal: what the contract's envelope
// says of it, or a status of 400 and above.
func (a *answer) refuses(c *specs.Contract, d *session.Decision) bool {
	if c.Envelope.Refused == nil {
		return a.Status >= 400
	}
	return a.Status >= 400 || d.Holds(c.Envelope.Refused, map[string]any{"response": map[string]any{"status": a.Status, "body": a.body}})
}

// at returns what an answer has at a location.
func (a *answer) at(l specs.Location) (any, bool) {
	switch l.In {
	case specs.InCookie:
		c, ok := a.cookies[l.Name]
		if !ok {
			return nil, false
		}
		return c.Value, true
	case specs.InHeader:
		v := a.Header.Values(l.Name)
		if len(v) == 0 {
			return nil, false
		}
		return v[0], true
	case specs.InBody:
		if len(l.Tokens) == 0 {
			return a.body, a.body != nil
		}
		return value.Lookup(a.body, l.Tokens)
	default:
		return nil, false
	}
}

// learn reads from an answer what the decision would have made: tokens, ids,
// keys of records.
func learn(c *specs.Contract, d *session.Decision, a *answer) *session.Learnt {
	l := &session.Learnt{At: a.at, Tokens: map[string][]any{}, IDs: map[string]string{}, Sessions: map[string]string{}, Records: map[string]map[string]any{}}
	if d.Answer == nil {
		return l
	}
	all := d.Answer.Binds
	if d.Answer.Example != nil {
		all = slices.Concat(d.Answer.Example.Binds, all)
	}
	for _, b := range all {
		refs := b.Value.Refs()
		v, ok := a.at(b.At)
		if len(refs) != 1 || !ok || v == nil {
			continue
		}
		x, ok := b.Value.Undo(v)
		if !ok || x == nil {
			continue
		}
		learnOne(l, c, d, refs[0], x)
	}
	for _, i := range d.Issue {
		learnID(l, i.Kind)
	}
	return l
}

// openedAs is what a session is called that a decision opens, by what a contract
// calls it.
func openedAs(d *session.Decision, called string) (as string, ok bool) {
	for _, o := range slices.Backward(d.Opens) {
		if called == "session" || o.As != "" && o.As == called {
			return o.As, true
		}
	}
	return "", false
}

func learnOne(l *session.Learnt, c *specs.Contract, d *session.Decision, r *specs.Ref, x any) {
	path := ""
	if len(r.Path) > 0 {
		path = r.Path[0]
	}
	t, isText := value.Text(x)
	token := c.Token(r.Root) != nil
	created := func(e *specs.Create) bool { return e.As == r.Root }
	switch {
	case token && (path == "" || path == "value"):
		if len(l.Tokens[r.Root]) == 0 && isText && t != "" {
			l.Tokens[r.Root] = []any{x}
		}
	case token && path == "id" && len(r.Path) == 1:
		if isText {
			l.IDs[r.Root] = t
		}
	case len(r.Path) <= 1 && slices.ContainsFunc(d.Op.Creates, created):
		fields := l.Records[r.Root]
		if fields == nil {
			fields = map[string]any{}
			l.Records[r.Root] = fields
		}
		if o, ok := x.(map[string]any); ok && path == "" {
			maps.Copy(fields, o)
		} else if path != "" {
			fields[path] = value.Plain(x)
		}
	case path == "id" && len(r.Path) == 1 && isText:
		if as, ok := openedAs(d, r.Root); ok {
			l.Sessions[as] = t
		}
	}
}

// learnID reads the id of a token from its claims, where they have it.
func learnID(l *session.Learnt, k *specs.TokenKind) {
	if len(l.Tokens[k.Name]) == 0 || l.IDs[k.Name] != "" {
		return
	}
	text, _ := value.Text(l.Tokens[k.Name][0])
	_, claims, ok := jwtParts(strings.Split(text, "."))
	if !ok {
		return
	}
	for _, f := range k.Forms {
		if f.JWT == nil {
			continue
		}
		for _, c := range f.JWT.Claims {
			r := c.Value.Whole()
			if r == nil || len(r.Path) != 1 || r.Path[0] != "id" || r.Root != "token" && r.Root != k.Name {
				continue
			}
			if x, ok := c.Value.Undo(claims[c.Name]); ok {
				if t, ok := value.Text(x); ok {
					l.IDs[k.Name] = t
				}
			}
		}
	}
}
