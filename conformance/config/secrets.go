package config

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
	"golang.org/x/net/http/httpguts"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// maxSecret bounds a file that holds a secret.
const maxSecret = 64 << 10

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// field is what is known of a value that is read.
type field struct {
	what     string // in words
	secret   bool
	variable string       // a name for the variable that may hold it
	schema   *schema.Node // nil: texts are texts
}

// resolve reads a value in which {env: NAME} and {file: PATH} stand for what
// they name. ok is false if something was wrong and is reported.
func (r *reader) resolve(n *yaml.Node, ptr string, f field) (v any, ok bool) {
	n = document.Follow(n)
	if kind, name, isRef := reference(n); isRef {
		text, ok := r.fetch(n, ptr, f.what, kind, name)
		if ok && f.secret {
			r.t.Secrets = append(r.t.Secrets, text)
		}
		return typed(text, f.schema), ok
	}
	switch n.Kind {
	case yaml.SequenceNode:
		list, all := []any{}, true
		for i, e := range n.Content {
			x, ok := r.resolve(e, fmt.Sprintf("%s/%d", ptr, i), field{what: f.what, secret: f.secret, variable: f.variable})
			list, all = append(list, x), all && ok
		}
		return list, all
	case yaml.MappingNode:
		object, all := value.Object{}, true
		for _, e := range document.Entries(n) {
			x, ok := r.resolve(e.Node, ptr+value.Pointer(e.Key), field{what: f.what, secret: f.secret, variable: f.variable})
			object, all = append(object, value.Member{Name: e.Key, Value: x}), all && ok
		}
		return object, all
	}
	// An empty password, or none, is no secret.
	if f.secret && !isNull(n) && strings.TrimSpace(n.Value) != "" {
		r.add("clear-secret", n, ptr, fmt.Sprintf("write {env: %s} and set that variable, or {file: PATH}", f.variable), "%s is a secret, and stands here in clear", f.what)
		return nil, false
	}
	return document.Value(n), true
}

// reference reports whether a node is {env: NAME} or {file: PATH}.
func reference(n *yaml.Node) (kind, name string, ok bool) {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return "", "", false
	}
	k, v := document.Follow(n.Content[0]), document.Follow(n.Content[1])
	if v.Kind != yaml.ScalarNode || k.Value != "env" && k.Value != "file" {
		return "", "", false
	}
	return k.Value, v.Value, true
}

func (r *reader) fetch(n *yaml.Node, ptr, what, kind, name string) (string, bool) {
	if kind == "env" {
		if !variableName.MatchString(name) {
			r.add("bad-value", n, ptr, "letters, digits and _, such as {env: STAGING_PASSWORD}", "%q is no name of a variable", name)
			return "", false
		}
		text, set := r.env(name)
		if !set {
			r.add("missing-variable", n, ptr, fmt.Sprintf("set it before the run: export %s=…, or take out what names it", name), "the variable %s is not set; it is to hold %s", name, what)
		}
		return text, set
	}
	file := r.path(name)
	info, err := os.Stat(file)
	if err != nil || info.IsDir() || info.Size() > maxSecret {
		r.add("missing-file", n, ptr, "a file with nothing but the secret, at most 64 KiB; its path is relative to this file", "%s cannot be read; it is to hold %s", file, what)
		return "", false
	}
	data, err := document.ReadFile(file)
	if err != nil {
		r.add("missing-file", n, ptr, "", "%s cannot be read; it is to hold %s", file, what)
		return "", false
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), true
}

// typed gives a text from a variable the type that a field has.
func typed(text string, n *schema.Node) any {
	switch {
	case n == nil || n.Is("string"):
	case n.Is("boolean") && (text == "true" || text == "false"):
		return text == "true"
	case n.Is("integer") || n.Is("number"):
		var num json.Number
		if json.Unmarshal([]byte(text), &num) == nil {
			return num
		}
	}
	return text
}

// said reads a text that may come from a variable.
func (r *reader) said(n *yaml.Node, ptr, what string) (text string, fetched, ok bool) {
	if kind, name, isRef := reference(n); isRef {
		text, ok = r.fetch(n, ptr, what, kind, name)
		return text, true, ok
	}
	text = r.text(n, ptr, what)
	return text, false, text != ""
}

func (r *reader) accounts(n *yaml.Node, ptr string) {
	c := r.out.Contract
	var kinds []string
	for _, k := range c.Records {
		kinds = append(kinds, k.Name)
	}
	if n.Kind != yaml.MappingNode {
		r.add("bad-type", n, ptr, specs.DidYouMean("", kinds), "accounts is a map of kinds")
		return
	}
	r.t.Records = map[string][]map[string]any{}
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		k := c.Record(e.Key)
		if k == nil {
			r.add("unknown-name", e.KeyAt, at, specs.DidYouMean(e.Key, kinds), "%s has no kind of record %q", c.Name, e.Key)
			continue
		}
		if e.Node.Kind != yaml.SequenceNode {
			r.add("bad-type", e.Node, at, "write - before the first field of each", "the accounts of a kind are a list")
			continue
		}
		for i, n := range e.Node.Content {
			r.t.Records[k.Name] = append(r.t.Records[k.Name], r.account(document.Follow(n), fmt.Sprintf("%s/%d", at, i), k, i))
		}
	}
}

