package mockserver

import (
	"context"
	cryptorand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// Server serves one or more contracts. It is an http.Handler; Listen gives it a
// port, and Transport makes calls without one.
type Server struct {
	config  *config
	systems []*system
	router  *router
	seed    uint64
	admin   http.Handler

	mu     sync.Mutex
	worlds map[string]*World
	base   *World
	http   *http.Server
	url    string
	serial int

	maskOnce sync.Once // guards the two below: they cost a millisecond, and a start has few
	common   *masker
	names    secretNames
}

// system is a contract with its demo world.
type system struct {
	contract *specs.Contract
	world    *fixtures.World
	seed     *session.Seed
	settings map[string]any // of a new world
	secrets  []string
	names    secretNames // see Server.prepareMasks
	twist    session.Twist
	keys     session.Keys // of tokens that are signed, shared by all worlds
}

func (s *system) name() string { return s.contract.Name }

func (s *system) settingNames() []string {
	names := make([]string, len(s.contract.Settings))
	for i, x := range s.contract.Settings {
		names[i] = x.Name
	}
	return names
}

// New makes a Server. Without System, File or Contract it serves all shipped
// systems.
func New(options ...Option) (*Server, error) {
	c := defaults()
	var failed []error
	for _, o := range options {
		if err := o(c); err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return nil, errors.Join(failed...)
	}
	if len(c.sources) == 0 {
		for _, name := range specs.Systems() {
			c.sources = append(c.sources, source{name: name, shipped: true})
		}
	}
	s := &Server{config: c, worlds: map[string]*World{}}
	if c.seed != nil {
		s.seed = *c.seed
	} else {
		var b [8]byte
		if _, err := cryptorand.Read(b[:]); err != nil {
			return nil, err
		}
		s.seed = binary.LittleEndian.Uint64(b[:])
	}
	loaded, err := c.load()
	if err != nil {
		return nil, err
	}
	for _, sys := range loaded {
		for _, other := range s.systems {
			if other.name() == sys.name() {
				return nil, fmt.Errorf("two contracts are called %s; rename the folder or file of one", sys.name())
			}
		}
		s.systems = append(s.systems, sys)
	}
	if err := c.unused(s.systems); err != nil {
		return nil, err
	}
	if s.router, err = newRouter(s.systems); err != nil {
		return nil, err
	}
	s.admin = s.newAdmin()
	s.base = newWorld(s, "default", "")
	s.worlds["default"] = s.base
	return s, nil
}

// load makes the systems of all sources, side by side: most of a start is
// reading them. The errors of all are returned.
func (c *config) load() ([]*system, error) {
	out := make([]*system, len(c.sources))
	errs := make([]error, len(c.sources))
	var wg sync.WaitGroup
	for i, src := range c.sources {
		wg.Go(func() {
			if src.contract == nil {
				if src.contract, errs[i] = specs.System(src.name); errs[i] != nil {
					return
				}
			}
			out[i], errs[i] = c.system(src)
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

func (c *config) system(src source) (*system, error) {
	contract := src.contract
	w, err := c.world(src)
	if err != nil {
		return nil, err
	}
	records := make([]*session.Record, len(w.Records))
	for i, r := range w.Records {
		records[i] = session.NewRecord(contract.Record(r.Kind), r.Value, r.Note)
	}
	settings, err := session.Settings(contract, c.profiles[contract.Name], c.settings[contract.Name])
	if err != nil {
		return nil, err
	}
	sys := &system{contract: contract, world: w, seed: session.NewSeed(contract, records), settings: settings, secrets: secretsOf(records), twist: src.twist}
	for _, x := range contract.Settings {
		if text, ok := settings[x.Name].(string); ok && x.Secret {
			sys.secrets = append(sys.secrets, text)
		}
	}
	return sys, nil
}

// unused refuses profiles and settings of systems that are not served, and
// accounts of systems that there are not.
func (c *config) unused(systems []*system) error {
	names := make([]string, len(systems))
	served := map[string]bool{}
	for i, s := range systems {
		names[i], served[s.name()] = s.name(), true
	}
	for name := range c.profiles {
		if !served[name] {
			return fmt.Errorf("a profile is given for %q, which is not served; %s", name, specs.DidYouMean(name, names))
		}
	}
	for name := range c.settings {
		if !served[name] {
			return fmt.Errorf("a setting is given for %q, which is not served; %s", name, specs.DidYouMean(name, names))
		}
	}
	for _, path := range c.accounts {
		data, err := document.ReadFile(path)
		if err != nil {
			return fmt.Errorf("the accounts in %s cannot be read: %w", path, err)
		}
		owners, err := fixtures.Owners(path, data)
		if err != nil {
			return err
		}
		for name, line := range owners {
			// One file may be kept for several runs, each with some of its systems.
			if !served[name] && !slices.Contains(specs.Systems(), name) {
				return fmt.Errorf("%s:%d: no system is called %q; %s", path, line, name, specs.DidYouMean(name, names))
			}
		}
	}
	return nil
}

func (s *Server) system(name string) (*system, error) {
	var names []string
	for _, sys := range s.systems {
		if sys.name() == name {
			return sys, nil
		}
		names = append(names, sys.name())
	}
	return nil, fmt.Errorf("no system is called %q here; %s", name, specs.DidYouMean(name, names))
}

// Listen serves on an address such as 127.0.0.1:4010; port 0 picks one.
func (s *Server) Listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s.Serve(l)
	return nil
}

// Serve serves on a listener until Close or Shutdown.
func (s *Server) Serve(l net.Listener) {
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: s.errorLog(),
	}
	s.mu.Lock()
	s.http, s.url = h, urlOf(l.Addr())
	s.mu.Unlock()
	go func() { _ = h.Serve(l) }() // ends with Close or Shutdown
}

// urlOf is where a client on this machine reaches a listener. Nobody can call
// the address that means all addresses, 0.0.0.0 or [::], which Go opens as one.
func urlOf(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return "http://" + a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// errorLog takes net/http's own complaints (a client that spoke TLS, and the
// like) to the server's logger.
func (s *Server) errorLog() *log.Logger {
	return slog.NewLogLogger(s.config.log.Handler(), slog.LevelDebug)
}

// URL is scheme, host and port; without Listen it is http://mock.test, which
// Transport answers.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url == "" {
		return "http://mock.test"
	}
	return s.url
}

// listens reports whether the server has a port that it opened itself.
func (s *Server) listens() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.http != nil
}

// Close ends the server and every world at once.
func (s *Server) Close() error {
	s.mu.Lock()
	h := s.http
	worlds := make([]*World, 0, len(s.worlds))
	for _, w := range s.worlds {
		worlds = append(worlds, w)
	}
	s.mu.Unlock()
	for _, w := range worlds {
		w.close()
	}
	if h != nil {
		return h.Close()
	}
	return nil
}

// Shutdown ends the server when the requests under way are answered, or when
// ctx ends. Those that a fault holds are let go.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	h := s.http
	s.mu.Unlock()
	if h == nil {
		return s.Close()
	}
	for _, w := range s.Worlds() {
		w.ClearFaults()
	}
	err := h.Shutdown(ctx)
	return errors.Join(err, s.Close())
}

