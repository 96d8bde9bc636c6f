package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/config"
	"github.com/mockauth/mockauth/conformance/report"
	"github.com/mockauth/mockauth/conformance/suite"
	"github.com/mockauth/mockauth/specs"
)

// runFlags say what to run and what to make of it.
type runFlags struct {
	aimFlags

	focus, skip  []string
	label        string
	known        string
	report       string
	ledger       string
	strict, plan bool
	failFast     bool
	github, json bool
	verbose      bool
	seed         int64
	processes    int
	worker       string // hidden: n/N
}

func (f *runFlags) filter() suite.Filter {
	return suite.Filter{Focus: f.focus, Skip: f.skip, Labels: f.label}
}

func (f *runFlags) registerFilter(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.focus, "focus", nil, "only cases whose id or title `MATCHES` this regular expression, or whose id begins so")
	fl.StringArrayVar(&f.skip, "skip", nil, "no case whose id or title `MATCHES`")
	fl.StringVar(&f.label, "label", "", "only cases whose labels fit this `EXPRESSION`: token && !severity:may")
}

func (a *app) serverCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:     "server [SYSTEM|FILE|all]",
		Aliases: []string{"run"},
		Short:   "Check a server against its contract",
		Long: `Check a server against its contract, and say where they differ.

SYSTEM is one that ships with us (` + strings.Join(specs.Systems(), ", ") + `),
or an OpenAPI file or folder of your own. It may stand in the target file. A mock
of ours is asked what it serves: without SYSTEM, or with "all", everything is
checked, one after another, each with reports in a folder of its own.

Before the first case the server is looked at as "conform doctor" does. What is
wrong there stops the run with exit code 3, before anything is tested.

What rests on documentation is a MUST and fails the run; what was only observed
is a SHOULD and fails it with --strict; what was inferred is a MAY and never does.

Every flag has a variable, CONFORM_ and its name: CONFORM_URL=…. The flag wins.
Flags that may be given several times are divided by commas there.

Exit codes: 0 conforms, 1 does not, 2 usage, target file or contract is wrong,
3 the server cannot be tested as it is, 4 the known failures are out of date,
5 no case ran, 130 interrupted (Ctrl-C: what is open is closed first).`,
		Example: `  conform server --url http://127.0.0.1:4010
  conform server SYSTEM --config staging.yaml --report out
  conform server SYSTEM --config staging.yaml --plan
  conform server SYSTEM --config staging.yaml --focus logout --verbose
  conform server ./my-api --config staging.yaml --known known.yaml --github`,
		Args:    cobra.MaximumNArgs(1),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return a.fromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.worker != "" {
				return a.work(cmd.Context(), args, f, os.Stdin)
			}
			return a.server(cmd.Context(), args, f)
		},
	}
	f.register(cmd)
	f.registerFilter(cmd)
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.BoolVar(&f.plan, "plan", false, "say what would be sent and written, and send no case")
	fl.StringVar(&f.report, "report", "", "write report.html, junit.xml, results.json and conform.sarif into this `DIR`")
	fl.BoolVar(&f.strict, "strict", false, "let a SHOULD fail the run")
	fl.StringVar(&f.known, "known", "", "`FILE` of known failures, which do not fail the run; conform baseline writes one")
	fl.BoolVar(&f.failFast, "fail-fast", false, "end at the first case that fails")
	fl.Int64Var(&f.seed, "seed", 0, "shuffle the cases by this `NUMBER` (default: the order of the contract)")
	fl.IntVarP(&f.processes, "procs", "p", 1, "run in `N` processes, which share the accounts and the budgets")
	fl.StringVar(&f.ledger, "ledger", "", "`PATH` of the list of open sessions, for conform cleanup after a crash (default: a new one in the user's cache)")
	fl.BoolVar(&f.github, "github", false, "print annotations for GitHub Actions, and write the job summary")
	fl.BoolVar(&f.json, "json", false, "print the results as JSON, and nothing else, on stdout: results.json, or a list of them for several systems")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "print every request and answer")
	fl.StringVar(&f.worker, "worker", "", "")
	_ = fl.MarkHidden("worker")
	return cmd
}

