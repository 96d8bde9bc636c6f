package mockserver

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/mockserver/admin"
	"github.com/mockauth/mockauth/specs"
)

// World is one isolated universe: accounts, sessions, clock, settings, journal.
// Tests that run in parallel each have one.
type World struct {
	name    string
	server  *Server
	clock   *Clock
	journal *Journal
	faults  faultSet
	prefix  string // "/w/name"; "" for the default world
	own     *http.Server
	ownURL  string

	mu          sync.Mutex // of states and checkpoints
	states      map[string]*state
	checkpoints map[string]*checkpoint

	observing sync.Mutex // makes decisions and their observations one; taken before all others

	turning   sync.Mutex  // of turn and beginning, while the world begins; taken before mu
	turn      turn        // the last one, see turnTo
	beginning admin.Reset // how the last reset began it
}

// state is one system in one world.
type state struct {
	machine *session.Machine
	source  *rand.PCG // of machine.Rand; used in store.Update
	store   session.Store
	profile string // the one in force; guarded by store.Update
	laid    []laid // failures that were asked for; guarded by store.Update
}

// maxLaid bounds the failures that wait in a system of a world.
const maxLaid = 1000

// laid is a documented failure that the next calls of an operation get.
type laid struct {
	operation string
	reason    string
	times     int
}

func newWorld(s *Server, name, prefix string) *World {
	w := &World{name: name, server: s, clock: NewClock(s.config.wall), journal: newJournal(s.config.journal), prefix: prefix}
	return w
}

// Name is the name of the world; the default world is "default".
func (w *World) Name() string { return w.name }

// Clock is the world's time.
func (w *World) Clock() *Clock { return w.clock }

// URL is where the world is served: its own port, or a path below the
// server's URL.
func (w *World) URL() string {
	if w.ownURL != "" {
		return w.ownURL
	}
	return w.server.URL() + w.prefix
}

func (w *World) state(sys *system) *state {
	w.mu.Lock()
	defer w.mu.Unlock()
	if st := w.states[sys.name()]; st != nil {
		return st
	}
	st := w.newState(sys)
	if w.states == nil {
		w.states = map[string]*state{}
	}
	w.states[sys.name()] = st
	return st
}

// newState is a system as it is at the start.
func (w *World) newState(sys *system) *state {
	source := w.source(sys.name())
	return &state{
		machine: &session.Machine{Contract: sys.contract, Settings: sys.settings, Rand: rand.New(source), Keys: &sys.keys, Twist: sys.twist}, //nolint:gosec // see source
		source:  source,
		store:   session.NewMemory(sys.seed),
		profile: w.server.config.profiles[sys.name()],
	}
}

// source is where the chance of one system in one world comes from. The same seed
// and name give the same values. It is no secret: a mock's tokens protect nothing.
func (w *World) source(system string) *rand.PCG {
	h := fnv.New64a()
	h.Write([]byte(w.name + "\x00" + system))
	return rand.NewPCG(w.server.seed, h.Sum64())
}

// Journal returns the exchanges of the world, oldest first, secrets masked.
func (w *World) Journal() []Exchange {
	entries := w.journal.entries()
	out := make([]Exchange, len(entries))
	for i, e := range entries {
		out[i] = w.mask(e)
	}
	return out
}