// Systems returns the names of what is served, in order.
func (s *Server) Systems() []string {
	var out []string
	for _, sys := range s.systems {
		out = append(out, sys.name())
	}
	return out
}

// Contract returns the contract of a served system, or nil.
func (s *Server) Contract(name string) *specs.Contract {
	sys, err := s.system(name)
	if err != nil {
		return nil
	}
	return sys.contract
}

// Default is the world that is used unless a request names another.
func (s *Server) Default() *World { return s.base }

var worldName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// NewWorld makes a world; an empty name gives it one. With port true it has a
// port of its own, so that an unmodified client reaches it by its base URL
// alone.
func (s *Server) NewWorld(name string, port bool) (*World, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.worlds) >= s.config.worlds {
		return nil, fmt.Errorf("%w: %d; DELETE those that are done with", ErrTooManyWorlds, len(s.worlds))
	}
	if name == "" {
		for name == "" || s.worlds[name] != nil {
			s.serial++
			name = fmt.Sprintf("w%d", s.serial)
		}
	}
	if !worldName.MatchString(name) {
		return nil, fmt.Errorf("a world cannot be called %q; use a-z, 0-9 and -, at most 63 characters", name)
	}
	if s.worlds[name] != nil {
		return nil, fmt.Errorf("%w: %s", ErrWorldExists, name)
	}
	w := newWorld(s, name, "/w/"+name)
	if port {
		if err := w.listen(s.config.host); err != nil {
			return nil, err
		}
	}
	s.worlds[name] = w
	return w, nil
}

// What stands in the way of NewWorld and DeleteWorld.
var (
	ErrWorldExists   = errors.New("there is such a world already")
	ErrTooManyWorlds = errors.New("there are as many worlds as are allowed")
	ErrDefaultWorld  = errors.New("the default world stays; POST reset empties it")
)

// World returns the world called name, or nil.
func (s *Server) World(name string) *World {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.worlds[name]
}

