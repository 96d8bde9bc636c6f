package specs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/value"
)

// maxKinValues is the largest document, in values once aliases are followed,
// that is given to kin-openapi: ten times the largest public one that was
// tried. Beyond it, its time and memory are no longer bounded by anything.
const maxKinValues = 500_000

// openapi checks the document against the OpenAPI specification. Our own look
// at references comes first, because the loader stops at the first that leads
// nowhere.
func (k *checker) openapi() {
	r := &refs{k: k, at: map[string][]place{}, instead: map[string]string{}}
	r.walk(k.c.Doc.Root, "", false)
	if r.bad || !readVersion(k.c.Doc) || r.count > maxKinValues {
		return
	}
	text, pointers := numbered(k.c.Doc.Root, r.instead)
	errs := kinErrors(text, false)
	if len(errs) == 0 {
		return
	}
	if c, ok := errs[0].(chain); ok && c.errs != nil { //nolint:errorlint // kinErrors returns nothing else that has a place
		// Only a document with errors is read a second time, with the lines of
		// everything: it takes three times as long.
		errs = kinErrors(text, true)
	}
	for _, e := range errs {
		k.kinFinding(e, pointers, r.at)
	}
}

// readVersion reports whether the document is of a version that is read; the
// reader has said so if not.
func readVersion(d *document.Document) bool {
	v := document.Get(d.Root, "openapi").Value
	return strings.HasPrefix(v, "3.0.") || strings.HasPrefix(v, "3.1.")
}

// refs looks for references that lead nowhere or out of the document.
type refs struct {
	k  *checker
	at map[string][]place // by the text of the reference
	// instead holds what kin-openapi gets where a reference is wrong: it would
	// stop at the first of them, and say nothing of the rest.
	instead map[string]string
	bad     bool // one for which there is no such thing
	count   int
}

// data reports whether a member holds values of the API, in which $ref means
// nothing.
func data(key string, inProperties bool) bool {
	if strings.HasPrefix(key, "x-") && !inProperties {
		return true
	}
	switch key {
	case "example", "value", "default", "enum", "const":
		return !inProperties
	}
	return false
}

// named reports whether the members below a member are names of the document's
// own: a response may be called default, a property example.
func named(key string) bool {
	switch key {
	case "properties", "patternProperties", "dependentSchemas", "$defs", "examples", "schemas", "responses", "parameters", "headers",
		"requestBodies", "securitySchemes", "links", "callbacks", "pathItems", "paths", "webhooks", "content", "encoding", "variables", "mapping", "scopes":
		return true
	}
	return false
}

func (r *refs) walk(n *yaml.Node, ptr string, inProperties bool) {
	r.count++
	n = document.Follow(n)
	switch n.Kind {
	case yaml.MappingNode:
		for _, e := range document.Entries(n) {
			at := ptr + value.Pointer(e.Key)
			if e.Key == "$ref" && !inProperties && e.Node.Kind == yaml.ScalarNode {
				r.ref(e.Node, ptr)
				continue
			}
			if data(e.Key, inProperties) {
				r.count += size(e.Node)
				continue
			}
			r.walk(e.Node, at, !inProperties && named(e.Key))
		}
	case yaml.SequenceNode:
		for i, e := range n.Content {
			r.walk(e, ptr+"/"+strconv.Itoa(i), false)
		}
	}
}

func size(n *yaml.Node) int {
	n = document.Follow(n)
	total := 1
	for _, e := range n.Content {
		total += size(e)
	}
	return total
}

func (r *refs) ref(n *yaml.Node, ptr string) {
	r.at[n.Value] = append(r.at[n.Value], place{ptr, n.Line})
	target, local := strings.CutPrefix(n.Value, "#")
	if !local {
		r.wrong(ptr)
		r.k.add(nil, "dangling-reference", ptr, n.Line, "put everything into one file, for instance with: redocly bundle", "%q leads out of the document; nothing outside of it is read", n.Value)
		return
	}
	if u, err := url.PathUnescape(target); err == nil {
		target = u
	}
	if target == "" || target[0] != '/' {
		return // an anchor: the schemas say whether it exists
	}
	to, exact := r.k.c.Doc.Nearest(target)
	if !exact && !r.k.throughRef(target) {
		r.wrong(ptr)
		var names []string
		for _, e := range document.Entries(to) {
			names = append(names, e.Key)
		}
		last := target[strings.LastIndexByte(target, '/')+1:]
		r.k.add(nil, "dangling-reference", ptr, n.Line, didYouMean(last, names), "%q leads nowhere", n.Value)
		return
	}
	section, name, _ := strings.Cut(strings.TrimPrefix(target, "/components/"), "/")
	if want := wanted(ptr); want != "" && strings.HasPrefix(target, "/components/") && name != "" && !strings.Contains(name, "/") && section != want {
		r.wrong(ptr)
		r.k.add(nil, "openapi-invalid", ptr, n.Line, "refer to one of #/components/"+want, "%q is not of the kind that belongs here", n.Value)
	}
}

