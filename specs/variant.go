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
	old := c.tokens[k.Name]
	v := c.withOperations(func(op *Operation) bool {
		found := false
		for i, x := range op.Issues {
			if x.Token == old {
				issue := *x
				issue.Token = k
				op.Issues[i], found = &issue, true
			}
		}
		return found
	})
	v.Tokens, v.tokens = slices.Clone(c.Tokens), maps.Clone(c.tokens)
	v.Tokens[slices.Index(v.Tokens, old)] = k
	v.tokens[k.Name] = k
	return v
}

// WithRecord returns the contract with k in the place of the kind of record of
// the same name; the operations that create one create k.
func (c *Contract) WithRecord(k *RecordKind) *Contract {
	old := c.records[k.Name]
	v := c.withOperations(func(op *Operation) bool {
		found := false
		for i, x := range op.Creates {
			if x.Record == old {
				create := *x
				create.Record = k
				op.Creates[i], found = &create, true
			}
		}
		return found
	})
	v.Records, v.records = slices.Clone(c.Records), maps.Clone(c.records)
	v.Records[slices.Index(v.Records, old)] = k
	v.records[k.Name] = k
	return v
}

// withOperations returns the contract with those operations changed for which
// change is true. It gets copies, whose lists of issues and creates are theirs.
func (c *Contract) withOperations(change func(*Operation) bool) *Contract {
	v := *c
	v.Operations, v.ops = slices.Clone(c.Operations), maps.Clone(c.ops)
	for i, op := range v.Operations {
		o := *op
		o.Issues, o.Creates = slices.Clone(op.Issues), slices.Clone(op.Creates)
		if change(&o) {
			v.Operations[i], v.ops[o.ID] = &o, &o
		}
	}
	return &v
}

// NewValue reads the right side of a binding, as a contract would have it.
func (c *Contract) NewValue(src any) (*Value, error) { return parseValue(src, c.codecs) }
