package conformance

import "slices"

// Operations are the ids of the operations that the case calls, each once.
func (c *Case) Operations() []string {
	var out []string
	for _, s := range c.steps {
		if id := s.request.op.Op.ID; !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
