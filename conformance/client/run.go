package client

import (
	"context"
	"runtime"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/suite"
	"github.com/mockauth/mockauth/specs"
)

// Run holds a client to all cases of a contract and returns what came of it. A
// client that does not conform is no error: see Result.Verdicts. The error is
// that of New, or that of a driver that does not start.
//
// New and Suite.Run do the same where a filter or known failures are wanted.
func Run(ctx context.Context, c *specs.Contract, o Options) (*conformance.Result, error) {
	s, err := New(c, o)
	if err != nil {
		return nil, err
	}
	return s.Run(ctx, suite.Config{})
}

// Run carries out the cases that cfg's filter leaves, several side by side, and
// returns what came of them; Ginkgo runs them, see suite.Run. cfg.Runner is the
// suite's own, and cfg.Options.Strict is Options.Strict.
//
// When ctx ends, what is under way is ended, and the result says Interrupted.
func (s *Suite) Run(ctx context.Context, cfg suite.Config) (*conformance.Result, error) {
	choice, err := cfg.Filter.Choose(s.Plan.Cases)
	if err != nil {
		return nil, err
	}
	// A driver that does not start is no verdict on the client, a hundred times.
	if _, err := s.About(ctx); err != nil {
		return nil, err
	}
	jobs := s.o.Jobs
	if jobs <= 0 {
		jobs = min(8, 2*runtime.GOMAXPROCS(0)) // each waits for the other side most of its time
	}
	var runners []conformance.CaseRunner
	for range min(jobs, len(choice.Cases)) {
		runners = append(runners, s.Runner())
	}
	ahead := conformance.AheadWith(ctx, choice.Cases, runners)
	defer ahead.Close(context.WithoutCancel(ctx)) // suite.Run has done it, unless it could not begin
	cfg.Runner, cfg.Options.Strict = ahead, s.o.Strict
	result, err := suite.Run(ctx, s.Plan, cfg)
	if err != nil {
		return nil, err
	}
	s.Finish(result)
	for i, v := range result.Verdicts { // what Finish has made fail may be known to
		if v.Status == conformance.Failed && v.Known != nil {
			result.Verdicts[i] = conformance.Excuse(v, *v.Known, s.o.Now())
		}
	}
	return result, nil
}
