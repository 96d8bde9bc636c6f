package mockserver

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/mockserver/admin"
	"github.com/mockauth/mockauth/specs"
)

// maxCheckpoints bounds what a world keeps, for each holds a state, and maxHeld
// the sessions and tokens in all of them.
const (
	maxCheckpoints = 100
	maxHeld        = session.MaxTokens
)

// What stands in the way of a checkpoint.
var (
	ErrNoCheckpoint       = errors.New("there is no such checkpoint")
	ErrTooManyCheckpoints = errors.New("there are as many checkpoints as are allowed")
)

// checkpoint is a world as it was once. It is never changed.
type checkpoint struct {
	states  map[string]*state
	now     time.Time
	frozen  bool
	numbers int // of the last exchange
	held    int // sessions and tokens
}

// Keep keeps the world as it is now under a name: accounts, sessions, settings,
// the time, and what chance would bring next. Restore brings it back, and so does
// its name after a turn: /w/mine@2~name. So a test need not log in again that
// others have done so before. Laid failures, faults and the journal are not kept.
// A name that is there is replaced; a world keeps 100, with a million sessions and
// tokens in all of them.
func (w *World) Keep(name string) error {
	_, err := w.keep(name)
	return err
}

func (w *World) keep(name string) (*checkpoint, error) {
	if !worldName.MatchString(name) {
		return nil, badCheckpoint(name)
	}
	p := w.asItIs()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.checkpoints[name] == nil && len(w.checkpoints) >= maxCheckpoints {
		return nil, fmt.Errorf("%w: %d; DELETE those that are done with", ErrTooManyCheckpoints, maxCheckpoints)
	}
	held := p.held
	for other, p := range w.checkpoints {
		if other != name {
			held += p.held
		}
	}
	if held > maxHeld {
		return nil, fmt.Errorf("%w: with this one they would hold %d sessions and tokens, and %d are allowed; DELETE those that are done with", ErrTooManyCheckpoints, held, maxHeld)
	}
	if w.checkpoints == nil {
		w.checkpoints = map[string]*checkpoint{}
	}
	w.checkpoints[name] = p
	return p, nil
}

func badCheckpoint(name string) error {
	return fmt.Errorf("a checkpoint cannot be called %q; use a-z, 0-9 and -, at most 63 characters", name)
}

// asItIs is a checkpoint of now.
func (w *World) asItIs() *checkpoint {
	w.mu.Lock()
	states := maps.Clone(w.states)
	w.mu.Unlock()
	p := &checkpoint{states: forkAll(states), numbers: w.journal.last()}
	p.now, p.frozen = w.clock.read()
	for _, st := range p.states {
		p.held += st.held()
	}
	return p
}

// Restore brings the world back to a checkpoint. Its clock goes on from the
// instant that was kept, or stands there; the journal is empty, faults and laid
// failures are taken back.
func (w *World) Restore(name string) error { return w.begin(admin.Reset{Checkpoint: name}) }

// Checkpoints returns the names of the world's checkpoints, in order.
func (w *World) Checkpoints() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.checkpoints))
}

// Forget ends a checkpoint. It reports false if there is none of that name.
func (w *World) Forget(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, there := w.checkpoints[name]
	delete(w.checkpoints, name)
	return there
}

// held is how many sessions and tokens a state has.
func (st *state) held() int {
	n := 0
	st.store.Update(func(tx session.Tx) {
		tx.EachSession(func(s *session.Session) { n += 1 + len(s.Tokens) })
	})
	return n
}

// kept is the checkpoint of a name.
func (w *World) kept(name string) (*checkpoint, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.checkpoints[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%w in the world %s: %q; %s", ErrNoCheckpoint, w.name, name, specs.DidYouMean(name, slices.Sorted(maps.Keys(w.checkpoints))))
}

// forkAll are states of their own that are alike.
func forkAll(states map[string]*state) map[string]*state {
	out := make(map[string]*state, len(states))
	for name, st := range states {
		out[name] = st.fork()
	}
	return out
}

// fork is a state of its own in which everything is as in this one, but for laid
// failures.
func (st *state) fork() *state {
	out := &state{store: st.store.Clone()}
	// What chance brings next is read after the tokens: none is made twice.
	st.store.Update(func(session.Tx) {
		source := *st.source
		machine := st.machine.Fork(rand.New(&source)) //nolint:gosec // see World.source
		out.source, out.machine, out.profile = &source, machine, st.profile
	})
	return out
}
