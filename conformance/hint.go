package conformance

import (
	"slices"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// maxHints bounds the values that are tried for one member of a request.
const maxHints = 8

// hinted tries the requests of an operation again that a condition of its own
// refuses, with other values of the members that it names: those of the fields
// that it names, too, as the accounts have them. A condition is not inverted: it
// only says what to try.
func (e *explorer) hinted(f *found, op *specs.Operation) {
	for _, w := range e.ways {
		for _, c := range e.plain(w, op, maxFurther) {
			if c.p.Failure == nil {
				continue
			}
			for _, n := range op.Needs {
				if n.Else != c.p.Failure.Reason {
					continue
				}
				if x := e.hint(c, n); x != nil {
					f.add(x)
					return
				}
			}
		}
	}
}

// hint returns the first request that succeeds where one member that a condition
// names has another value, or nil.
func (e *explorer) hint(c *candidate, n *specs.Need) *candidate {
	names, err := n.That.Names()
	if err != nil {
		return nil
	}
	var fields []string
	for root, paths := range names {
		for _, p := range paths {
			if root != "request" && len(p) > 0 && !slices.Contains(fields, p[len(p)-1]) {
				fields = append(fields, p[len(p)-1])
			}
		}
	}
	slices.Sort(fields)
	values := e.fieldValues(fields)
	for _, p := range names["request"] {
		at, ok := memberOf(p)
		if !ok {
			continue
		}
		for _, v := range values {
			if x := e.changed(c, func(r *request) { r.set(at, v) }); x != nil && x.p.Failure == nil {
				return x
			}
		}
	}
	return nil
}

// memberOf is the place of a request that a condition names: request.body.name.
func memberOf(path []string) (specs.Location, bool) {
	if len(path) < 2 {
		return specs.Location{}, false
	}
	switch path[0] {
	case "body":
		return specs.Location{In: specs.InBody, Tokens: path[1:]}, true
	case "path":
		return specs.Location{In: specs.InPath, Name: path[1]}, true
	case "query":
		return specs.Location{In: specs.InQuery, Name: path[1]}, true
	default:
		return specs.Location{}, false
	}
}

// fieldValues are the texts and numbers that records have in fields of these
// names.
func (e *explorer) fieldValues(fields []string) []any {
	var out []any
	for _, k := range e.contract.Records {
		for _, r := range e.seed.seed.Records(k.Name) {
			for _, name := range fields {
				v, ok := r.Fields[name]
				if _, scalar := value.Text(v); !ok || !scalar || len(out) >= maxHints || slices.Contains(out, v) {
					continue
				}
				out = append(out, v)
			}
		}
	}
	return out
}