// mask returns the exchange as it is shown. That is worked out once, when it is
// first asked for.
func (w *World) mask(e *entry) Exchange {
	e.once.Do(func() {
		x := e.Exchange
		x.Request.Body, x.Response.Body = text(e.sent), text(e.answered)
		names := w.server.secretNames(e.system)
		secrets := append(names.of(x.Request.URL, x.Request.Headers), e.secrets...)
		if x.Request.Body != "" {
			sent, ok := names.body(x.Request.Headers["Content-Type"], []byte(x.Request.Body), w.server.config.limits)
			if e.unread && !ok {
				x.Request.Body = withheld
			}
			secrets = append(secrets, sent...)
		}
		for _, s := range e.hidden {
			if newMasker([]string{s}, nil, nil).text(x.Request.Body) == x.Request.Body {
				x.Request.Body = withheld
			}
		}
		m := w.masker(secrets)
		body := func(b Message) string {
			if b.Size > len(b.Body) {
				return m.cut(b.Body)
			}
			return m.text(b.Body)
		}
		x.Request.URL = m.text(x.Request.URL)
		x.Request.Headers = m.header(x.Request.Headers)
		x.Request.Body = body(x.Request)
		x.Response.Headers = m.header(x.Response.Headers)
		x.Response.Body = body(x.Response)
		x.Why = m.sentence(x.Why)
		x.Notes = slices.Clone(x.Notes)
		for i, n := range x.Notes {
			x.Notes[i] = m.sentence(n)
		}
		e.shown = &x
	})
	return *e.shown
}

func text(body []byte) string { return string(bytes.ToValidUTF8(body, []byte("\uFFFD"))) }

// masker hides the secrets given, those of all demo accounts, and the tokens
// that this world has issued, whichever system they belong to: a request may
// have gone to the wrong one. It is for one goroutine.
func (w *World) masker(secrets []string) *masker {
	w.mu.Lock()
	stores := make([]session.Store, 0, len(w.states))
	for _, st := range w.states {
		stores = append(stores, st.store)
	}
	w.mu.Unlock()
	var asked string
	var found bool
	look := func(tx session.Tx) { found = tx.Token(asked) != nil } // made once: a text has many words
	issued := func(word string) bool {
		asked, found = word, false
		for i := 0; i < len(stores) && !found; i++ {
			stores[i].Update(look)
		}
		return found
	}
	return newMasker(secrets, issued, w.server.commonMasker())
}

// Settings returns the settings of a system in this world.
func (w *World) Settings(system string) (map[string]any, error) {
	sys, err := w.server.system(system)
	if err != nil {
		return nil, err
	}
	st := w.state(sys)
	var out map[string]any
	st.store.Update(func(session.Tx) { out = maps.Clone(st.machine.Settings) })
	return out, nil
}

// Set changes settings of a system in this world; the others stay. Tokens that
// are issued already keep the life they were given.
func (w *World) Set(system string, settings map[string]any) error {
	return w.change(system, nil, settings)
}

// SetProfile gives a system the settings of a profile (several joined by +) in
// this world; an empty name is the contract's default profile.
func (w *World) SetProfile(system, profile string) error {
	return w.change(system, &profile, nil)
}

// change applies a profile, if there is one, and settings over it: all of it, or
// nothing if anything is wrong.
func (w *World) change(system string, profile *string, settings map[string]any) error {
	sys, err := w.server.system(system)
	if err != nil {
		return err
	}
	return w.changeState(w.state(sys), sys, profile, settings)
}

// changeState is change for a state that may not be the world's yet.
func (w *World) changeState(st *state, sys *system, profile *string, settings map[string]any) (err error) {
	system := sys.name()
	typed := make(map[string]any, len(settings))
	for name, v := range settings {
		s := sys.contract.Setting(name)
		if s == nil {
			return fmt.Errorf("%s has no setting %q; %s", system, name, specs.DidYouMean(name, sys.settingNames()))
		}
		if typed[name], err = s.Parse(v); err != nil {
			return fmt.Errorf("%s: %w", system, err)
		}
	}
	var base map[string]any
	if profile != nil {
		if base, err = session.Settings(sys.contract, *profile, w.server.config.settings[system]); err != nil {
			return err
		}
	}
	st.store.Update(func(session.Tx) {
		next := base
		if next == nil {
			next = maps.Clone(st.machine.Settings)
		}
		maps.Copy(next, typed)
		st.machine.Settings = next
		if profile != nil {
			st.profile = *profile
		}
	})
	return nil
}

