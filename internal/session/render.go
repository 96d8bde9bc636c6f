package session

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// Rendered is an answer before it is encoded.
type Rendered struct {
	Status   int
	Body     any // ordered
	HasBody  bool
	Headers  []Header
	Cookies  []Cookie
	Evidence specs.Evidence
	// Problem: the contract has no answer for this reason; an RFC 9457 problem
	// document is due.
	Problem bool
	// Bound are the members of the body that are bound, Example the name of the
	// example that the others come from, or "".
	Bound   []Bound
	Example string
	// Refusal: a failure, for which the contract's envelope is the schema where
	// the operation's responses have none.
	Refusal bool
}

// Header is one header field, its name as it is spelled.
type Header struct{ Name, Value string }

// Cookie is one cookie to set or to clear.
type Cookie struct {
	Kind    *specs.Cookie
	Name    string
	Value   string
	Clear   bool
	Expires time.Time // of the token in it; zero: none
}

// Status computes the HTTP status that the decision will be answered with.
func (d *Decision) Status() (status int, problem bool) {
	if d.Failure == nil {
		if d.Answer == nil {
			return 204, false
		}
		return d.status(d.Answer.Status), false
	}
	r := d.refusal()
	if r == nil {
		return d.envelopeStatus(defaultStatus(d.Failure.Reason)), true
	}
	return d.envelopeStatus(d.status(r.status)), false
}

func (d *Decision) status(v *specs.Value) int {
	x, err := v.Eval(&d.scope)
	if err != nil {
		return 500
	}
	t, _ := value.Text(x)
	n, err := strconv.Atoi(t)
	if err != nil || n < 100 || n > 599 {
		return 500
	}
	return n
}

func (d *Decision) envelopeStatus(n int) int {
	e := d.scope.m.Contract.Envelope.Status
	if e == nil {
		return n
	}
	if v, err := e.Eval(&d.scope); err == nil {
		if s, ok := v.(int); ok && s >= 100 && s <= 599 {
			return s
		}
	}
	return n
}

// Watch makes Render say which members are bound.
func (d *Decision) Watch() { d.watch = true }

// Render fills the documented example in. node is the schema of the answer's
// body, or nil. It must run in the same Store.Update as Decide and Apply.
func (d *Decision) Render(status int, node *schema.Node) *Rendered {
	out := &Rendered{Status: status}
	var example *specs.Example
	var binds []*specs.AnswerBind
	switch {
	case d.Failure != nil:
		out.Refusal = true
		r := d.refusal()
		if r == nil {
			out.Problem = true
			return out
		}
		example, out.Evidence = r.example, r.entry.Evidence
		binds = r.binds
	case d.Answer != nil:
		example, binds, out.Evidence = d.Answer.Example, d.Answer.Binds, d.Answer.Evidence
	}
	if example != nil {
		out.Example = example.Name
		out.Body, out.HasBody = value.Clone(example.Value), true
		binds = slices.Concat(example.Binds, binds)
		slices.SortStableFunc(binds, func(a, b *specs.AnswerBind) int { return len(a.At.Tokens) - len(b.At.Tokens) })
		for _, e := range example.Each {
			d.each(out, e, node)
		}
	}
	if d.Failure == nil && d.Answer != nil && example == nil && d.Answer.Sample != nil {
		v, err := schema.Generate(d.Answer.Sample, d.scope.m.Rand)
		if err != nil {
			d.note("no sample answer can be made: " + err.Error())
		}
		out.Body, out.HasBody = v, err == nil
	}
	for _, b := range binds {
		d.bind(out, b, node)
	}
	return out
}

func (d *Decision) bind(out *Rendered, b *specs.AnswerBind, node *schema.Node) {
	switch b.At.In {
	case specs.InCookie:
		d.cookie(out, b)
		return
	case specs.InHeader:
		if v := d.eval(b.Value); v != nil && v != specs.Absent {
			if t, ok := value.Text(v); ok {
				out.Headers = append(out.Headers, Header{b.At.Name, t})
			}
		}
		return
	}
	out.HasBody = true
	out.Body = d.place(out.Body, b.At.Tokens, b.Value, node)
	if d.watch {
		out.Bound = append(out.Bound, d.bound(b.At.Tokens, b.Value))
	}
}

func (d *Decision) cookie(out *Rendered, b *specs.AnswerBind) {
	c := Cookie{Name: b.At.Name, Kind: d.scope.m.Contract.Cookies[b.At.Name]}
	if b.Value.Must {
		c.Clear = true
	} else {
		t, ok := value.Text(d.eval(b.Value))
		if !ok {
			return
		}
		c.Value = t
		for _, r := range b.Value.Refs() {
			if tok, ok := r.Raw(&d.scope).(*Token); ok {
				c.Expires = tok.Expires
			}
		}
	}
	// A later binding of the same cookie wins: an answer may add to its example.
	for i := range out.Cookies {
		if out.Cookies[i].Name == c.Name {
			out.Cookies[i] = c
			return
		}
	}
	out.Cookies = append(out.Cookies, c)
}

