package session

import (
	"slices"

	"github.com/mockauth/mockauth/specs"
)

// untold notes which fields of records were asked for that nobody told: a
// checker knows an account by what logs it in, and little more. A machine that
// knows everything has none.
type untold struct {
	fields  []string // kind.field, in the order in which they were asked for
	assumed []Assumption
}

func (u *untold) add(kind, field string) {
	if u != nil {
		u.fields = append(u.fields, kind+"."+field)
	}
}

// mark is where the notes end now; since returns what came after it.
func (u *untold) mark() int {
	if u == nil {
		return 0
	}
	return len(u.fields)
}

func (u *untold) since(mark int) []string {
	if u == nil || len(u.fields) == mark {
		return nil
	}
	out := slices.Clone(u.fields[mark:])
	slices.Sort(out)
	return slices.Compact(out)
}

// unknownFact is in the facts of a session what rests on a field that nobody
// told.
type unknownFact struct{}

// Assumption is a condition that was taken to hold, since nobody told what it
// rests on.
type Assumption struct {
	Need *specs.Need
	// Fields are what nobody told, as kind.field, in alphabetical order.
	Fields []string
	// Met: with nothing in the place of what nobody told, it holds.
	Met bool
}

// Assumed returns the conditions that were taken to hold: accounts that are told
// in part are taken for ordinary ones.
func (d *Decision) Assumed() []Assumption {
	if u := d.scope.untold; u != nil {
		return u.assumed
	}
	return nil
}

// holds decides a condition. What rests on fields that nobody told is taken to
// hold.
func (d *Decision) holds(n *specs.Need, s *scope) (ok bool, undecided string) {
	before := s.untold.mark()
	ok, undecided = n.That.Holds(s)
	fields := s.untold.since(before)
	if len(fields) == 0 {
		return ok, undecided
	}
	s.untold.assumed = append(s.untold.assumed, Assumption{Need: n, Fields: fields, Met: ok})
	return true, ""
}

// Writes returns the fields that the request changes of records that no request
// made, as kind.field, in alphabetical order. It must be called in the same
// Store.Update as Decide, or where nothing else uses the store.
func (d *Decision) Writes() []string {
	d.settle()
	var out []string
	for _, x := range d.Sets {
		if x.record.Made {
			continue
		}
		fields := x.fields
		if fields == nil && x.set != nil && x.set.All != nil {
			fields = d.values(x.record.Kind, nil, x.set.All)
		}
		for name := range fields {
			out = append(out, x.record.Kind.Name+"."+name)
		}
		if x.fields == nil && x.set != nil { // put off, see settle
			for _, v := range x.set.Values {
				out = append(out, x.record.Kind.Name+"."+v.Name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
