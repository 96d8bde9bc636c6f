package mockserver

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/mockserver/admin"
)

// newAdmin makes the control API of one world.
func (s *Server) newAdmin(w *World) http.Handler {
	return admin.New(&control{server: s, world: w}, s.config.adminToken)
}

// control is what the control API can do.
type control struct {
	server *Server
	world  *World
}

func (c *control) Health() admin.Health {
	return admin.Health{Status: "ok", World: c.world.name, Time: c.world.clock.Now(), Systems: c.server.Systems(), Worlds: len(c.server.Worlds())}
}

func (c *control) Systems(r *http.Request) []admin.System {
	var out []admin.System
	for _, sys := range c.server.systems {
		out = append(out, c.server.describe(c.world, sys, baseURL(r, c.world.prefix)))
	}
	return out
}

func (s *Server) describe(w *World, sys *system, root string) admin.System {
	contract := sys.contract
	d := admin.System{Name: sys.name(), Title: contract.Title, Version: contract.Version, Description: sys.world.Description}
	for _, b := range contract.BasePaths {
		d.BaseURLs = append(d.BaseURLs, root+b)
	}
	for _, op := range contract.Operations {
		d.Operations = append(d.Operations, admin.Operation{ID: op.ID, Method: op.Method, Path: contract.BasePaths[0] + op.Path, Summary: op.Summary})
	}
	for _, p := range contract.Profiles {
		d.Profiles = append(d.Profiles, p.Name)
	}
	d.Profile = s.config.profiles[sys.name()]
	if d.Profile == "" {
		d.Profile = contract.DefaultProfile
	}
	st := w.state(sys)
	st.store.Update(func(tx session.Tx) {
		for _, k := range contract.Records {
			for _, r := range tx.Records(k.Name) {
				d.Accounts = append(d.Accounts, admin.Account{Kind: k.Name, Key: r.Key, For: r.Note, Value: value.Plain(r.Fields)})
			}
		}
	})
	d.Curl = s.curl(sys, root)
	return d
}

func (c *control) Clock() admin.Clock {
	return admin.Clock{Now: c.world.clock.Now(), Frozen: c.world.clock.Frozen()}
}

func (c *control) SetClock(in admin.SetClock) (admin.Clock, error) {
	clock := c.world.clock
	if in.Freeze != nil {
		clock.Freeze(*in.Freeze)
	}
	if in.Run {
		clock.Run()
	}
	if in.Advance != nil {
		clock.Advance(*in.Advance)
	}
	return c.Clock(), nil
}

func (c *control) Requests(f admin.Filter) any {
	out := []Exchange{}
	for _, e := range c.world.Journal() {
		if f.System != "" && e.System != f.System || f.Operation != "" && e.Operation != f.Operation ||
			f.Outcome != "" && e.Outcome != f.Outcome && !strings.HasPrefix(e.Outcome, f.Outcome+".") ||
			f.Status != 0 && e.Response.Status != f.Status || e.Number <= f.After {
			continue
		}
		out = append(out, e)
	}
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[len(out)-f.Limit:]
	}
	return out
}

func (c *control) Settings(system string) (admin.Settings, error) {
	sys, err := c.server.system(system)
	if err != nil {
		return admin.Settings{}, admin.NotFound{Err: err}
	}
	values, err := c.world.Settings(system)
	if err != nil {
		return admin.Settings{}, err
	}
	out := admin.Settings{System: system, Values: map[string]any{}}
	for _, s := range sys.contract.Settings {
		v := values[s.Name]
		if d, ok := v.(time.Duration); ok {
			v = d.String()
		}
		out.Values[s.Name] = v
		d := admin.Setting{Name: s.Name, Type: s.Type, Description: s.Description, Enum: s.Enum}
		out.Settings = append(out.Settings, d)
	}
	for _, p := range sys.contract.Profiles {
		out.Profiles = append(out.Profiles, p.Name)
	}
	return out, nil
}

func (c *control) Set(system, profile string, settings map[string]any) error {
	if _, err := c.server.system(system); err != nil {
		return admin.NotFound{Err: err}
	}
	if profile != "" {
		if err := c.world.SetProfile(system, profile); err != nil {
			return err
		}
	}
	return c.world.Set(system, settings)
}

func (c *control) Fail(in admin.Fail) error {
	if _, err := c.server.system(in.System); err != nil {
		return admin.NotFound{Err: err}
	}
	return c.world.Fail(in.System, in.Operation, in.Reason, in.Times)
}

func (c *control) Reset() { c.world.Reset() }

func (c *control) describeWorld(w *World, r *http.Request) admin.World {
	out := admin.World{Name: w.name, BaseURL: baseURL(r, w.prefix), Now: w.clock.Now(), Requests: len(w.journal.entries())}
	if w.ownURL != "" {
		out.BaseURL = w.ownURL
	}
	for _, sys := range c.server.systems {
		for _, b := range sys.contract.BasePaths {
			out.Systems = append(out.Systems, admin.WorldSystem{Name: sys.name(), BaseURL: out.BaseURL + b})
		}
	}
	return out
}

func (c *control) NewWorld(in admin.NewWorld, r *http.Request) (admin.World, error) {
	w, err := c.server.NewWorld(in.Name, in.Port)
	if err != nil {
		return admin.World{}, err
	}
	return c.describeWorld(w, r), nil
}

func (c *control) Worlds(r *http.Request) []admin.World {
	out := []admin.World{}
	for _, w := range c.server.Worlds() {
		out = append(out, c.describeWorld(w, r))
	}
	return out
}

func (c *control) World(name string, r *http.Request) (admin.World, error) {
	w := c.server.World(name)
	if w == nil {
		return admin.World{}, admin.NotFound{Err: fmt.Errorf("there is no world %q", name)}
	}
	return c.describeWorld(w, r), nil
}

func (c *control) DeleteWorld(name string) error {
	if c.server.World(name) == nil {
		return admin.NotFound{Err: fmt.Errorf("there is no world %q", name)}
	}
	return c.server.DeleteWorld(name)
}
