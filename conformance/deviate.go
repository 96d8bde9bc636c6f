package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// A deviation makes a request that succeeds differ in one place.
type deviation struct {
	how   string
	apply func(r *request)
}

// deviations returns every way in which a request can differ in one place from
// one that succeeds; whole: in the parameters and the body, too, and not only in
// what proves who is calling.
func (e *explorer) deviations(c *candidate, whole bool) []deviation {
	var out []deviation
	add := func(how string, apply func(r *request)) { out = append(out, deviation{how, apply}) }
	for _, p := range c.filling.proofs {
		for _, b := range slices.Concat(p.Binds, p.May) {
			e.deviateBind(c, b, add)
		}
	}
	if whole {
		e.deviateParameters(c, add)
		e.deviateBody(c, add)
		e.deviateWhole(c, add)
	}
	return out
}

// Texts that are sent where something else belongs. They are the same each
// time, and say what they are to whoever finds them in a server's log.
const (
	wrongPassword = "conform-wrong-password"
	unknownText   = "conform-unknown"
	notAToken     = "conform not a token"
)

func (e *explorer) deviateBind(c *candidate, b *specs.RequestBind, add func(string, func(*request))) {
	l := b.At
	old, present := c.request.get(l)
	if !present || len(b.Alts) == 0 {
		return
	}
	where := l.Describe()
	if l.In != specs.InPath {
		add("without "+where, func(r *request) { r.drop(l) })
	}
	switch b.Alts[0].Kind {
	case specs.FindToken:
		e.deviateToken(c, b, old, add)
	case specs.FindRecord:
		if b.Alts[0].Secret {
			add("with a wrong secret in "+where, func(r *request) { r.set(l, like(old, wrongPassword)) })
		} else {
			add("with something unknown in "+where, func(r *request) { r.set(l, like(old, unknownText)) })
		}
		if l.In != specs.InPath {
			add("with nothing in "+where, func(r *request) { r.set(l, "") })
		}
	case specs.FindSession:
		add("with an unknown id in "+where, func(r *request) { r.set(l, e.unknownID()) })
	case specs.Compare:
		add("with another value in "+where, func(r *request) { r.set(l, like(old, unknownText)) })
	}
}

func (e *explorer) unknownID() any {
	if n := e.contract.Session.ID; n != nil {
		if v, err := e.empty.shadow.machine.Generate(n); err == nil {
			return v
		}
	}
	return "00000000-0000-4000-8000-000000000000"
}

// like gives a text the type of what stood there.
func like(old any, text string) any {
	switch old := old.(type) {
	case json.Number:
		return json.Number("987654321")
	case string:
		// What looks like an address stays one: otherwise a server refuses the form
		// of it, and not the account.
		if _, host, ok := strings.Cut(old, "@"); ok {
			return text + "@" + host
		}
	}
	return text
}

func (e *explorer) deviateToken(c *candidate, b *specs.RequestBind, old any, add func(string, func(*request))) {
	l := b.At
	s, ok := old.(*slot)
	if !ok {
		return
	}
	where := l.Describe()
	k := e.contract.Token(s.name)
	if l.In != specs.InPath {
		add("with nothing in "+where, func(r *request) { r.set(l, "") })
	}
	changed := func(how string, by change) {
		add(how+" in "+where, func(r *request) {
			x := *s
			x.change = by
			r.set(l, &x)
		})
	}
	changed("with a token one of whose last characters was changed", lastFlipped)
	changed("with a token whose signature is another", signatureFlipped)
	changed("with what is no token", noToken)
	add("with a token that was never issued in "+where, func(r *request) {
		if t, ok := e.neverIssued(k, s); ok {
			r.set(l, t)
		}
	})
	for _, h := range c.way.holds {
		if slices.ContainsFunc(b.Alts, func(t *specs.Target) bool { return t.Token == h.kind }) {
			continue
		}
		add(fmt.Sprintf("with a token %q in %s", h.kind, where), func(r *request) {
			x := *h.slot
			if s.value != nil && s.value.Whole() == nil {
				return // text around a token cannot be written with another kind
			}
			r.set(l, &x)
		})
	}
}

// neverIssued is a text that has the form of a token.
func (e *explorer) neverIssued(k *specs.TokenKind, s *slot) (any, bool) {
	for _, f := range k.Forms {
		if f.JWT != nil || f.Schema == nil {
			continue
		}
		v, err := e.empty.shadow.machine.Generate(f.Schema)
		if err != nil {
			continue
		}
		if s.value == nil {
			return v, true
		}
		x, ok := e.empty.shadow.machine.Value(s.value, map[string]any{s.root: &session.Token{Value: v, Kind: k}}, session.Moment{})
		return x, ok
	}
	return nil, false
}

// change is what is done to the text of a token.
type change int

const (
	unchanged change = iota
	lastFlipped
	signatureFlipped
	noToken
)

// of is the text as it is sent.
func (c change) of(t string) string {
	switch c {
	case lastFlipped:
		return flipLast(t)
	case signatureFlipped:
		return flipSignature(t)
	case noToken:
		return notAToken
	case unchanged:
	}
	return t
}

// flipLast changes one of the last characters, and keeps what kind of character
// it is. Not the very last of a long one: not every bit of that counts in base64.
func flipLast(t string) string {
	if len(t) > 16 {
		return flipAt(t, len(t)-6)
	}
	return flipAt(t, len(t)-1)
}

// flipSignature changes a character in the middle of the last part, where every
// bit of base64 counts.
func flipSignature(t string) string {
	i := strings.LastIndexByte(t, '.')
	if i < 0 {
		return flipAt(t, len(t)/2)
	}
	return flipAt(t, (i+len(t))/2)
}

