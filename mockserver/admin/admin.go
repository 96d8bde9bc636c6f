// Package admin is the control API of a mock: health, systems, clock, requests,
// settings, failures, faults, worlds, checkpoints. It is HTTP only; what it does stands behind the interface
// Control, which package mockserver implements. openapi.json is its contract,
// served with it.
package admin

import (
	"bytes"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/mockauth/mockauth/specs"
)

//go:embed openapi.json
var document []byte

// Document returns the OpenAPI document of the control API.
func Document() []byte { return bytes.Clone(document) }

// Control is what the API does, for one world.
type Control interface {
	Health() Health
	Systems(r *http.Request) []System
	Clock() Clock
	SetClock(SetClock) (Clock, error)
	Requests(Filter) any
	Settings(system string) (Settings, error)
	Set(system, profile string, settings map[string]any) error
	Fail(Fail) error
	Lay(Fault) (FaultState, error)
	Faults() []FaultState
	ClearFaults()
	ClearFault(id int) error
	Reset(Reset) error
	Checkpoints() []Checkpoint
	Keep(name string) (Checkpoint, error)
	Forget(name string) error
	NewWorld(in NewWorld, r *http.Request) (World, error)
	Worlds(r *http.Request) []World
	World(name string, r *http.Request) (World, error)
	DeleteWorld(name string) error
}

// NotFound is an error about a thing that does not exist: 404 instead of 400.
type NotFound struct{ Err error }

func (e NotFound) Error() string { return e.Err.Error() }

// Conflict is an error about a thing that stands in the way: 409 instead of 400.
type Conflict struct{ Err error }

func (e Conflict) Error() string { return e.Err.Error() }

// Health is the answer of GET health.
type Health struct {
	Status  string    `json:"status"`
	World   string    `json:"world"`
	Time    time.Time `json:"time"`
	Systems []string  `json:"systems"`
	Worlds  int       `json:"worlds"`
}

// System is one served system with its demo accounts, secrets included: they
// protect nothing.
type System struct {
	Name        string      `json:"name"`
	Title       string      `json:"title"`
	Version     string      `json:"version"`
	Description string      `json:"description,omitempty"`
	BaseURLs    []string    `json:"baseUrls"`
	Profile     string      `json:"profile,omitempty"`
	Profiles    []string    `json:"profiles"`
	Operations  []Operation `json:"operations"`
	Accounts    []Account   `json:"accounts"`
	Curl        string      `json:"curl,omitempty"`
}

// Operation is one operation of a System.
type Operation struct {
	ID      string `json:"id"`
	Method  string `json:"method"`
	Path    string `json:"path"`
	Summary string `json:"summary,omitempty"`
}

// Account is one record of a world.
type Account struct {
	Kind  string `json:"kind"`
	Key   string `json:"key"`
	For   string `json:"for"`
	Value any    `json:"value"`
}

// Clock is the time of a world.
type Clock struct {
	Now    time.Time `json:"now"`
	Frozen bool      `json:"frozen"`
}

// SetClock changes the time of a world: freeze first, then run, then advance.
type SetClock struct {
	Advance *time.Duration
	Freeze  *time.Time
	Run     bool
}

// Reset says how a world begins again; the zero value is as at the start.
type Reset struct {
	// Checkpoint is the state that it begins with; "": that of the start.
	Checkpoint string
	Clock      SetClock
	// Settings are laid over those of the start, or of the checkpoint, by system.
	Settings map[string]ChangeSettings
}

// Checkpoint is a state of a world that is kept.
type Checkpoint struct {
	Name string `json:"name"`
	// Now is the time of the world when it was kept.
	Now time.Time `json:"now"`
}

// ChangeSettings is a profile to take, and settings over it.
type ChangeSettings struct {
	Profile string         `json:"profile"`
	Values  map[string]any `json:"values"`
}

// Filter chooses exchanges.
type Filter struct {
	System, Operation, Outcome string
	Status, After, Limit       int
}

// Setting describes one setting.
type Setting struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Enum        []any  `json:"enum,omitempty"`
	Description string `json:"description,omitempty"`
}

// Settings is the settings of a system in a world.
type Settings struct {
	System   string         `json:"system"`
	Profile  string         `json:"profile,omitempty"`
	Profiles []string       `json:"profiles"`
	Values   map[string]any `json:"values"`
	Settings []Setting      `json:"settings"`
}

// Fail lays a failure on the next calls of an operation.
type Fail struct {
	System    string `json:"system"`
	Operation string `json:"operation"`
	Reason    string `json:"reason"`
	Times     int    `json:"times"`
}

// NewWorld asks for a world.
type NewWorld struct {
	Name string `json:"name"`
	Port bool   `json:"port"`
}

// WorldSystem is a system at its URL in a world.
type WorldSystem struct {
	Name    string `json:"name"`
	BaseURL string `json:"baseUrl"`
}

// World is one world.
type World struct {
	Name     string        `json:"name"`
	BaseURL  string        `json:"baseUrl"`
	Now      time.Time     `json:"now"`
	Requests int           `json:"requests"`
	Systems  []WorldSystem `json:"systems"`
}

