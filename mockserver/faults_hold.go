package mockserver

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// round is the callers of a hold who wait for each other. Guarded by the lock of
// the set.
type round struct {
	callers []*caller // in the order of arrival; once started, in that of release
	started bool
	gaveUp  bool
	timer   *time.Timer // of the patience
}

// caller is one of them.
type caller struct {
	turn   chan struct{} // closed when it may go on
	passed bool          // it is done, or has left
	timer  *time.Timer   // from its turn on: until the next one does not wait longer
}

// gate is a caller's place in a round.
type gate struct {
	set    *faultSet
	fault  *laidFault
	round  *round
	caller *caller
}

// join puts a call into the round of a hold; nil if it need not wait: the rounds
// are over, or the fault is gone.
func (s *faultSet) join(f *laidFault) *gate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.isGone() || f.Times >= 0 && f.rounds >= f.Times || s.waiting >= maxWaiting {
		return nil
	}
	if f.round == nil {
		r := &round{}
		r.timer = time.AfterFunc(f.For, func() { s.giveUp(f, r) })
		f.round = r
	}
	r, c := f.round, &caller{turn: make(chan struct{})}
	r.callers = append(r.callers, c)
	f.fired++
	f.waiting++
	s.waiting++
	if len(r.callers) >= f.Until {
		f.came = len(r.callers)
		s.start(f, r, f.Release)
	}
	return &gate{s, f, r, c}
}

// giveUp lets the callers of a round go on, since no more came.
func (s *faultSet) giveUp(f *laidFault, r *round) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.started || len(r.callers) == 0 {
		return
	}
	r.gaveUp, f.gaveUp, f.came = true, true, len(r.callers)
	s.start(f, r, nil)
}

// start lets the callers of a round go on, one after another. Under the lock.
func (s *faultSet) start(f *laidFault, r *round, order []int) {
	r.started = true
	r.timer.Stop()
	if f.round == r {
		f.round = nil
	}
	f.rounds++
	sorted := make([]*caller, 0, len(r.callers))
	for _, n := range order {
		sorted = append(sorted, r.callers[n-1])
	}
	for _, c := range r.callers {
		if !slices.Contains(sorted, c) {
			sorted = append(sorted, c)
		}
	}
	r.callers = sorted
	s.release(f, r, 0)
}

// release gives the turn to the first caller from i on that is still there.
// Under the lock.
func (s *faultSet) release(f *laidFault, r *round, i int) {
	for ; i < len(r.callers); i++ {
		if c := r.callers[i]; !c.passed {
			// A client that does not read its answer must not keep the others.
			c.timer = time.AfterFunc(f.For, func() { s.pass(f, r, c) })
			close(c.turn)
			return
		}
	}
}

// pass gives the turn on.
func (s *faultSet) pass(f *laidFault, r *round, c *caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.passed {
		return
	}
	c.passed = true
	if c.timer != nil { // it had its turn
		c.timer.Stop()
		s.release(f, r, slices.Index(r.callers, c)+1)
		return
	}
	if r.started {
		return
	}
	// It left before the round was complete: its place is free again.
	r.callers = slices.DeleteFunc(r.callers, func(x *caller) bool { return x == c })
	if len(r.callers) == 0 {
		r.timer.Stop()
		if f.round == r {
			f.round = nil
		}
	}
}

// wait waits for the turn; it reports false if the client left before it.
func (g *gate) wait(ctx context.Context) bool {
	defer g.set.exit(g.fault)
	select {
	case <-g.caller.turn:
		return true
	case <-ctx.Done():
		return false
	}
}

// done says that the answer is written, or will never be.
func (g *gate) done() { g.set.pass(g.fault, g.round, g.caller) }

// note says of a round that it was not complete.
func (g *gate) note() string {
	g.set.mu.Lock()
	defer g.set.mu.Unlock()
	if g.round.gaveUp {
		return fmt.Sprintf("held for %s, and %d of %d callers came: it was let go", g.fault.For, len(g.round.callers), g.fault.Until)
	}
	return ""
}
