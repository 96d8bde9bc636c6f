package suite

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/mockauth/mockauth/conformance"
)

// Register puts the cases of a plan into the Ginkgo suite of the caller: a
// Describe an operation, an It a case, with Labels. It is called before
// RunSpecs, or in the body of a container, and as often as there are targets;
// the text of the containers is the system and the target's URL.
//
// A case that fails, fails its spec with all mismatches. One that is excluded
// or known to fail is skipped, and a difference that does not fail is a report
// entry. Interrupts and timeouts of the suite reach the case, which then cleans
// up. Config.Seed and FailFast are the host's own to set, and not looked at.
//
// In parallel (ginkgo -p) each process has a runner of its own, and its share of
// the budgets of sessions and requests a second. Where wrong passwords have a
// budget, the cases that send some are Serial: one process runs them. The error says what of the filter
// cannot be read, or that it leaves no case.
func Register(plan *conformance.Plan, cfg Config) error {
	cases, err := choose(plan, cfg.Filter)
	if err != nil {
		return err
	}
	stage.Lock()
	stage.bare = false
	stage.Unlock()
	cfg.FailFast = false
	c := &course{host: true, cfg: cfg, ctx: context.Background(), runner: cfg.Runner, known: entries(cfg.Options.Known), verdicts: map[string]conformance.Verdict{}}
	if c.runner == nil {
		c.runner = &late{plan: plan, options: cfg.Options}
	}
	c.budgeted = plan.Target != nil && plan.Target.Budgets.WrongPasswords > 0
	title := "conformance"
	if plan.Contract != nil {
		title = plan.Contract.Name
	}
	if plan.Target != nil && plan.Target.URL != nil {
		title += " at " + plan.Target.URL.Redacted()
	}
	ginkgo.Describe(title, func() { c.specifyAll(cases) })
	return nil
}

// specifyAll makes the specs of the cases, in a host's suite one container an
// operation. Nobody sees those of a Run, and Ginkgo copies what it knows of each
// for every spec in it, several times.
func (c *course) specifyAll(cases []*conformance.Case) {
	if !c.host {
		for i, k := range cases {
			c.specify(k, i)
		}
		return
	}
	var operations []string
	byOperation := map[string][]*conformance.Case{}
	for _, k := range cases {
		if _, ok := byOperation[k.Operation]; !ok {
			operations = append(operations, k.Operation)
		}
		byOperation[k.Operation] = append(byOperation[k.Operation], k)
	}
	for _, op := range operations {
		ginkgo.Describe(op, func() {
			for i, k := range byOperation[op] {
				c.specify(k, i)
			}
		})
	}
}

// specify makes the spec of a case, the ith.
func (c *course) specify(k *conformance.Case, i int) {
	args := []any{c.place(k, i), func(ctx ginkgo.SpecContext) { c.spec(ctx, k) }}
	if c.host { // a Run has filtered already
		args = append(args, ginkgo.Label(Labels(k.Info)...))
		if k.Wrong > 0 && c.budgeted {
			args = append(args, ginkgo.Serial) // one process sends them all, and counts them
		}
	}
	ginkgo.It(k.ID+": "+k.Title, args...)
}

// spec is the body of a spec.
func (c *course) spec(ctx ginkgo.SpecContext, k *conformance.Case) {
	// The spec ends with the suite's interrupts and timeouts, and with the run.
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	v, ran := c.run(own, k)
	switch {
	case !ran || !c.host:
		// Nobody reads Ginkgo's report of a Run, and a stack trace for each failure
		// costs 0.3 ms.
		return
	case v.Status.Fails():
		ginkgo.Fail(words(v))
	}
	switch v.Status {
	case conformance.Excluded, conformance.Known:
		ginkgo.Skip(string(v.Status) + ": " + v.Why)
	case conformance.Differs:
		ginkgo.AddReportEntry("differs", words(v))
	default:
	}
}

// place is where Ginkgo is told that a spec stands. In the source it would say
// nothing, and finding it would cost more than running it. A host's reports show
// the case's rule in the contract. Of a Run nobody reads them: there it is the
// number of the case, since Ginkgo sorts its specs by their places, and copies all
// that it knows of two each time that it compares them.
func (c *course) place(k *conformance.Case, i int) types.CodeLocation {
	if c.host {
		return types.CodeLocation{FileName: k.Rule.File, LineNumber: k.Rule.Line}
	}
	return types.CodeLocation{LineNumber: i + 1}
}

// late is a Runner that is made when the first case runs: in the process that
// runs it.
type late struct {
	plan    *conformance.Plan
	options conformance.Options
	once    sync.Once
	runner  *conformance.Runner
	err     error
}

func (l *late) make() (*conformance.Runner, error) {
	l.once.Do(func() {
		if suiteConfig, _ := ginkgo.GinkgoConfiguration(); l.options.Processes == 0 {
			l.options.Process, l.options.Processes = suiteConfig.ParallelProcess, suiteConfig.ParallelTotal
		}
		l.runner, l.err = conformance.NewRunner(shared(l.plan, l.options.Process, l.options.Processes), l.options)
		if l.err == nil && l.runner == nil {
			l.err = errors.New("there is no runner")
		}
	})
	return l.runner, l.err
}

// Run carries a case out, and closes what it opened: also its world in a mock,
// for nobody says which case is the last. Connections are kept for the next one:
// they end with the process, or after a while of silence.
func (l *late) Run(ctx context.Context, c *conformance.Case) conformance.Verdict {
	r, err := l.make()
	if err != nil {
		return conformance.Verdict{Info: c.Info, Status: conformance.NotTestable, Why: fmt.Sprintf("the runner cannot be made: %v", err)}
	}
	left := r.Used().Left
	v := r.Run(ctx, c)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	r.Leave(closing)
	if n := r.Used().Left - left; n > 0 {
		ginkgo.AddReportEntry(fmt.Sprintf("%d sessions could not be closed", n))
	}
	return v
}

func (l *late) Used() conformance.Used {
	if r, err := l.make(); err == nil {
		return r.Used()
	}
	return conformance.Used{}
}

func (l *late) Close(ctx context.Context) int {
	if r, err := l.make(); err == nil {
		return r.Close(ctx)
	}
	return 0
}
