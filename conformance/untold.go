package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// guesses reports whether a request that differs from one that succeeds is taken
// to succeed only since nobody told what an account has: the server may well
// refuse it, and be right.
func guesses(c *candidate) bool {
	if c.p.Failure != nil || c.how == "" || strings.HasPrefix(c.how, "accepting") {
		return false
	}
	return slices.ContainsFunc(c.p.Assumed(), func(a session.Assumption) bool { return !a.Met || dependsOnRequest(a.Need.That) })
}

// assumes reports whether a request is taken to succeed although it would not,
// if accounts had no more than what is told.
func assumes(c *candidate) bool {
	return slices.ContainsFunc(c.p.Assumed(), func(a session.Assumption) bool { return !a.Met })
}

// certain reports whether there are requests that succeed, and all of them by
// what is told.
func certain(bases []*candidate) bool {
	return len(bases) > 0 && !slices.ContainsFunc(bases, assumes)
}

// sameCodes reports whether an answer tells by the same codes as a refusal what
// it is about.
func sameCodes(o *wire.Operation, d *session.Decision, status int, typ string, codes []specs.Location, a *answer) bool {
	_, node, _ := o.Media(d, status, typ)
	r := d.Render(status, node)
	for _, l := range codes {
		if l.In != specs.InBody {
			continue
		}
		want, ok := value.Lookup(r.Body, l.Tokens)
		if got, there := value.Lookup(a.body, l.Tokens); ok && want != nil && (!there || !same(want, got)) {
			return false
		}
	}
	return true
}

// untold says why a refusal proves nothing: the server refuses as it would if an
// account lacked what the target file does not tell; "" if that is not so.
func untold(o *wire.Operation, p *predicted, a *answer, req *session.Request, at session.Moment, m *session.Machine) string {
	if p.Failure != nil {
		return ""
	}
	for _, x := range p.Assumed() {
		d := m.Refuse(p.Op, req, at, &session.Failure{Reason: x.Need.Else})
		if status, problem := d.Status(); status != a.Status || !problem && !sameCodes(o, d, status, p.typ, m.Contract.Envelope.Codes, a) {
			continue
		}
		return fmt.Sprintf("the server answers as if it did not hold that %s, and the target file does not say %s: say it there, or name an account for which it holds",
			strings.Join(strings.Fields(x.Need.That.Src), " "), strings.Join(x.Fields, ", "))
	}
	return ""
}
