package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/client"
	"github.com/mockauth/mockauth/conformance/config"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/conformance/report"
	"github.com/mockauth/mockauth/conformance/suite"
	"github.com/mockauth/mockauth/specs"
)

// clientFlags say which client is meant, and as what it is run.
type clientFlags struct {
	runFlags

	driver, each, list bool
	patience           time.Duration
	jobs               int
	interleaving       string
	account            string
	matrix             string
	badge              string
}

func (a *app) clientCommand() *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "client SYSTEM|FILE -- COMMAND ARGUMENT...",
		Short: "Check a client library against a contract",
		Long: `Check a client library against a contract, by being its server.

Each case has a mock of its own, at an address of its own, and watches what the
client sends. There are three ways to plug a client in:

  conform client SYSTEM -- npm test            the command runs once, and what it
                                               sends and prints is judged
  conform client SYSTEM --each -- ./try-it     the command runs once a case, in
                                               trouble as well; it must end with
                                               an error where there is one
  conform client SYSTEM --driver -- ./driver   the command is a driver: a small
                                               program that does what it is told
                                               (docs/drivers.md); all cases

The command finds its server in MOCKAUTH_BASE_URL, or as {{base_url}} in its
arguments; MOCKAUTH_ACCOUNT_… or {{account.…}} say who may log in. No shell reads
them.

With --matrix FILE the behaviours are written as a table, Markdown or SVG by the
name of the file. Given several results.json in place of a system, it puts the
clients side by side: conform client --matrix all.md one/results.json two/results.json

Every flag has a variable, CONFORM_ and its name: CONFORM_PATIENCE=…. The flag wins.

Exit codes: 0 conforms, 1 does not, 2 usage or contract is wrong, 3 the client
cannot be run, 4 the known failures are out of date, 5 no case ran, 130
interrupted.`,
		Example: `  conform client SYSTEM -- pytest tests
  conform client SYSTEM --each -- python3 try_it.py {{base_url}}
  conform client SYSTEM --driver -- python3 my_driver.py
  conform client SYSTEM --driver --focus life --verbose -- node driver.mjs
  conform client SYSTEM --driver --matrix matrix.md --report out -- ./driver`,
		Args:    cobra.ArbitraryArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error { return a.fromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if dash < 0 {
				dash = len(args)
			}
			return a.client(cmd.Context(), args[:dash], args[dash:], f)
		},
	}
	f.registerFilter(cmd)
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.BoolVar(&f.driver, "driver", false, "the command is a driver: it reads and writes the protocol of docs/drivers.md")
	fl.BoolVar(&f.each, "each", false, "run the command once a case, not once in all")
	fl.BoolVar(&f.list, "list", false, "list the cases, and run nothing")
	fl.StringVar(&f.profile, "profile", "", "`NAME` of the contract's profile that the mock has; several are joined by +")
	fl.StringArrayVar(&f.settings, "set", nil, "a setting of the contract for the mock, as `KEY=VALUE`")
	fl.StringVar(&f.account, "account", "", "who the client logs in as, `KIND` of a record of the demo world, or KIND/KEY (default: the first that can)")
	fl.DurationVar(&f.patience, "patience", 10*time.Second, "`DURATION` that one thing may take before the client counts as hanging (a command that runs once: 10m)")
	fl.IntVarP(&f.jobs, "jobs", "j", 0, "carry out `N` cases at a time, each with a driver of its own (default: twice the processors, at most 8)")
	fl.StringVar(&f.interleaving, "interleaving", "", "the only `ORDER` that the race lab tries, as a failure prints it")
	fl.StringVar(&f.matrix, "matrix", "", "write the behaviours as a table into this `FILE`: .md or .svg")
	fl.StringVar(&f.badge, "badge", "", "write a badge into this SVG `FILE`")
	fl.StringVar(&f.report, "report", "", "write report.html, junit.xml, results.json and conform.sarif into this `DIR`")
	fl.BoolVar(&f.strict, "strict", false, "let a SHOULD fail the run")
	fl.StringVar(&f.known, "known", "", "`FILE` of known failures, which do not fail the run")
	fl.BoolVar(&f.failFast, "fail-fast", false, "end at the first case that fails")
	fl.Int64Var(&f.seed, "seed", 0, "shuffle the cases by this `NUMBER`, and choose the interleavings of four calls by it")
	fl.BoolVar(&f.github, "github", false, "print annotations for GitHub Actions, and write the job summary")
	fl.BoolVar(&f.json, "json", false, "print the results as JSON, and nothing else, on stdout")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "print every request and answer")
	return cmd
}

