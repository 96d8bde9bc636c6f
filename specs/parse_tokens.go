package specs

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/value"
)

func (p *reader) parseTokens(n *yaml.Node, ptr string) {
	for _, e := range document.Entries(n) {
		t := &TokenKind{Name: e.Key, Failures: FailureTable{}}
		p.c.Tokens = append(p.c.Tokens, t)
		p.c.tokens[t.Name] = t
	}
	for _, e := range document.Entries(n) {
		p.parseToken(p.c.tokens[e.Key], e.Node, ptr+value.Pointer(e.Key))
	}
}

func (p *reader) parseToken(t *TokenKind, n *yaml.Node, ptr string) {
	single := TokenForm{}
	words := map[string]func(*yaml.Node, string){
		"schema": func(n *yaml.Node, ptr string) { single.Schema, single.Pointer = p.schemaAt(n, ptr) },
		"jwt":    func(n *yaml.Node, ptr string) { single.JWT = p.jwt(n, ptr) },
		"forms": func(n *yaml.Node, ptr string) {
			p.each(n, ptr, func(n *yaml.Node, ptr string) {
				f := TokenForm{}
				p.fields(n, ptr, "a form of a token", map[string]func(*yaml.Node, string){
					"when":   func(n *yaml.Node, ptr string) { f.When = p.expr(n, ptr) },
					"schema": func(n *yaml.Node, ptr string) { f.Schema, f.Pointer = p.schemaAt(n, ptr) },
					"jwt":    func(n *yaml.Node, ptr string) { f.JWT = p.jwt(n, ptr) },
				})
				if f.Schema == nil && f.JWT == nil {
					p.add("missing-word", n, ptr, "a form of a token has no schema and no jwt", "add one of them")
					return
				}
				t.Forms = append(t.Forms, f)
			})
		},
		"id":       func(n *yaml.Node, ptr string) { t.ID, _ = p.schemaAt(n, ptr) },
		"lifetime": func(n *yaml.Node, ptr string) { t.Lifetime = p.expr(n, ptr) },
		"cap": func(n *yaml.Node, ptr string) {
			p.each(n, ptr, func(n *yaml.Node, ptr string) {
				if x := p.expr(n, ptr); x != nil {
					t.Caps = append(t.Caps, x)
				}
			})
		},
		"idle":   func(n *yaml.Node, ptr string) { t.Idle = p.expr(n, ptr) },
		"forget": func(n *yaml.Node, ptr string) { t.Forget = p.expr(n, ptr) },
		"use": func(n *yaml.Node, ptr string) {
			switch n.Value {
			case "once":
				t.Once = true
			case "many":
			default:
				p.add("bad-type", n, ptr, "use is once or many", "")
			}
		},
		"limit": func(n *yaml.Node, ptr string) {
			l := &Limit{Replace: true}
			p.fields(n, ptr, "limit", map[string]func(*yaml.Node, string){
				"of":  func(n *yaml.Node, ptr string) { l.Of = p.text(n, ptr, "of") },
				"max": func(n *yaml.Node, ptr string) { l.Max = p.expr(n, ptr) },
				"then": func(n *yaml.Node, ptr string) {
					if n.Value != "replace" && n.Value != "refuse" {
						p.add("bad-type", n, ptr, "then is replace or refuse", "")
					}
					l.Replace = n.Value != "refuse"
				},
				"evidence": func(n *yaml.Node, ptr string) { p.evidence(n, ptr) },
			})
			if l.Of == "" || l.Max == nil {
				p.add("missing-word", n, ptr, "limit needs of and max", "such as {of: user, max: 1, then: replace}")
				return
			}
			t.Limit = l
		},
		"failures":    nil, // read when the examples are known
		"description": nil,
		"evidence":    func(n *yaml.Node, ptr string) { t.Evidence = p.evidence(n, ptr) },
	}
	p.fields(n, ptr, "a token", words)
	if single.Schema != nil || single.JWT != nil {
		if len(t.Forms) > 0 {
			p.add("duplicate", n, ptr, "a token has either forms, or one schema or jwt", "move it into forms")
		}
		t.Forms = append(t.Forms, single)
	}
	if len(t.Forms) == 0 {
		p.addf("missing-word", n, ptr, "add schema: {type: string, format: uuid}, or jwt: {…}", "the token %s does not say what it looks like", t.Name)
	}
	p.wantEvidence(t.Evidence, n, ptr, "the token "+t.Name)
}

