// Package value holds the values that travel between a contract, the session
// machine and the wire: the JSON data model, with the order of members kept
// where it matters.
//
// A value is one of nil, bool, string, json.Number, []any, Object (ordered) or
// map[string]any (unordered). Examples of a contract and answers to be written
// are ordered; decoded request bodies are not. Numbers are always json.Number,
// so that no digit is lost.
package value

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Object is a JSON object with its members in order.
type Object []Member

// Member is one name and value of an Object.
type Member struct {
	Name  string
	Value any
}

// Get returns the value of the member called name.
func (o Object) Get(name string) (any, bool) {
	for i := range o {
		if o[i].Name == name {
			return o[i].Value, true
		}
	}
	return nil, false
}

// Set replaces the value of the member called name, or appends it.
func (o *Object) Set(name string, v any) {
	for i := range *o {
		if (*o)[i].Name == name {
			(*o)[i].Value = v
			return
		}
	}
	*o = append(*o, Member{name, v})
}

// Delete removes the member called name, if there is one.
func (o *Object) Delete(name string) {
	for i := range *o {
		if (*o)[i].Name == name {
			*o = append((*o)[:i:i], (*o)[i+1:]...)
			return
		}
	}
}

// Plain returns v with every Object, at any depth, as a map[string]any.
// Values without an Object in them are copied too, so the result shares no
// map or slice with v.
func Plain(v any) any {
	switch v := v.(type) {
	case Object:
		m := make(map[string]any, len(v))
		for i := range v {
			m[v[i].Name] = Plain(v[i].Value)
		}
		return m
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = Plain(e)
		}
		return m
	case []any:
		s := make([]any, len(v))
		for i, e := range v {
			s[i] = Plain(e)
		}
		return s
	}
	return v
}

// Clone returns a copy of v that shares no object, map or slice with it; the
// order of members is kept.
func Clone(v any) any {
	switch v := v.(type) {
	case Object:
		o := make(Object, len(v))
		for i := range v {
			o[i] = Member{v[i].Name, Clone(v[i].Value)}
		}
		return o
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = Clone(e)
		}
		return m
	case []any:
		s := make([]any, len(v))
		for i, e := range v {
			s[i] = Clone(e)
		}
		return s
	}
	return v
}

// Text returns a scalar as the text that it has in a URL, a form, a header or
// an XML element: a string as it is, a number in its JSON spelling, true and
// false. It reports false for nil, objects and arrays.
func Text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	case int:
		return fmt.Sprint(v), true
	case int64:
		return fmt.Sprint(v), true
	case float64:
		b, err := json.Marshal(v)
		return string(b), err == nil
	}
	return "", false
}

// Pointer joins reference tokens to a JSON Pointer (RFC 6901), escaping them.
func Pointer(tokens ...string) string {
	n := 0
	for _, t := range tokens {
		n += 1 + len(t)
	}
	var b strings.Builder
	b.Grow(n)
	for _, t := range tokens {
		b.WriteByte('/')
		if strings.ContainsAny(t, "~/") {
			t = pointerEscaper.Replace(t)
		}
		b.WriteString(t)
	}
	return b.String()
}

var (
	pointerEscaper   = strings.NewReplacer("~", "~0", "/", "~1")
	pointerUnescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

// SplitPointer returns the reference tokens of a JSON Pointer, unescaped. The
// empty pointer, the whole document, has none.
func SplitPointer(pointer string) ([]string, error) {
	if pointer == "" {
		return nil, nil
	}
	if pointer[0] != '/' {
		return nil, fmt.Errorf("a JSON pointer begins with a slash: %q", pointer)
	}
	tokens := strings.Split(pointer[1:], "/")
	if strings.IndexByte(pointer, '~') < 0 {
		return tokens, nil // nothing is escaped, as in most
	}
	for i, t := range tokens {
		tokens[i] = pointerUnescaper.Replace(t)
	}
	return tokens, nil
}

// Lookup follows the reference tokens from v. It reports false where there is
// no such member or element.
func Lookup(v any, tokens []string) (any, bool) {
	for _, t := range tokens {
		switch c := v.(type) {
		case Object:
			e, ok := c.Get(t)
			if !ok {
				return nil, false
			}
			v = e
		case map[string]any:
			e, ok := c[t]
			if !ok {
				return nil, false
			}
			v = e
		case []any:
			i, ok := index(t, len(c))
			if !ok {
				return nil, false
			}
			v = c[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func index(token string, n int) (int, bool) {
	if token == "" || len(token) > 9 || token[0] == '0' && token != "0" {
		return 0, false
	}
	i := 0
	for _, r := range token {
		if r < '0' || r > '9' {
			return 0, false
		}
		i = i*10 + int(r-'0')
	}
	return i, i < n
}
