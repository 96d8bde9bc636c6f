package conformance

import (
	"context"
	"net/http"
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

// closer finds a request that ends a session, and, unless the accounts are the
// run's own, nothing that it did not open; nil if the contract has none.
func (x *run) closer(ctx context.Context, y *session.Session) *closing {
	p := x.r.plan
	w := &way{shadow: x.shadow}
	w.look()
	e := &explorer{contract: p.Contract, seed: p.seed, ops: p.ops, empty: w, ways: []*way{w}, light: true}
	for _, op := range p.Contract.Operations {
		if len(op.Ends) == 0 || touchesOthers(op) && !p.Target.Capabilities.Exclusive {
			continue
		}
		for _, c := range e.plain(w, op, maxLight) {
			if c.p.Failure != nil || !slices.ContainsFunc(c.p.Ends, func(z any) bool {
				s, ok := z.(*session.Session)
				return ok && s.ID == y.ID
			}) {
				continue
			}
			st := c.step("log out what the case opened")
			var out *outgoing
			var err error
			x.shadow.store.Update(func(tx session.Tx) { out, err = c.request.build(ctx, x.shadow.to, x.shadow.fill(tx)) })
			if err == nil {
				return &closing{st, out}
			}
		}
	}
	return nil
}

// register keeps in the ledger how to close what lives.
func (x *run) register(ctx context.Context) {
	l := x.r.options.Ledger
	if l == nil || x.world != nil {
		return
	}
	alive := map[string]bool{}
	for _, y := range x.live() {
		id := x.c.ID + " " + x.name(y)
		alive[id] = true
		if c := x.closer(ctx, y); c != nil {
			x.opened[id] = true
			err := l.Opened(id, Closer{Case: x.c.ID, Requests: []CloseRequest{{Method: c.out.http.Method, URL: c.out.http.URL.String(), Header: http.Header(c.out.http.Header), Body: c.out.raw}}})
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

// closeSessions ends the sessions that the case opened and that live.
func (x *run) closeSessions(ctx context.Context) {
	for tries := 0; tries < 20; tries++ {
		list := x.live()
		var c *closing
		var y *session.Session
		for _, y = range list {
			if c = x.closer(ctx, y); c != nil {
				break
			}
		}
		if c == nil {
			break
		}
		reply, err := x.r.client.Do(ctx, c.out.http)
		if err != nil {
			x.r.used.Left++
			break
		}
		closed := false
		s := x.shadow
		s.store.Update(func(tx session.Tx) {
			p := s.judge(c.step.request, c.out, tx)
			status, _ := p.Status()
			a := readAnswer(reply, c.step.request.op, p.Decision, status, p.typ)
			// A refusal of what is dead already is as good.
			closed = !a.refuses(x.r.plan.Contract, p.Decision) || reply.Status == 401 || reply.Status == 403 || reply.Status == 404 || reply.Status == 410
			if _, err := p.Apply(); err != nil {
				closed = false
			}
			s.remember(p.Decision)
		})
		if !closed {
			x.r.used.Left++
			return
		}
		x.r.used.Closed++
	}
	if l := x.r.options.Ledger; l != nil {
		for id := range x.opened {
			_ = l.Closed(id)
		}
	}
}
