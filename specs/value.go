package specs

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/value"
)

// Scope gives the names of a contract their meaning while a request is decided
// or an answer is written. A name or member that has no value is nil.
type Scope interface {
	Root(name string) any
	Member(x any, name string) any
	Request(l Location) any
}

// Valuer is a thing with a value of its own: a token, whose value is its text.
type Valuer interface{ TokenValue() any }

// absent is the type of Absent.
type absent struct{}

// Absent is the value that leaves a member out of an answer, even where null
// is allowed.
var Absent any = absent{} //nolint:gochecknoglobals // a constant; Go has none of this type

// Value is the right side of a binding: a thing, a text with things in it, or
// a literal.
type Value struct {
	Src     string
	Pointer string // where it stands
	Line    int
	Literal any  // if there are no parts
	Must    bool // the literal null: the member must not be there
	parts   []valuePart
	whole   bool // one part and nothing around it: the type is kept
}

type valuePart struct {
	text string
	ref  *Ref // nil: only text
}

// Ref is one `$name.path|codec` of a Value.
type Ref struct {
	Root   string
	Path   []string
	At     *Location // set for $request.… locations
	Codecs []Codec
}

// Whole returns the only reference of a value that is nothing else.
func (v *Value) Whole() *Ref {
	if v.whole {
		return v.parts[0].ref
	}
	return nil
}

// Refs returns every reference in the value.
func (v *Value) Refs() []*Ref {
	var out []*Ref
	for _, p := range v.parts {
		if p.ref != nil {
			out = append(out, p.ref)
		}
	}
	return out
}

// Eval computes the value. A nil means that something in it is missing.
func (v *Value) Eval(s Scope) (any, error) {
	if v.parts == nil {
		return v.Literal, nil
	}
	if v.whole {
		return v.parts[0].ref.eval(s)
	}
	var b strings.Builder
	for _, p := range v.parts {
		if p.ref == nil {
			b.WriteString(p.text)
			continue
		}
		x, err := p.ref.eval(s)
		if err != nil {
			return nil, err
		}
		if x == nil || x == Absent {
			return nil, nil
		}
		t, ok := value.Text(x)
		if !ok {
			return nil, fmt.Errorf("%s is no text", v.Src)
		}
		b.WriteString(t)
	}
	return b.String(), nil
}

