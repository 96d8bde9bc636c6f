package conformance

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// jwtStart is what every JSON Web Token begins with.
const jwtStart = "eyJ"

// jwtShape finds what looks like a JSON Web Token, wherever it stands.
var jwtShape = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)

// conceal makes the tokens in an answer known to the masker, those too that were
// not due in it: a server that answers otherwise than it must hands out tokens
// all the same. They are looked for wherever an answer of the operation may have
// one, in every cookie, and by the shape of a JSON Web Token.
func (x *run) conceal(op *specs.Operation, a *answer) {
	for _, b := range x.r.tokenBinds(op) {
		v, ok := a.at(b.At)
		if !ok {
			continue
		}
		x.hide(v)
		if v, ok := b.Value.Undo(v); ok {
			x.hide(v)
		}
	}
	for _, c := range a.cookies {
		x.hide(c.Value)
	}
	if bytes.Contains(a.Body, []byte(jwtStart)) {
		x.hideJWTs(string(a.Body))
	}
	for _, list := range a.Header {
		for _, line := range list {
			x.hideJWTs(line)
		}
	}
}

// tokenBinds are the bindings by which answers of an operation hand out tokens.
func (r *Runner) tokenBinds(op *specs.Operation) []*specs.AnswerBind {
	if out, known := r.handsOut[op]; known {
		return out
	}
	isToken := func(x *specs.Ref) bool {
		return r.plan.Contract.Token(x.Root) != nil && (len(x.Path) == 0 || x.Path[0] == "value")
	}
	var out []*specs.AnswerBind
	for _, answer := range op.Answers {
		all := answer.Binds
		if answer.Example != nil {
			all = slices.Concat(all, answer.Example.Binds)
		}
		for _, b := range all {
			if slices.ContainsFunc(b.Value.Refs(), isToken) {
				out = append(out, b)
			}
		}
	}
	r.handsOut[op] = out
	return out
}

func (x *run) hideJWTs(s string) {
	if !strings.Contains(s, jwtStart) {
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