// server runs what was asked for, system after system.
func (a *app) server(ctx context.Context, args []string, f runFlags) error {
	if err := f.check(); err != nil {
		return exit{exitUsage, err}
	}
	aims, err := a.aims(ctx, args, f.aimFlags, f.plan)
	if err != nil {
		return err
	}
	known, err := f.readKnown(aims)
	if err != nil {
		return exit{exitUsage, err}
	}
	if err := f.reportable(aims); err != nil {
		return exit{exitUsage, err}
	}
	var runs []*planned
	if len(aims) > 1 && !f.plan && f.filter().String() == "" {
		var ended func()
		runs, ended = planWhileRunning(ctx, aims, known)
		defer ended()
	} else if runs, err = a.plan(aims, known, f); err != nil {
		return err
	}
	if f.plan {
		for _, r := range runs {
			a.sayPlan(r)
		}
		return nil
	}
	worst := exitOK
	var results []*conformance.Result
	for _, r := range runs {
		code, result, err := a.one(ctx, r, f, len(runs) > 1)
		if err != nil {
			fmt.Fprintf(a.stderr, "conform: %s: %v\n", r.contract.Name, err)
		}
		if result != nil {
			results = append(results, result)
		}
		if rank(code) > rank(worst) {
			worst = code
		}
		if ctx.Err() != nil {
			worst = exitInterrupted
			break
		}
	}
	if err := a.conclude(results, runs, f); err != nil {
		return exit{exitUsage, err}
	}
	if worst == exitOK {
		return nil
	}
	return exit{code: worst}
}

func (f *runFlags) check() error {
	switch {
	case f.processes < 1 || f.processes > 64:
		return fmt.Errorf("-p is a number of processes from 1 to 64, not %d", f.processes)
	case f.json && f.verbose:
		return errors.New("--json prints every request and answer already; leave --verbose out")
	case f.json && f.github:
		return errors.New("--json and --github both print on stdout; with --report DIR the results are a file")
	}
	return nil
}

// reportable finds out whether the reports can be written, before anything is
// sent: afterwards the results would be lost.
func (f *runFlags) reportable(aims []*aim) error {
	if f.report == "" || f.plan {
		return nil
	}
	if err := report.Writable(f.report); err != nil {
		return fmt.Errorf("--report %s: %w", f.report, err)
	}
	for _, x := range aims {
		if dir := filepath.Join(f.report, x.contract.Name); len(aims) > 1 {
			if _, err := os.Lstat(dir); err != nil {
				continue // it is made when there is something to write
			}
			if err := report.Writable(dir); err != nil {
				return fmt.Errorf("--report %s: %w", f.report, err)
			}
		}
	}
	return nil
}

// brief reports whether nobody looks at the exchanges of what passed.
func (f *runFlags) brief() bool { return f.report == "" && !f.json && !f.verbose }

// readKnown reads the known failures: the flag's, else the target file's.
func (f *runFlags) readKnown(aims []*aim) ([]conformance.KnownCase, error) {
	if f.known != "" {
		return config.LoadKnown(f.known)
	}
	if len(aims) > 0 && aims[0].file != nil {
		return aims[0].file.Known, nil
	}
	return nil, nil
}

// planned is one system, ready to run.
type planned struct {
	*aim

	plan   *conformance.Plan
	chosen []*conformance.Case
	known  []conformance.KnownCase
	// ready is closed when the plan is there, or fault; nil: it is there.
	ready chan struct{}
	fault error
}

