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

// enter begins the runner's world again for a case, with its settings over the
// target's and the clock standing at an instant, which makes every time exact.
// One world serves all cases of a runner: making and ending one for each would
// be three calls a case instead of one.
func (r *Runner) enter(ctx context.Context, at time.Time, settings map[string]any) (*World, error) {
	profile, set := r.profile, r.settings
	if len(settings) > 0 {
		set = maps.Clone(set)
		if set == nil {
			set = map[string]any{}
		}
		maps.Copy(set, settings)
	}
	for {
		made := r.world == nil
		if made {
			if err := r.makeWorld(ctx); err != nil {
				return nil, err
			}
		}
		err := r.world.Control.Reset(ctx, at, profile, set)
		var refused *ControlError
		if !made && errors.As(err, &refused) && refused.Status == http.StatusNotFound {
			r.world = nil // somebody else ended it
			continue
		}
		return r.world, err
	}
}

// makeWorld makes a world. It waits for the answer also if ctx ends meanwhile:
// a world whose name did not arrive would stay.
func (r *Runner) makeWorld(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), worldPatience)
	defer cancel()
	r.worlds++
	w, err := r.control.NewWorld(whole, r.prefix+"-"+strconv.Itoa(r.worlds))
	r.world = w
	return err
}

// Leave ends the runner's world in a mock, if it has one; a case that follows
// makes another. Close does it, too.
func (r *Runner) Leave(ctx context.Context) {
	if r.world == nil {
		return
	}
	if err := r.control.DeleteWorld(ctx, r.world.Name); err != nil {
		r.used.Left++
	}
	r.world = nil
}

// fresh is what a new world of a mock of ours has.
type fresh struct {
	profile  string
	settings map[string]any
}

// unlikeNew is the profile ("": none) and the settings that the target wants
// otherwise than a new world of its mock has them.
func (t *Target) unlikeNew() (profile string, settings map[string]any) {
	if t.fresh == nil {
		return t.Profile, t.Settings
	}
	if t.Profile != t.fresh.profile {
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