func (p *reader) jwt(n *yaml.Node, ptr string) *JWT {
	j := &JWT{}
	p.fields(n, ptr, "jwt", map[string]func(*yaml.Node, string){
		"header": func(n *yaml.Node, ptr string) { j.Header = p.named(n, ptr) },
		"claims": func(n *yaml.Node, ptr string) { j.Claims = p.named(n, ptr) },
		"key":    func(n *yaml.Node, ptr string) { j.Key = p.value(n, ptr) },
	})
	hasAlg := false
	for _, h := range j.Header {
		hasAlg = hasAlg || h.Name == "alg"
	}
	if !hasAlg || j.Key == nil {
		p.add("missing-word", n, ptr, "a jwt needs header.alg and key", "such as header: {alg: HS256, typ: JWT}, key: $settings.secret")
		return nil
	}
	return j
}

// named reads a map of values in its order.
func (p *reader) named(n *yaml.Node, ptr string) []NamedValue {
	if n.Kind != yaml.MappingNode {
		p.add("bad-type", n, ptr, "a map of name: value is due here", "")
		return nil
	}
	var out []NamedValue
	for _, e := range document.Entries(n) {
		out = append(out, NamedValue{e.Key, p.value(e.Node, ptr+value.Pointer(e.Key))})
	}
	return out
}

func (p *reader) needs(n *yaml.Node, ptr string) []*Need {
	var out []*Need
	p.each(n, ptr, func(n *yaml.Node, ptr string) {
		need := &Need{}
		p.fields(n, ptr, "needs", map[string]func(*yaml.Node, string){
			"that":     func(n *yaml.Node, ptr string) { need.That = p.expr(n, ptr) },
			"why":      func(n *yaml.Node, ptr string) { need.Why = p.text(n, ptr, "why") },
			"else":     func(n *yaml.Node, ptr string) { need.Else = p.reason(n, ptr) },
			"evidence": func(n *yaml.Node, ptr string) { need.Evidence = p.evidence(n, ptr) },
		})
		if need.That == nil || need.Else == "" {
			p.add("missing-word", n, ptr, "needs wants that and else", "such as {that: user.active, else: account.blocked}")
			return
		}
		p.wantEvidence(need.Evidence, n, ptr, "this condition")
		out = append(out, need)
	})
	return out
}

func (p *reader) reason(n *yaml.Node, ptr string) string {
	r := p.text(n, ptr, "a reason")
	for s := range strings.SplitSeq(r, ".") {
		if name, rest := takeName(s); name == "" || rest != "" {
			p.addf("bad-type", n, ptr, "such as permission.denied", "%q is no reason: names joined by dots", r)
			return ""
		}
	}
	return r
}

// failuresLater reads the failure tables of the document and of the tokens,
// which need the examples.
func (p *reader) failuresLater() {
	x := document.Get(p.doc.Root, "x-session")
	if n := document.Get(x, "failures"); n != nil {
		p.c.Failures = p.failures(n, "/x-session/failures")
	}
	for _, e := range document.Entries(document.Get(x, "tokens")) {
		if n := document.Get(e.Node, "failures"); n != nil {
			if t := p.c.tokens[e.Key]; t != nil {
				t.Failures = p.failures(n, "/x-session/tokens"+value.Pointer(e.Key)+"/failures")
			}
		}
	}
}

