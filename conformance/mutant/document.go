package mutant

import (
	"net/http"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/mockauth/mockauth/conformance/internal/weight"
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

// refusalsAtLarge makes the mutants of how refusals are written.
func (m *maker) refusalsAtLarge() {
	marks := make([]specs.Mark, 0, len(m.refusals))
	for _, r := range m.refusals {
		marks = append(marks, weight.Weakest(r.rule("shape").marks))
	}
	r := m.rule("/x-session/failures", 0, weight.Strongest(marks))
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