type api struct {
	of    func(*http.Request) Control
	token string
}

func (a *api) control(r *http.Request) Control { return a.of(r) }

// New returns the control API, to be mounted without a prefix; of finds the
// world that a request means. With a token every call but GET health wants
// Authorization: Bearer token.
func New(of func(*http.Request) Control, token string) http.Handler {
	a := &api{of, token}
	mux := http.NewServeMux()
	allowed := map[string][]string{}
	for pattern, f := range a.routes() {
		mux.HandleFunc(pattern, f)
		method, path, _ := strings.Cut(pattern, " ")
		allowed[path] = append(allowed[path], method)
	}
	for path, methods := range allowed {
		sort.Strings(methods)
		allow := strings.Join(methods, ", ")
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s is not offered here; %s is.", r.Method, allow))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "The control API has no such path; GET openapi.json says which it has.")
	})
	return a.guard(mux)
}

func (a *api) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /health": a.health, "GET /systems": a.systems, "GET /clock": a.clock, "POST /clock": a.setClock,
		"GET /requests": a.requests, "GET /settings/{system}": a.settings, "PUT /settings/{system}": a.setSettings,
		"GET /faults": a.faults, "POST /faults": a.lay, "DELETE /faults": a.clearFaults, "DELETE /faults/{id}": a.clearFault,
		"POST /failures": a.fail, "POST /reset": a.reset, "GET /worlds": a.worlds, "POST /worlds": a.newWorld,
		"GET /checkpoints": a.checkpoints, "POST /checkpoints": a.keep, "DELETE /checkpoints/{name}": a.forget,
		"GET /worlds/{name}": a.world, "DELETE /worlds/{name}": a.deleteWorld, "GET /openapi.json": a.openapi,
	}
}

func (a *api) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The token alone says who may call, also for a page.
		if why := Barred(r); why != "" && a.token == "" {
			refuse(w, http.StatusForbidden, why)
			return
		}
		if a.token != "" && r.URL.Path != "/health" {
			scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare([]byte(given), []byte(a.token)) != 1 {
				w.Header().Set("WWW-Authenticate", `Bearer realm="mockauth control API"`)
				refuse(w, http.StatusUnauthorized, "The control API wants Authorization: Bearer with the token that was printed at the start.")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// Barred says why a request may not control a mock that wants no token, or "". A
// page of any origin may call a system; the control API hands out every secret, so
// browsers are kept away from it unless they run on this host.
func Barred(r *http.Request) string {
	site := r.Header.Get("Sec-Fetch-Site")
	switch {
	case r.Header.Get("Origin") != "" && site != "same-origin" && site != "none":
		return "The control API does not answer pages of another origin; call it from the test, not from the page."
	case !local(r.Host):
		return "The control API answers to an address or to localhost; with another host name, start with --admin-token."
	}
	return ""
}

// local reports whether a Host is an address, a localhost name, or the name of a
// mock without a port. Any other name could be a page's own, turned to this
// address after the page was loaded (DNS rebinding), and would be let in.
func local(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	return host == "" || net.ParseIP(host) != nil || host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "mock.test"
}

func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail})
}

func failed(w http.ResponseWriter, err error) {
	var missing NotFound
	if errors.As(err, &missing) {
		refuse(w, http.StatusNotFound, err.Error())
		return
	}
	var conflict Conflict
	if errors.As(err, &conflict) {
		refuse(w, http.StatusConflict, err.Error())
		return
	}
	refuse(w, http.StatusBadRequest, err.Error())
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
}

// read decodes a JSON body strictly: unknown members are named, so that a
// misspelled word is not passed over in silence.
func read(r *http.Request, into any) error {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 1<<20))
	if err != nil {
		return errors.New("the body is larger than 1 MiB, or ended early")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	d.UseNumber()
	var wrong *json.UnmarshalTypeError
	if err := d.Decode(into); errors.As(err, &wrong) && wrong.Field != "" {
		return fmt.Errorf("%s has the wrong type: %s", wrong.Field, wrong.Value)
	} else if wrong != nil {
		return fmt.Errorf("the body is not what is wanted here: a JSON object, not %s", wrong.Value)
	} else if err != nil {
		return fmt.Errorf("the body is not what is wanted here: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the JSON value")
	}
	return nil
}

func (a *api) health(w http.ResponseWriter, r *http.Request)  { write(w, 200, a.control(r).Health()) }
func (a *api) systems(w http.ResponseWriter, r *http.Request) { write(w, 200, a.control(r).Systems(r)) }
func (a *api) clock(w http.ResponseWriter, r *http.Request)   { write(w, 200, a.control(r).Clock()) }

// clockBody is SetClock as it is written.
type clockBody struct {
	Advance *string `json:"advance"`
	Freeze  *string `json:"freeze"`
	Run     bool    `json:"run"`
}

