package session

import (
	"strings"

	"github.com/mockauth/mockauth/specs"
)

// refusal is the answer that the contract gives for a reason, put together
// member by member.
type refusal struct {
	status  *specs.Value
	example *specs.Example
	noBody  bool
	binds   []*specs.AnswerBind
	entry   *specs.FailureEntry // the most special one: its evidence counts
	from    []string            // pointers of the entries that gave a member, and of entry
}

// refusal looks the answer for the failure up: operation, token kind, document;
// in each the longest prefix first. It is nil if the contract has none.
func (d *Decision) refusal() *refusal {
	if !d.looked {
		d.refused, d.looked = d.lookUp(), true
	}
	return d.refused
}

func (d *Decision) lookUp() *refusal {
	levels := make([]specs.FailureTable, 0, 3)
	if d.Op != nil {
		levels = append(levels, d.Op.Failures)
	}
	if k := d.Failure.Token; k != nil {
		levels = append(levels, k.Failures)
	}
	levels = append(levels, d.scope.m.Contract.Failures)
	var out *refusal
	for _, table := range levels {
		for prefix := d.Failure.Reason; prefix != ""; prefix = specs.WiderReason(prefix) {
			e := d.entry(table[prefix])
			if e == nil {
				continue
			}
			gave := out == nil
			if out == nil {
				out = &refusal{entry: e}
			}
			if out.status == nil && e.Status != nil {
				out.status, gave = e.Status, true
			}
			if out.example == nil && !out.noBody && (e.Example != nil || e.NoBody) {
				out.example, out.noBody, gave = e.Example, e.NoBody, true
			}
			if out.binds == nil && e.Binds != nil {
				out.binds, gave = e.Binds, true
			}
			if gave {
				out.from = append(out.from, e.Pointer)
			}
		}
	}
	if out == nil || out.status == nil {
		return nil
	}
	return out
}

// From returns the places of the contract that the answer comes from, as JSON
// pointers: one of the operation's answers, or the entries of failures that
// were put together. It is empty where the contract says nothing.
func (d *Decision) From() []string {
	switch {
	case d.Failure != nil:
		if r := d.refusal(); r != nil {
			return r.from
		}
	case d.Answer != nil:
		return []string{d.Answer.Pointer}
	}
	return nil
}

func (d *Decision) entry(list []*specs.FailureEntry) *specs.FailureEntry {
	for _, e := range list {
		ok, undecided := e.When.Holds(&d.scope)
		d.note(undecided)
		if ok {
			return e
		}
	}
	return nil
}

// ClientError is the key that a conforming client raises for this failure, or
// "".
func (d *Decision) ClientError() string {
	if d.Failure == nil || d.Op == nil {
		return ""
	}
	for prefix := d.Failure.Reason; prefix != ""; prefix = specs.WiderReason(prefix) {
		for _, r := range d.Op.Raises {
			if r.Reason == prefix {
				return r.Key
			}
		}
	}
	return ""
}

// defaultStatus is the HTTP status of a reason that the contract does not
// answer.
func defaultStatus(reason string) int {
	for _, c := range []struct {
		prefix string
		status int
	}{
		{"request.path", 404}, {"request.method", 405}, {"request.accept", 406}, {"request.media", 415}, {"request.size", 413},
		{"request", 400}, {"token", 401}, {"credentials", 401}, {"record.unknown", 404}, {"permission", 403}, {"limit", 429}, {"other", 500}, {"fault", 500},
	} {
		if reason == c.prefix || strings.HasPrefix(reason, c.prefix+".") {
			return c.status
		}
	}
	return 403
}
