package conformance

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// worldPatience bounds what is done about a world after a run was interrupted.
const worldPatience = 5 * time.Second

// noWorld is what a mock of ours says, in Mockauth-Outcome, where no system has
// answered: there is no such world, or nothing kept of it by that name.
const noWorld = "world.missing"

// scene is a world that serves one case after another: each has it at a turn of
// its own, which begins it again, so that a case costs no call of the control
// API.
type scene struct {
	world    *World // nil: none is made
	root     string // its URL
	begun    bool   // as settings say
	settings map[string]any
	turn     int
	kept     map[int]*kept // by the number of the stem
	named    int           // how many names of stems were given out
	forgets  bool          // the mock keeps nothing
}

// enter gives a case a world: the clock stands at an instant, which makes every
// time exact, and the case's settings are in force over the target's. If the world
// keeps a stem of the case, it is as after that, which is returned. turn names the
// world as the case has it, see World.turnedTo.
func (r *Runner) enter(ctx context.Context, c *Case, at time.Time) (turn string, k *kept, err error) {
	s := &r.scene
	if s.world == nil {
		if err := r.makeWorld(ctx); err != nil {
			return "", nil, err
		}
	}
	s.turn++
	if k := s.stem(c); k != nil {
		k.used = s.turn
		return strconv.Itoa(s.turn) + "~" + k.name, k, nil
	}
	if !s.begun || settingsText(s.settings) != settingsText(c.settings) {
		if err := r.begin(ctx, at, c.settings); err != nil {
			return "", nil, err
		}
	}
	return strconv.Itoa(s.turn), nil, nil
}

// begin says how the world begins at each turn.
func (r *Runner) begin(ctx context.Context, at time.Time, settings map[string]any) error {
	set := maps.Clone(r.settings)
	if len(settings) > 0 {
		if set == nil {
			set = map[string]any{}
		}
		maps.Copy(set, settings)
	}
	err := r.scene.world.Control.Reset(ctx, at, r.profile, set)
	r.scene.begun, r.scene.settings = err == nil, settings
	return err
}

// makeWorld makes the runner's world. It waits for the answer also if ctx ends
// meanwhile: a world whose name did not arrive would stay.
func (r *Runner) makeWorld(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), worldPatience)
	defer cancel()
	r.worlds++
	w, err := r.control.NewWorld(whole, r.prefix+"-"+strconv.Itoa(r.worlds))
	r.scene = scene{world: w}
	if w != nil {
		r.scene.root = w.URL.String()
	}
	return err
}

// Leave ends the runner's world in a mock, if it has one; a case that follows makes
// another. Close does it, too.
func (r *Runner) Leave(ctx context.Context) {
	if r.scene.world == nil {
		return
	}
	err := r.control.DeleteWorld(ctx, r.scene.world.Name)
	var refused *ControlError
	if err != nil && !(errors.As(err, &refused) && refused.Status == http.StatusNotFound) {
		r.used.Left++
	}
	r.scene = scene{}
}

// turnedTo is the world at one of its turns.
func (w *World) turnedTo(turn string) *World {
	suffix := "@" + turn
	u, at, c := *w.URL, *w.Control.base, *w.Control
	u.Path += suffix
	at.Path = u.Path + ControlPath
	c.base = &at
	return &World{Name: w.Name, URL: &u, Control: &c}
}

// fresh is what a new world of a mock of ours has.
type fresh struct {
	profile  string
	settings map[string]any
}

// unlikeNew is the profile ("": none) and the settings that the target wants
// otherwise than a new world of its mock has them.
func (t *Target) unlikeNew() (profile string, settings map[string]any) {
	if t.fresh == nil || t.Profile != t.fresh.profile {
		return t.Profile, t.Settings
	}
	for k, v := range t.Settings {
		if old, ok := t.fresh.settings[k]; ok && show(old) == show(v) {
			continue
		}
		if settings == nil {
			settings = map[string]any{}
		}
		settings[k] = v
	}
	return "", settings
}
