package specs

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

// schemas checks that every schema compiles, and that every example and default
// fits its own.
func (k *checker) schemas() {
	w := &schemaWalk{k: k, seen: map[*yaml.Node]bool{}, done: map[*yaml.Node]bool{}}
	root := k.c.Doc.Root
	components := document.Get(root, "components")
	section := func(name string, f func(n *yaml.Node, ptr string)) {
		for _, e := range document.Entries(document.Get(components, name)) {
			f(e.Node, "/components/"+name+value.Pointer(e.Key))
		}
	}
	section("schemas", w.schema)
	section("parameters", w.parameter(schema.Request))
	section("headers", w.parameter(schema.Response))
	section("requestBodies", func(n *yaml.Node, ptr string) { w.content(n, ptr, schema.Request) })
	section("responses", w.response)
	section("callbacks", w.callback)
	section("pathItems", w.pathItem)
	for _, top := range []string{"paths", "webhooks"} {
		for _, e := range document.Entries(document.Get(root, top)) {
			if !strings.HasPrefix(e.Key, "x-") {
				w.pathItem(e.Node, "/"+top+value.Pointer(e.Key))
			}
		}
	}
	w.extension()
	k.refusalExamples()
}

// extension compiles the schemas that x-session holds.
func (w *schemaWalk) extension() {
	x := document.Get(w.k.c.Doc.Root, "x-session")
	at := func(n *yaml.Node, ptr string) {
		if n != nil && n.Kind == yaml.MappingNode {
			w.schema(n, ptr)
		}
	}
	each := func(word string, f func(n *yaml.Node, ptr string)) {
		for _, e := range document.Entries(document.Get(x, word)) {
			f(e.Node, "/x-session/"+word+value.Pointer(e.Key))
		}
	}
	each("records", func(n *yaml.Node, ptr string) { at(document.Get(n, "schema"), ptr+"/schema") })
	each("tokens", func(n *yaml.Node, ptr string) {
		at(document.Get(n, "schema"), ptr+"/schema")
		at(document.Get(n, "id"), ptr+"/id")
		for i, f := range list(document.Get(n, "forms")) {
			at(document.Get(f, "schema"), ptr+"/forms/"+strconv.Itoa(i)+"/schema")
		}
	})
	s := document.Get(x, "session")
	at(document.Get(s, "id"), "/x-session/session/id")
	for _, e := range document.Entries(document.Get(s, "holds")) {
		at(e.Node, "/x-session/session/holds"+value.Pointer(e.Key))
	}
	at(document.Get(document.Get(x, "envelope"), "schema"), "/x-session/envelope/schema")
}

// schemaWalk visits the places of an OpenAPI document that hold schemas and
// examples. What a $ref leads to is visited where it stands.
type schemaWalk struct {
	k    *checker
	seen map[*yaml.Node]bool // schemas whose defaults have been checked
	done map[*yaml.Node]bool // an alias is the same schema in many places
}

func isRef(n *yaml.Node) bool {
	r := document.Get(n, "$ref")
	return r != nil && r.Kind == yaml.ScalarNode
}

func (w *schemaWalk) pathItem(n *yaml.Node, ptr string) {
	if isRef(n) {
		return
	}
	w.parameters(document.Get(n, "parameters"), ptr+"/parameters")
	for _, m := range methods() {
		op := document.Get(n, m)
		if op == nil {
			continue
		}
		at := ptr + "/" + m
		w.parameters(document.Get(op, "parameters"), at+"/parameters")
		w.content(document.Get(op, "requestBody"), at+"/requestBody", schema.Request)
		for _, r := range document.Entries(document.Get(op, "responses")) {
			if !strings.HasPrefix(r.Key, "x-") {
				w.response(r.Node, at+"/responses"+value.Pointer(r.Key))
			}
		}
		for _, c := range document.Entries(document.Get(op, "callbacks")) {
			w.callback(c.Node, at+"/callbacks"+value.Pointer(c.Key))
		}
	}
}