func (d *Decision) each(out *Rendered, e *specs.ExampleEach, node *schema.Node) {
	list, ok := lookup(out.Body, e.At.Tokens)
	items, isList := list.([]any)
	if !ok || !isList || len(items) == 0 {
		return
	}
	x, err := e.In.Eval(&d.scope)
	if err != nil {
		d.note(e.In.Src + ": " + err.Error())
	}
	from, _ := x.([]any)
	n := descend(node, e.At.Tokens)
	if n != nil {
		n = n.Items()
	}
	filled := make([]any, 0, len(from))
	for i, el := range from {
		sub := *d
		sub.scope.local = map[string]any{e.As: el}
		item := value.Clone(items[0])
		for _, b := range e.Binds {
			item = sub.place(item, b.At.Tokens, b.Value, n)
			if d.watch {
				at := slices.Concat(e.At.Tokens, []string{strconv.Itoa(i)}, b.At.Tokens)
				out.Bound = append(out.Bound, sub.bound(at, b.Value))
			}
		}
		filled = append(filled, item)
	}
	out.Body = value.Put(out.Body, e.At.Tokens, filled)
}

// place puts a value at a pointer: nil becomes null where the schema admits
// it, and leaves the member out elsewhere.
func (d *Decision) place(body any, tokens []string, v *specs.Value, node *schema.Node) any {
	if v.Must {
		return value.Remove(body, tokens)
	}
	n := descend(node, tokens)
	x, err := v.Eval(&d.scope)
	if err != nil {
		d.note(v.Src + ": " + err.Error())
		x = nil
	}
	if r, ok := x.(*Record); ok {
		x = cut(r, n)
	}
	switch {
	case x == specs.Absent:
		return value.Remove(body, tokens)
	case x == nil:
		if n != nil && n.Nullable() && hasParent(body, tokens) {
			return value.Put(body, tokens, nil)
		}
		return value.Remove(body, tokens)
	}
	return value.Put(body, tokens, order(fit(x, n), n))
}

func hasParent(body any, tokens []string) bool {
	if len(tokens) == 0 {
		return true
	}
	_, ok := lookup(body, tokens[:len(tokens)-1])
	return ok
}

// fit gives a scalar the type that the schema wants, where that is plain: a
// number that a record holds as text, and the like.
func fit(x any, n *schema.Node) any {
	if n == nil || len(n.Types) == 0 {
		return x
	}
	t, ok := value.Text(x)
	if !ok {
		return x
	}
	_, isString := x.(string)
	switch {
	case !isString && n.Is("string") && !n.Is("integer") && !n.Is("number") && !n.Is("boolean"):
		return t
	case isString && !n.Is("string") && (n.Is("integer") || n.Is("number")):
		if json.Valid([]byte(t)) {
			return json.Number(t)
		}
	}
	return x
}

// cut leaves of a record what the schema of its place declares. Secrets never
// leave by this way.
func cut(r *Record, n *schema.Node) any {
	o := value.Object{}
	if n == nil {
		for _, name := range r.Kind.Order {
			if v, ok := r.Fields[name]; ok && !r.Kind.Fields[name].Secret {
				o = append(o, value.Member{Name: name, Value: v})
			}
		}
		return o
	}
	for _, p := range n.Properties() {
		f, ok := r.Kind.Fields[p.Name]
		if !ok || f.Secret {
			continue
		}
		v := r.Fields[p.Name]
		if v == nil && !p.Schema.Nullable() {
			continue
		}
		o = append(o, value.Member{Name: p.Name, Value: fit(v, p.Schema)})
	}
	return o
}

// order gives maps the order of the schema's properties.
func order(x any, n *schema.Node) any {
	switch x := x.(type) {
	case map[string]any:
		o := make(value.Object, 0, len(x))
		done := map[string]bool{}
		if n != nil {
			for _, p := range n.Properties() {
				if v, ok := x[p.Name]; ok {
					o = append(o, value.Member{Name: p.Name, Value: order(v, p.Schema)})
					done[p.Name] = true
				}
			}
		}
		var rest []string
		for k := range x {
			if !done[k] {
				rest = append(rest, k)
			}
		}
		slices.Sort(rest)
		for _, k := range rest {
			o = append(o, value.Member{Name: k, Value: order(x[k], nil)})
		}
		return o
	case value.Object:
		for i := range x {
			var p *schema.Node
			if n != nil {
				p = n.Property(x[i].Name)
			}
			x[i].Value = order(x[i].Value, p)
		}
		return x
	case []any:
		var items *schema.Node
		if n != nil {
			items = n.Items()
		}
		out := make([]any, len(x))
		for i, e := range x {
			if r, ok := e.(*Record); ok {
				e = cut(r, items)
			}
			out[i] = order(e, items)
		}
		return out
	case *Record:
		return order(cut(x, n), n)
	case *Session, *Token:
		return nil
	}
	return x
}

func descend(n *schema.Node, tokens []string) *schema.Node {
	for _, t := range tokens {
		if n == nil {
			return nil
		}
		if p := n.Property(t); p != nil {
			n = p
			continue
		}
		if it := n.Items(); it != nil {
			n = it
			continue
		}
		var found *schema.Node
		for _, a := range n.Alternatives() {
			if p := a.Property(t); p != nil {
				found = p
				break
			}
		}
		n = found
	}
	return n
}