func (in clockBody) parse() (set SetClock, err error) {
	if in.Advance == nil && in.Freeze == nil && !in.Run {
		return set, errors.New(`say what to do: {"advance":"20m"}, {"freeze":"2026-01-01T00:00:00Z"} or {"run":true}`)
	}
	if in.Freeze != nil && in.Run {
		return set, errors.New("freeze and run exclude each other")
	}
	set.Run = in.Run
	if in.Freeze != nil {
		at, err := time.Parse(time.RFC3339, *in.Freeze)
		if err != nil {
			return set, errors.New("freeze is a time such as 2026-01-01T00:00:00Z")
		}
		set.Freeze = &at
	}
	if in.Advance != nil {
		d, err := specs.ParseDuration(*in.Advance)
		if err != nil {
			return set, errors.New("advance is a duration such as 20m, 90s, 24h or 30d")
		}
		set.Advance = &d
	}
	return set, nil
}

func (a *api) setClock(w http.ResponseWriter, r *http.Request) {
	var in clockBody
	if err := read(r, &in); err != nil {
		failed(w, err)
		return
	}
	set, err := in.parse()
	if err != nil {
		failed(w, err)
		return
	}
	c, err := a.control(r).SetClock(set)
	if err != nil {
		failed(w, err)
		return
	}
	write(w, 200, c)
}

func (a *api) requests(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := Filter{System: q.Get("system"), Operation: q.Get("operation"), Outcome: q.Get("outcome")}
	for name, into := range map[string]*int{"status": &f.Status, "after": &f.After, "limit": &f.Limit} {
		if s := q.Get(name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil || n < 0 {
				failed(w, fmt.Errorf("%s is a whole number", name))
				return
			}
			*into = n
		}
	}
	for name := range q {
		switch name {
		case "system", "operation", "outcome", "status", "after", "limit":
		default:
			failed(w, fmt.Errorf("there is no filter %q; %s", name, specs.DidYouMean(name, []string{"system", "operation", "outcome", "status", "after", "limit"})))
			return
		}
	}
	write(w, 200, a.control(r).Requests(f))
}

func (a *api) settings(w http.ResponseWriter, r *http.Request) {
	s, err := a.control(r).Settings(r.PathValue("system"))
	if err != nil {
		failed(w, err)
		return
	}
	write(w, 200, s)
}

func (a *api) setSettings(w http.ResponseWriter, r *http.Request) {
	var in ChangeSettings
	if err := read(r, &in); err != nil {
		failed(w, fmt.Errorf(`%w; write {"values":{"name":"value"}} or {"profile":"name"}`, err))
		return
	}
	system := r.PathValue("system")
	if err := a.control(r).Set(system, in.Profile, in.Values); err != nil {
		failed(w, err)
		return
	}
	a.settings(w, r)
}

func (a *api) fail(w http.ResponseWriter, r *http.Request) {
	var in Fail
	err := read(r, &in)
	if err == nil {
		err = a.control(r).Fail(in)
	}
	if err != nil {
		failed(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *api) reset(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Checkpoint string                    `json:"checkpoint"`
		Clock      *clockBody                `json:"clock"`
		Settings   map[string]ChangeSettings `json:"settings"`
	}
	err := read(r, &in)
	set := Reset{Checkpoint: in.Checkpoint, Settings: in.Settings}
	if err == nil && in.Clock != nil {
		if set.Clock, err = in.Clock.parse(); err != nil {
			err = fmt.Errorf("clock: %w", err)
		}
	}
	if err == nil {
		err = a.control(r).Reset(set)
	}
	if err != nil {
		failed(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *api) checkpoints(w http.ResponseWriter, r *http.Request) {
	write(w, 200, a.control(r).Checkpoints())
}

func (a *api) keep(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name string `json:"name"`
	}
	if err := read(r, &in); err != nil {
		failed(w, err)
		return
	}
	kept, err := a.control(r).Keep(in.Name)
	if err != nil {
		failed(w, err)
		return
	}
	write(w, http.StatusCreated, kept)
}

func (a *api) forget(w http.ResponseWriter, r *http.Request) {
	if err := a.control(r).Forget(r.PathValue("name")); err != nil {
		failed(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *api) worlds(w http.ResponseWriter, r *http.Request) { write(w, 200, a.control(r).Worlds(r)) }

func (a *api) newWorld(w http.ResponseWriter, r *http.Request) {
	var in NewWorld
	if err := read(r, &in); err != nil {
		failed(w, err)
		return
	}
	x, err := a.control(r).NewWorld(in, r)
	if err != nil {
		failed(w, err)
		return
	}
	write(w, http.StatusCreated, x)
}

func (a *api) world(w http.ResponseWriter, r *http.Request) {
	x, err := a.control(r).World(r.PathValue("name"), r)
	if err != nil {
		failed(w, err)
		return
	}
	write(w, 200, x)
}

func (a *api) deleteWorld(w http.ResponseWriter, r *http.Request) {
	if err := a.control(r).DeleteWorld(r.PathValue("name")); err != nil {
		failed(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *api) openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document)
}