// Worlds returns every world, by name.
func (s *Server) Worlds() []*World {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*World, 0, len(s.worlds))
	for _, w := range s.worlds {
		out = append(out, w)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

// DeleteWorld ends a world. The default world cannot be ended.
func (s *Server) DeleteWorld(name string) error {
	s.mu.Lock()
	w := s.worlds[name]
	if w == s.base {
		s.mu.Unlock()
		return ErrDefaultWorld
	}
	delete(s.worlds, name)
	s.mu.Unlock()
	if w == nil {
		return fmt.Errorf("there is no world %q", name)
	}
	w.close()
	return nil
}

// commonMasker hides what every exchange may hold: the secrets of the demo
// accounts and settings.
func (s *Server) commonMasker() *masker {
	s.prepareMasks()
	return s.common
}

// secretNames are the names that carry secrets in a system, or in any if it is
// nil.
func (s *Server) secretNames(sys *system) secretNames {
	s.prepareMasks()
	if sys != nil {
		return sys.names
	}
	return s.names
}

func (s *Server) prepareMasks() {
	s.maskOnce.Do(func() {
		var secrets []string
		for _, sys := range s.systems {
			secrets = append(secrets, sys.secrets...)
			sys.names = namesOf([]*system{sys})
		}
		s.common, s.names = newMasker(secrets, nil, nil), namesOf(s.systems)
	})
}

// AdminPath is where the control API is served.
const AdminPath = "/__admin"

// ServeHTTP answers a request in the world that its base URL names: a host
// {world}.localhost, a path /w/{world}, /w/{world}@{turn} or
// /w/{world}@{turn}~{checkpoint}, else the default world.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	world, prefix, path, err := s.locate(r)
	if err != nil {
		noWorld(w, err)
		return
	}
	s.serve(w, r, world, prefix, path)
}

// locate finds the world of a request, the prefix that named it, and the path
// below. The error says that there is none, or no such checkpoint in it.
func (s *Server) locate(r *http.Request) (world *World, prefix, path string, err error) {
	path = r.URL.EscapedPath()
	if rest, ok := strings.CutPrefix(path, "/w/"); ok {
		name, below, _ := strings.Cut(rest, "/")
		said, err := url.PathUnescape(name) // there are clients that write %40 and %7E
		if err != nil {
			said = name
		}
		only, at := turnOf(said)
		x := s.World(only)
		if x == nil {
			return nil, "", "", unknownWorld(only)
		}
		if at != (turn{}) {
			if err := x.turnTo(at); err != nil {
				return nil, "", "", err
			}
		}
		return x, "/w/" + name, "/" + below, nil
	}
	if host, _, ok := strings.Cut(r.Host, ".localhost"); ok && host != "" {
		if x := s.World(host); x != nil {
			return x, "", path, nil
		}
	}
	return s.base, "", path, nil
}

func unknownWorld(name string) error {
	if !worldName.MatchString(name) {
		return fmt.Errorf("there is no world %q, nor can there be: a name has a-z, 0-9 and -, at most 63 characters", name)
	}
	return fmt.Errorf("there is no world %q; make it with POST %s/worlds {\"name\":%q}", name, AdminPath, name)
}

// NoWorld is the Mockauth-Outcome of a request to a world, or a checkpoint, that is
// not there: no system has answered it.
const NoWorld = "world.missing"

// noWorld answers a request to a world, or a checkpoint, that is not there.
func noWorld(w http.ResponseWriter, err error) {
	w.Header().Set("Mockauth-Outcome", NoWorld)
	why := err.Error()
	problem(w, http.StatusNotFound, "request.path", strings.ToUpper(why[:1])+why[1:]+".")
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, world *World, prefix, path string) {
	if path == AdminPath || strings.HasPrefix(path, AdminPath+"/") {
		if s.config.adminApart {
			problem(w, http.StatusNotFound, "request.path", "The control API is on another port of this server.")
			return
		}
		s.serveAdmin(w, r, world, prefix)
		return
	}
	x := &exchange{server: s, world: world, w: w, r: r, prefix: prefix, path: collapse(path), started: time.Now()}
	if instructed(r) && !x.obey() {
		return
	}
	x.serve()
}

// Admin is the control API alone, for a port of its own: at /__admin for the
// default world, and at /w/{world}/__admin.
func (s *Server) Admin() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		world, prefix, path, err := s.locate(r)
		switch {
		case err != nil:
			noWorld(w, err)
		case path == AdminPath || strings.HasPrefix(path, AdminPath+"/"):
			s.serveAdmin(w, r, world, prefix)
		default:
			problem(w, http.StatusNotFound, "request.path", fmt.Sprintf("Only the control API is on this port; GET %s/systems lists what is served, and where.", AdminPath))
		}
	})
}
