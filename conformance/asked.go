package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// asked is what requests mean that were tried in one state: of an operation with
// a body of one media type, by what else they say. Two that are alike mean the
// same.
type asked map[form]map[string]*predicted

type form struct {
	op    *wire.Operation
	media *specs.Media
}

// says appends everything that a request says, but for its operation and its
// media type, so that no two different ones are alike.
func (r *request) says(b []byte) []byte {
	if len(r.path) == 1 {
		for name, v := range r.path {
			b = says(text(b, name), v)
		}
	} else {
		for _, name := range slices.Sorted(maps.Keys(r.path)) {
			b = says(text(b, name), r.path[name])
		}
	}
	for _, list := range [][]named{r.query, r.header, r.cookie} {
		b = append(b, '/')
		for _, n := range list {
			b = says(text(b, n.name), n.value)
		}
	}
	b = says(says(says(append(b, '/'), r.bearer), r.user), r.pass)
	b = text(says(b, r.body), r.accept)
	if r.contentType != nil {
		b = text(append(b, 'c'), *r.contentType)
	}
	if r.raw != nil {
		b = text(append(b, 'r'), string(r.raw))
	}
	return text(text(b, r.method), r.template)
}

// says appends a value, or what a slot is filled with.
func says(b []byte, x any) []byte {
	switch x := x.(type) {
	case nil:
		return append(b, '0')
	case string:
		return text(append(b, 's'), x)
	case json.Number:
		return text(append(b, 'n'), string(x))
	case *slot:
		b = text(append(b, '$'), x.name)
		for _, n := range []int{int(x.kind), x.step, x.nth, int(x.change)} {
			b = append(strconv.AppendInt(b, int64(n), 10), ' ')
		}
		if x.value != nil {
			b = text(text(b, x.value.Src), x.root)
		}
		return append(b, ';')
	case value.Object:
		b = append(b, '{')
		for i := range x {
			b = says(text(b, x[i].Name), x[i].Value)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for _, v := range x {
			b = says(b, v)
		}
		return append(b, ']')
	}
	return text(append(b, 'x'), fmt.Sprintf("%T %v", x, x))
}

// text appends a text so that it is seen where it ends.
func text(b []byte, s string) []byte {
	return append(append(strconv.AppendInt(b, int64(len(s)), 10), ':'), s...)
}