func (r *Ref) eval(s Scope) (any, error) {
	x := r.Raw(s)
	if t, ok := x.(Valuer); ok {
		x = t.TokenValue()
	}
	if x == nil || x == Absent {
		return x, nil
	}
	for _, c := range r.Codecs {
		var err error
		if x, err = c.Encode(x); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return jsonable(x), nil
}

// Raw is the thing that the reference names, before codecs.
func (r *Ref) Raw(s Scope) any {
	if r.At != nil {
		return s.Request(*r.At)
	}
	x := s.Root(r.Root)
	for _, p := range r.Path {
		if x == nil {
			return nil
		}
		x = s.Member(x, p)
	}
	return x
}

func jsonable(x any) any {
	switch x := x.(type) {
	case int:
		return json.Number(fmt.Sprint(x))
	case int64:
		return json.Number(fmt.Sprint(x))
	case float64:
		b, err := json.Marshal(x)
		if err != nil {
			return nil
		}
		return json.Number(b)
	case time.Duration:
		return json.Number(fmt.Sprint(int64(x / time.Second)))
	case time.Time:
		return x.UTC().Format(time.RFC3339)
	case []string:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = e
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = jsonable(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[k] = jsonable(e)
		}
		return out
	}
	return x
}

// Undo reads the value backwards: which thing would have been written as x?
// It reports false if x cannot have been written by this value.
func (v *Value) Undo(x any) (any, bool) {
	if v.whole {
		return v.parts[0].ref.undo(x)
	}
	t, ok := value.Text(x)
	if !ok {
		return nil, false
	}
	var hole *Ref
	before, after := "", ""
	for _, p := range v.parts {
		switch {
		case p.ref != nil && hole != nil:
			return nil, false // two holes: not readable
		case p.ref != nil:
			hole = p.ref
		case hole == nil:
			before += p.text
		default:
			after += p.text
		}
	}
	if hole == nil || len(t) < len(before)+len(after) || !strings.HasPrefix(t, before) || !strings.HasSuffix(t, after) {
		return nil, false
	}
	return hole.undo(t[len(before) : len(t)-len(after)])
}

func (r *Ref) undo(x any) (any, bool) {
	for i := len(r.Codecs) - 1; i >= 0; i-- {
		var err error
		if x, err = r.Codecs[i].Decode(x); err != nil {
			return nil, false
		}
	}
	return x, true
}

func isName(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// parseValue reads a value from its YAML form, already a plain value.
func parseValue(x any, codecs map[string]Codec) (*Value, error) {
	src, isText := x.(string)
	if !isText {
		return &Value{Src: fmt.Sprint(x), Literal: x, Must: x == nil}, nil
	}
	v := &Value{Src: src}
	if t, ok := strings.CutPrefix(src, "$$"); ok {
		v.Literal = "$" + t
		return v, nil
	}
	if strings.HasPrefix(src, "$") {
		ref, rest, err := parseRef(src[1:], codecs)
		if err != nil {
			return nil, err
		}
		if rest != "" {
			return nil, fmt.Errorf("%q after the name; inside text write {$name}", rest)
		}
		v.parts, v.whole = []valuePart{{ref: ref}}, true
		return v, nil
	}
	rest := src
	for {
		i := strings.Index(rest, "{$")
		if i < 0 {
			break
		}
		if i > 0 {
			v.parts = append(v.parts, valuePart{text: rest[:i]})
		}
		ref, after, err := parseRef(rest[i+2:], codecs)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(after, "}") {
			return nil, fmt.Errorf("{$… is not closed by }")
		}
		v.parts = append(v.parts, valuePart{ref: ref})
		rest = after[1:]
	}
	if v.parts == nil {
		v.Literal = src
		return v, nil
	}
	if rest != "" {
		v.parts = append(v.parts, valuePart{text: rest})
	}
	return v, nil
}

// parseRef reads name.path|codec from the beginning of s, which follows a $.
func parseRef(s string, codecs map[string]Codec) (*Ref, string, error) {
	r := &Ref{}
	if strings.HasPrefix(s, "request.") || strings.HasPrefix(s, "response.") {
		end := strings.IndexAny(s, "|}")
		if end < 0 {
			end = len(s)
		}
		l, err := parseLocation("$"+s[:end], false)
		if err != nil {
			return nil, "", err
		}
		if l.Response {
			return nil, "", fmt.Errorf("$response is not known while the answer is written")
		}
		r.Root, r.At = "request", &l
		if l.In == InBody && len(l.Tokens) == 0 && s[:end] != "request.body" {
			return nil, "", fmt.Errorf("no such part of a request")
		}
		s = s[end:]
	} else {
		name, rest := takeName(s)
		if name == "" {
			return nil, "", fmt.Errorf("a name is due after $; a text that begins with $ is written $$")
		}
		r.Root, s = name, rest
		for strings.HasPrefix(s, ".") {
			name, rest := takeName(s[1:])
			if name == "" {
				break
			}
			r.Path, s = append(r.Path, name), rest
		}
	}
	for strings.HasPrefix(s, "|") {
		name, rest := takeName(s[1:])
		c, ok := codecs[name]
		if !ok {
			names := make([]string, 0, len(codecs))
			for n := range codecs {
				names = append(names, n)
			}
			return nil, "", fmt.Errorf("no codec is called %q; %s", name, didYouMean(name, names))
		}
		r.Codecs, s = append(r.Codecs, c), rest
	}
	return r, s, nil
}

func takeName(s string) (name, rest string) {
	i := 0
	for i < len(s) && isName(s[i]) {
		i++
	}
	return s[:i], s[i:]
}