func (w *schemaWalk) callback(n *yaml.Node, ptr string) {
	if isRef(n) {
		return
	}
	for _, e := range document.Entries(n) {
		if !strings.HasPrefix(e.Key, "x-") {
			w.pathItem(e.Node, ptr+value.Pointer(e.Key))
		}
	}
}

func (w *schemaWalk) parameters(n *yaml.Node, ptr string) {
	for i, p := range list(n) {
		w.parameter(schema.Request)(p, ptr+"/"+strconv.Itoa(i))
	}
}

func (w *schemaWalk) parameter(dir schema.Direction) func(n *yaml.Node, ptr string) {
	return func(n *yaml.Node, ptr string) {
		if n == nil || isRef(n) {
			return
		}
		w.content(n, ptr, dir)
		s := document.Get(n, "schema")
		if s == nil {
			return
		}
		w.schema(s, ptr+"/schema")
		// How a parameter is written (style, explode) is not said by an example,
		// so one that is text stands for what it will be read as.
		w.examples(n, ptr, dir, func(x any, n *schema.Node) bool {
			_, isText := x.(string)
			return isText && n != nil && !n.Is("string")
		})
	}
}

func (w *schemaWalk) response(n *yaml.Node, ptr string) {
	if n == nil || isRef(n) {
		return
	}
	w.content(n, ptr, schema.Response)
	for _, h := range document.Entries(document.Get(n, "headers")) {
		w.parameter(schema.Response)(h.Node, ptr+"/headers"+value.Pointer(h.Key))
	}
}

func (w *schemaWalk) content(n *yaml.Node, ptr string, dir schema.Direction) {
	if n == nil || isRef(n) {
		return
	}
	for _, e := range document.Entries(document.Get(n, "content")) {
		at := ptr + "/content" + value.Pointer(e.Key)
		if isRef(e.Node) {
			continue
		}
		for _, c := range document.Entries(document.Get(e.Node, "encoding")) {
			for _, h := range document.Entries(document.Get(c.Node, "headers")) {
				w.parameter(dir)(h.Node, at+"/encoding"+value.Pointer(c.Key)+"/headers"+value.Pointer(h.Key))
			}
		}
		s := document.Get(e.Node, "schema")
		if s == nil {
			continue
		}
		w.schema(s, at+"/schema")
		json := isJSON(e.Key)
		// An example that JSON cannot write may be given as the text it is.
		w.examples(e.Node, at, dir, func(x any, _ *schema.Node) bool {
			_, isText := x.(string)
			return !json && isText
		})
	}
}

func isJSON(media string) bool {
	t, _, _ := strings.Cut(strings.ToLower(media), ";")
	t = strings.TrimSpace(t)
	return t == "application/json" || strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "/json")
}

// schema compiles a schema in both directions and looks at its defaults.
func (w *schemaWalk) schema(n *yaml.Node, ptr string) {
	n = document.Follow(n)
	if w.done[n] || w.k.full() {
		return
	}
	w.done[n] = true
	for _, dir := range []schema.Direction{schema.Request, schema.Response} {
		if _, err := w.k.c.Schemas.Compile(ptr, dir); err != nil {
			w.k.schemaError(err, ptr)
			return // the defaults cannot be judged
		}
	}
	w.defaults(n, ptr, 0)
}

func (k *checker) schemaError(err error, ptr string) {
	var e *schema.Error
	if errors.As(err, &e) {
		k.add(nil, "schema-invalid", e.Pointer, e.Line, "", "%s", e.Message)
		return
	}
	k.add(nil, "schema-invalid", ptr, 0, "", "%v", err)
}

// maxSchemaDepth is deeper than any document was seen to nest schemas inline.
const maxSchemaDepth = 60

