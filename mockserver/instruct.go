package mockserver

import (
	"fmt"
	"net/http"

	"github.com/mockauth/mockauth/mockserver/admin"
	"github.com/mockauth/mockauth/specs"
)

// Header fields by which a request asks the mock for what is a call of the control
// API otherwise, so that a test of a thousand cases spares a thousand calls. No
// contract and no journal sees them; the answer has them again where the mock did
// what they say. A mock whose control API wants a token, or is on another port,
// refuses such a request.
const (
	// AdvanceField lets so much time go by before the request, such as 20m or 30d.
	AdvanceField = "Mockauth-Advance"
	// KeepField keeps the world under this name when the request is decided, see
	// World.Keep. Where it cannot be kept, the request is answered all the same, and
	// a note in the journal says why.
	KeepField = "Mockauth-Keep"
)

// instructed reports whether a request asks the mock for more than an answer.
func instructed(r *http.Request) bool {
	return r.Header[AdvanceField] != nil || r.Header[KeepField] != nil
}

// obey does what is to be done before the request, and notes what is to be done
// after it. It reports false if that is refused, and then has answered.
func (x *exchange) obey() bool {
	advance, keep := x.r.Header.Get(AdvanceField), x.r.Header.Get(KeepField)
	why, status := x.unruly(), http.StatusForbidden
	if why == "" {
		status = http.StatusBadRequest
		why = x.tooMuch(advance, keep)
	}
	if why != "" {
		problem(x.w, status, "request.header", why)
		return false
	}
	x.r.Header.Del(AdvanceField)
	x.r.Header.Del(KeepField)
	x.keepAs = keep
	return true
}

// unruly says why a request may ask for nothing, or "".
func (x *exchange) unruly() string {
	if c := x.server.config; c.adminApart || c.adminToken != "" {
		return fmt.Sprintf("The control API of this mock is guarded, and %s and %s do what its calls do: send the calls.", AdvanceField, KeepField)
	}
	return admin.Barred(x.r)
}

// tooMuch says what in the fields cannot be done, or "", and lets the time go by.
func (x *exchange) tooMuch(advance, keep string) string {
	if keep != "" && !worldName.MatchString(keep) {
		return KeepField + ": " + sentence(badCheckpoint(keep))
	}
	if advance == "" {
		return ""
	}
	d, err := specs.ParseDuration(advance)
	if err != nil {
		return AdvanceField + " is a duration such as 20m, 90s, 24h or 30d."
	}
	if err := x.world.clock.try(func() { x.world.clock.advance(d) }); err != nil {
		return AdvanceField + ": " + sentence(err)
	}
	x.w.Header().Set(AdvanceField, advance)
	return ""
}

// sentence is what an error says, with a full stop.
func sentence(err error) string { return err.Error() + "." }

// keeping is decide, after which the world is kept.
func (x *exchange) keeping(decide func() *answer) func() *answer {
	return func() *answer {
		a := decide()
		if err := x.world.Keep(x.keepAs); err != nil {
			a.notes = append(a.notes, KeepField+": "+sentence(err))
			return a
		}
		x.w.Header().Set(KeepField, x.keepAs)
		return a
	}
}
