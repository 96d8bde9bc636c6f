package schema

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Direction says which way a value travels: `readOnly` and `writeOnly` depend
// on it.
type Direction int

const (
	Request Direction = iota
	Response
)

func (d Direction) String() string {
	if d == Request {
		return "request"
	}
	return "response"
}

// Compile returns the validator of the schema at a pointer. It compiles once a
// pointer and direction. The error, if any, is an *Error.
func (s *Set) Compile(pointer string, dir Direction) (*Validator, error) {
	if dir != Request && dir != Response {
		return nil, s.errorf(pointer, "there is no direction %d", int(dir))
	}
	return s.compilers[dir].get(pointer)
}

// compiler is the schemas of a document compiled for one direction. Each schema
// that is asked for or referred to is a resource of its own: then a schema that
// many refer to is compiled once, and the library need not search the whole
// document for each.
type compiler struct {
	set *Set
	dir Direction

	results sync.Map // pointer as asked for -> result

	mu      sync.Mutex
	library *jsonschema.Compiler
	urls    map[string]string // pointer of a schema -> URL of its resource
	places  []string          // number in a URL -> pointer
	added   map[string]bool   // pointers that the library knows
}

type result struct {
	validator *Validator
	err       error
}

// base is where resources are said to be. Numbers, not pointers, follow: the
// path of a URL is cleaned when a reference is resolved, and a pointer may
// hold dots.
const base = "schema:///"

func newCompiler(s *Set, dir Direction) *compiler {
	l := jsonschema.NewCompiler()
	l.DefaultDraft(jsonschema.Draft2020)
	l.UseLoader(noLoader{})
	l.UseRegexpEngine(s.patterns.compile)
	l.AssertFormat()
	l.RegisterVocabulary(namesVocabulary())
	l.AssertVocabs()
	for name, check := range formats {
		l.RegisterFormat(&jsonschema.Format{Name: name, Validate: check})
	}
	return &compiler{set: s, dir: dir, library: l, urls: map[string]string{}, added: map[string]bool{}}
}

// noLoader keeps the library from files and network. It is never asked, since
// every resource is given before it is referred to.
type noLoader struct{}

func (noLoader) Load(string) (any, error) {
	return nil, errors.New("schemas are only read from the document")
}

func (c *compiler) get(pointer string) (*Validator, error) {
	if r, ok := c.results.Load(pointer); ok {
		return r.(result).validator, r.(result).err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.results.Load(pointer); ok {
		return r.(result).validator, r.(result).err
	}
	v, err := c.compile(pointer)
	c.results.Store(pointer, result{v, err})
	return v, err
}

func (c *compiler) compile(pointer string) (*Validator, error) {
	p, err := c.set.at(pointer)
	if err != nil {
		return nil, err
	}
	if p, _, err = c.set.follow(p); err != nil {
		return nil, err
	}
	// All that the schema refers to is rewritten before the library gets any
	// of it: a resource that is given but lacks a neighbour would fail later,
	// with the library's words instead of ours.
	var order []string
	ready := map[string]any{}
	todo := []place{p}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, ok := ready[next.pointer]; ok || c.added[next.pointer] {
			continue
		}
		w := rewriter{set: c.set, dir: c.dir, url: c.url}
		doc, err := w.schema(next, nil)
		if err != nil {
			return nil, err
		}
		ready[next.pointer] = doc
		order = append(order, next.pointer)
		todo = append(todo, w.targets...)
	}
	for _, ptr := range order {
		if err := c.library.AddResource(c.url(ptr), ready[ptr]); err != nil {
			return nil, c.set.errorf(ptr, "%v", err)
		}
		c.added[ptr] = true
	}
	// Last first: the library searches the list of what it is about to compile
	// from the start for each schema, so short lists are faster.
	for i := len(order) - 1; i > 0; i-- {
		if _, err := c.library.Compile(c.url(order[i])); err != nil {
			return nil, c.explain(err, order[i])
		}
	}
	compiled, err := c.library.Compile(c.url(p.pointer))
	if err != nil {
		return nil, c.explain(err, p.pointer)
	}
	return &Validator{schema: compiled, quick: newQuick(compiled, map[*jsonschema.Schema]*quick{}), bits: newTypeBits()}, nil
}

func (c *compiler) url(pointer string) string {
	u, ok := c.urls[pointer]
	if !ok {
		u = base + strconv.Itoa(len(c.places))
		c.urls[pointer] = u
		c.places = append(c.places, pointer)
	}
	return u
}

// explain says an error of the library with a pointer into the document.
func (c *compiler) explain(err error, pointer string) *Error {
	var invalid *jsonschema.SchemaValidationError
	var verr *jsonschema.ValidationError
	if errors.As(err, &invalid) && errors.As(invalid.Err, &verr) {
		at := c.pointerOf(invalid.URL, pointer)
		fs := flatten(verr)
		if len(fs) > 0 {
			message := fs[0].Message
			if len(fs) > 1 {
				message += fmt.Sprintf(" (and %d more)", len(fs)-1)
			}
			return c.set.errorf(at+fs[0].Pointer, "not a valid schema: %s", message)
		}
	}
	return c.set.errorf(pointer, "the schema cannot be compiled: %v", err)
}

func (c *compiler) pointerOf(location, fallback string) string {
	number, fragment, _ := strings.Cut(strings.TrimPrefix(location, base), "#")
	i, err := strconv.Atoi(number)
	if err != nil || i >= len(c.places) {
		return fallback
	}
	if f, err := url.PathUnescape(fragment); err == nil {
		fragment = f
	}
	return c.places[i] + fragment
}
