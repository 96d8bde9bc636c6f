package mockserver

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// faultSet is the faults of a world. Its lock is taken after all others.
type faultSet struct {
	laid atomic.Int32 // how many there are: a world without any pays nothing

	mu      sync.Mutex
	list    []*laidFault
	ids     int
	waiting int
}

// laidFault is a fault and its counts. All but Fault, id and gone are guarded by
// the set's lock.
type laidFault struct {
	Fault
	id   int
	gone chan struct{} // closed when it is taken back

	met, fired, waiting int
	gaveUp              bool
	came                int
	rounds              int    // of a hold that are complete
	round               *round // of a hold: who waits for more to come
}

func (s *faultSet) lay(f Fault) (FaultState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) >= maxFaults {
		return FaultState{}, fmt.Errorf("%d faults are laid already; take some back, or use times", maxFaults)
	}
	s.ids++
	s.list = append(s.list, &laidFault{Fault: f, id: s.ids, gone: make(chan struct{})})
	s.laid.Store(int32(len(s.list)))
	return FaultState{Fault: f.filled(), ID: s.ids}, nil
}

func (s *faultSet) states() []FaultState {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]FaultState, len(s.list))
	for i, f := range s.list {
		out[i] = FaultState{Fault: f.filled(), ID: f.id, Met: f.met, Fired: f.fired, Waiting: f.waiting, GaveUp: f.gaveUp, Came: f.came}
	}
	return out
}

// clear takes all faults back; anew: the next one has the number 1 again.
func (s *faultSet) clear(anew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.list {
		s.end(f)
	}
	s.list = nil
	s.laid.Store(0)
	if anew {
		s.ids = 0
	}
}

func (s *faultSet) remove(id int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.list, func(f *laidFault) bool { return f.id == id })
	if i < 0 {
		return false
	}
	s.end(s.list[i])
	s.list = slices.Delete(s.list, i, i+1)
	s.laid.Store(int32(len(s.list)))
	return true
}

// end lets those who wait for a fault go on.
func (s *faultSet) end(f *laidFault) {
	close(f.gone)
	if f.round != nil {
		s.start(f, f.round, nil)
	}
}

// asks reports whether a fault that stops calls before they are decided wants to
// know how this one would be decided.
func (s *faultSet) asks(system, operation string) bool {
	if s.laid.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.list, func(f *laidFault) bool {
		return f.early() && f.Outcome != "" && f.fits(system, operation)
	})
}

// arrives counts a call for the faults that want nothing but its aim, and for
// those that stop it here. outcome is how it would be decided, if that was
// asked. It returns those that are due.
func (s *faultSet) arrives(system, operation, outcome string) []*laidFault {
	return s.meet(func(f *laidFault) bool {
		return f.fits(system, operation) && (f.Outcome == "" || f.early() && f.fitsOutcome(outcome))
	})
}

// decided counts a call for the faults that are aimed at its outcome, and
// returns those that are due.
func (s *faultSet) decided(system, operation, outcome string) []*laidFault {
	return s.meet(func(f *laidFault) bool {
		return f.Outcome != "" && !f.early() && f.fits(system, operation) && f.fitsOutcome(outcome)
	})
}

func (s *faultSet) meet(fits func(*laidFault) bool) []*laidFault {
	if s.laid.Load() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []*laidFault
	for _, f := range s.list {
		if !fits(f) {
			continue
		}
		f.met++
		if f.due() {
			due = append(due, f)
		}
	}
	return due
}

// due reports whether the call that was counted last is one of those meant.
func (f *laidFault) due() bool {
	switch {
	case f.met < f.Call:
		return false
	case f.Times < 0:
		return true
	case f.Do == doHold:
		return f.rounds < f.Times
	}
	return f.met < f.Call+f.Times
}

// isGone reports whether the fault was taken back.
func (f *laidFault) isGone() bool {
	select {
	case <-f.gone:
		return true
	default:
		return false
	}
}

func (s *faultSet) fire(f *laidFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.fired++
}

// enter counts a call that begins to wait; it reports false if too many do.
func (s *faultSet) enter(f *laidFault) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting >= maxWaiting {
		return false
	}
	s.waiting++
	f.waiting++
	return true
}

func (s *faultSet) exit(f *laidFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	f.waiting--
}
