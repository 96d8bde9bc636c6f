package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// Runner carries one case after another out. *conformance.Runner is one.
type Runner interface {
	// Run carries a case out and closes what it opened, also if ctx ends.
	Run(ctx context.Context, c *conformance.Case) conformance.Verdict
	// Used is what was done to the target so far.
	Used() conformance.Used
	// Close closes what is still open, and returns how many sessions could not
	// be. Cases may follow.
	Close(ctx context.Context) int
}

// Config is how a plan is carried out. The zero value runs every case in the
// order of the contract.
type Config struct {
	// Options are what the runner is told. Options.Known are applied to the
	// verdicts here.
	Options conformance.Options
	// Runner carries the cases out; nil: a conformance.Runner of the plan.
	Runner Runner
	Filter Filter
	// Seed shuffles the cases; 0 keeps the order of the contract.
	Seed int64
	// FailFast ends the run at the first case that fails.
	FailFast bool
	// Progress is called with each verdict, one at a time.
	Progress func(conformance.Verdict)

	// claim asks whether this process may run a case; nil: it may run all.
	claim func(ctx context.Context, id string) bool
}

// Errors that callers tell apart.
var (
	// ErrNothing: the filter, or the plan, leaves no case.
	ErrNothing = errors.New("no case is left to run")
	// ErrHost: this process has, or is running, a Ginkgo suite of its own, which
	// Run would have to throw away.
	ErrHost = errors.New("this process has a Ginkgo suite of its own: put the cases into it with suite.Register, or call suite.Run from another package")
)

// patience is how long closing what is left may take after a run ended: ten
// sessions at a second each. A target that is slower has a ledger.
const patience = 10 * time.Second

// Run carries the plan out and returns what came of it: the verdicts in the
// order of the plan, those that did not run as Interrupted. The filter's other
// cases are not in it.
//
// When ctx ends, the case under way cleans up and no other begins; the result
// is whole and says Interrupted.
//
// Ginkgo has one suite a process, so runs wait for one another. The error is
// ErrNothing, ErrHost, ErrFilter or that of conformance.NewRunner; a target
// that does not conform is none.
//
// Ginkgo goes on listening for interrupts after a run. A program that wants
// Ctrl-C to end it registers for it itself, as signal.NotifyContext does.
func Run(ctx context.Context, plan *conformance.Plan, cfg Config) (*conformance.Result, error) {
	cases, err := choose(plan, cfg.Filter)
	if err != nil {
		return nil, err
	}
	runner := cfg.Runner
	if runner == nil {
		if runner, err = conformance.NewRunner(plan, cfg.Options); err != nil {
			return nil, err
		}
	}
	result := begin(plan, cfg, len(cases))
	started := time.Now()
	c := &course{cfg: cfg, ctx: ctx, runner: runner, known: entries(cfg.Options.Known), verdicts: map[string]conformance.Verdict{}}
	err = drive(c, cases)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	left := runner.Close(closing)
	if err != nil {
		return nil, err
	}
	c.finish(result, plan, cases)
	result.Used = runner.Used()
	result.Used.Left = max(result.Used.Left, left)
	result.Seconds = time.Since(started).Seconds()
	return result, nil
}

// choose are the cases that the filter leaves.
func choose(plan *conformance.Plan, f Filter) ([]*conformance.Case, error) {
	choice, err := f.Choose(plan.Cases)
	switch {
	case err != nil:
		return nil, err
	case len(plan.Cases) == 0:
		return nil, fmt.Errorf("%w: the contract has none for this target", ErrNothing)
	case len(choice.Cases) == 0:
		return nil, fmt.Errorf("%w: %s", ErrNothing, f)
	}
	return choice.Cases, nil
}

// begin is the result before its verdicts.
func begin(plan *conformance.Plan, cfg Config, chosen int) *conformance.Result {
	r := conformance.NewResult(plan, cfg.Options)
	r.Seed = cfg.Seed
	if words := cfg.Filter.String(); words != "" {
		r.Filter = fmt.Sprintf("%d of %d cases: %s", chosen, len(plan.Cases), words)
	}
	return r
}

// course is one run under way.
type course struct {
	host     bool // the suite is a host's
	budgeted bool // wrong passwords have a budget
	cfg      Config
	ctx      context.Context //nolint:containedctx // Ginkgo gives each spec a context of its own; this one ends the whole
	runner   Runner
	known    map[string]conformance.KnownCase
	verdicts map[string]conformance.Verdict
	silence  silence
	failed   bool
}

// run carries one case out and notes its verdict. It reports false if the case
// was not this process's to run, or the run has ended.
func (c *course) run(ctx context.Context, k *conformance.Case) (conformance.Verdict, bool) {
	if c.ctx.Err() != nil || c.cfg.FailFast && c.failed || c.cfg.claim != nil && !c.cfg.claim(c.ctx, k.ID) {
		return conformance.Verdict{}, false
	}
	var v conformance.Verdict
	if c.silence.over() {
		v = c.silence.verdict(k)
	} else {
		v = c.runner.Run(ctx, k)
	}
	if e, ok := c.known[k.ID]; ok {
		v = conformance.Excuse(v, e, c.now())
	}
	c.note(v)
	return v, true
}

func (c *course) note(v conformance.Verdict) {
	c.verdicts[v.ID] = v
	c.failed = c.failed || v.Status.Fails()
	if c.cfg.claim == nil { // else the parent counts, who sees all processes
		c.silence.note(v)
	}
	if c.cfg.Progress != nil {
		c.cfg.Progress(v)
	}
}

func (c *course) now() time.Time {
	if c.cfg.Options.Now != nil {
		return c.cfg.Options.Now()
	}
	return time.Now()
}

// finish puts the verdicts into the result.
func (c *course) finish(r *conformance.Result, plan *conformance.Plan, cases []*conformance.Case) {
	why := "the run ended before it"
	switch {
	case c.ctx.Err() != nil:
		r.Interrupted, why = true, "the run was interrupted before it"
	case c.cfg.FailFast && c.failed:
		why = "the run ended at the first failure, as it was told to"
	}
	for _, k := range cases {
		v, ran := c.verdicts[k.ID]
		if d, ahead := c.cfg.Runner.(interface {
			Done(k *conformance.Case) (conformance.Verdict, bool)
		}); !ran && ahead {
			v, ran = d.Done(k) // carried out before its turn came
		}
		if !ran {
			v = conformance.Verdict{Info: k.Info, Status: conformance.Interrupted, Why: why}
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	r.GaveUp = c.silence.words()
	r.Stale = conformance.Stale(plan, c.cfg.Options.Known, c.now())
}

func entries(known []conformance.KnownCase) map[string]conformance.KnownCase {
	m := map[string]conformance.KnownCase{}
	for _, k := range known {
		m[k.ID] = k
	}
	return m
}
