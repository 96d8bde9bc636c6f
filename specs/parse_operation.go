package specs

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/value"
)

func methods() []string {
	return []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}
}

type pendingOp struct {
	op  *Operation
	x   *yaml.Node
	ptr string
}

func (p *reader) operations(n *yaml.Node, ptr string) {
	var all []pendingOp
	nodes := map[string]*yaml.Node{}
	for _, pe := range document.Entries(n) {
		if strings.HasPrefix(pe.Key, "x-") {
			continue
		}
		item, itemPtr := p.deref(pe.Node, ptr+value.Pointer(pe.Key))
		for _, m := range methods() {
			node := document.Get(item, m)
			if node == nil {
				continue
			}
			op := &Operation{Method: strings.ToUpper(m), Path: pe.Key, Pointer: itemPtr + "/" + m, Line: node.Line, Failures: FailureTable{}, Undeclared: p.c.Undeclared}
			if id := document.Get(node, "operationId"); id != nil {
				op.ID = id.Value
			} else {
				op.ID = m + strings.NewReplacer("/", "_", "{", "", "}", "").Replace(pe.Key)
			}
			if s := document.Get(node, "summary"); s != nil {
				op.Summary = s.Value
			}
			if s := document.Get(node, "description"); s != nil {
				op.Description = s.Value
			}
			if p.c.ops[op.ID] != nil {
				p.addf("duplicate", node, op.Pointer, "give each operation a name of its own", "the operationId %q stands twice", op.ID)
			}
			p.parameters(op, document.Get(item, "parameters"), itemPtr+"/parameters")
			p.parameters(op, document.Get(node, "parameters"), op.Pointer+"/parameters")
			p.requestBody(op, document.Get(node, "requestBody"), op.Pointer+"/requestBody")
			p.responses(op, document.Get(node, "responses"), op.Pointer+"/responses")
			sec, secPtr := document.Get(node, "security"), op.Pointer+"/security"
			if sec == nil {
				sec, secPtr = document.Get(p.doc.Root, "security"), "/security"
			}
			p.security(op, sec, secPtr)
			p.c.Operations = append(p.c.Operations, op)
			p.c.ops[op.ID] = op
			x := document.Get(node, "x-session")
			nodes[op.ID] = x
			all = append(all, pendingOp{op, x, op.Pointer + "/x-session"})
		}
	}
	for _, o := range all {
		p.operation(o, nodes)
	}
	for _, o := range p.c.Operations {
		if len(o.Answers) == 0 {
			p.plainAnswer(o)
		}
		p.roles(o)
		o.locations()
	}
}

func (p *reader) parameters(op *Operation, n *yaml.Node, ptr string) {
	if n == nil {
		return
	}
	p.each(n, ptr, func(n *yaml.Node, ptr string) {
		n, ptr = p.deref(n, ptr)
		get := func(k string) string {
			if v := document.Get(n, k); v != nil {
				return v.Value
			}
			return ""
		}
		in, ok := map[string]Part{"path": InPath, "query": InQuery, "header": InHeader, "cookie": InCookie}[get("in")]
		if !ok {
			return // kin says so
		}
		par := &Parameter{Name: get("name"), In: in, Required: get("required") == "true"}
		if s := document.Get(n, "schema"); s != nil {
			par.Schema, par.Pointer = p.schemaAt(s, ptr+"/schema")
			par.Pointer = ptr + "/schema"
		}
		for i, old := range op.Parameters {
			if old.Name == par.Name && old.In == par.In {
				op.Parameters[i] = par
				return
			}
		}
		op.Parameters = append(op.Parameters, par)
	})
}

func (p *reader) content(n *yaml.Node, ptr string) []*Media {
	var out []*Media
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		typ, _, _ := strings.Cut(e.Key, ";")
		m := &Media{Type: strings.ToLower(strings.TrimSpace(typ))}
		if s := document.Get(e.Node, "schema"); s != nil {
			m.Schema, _ = p.schemaAt(s, at+"/schema")
			m.Pointer = at + "/schema"
		}
		for _, ex := range document.Entries(document.Get(e.Node, "examples")) {
			m.Examples = append(m.Examples, ex.Key)
		}
		out = append(out, m)
	}
	return out
}

func (p *reader) requestBody(op *Operation, n *yaml.Node, ptr string) {
	if n == nil {
		return
	}
	n, ptr = p.deref(n, ptr)
	if r := document.Get(n, "required"); r != nil {
		op.BodyRequired = r.Value == "true"
	}
	op.Body = p.content(document.Get(n, "content"), ptr+"/content")
}

