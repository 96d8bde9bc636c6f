package client

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/specs"
)

// scenario is one case: a behaviour of clients, what brings it about, and what
// is looked at.
type scenario struct {
	// name is the end of the case's id; its first part is the group.
	name, title string
	// law says what the demand rests on, if no pointer does.
	law      string
	severity conformance.Severity
	// op is the operation that it is about, for reports; pointer and mark are the
	// place of the contract that demands it.
	op      *specs.Operation
	pointer string
	mark    specs.Mark
	// needs are the actions that the client must have.
	needs []string
	// about is the action that it is about; what an action needs of the profile is
	// looked at before it runs. "": none in particular.
	about string
	// rehearsed: it must be known how the client goes about it.
	rehearsed bool
	// cause says how it is brought about, a step a line.
	cause []string
	run   func(ctx context.Context, s *stage)
}

func (x *scenario) group() string {
	group, _, _ := strings.Cut(x.name, ".")
	return group
}

// scenarios are the cases of a contract, in the order of a session's life.
func (f *facts) scenarios() []*scenario {
	return slices.Concat(f.wire(), f.understanding(), f.refusals(), f.lives(), f.races(), f.troubles(), f.leaks())
}

// login is the operation that reports show where a case is about logging in.
func (f *facts) login() *specs.Operation { return first(f.logins) }

// about is the operation that reports show for an action.
func (f *facts) about(action string) *specs.Operation {
	switch action {
	case driver.Login:
		return f.login()
	case driver.Renew, driver.Resume:
		return first(f.renewals, f.calls, f.logins)
	case driver.Logout:
		return first(f.logouts, f.logins)
	default:
		return first(f.calls, f.logins)
	}
}

func first(lists ...[]*specs.Operation) *specs.Operation {
	for _, l := range lists {
		if len(l) > 0 {
			return l[0]
		}
	}
	return nil
}

// without says why an action is of no use where a login gives only some kinds of
// token; "": it is of use.
func (f *facts) without(action string, given []string) string {
	ops, none := f.renewals, "no token that renews a session is issued under this profile"
	switch action {
	case driver.Renew:
	case driver.Logout:
		ops, none = f.logouts, "no token that a logout takes is issued under this profile"
	default:
		return ""
	}
	for _, op := range ops {
		if slices.ContainsFunc(finding(op), func(kind string) bool { return slices.Contains(given, kind) }) {
			return ""
		}
	}
	return none
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// manner is how a client goes about things: which operation it uses for what.
// It is learnt from one session in which nothing goes wrong.
type manner struct {
	ops   map[string]string // by action
	kinds []string          // of the tokens that its calls carry
	given []string          // kinds of all tokens that a login gave
	// renews: a call with an expired token made the client renew its session by
	// itself.
	renews bool
}

// rehearse learns the manner of the client, once for all runners. It returns
// what came of it if nothing can be learnt.
func (r *Runner) rehearse(ctx context.Context) *verdict {
	s := r.suite
	s.rehearsing.Do(func() {
		st := r.stage(s.contract.Name + ".client.rehearsal")
		defer st.close()
		if err := st.open(setting{}); err != nil {
			s.unfit = &verdict{status: conformance.NotTestable, why: "no world could be made: " + err.Error()}
			return
		}
		m := &manner{ops: map[string]string{}}
		if !st.learn(ctx, m) {
			s.unfit = &st.v
			if s.unfit.status == "" {
				s.unfit.status, s.unfit.why = conformance.NotTestable, "the client could not be watched through one session in which nothing goes wrong"
			}
			return
		}
		s.manner = m
	})
	if ctx.Err() != nil && s.unfit != nil {
		return &verdict{status: conformance.Interrupted, why: "the run was ended while it ran"}
	}
	return s.unfit
}

func (s *stage) learn(ctx context.Context, m *manner) bool {
	last := func(list []observed, is func(observed) bool) string {
		for _, o := range slices.Backward(list) {
			if is(o) {
				return o.Operation
			}
		}
		return ""
	}
	r, ok := s.login(ctx)
	if !ok {
		return false
	}
	m.ops[driver.Login] = last(s.seen(r.from), opened)
	for _, t := range s.tokens() {
		m.given = append(m.given, t.Kind)
	}
	if r, ok = s.call(ctx); !ok {
		return false
	}
	calls := s.seen(r.from)
	m.ops[driver.Call] = last(calls, called)
	for _, o := range calls {
		for _, p := range o.Presented {
			if called(o) && !slices.Contains(m.kinds, p.Kind) {
				m.kinds = append(m.kinds, p.Kind)
			}
		}
	}
	d, err := s.r.driver(ctx)
	if err != nil {
		return false
	}
	if d.About().Can(driver.Renew) {
		if r, ok = s.step(ctx, driver.Step{Do: driver.Renew}); ok {
			m.ops[driver.Renew] = last(s.seen(r.from), renewed)
		}
	}
	if d.About().Can(driver.Logout) {
		if r, ok = s.step(ctx, driver.Step{Do: driver.Logout}); ok {
			m.ops[driver.Logout] = last(s.seen(r.from), closed)
		}
	}
	s.v = verdict{}
	// How it behaves when its token has expired: under settings that end none, under
	// others.
	for _, mortal := range []bool{false, true} {
		if err := s.open(setting{turn: 1, mortal: mortal}); err != nil {
			return false
		}
		if _, ok = s.login(ctx); !ok {
			break
		}
		if _, ok = s.call(ctx); !ok {
			break
		}
		if !s.expire(m) {
			continue
		}
		if r, ok = s.step(ctx, driver.Step{Do: driver.Call}); ok {
			seen := s.seen(r.from)
			m.renews = slices.ContainsFunc(seen, renewed)
			if m.ops[driver.Renew] == "" {
				m.ops[driver.Renew] = last(seen, renewed)
			}
		}
		break
	}
	s.v = verdict{}
	return true
}

// expire lets the time go by until a token that calls carry has expired, and
// those that outlive it have not. It reports false if none expires.
func (s *stage) expire(m *manner) bool {
	end, idle := life(s.seen(0), m.kinds)
	clock := s.world.Clock()
	now := clock.Now()
	switch {
	case !end.IsZero() && (idle == 0 || end.Before(now.Add(idle))):
		clock.Advance(end.Sub(now) + ticks)
	case idle > 0:
		clock.Advance(idle + ticks)
	default:
		return false
	}
	return true
}
