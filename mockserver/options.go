package mockserver

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// Option sets one thing of a Server.
type Option func(*config) error

type config struct {
	sources     []source
	profiles    map[string]string
	settings    map[string]map[string]any
	accounts    []string
	seed        *uint64
	diagnostics bool
	log         *slog.Logger
	wall        func() time.Time
	journal     int
	worlds      int
	limits      codec.Limits
	host        string
	adminToken  string
	adminApart  bool
	observe     func(Observation) // nil: nobody
}

type source struct {
	contract *specs.Contract // nil: the shipped one called name, to be loaded
	name     string
	dir      string // where a world.yaml may stand; "": shipped
	shipped  bool
	demo     *fixtures.World // nil: that of the contract
	twist    session.Twist
}

func defaults() *config {
	return &config{
		profiles: map[string]string{}, settings: map[string]map[string]any{},
		diagnostics: true, log: slog.New(slog.DiscardHandler), journal: 1000, worlds: 10_000,
		limits: codec.DefaultLimits(), host: "127.0.0.1",
	}
}

// System serves the shipped contract called name. The error lists the names.
func System(name string) Option {
	return func(c *config) error {
		if !slices.Contains(specs.Systems(), name) {
			_, err := specs.SystemSource(name)
			return err
		}
		c.sources = append(c.sources, source{name: name, shipped: true})
		return nil
	}
}

// File serves the contract in a file or directory. Accounts are read from
// world.yaml beside it, if there is one. The error is specs.Findings if the
// contract is wrong.
func File(path string) Option {
	return func(c *config) error {
		contract, err := specs.Load(path)
		if err != nil {
			return err
		}
		file, err := specs.Resolve(path)
		if err != nil {
			return err
		}
		c.sources = append(c.sources, source{contract: contract, dir: filepath.Dir(file)})
		return nil
	}
}

// Contract serves a contract that is loaded already.
func Contract(contract *specs.Contract) Option {
	return func(c *config) error {
		c.sources = append(c.sources, source{contract: contract})
		return nil
	}
}

// Deviating serves a contract that is loaded already with the records given,
// and lets twist (nil: none) decide in the place of the session machine. It is
// how package conformance/mutant makes a server that is wrong on purpose.
func Deviating(contract *specs.Contract, demo *fixtures.World, twist session.Twist) Option {
	return func(c *config) error {
		c.sources = append(c.sources, source{contract: contract, demo: demo, twist: twist})
		return nil
	}
}

// Profile chooses the profile of a system; several are joined by +.
func Profile(system, profile string) Option {
	return func(c *config) error {
		c.profiles[system] = profile
		return nil
	}
}

// Setting sets a setting of a system in every world. v may be text, as on a
// command line.
func Setting(system, name string, v any) Option {
	return func(c *config) error {
		if c.settings[system] == nil {
			c.settings[system] = map[string]any{}
		}
		c.settings[system][name] = v
		return nil
	}
}

// Accounts adds the records of a file (form: docs/contracts.md, "Demo world")
// to those of the demo world; one with the same key replaces it.
func Accounts(path string) Option {
	return func(c *config) error {
		c.accounts = append(c.accounts, path)
		return nil
	}
}

// Seed makes ids and tokens the same at every start: the same requests under a
// frozen clock give the same bytes. Without it they are random.
func Seed(n uint64) Option {
	return func(c *config) error {
		c.seed = &n
		return nil
	}
}

// NoDiagnostics leaves the headers Mockauth-Outcome, Mockauth-Why and
// Mockauth-Client-Error out of answers.
func NoDiagnostics() Option {
	return func(c *config) error {
		c.diagnostics = false
		return nil
	}
}

// Logger logs one line a request. Default: nothing is logged.
func Logger(l *slog.Logger) Option {
	return func(c *config) error {
		c.log = l
		return nil
	}
}

// WallClock replaces the machine's clock, for tests of the mock itself.
func WallClock(now func() time.Time) Option {
	return func(c *config) error {
		c.wall = now
		return nil
	}
}

// JournalSize is how many exchanges a world remembers. Default 1,000, and in any
// case no more than have 8 MiB of headers and bodies.
func JournalSize(n int) Option {
	return func(c *config) error {
		if n < 0 {
			return errors.New("a journal cannot have a negative size")
		}
		c.journal = n
		return nil
	}
}

// BodyLimit is the largest request body in bytes. Default 1 MiB.
func BodyLimit(n int64) Option {
	return func(c *config) error {
		if n <= 0 {
			return errors.New("the limit of bodies must be positive")
		}
		c.limits.Bytes = n
		return nil
	}
}

// Host is the address that worlds with a port of their own listen on. Default
// 127.0.0.1.
func Host(host string) Option {
	return func(c *config) error {
		c.host = host
		return nil
	}
}

// AdminToken is the bearer token that the control API wants. Default: none.
func AdminToken(token string) Option {
	return func(c *config) error {
		c.adminToken = token
		return nil
	}
}

// AdminApart takes the control API off the main handler, so that it is served
// by Server.Admin alone.
func AdminApart() Option {
	return func(c *config) error {
		c.adminApart = true
		return nil
	}
}

// world reads the records that a source starts with.
func (c *config) world(s source) (*fixtures.World, error) {
	var w *fixtures.World
	var err error
	if s.demo != nil {
		w = s.demo
	} else if s.shipped {
		w, err = fixtures.System(s.contract)
	} else {
		w, err = fixtures.Own(s.contract, s.dir)
	}
	if err != nil {
		return nil, err
	}
	for _, path := range c.accounts {
		data, err := document.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("the accounts in %s cannot be read: %w", path, err)
		}
		if w, err = w.With(s.contract, path, data); err != nil {
			return nil, err
		}
	}
	return w, nil
}