func (p *reader) failures(n *yaml.Node, ptr string) FailureTable {
	out := FailureTable{}
	if n.Kind != yaml.MappingNode {
		p.add("bad-type", n, ptr, "failures is a map of reason: {status, example, …}", "")
		return out
	}
	for _, e := range document.Entries(n) {
		reason := strings.TrimSuffix(e.Key, ".*")
		at := ptr + value.Pointer(e.Key)
		p.each(e.Node, at, func(n *yaml.Node, ptr string) {
			f := &FailureEntry{Reason: reason, Pointer: ptr, Line: n.Line}
			p.fields(n, ptr, "a failure", map[string]func(*yaml.Node, string){
				"when":   func(n *yaml.Node, ptr string) { f.When = p.expr(n, ptr) },
				"status": func(n *yaml.Node, ptr string) { f.Status = p.value(n, ptr) },
				"example": func(n *yaml.Node, ptr string) {
					if isNull(n) {
						f.NoBody = true
						return
					}
					f.Example = p.exampleNamed(n, ptr)
				},
				"bind":        func(n *yaml.Node, ptr string) { f.Binds = p.answerBinds(n, ptr) },
				"description": nil,
				"evidence":    func(n *yaml.Node, ptr string) { f.Evidence = p.evidence(n, ptr) },
			})
			p.wantEvidence(f.Evidence, n, ptr, "the failure "+e.Key)
			out[reason] = append(out[reason], f)
		})
	}
	return out
}

func (p *reader) exampleNamed(n *yaml.Node, ptr string) *Example {
	name := p.text(n, ptr, "example")
	ex := p.c.Examples[name]
	if ex == nil {
		p.addf("dangling-reference", n, ptr, didYouMean(name, sortedKeys(p.c.Examples)), "components.examples has no %q", name)
	}
	return ex
}

func (p *reader) examples(n *yaml.Node, ptr string) {
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		ex := &Example{Name: e.Key, Value: document.Value(document.Get(e.Node, "value")), Line: e.Line}
		p.c.Examples[e.Key] = ex
		x := document.Get(e.Node, "x-session")
		if x == nil {
			continue
		}
		p.fields(x, at+"/x-session", "x-session of an example", map[string]func(*yaml.Node, string){
			"bind": func(n *yaml.Node, ptr string) { ex.Binds = p.answerBinds(n, ptr) },
			"each": func(n *yaml.Node, ptr string) {
				for _, e := range document.Entries(n) {
					at := ptr + value.Pointer(e.Key)
					l, ok := p.location(e.KeyAt, e.Key, at, true)
					ee := &ExampleEach{At: l, Pointer: at, Line: e.Line}
					p.fields(e.Node, at, "each of an example", map[string]func(*yaml.Node, string){
						"in":   func(n *yaml.Node, ptr string) { ee.In = p.expr(n, ptr) },
						"as":   func(n *yaml.Node, ptr string) { ee.As = p.text(n, ptr, "as") },
						"bind": func(n *yaml.Node, ptr string) { ee.Binds = p.answerBinds(n, ptr) },
					})
					if ee.In == nil || ee.As == "" {
						p.add("missing-word", e.Node, at, "each needs in and as", "such as {in: session.user.sessions, as: listed, bind: {/id: $listed.id}}")
						continue
					}
					if ok {
						ex.Each = append(ex.Each, ee)
					}
				}
			},
		})
	}
}

func (p *reader) answerBinds(n *yaml.Node, ptr string) []*AnswerBind {
	if n.Kind != yaml.MappingNode {
		p.add("bad-type", n, ptr, "bind is a map of location: value", "")
		return nil
	}
	var out []*AnswerBind
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		l, ok := p.location(e.KeyAt, e.Key, at, true)
		if !ok {
			continue
		}
		if !l.Response {
			p.addf("bad-location", e.KeyAt, at, "the left side is where it goes: a pointer, $response.header.X or $response.cookie.X", "%q is part of the request", e.Key)
			continue
		}
		out = append(out, &AnswerBind{l, p.value(e.Node, at)})
	}
	return out
}
