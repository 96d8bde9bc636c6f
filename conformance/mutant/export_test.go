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
	return a == b || reflect.DeepEqual(parts(a), parts(b))
}

// parts are what a mutant may change of a contract.
func parts(c *specs.Contract) []any {
	return []any{c.Operations, c.Tokens, c.Records, c.Failures, c.Cookies, c.Envelope, c.Media, c.Undeclared}
}

// Original is the mock that does not deviate, of the contract of a mutant.
func (m Mutant) Original() Mutant { return m.origin.original() }
