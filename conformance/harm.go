package conformance

import (
	"slices"
	"strings"
)

// Labels of cases that leave an account otherwise than they found it, where
// nothing can bring it back.
const (
	labelSecrets = "secrets" // changes a password
	labelLocks   = "locks"   // sends wrong passwords until the account is locked
)

// harms are the labels of what steps do to accounts that the run did not make.
func harms(steps []*step) []string {
	var out []string
	if slices.ContainsFunc(steps, func(st *step) bool { return st.secret }) {
		out = append(out, labelSecrets)
	}
	if slices.ContainsFunc(steps, func(st *step) bool { return strings.HasPrefix(st.outcome, "credentials.locked") }) {
		out = append(out, labelLocks)
	}
	return out
}

// harm is why a case is left out that would spoil the accounts for whatever comes
// after it, or "". A world ends with its accounts.
func (p *Plan) harm(x *Case) string {
	if p.Target.Capabilities.Worlds {
		return ""
	}
	switch {
	case slices.Contains(x.Labels, labelSecrets):
		return "it would change the password of an account, and nothing would change it back"
	case slices.Contains(x.Labels, labelLocks):
		return "it would lock an account"
	}
	return ""
}
