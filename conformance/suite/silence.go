package suite

import (
	"fmt"

	"github.com/mockauth/mockauth/conformance"
)

// maxSilent is after how many cases in a row that got no answer a run gives the
// target up: each costs a whole timeout, and hundreds of them hours.
const maxSilent = 5

// silence counts the cases in a row in which a request got no answer.
type silence struct {
	cases int
	last  conformance.Fault
}

// note counts a verdict. Once the target is given up, it stays so.
func (s *silence) note(v conformance.Verdict) {
	switch {
	case s.over() || v.Status == conformance.Excluded || v.Status == conformance.Interrupted:
	case v.Fault.Silent():
		s.cases, s.last = s.cases+1, v.Fault
	default:
		s.cases = 0
	}
}

// over reports whether the target is given up.
func (s *silence) over() bool { return s.cases >= maxSilent }

// verdict is that on a case that is not tried any more.
func (s *silence) verdict(k *conformance.Case) conformance.Verdict {
	if k.Excluded != "" {
		return conformance.Verdict{Info: k.Info, Status: conformance.Excluded, Why: k.Excluded}
	}
	return conformance.Verdict{Info: k.Info, Status: conformance.NotTestable, Why: s.words()}
}

// words say why the target was given up; "": it was not.
func (s *silence) words() string {
	if !s.over() {
		return ""
	}
	return fmt.Sprintf("the target stopped answering: in %d cases in a row a request got no answer (%s), so the others were not tried", maxSilent, s.last)
}
