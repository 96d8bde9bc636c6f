package conformance

import (
	"context"
	"fmt"
	"sync"
)

// Ahead carries cases out on several runners at once, each in a world of its
// own, and hands the verdicts out one by one, in whatever order they are asked
// for. One runner waits for the server most of the time; several take as long as
// the processors need. It is for a mock of ours: see CanRunAhead.
//
// Start it with NewAhead. Close ends it, and must be called. Run, Used and Close
// are called from one goroutine.
type Ahead struct {
	cancel   context.CancelFunc
	runners  []CaseRunner
	verdicts map[*Case]chan Verdict
	ended    chan struct{} // closed when no case is under way any more
	used     Used          // known once it is closed
}

// CaseRunner carries one case after another out. *Runner is one.
type CaseRunner interface {
	// Run carries a case out and closes what it opened, also if ctx ends.
	Run(ctx context.Context, c *Case) Verdict
	// Used is what was done to the target so far.
	Used() Used
	// Close closes what is still open, and returns how many sessions could not be.
	Close(ctx context.Context) int
}

// CanRunAhead reports whether the cases for a target may run side by side: where
// each can have a world of its own, and no budget is shared.
func CanRunAhead(t *Target) bool {
	b := t.Budgets
	return t.Control != "" && t.Capabilities.Worlds && b.WrongPasswords == 0 && b.Sessions == 0 && b.RequestsPerSecond == 0
}

// NewAhead begins to carry cases out, roughly in their order and as many at once as
// there are runners: those that begin alike follow each other. When ctx ends, those
// under way clean up, and no other begins.
func NewAhead(ctx context.Context, p *Plan, o Options, cases []*Case, runners int) (*Ahead, error) {
	if !CanRunAhead(p.Target) {
		return nil, fmt.Errorf("cases run side by side where each can have a world of its own, and no budget is set: not at %s", p.Target.URL.Redacted())
	}
	var list []CaseRunner
	for n := range max(1, min(runners, len(cases))) {
		r, err := NewRunner(p, o)
		if err != nil {
			return nil, err
		}
		r.prefix += fmt.Sprintf("-%d", n+1) // of the names of its worlds
		list = append(list, r)
	}
	return AheadWith(ctx, cases, list), nil
}

// AheadWith is NewAhead with the runners given. They are the Ahead's from then on.
func AheadWith(ctx context.Context, cases []*Case, runners []CaseRunner) *Ahead {
	a := &Ahead{runners: runners, verdicts: make(map[*Case]chan Verdict, len(cases)), ended: make(chan struct{})}
	for _, c := range cases {
		a.verdicts[c] = make(chan Verdict, 1)
	}
	all := batches(cases, len(runners))
	turn := make(chan []*Case, len(all))
	for _, batch := range all {
		turn <- batch
	}
	close(turn)
	ctx, a.cancel = context.WithCancel(ctx)
	var working sync.WaitGroup
	for _, r := range a.runners {
		working.Go(func() {
			for batch := range turn {
				for _, c := range batch {
					if ctx.Err() != nil {
						return
					}
					a.verdicts[c] <- r.Run(ctx, c)
				}
			}
		})
	}
	go func() {
		working.Wait()
		close(a.ended)
	}()
	return a
}

// Run returns the verdict of a case, once, and waits for it if need be. When ctx
// ends, the others end, too.
func (a *Ahead) Run(ctx context.Context, c *Case) Verdict {
	verdict := a.verdicts[c]
	select {
	case v := <-verdict:
		return v
	case <-ctx.Done():
		a.cancel()
		<-a.ended
	case <-a.ended:
	}
	select {
	case v := <-verdict:
		return v
	default:
		return Verdict{Info: c.Info, Status: Interrupted, Why: "the run ended before it"}
	}
}

// Done returns the verdict of a case that was carried out and not asked for. It
// waits until no case is under way any more, and is for after the end.
func (a *Ahead) Done(c *Case) (Verdict, bool) {
	a.cancel()
	<-a.ended
	select {
	case v := <-a.verdicts[c]:
		return v, true
	default:
		return Verdict{}, false
	}
}

// Used is what was done to the target; it is known after Close.
func (a *Ahead) Used() Used { return a.used }

// Close ends what is under way, the worlds and the connections. It returns how
// many sessions could not be closed.
func (a *Ahead) Close(ctx context.Context) int {
	a.cancel()
	<-a.ended
	a.used = Used{}
	for _, r := range a.runners {
		r.Close(ctx)
		u := r.Used()
		a.used.Requests += u.Requests
		a.used.WrongPasswords += u.WrongPasswords
		a.used.Sessions += u.Sessions
		a.used.Closed += u.Closed
		a.used.Left += u.Left
	}
	return a.used.Left
}
