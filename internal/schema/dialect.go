package schema

import (
	"encoding/json"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/value"
)

// rewriter turns one schema of a document into JSON Schema 2020-12 for one
// direction. It copies only keywords that judge a value; so notes, `xml`,
// `discriminator` and extensions cannot do harm, however they are written. A
// keyword that OpenAPI 3.0 does not have is copied from a 3.0 document too: who
// wrote `const` there meant it.
type rewriter struct {
	set     *Set
	dir     Direction
	url     func(pointer string) string
	targets []place // what the schema refers to
}

type keywordKind int

const (
	plain keywordKind = iota + 1
	oneSchema
	listOfSchemas
	mapOfSchemas
)

func kindOf(keyword string) keywordKind {
	switch keyword {
	case "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
		"maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains",
		"maxProperties", "minProperties", "required", "dependentRequired", "format":
		return plain
	case "not", "items", "additionalProperties", "contains", "propertyNames", "if", "then", "else",
		"unevaluatedItems", "unevaluatedProperties":
		return oneSchema
	case "allOf", "anyOf", "oneOf", "prefixItems":
		return listOfSchemas
	case "properties", "patternProperties", "dependentSchemas":
		return mapOfSchemas
	}
	return 0
}

// schema rewrites the schema at p. Names in dropped are not required here,
// because the schema that p is a part of refuses them.
func (w *rewriter) schema(p place, dropped []string) (any, error) {
	if b, ok := document.Value(p.node).(bool); ok {
		return b, nil
	}
	if !p.isMap() {
		return nil, w.set.errorf(p.pointer, "want a schema, which is a map")
	}
	out := map[string]any{}
	if ref, ok := p.ref(); ok {
		u, err := w.refer(p, ref)
		if err != nil {
			return nil, err
		}
		out["$ref"] = u
		if w.set.is30 {
			return out, nil
		}
	}
	dropped = append(slices.Clip(dropped), w.refusedNames(p, map[string]bool{})...)
	for _, e := range document.Entries(p.node) {
		at := place{p.pointer + value.Pointer(e.Key), e.Node}
		var err error
		switch kindOf(e.Key) {
		case plain:
			err = w.plain(out, e.Key, at, dropped)
		case oneSchema:
			name := e.Key
			if name == "propertyNames" {
				name = namesKeyword
			}
			out[name], err = w.schema(at, nil)
		case listOfSchemas:
			var inherited []string
			if e.Key == "allOf" {
				inherited = dropped
			}
			out[e.Key], err = w.list(at, inherited)
		case mapOfSchemas:
			out[e.Key], err = w.mapping(e.Key, at)
		}
		if err != nil {
			return nil, err
		}
	}
	if w.set.is30 {
		return from30(out, p.isTrue("nullable")), nil
	}
	if ref := p.text("$dynamicRef"); ref != "" {
		// Without $id, all of the document is one resource, and a $dynamicRef
		// means what a $ref means.
		u, err := w.refer(p, ref)
		if err != nil {
			return nil, err
		}
		all, _ := out["allOf"].([]any)
		out["allOf"] = append(all, map[string]any{"$ref": u})
	}
	return out, nil
}

func (w *rewriter) refer(p place, ref string) (string, error) {
	to, err := w.set.target(p.pointer, ref, 0)
	if err != nil {
		return "", err
	}
	if to, _, err = w.set.follow(to); err != nil {
		return "", err
	}
	w.targets = append(w.targets, to)
	return w.url(to.pointer), nil
}

func (w *rewriter) plain(out map[string]any, keyword string, at place, dropped []string) error {
	v := value.Plain(document.Value(at.node))
	if !allSane(v) {
		return w.set.errorf(at.pointer, "want numbers of at most %d digits, exponent included", maxDigits)
	}
	switch keyword {
	case "format":
		// A format that is not in the table is accepted, even if the library
		// knows it: what is asserted is ours to say.
		if name, ok := v.(string); !ok || formats[name] == nil {
			return nil
		}
	case "pattern":
		if text, ok := v.(string); ok {
			if err := w.pattern(text, at.pointer); err != nil {
				return err
			}
		}
	case "required":
		if names, ok := v.([]any); ok {
			v = slices.DeleteFunc(names, func(name any) bool {
				text, ok := name.(string)
				return ok && slices.Contains(dropped, text)
			})
		}
	}
	out[keyword] = v
	return nil
}