func (p *reader) responses(op *Operation, n *yaml.Node, ptr string) {
	for _, e := range document.Entries(n) {
		if strings.HasPrefix(e.Key, "x-") {
			continue
		}
		node, at := p.deref(e.Node, ptr+value.Pointer(e.Key))
		op.Responses = append(op.Responses, &Response{Code: e.Key, Media: p.content(document.Get(node, "content"), at+"/content")})
	}
}

func (p *reader) security(op *Operation, n *yaml.Node, ptr string) {
	if n == nil {
		op.Anonymous = true
		return
	}
	if len(list(n)) == 0 {
		op.Anonymous = true
	}
	p.each(n, ptr, func(n *yaml.Node, ptr string) {
		entries := document.Entries(n)
		if len(entries) == 0 {
			op.Anonymous = true
			return
		}
		var alt []*Proof
		for _, e := range entries {
			s := p.c.Schemes[e.Key]
			if s == nil {
				p.addf("dangling-reference", e.KeyAt, ptr, didYouMean(e.Key, sortedKeys(p.c.Schemes)), "no security scheme is called %q", e.Key)
				continue
			}
			if s.Proof != nil {
				alt = append(alt, s.Proof)
			}
		}
		if len(alt) == 0 {
			// A document without sessions: what the scheme carries is not checked.
			op.Anonymous = true
			return
		}
		op.Security = append(op.Security, alt)
	})
}

// operation reads x-session of one operation. What `like` names is read for
// every word that is not given here.
func (p *reader) operation(o pendingOp, nodes map[string]*yaml.Node) {
	op, x := o.op, o.x
	own, circle := x, false
	seen := map[string]bool{op.ID: true}
	done := map[string]bool{}
	for x != nil {
		var next *yaml.Node
		nextID := ""
		words := p.operationWords(op)
		for name, f := range words {
			if done[name] {
				words[name] = nil
			}
			_ = f
		}
		words["like"] = func(n *yaml.Node, ptr string) {
			target, ok := nodes[n.Value]
			if ok && seen[n.Value] && x != own {
				circle = true
				return
			}
			if !ok || seen[n.Value] {
				p.addf("needless-like", n, ptr, didYouMean(n.Value, sortedKeys(nodes)), "like names %q, which is no other operation", n.Value)
				return
			}
			seen[n.Value] = true
			next, nextID = target, n.Value
		}
		before := len(p.findings)
		p.fields(x, o.ptr, "x-session of an operation", words)
		if x != own {
			p.findings = p.findings[:before] // said where it stands
		}
		for _, e := range document.Entries(x) {
			done[e.Key] = true
		}
		if next != nil {
			o.ptr = p.c.ops[nextID].Pointer + "/x-session"
		}
		x = next
	}
	if n := document.Get(own, "like"); circle && n != nil {
		p.addf("needless-like", n, op.Pointer+"/x-session/like", "let one of them say it all", "like leads from %s back to an operation that it came through", op.ID)
	}
}

