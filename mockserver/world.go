package mockserver

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// World is one isolated universe: accounts, sessions, clock, settings, journal.
// Tests that run in parallel each have one.
type World struct {
	name    string
	server  *Server
	clock   *Clock
	journal *Journal
	prefix  string // "/w/name"; "" for the default world
	own     *http.Server
	ownURL  string
	admin   http.Handler

	mu     sync.Mutex
	states map[string]*state
}

// state is one system in one world.
type state struct {
	machine *session.Machine
	store   session.Store
	laid    []laid // failures that were asked for; guarded by store.Update
}

// laid is a documented failure that the next calls of an operation get.
type laid struct {
	operation string
	reason    string
	times     int
}

func newWorld(s *Server, name, prefix string) *World {
	w := &World{name: name, server: s, clock: NewClock(s.config.wall), journal: newJournal(s.config.journal), prefix: prefix}
	w.admin = s.newAdmin(w)
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
	st := &state{
		machine: &session.Machine{Contract: sys.contract, Settings: sys.settings, Rand: w.rand(sys.name())},
		store:   session.NewMemory(sys.seed),
	}
	if w.states == nil {
		w.states = map[string]*state{}
	}
	w.states[sys.name()] = st
	return st
}

// rand is a source of randomness of one system in one world. The same seed and
// name give the same values.
func (w *World) rand(system string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(w.name + "\x00" + system))
	return rand.New(rand.NewPCG(w.server.seed, h.Sum64())) //nolint:gosec // a mock's tokens protect nothing, and a seed must give them again
}

// Reset brings the world back to its beginning: accounts, sessions, settings,
// clock and journal.
func (w *World) Reset() {
	w.mu.Lock()
	w.states = nil
	w.mu.Unlock()
	w.clock.Reset()
	w.journal.reset()
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

func (w *World) mask(e *entry) Exchange {
	x := e.Exchange
	known := func(string) bool { return false }
	secrets := e.secrets
	if e.system != nil {
		secrets = append(append([]string(nil), secrets...), e.system.secrets...)
		st := w.state(e.system)
		known = func(word string) bool {
			found := false
			st.store.Update(func(tx session.Tx) { found = tx.Token(word) != nil })
			return found
		}
	}
	m := newMasker(secrets, known)
	x.Request.URL = m.text(x.Request.URL)
	x.Request.Headers = m.header(x.Request.Headers)
	x.Request.Body = m.text(x.Request.Body)
	x.Response.Headers = m.header(x.Response.Headers)
	x.Response.Body = m.text(x.Response.Body)
	x.Why = m.text(x.Why)
	return x
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
	sys, err := w.server.system(system)
	if err != nil {
		return err
	}
	st := w.state(sys)
	var failed error
	st.store.Update(func(session.Tx) {
		next := maps.Clone(st.machine.Settings)
		for name, v := range settings {
			s := sys.contract.Setting(name)
			if s == nil {
				failed = fmt.Errorf("%s has no setting %q; %s", system, name, specs.DidYouMean(name, sys.settingNames()))
				return
			}
			typed, err := s.Parse(v)
			if err != nil {
				failed = fmt.Errorf("%s: %w", system, err)
				return
			}
			next[name] = typed
		}
		st.machine.Settings = next
	})
	return failed
}

// SetProfile gives a system the settings of a profile (several joined by +) in
// this world.
func (w *World) SetProfile(system, profile string) error {
	sys, err := w.server.system(system)
	if err != nil {
		return err
	}
	settings, err := session.Settings(sys.contract, profile, w.server.config.settings[system])
	if err != nil {
		return err
	}
	st := w.state(sys)
	st.store.Update(func(session.Tx) { st.machine.Settings = settings })
	return nil
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
	if reason == "" {
		return fmt.Errorf("which reason? %s", specs.DidYouMean("", sys.contract.Reasons()))
	}
	if times <= 0 {
		times = 1
	}
	st := w.state(sys)
	st.store.Update(func(session.Tx) { st.laid = append(st.laid, laid{operation, reason, times}) })
	return nil
}

// take returns the reason that was laid on an operation, once for each time.
func (st *state) take(operation string) string {
	for i := range st.laid {
		l := &st.laid[i]
		if l.operation != operation {
			continue
		}
		reason := l.reason
		if l.times--; l.times == 0 {
			st.laid = append(st.laid[:i], st.laid[i+1:]...)
		}
		return reason
	}
	return ""
}

// Counts returns how many sessions and tokens a system has in this world.
func (w *World) Counts(system string) (sessions, tokens int, err error) {
	sys, err := w.server.system(system)
	if err != nil {
		return 0, 0, err
	}
	w.state(sys).store.Update(func(tx session.Tx) { sessions, tokens = tx.Counts() })
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
	w.ownURL = "http://" + l.Addr().String()
	go func() { _ = w.own.Serve(l) }() // ends with Close
	return nil
}

func (w *World) close() {
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
