package mutant

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// document makes the mutants of what stands on the document: settings, media
// type, what all refusals share, cross-origin calls.
func (m *maker) document() {
	for _, s := range m.c.Settings {
		m.setting(s)
	}
	if e := m.c.Envelope.Status; e != nil {
		m.add("envelope-status-ignored", "", "", "Refusals have the status of their own, although "+e.Src+" says another.", m.rule(e.Pointer, e.Line), func() *specs.Contract {
			c := *m.c
			c.Envelope.Status = nil
			return &c
		}, m.some(e))
	}
	if e := m.c.Media; e != nil {
		m.add("media-ignored", "", "", "The media type of answers follows Accept alone.", m.rule(e.Pointer, e.Line), func() *specs.Contract {
			c := *m.c
			c.Media = nil
			return &c
		})
	}
	if m.c.Undeclared == "refuse" {
		m.add("undeclared-accepted", "", "", "Query parameters that no operation declares are accepted.", m.rule("/x-session/undeclared", 0), func() *specs.Contract {
			c := *m.c
			c.Undeclared = "ignore"
			return &c
		})
	}
	m.refusalsAtLarge()
	if cors := m.c.CORS; cors != nil {
		m.put(Mutant{Kind: "cors-lost", Says: "Answers do not allow calls from another origin.", answer: func(_ *specs.Operation, _ string, a *answer) {
			for name := range a.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					a.Header.Del(name)
				}
			}
		}}, "", "", m.rule("/x-session/cors", 0, cors.Evidence.Part("headers")), nil)
	}
}

// setting makes the mutant that takes a setting for its opposite: while it
// decides, not where the control API shows it. It weighs as much as the best of
// what depends on the setting; whether an operation is there does not count, as
// that is decided before.
func (m *maker) setting(s *specs.Setting) {
	marks := m.dependents(s.Name)
	if s.Type != "boolean" || len(marks) == 0 {
		return
	}
	m.put(Mutant{Kind: "setting-ignored", Says: fmt.Sprintf("The server behaves as if %s had its other value.", s.Name), twist: func(mm *session.Machine, op *specs.Operation, req *session.Request, at session.Moment) *session.Decision {
		mm.Settings = maps.Clone(mm.Settings)
		mm.Settings[s.Name] = mm.Settings[s.Name] != true
		return mm.Decide(op, req, at)
	}}, s.Name, "", m.rule("/x-session/settings/"+s.Name, 0, s.Evidence.Part("values"), strongest(marks)), nil)
}

// dependents are the marks of what a setting decides.
func (m *maker) dependents(name string) []specs.Mark {
	var out []specs.Mark
	add := func(op *specs.Operation, e *specs.Expr, mark specs.Mark) {
		if m.mentions(op, e, name, 0) {
			out = append(out, mark)
		}
	}
	table := func(op *specs.Operation, t specs.FailureTable) {
		for _, list := range t {
			for _, e := range list {
				add(op, e.When, e.Evidence.Part("status"))
			}
		}
	}
	defer func(op *specs.Operation) { m.op = op }(m.op)
	for _, op := range m.c.Operations {
		m.op = op
		proofs(op, func(p *specs.Proof, _ bool) { add(op, p.When, p.Evidence.Part("refusal")) })
		for _, n := range op.Needs {
			add(op, n.That, n.Evidence.Part("refusal"))
		}
		for _, e := range op.Ends {
			add(op, e.When, e.Evidence.Part("refusal"))
			add(op, e.What, e.Evidence.Part("refusal"))
		}
		for _, x := range op.Issues {
			add(op, x.When, works(op))
			add(op, x.Lifetime, x.Token.Evidence.Part("lifetime"))
		}
		for _, s := range op.Sets {
			add(op, s.When, s.Evidence.Part("values"))
		}
		for _, a := range op.Answers {
			if m.hasTwin(a) {
				continue
			}
			add(op, a.When, a.Evidence.Part("shape"))
		}
		table(op, op.Failures)
	}
	for _, k := range m.c.Tokens {
		add(nil, k.Lifetime, k.Evidence.Part("lifetime"))
		add(nil, k.Idle, k.Evidence.Part("idle"))
		for _, f := range k.Forms {
			add(nil, f.When, k.Evidence.Part("format"))
		}
		table(nil, k.Failures)
	}
	for _, k := range m.c.Records {
		for _, n := range k.Needs {
			add(nil, n.That, n.Evidence.Part("refusal"))
		}
	}
	table(nil, m.c.Failures)
	add(nil, m.c.Envelope.Status, specs.Mark{Reason: "it stands for all refusals"})
	return out
}

// mentions reports whether an expression looks at a setting, by its own words or
// by a let.
func (m *maker) mentions(op *specs.Operation, e *specs.Expr, name string, depth int) bool {
	if e == nil || depth > 10 {
		return false
	}
	names, err := e.Names()
	if err != nil {
		return false
	}
	for root, paths := range names {
		if src, ok := m.gate.let(op, root); ok && m.mentions(op, expression(src), name, depth+1) {
			return true
		}
		if root == "settings" && slices.ContainsFunc(paths, func(p []string) bool { return len(p) > 0 && p[0] == name }) {
			return true
		}
	}
	return false
}

// refusalsAtLarge makes the mutants of how refusals are written.
func (m *maker) refusalsAtLarge() {
	marks := make([]specs.Mark, 0, len(m.refusals))
	for _, r := range m.refusals {
		marks = append(marks, weakest(r.rule("shape").marks))
	}
	r := m.rule("/x-session/failures", 0, strongest(marks))
	refused := func(kind, detail, says string, change func(*answer)) {
		o := m.origin
		m.put(Mutant{Kind: kind, Says: says, answer: func(op *specs.Operation, outcome string, a *answer) {
			if op != nil && !o.outcomes[op.ID][outcome] && len(a.Body) > 0 {
				change(a)
			}
		}}, "refusals", detail, r, nil)
	}
	refused("content-type-changed", "", "Refusals say that they are text/plain.", func(a *answer) { setType(a, "text/plain") })
	refused("content-type-lost", "", "Refusals do not say what they are.", func(a *answer) { setType(a, "") })
	refused("body-lost", "", "Refusals have no body.", func(a *answer) { a.Body = nil })
	refused("refusal-as-html", "", "Refusals are HTML pages.", func(a *answer) {
		setType(a, "text/html")
		a.Body = []byte("<html><body>" + http.StatusText(a.Status) + "</body></html>")
	})
	n, ok := m.c.Schemas.Node(m.c.Envelope.Schema)
	if !ok || m.c.Envelope.Schema == "" {
		return
	}
	hasXML := slices.ContainsFunc(m.c.Operations, func(op *specs.Operation) bool {
		return slices.ContainsFunc(op.Responses, func(r *specs.Response) bool {
			return slices.ContainsFunc(r.Media, func(x *specs.Media) bool { return strings.HasSuffix(x.Type, "xml") })
		})
	})
	for _, l := range leaves(sample(n, 0), n, nil, 0) {
		at := value.Pointer(l.tokens...)
		if v, ok := otherType(l); ok {
			refused("type-changed", at, at+" in refusals has another type.", func(a *answer) {
				editJSON(a, func(body any) any {
					if _, ok := value.Lookup(body, l.tokens); ok {
						return value.Put(body, l.tokens, v)
					}
					return body
				})
			})
		}
		if hasXML && l.xml != "" {
			refused("xml-renamed", l.xml, l.xml+" in refusals has another name in XML.", func(a *answer) { editXML(a, func(e *etree.Element) { renameXML(e, l.xml) }) })
		}
	}
}
