package mockserver

import (
	"strings"

	"github.com/mockauth/mockauth/mockserver/admin"
)

// Reset brings the world back to its beginning: accounts, sessions, settings,
// clock and journal. Faults are taken back.
func (w *World) Reset() { _ = w.begin(admin.Reset{}) } // without settings nothing can be wrong

// begin is Reset, but for what in says, and so does each turn begin from then on.
// All of it is done or, if anything in it is wrong, nothing.
func (w *World) begin(in admin.Reset) error {
	w.turning.Lock()
	defer w.turning.Unlock()
	err := w.beginAs(in)
	if err == nil {
		w.beginning = in
	}
	return err
}

// beginAs is begin for once.
func (w *World) beginAs(in admin.Reset) error {
	from := &checkpoint{}
	if in.Checkpoint != "" {
		var err error
		if from, err = w.kept(in.Checkpoint); err != nil {
			return err
		}
	}
	states := forkAll(from.states)
	for name, set := range in.Settings {
		sys, err := w.server.system(name)
		if err != nil {
			return err
		}
		if states[name] == nil {
			states[name] = w.newState(sys)
		}
		var profile *string
		if set.Profile != "" {
			profile = &set.Profile
		}
		if err := w.changeState(states[name], sys, profile, set.Values); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.clock.try(func() {
		switch {
		case from.frozen:
			w.clock.freeze(from.now)
		case !from.now.IsZero():
			w.clock.start(from.now)
		default:
			w.clock.reset()
		}
		move(w.clock, in.Clock)
	})
	if err != nil {
		return err
	}
	w.states = states
	w.journal.resetTo(from.numbers)
	w.faults.clear(true)
	return nil
}

// turn is what stands after the name of a world in a path: /w/mine@2~in. The zero
// value: nothing.
type turn struct {
	number     string
	checkpoint string // "": as the last reset began the world
}

// turnTo begins the world again, as its last reset did or at a checkpoint, where
// the turn is another than that of the request before. So a test after another has
// a fresh world without a call of the control API: at /w/name@1, /w/name@2, and so
// on.
func (w *World) turnTo(t turn) error {
	w.turning.Lock()
	defer w.turning.Unlock()
	if w.turn == t {
		return nil
	}
	in := w.beginning
	if t.checkpoint != "" {
		in = admin.Reset{Checkpoint: t.checkpoint}
	}
	if err := w.beginAs(in); err != nil {
		return err // there is no such checkpoint any more
	}
	w.turn = t
	return nil
}

// turnOf divides a name in a path: mine@2~in is the world mine at its turn 2, which
// begins at the checkpoint in. There is no turn if there is no number.
func turnOf(name string) (world string, t turn) {
	world, after, _ := strings.Cut(name, "@")
	t.number, t.checkpoint, _ = strings.Cut(after, "~")
	if t.number == "" || len(t.number) > 18 || strings.Trim(t.number, "0123456789") != "" {
		return name, turn{}
	}
	return world, t
}