// defaults checks the default of a schema and of those inside it.
func (w *schemaWalk) defaults(n *yaml.Node, ptr string, depth int) {
	n = document.Follow(n)
	if depth > maxSchemaDepth || w.seen[n] || n.Kind != yaml.MappingNode || isRef(n) {
		return
	}
	w.seen[n] = true
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		switch e.Key {
		case "default":
			w.judge(e.Node, at, ptr, document.Value(e.Node), schema.Response, "the default")
		case "properties", "patternProperties", "$defs", "dependentSchemas":
			for _, p := range document.Entries(e.Node) {
				w.defaults(p.Node, at+value.Pointer(p.Key), depth+1)
			}
		case "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedProperties", "unevaluatedItems":
			w.defaults(e.Node, at, depth+1)
		case "allOf", "oneOf", "anyOf", "prefixItems":
			for i, b := range list(e.Node) {
				w.defaults(b, at+"/"+strconv.Itoa(i), depth+1)
			}
		}
	}
}

// examples checks `example` and `examples` of a parameter or media type. free
// says which values are not judged.
func (w *schemaWalk) examples(n *yaml.Node, ptr string, dir schema.Direction, free func(x any, n *schema.Node) bool) {
	node, _ := w.k.c.Schemas.Node(ptr + "/schema")
	one := func(n *yaml.Node, at, what string) {
		x := document.Value(n)
		if !free(x, node) {
			w.judge(n, at, ptr+"/schema", x, dir, what)
		}
	}
	if e := document.Get(n, "example"); e != nil {
		one(e, ptr+"/example", "the example")
	}
	for _, e := range document.Entries(document.Get(n, "examples")) {
		target, at := e.Node, ptr+"/examples"+value.Pointer(e.Key)
		if ref := document.Get(target, "$ref"); ref != nil && ref.Kind == yaml.ScalarNode {
			at = strings.TrimPrefix(ref.Value, "#")
			if target = w.k.c.Doc.At(at); target == nil {
				continue
			}
		}
		if v := document.Get(target, "value"); v != nil {
			one(v, at+"/value", "the example "+strconv.Quote(e.Key))
		}
	}
}

// judge checks one value against the schema at a pointer.
func (w *schemaWalk) judge(n *yaml.Node, at, schemaAt string, x any, dir schema.Direction, what string) {
	w.k.judge(n, at, schemaAt, x, dir, what)
}

func (k *checker) judge(n *yaml.Node, at, schemaAt string, x any, dir schema.Direction, what string) {
	if k.full() {
		return
	}
	v, err := k.c.Schemas.Compile(schemaAt, dir)
	if err != nil {
		return // said where the schema stands
	}
	for _, f := range v.Validate(x) {
		line := n.Line
		if m, _ := k.c.Doc.Nearest(at + f.Pointer); m != nil {
			line = m.Line
		}
		where := ""
		if f.Pointer != "" {
			where = f.Pointer + " "
		}
		k.add(nil, "example-mismatch", at+f.Pointer, line, "the schema is "+schemaAt, "%s breaks its schema: %s%s", what, where, f.Message)
	}
}

// refusalExamples checks the examples of failures that stand under no response:
// against the envelope, which is their schema then.
func (k *checker) refusalExamples() {
	env := k.c.Envelope.Schema
	if env == "" {
		return
	}
	shown := map[string]bool{}
	for _, op := range k.c.Operations {
		for _, r := range op.Responses {
			for _, m := range r.Media {
				for _, n := range m.Examples {
					shown[n] = true
				}
			}
		}
	}
	var names []string
	k.eachFailure(func(_ *scopes, f *FailureEntry) {
		if f.Example != nil && !shown[f.Example.Name] && !slices.Contains(names, f.Example.Name) {
			names = append(names, f.Example.Name)
		}
	})
	for _, name := range names {
		at := "/components/examples" + value.Pointer(name) + "/value"
		if n := k.c.Doc.At(at); n != nil {
			k.judge(n, at, env, document.Value(n), schema.Response, "the example "+strconv.Quote(name))
		}
	}
}
