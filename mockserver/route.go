package mockserver

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"

	"github.com/gorilla/mux"

	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// endpoint is one operation of one system at its full path.
type endpoint struct {
	system *system
	op     *specs.Operation
	wire   *wire.Operation
	base   string
}

// router finds endpoints. gorilla/mux tries its routes one after another, so a
// path without parameters is looked up in a map, and the templates are divided
// by what is literal in them before mux sees them: the cost does not grow with
// the number of operations.
type router struct {
	exact   map[string][]*endpoint
	buckets map[bucket]*templates
	bases   []base
}

type base struct {
	path   string
	system *system
	first  map[string]bool // first segments below the base path
}

// bucket is what a template and a path have in common before parameters are
// matched.
type bucket struct {
	segments int
	prefix   string // literal segments before the first parameter
	last     string // last segment if literal
}

type templates struct {
	mux  *mux.Router
	list map[string][]*endpoint // full template → endpoints
}

func newRouter(systems []*system) (*router, error) {
	r := &router{exact: map[string][]*endpoint{}, buckets: map[bucket]*templates{}}
	owner := map[string]*endpoint{}
	for _, s := range systems {
		for _, basePath := range s.contract.BasePaths {
			b := base{path: basePath, system: s, first: map[string]bool{}}
			for _, op := range s.contract.Operations {
				e := &endpoint{system: s, op: op, base: basePath}
				e.wire = wire.New(s.contract, op)
				full := basePath + op.Path
				b.first[firstSegment(op.Path)] = true
				key := op.Method + " " + normal(full)
				if old := owner[key]; old != nil {
					return nil, fmt.Errorf("%s and %s both answer %s %s; serve them one at a time, or give one another server path", old.system.name(), s.name(), op.Method, full)
				}
				owner[key] = e
				if !strings.Contains(full, "{") {
					r.exact[full] = append(r.exact[full], e)
					continue
				}
				k := bucketOf(full)
				t := r.buckets[k]
				if t == nil {
					t = &templates{mux: mux.NewRouter().SkipClean(true).UseEncodedPath(), list: map[string][]*endpoint{}}
					r.buckets[k] = t
				}
				if t.list[full] == nil {
					if err := t.mux.Path(full).Name(full).GetError(); err != nil {
						return nil, fmt.Errorf("%s: the path %s cannot be routed: %w", s.name(), full, err)
					}
				}
				t.list[full] = append(t.list[full], e)
			}
			r.bases = append(r.bases, b)
		}
	}
	sort.SliceStable(r.bases, func(i, j int) bool { return len(r.bases[i].path) > len(r.bases[j].path) })
	return r, nil
}

func firstSegment(path string) string {
	s, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return s
}

// normal is a template with its parameters unnamed, to see collisions.
func normal(path string) string {
	var b strings.Builder
	in := false
	for _, r := range path {
		switch {
		case r == '{':
			in = true
			b.WriteString("{}")
		case r == '}':
			in = false
		case !in:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func bucketOf(template string) bucket {
	segs := strings.Split(template, "/")
	k := bucket{segments: len(segs)}
	for i, s := range segs {
		if strings.Contains(s, "{") {
			k.prefix = strings.Join(segs[:i], "/")
			break
		}
	}
	if last := segs[len(segs)-1]; !strings.Contains(last, "{") {
		k.last = last
	}
	return k
}

// collapse joins repeated slashes: clients put a base URL that ends with one
// before a path that begins with one.
func collapse(path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	var b strings.Builder
	for i := range len(path) {
		if path[i] == '/' && i > 0 && path[i-1] == '/' {
			continue
		}
		b.WriteByte(path[i])
	}
	return b.String()
}

// find returns the endpoints at an escaped path, whatever their method, and
// the values of the path parameters.
func (r *router) find(escaped string) ([]*endpoint, map[string]string) {
	if plain, err := url.PathUnescape(escaped); err == nil {
		if e := r.exact[plain]; e != nil {
			return e, nil
		}
	}
	segments := 1 + strings.Count(escaped, "/")
	if segments > 64 {
		return nil, nil
	}
	last := escaped[strings.LastIndexByte(escaped, '/')+1:]
	for i := strings.LastIndexByte(escaped, '/'); i >= 0; i = strings.LastIndexByte(escaped[:i], '/') {
		prefix := escaped[:i]
		for _, l := range []string{last, ""} {
			t := r.buckets[bucket{segments, prefix, l}]
			if t == nil {
				continue
			}
			var m mux.RouteMatch
			u := &url.URL{Path: escaped, RawPath: escaped}
			if plain, err := url.PathUnescape(escaped); err == nil {
				u.Path = plain
			}
			if t.mux.Match(&http.Request{Method: http.MethodGet, URL: u}, &m) && m.Route != nil {
				params := make(map[string]string, len(m.Vars))
				for k, v := range m.Vars {
					if plain, err := url.PathUnescape(v); err == nil {
						v = plain
					}
					params[k] = v
				}
				return t.list[m.Route.GetName()], params
			}
		}
	}
	return nil, nil
}

// near returns the system that a path without endpoint belongs to: the one
// with the longest base path before it, and among those at the root the one
// that has an operation with the same first segment. nil: nobody's.
func (r *router) near(path string) (*system, string) {
	for _, b := range r.bases {
		if b.path != "" && (path == b.path || strings.HasPrefix(path, b.path+"/")) {
			return b.system, b.path
		}
	}
	for _, b := range r.bases {
		if b.path == "" && b.first[firstSegment(path)] {
			return b.system, b.path
		}
	}
	return nil, ""
}

// allow is the value of the Allow header at a path.
func allow(endpoints []*endpoint) string {
	var out []string
	for _, e := range endpoints {
		out = append(out, e.op.Method)
		if e.op.Method == http.MethodGet {
			out = append(out, http.MethodHead)
		}
	}
	out = append(out, http.MethodOptions)
	sort.Strings(out)
	return strings.Join(slices.Compact(out), ", ")
}