// client checks one client, or puts the results of several side by side.
func (a *app) client(ctx context.Context, args, command []string, f clientFlags) error {
	f.processes = 1
	if err := f.check(); err != nil {
		return exit{exitUsage, err}
	}
	if err := f.checkClient(args, command); err != nil {
		return exit{exitUsage, err}
	}
	if len(command) == 0 && !f.list {
		return a.sideBySide(args, f)
	}
	c, err := contract(args[0])
	if err != nil {
		return exit{exitUsage, err}
	}
	s, err := a.clientSuite(c, command, f)
	if err != nil {
		return exit{exitUsage, err}
	}
	choice, err := f.filter().Choose(s.Plan.Cases)
	switch {
	case err != nil:
		return exit{exitUsage, err}
	case len(choice.Unmatched) > 0:
		return exit{exitNothing, errors.New(strings.Join(choice.Unmatched, "\n"))}
	case len(choice.Cases) == 0:
		return exit{exitNothing, fmt.Errorf("no case fits all of this together: %s", f.filter())}
	}
	if f.list {
		for _, k := range choice.Cases {
			fmt.Fprintf(a.stdout, "%-6s  %-60s  %s\n", k.Severity, k.ID, k.Title)
		}
		return nil
	}
	if err := f.reportable(nil); err != nil {
		return exit{exitUsage, err}
	}
	about, err := s.About(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return exit{exitInterrupted, errors.New("interrupted before the first case")}
		}
		return exit{exitPreflight, err}
	}
	result, err := a.runClient(ctx, s, about, choice.Cases, args[0], command, f)
	if err != nil {
		return err
	}
	if code := codeOf(result); code != exitOK {
		return exit{code: code}
	}
	return nil
}

func (f *clientFlags) checkClient(args, command []string) error {
	switch {
	case f.list && len(args) == 1:
	case f.list:
		return fmt.Errorf("--list wants one system, not %d: conform client SYSTEM --list, of %s", len(args), strings.Join(specs.Systems(), ", "))
	case len(command) == 0 && f.matrix == "" && f.badge == "":
		return errors.New("which client? Its command stands after --: conform client SYSTEM -- npm test")
	case len(command) > 0 && len(args) != 1:
		return fmt.Errorf("one system stands before --, not %d: %s", len(args), strings.Join(specs.Systems(), ", "))
	case f.driver && f.each:
		return errors.New("--driver and --each are two ways to run the command: choose one")
	case f.patience <= 0 || f.patience > 10*time.Minute:
		return fmt.Errorf("--patience is a duration up to 10m, not %s", f.patience)
	case f.jobs < 0 || f.jobs > 64:
		return fmt.Errorf("--jobs is a number from 1 to 64, not %d", f.jobs)
	case f.matrix != "" && filepath.Ext(f.matrix) != ".md" && filepath.Ext(f.matrix) != ".svg":
		return fmt.Errorf("--matrix writes a file that ends in .md or .svg, not %s", f.matrix)
	}
	return nil
}

func (a *app) clientSuite(c *specs.Contract, command []string, f clientFlags) (*client.Suite, error) {
	settings := map[string]any{}
	for _, s := range f.settings {
		name, v, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("--set takes KEY=VALUE, not %q", s)
		}
		x := c.Setting(name)
		if x == nil {
			var names []string
			for _, y := range c.Settings {
				names = append(names, y.Name)
			}
			return nil, fmt.Errorf("%s has no setting %q; %s", c.Name, name, specs.DidYouMean(name, names))
		}
		typed, err := x.Parse(v)
		if err != nil {
			return nil, err
		}
		settings[name] = typed
	}
	o := client.Options{
		Profile: f.profile, Settings: settings, Patience: f.patience, Interleaving: f.interleaving, Account: f.account, Strict: f.strict,
		Seed: uint64(max(f.seed, 0)), Jobs: f.jobs, Start: driver.Command(command, "", a.environ),
	}
	switch {
	case f.driver:
		o.Start = driver.Exec(command, c.Name, "", a.environ)
	case !f.each && len(command) > 0:
		o.Watch = true
		if f.patience == 10*time.Second {
			o.Patience = 10 * time.Minute
		}
	}
	return client.New(c, o)
}

// runClient carries the cases out and writes what came of them.
func (a *app) runClient(ctx context.Context, s *client.Suite, about driver.About, cases []*conformance.Case, argument string, command []string, f clientFlags) (*conformance.Result, error) {
	options := conformance.Options{Strict: f.strict}
	if f.known != "" {
		known, err := config.LoadKnown(f.known)
		if err != nil {
			return nil, exit{exitUsage, err}
		}
		options.Known = known
	}
	x := &planned{aim: &aim{contract: s.Plan.Contract, target: s.Plan.Target}, plan: s.Plan, chosen: cases}
	progress := a.progress(x, f.runFlags, options)
	again := f.again(s.Plan.Contract, argument, command)
	progress.head.Target, progress.head.Again = strings.TrimSpace(about.Name+" "+about.Version), again
	progress.start()
	result, err := s.Run(ctx, suite.Config{Options: options, Filter: f.filter(), Seed: f.seed, FailFast: f.failFast, Progress: progress.verdict})
	progress.done()
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	result.Again = again
	if result.Version == "" {
		result.Version = version()
	}
	if err := a.write(result, f.runFlags, false); err != nil {
		return nil, exit{exitUsage, err}
	}
	if err := a.writeMatrix([]*conformance.Result{result}, f); err != nil {
		return nil, exit{exitUsage, err}
	}
	return result, nil
}

