package conformance

import (
	"regexp"
	"strings"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// jwtShape finds what looks like a JSON Web Token, wherever it stands.
var jwtShape = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)

// conceal makes the tokens in an answer known to the masker, those too that were
// not due in it: a server that answers otherwise than it must hands out tokens
// all the same. They are looked for wherever an answer of the operation may have
// one, in every cookie, and by the shape of a JSON Web Token.
func (x *run) conceal(op *specs.Operation, a *answer) {
	tokens := map[string]bool{}
	for _, k := range x.r.plan.Contract.Tokens {
		tokens[k.Name] = true
	}
	for _, answer := range op.Answers {
		binds := answer.Binds
		if answer.Example != nil {
			binds = append(binds[:len(binds):len(binds)], answer.Example.Binds...)
		}
		for _, b := range binds {
			for _, r := range b.Value.Refs() {
				if !tokens[r.Root] || len(r.Path) > 0 && r.Path[0] != "value" {
					continue
				}
				v, ok := a.at(b.At)
				if !ok {
					continue
				}
				x.hide(v)
				if v, ok := b.Value.Undo(v); ok {
					x.hide(v)
				}
			}
		}
	}
	for _, c := range a.cookies {
		x.hide(c.Value)
	}
	x.hideJWTs(string(a.Body))
	for _, list := range a.Header {
		for _, line := range list {
			x.hideJWTs(line)
		}
	}
}

func (x *run) hideJWTs(s string) {
	if !strings.Contains(s, "eyJ") {
		return // most hold none, and that is seen at once
	}
	for _, text := range jwtShape.FindAllString(s, -1) {
		x.hide(text)
	}
}

// shortestToken is the length from which a text may be a token that nobody
// foresaw: shorter ones are words, and masking those would spoil the report.
const shortestToken = 8

func (x *run) hide(v any) {
	if t, ok := value.Text(v); ok && len(t) >= shortestToken {
		x.r.mask.Add(t)
	}
}

// maxValue bounds the characters of a value in a mismatch.
const maxValue = 300

// shown is a value as reports show it: masked first, and shortened then.
func (x *run) shown(s string) string {
	s, cut := x.r.mask.Cut(s, maxValue)
	if cut {
		s += "…"
	}
	return s
}
