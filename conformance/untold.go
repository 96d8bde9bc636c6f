package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/session"
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

// certain reports whether there is a request that succeeds by what is told.
func certain(bases []*candidate) bool {
	return slices.ContainsFunc(bases, func(c *candidate) bool { return !assumes(c) })
}

// untold says why a refusal proves nothing: the server refuses as it would if an
// account lacked what the target file does not tell; "" if that is not so.
func untold(p *predicted, a *answer, req *session.Request, at session.Moment, m *session.Machine) string {
	if p.Failure != nil {
		return ""
	}
	for _, x := range p.Assumed() {
		d := m.Refuse(p.Op, req, at, &session.Failure{Reason: x.Need.Else})
		if status, _ := d.Status(); status != a.Status {
			continue
		}
		return fmt.Sprintf("the server answers as if it did not hold that %s, and the target file does not say %s: say it there, or name an account for which it holds",
			strings.Join(strings.Fields(x.Need.That.Src), " "), strings.Join(x.Fields, ", "))
	}
	return ""
}
