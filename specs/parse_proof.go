package specs

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/value"
)

func (p *reader) schemes(n *yaml.Node, ptr string) {
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		s := &Scheme{Name: e.Key}
		p.c.Schemes[e.Key] = s
		node, at := p.deref(e.Node, at)
		if x := document.Get(node, "x-session"); x != nil {
			s.Proof = p.proof(x, at+"/x-session", node)
			if s.Proof != nil {
				s.Proof.Scheme = e.Key
				if s.Proof.As == "" {
					s.Proof.As = e.Key
				}
			}
		}
	}
}

// schemeLocations is where a security scheme carries things: by the short
// names that its bind may use.
func (p *reader) schemeLocations(scheme *yaml.Node) map[string]Location {
	text := func(name string) string {
		if n := document.Get(scheme, name); n != nil {
			return n.Value
		}
		return ""
	}
	switch text("type") {
	case "apiKey":
		in := map[string]Part{"query": InQuery, "header": InHeader, "cookie": InCookie}[text("in")]
		return map[string]Location{"": {Src: "$request." + text("in") + "." + text("name"), In: in, Name: text("name")}}
	case "http":
		if strings.EqualFold(text("scheme"), "basic") {
			return map[string]Location{
				"username": {Src: "$request.basic.username", In: InBasicUser},
				"password": {Src: "$request.basic.password", In: InBasicPassword},
			}
		}
		return map[string]Location{"": {Src: "$request.bearer", In: InBearer}}
	case "oauth2", "openIdConnect":
		return map[string]Location{"": {Src: "$request.bearer", In: InBearer}}
	}
	return nil
}

// proof reads a proof; scheme is the security scheme it belongs to, or nil.
func (p *reader) proof(n *yaml.Node, ptr string, scheme *yaml.Node) *Proof {
	pr := &Proof{Pointer: ptr, Line: n.Line, Finds: map[string]string{}}
	// finds gives the roles their kinds, so it is read before the bindings.
	if f := document.Get(n, "finds"); f != nil {
		p.finds(f, ptr+"/finds", pr.Finds)
	}
	if s := document.Get(n, "scheme"); s != nil {
		sc := p.c.Schemes[s.Value]
		if sc == nil || sc.Proof == nil {
			p.addf("dangling-reference", s, ptr+"/scheme", didYouMean(s.Value, sortedKeys(p.c.Schemes)), "no security scheme with x-session is called %q", s.Value)
			return nil
		}
		copied := *sc.Proof
		pr = &copied
		pr.Pointer, pr.Line = ptr, n.Line
	}
	words := map[string]func(*yaml.Node, string){
		"as":     func(n *yaml.Node, ptr string) { pr.As = p.text(n, ptr, "as") },
		"scheme": nil, "finds": nil,
		"when": func(n *yaml.Node, ptr string) { pr.When = p.expr(n, ptr) },
		"bind": func(n *yaml.Node, ptr string) { pr.Binds = p.requestBinds(n, ptr, pr.Finds, scheme) },
		"may":  func(n *yaml.Node, ptr string) { pr.May = p.requestBinds(n, ptr, pr.Finds, scheme) },
		"each": func(n *yaml.Node, ptr string) { pr.Each = p.requestEach(n, ptr) },
		"also": func(n *yaml.Node, ptr string) {
			p.each(n, ptr, func(n *yaml.Node, ptr string) {
				if a := p.proof(n, ptr, nil); a != nil {
					pr.Also = append(pr.Also, a)
				}
			})
		},
		"optional": func(n *yaml.Node, ptr string) { pr.Optional = p.boolean(n, ptr, "optional") },
		"same": func(n *yaml.Node, ptr string) {
			pr.Same, pr.SameNone = nil, false
			if n.Value == "none" {
				pr.SameNone = true
				return
			}
			pr.Same = p.texts(n, ptr, "same")
		},
		"tolerate": func(n *yaml.Node, ptr string) {
			for _, r := range p.texts(n, ptr, "a reason") {
				pr.Tolerate = append(pr.Tolerate, strings.TrimSuffix(r, ".*"))
			}
		},
		"evidence": func(n *yaml.Node, ptr string) { pr.Evidence = p.evidence(n, ptr) },
	}
	p.fields(n, ptr, "a proof", words)
	if len(pr.Binds) == 0 && len(pr.May) == 0 && len(pr.Each) == 0 {
		p.add("missing-word", n, ptr, "a proof binds nothing", "add bind: {location: $token or $user.login, …}")
		return nil
	}
	p.wantEvidence(pr.Evidence, n, ptr, "this proof")
	return pr
}

func (p *reader) finds(n *yaml.Node, ptr string, into map[string]string) {
	for _, e := range document.Entries(n) {
		kind := p.text(e.Node, ptr+value.Pointer(e.Key), "a kind of record")
		if kind != "session" && p.c.records[kind] == nil {
			p.addf("dangling-reference", e.Node, ptr+value.Pointer(e.Key), didYouMean(kind, append(sortedKeys(p.c.records), "session")), "no kind of record is called %q", kind)
			continue
		}
		into[e.Key] = kind
	}
}

