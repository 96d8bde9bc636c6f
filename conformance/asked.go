package conformance

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
)

// asked is what requests mean that were tried in one state, by their operation. Two
// that say the same mean the same.
type asked map[*wire.Operation]map[*wire.Incoming]*predicted

// says is everything that a request says, but for its operation and its media type,
// so that no two different ones are alike.
func (r *request) says() string {
	w := &words{}
	w.target(r)
	w.fields(r)
	w.text(r.contentTyped())
	w.body(r)
	return string(w.b)
}

// words write down what a request says.
type words struct {
	b []byte
	// fill says what stands in a slot; nil: what it is filled with is written.
	fill filler
	err  error // of fill, the first
}

// target writes method, path and query.
func (w *words) target(r *request) {
	b := r.broken()
	w.text(b.method)
	w.text(b.template)
	for _, n := range r.path {
		w.named(n.name, n.value)
	}
	w.list(r.query)
}

// fields writes the header fields, but for what the body decides.
func (w *words) fields(r *request) {
	w.list(r.header)
	w.list(r.cookie)
	w.value(r.bearer)
	var b basic
	if r.basic != nil {
		b = *r.basic
	}
	w.value(b.user)
	w.value(b.pass)
	w.text(r.accept)
}

func (w *words) list(list []named) {
	w.b = append(w.b, '/')
	for _, n := range list {
		w.named(n.name, n.value)
	}
	w.b = append(w.b, '/')
}

func (w *words) body(r *request) {
	w.value(r.body)
	if raw := r.broken().raw; raw != nil {
		w.b = append(w.b, 'r')
		w.text(string(raw))
	}
}

func (w *words) named(name string, v any) {
	w.text(name)
	w.value(v)
}

func (w *words) value(x any) {
	switch x := x.(type) {
	case nil:
		w.b = append(w.b, '0')
	case string:
		w.b = append(w.b, 's')
		w.text(x)
	case json.Number:
		w.b = append(w.b, 'n')
		w.text(string(x))
	case *slot:
		w.slot(x)
	case value.Object:
		w.b = append(w.b, '{')
		for i := range x {
			w.named(x[i].Name, x[i].Value)
		}
		w.b = append(w.b, '}')
	case []any:
		w.b = append(w.b, '[')
		for _, v := range x {
			w.value(v)
		}
		w.b = append(w.b, ']')
	default:
		w.b = append(w.b, 'x')
		w.text(fmt.Sprintf("%T %v", x, x))
	}
}

func (w *words) slot(x *slot) {
	if w.fill != nil {
		v, err := w.fill(x)
		if w.err == nil {
			w.err = err
		}
		w.value(v)
		return
	}
	w.b = append(w.b, '$')
	w.text(x.name)
	for _, n := range [...]int{int(x.kind), x.step, x.nth, int(x.change)} {
		w.b = append(strconv.AppendInt(w.b, int64(n), 10), ' ')
	}
	if x.value != nil {
		w.text(x.value.Src)
		w.text(x.root)
	}
	w.b = append(w.b, ';')
}

// text writes a text so that it is seen where it ends.
func (w *words) text(s string) {
	w.b = strconv.AppendInt(w.b, int64(len(s)), 10)
	w.b = append(w.b, ':')
	w.b = append(w.b, s...)
}
