package mockserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/mockserver/admin"
	"github.com/mockauth/mockauth/specs"
)

// newAdmin makes the control API. All worlds share it: one of its own would be
// most of what a world costs.
func (s *Server) newAdmin() http.Handler {
	return admin.New(func(r *http.Request) admin.Control {
		w, ok := r.Context().Value(worldKey{}).(*World)
		if !ok {
			w = s.base
		}
		return &control{server: s, world: w}
	}, s.config.adminToken)
}

type worldKey struct{}

func (s *Server) serveAdmin(w http.ResponseWriter, r *http.Request, world *World, prefix string) {
	r = r.WithContext(context.WithValue(r.Context(), worldKey{}, world))
	http.StripPrefix(prefix+AdminPath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Otherwise ServeMux redirects, to a path without the prefix.
		r.URL.Path, r.URL.RawPath = "/"+strings.TrimPrefix(collapse(r.URL.Path), "/"), collapse(r.URL.RawPath)
		s.admin.ServeHTTP(w, r)
	})).ServeHTTP(w, r)
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
		out = append(out, c.server.describe(c.world, sys, c.root(c.world, r)))
	}
	return out
}

func (s *Server) describe(w *World, sys *system, root string) admin.System {
	contract := sys.contract
	d := admin.System{
		Name: sys.name(), Title: contract.Title, Version: contract.Version, Description: sys.world.Description,
		Profiles: []string{}, Operations: []admin.Operation{}, Accounts: []admin.Account{}, // never null
	}
	for _, b := range contract.BasePaths {
		d.BaseURLs = append(d.BaseURLs, root+b)
	}
	for _, op := range contract.Operations {
		d.Operations = append(d.Operations, admin.Operation{ID: op.ID, Method: op.Method, Path: contract.BasePaths[0] + op.Path, Summary: op.Summary})
	}
	for _, p := range contract.Profiles {
		d.Profiles = append(d.Profiles, p.Name)
	}
	d.Profile = w.profile(sys)
	w.state(sys).store.Update(func(tx session.Tx) {
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
	now, frozen := c.world.clock.read()
	return admin.Clock{Now: now, Frozen: frozen}
}

func (c *control) SetClock(in admin.SetClock) (admin.Clock, error) {
	clock := c.world.clock
	err := clock.try(func() { move(clock, in) })
	return c.Clock(), err
}

// move does what a call of the control API says; inside try.
func move(clock *Clock, in admin.SetClock) {
	if in.Freeze != nil {
		clock.freeze(*in.Freeze)
	}
	if in.Run {
		clock.run()
	}
	if in.Advance != nil {
		clock.advance(*in.Advance)
	}
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
	out := admin.Settings{System: system, Profile: c.world.profile(sys), Values: map[string]any{}, Profiles: []string{}, Settings: []admin.Setting{}}
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
	if profile == "" {
		return c.world.Set(system, settings)
	}
	return c.world.change(system, &profile, settings)
}

func (c *control) Fail(in admin.Fail) error {
	if _, err := c.server.system(in.System); err != nil {
		return admin.NotFound{Err: err}
	}
	return c.world.Fail(in.System, in.Operation, in.Reason, in.Times)
}

func (c *control) Lay(in admin.Fault) (admin.FaultState, error) {
	if in.System != "" {
		if _, err := c.server.system(in.System); err != nil {
			return admin.FaultState{}, admin.NotFound{Err: err}
		}
	}
	state, err := c.world.lay(Fault{
		System: in.System, Operation: in.Operation, Outcome: in.Outcome, Call: in.Call, Times: in.Times, Do: in.Do,
		Status: in.Status, Header: in.Header, Body: in.Body, Location: in.Location, Size: in.Size, For: time.Duration(in.For),
		Until: in.Until, Release: in.Release, At: in.At, Alter: in.Alter,
	})
	return stateOf(state), err
}

func (c *control) Faults() []admin.FaultState {
	out := []admin.FaultState{}
	for _, f := range c.world.Faults() {
		out = append(out, stateOf(f))
	}
	return out
}

func stateOf(f FaultState) admin.FaultState {
	return admin.FaultState{
		ID: f.ID, Met: f.Met, Fired: f.Fired, Waiting: f.Waiting, GaveUp: f.GaveUp, Came: f.Came,
		Fault: admin.Fault{
			System: f.System, Operation: f.Operation, Outcome: f.Outcome, Call: f.Call, Times: f.Times, Do: f.Do,
			Status: f.Status, Header: f.Header, Body: f.Body, Location: f.Location, Size: f.Size, For: admin.Duration(f.For),
			Until: f.Until, Release: f.Release, At: f.At, Alter: f.Alter,
		},
	}
}

func (c *control) ClearFaults() { c.world.ClearFaults() }

func (c *control) ClearFault(id int) error {
	if !c.world.ClearFault(id) {
		return admin.NotFound{Err: fmt.Errorf("there is no fault %d; GET faults lists them", id)}
	}
	return nil
}

func (c *control) Reset(in admin.Reset) error {
	err := c.world.begin(in)
	if errors.Is(err, ErrNoCheckpoint) {
		return admin.NotFound{Err: err}
	}
	return err
}

func (c *control) Checkpoints() []admin.Checkpoint {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	out := []admin.Checkpoint{}
	for _, name := range slices.Sorted(maps.Keys(c.world.checkpoints)) {
		out = append(out, admin.Checkpoint{Name: name, Now: c.world.checkpoints[name].now})
	}
	return out
}

func (c *control) Keep(name string) (admin.Checkpoint, error) {
	kept, err := c.world.keep(name)
	switch {
	case errors.Is(err, ErrTooManyCheckpoints):
		return admin.Checkpoint{}, admin.Conflict{Err: err}
	case err != nil:
		return admin.Checkpoint{}, err
	}
	return admin.Checkpoint{Name: name, Now: kept.now}, nil
}

func (c *control) Forget(name string) error {
	if !c.world.Forget(name) {
		_, err := c.world.kept(name)
		return admin.NotFound{Err: err}
	}
	return nil
}

func (c *control) describeWorld(w *World, r *http.Request) admin.World {
	out := admin.World{Name: w.name, BaseURL: c.root(w, r), Now: w.clock.Now(), Requests: len(w.journal.entries()), Systems: []admin.WorldSystem{}}
	for _, sys := range c.server.systems {
		for _, b := range sys.contract.BasePaths {
			out.Systems = append(out.Systems, admin.WorldSystem{Name: sys.name(), BaseURL: out.BaseURL + b})
		}
	}
	return out
}

func (c *control) NewWorld(in admin.NewWorld, r *http.Request) (admin.World, error) {
	w, err := c.server.NewWorld(in.Name, in.Port)
	if errors.Is(err, ErrWorldExists) || errors.Is(err, ErrTooManyWorlds) {
		return admin.World{}, admin.Conflict{Err: err}
	}
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
		return admin.World{}, c.noWorld(name)
	}
	return c.describeWorld(w, r), nil
}

func (c *control) DeleteWorld(name string) error {
	if c.server.World(name) == nil {
		return c.noWorld(name)
	}
	err := c.server.DeleteWorld(name)
	if errors.Is(err, ErrDefaultWorld) {
		return admin.Conflict{Err: err}
	}
	return err
}

func (c *control) noWorld(name string) error {
	var names []string
	for _, w := range c.server.Worlds() {
		names = append(names, w.name)
	}
	return admin.NotFound{Err: fmt.Errorf("there is no world %q; %s", name, specs.DidYouMean(name, names))}
}

// root is the URL of a world for the caller of r: the host under which the
// caller reaches this server, and the port that serves the world, which need
// not be the one that was called.
func (c *control) root(w *World, r *http.Request) string {
	own := w.ownURL
	if own == "" {
		own = c.server.URL()
		port := own[strings.LastIndexByte(own, ':')+1:]
		a, listened := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if !listened || strings.HasSuffix(a.String(), ":"+port) || !c.server.listens() {
			r = r.Clone(r.Context())
			if name, rest, ok := strings.Cut(r.Host, ".localhost"); ok && c.server.World(name) != nil {
				r.Host = "localhost" + rest // another world is not below this one's host
			}
			return wire.BaseURL(r, w.prefix)
		}
		own += w.prefix
	}
	u, err := url.Parse(own)
	if err != nil {
		return own
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if name, _, ok := strings.Cut(host, ".localhost"); ok && c.server.World(name) != nil {
		host = "localhost"
	}
	if host != "" {
		u.Host = net.JoinHostPort(strings.Trim(host, "[]"), u.Port())
	}
	return u.String()
}