func (p *reader) requestBinds(n *yaml.Node, ptr string, finds map[string]string, scheme *yaml.Node) []*RequestBind {
	var short map[string]Location
	if scheme != nil {
		short = p.schemeLocations(scheme)
	}
	if n.Kind == yaml.ScalarNode || n.Kind == yaml.SequenceNode {
		l, ok := short[""]
		if !ok {
			p.add("bad-type", n, ptr, "bind is a map of location: value", "")
			return nil
		}
		return []*RequestBind{p.requestBind(n, ptr, l, finds)}
	}
	var out []*RequestBind
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		l, ok := short[e.Key]
		if !ok {
			if l, ok = p.location(e.KeyAt, e.Key, at, false); !ok {
				continue
			}
		}
		if l.Response {
			p.addf("bad-location", e.KeyAt, at, "the left side is where the request carries it", "%q is part of the answer", e.Key)
			continue
		}
		out = append(out, p.requestBind(e.Node, at, l, finds))
	}
	return out
}

func (p *reader) requestBind(n *yaml.Node, ptr string, l Location, finds map[string]string) *RequestBind {
	b := &RequestBind{At: l, Pointer: ptr, Line: n.Line}
	one := func(n *yaml.Node, ptr string) {
		t := &Target{}
		if n.Kind == yaml.MappingNode {
			p.fields(n, ptr, "a binding", map[string]func(*yaml.Node, string){
				"value":    func(n *yaml.Node, ptr string) { t.Value = p.value(n, ptr) },
				"else":     func(n *yaml.Node, ptr string) { b.Else = p.reason(n, ptr) },
				"evidence": func(n *yaml.Node, ptr string) { t.Evidence = p.evidence(n, ptr) },
			})
			if t.Value == nil {
				p.add("missing-word", n, ptr, "a binding wants value", "such as {value: $user.password, else: password.mismatch}")
				return
			}
		} else {
			t.Value = p.value(n, ptr)
		}
		p.classify(t, finds, n, ptr)
		b.Alts = append(b.Alts, t)
	}
	if n.Kind == yaml.SequenceNode {
		p.each(n, ptr, one)
	} else {
		one(n, ptr)
	}
	return b
}

// classify decides what the right side of a request binding looks up.
func (p *reader) classify(t *Target, finds map[string]string, n *yaml.Node, ptr string) {
	var ref *Ref
	for _, r := range t.Value.Refs() {
		if ref != nil {
			p.add("bad-value", n, ptr, "a binding of a request has one name in it", "split it, or compare with a let")
			return
		}
		ref = r
	}
	if ref == nil || ref.At != nil {
		return // compared
	}
	role := ref.Root
	kind, isRole := finds[role]
	if !isRole {
		if p.c.tokens[role] != nil {
			if len(ref.Path) == 0 || len(ref.Path) == 1 && ref.Path[0] == "value" {
				t.Kind, t.Token = FindToken, role
			}
			return
		}
		if p.c.records[role] == nil {
			return // settings, session, a let: compared
		}
		kind = role
	}
	if kind == "session" {
		if len(ref.Path) != 1 || ref.Path[0] != "id" {
			p.add("bad-value", n, ptr, "a session is found by its id", "write $"+role+".id")
			return
		}
		t.Kind, t.Role = FindSession, role
		return
	}
	k := p.c.records[kind]
	if len(ref.Path) != 1 {
		if len(ref.Path) == 0 {
			p.addf("bad-value", n, ptr, "write $"+role+"."+k.Key, "$%s is a record; which field of it?", role)
		}
		return
	}
	f, ok := k.Fields[ref.Path[0]]
	if !ok {
		p.addf("unknown-name", n, ptr, didYouMean(ref.Path[0], k.Order), "the record %s has no property %q", kind, ref.Path[0])
		return
	}
	t.Kind, t.Role, t.Record, t.Field, t.Secret = FindRecord, role, kind, f.Name, f.Secret
	k.Indexed[f.Name] = true
}

func (p *reader) requestEach(n *yaml.Node, ptr string) []*Each {
	var out []*Each
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		l, ok := p.location(e.KeyAt, e.Key, at, false)
		if !ok {
			continue
		}
		ea := &Each{At: l, Finds: map[string]string{}, Pointer: at, Line: e.Line}
		if f := document.Get(e.Node, "finds"); f != nil {
			p.finds(f, at+"/finds", ea.Finds)
		}
		p.fields(e.Node, at, "each of a proof", map[string]func(*yaml.Node, string){
			"finds": nil,
			"bind":  func(n *yaml.Node, ptr string) { ea.Binds = p.requestBinds(n, ptr, ea.Finds, nil) },
		})
		if len(ea.Finds) != 1 || len(ea.Binds) == 0 {
			p.add("missing-word", e.Node, at, "each wants one role in finds, and bind", "such as {finds: {chosen: session}, bind: {/id: $chosen.id}}")
			continue
		}
		out = append(out, ea)
	}
	return out
}
