package mockserver

import (
	"strings"

	"github.com/mockauth/mockauth/mockserver/admin"
)

// Reset brings the world back to its beginning: accounts, sessions, settings,
// clock and journal. Faults are taken back.
func (w *World) Reset() { _ = w.begin(admin.Reset{}) } // without settings nothing can be wrong

// begin is Reset, but for what in says. All of it is done or, if anything in it
// is wrong, nothing.
func (w *World) begin(in admin.Reset) error {
	states := make(map[string]*state, len(in.Settings))
	for name, set := range in.Settings {
		sys, err := w.server.system(name)
		if err != nil {
			return err
		}
		states[name] = w.newState(sys)
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
		w.clock.reset()
		move(w.clock, in.Clock)
	})
	if err != nil {
		return err
	}
	w.states, w.beginning = states, in
	w.journal.reset()
	w.faults.clear(true)
	return nil
}

// turnTo begins the world again, as its last reset did, where turn is another
// than that of the request before. So a test after another has a fresh world
// without a call of the control API: at /w/name@1, /w/name@2, and so on.
func (w *World) turnTo(turn string) {
	w.turning.Lock()
	defer w.turning.Unlock()
	if w.turn == turn {
		return
	}
	w.turn = turn
	w.mu.Lock()
	in := w.beginning
	w.mu.Unlock()
	_ = w.begin(in) // it could be begun so before
}

// turnOf divides a name in a path: mine@2 is the world mine at its turn 2. The
// turn is "" if there is none, or no number.
func turnOf(name string) (world, turn string) {
	world, turn, _ = strings.Cut(name, "@")
	if turn == "" || len(turn) > 18 || strings.Trim(turn, "0123456789") != "" {
		return name, ""
	}
	return world, turn
}
