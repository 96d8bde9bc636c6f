package mutant

import (
	"reflect"

	"github.com/mockauth/mockauth/specs"
)

// NoOp reports whether a mutant is its original.
func (m Mutant) NoOp() bool {
	if m.twist != nil || m.request != nil || m.answer != nil {
		return false
	}
	return m.contract == nil || same(m.origin.contract, m.contract())
}

func same(a, b *specs.Contract) bool {
	if a == b {
		return true
	}
	return reflect.DeepEqual(a.Operations, b.Operations) && reflect.DeepEqual(a.Tokens, b.Tokens) && reflect.DeepEqual(a.Records, b.Records) &&
		reflect.DeepEqual(a.Failures, b.Failures) && reflect.DeepEqual(a.Cookies, b.Cookies) && reflect.DeepEqual(a.Envelope, b.Envelope) && a.Media == b.Media && a.Undeclared == b.Undeclared
}

// Original is the mock that does not deviate, of the contract of a mutant.
func (m Mutant) Original() Mutant { return m.origin.original() }