// profile is the name of the profile that the settings began from.
func (w *World) profile(sys *system) string {
	st := w.state(sys)
	name := ""
	st.store.Update(func(session.Tx) { name = st.profile })
	if name == "" {
		name = sys.contract.DefaultProfile
	}
	return name
}

// Fail lays a failure on the next calls of an operation: the answer is what the
// contract says for the reason, and nothing else happens. It is how failures
// are served whose cause nobody knows. times 0 means once.
func (w *World) Fail(system, operation, reason string, times int) error {
	sys, err := w.server.system(system)
	if err != nil {
		return err
	}
	if sys.contract.Operation(operation) == nil {
		var names []string
		for _, op := range sys.contract.Operations {
			names = append(names, op.ID)
		}
		return fmt.Errorf("%s has no operation %q; %s", system, operation, specs.DidYouMean(operation, names))
	}
	if known := sys.contract.Reasons(); !answered(known, reason) {
		return fmt.Errorf("%s answers no reason %q; %s", system, reason, specs.DidYouMean(reason, known))
	}
	if err := sys.contract.Possible(reason); err != nil {
		return fmt.Errorf("%s: %w", system, err)
	}
	if times < 0 {
		return fmt.Errorf("a failure cannot be laid %d times", times)
	}
	times = max(1, times)
	st := w.state(sys)
	full := false
	st.store.Update(func(session.Tx) {
		if full = len(st.laid) >= maxLaid; !full {
			st.laid = append(st.laid, laid{operation, reason, times})
		}
	})
	if full {
		return fmt.Errorf("%d failures are laid already; reset the world, or ask for them with times", maxLaid)
	}
	return nil
}

// ClearFailures takes back the failures that are laid in this world, of all
// systems.
func (w *World) ClearFailures() {
	w.mu.Lock()
	states := slices.Collect(maps.Values(w.states))
	w.mu.Unlock()
	for _, st := range states {
		st.store.Update(func(session.Tx) { st.laid = nil })
	}
}

// answered reports whether a contract has an answer for the reason, or for a
// shorter one: token.expired is answered by token.
func answered(known []string, reason string) bool {
	for reason != "" {
		if slices.Contains(known, reason) {
			return true
		}
		i := strings.LastIndexByte(reason, '.')
		if i < 0 {
			return false
		}
		reason = reason[:i]
	}
	return false
}

// next returns the reason that was laid on an operation.
func (st *state) next(operation string) string {
	for _, l := range st.laid {
		if l.operation == operation {
			return l.reason
		}
	}
	return ""
}

// take uses the reason up that was laid on an operation, once for each time.
func (st *state) take(operation string) {
	for i := range st.laid {
		l := &st.laid[i]
		if l.operation != operation {
			continue
		}
		if l.times--; l.times == 0 {
			st.laid = append(st.laid[:i], st.laid[i+1:]...)
		}
		return
	}
}

// Counts returns how many sessions and tokens of a system live in this world
// now.
func (w *World) Counts(system string) (sessions, tokens int, err error) {
	sys, err := w.server.system(system)
	if err != nil {
		return 0, 0, err
	}
	st := w.state(sys)
	st.store.Update(func(tx session.Tx) {
		sessions, tokens = st.machine.Live(session.Moment{Now: w.clock.Now(), Tx: tx})
	})
	return sessions, tokens, nil
}

// Handler answers every request in this world, whatever its host, without a
// prefix before the documented paths.
func (w *World) Handler() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.server.serve(rw, r, w, "", r.URL.EscapedPath()) })
}

// listen gives the world a port of its own.
func (w *World) listen(host string) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return err
	}
	w.own = &http.Server{
		Handler:           w.Handler(),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: w.server.errorLog(),
	}
	w.ownURL = urlOf(l.Addr())
	go func() { _ = w.own.Serve(l) }() // ends with Close
	return nil
}

func (w *World) close() {
	w.ClearFaults() // whoever waits need not be waited for
	if w.own != nil {
		_ = w.own.Close()
	}
}

const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)
