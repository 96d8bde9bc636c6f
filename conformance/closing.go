package conformance

import (
	"context"
	"slices"

	"github.com/mockauth/mockauth/internal/session"
)

// closing is a request that ends a session.
type closing struct {
	step *step
	out  *outgoing
}

// live returns the sessions that the case opened and that live, by their id, the
// youngest first: a login on behalf of another ends before the one below it.
func (x *run) live() []*session.Session {
	var out []*session.Session
	s := x.shadow
	s.store.Update(func(tx session.Tx) {
		at := session.Moment{Now: s.now, Tx: tx}
		tx.EachSession(func(y *session.Session) {
			if s.machine.Alive(y, at) {
				out = append(out, y)
			}
		})
	})
	slices.SortFunc(out, func(a, b *session.Session) int { return b.By - a.By })
	return out
}

// closer finds a request that ends a session, or at least a token of it that
// lives, and, unless the accounts are the run's own, nothing that it did not
// open; nil if the contract has none.
func (x *run) closer(ctx context.Context, y *session.Session) *closing {
	p := x.r.plan
	w := &way{shadow: x.shadow}
	w.look()
	e := &explorer{contract: p.Contract, seed: p.seed, ops: p.ops, empty: w, ways: []*way{w}, light: true}
	var best *closing
	for _, op := range p.Contract.Operations {
		if len(op.Ends) == 0 || touchesOthers(op) && !p.Target.Capabilities.Exclusive {
			continue
		}
		for _, c := range e.plain(w, op, maxFurther) {
			whole, some := ends(c.p, y)
			if c.p.Failure != nil || !whole && (!some || best != nil) {
				continue
			}
			st := c.step("log out what the case opened")
			var out *outgoing
			var err error
			x.shadow.store.Update(func(tx session.Tx) { out, err = c.request.build(ctx, x.shadow.to, x.shadow.fill(tx), x.r.bodies) })
			if err != nil {
				continue
			}
			best = &closing{st, out}
			if whole {
				return best
			}
		}
	}
	return best
}

// ends reports whether a request ends a whole session, or a token of it that
// lives: some servers let access tokens outlive a log-out.
func ends(p *predicted, y *session.Session) (whole, some bool) {
	for _, z := range p.Ends {
		switch z := z.(type) {
		case *session.Session:
			whole = whole || z.ID == y.ID
		case *session.Token:
			some = some || z.Session == y.ID
		}
	}
	return whole, some
}

// register keeps in the ledger how to close what lives.
func (x *run) register(ctx context.Context) {
	l := x.r.options.Ledger
	if l == nil || x.world != nil {
		return
	}
	if !x.moved {
		return // it is closed as it was
	}
	alive := map[string]bool{}
	for _, y := range x.live() {
		id := x.c.ID + " " + x.name(y)
		alive[id] = true
		if c := x.closer(ctx, y); c != nil {
			if x.opened == nil {
				x.opened = map[string]bool{}
			}
			x.opened[id] = true
			err := l.Opened(id, Closer{Case: x.c.ID, Requests: []CloseRequest{{Method: c.out.http.Method, URL: c.out.http.URL.String(), Header: c.out.http.Header, Body: c.out.raw}}})
			if err != nil {
				x.r.ledgerErr = err
			}
		}
	}
	for id := range x.opened {
		if !alive[id] {
			delete(x.opened, id)
			_ = l.Closed(id) // closing it once more would do no harm
		}
	}
}

// name tells the sessions of a case apart, and does not change when an answer
// tells the session's id.
func (x *run) name(y *session.Session) string {
	return "step " + itoa(y.By) + "/" + itoa(len(y.Over))
}

// maxClosings bounds the requests that clean up after one case.
const maxClosings = 20

// closeSessions ends the sessions that the case opened and that live. What a
// contract has no way to end runs out by itself.
func (x *run) closeSessions(ctx context.Context) {
	touched, failed := map[string]bool{}, map[string]bool{}
	for range maxClosings {
		var c *closing
		var y *session.Session
		for _, y = range x.live() {
			if failed[y.ID] {
				continue
			}
			if c = x.closer(ctx, y); c != nil {
				break
			}
		}
		if c == nil {
			break
		}
		touched[y.ID] = true
		if !x.close(ctx, c) {
			failed[y.ID] = true
		}
	}
	left := map[string]bool{}
	open := 0
	for _, y := range x.live() {
		switch {
		case failed[y.ID]:
			left[x.c.ID+" "+x.name(y)] = true
			open++
		case !touched[y.ID]:
			open++
		}
	}
	x.r.used.Left += len(failed)
	x.r.used.Closed += max(0, x.r.used.Sessions-x.before-open)
	if l := x.r.options.Ledger; l != nil {
		for id := range x.opened {
			if !left[id] {
				_ = l.Closed(id)
			}
		}
	}
}

// close sends one request that ends something; it reports whether that is dead
// now.
func (x *run) close(ctx context.Context, c *closing) bool {
	reply, err := x.r.client.Do(ctx, c.out.http)
	if err != nil {
		return false
	}
	closed := false
	s := x.shadow
	s.store.Update(func(tx session.Tx) {
		p := s.judge(c.step.request, c.out, tx)
		status, _ := p.Status()
		a := x.r.bodies.readAnswer(reply, c.step.request.op, p.Decision, status, p.typ)
		// A refusal of what is dead already is as good.
		closed = !a.refuses(x.r.plan.Contract, p.Decision) || reply.Status == 401 || reply.Status == 403 || reply.Status == 404 || reply.Status == 410
		if !closed {
			return
		}
		if _, err := p.Apply(); err != nil {
			closed = false
		}
		s.remember(p.Decision)
	})
	return closed
}