// sideBySide puts clients side by side that were checked before.
func (a *app) sideBySide(files []string, f clientFlags) error {
	var results []*conformance.Result
	if len(files) == 0 {
		return exit{exitUsage, errors.New("which clients? conform client --matrix all.md one/results.json two/results.json")}
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			return exit{exitUsage, fmt.Errorf("%w\nA results.json is written by conform client … --report DIR", err)}
		}
		r, err := conformance.Decode(b)
		if err != nil {
			return exit{exitUsage, fmt.Errorf("%s is no results.json of conform: %w", path, err)}
		}
		if !slices.ContainsFunc(r.Verdicts, report.OfClient) {
			return exit{exitUsage, fmt.Errorf("%s is about a server; conform client … --report DIR writes one about a client", path)}
		}
		results = append(results, r)
	}
	if err := a.writeMatrix(results, f); err != nil {
		return exit{exitUsage, err}
	}
	return nil
}

// writeMatrix writes the table and the badge, if they are wanted.
func (a *app) writeMatrix(results []*conformance.Result, f clientFlags) error {
	for _, x := range []struct {
		path  string
		write func(file *os.File) error
	}{
		{f.matrix, func(file *os.File) error {
			if filepath.Ext(f.matrix) == ".svg" {
				return report.BehavioursSVG(file, results)
			}
			return report.Behaviours(file, results)
		}},
		{f.badge, func(file *os.File) error { return report.Badge(file, results) }},
	} {
		if x.path == "" {
			continue
		}
		file, err := os.Create(x.path)
		if err != nil {
			return err
		}
		if err := errors.Join(x.write(file), file.Close()); err != nil {
			return err
		}
		fmt.Fprintf(a.notes(f.runFlags), "  written  %s\n", x.path)
	}
	return nil
}

// again is the command that runs the same client again, as a shell reads it.
func (f *clientFlags) again(c *specs.Contract, argument string, command []string) string {
	out := []string{"client", report.Quoted(argument)}
	add := func(flag, v string) {
		if v != "" {
			out = append(out, flag, report.Quoted(v))
		}
	}
	switch {
	case f.driver:
		out = append(out, "--driver")
	case f.each:
		out = append(out, "--each")
	}
	add("--profile", f.profile)
	for _, s := range f.settings {
		name, _, _ := strings.Cut(s, "=")
		if x := c.Setting(name); x == nil || !x.Secret {
			add("--set", s)
		}
	}
	add("--account", f.account)
	add("--interleaving", f.interleaving)
	out = append(out, "--")
	for _, x := range command {
		out = append(out, report.Quoted(x))
	}
	return strings.Join(out, " ")
}

// explainClient explains a case about clients.
func (a *app) explainClient(system, id string) error {
	c, err := contract(system)
	if err != nil {
		return exit{exitUsage, err}
	}
	var k *conformance.Case
	var ids []string
	for _, watch := range []bool{false, true} {
		s, err := client.New(c, client.Options{Start: driver.Command(nil, "", nil), Watch: watch})
		if err != nil {
			return exit{exitUsage, err}
		}
		if k == nil {
			k = s.Plan.Case(id)
		}
		for _, x := range s.Plan.Cases {
			ids = append(ids, x.ID)
		}
	}
	if k == nil {
		return exit{exitNothing, fmt.Errorf("there is no case %q; %s\nconform client %s --list says what there is", id, meant(id, ids), system)}
	}
	w := a.stdout
	fmt.Fprintf(w, "%s\n  %s\n\n", k.ID, k.Title)
	fmt.Fprintf(w, "%s, since: %s.\n", k.Severity, strings.TrimPrefix(k.Rule.Evidence, "law: "))
	if k.Operation != "" {
		fmt.Fprintf(w, "\nAbout\n  %s %s (%s), or whatever else the client uses for it\n  %s\n", k.Method, k.Path, k.Operation, where(k.Rule))
	}
	fmt.Fprintln(w, "\nHow it is caused")
	for i, s := range k.Cause {
		fmt.Fprintf(w, "  %d. %s\n", i+1, s)
	}
	fmt.Fprintf(w, "\nSee every request and answer of it\n  conform client %s --driver --focus %s --verbose -- COMMAND\n", system, k.ID)
	fmt.Fprintf(w, "\nLabels: %s\n", strings.Join(suite.Labels(k.Info), ", "))
	return nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
