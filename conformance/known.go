package conformance

import (
	"fmt"
	"time"

	"github.com/mockauth/mockauth/specs"
)

// Fails reports whether a verdict with this status fails a run.
func (s Status) Fails() bool {
	switch s {
	case Failed, NotTestable, Fixed, Interrupted:
		return true
	default:
		return false
	}
}

// Excuse applies an entry of the known failures to the verdict on its case: a
// failure is known, and what passes is fixed. An entry that has expired excuses
// still: Stale says so, and fails the run by itself. What differs, is excluded
// or was interrupted stays what it is.
func Excuse(v Verdict, k KnownCase, now time.Time) Verdict {
	switch v.Status {
	case Failed, NotTestable:
		if why := v.Why; why != "" {
			v.Why = k.words(now) + " (" + why + ")"
		} else {
			v.Why = k.words(now)
		}
		v.Status = Known
	case Passed:
		v.Status, v.Why = Fixed, "it is listed among the known failures, and passes: take it off the list ("+k.words(now)+")"
	default:
	}
	v.Known = &k
	return v
}

// Stale says which entries of the known failures no longer hold for a plan: a
// sentence for each that matches no case, stands twice or has expired.
func Stale(p *Plan, known []KnownCase, now time.Time) []string {
	var out []string
	ids := make([]string, 0, len(p.Cases))
	planned := map[string]bool{}
	for _, c := range p.Cases {
		ids = append(ids, c.ID)
		planned[c.ID] = true
	}
	seen := map[string]bool{}
	for _, k := range known {
		switch {
		case seen[k.ID]:
			out = append(out, fmt.Sprintf("the known failure %s stands twice: leave one", k.ID))
		case !planned[k.ID]:
			out = append(out, fmt.Sprintf("the known failure %s is no case of this contract and target: take it off the list, or %s", k.ID, specs.DidYouMean(k.ID, ids)))
		case k.expired(now):
			out = append(out, fmt.Sprintf("the known failure %s expired on %s: mend it, or give it a new date (%s)", k.ID, k.Expires.Format(time.DateOnly), k.Reason))
		}
		seen[k.ID] = true
	}
	return out
}

// expired reports whether the day of expiry is over, in UTC.
func (k KnownCase) expired(now time.Time) bool {
	return k.Expires != nil && !now.Before(k.Expires.AddDate(0, 0, 1))
}

// words are reason, ticket and date of an entry.
func (k KnownCase) words(now time.Time) string {
	s := k.Reason
	if s == "" {
		s = "no reason given"
	}
	if k.Ticket != "" {
		s += ", " + k.Ticket
	}
	switch {
	case k.Expires == nil:
	case k.expired(now):
		s += ", expired on " + k.Expires.Format(time.DateOnly)
	default:
		s += ", until " + k.Expires.Format(time.DateOnly)
	}
	return s
}