func (w *rewriter) pattern(text, pointer string) error {
	if _, err := w.set.patterns.compile(text); err != nil {
		return w.set.errorf(pointer, "the pattern %q can be read neither as RE2 nor as ECMAScript: %v", text, err)
	}
	return nil
}

func (w *rewriter) list(at place, dropped []string) (any, error) {
	if at.node.Kind != yaml.SequenceNode {
		return nil, w.set.errorf(at.pointer, "want a list of schemas")
	}
	out := make([]any, 0, len(at.node.Content))
	for i := range at.node.Content {
		e, _ := at.child(itoa(i))
		s, err := w.schema(e, dropped)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (w *rewriter) mapping(keyword string, at place) (any, error) {
	if !at.isMap() {
		return nil, w.set.errorf(at.pointer, "want a map of schemas")
	}
	out := map[string]any{}
	for _, e := range document.Entries(at.node) {
		member := place{at.pointer + value.Pointer(e.Key), e.Node}
		if keyword == "patternProperties" {
			if err := w.pattern(e.Key, member.pointer); err != nil {
				return nil, err
			}
		}
		if keyword == "properties" && w.refuses(member, map[string]bool{}) {
			out[e.Key] = map[string]any{"format": w.refusal()}
			continue
		}
		s, err := w.schema(member, nil)
		if err != nil {
			return nil, err
		}
		out[e.Key] = s
	}
	return out, nil
}

// refusal is the format that refuses a property of the other direction: a
// format that nothing fits, because its name comes back with the error, which
// the location of a `false` schema would have to be searched for.
func (w *rewriter) refusal() string {
	if w.dir == Request {
		return refusedReadOnly
	}
	return refusedWriteOnly
}

func (w *rewriter) refusedKeyword() string {
	if w.dir == Request {
		return "readOnly"
	}
	return "writeOnly"
}

// refuses reports whether a property must not travel this way. The keyword may
// stand on its schema, on the target of its $ref, or on a branch of its allOf.
func (w *rewriter) refuses(p place, seen map[string]bool) bool {
	if seen[p.pointer] {
		return false
	}
	seen[p.pointer] = true
	if ref, ok := p.ref(); ok {
		if to, err := w.set.target(p.pointer, ref, 0); err == nil && w.refuses(to, seen) {
			return true
		}
		if w.set.is30 {
			return false
		}
	}
	if p.isTrue(w.refusedKeyword()) {
		return true
	}
	return slices.ContainsFunc(p.elements("allOf"), func(e place) bool { return w.refuses(e, seen) })
}

// refusedNames lists the properties of a schema and of its allOf that must not
// travel this way: OpenAPI says that `required` does not count for them.
func (w *rewriter) refusedNames(p place, seen map[string]bool) []string {
	if seen[p.pointer] {
		return nil
	}
	seen[p.pointer] = true
	var out []string
	if ref, ok := p.ref(); ok {
		if to, err := w.set.target(p.pointer, ref, 0); err == nil {
			out = w.refusedNames(to, seen)
		}
		if w.set.is30 {
			return out
		}
	}
	names, places := p.members("properties")
	for i := range names {
		if w.refuses(places[i], map[string]bool{}) {
			out = append(out, names[i])
		}
	}
	for _, e := range p.elements("allOf") {
		out = append(out, w.refusedNames(e, seen)...)
	}
	return out
}

// from30 says in JSON Schema what OpenAPI 3.0 says in its own way.
func from30(out map[string]any, nullable bool) any {
	exclusive(out, "exclusiveMinimum", "minimum")
	exclusive(out, "exclusiveMaximum", "maximum")
	if !nullable {
		return out
	}
	for _, k := range []string{"allOf", "anyOf", "oneOf", "not"} {
		if _, ok := out[k]; ok {
			// The specification lets `nullable` count only beside `type`; but
			// documents write it beside allOf with a $ref and mean it, and
			// kin-openapi takes null there too.
			return map[string]any{"anyOf": []any{out, map[string]any{"type": "null"}}}
		}
	}
	if t, ok := out["type"].(string); ok && t != "null" {
		out["type"] = []any{t, "null"}
	}
	if enum, ok := out["enum"].([]any); ok && !slices.Contains(enum, nil) {
		out["enum"] = append(slices.Clip(enum), nil)
	}
	return out
}

// exclusive turns a boolean exclusive bound into a number.
func exclusive(out map[string]any, keyword, bound string) {
	is, ok := out[keyword].(bool)
	if !ok {
		return
	}
	delete(out, keyword)
	if limit, ok := out[bound].(json.Number); is && ok {
		out[keyword] = limit
		delete(out, bound)
	}
}
