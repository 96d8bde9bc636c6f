package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// Options are what a Suite is told.
type Options struct {
	// Start makes a driver of the client under test. Runners that work side by
	// side have one each.
	Start driver.Start
	// Profile and Settings are those of the mock that the client talks to.
	Profile  string
	Settings map[string]any
	// Patience is how long one thing that the client is told to do may take; 0:
	// 10 s.
	Patience time.Duration
	// Seed makes tokens and passwords the same in each run; 0: 1.
	Seed uint64
	// Watch: the client is a command that is run once; see driver.Command.
	Watch bool
	// Interleaving is the only one that the race lab tries; "": it tries all,
	// the smallest first. See Interleavings.
	Interleaving string
	// Strict makes a SHOULD fail.
	Strict bool
	// Jobs is how many cases Run carries out side by side, each with a driver of
	// its own; 0: twice the processors, and 8 at most.
	Jobs int
	// Account is who the client logs in as: a kind of record, or kind/key; "": the
	// first of the demo world that can.
	Account string
	// World is the demo world; nil: that of the contract.
	World *fixtures.World
	// Now is the wall clock; nil: time.Now.
	Now func() time.Time
}

// Suite is the cases for a client of one contract.
type Suite struct {
	// Plan has the cases, in the order in which they are shown.
	Plan *conformance.Plan

	contract  *specs.Contract
	o         Options
	world     *fixtures.World
	settings  map[string]any
	facts     *facts
	scenarios map[string]*scenario
	findings  findings

	mu    sync.Mutex // guards what follows
	about *driver.About

	watch watch // see stage.watched

	rehearsing sync.Once
	manner     *manner
	unfit      *verdict // why the client could not be rehearsed
}

// New plans the cases for clients of a contract. The error is about a profile, a
// setting or a record that does not fit.
func New(c *specs.Contract, o Options) (*Suite, error) {
	if o.Start == nil {
		return nil, errors.New("no client is given: Options.Start is missing")
	}
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	settings, err := session.Settings(c, o.Profile, o.Settings)
	if err != nil {
		return nil, err
	}
	if o.World == nil {
		if o.World, err = fixtures.Of(c); err != nil {
			return nil, err
		}
	}
	s := &Suite{contract: c, o: o, world: o.World, settings: settings, facts: newFacts(c, settings), scenarios: map[string]*scenario{}}
	if len(s.facts.accounts(o.World, o.Account)) == 0 {
		if all := s.facts.accounts(o.World, ""); len(all) > 0 {
			var names []string
			for _, a := range all {
				names = append(names, a.kind+"/"+a.key)
			}
			return nil, fmt.Errorf("%q cannot log in; %s", o.Account, specs.DidYouMean(o.Account, names))
		}
		return nil, fmt.Errorf("%s: nobody can log in: no operation that opens a session takes a secret of a record that the demo world has", c.Name)
	}
	if o.Interleaving != "" {
		if _, err := parseInterleaving(o.Interleaving); err != nil {
			return nil, err
		}
	}
	var cases []*conformance.Case
	list := s.facts.scenarios()
	if o.Watch {
		list = s.facts.watching()
	}
	for _, x := range list {
		k := &conformance.Case{Info: s.info(x)}
		s.scenarios[k.ID] = x
		cases = append(cases, k)
	}
	s.Plan = conformance.PlanOf(c, &conformance.Target{Profile: o.Profile, Settings: o.Settings}, cases)
	return s, nil
}

// info says what a scenario is as a case.
func (s *Suite) info(x *scenario) conformance.Info {
	i := conformance.Info{
		ID:    s.contract.Name + ".client." + x.name,
		Title: x.title, Outcome: x.name, Kind: x.group(), Severity: x.severity, Cause: x.cause,
		Labels: append([]string{s.contract.Name, "client"}, strings.Split(x.name, ".")...),
		Rule:   conformance.Rule{File: s.contract.Doc.Name, Evidence: "law: " + x.law},
	}
	if x.op != nil {
		i.Operation, i.Method, i.Path = x.op.ID, x.op.Method, x.op.Path
		i.Rule.Pointer, i.Rule.Line = x.op.Pointer, x.op.Line
	}
	if x.pointer != "" {
		i.Rule.Pointer, i.Rule.Evidence, i.Rule.Sources = x.pointer, x.mark.Level.String(), nil
		if n := s.contract.Doc.At(x.pointer); n != nil {
			i.Rule.Line = n.Line
		}
		i.Rule.Evidence = strings.TrimSpace(strings.Join(append([]string{i.Rule.Evidence}, append(slices.Clone(x.mark.Sources), x.mark.Reason)...), " "))
		for _, n := range x.mark.Sources {
			if full := s.contract.Sources[n]; full != "" {
				i.Rule.Sources = append(i.Rule.Sources, n+": "+full)
			}
		}
	}
	return i
}

// About is what the driver says of itself; it starts one if none has been.
func (s *Suite) About(ctx context.Context) (driver.About, error) {
	s.mu.Lock()
	known := s.about
	s.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	d, err := s.start(ctx)
	if err != nil {
		return driver.About{}, err
	}
	about := d.About()
	return about, d.Close(context.WithoutCancel(ctx))
}

func (s *Suite) start(ctx context.Context) (driver.Driver, error) {
	d, err := s.o.Start(ctx)
	if err != nil {
		return nil, err
	}
	about := d.About()
	if about.Systems != nil && !slices.Contains(about.Systems, s.contract.Name) {
		_ = d.Close(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("the driver has no client for %s; it has one for %s", s.contract.Name, strings.Join(about.Systems, ", "))
	}
	s.mu.Lock()
	s.about = &about
	s.mu.Unlock()
	return d, nil
}

// Finish adds to a result what only the whole run knows: what the laws that hold
// everywhere found outside of their own cases.
func (s *Suite) Finish(r *conformance.Result) {
	s.findings.into(r, s.contract.Name+".client.", s.o.Strict)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.about != nil {
		r.Target = s.about.Name
		if s.about.Version != "" {
			r.Target += " " + s.about.Version
		}
	}
}

// watch is the one run of a command that is only watched.
type watch struct {
	once    sync.Once
	stage   *stage
	log     []observed
	results []said
	over    *verdict
	err     error
}