func (p *reader) operationWords(op *Operation) map[string]func(*yaml.Node, string) {
	effect := func(into *[]*Effect, what string) func(*yaml.Node, string) {
		return func(n *yaml.Node, ptr string) {
			p.each(n, ptr, func(n *yaml.Node, ptr string) {
				e := &Effect{}
				if n.Kind == yaml.ScalarNode {
					e.What = p.expr(n, ptr)
				} else {
					p.fields(n, ptr, what, map[string]func(*yaml.Node, string){
						"what":     func(n *yaml.Node, ptr string) { e.What = p.expr(n, ptr) },
						"when":     func(n *yaml.Node, ptr string) { e.When = p.expr(n, ptr) },
						"evidence": func(n *yaml.Node, ptr string) { e.Evidence = p.evidence(n, ptr) },
					})
				}
				if e.What == nil {
					p.addf("missing-word", n, ptr, "such as {what: session, evidence: documented S1}", "%s does not say what", what)
					return
				}
				p.wantEvidence(e.Evidence, n, ptr, what)
				*into = append(*into, e)
			})
		}
	}
	values := func(named *[]NamedValue, all **Value) func(*yaml.Node, string) {
		return func(n *yaml.Node, ptr string) {
			if n.Kind == yaml.ScalarNode {
				*all = p.value(n, ptr)
				return
			}
			*named = p.named(n, ptr)
		}
	}
	return map[string]func(*yaml.Node, string){
		"like":    nil,
		"offered": func(n *yaml.Node, ptr string) { op.Offered = p.expr(n, ptr) },
		"accepts": func(n *yaml.Node, ptr string) {
			p.each(n, ptr, func(n *yaml.Node, ptr string) {
				if a := p.proof(n, ptr, nil); a != nil {
					op.Accepts = append(op.Accepts, a)
				}
			})
		},
		"let":   func(n *yaml.Node, ptr string) { op.Lets = p.lets(n, ptr) },
		"needs": func(n *yaml.Node, ptr string) { op.Needs = p.needs(n, ptr) },
		"opens": func(n *yaml.Node, ptr string) {
			p.each(n, ptr, func(n *yaml.Node, ptr string) {
				o := &Open{}
				p.fields(n, ptr, "opens", map[string]func(*yaml.Node, string){
					"as":   func(n *yaml.Node, ptr string) { o.As = p.text(n, ptr, "as") },
					"when": func(n *yaml.Node, ptr string) { o.When = p.expr(n, ptr) },
					"over": func(n *yaml.Node, ptr string) { o.Over = p.expr(n, ptr) },
					"with": func(n *yaml.Node, ptr string) {
						o.With = p.named(n, ptr)
						for _, w := range o.With {
							if _, ok := p.c.Session.Fact(w.Name); !ok {
								var names []string
								for _, f := range p.c.Session.Facts {
									names = append(names, f.Name)
								}
								p.addf("unknown-name", n, ptr, didYouMean(w.Name, names), "session.holds has no fact %q", w.Name)
							}
						}
					},
					"evidence": func(n *yaml.Node, ptr string) { p.evidence(n, ptr) },
				})
				op.Opens = append(op.Opens, o)
			})
		},
		"issues": func(n *yaml.Node, ptr string) {
			p.each(n, ptr, func(n *yaml.Node, ptr string) {
				i := &Issue{}
				kind := func(n *yaml.Node, ptr string) {
					i.Token = p.c.tokens[n.Value]
					if i.Token == nil {
						p.addf("dangling-reference", n, ptr, didYouMean(n.Value, sortedKeys(p.c.tokens)), "no token is called %q", n.Value)
					}
				}
				if n.Kind == yaml.ScalarNode {
					kind(n, ptr)
				} else {
					p.fields(n, ptr, "issues", map[string]func(*yaml.Node, string){
						"token": kind, "when": func(n *yaml.Node, ptr string) { i.When = p.expr(n, ptr) },
						"lifetime": func(n *yaml.Node, ptr string) { i.Lifetime = p.expr(n, ptr) },
						"evidence": func(n *yaml.Node, ptr string) { p.evidence(n, ptr) },
					})
				}
				if i.Token != nil {
					op.Issues = append(op.Issues, i)
				}
			})
		},
		"ends":    effect(&op.Ends, "what ends"),
		"keeps":   effect(&op.Keeps, "what is kept"),
		"resumes": func(n *yaml.Node, ptr string) { op.Resumes = p.expr(n, ptr) },
		"sets": func(n *yaml.Node, ptr string) {
			p.each(n, ptr, func(n *yaml.Node, ptr string) {
				s := &Set{}
				p.fields(n, ptr, "sets", map[string]func(*yaml.Node, string){
					"to":       func(n *yaml.Node, ptr string) { s.To = p.text(n, ptr, "to") },
					"when":     func(n *yaml.Node, ptr string) { s.When = p.expr(n, ptr) },
					"values":   values(&s.Values, &s.All),
					"evidence": func(n *yaml.Node, ptr string) { s.Evidence = p.evidence(n, ptr) },
				})
				if s.To == "" || s.Values == nil && s.All == nil {
					p.add("missing-word", n, ptr, "sets wants to and values", "such as {to: user, values: {password: $request.body#/newPassword}}")
					return
				}
				p.wantEvidence(s.Evidence, n, ptr, "this change")
				op.Sets = append(op.Sets, s)
			})
		},
		"creates": func(n *yaml.Node, ptr string) {
			p.each(n, ptr, func(n *yaml.Node, ptr string) {
				c := &Create{}
				p.fields(n, ptr, "creates", map[string]func(*yaml.Node, string){
					"record": func(n *yaml.Node, ptr string) {
						c.Record = p.c.records[n.Value]
						if c.Record == nil {
							p.addf("dangling-reference", n, ptr, didYouMean(n.Value, sortedKeys(p.c.records)), "no kind of record is called %q", n.Value)
						}
					},
					"as":       func(n *yaml.Node, ptr string) { c.As = p.text(n, ptr, "as") },
					"when":     func(n *yaml.Node, ptr string) { c.When = p.expr(n, ptr) },
					"values":   values(&c.Values, &c.All),
					"evidence": func(n *yaml.Node, ptr string) { c.Evidence = p.evidence(n, ptr) },
				})
				if c.Record == nil {
					p.add("missing-word", n, ptr, "creates wants record", "")
					return
				}
				if c.As == "" {
					c.As = c.Record.Name
				}
				p.wantEvidence(c.Evidence, n, ptr, "this new record")
				op.Creates = append(op.Creates, c)
			})
		},
		"answers": func(n *yaml.Node, ptr string) {
			p.each(n, ptr, func(n *yaml.Node, ptr string) {
				a := &Answer{Pointer: ptr, Line: n.Line}
				p.fields(n, ptr, "an answer", map[string]func(*yaml.Node, string){
					"when":        func(n *yaml.Node, ptr string) { a.When = p.expr(n, ptr) },
					"status":      func(n *yaml.Node, ptr string) { a.Status = p.value(n, ptr) },
					"example":     func(n *yaml.Node, ptr string) { a.Example = p.exampleNamed(n, ptr) },
					"bind":        func(n *yaml.Node, ptr string) { a.Binds = p.answerBinds(n, ptr) },
					"description": nil,
					"evidence":    func(n *yaml.Node, ptr string) { a.Evidence = p.evidence(n, ptr) },
				})
				if a.Status == nil {
					p.add("missing-word", n, ptr, "an answer has no status", "add status: 200")
					return
				}
				p.wantEvidence(a.Evidence, n, ptr, "this answer")
				op.Answers = append(op.Answers, a)
			})
		},
		"failures": func(n *yaml.Node, ptr string) { op.Failures = p.failures(n, ptr) },
		"raises": func(n *yaml.Node, ptr string) {
			for _, e := range document.Entries(n) {
				at := ptr + value.Pointer(e.Key)
				r := &Raise{Reason: strings.TrimSuffix(e.Key, ".*")}
				p.fields(e.Node, at, "raises", map[string]func(*yaml.Node, string){
					"key":      func(n *yaml.Node, ptr string) { r.Key = p.text(n, ptr, "key") },
					"evidence": func(n *yaml.Node, ptr string) { r.Evidence = p.evidence(n, ptr) },
				})
				p.wantEvidence(r.Evidence, e.Node, at, "this error key")
				op.Raises = append(op.Raises, r)
			}
		},
		"undeclared": func(n *yaml.Node, ptr string) { op.Undeclared = p.undeclared(n, ptr) },
	}
}

