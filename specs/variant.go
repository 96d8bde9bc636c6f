package specs

import (
	"maps"
	"slices"
)

// The With functions make a contract that differs from c in one thing, and
// shares the rest with it: nothing of c is changed. What the new contract has is
// not checked; they are for contracts that are wrong on purpose.

// WithOperation returns the contract with op in the place of the operation that
// has the same id.
func (c *Contract) WithOperation(op *Operation) *Contract {
	v := *c
	v.Operations, v.ops = slices.Clone(c.Operations), maps.Clone(c.ops)
	for i, o := range v.Operations {
		if o.ID == op.ID {
			v.Operations[i] = op
		}
	}
	v.ops[op.ID] = op
	return &v
}

// WithoutOperation returns the contract without the operation that has this id.
func (c *Contract) WithoutOperation(id string) *Contract {
	v := *c
	v.ops = maps.Clone(c.ops)
	v.Operations = slices.DeleteFunc(slices.Clone(c.Operations), func(o *Operation) bool { return o.ID == id })
	delete(v.ops, id)
	return &v
}

// WithToken returns the contract with k in the place of the kind of token of
// the same name; the operations that issue it issue k.
func (c *Contract) WithToken(k *TokenKind) *Contract {
	v := *c
	old := c.tokens[k.Name]
	v.Tokens, v.tokens = slices.Clone(c.Tokens), maps.Clone(c.tokens)
	for i, t := range v.Tokens {
		if t == old {
			v.Tokens[i] = k
		}
	}
	v.tokens[k.Name] = k
	v.Operations, v.ops = slices.Clone(c.Operations), maps.Clone(c.ops)
	for i, op := range v.Operations {
		if !slices.ContainsFunc(op.Issues, func(x *Issue) bool { return x.Token == old }) {
			continue
		}
		o := *op
		o.Issues = slices.Clone(op.Issues)
		for j, x := range o.Issues {
			if x.Token == old {
				issue := *x
				issue.Token = k
				o.Issues[j] = &issue
			}
		}
		v.Operations[i], v.ops[o.ID] = &o, &o
	}
	return &v
}

// WithRecord returns the contract with k in the place of the kind of record of
// the same name; the operations that create one create k.
func (c *Contract) WithRecord(k *RecordKind) *Contract {
	v := *c
	old := c.records[k.Name]
	v.Records, v.records = slices.Clone(c.Records), maps.Clone(c.records)
	for i, r := range v.Records {
		if r == old {
			v.Records[i] = k
		}
	}
	v.records[k.Name] = k
	v.Operations, v.ops = slices.Clone(c.Operations), maps.Clone(c.ops)
	for i, op := range v.Operations {
		if !slices.ContainsFunc(op.Creates, func(x *Create) bool { return x.Record == old }) {
			continue
		}
		o := *op
		o.Creates = slices.Clone(op.Creates)
		for j, x := range o.Creates {
			if x.Record == old {
				create := *x
				create.Record = k
				o.Creates[j] = &create
			}
		}
		v.Operations[i], v.ops[o.ID] = &o, &o
	}
	return &v
}

// NewValue reads the right side of a binding, as a contract would have it.
func (c *Contract) NewValue(src any) (*Value, error) { return parseValue(src, c.codecs) }
