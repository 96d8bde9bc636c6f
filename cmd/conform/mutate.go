package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/conformance/mutant"
	"github.com/mockauth/mockauth/specs"
)

type mutateFlags struct {
	least          string
	only           string
	full           bool
	json, markdown bool
	procs          int
}

func (a *app) mutateCommand() *cobra.Command {
	var f mutateFlags
	cmd := &cobra.Command{
		Use:   "mutate [SYSTEM|FILE|all]",
		Short: "Check the checks: does the suite notice a server that is wrong?",
		Long: `Break our own mock on purpose, one rule of the contract at a time (a token outlives
the logout, a wrong password is accepted, a field is missing), and see whether
conform server notices. It says how many were noticed, and names those that were
not. Nothing is sent to any server: the mocks are in this process.

Exit codes: 0 every mutant of a MUST was noticed, 1 not, 2 usage or contract, 5 no
mutant fits, 130 interrupted.`,
		Example: `  conform mutate
  conform mutate SYSTEM --least must
  conform mutate SYSTEM --only logout --full
  conform mutate ./my-api --markdown`,
		Args:    cobra.MaximumNArgs(1),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return a.fromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.mutate(cmd.Context(), args, f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.least, "least", "may", "leave out mutants of rules that weigh less than this `SEVERITY`: must, should or may")
	fl.StringVar(&f.only, "only", "", "only mutants whose name `MATCHES` this regular expression")
	fl.BoolVar(&f.full, "full", false, "carry every case out against every mutant, to find cases that notice nothing; takes many times as long")
	fl.IntVarP(&f.procs, "procs", "p", 0, "try `N` mutants at a time (default: one a processor)")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	fl.BoolVar(&f.markdown, "markdown", false, "print Markdown: a table of kill rates, and the survivors")
	return cmd
}

func (a *app) mutate(ctx context.Context, args []string, f mutateFlags) error {
	o := mutant.Options{Full: f.full, Workers: f.procs}
	if err := o.Least.UnmarshalText([]byte(f.least)); err != nil {
		return exit{exitUsage, fmt.Errorf("--least: %w", err)}
	}
	if f.json && f.markdown {
		return exit{exitUsage, errors.New("--json or --markdown, not both")}
	}
	if f.only != "" {
		only, err := regexp.Compile(f.only)
		if err != nil {
			return exit{exitUsage, fmt.Errorf("--only: %w", err)}
		}
		o.Only = func(m mutant.Mutant) bool { return only.MatchString(m.Name) }
	}
	systems := args
	if len(args) == 0 || args[0] == all {
		systems = specs.Systems()
	}
	style := a.style(a.stderr)
	var reports []*mutant.Report
	tried, dead := 0, true
	var names []string
	for _, s := range systems {
		c, err := contract(s)
		if err != nil {
			return exit{exitUsage, err}
		}
		o.Progress = nil
		if style.Live {
			o.Progress = func(done, total int, m mutant.Mutant, _ bool) {
				fmt.Fprintf(a.stderr, "\r\x1b[K%s: %d of %d mutants, %.40s", s, done, total, m.Name)
			}
		}
		r, err := mutant.Run(ctx, c, o)
		if style.Live {
			fmt.Fprint(a.stderr, "\r\x1b[K")
		}
		if err != nil {
			return exit{exitUsage, fmt.Errorf("%s: %w", s, err)}
		}
		if r.Mutants == 0 && f.only != "" {
			list, err := mutant.All(c)
			if err != nil {
				return exit{exitUsage, err}
			}
			for _, m := range list {
				names = append(names, m.Name)
			}
			continue
		}
		reports = append(reports, r)
		tried += r.Mutants
		dead = dead && r.Dead()
		if ctx.Err() != nil {
			break
		}
	}
	if tried == 0 && ctx.Err() == nil {
		return exit{exitNothing, fmt.Errorf("no mutant fits --only %s --least %s; %s", f.only, f.least, specs.DidYouMean(f.only, names))}
	}
	write := mutant.WriteText
	switch {
	case f.json:
		write = mutant.WriteJSON
	case f.markdown:
		write = mutant.WriteMarkdown
	}
	if err := write(a.stdout, reports...); err != nil {
		return exit{exitUsage, err}
	}
	switch {
	case ctx.Err() != nil:
		return exit{exitInterrupted, errors.New("interrupted")}
	case !dead:
		return exit{code: exitFails}
	}
	return nil
}