// roles works out which roles the operation's proofs can fill.
func (p *reader) roles(op *Operation) {
	op.Roles = map[string]string{}
	fill := func(role, kind string, ptr string) {
		if old, ok := op.Roles[role]; ok && old != kind {
			p.addf("duplicate", nil, ptr, "give one of them another name with finds", "the role %s is a %s and a %s", role, old, kind)
			return
		}
		op.Roles[role] = kind
	}
	op.proofs(func(pr *Proof, _ bool) {
		for role, kind := range pr.Finds {
			fill(role, kind, pr.Pointer)
		}
		for _, b := range pr.binds() {
			for _, t := range b.Alts {
				switch t.Kind {
				case FindRecord:
					fill(t.Role, t.Record, pr.Pointer)
				case FindToken:
					if pr.SameNone {
						continue
					}
					for _, f := range p.c.Session.Facts {
						if f.Record != "" {
							fill(f.Name, f.Record, pr.Pointer)
						}
					}
				}
			}
		}
		for _, e := range pr.Each {
			for role, kind := range e.Finds {
				fill(role, kind, pr.Pointer)
			}
		}
	})
}

var pathParam = regexp.MustCompile(`\{([^{}]+)\}`)

// PathParameters returns the names of the template's parameters, in order.
func (o *Operation) PathParameters() []string {
	var out []string
	for _, m := range pathParam.FindAllStringSubmatch(o.Path, -1) {
		out = append(out, m[1])
	}
	return out
}

// plainAnswer gives an operation without answers the one that standard OpenAPI
// documents: its first success, with its example or a value that fits.
func (p *reader) plainAnswer(o *Operation) {
	var best *Response
	for _, r := range o.Responses {
		if strings.HasPrefix(r.Code, "2") && (best == nil || r.Code < best.Code) {
			best = r
		}
	}
	status := 200
	if best != nil {
		if n, err := strconv.Atoi(best.Code); err == nil {
			status = n
		}
	} else {
		best = o.Response(200)
	}
	a := &Answer{Status: &Value{Src: strconv.Itoa(status), Literal: json.Number(strconv.Itoa(status))}, Pointer: o.Pointer, Line: o.Line}
	o.Answers = []*Answer{a}
	if best == nil || len(best.Media) == 0 {
		return
	}
	m := best.Media[0]
	a.Sample = m.Schema
	at := p.doc.At(strings.TrimSuffix(m.Pointer, "/schema"))
	if at == nil {
		return
	}
	if n := document.Get(at, "example"); n != nil {
		a.Example = &Example{Name: a.Status.Src, Value: document.Value(n)}
		return
	}
	for _, e := range document.Entries(document.Get(at, "examples")) {
		n, _ := p.deref(e.Node, "")
		if v := document.Get(n, "value"); v != nil {
			a.Example = &Example{Name: e.Key, Value: document.Value(v)}
			return
		}
	}
}