// account reads one record. It may lack fields; those it has fit their schemas.
func (r *reader) account(n *yaml.Node, ptr string, k *specs.RecordKind, i int) map[string]any {
	out := map[string]any{}
	if n.Kind != yaml.MappingNode {
		r.add("bad-type", n, ptr, specs.DidYouMean("", k.Order), "an account is a map of fields")
		return out
	}
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		f, ok := k.Fields[e.Key]
		if !ok {
			r.add("unknown-name", e.KeyAt, at, specs.DidYouMean(e.Key, k.Order), "a %s has no field %q", k.Name, e.Key)
			continue
		}
		name := variable(r.out.Contract.Name, k.Name, f.Name)
		if i > 0 {
			name = variable(r.out.Contract.Name, k.Name, fmt.Sprint(i+1), f.Name)
		}
		v, ok := r.resolve(e.Node, at, field{what: k.Name + "." + f.Name, secret: f.Secret, variable: name, schema: f.Schema})
		if !ok {
			continue
		}
		v = value.Plain(v)
		out[f.Name] = v
		if f.Schema == nil {
			continue
		}
		check, err := r.out.Contract.Schemas.Compile(f.Schema.Pointer, schema.Request)
		if err != nil {
			continue
		}
		for _, bad := range check.Validate(v) {
			r.add("bad-value", e.Node, at+bad.Pointer, "", "%s.%s: %s", k.Name, f.Name, bad.Message)
		}
	}
	return out
}

func (r *reader) headers(n *yaml.Node, ptr string) {
	if n.Kind != yaml.MappingNode {
		r.add("bad-type", n, ptr, "write it as {X-Gateway: {env: NAME}}", "headers is a map")
		return
	}
	taken := carried(r.out.Contract)
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		name := http.CanonicalHeaderKey(e.Key)
		switch {
		case !httpguts.ValidHeaderFieldName(e.Key):
			r.add("bad-value", e.KeyAt, at, "letters, digits and -", "%q is no name of a header field", e.Key)
			continue
		case slices.Contains(taken, name):
			r.add("bad-value", e.KeyAt, at, "a gateway needs a field of its own", "%s is sent by the cases themselves, with what each of them checks", name)
			continue
		}
		text, fetched, ok := r.said(e.Node, at, "the header "+name)
		if !ok {
			continue
		}
		if !httpguts.ValidHeaderFieldValue(text) {
			r.add("bad-value", e.Node, at, "", "the value of %s holds what no header field may hold", name)
			continue
		}
		if !fetched && (name == "Authorization" || name == "Cookie") {
			r.add("clear-secret", e.Node, at, "write {env: "+variable(r.out.Contract.Name, name)+"}", "%s holds a secret, and stands here in clear", name)
			continue
		}
		if fetched {
			r.t.Secrets = append(r.t.Secrets, text)
			if _, after, ok := strings.Cut(text, " "); ok { // Bearer …, Basic …
				r.t.Secrets = append(r.t.Secrets, after)
			}
		}
		r.t.Headers[name] = []string{text}
	}
}

// carried are the header fields that a contract's own requests carry.
func carried(c *specs.Contract) []string {
	out := []string{"Accept", "Connection", "Content-Length", "Content-Type", "Host", "Transfer-Encoding", "Expect", "Upgrade", "Te"}
	for _, op := range c.Operations {
		for _, l := range op.Proves {
			switch l.In {
			case specs.InHeader:
				out = append(out, http.CanonicalHeaderKey(l.Name))
			case specs.InCookie:
				out = append(out, "Cookie")
			case specs.InBearer, specs.InBasicUser, specs.InBasicPassword:
				out = append(out, "Authorization")
			}
		}
	}
	if len(c.Cookies) > 0 {
		out = append(out, "Cookie")
	}
	return out
}

// variable is the name of a variable made of words: book-shop, user, fullName
// is BOOK_SHOP_USER_FULL_NAME.
func variable(words ...string) string {
	var b strings.Builder
	for _, w := range words {
		if b.Len() > 0 {
			b.WriteByte('_')
		}
		lower := false
		for _, c := range w {
			switch {
			case c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c):
				b.WriteByte('_')
			case unicode.IsUpper(c) && lower:
				b.WriteByte('_')
				b.WriteRune(c)
			default:
				b.WriteRune(unicode.ToUpper(c))
			}
			lower = unicode.IsLower(c)
		}
	}
	name := b.String()
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}