// wrong notes what kin-openapi gets instead of a reference.
func (r *refs) wrong(ptr string) {
	text := map[string]string{
		"schemas": `{}`, "responses": `{"description": "-"}`, "headers": `{"schema": {}}`, "examples": `{}`, "requestBodies": `{"content": {}}`,
	}[wanted(ptr)]
	if text == "" {
		r.bad = true
		return
	}
	r.instead[ptr] = text
}

// wanted is the section of components from which a reference at a pointer must
// be; "" if that cannot be told.
func wanted(ptr string) string {
	last := ptr[strings.LastIndexByte(ptr, '/')+1:]
	above := parent(ptr)
	switch above[strings.LastIndexByte(above, '/')+1:] {
	case "properties", "patternProperties", "allOf", "oneOf", "anyOf", "prefixItems", "$defs", "schemas":
		return "schemas"
	case "responses":
		return "responses"
	case "parameters":
		return "parameters"
	case "headers":
		return "headers"
	case "examples":
		return "examples"
	case "requestBodies":
		return "requestBodies"
	}
	switch last {
	case "schema", "items", "additionalProperties", "not":
		return "schemas"
	case "requestBody":
		return "requestBodies"
	}
	return ""
}

// throughRef reports whether a pointer exists once the references on its way
// are followed.
func (k *checker) throughRef(pointer string) bool {
	tokens, err := value.SplitPointer(pointer)
	if err != nil {
		return false
	}
	n := k.c.Doc.Root
	for hops := 0; len(tokens) > 0; {
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			next = document.Get(n, tokens[0])
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(tokens[0]); err == nil && i >= 0 && i < len(n.Content) {
				next = document.Follow(n.Content[i])
			}
		}
		if next != nil {
			n, tokens = next, tokens[1:]
			continue
		}
		ref := document.Get(n, "$ref")
		if ref == nil || ref.Kind != yaml.ScalarNode || hops > 32 {
			return false
		}
		hops++
		if n = k.c.Doc.At(strings.TrimPrefix(ref.Value, "#")); n == nil {
			return false
		}
	}
	return true
}

// numbered writes the document as JSON with a line for every value, and lists
// the pointer of each line: kin-openapi reports lines, and these are ours.
// x-session is left out: it is not OpenAPI's business.
func numbered(root *yaml.Node, instead map[string]string) (text string, pointers []string) {
	var b strings.Builder
	var write func(n *yaml.Node, ptr string)
	line := func(ptr string) {
		b.WriteByte('\n')
		pointers = append(pointers, ptr)
	}
	write = func(n *yaml.Node, ptr string) {
		if text, ok := instead[ptr]; ok {
			b.WriteString(text)
			return
		}
		n = document.Follow(n)
		switch n.Kind {
		case yaml.MappingNode:
			b.WriteByte('{')
			first := true
			for _, e := range document.Entries(n) {
				if e.Key == "x-session" {
					continue
				}
				if !first {
					b.WriteByte(',')
				}
				first = false
				at := ptr + value.Pointer(e.Key)
				line(at)
				b.WriteString(quoted(e.Key))
				b.WriteString(": ")
				write(e.Node, at)
			}
			b.WriteByte('}')
		case yaml.SequenceNode:
			b.WriteByte('[')
			for i, e := range n.Content {
				if i > 0 {
					b.WriteByte(',')
				}
				at := ptr + "/" + strconv.Itoa(i)
				line(at)
				write(e, at)
			}
			b.WriteByte(']')
		default:
			j, err := json.Marshal(document.Value(n))
			if err != nil {
				j = []byte("null")
			}
			b.Write(j)
		}
	}
	write(root, "")
	return b.String(), append([]string{""}, pointers...)
}

func quoted(s string) string {
	j, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(j)
}