// plan plans all systems, so that whatever is wrong with a filter is said before
// anything is sent.
func (a *app) plan(aims []*aim, known []conformance.KnownCase, f runFlags) ([]*planned, error) {
	var out []*planned
	var unmatched []string
	left, filtered := 0, 0
	plans := make([]*conformance.Plan, len(aims))
	// The largest first, so that no processor is left alone with it at the end.
	order := slices.SortedFunc(slices.Values(aims), func(x, y *aim) int { return len(y.contract.Operations) - len(x.contract.Operations) })
	err := sideBySide(len(order), func(i int) (err error) {
		plans[slices.Index(aims, order[i])], err = order[i].plan()
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, x := range aims {
		p := plans[i]
		if words := p.Unmatched(); len(words) > 0 && len(p.Cases) > 0 {
			return nil, exit{exitUsage, fmt.Errorf("capabilities.without says %s, and no case has such an id, beginning of an id, or label; conform explain ID shows the labels of a case", strings.Join(words, ", "))}
		}
		choice, err := f.filter().Choose(p.Cases)
		if err != nil {
			return nil, exit{exitUsage, err}
		}
		if len(p.Cases) == 0 { // one says why, when the doctor has spoken
			out = append(out, &planned{aim: x, plan: p})
			continue
		}
		// A filter is about all systems together: it fits if it fits one.
		if filtered++; filtered == 1 {
			unmatched = choice.Unmatched
		} else {
			unmatched = both(unmatched, choice.Unmatched)
		}
		if len(choice.Cases) > 0 {
			out = append(out, &planned{aim: x, plan: p, chosen: choice.Cases})
			left += len(choice.Cases)
		}
	}
	switch {
	case len(unmatched) > 0:
		return nil, exit{exitNothing, fmt.Errorf("%s\nconform list says what there is", strings.Join(unmatched, "\n"))}
	case left == 0 && filtered > 0:
		return nil, exit{exitNothing, fmt.Errorf("no case fits all of this together: %s\nconform list says what there is", f.filter())}
	}
	for _, p := range out {
		p.known = belonging(known, p.contract.Name, out)
	}
	return out, nil
}

// both are the messages about the same part of a filter that stand in two lists.
func both(a, b []string) []string {
	about := func(s string) string { before, _, _ := strings.Cut(s, " fits no case"); return before }
	var out []string
	for _, x := range a {
		if slices.ContainsFunc(b, func(y string) bool { return about(x) == about(y) }) {
			out = append(out, x)
		}
	}
	return out
}

// belonging are the known failures of one system. What belongs to no system at
// all belongs to the first, which says that it matches nothing.
func belonging(known []conformance.KnownCase, system string, runs []*planned) []conformance.KnownCase {
	names := specs.Systems()
	for _, r := range runs {
		names = append(names, r.contract.Name)
	}
	var out []conformance.KnownCase
	for _, k := range known {
		of := ""
		for _, n := range names {
			if strings.HasPrefix(k.ID, n+".") && len(n) > len(of) {
				of = n
			}
		}
		if of == system || of == "" && system == runs[0].contract.Name {
			out = append(out, k)
		}
	}
	return out
}

// one runs one system and returns its exit code.
func (a *app) one(ctx context.Context, p *planned, f runFlags, several bool) (int, *conformance.Result, error) {
	if err := p.wait(ctx); err != nil && ctx.Err() == nil {
		return exitUsage, nil, err
	} else if err != nil {
		return exitInterrupted, nil, errors.New("interrupted before the first case")
	}
	checks, err := a.examine(ctx, p.aim)
	switch {
	case ctx.Err() != nil:
		return exitInterrupted, nil, errors.New("interrupted before the first case")
	case err != nil:
		return exitPreflight, nil, err
	}
	if bad := problems(checks); len(bad) > 0 {
		a.sayChecks(p.aim, checks)
		return exitPreflight, nil, nil
	}
	if len(p.chosen) == 0 {
		return exitNothing, nil, errors.New("there is no case: nothing of this contract can be checked without accounts. Say who may log in: conform init begins a target file")
	}
	options := conformance.Options{Strict: p.strict(f), Known: p.known, Brief: f.brief()}
	if f.processes == 1 {
		if options.Ledger, err = a.openLedger(p.aim, f.ledger); err != nil {
			return exitUsage, nil, err
		}
	}
	fmt.Fprintf(a.notes(f), "%s\n", report.Printable(said(checks)))
	progress := a.progress(p, f, options)
	cfg := suite.Config{Options: options, Filter: f.filter(), Seed: f.seed, FailFast: f.failFast, Progress: progress.verdict}
	progress.start()
	var result *conformance.Result
	if f.processes > 1 {
		result, err = a.parallel(ctx, p, cfg, f)
	} else {
		result, err = a.single(ctx, p, cfg)
	}
	progress.done()
	if closeErr := options.Ledger.Close(); closeErr != nil {
		fmt.Fprintf(a.stderr, "conform: the ledger: %v\n", closeErr)
	}
	if err != nil {
		return exitUsage, nil, err
	}
	result.Doctor, result.Again = checks, p.again(f.aimFlags)
	if result.Version == "" {
		result.Version = version()
	}
	if err := a.write(result, f, several); err != nil {
		return exitUsage, result, err
	}
	return codeOf(result), result, nil
}

// atOnce is how many cases are under way in a mock at the same time: enough for
// the processors of both sides, since each waits for the other most of its time.
// More gain nothing.
func atOnce() int { return min(8, 2*runtime.GOMAXPROCS(0)) }

// single runs one system in this process. In a mock of ours each case has a
// world of its own, so several run at once, and are reported in their order.
func (a *app) single(ctx context.Context, p *planned, cfg suite.Config) (*conformance.Result, error) {
	// Whoever shuffles the cases wants to see them one after another.
	if cfg.Seed == 0 && conformance.CanRunAhead(p.target) {
		ahead, err := conformance.NewAhead(ctx, p.plan, cfg.Options, p.chosen, atOnce())
		if err != nil {
			return nil, err
		}
		cfg.Runner = ahead
		defer ahead.Close(context.WithoutCancel(ctx)) // Run has done it, unless it could not begin
	}
	return suite.Run(ctx, p.plan, cfg)
}

// strict: the flag, or the target file, says that a SHOULD fails.
func (x *aim) strict(f runFlags) bool { return f.strict || x.file != nil && x.file.Strict }

// codeOf is the exit code that a result deserves.
func codeOf(r *conformance.Result) int {
	c := r.Counts()
	switch {
	case r.Interrupted:
		return exitInterrupted
	case c[conformance.Failed]+c[conformance.NotTestable]+c[conformance.Interrupted] > 0:
		return exitFails
	case c[conformance.Fixed] > 0 || len(r.Stale) > 0:
		return exitStale
	case r.Ran() == 0:
		return exitNothing
	default:
		return exitOK
	}
}

// rank orders exit codes: that of the whole is the highest of its systems.
func rank(code int) int {
	return slices.Index([]int{exitOK, exitNothing, exitStale, exitFails, exitPreflight, exitUsage, exitInterrupted}, code)
}

// write writes what one result is written to.
func (a *app) write(r *conformance.Result, f runFlags, several bool) error {
	if !f.json {
		if err := report.Terminal(a.stdout, r, a.style(a.stdout)); err != nil {
			return err
		}
	} else if !several {
		if err := report.JSON(a.stdout, r); err != nil {
			return err
		}
	}
	if f.github {
		if err := errors.Join(report.GitHub(a.stdout, r), a.jobSummary(r)); err != nil {
			return err
		}
	}
	if f.report != "" {
		dir := f.report
		if several {
			dir = filepath.Join(dir, r.System)
		}
		paths, err := report.Write(dir, r)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.notes(f), "  reports  %s\n", strings.Join(paths, ", "))
	}
	return nil
}

// jobSummary adds to the summary page of a GitHub job, if this is one.
func (a *app) jobSummary(r *conformance.Result) (err error) {
	path := a.getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // GitHub's runner reads it
	if err != nil {
		return fmt.Errorf("the job summary (GITHUB_STEP_SUMMARY): %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return report.Summary(file, r)
}
