package specs

import (
	"fmt"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

// records checks the kinds of record and their demo records.
func (k *checker) records() {
	keys := map[string]map[string]bool{}
	for _, r := range k.c.Records {
		k.key(r)
		keys[r.Name] = map[string]bool{}
		for _, d := range r.Demo {
			key, ok := value.Text(d.Value[r.Key])
			if ok && keys[r.Name][key] {
				k.add(nil, "duplicate", demoPointer(r), d.Line, "give it another", "two demo records %s have the %s %q", r.Name, r.Key, key)
			}
			keys[r.Name][key] = true
		}
	}
	for _, r := range k.c.Records {
		if r.Pointer == "" {
			continue
		}
		v, err := k.c.Schemas.Compile(r.Pointer, schema.Request)
		if err != nil {
			continue // said where the schema stands
		}
		for i, d := range r.Demo {
			at := fmt.Sprintf("%s/%d/value", demoPointer(r), i)
			for _, f := range v.Validate(d.Value) {
				k.add(nil, "demo-record", at+f.Pointer, k.lineBelow(at+f.Pointer, d.Line), "the schema is "+r.Pointer, "a demo record %s breaks its schema: %s %s", r.Name, f.Pointer, f.Message)
			}
			for _, name := range sortedKeys(d.Value) {
				k.demoField(r, name, d, at, keys)
			}
		}
	}
}

func demoPointer(r *RecordKind) string { return "/x-session/records" + value.Pointer(r.Name) + "/demo" }

func (k *checker) lineBelow(pointer string, line int) int {
	if n, _ := k.c.Doc.Nearest(pointer); n != nil && n.Line > line {
		return n.Line
	}
	return line
}

func (k *checker) demoField(r *RecordKind, name string, d DemoRecord, at string, keys map[string]map[string]bool) {
	ptr := at + value.Pointer(name)
	f, ok := r.Fields[name]
	if !ok {
		k.add(nil, "demo-record", ptr, k.lineBelow(ptr, d.Line), didYouMean(name, r.Order), "the record %s has no property %q", r.Name, name)
		return
	}
	v := d.Value[name]
	// What a demo record refers to may stand in the world file beside the
	// contract; only where there are demo records of that kind, it must be one.
	if f.Refers == "" || v == nil || len(keys[f.Refers]) == 0 {
		return
	}
	refs, ok := v.([]any)
	if !ok {
		refs = []any{v}
	}
	for _, x := range refs {
		if key, ok := value.Text(x); !ok || !keys[f.Refers][key] {
			k.add(nil, "demo-record", ptr, k.lineBelow(ptr, d.Line), didYouMean(key, sortedKeys(keys[f.Refers])), "%s.%s names no demo record %s", r.Name, name, f.Refers)
		}
	}
}

// key reports a key that cannot name a record.
func (k *checker) key(r *RecordKind) {
	f, ok := r.Fields[r.Key]
	if !ok || f.Schema == nil {
		return
	}
	if f.Schema.Is("object") || f.Schema.Is("array") {
		k.add(nil, "bad-type", "/x-session/records"+value.Pointer(r.Name)+"/key", 0, "a key is text or a number", "the key of the record %s is the property %q, which is %s", r.Name, r.Key, k.shapeOf([]*schema.Node{f.Schema}))
	}
}

// names reports one name for two things that an expression could mean.
func (k *checker) names() {
	c := k.c
	taken := map[string]string{}
	for _, n := range []string{"settings", "request", "now", "base", "href", "session", "token", "failure", "never", "absent", "response"} {
		taken[n] = "a name of the contract language"
	}
	claim := func(name, what, ptr string) {
		if old, ok := taken[name]; ok {
			k.add(nil, "duplicate", ptr, 0, "give one of them another name", "%q is %s and %s", name, old, what)
			return
		}
		taken[name] = what
	}
	for _, t := range c.Tokens {
		claim(t.Name, "a token", "/x-session/tokens"+value.Pointer(t.Name))
	}
	for _, l := range c.Lets {
		claim(l.Name, "a let", "/x-session/let"+value.Pointer(l.Name))
	}
	for _, f := range c.Session.Facts {
		claim(f.Name, "a fact of the session", "/x-session/session/holds"+value.Pointer(f.Name))
	}
	for _, r := range c.Records {
		// A fact that holds a record of the same name is the normal case.
		if f, ok := c.Session.Fact(r.Name); ok && f.Record == r.Name {
			continue
		}
		claim(r.Name, "a kind of record", "/x-session/records"+value.Pointer(r.Name))
	}
	for _, op := range c.Operations {
		own := map[string]bool{}
		for _, l := range op.Lets {
			own[l.Name] = true
			// A fact or a let of the document may be computed anew here.
			_, isRole := op.Roles[l.Name]
			if c.Token(l.Name) != nil || isRole || reserved(l.Name) {
				k.add(op, "duplicate", l.Expr.Pointer, l.Expr.Line, "give it another name", "the let %q hides the role or token of that name", l.Name)
			}
		}
		for _, role := range sortedKeys(op.Roles) {
			if c.Token(role) != nil || reserved(role) {
				k.add(op, "duplicate", op.Pointer+"/x-session", 0, "give the role another name with finds", "the role %q has the name of a token, or of the contract language", role)
			}
		}
		for _, o := range op.Opens {
			_, isRole := op.Roles[o.As]
			if o.As != "" && (isRole || own[o.As] || c.Token(o.As) != nil || reserved(o.As)) {
				k.add(op, "duplicate", op.Pointer+"/x-session/opens", 0, "give it another name", "the session %q has the name of something else", o.As)
			}
		}
	}
}

func reserved(name string) bool {
	switch name {
	case "settings", "request", "now", "base", "href", "session", "token", "failure", "never", "absent":
		return true
	}
	return false
}