// kinErrors loads and validates a document with kin-openapi. Examples, defaults
// and patterns are left to our own schemas, which know more of them.
func kinErrors(text string, lines bool) (errs []error) {
	defer func() {
		if p := recover(); p != nil {
			errs = append(errs, fmt.Errorf("the document is so wrong that it cannot be checked any further"))
		}
	}()
	loader := openapi3.NewLoader() // one a document: it remembers what it read
	loader.IncludeOrigin = lines
	if lines {
		text += "\n#" // JSON is read without lines, YAML is not
	}
	doc, err := loader.LoadFromData([]byte(text))
	if err != nil {
		return []error{err}
	}
	err = doc.Validate(context.Background(),
		openapi3.EnableMultiError(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation(),
		openapi3.DisableSchemaPatternValidation())
	return flat(err)
}

// flat lists the errors of a tree of MultiErrors, each with what it is wrapped
// in.
func flat(err error) []error {
	if err == nil {
		return nil
	}
	var out []error
	var walk func(e error, wrappers []error)
	walk = func(e error, wrappers []error) {
		if many, ok := e.(openapi3.MultiError); ok { //nolint:errorlint // the wrappers are walked one by one
			for _, one := range many {
				walk(one, wrappers)
			}
			return
		}
		if inner := errors.Unwrap(e); inner != nil {
			walk(inner, append(slices.Clip(wrappers), e))
			return
		}
		out = append(out, chain{append(slices.Clip(wrappers), e)})
	}
	walk(err, nil)
	return out
}

// chain is one error from the outermost wrapper to the leaf.
type chain struct{ errs []error }

func (c chain) Error() string { return c.errs[len(c.errs)-1].Error() }

func (k *checker) kinFinding(err error, pointers []string, refs map[string][]place) {
	message, _, _ := strings.Cut(err.Error(), "\n")
	at, fix := "", ""
	if c, ok := err.(chain); ok { //nolint:errorlint // flat returns nothing else
		at = kinPlace(c, pointers)
		if n := len(c.errs); n > 1 {
			// The innermost wrapper often says which field it is about.
			if w, ok := c.errs[n-2].(*openapi3.ParameterFieldValidationError); ok { //nolint:errorlint // walked
				message = w.Error()
			}
		}
		for _, e := range c.errs {
			if r, ok := e.(*openapi3.RequiredFieldError); ok && k.emptyText(at, r.Field) { //nolint:errorlint // walked
				return
			}
		}
	}
	n, _ := k.c.Doc.Nearest(at)
	if strings.HasPrefix(message, "field default is required") && document.Get(n, "default") != nil {
		return // an empty default is one: a server's base path may be none
	}
	if m := regexp.MustCompile(extraFields).FindStringSubmatch(message); m != nil {
		names := strings.Fields(m[1])
		at = k.holder(at, names[0])
		message = "OpenAPI has no member " + strconv.Quote(names[0]) + " here"
		if len(names) > 1 {
			message = "OpenAPI has no members " + strings.Join(names, ", ") + " here"
		}
		at += value.Pointer(names[0])
		fix = "what is your own begins with x-"
	}
	if strings.Contains(message, "undefined security scheme") || strings.Contains(message, "have the same operation id") {
		return // said by the reader, with what would work
	}
	if m := regexp.MustCompile(wrongType).FindStringSubmatch(message); m != nil {
		k.wrongType(m[1], m[2], pointers)
		return
	}
	if m := regexp.MustCompile(quotedPath).FindStringSubmatch(message); m != nil && at == "/paths" {
		at += value.Pointer(m[1])
	}
	at = k.element(at)
	if m := regexp.MustCompile(badRef).FindStringSubmatch(message); m != nil {
		message = fmt.Sprintf("%q is no %s", m[1], m[2])
		if p, ok := misplaced(refs[m[1]], m[2]); ok {
			k.add(nil, "openapi-invalid", p.pointer, p.line, "refer to one of the kind that belongs there", "%s", message)
			return
		}
	}
	k.add(nil, "openapi-invalid", at, 0, fix, "%s", tidyKin(message))
}

// Patterns of kin-openapi's messages, compiled when there is one: a server that
// starts has none.
const (
	wrongType   = `cannot unmarshal (\w+)(?: [^ ]+)? into (?:Go struct )?field ([\w.]+) of type`
	quotedPath  = `^path "([^"]+)"`
	extraFields = `^extra sibling fields: \[([^\]]+)\]`
	badRef      = `^bad data in "([^"]+)" \(expecting ref to (.+) object\)`
)

// emptyText reports whether a text that must not be empty is there and is: the
// specification wants the member, not a text in it.
func (k *checker) emptyText(at, field string) bool {
	name := field[strings.LastIndexByte(field, '.')+1:]
	n, _ := k.c.Doc.Nearest(at)
	if v := document.Get(n, name); v != nil {
		return v.Value == ""
	}
	return strings.HasSuffix(at, "/"+name) && n.Kind == yaml.ScalarNode && n.Value == ""
}

// wrongType reports a member that has another type than OpenAPI gives it.
// kin-openapi says the name of the member and no place: it is the first so
// called that has the type it complains of.
func (k *checker) wrongType(got, field string, pointers []string) {
	name := field[strings.LastIndexByte(field, '.')+1:]
	at := ""
	for _, p := range pointers {
		if !strings.HasSuffix(p, "/"+name) {
			continue
		}
		if n := k.c.Doc.At(p); n != nil && jsonType(n) == got {
			at = p
			break
		}
	}
	for _, f := range k.out {
		if f.Pointer == at {
			return
		}
	}
	article := "a "
	if got == "array" || got == "object" {
		article = "an "
	}
	k.add(nil, "openapi-invalid", at, 0, "", "%s cannot be %s%s", name, article, got)
}

func jsonType(n *yaml.Node) string {
	switch v := document.Value(n).(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case json.Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	default:
		_ = v
		return "object"
	}
}

// element returns the list element whose first member is at the pointer: for
// a map in a list, kin-openapi gives the line of its first member.
func (k *checker) element(at string) string {
	up := parent(at)
	list := k.c.Doc.At(parent(up))
	if list == nil || list.Kind != yaml.SequenceNode {
		return at
	}
	if e := document.Entries(k.c.Doc.At(up)); len(e) > 0 && up+value.Pointer(e[0].Key) == at {
		return up
	}
	return at
}

// holder returns the object at a pointer or above it that has a member.
func (k *checker) holder(at, member string) string {
	for p := at; ; p = parent(p) {
		if n := k.c.Doc.At(p); n != nil && document.Get(n, member) != nil {
			return p
		}
		if p == "" {
			return at
		}
	}
}

// misplaced chooses the reference that is of the wrong kind: one where the
// wanted kind belongs.
func misplaced(places []place, kind string) (place, bool) {
	for _, p := range places {
		last := p.pointer[strings.LastIndexByte(p.pointer, '/')+1:]
		up := parent(p.pointer)
		switch kind {
		case "schema":
			if last == "schema" || last == "items" || strings.HasSuffix(up, "/properties") || strings.HasSuffix(up, "Of") {
				return p, true
			}
		case "response":
			if strings.HasSuffix(up, "/responses") {
				return p, true
			}
		case "parameter":
			if strings.HasSuffix(up, "/parameters") {
				return p, true
			}
		}
	}
	if len(places) > 0 {
		return places[0], true
	}
	return place{}, false
}

func tidyKin(s string) string {
	if i := strings.Index(s, " (https://"); i > 0 {
		s = s[:i]
	}
	return strings.TrimSpace(s)
}

// kinPlace is where an error of kin-openapi stands: by the line it reports,
// else by the sections, paths and operations that it is wrapped in.
func kinPlace(c chain, pointers []string) string {
	at := ""
	for _, e := range c.errs {
		switch e := e.(type) { //nolint:errorlint // the wrappers are walked one by one
		case *openapi3.SectionValidationError:
			switch e.Section {
			case "components", "info", "paths", "security", "servers", "tags", "webhooks", "jsonSchemaDialect":
				if at == "" {
					at = "/" + e.Section
				}
			case "external docs":
				at += "/externalDocs"
			}
		case *openapi3.PathValidationError:
			at = "/paths" + value.Pointer(e.Path)
		case *openapi3.OperationValidationError:
			at += "/" + strings.ToLower(e.Method)
		case *openapi3.ComponentValidationError:
			section := map[string]string{
				"schema": "schemas", "parameter": "parameters", "request body": "requestBodies", "response": "responses",
				"header": "headers", "security scheme": "securitySchemes", "example": "examples", "link": "links", "callback": "callbacks",
			}[e.Section]
			if section != "" {
				at = "/components/" + section + value.Pointer(e.Name)
			}
		case *openapi3.WebhookValidationError:
			at = "/webhooks" + value.Pointer(e.Name)
		}
	}
	for i := len(c.errs) - 1; i >= 0; i-- {
		if line, ok := originLine(c.errs[i]); ok && line >= 1 && line <= len(pointers) {
			if p := pointers[line-1]; strings.HasPrefix(p, at) || at == "" || !strings.HasPrefix(at, p) {
				return p
			}
		}
	}
	return at
}

// originLine finds the line in an error's Origin, which a hundred types have
// and no interface gives out.
func originLine(err error) (int, bool) {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return 0, false
	}
	f := v.FieldByName("Origin")
	if !f.IsValid() {
		return 0, false
	}
	o, ok := f.Interface().(*openapi3.Origin)
	if !ok || o == nil || o.Key == nil {
		return 0, false
	}
	return o.Key.Line, true
}