func flipAt(t string, i int) string {
	if i < 0 || i >= len(t) {
		return t
	}
	c := t[i]
	switch {
	case c == '9':
		c = '0'
	case c >= '0' && c < '9':
		c++
	case c == 'f', c == 'z':
		c = 'a'
	case c == 'F', c == 'Z':
		c = 'A'
	case c >= 'a' && c < 'z', c >= 'A' && c < 'Z':
		c++
	default:
		c = 'x'
	}
	return t[:i] + string(c) + t[i+1:]
}

func (e *explorer) deviateParameters(c *candidate, add func(string, func(*request))) {
	for _, p := range c.request.op.Op.Parameters {
		l := specs.Location{In: p.In, Name: p.Name}
		old, present := c.request.get(l)
		if present && p.In != specs.InPath {
			add("without "+l.Describe(), func(r *request) { r.drop(l) })
		}
		if p.Schema == nil {
			continue
		}
		if _, isSlot := old.(*slot); isSlot {
			continue
		}
		for _, v := range others(p.Schema, old) {
			if v == "" && p.In == specs.InPath {
				continue // another path
			}
			add(fmt.Sprintf("with %s = %s", l.Describe(), show(v)), func(r *request) { r.set(l, v) })
		}
		if !p.Schema.Is("string") || len(p.Schema.Enum) > 0 || p.Schema.Pattern != "" || p.Schema.Format != "" {
			add("with something of another type in "+l.Describe(), func(r *request) { r.set(l, "conform?wrong") })
		}
	}
}

// others are further values that a schema allows: those of an enum, both
// booleans, a text of one's own.
func others(n *schema.Node, old any) []any {
	var out []any
	add := func(v any) {
		if fmt.Sprint(v) != fmt.Sprint(old) {
			out = append(out, v)
		}
	}
	switch {
	case len(n.Enum) > 0:
		for _, v := range n.Enum {
			if v != nil {
				add(v)
			}
		}
	case n.Is("boolean"):
		add(true)
		add(false)
	case n.Is("string") && n.Format == "" && n.Pattern == "":
		add("conform-other")
		add("")
	case n.Is("integer"), n.Is("number"):
		add(json.Number("0"))
		add(json.Number("1"))
		add(json.Number("987654321"))
	case n.Is("array"):
		add([]any{})
	}
	return out
}

func show(v any) string {
	b, err := json.Marshal(value.Plain(v))
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func (e *explorer) deviateBody(c *candidate, add func(string, func(*request))) {
	if c.request.media == nil || c.request.body == nil {
		return
	}
	e.deviateNode(c.request.media.Schema, c.request.body, nil, 0, add)
}

func (e *explorer) deviateNode(n *schema.Node, v any, at []string, depth int, add func(string, func(*request))) {
	if depth > 5 {
		return
	}
	if n != nil && n.Properties() == nil && len(n.Alternatives()) > 0 {
		for _, a := range n.Alternatives() {
			e.deviateNode(a, v, at, depth+1, add)
		}
	}
	o, isObject := v.(value.Object)
	if isObject {
		for _, m := range o {
			var child *schema.Node
			if n != nil {
				child = n.Property(m.Name)
			}
			e.deviateMember(child, m.Value, slices.Concat(at, []string{m.Name}), depth, add)
		}
		if n == nil {
			return
		}
		for _, p := range n.Properties() {
			if _, present := o.Get(p.Name); present || p.Schema.ReadOnly {
				continue
			}
			l := specs.Location{Tokens: slices.Concat(at, []string{p.Name})}
			for _, v := range others(p.Schema, nil) {
				add(fmt.Sprintf("with %s = %s", value.Pointer(l.Tokens...), show(v)), func(r *request) { r.set(l, v) })
			}
		}
	}
	if list, ok := v.([]any); ok && n != nil {
		for i, x := range list {
			e.deviateMember(n.Items(), x, slices.Concat(at, []string{fmt.Sprint(i)}), depth, add)
		}
	}
}

func (e *explorer) deviateMember(n *schema.Node, v any, at []string, depth int, add func(string, func(*request))) {
	l := specs.Location{Tokens: at}
	pointer := value.Pointer(at...)
	add("without "+pointer, func(r *request) { r.drop(l) })
	if _, isSlot := v.(*slot); isSlot || n == nil {
		return
	}
	for _, x := range others(n, v) {
		add(fmt.Sprintf("with %s = %s", pointer, show(x)), func(r *request) { r.set(l, x) })
	}
	add("with a value of another type at "+pointer, func(r *request) { r.set(l, wrongType(n)) })
	e.deviateNode(n, v, at, depth+1, add)
}

// wrongType is a value that does not fit.
func wrongType(n *schema.Node) any {
	if n.Is("object") || len(n.Properties()) > 0 {
		return "conform"
	}
	if n.Is("array") && !n.Is("string") {
		return json.Number("7")
	}
	return value.Object{{Name: "conform", Value: json.Number("1")}}
}

func (e *explorer) deviateWhole(c *candidate, add func(string, func(*request))) {
	op := c.request.op
	if len(op.Offers) > 0 {
		add("accepting image/png only", func(r *request) { r.accept = "image/png" })
	}
	if c.request.media == nil {
		return
	}
	add("with a body that cannot be read", func(r *request) { r.breaks().raw = []byte("{<conform&%") })
	add("without a body", func(r *request) { r.breaks().raw, r.body = nil, nil })
	add("with Content-Type text/csv", func(r *request) { r.breaks().contentType = new("text/csv") })
	add("without Content-Type", func(r *request) { r.breaks().contentType = new("") })
}
