package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/report"
	"github.com/mockauth/mockauth/conformance/suite"
	"github.com/mockauth/mockauth/specs"
)

// readResult reads a results.json.
func readResult(path string) (*conformance.Result, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the results: %w; conform server --report DIR writes DIR/results.json", err)
	}
	r, err := conformance.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s holds no results: %w; conform server --report DIR writes DIR/results.json", path, err)
	}
	return r, nil
}

func (a *app) replayCommand() *cobra.Command {
	var f runFlags
	var from, own string
	cmd := &cobra.Command{
		Use:   "replay ID",
		Short: "Carry one case out again, with every request and answer",
		Long: `Carry one case out again against a server and print every request and answer,
secrets masked. With --from the server, the profile and the settings are those of
an earlier run, and it says whether the outcome is the same. The secrets are not
in there: for a server that is no mock of ours, --config says who logs in.

Exit codes are those of conform server.`,
		Example: `  conform replay SYSTEM.logout.done --url http://127.0.0.1:4010
  conform replay SYSTEM.logout.done --config staging.yaml
  conform replay SYSTEM.logout.done --from out/results.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("which case? The report says the ids; conform list SYSTEM does as well")
			}
			return nil
		},
		PreRunE: func(cmd *cobra.Command, _ []string) error { return a.fromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			var names []string
			if own != "" {
				names = []string{own}
			}
			return a.replay(cmd.Context(), args[0], names, from, f)
		},
	}
	f.register(cmd)
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVar(&from, "from", "", "results.json `FILE` of an earlier run")
	fl.StringVar(&own, "contract", "", "`FILE` or folder of your own contract, if the case is of one")
	fl.BoolVar(&f.strict, "strict", false, "let a SHOULD fail the case")
	fl.BoolVar(&f.json, "json", false, "print the result as JSON, and nothing else, on stdout")
	fl.StringVar(&f.ledger, "ledger", "", "`PATH` of the list of open sessions")
	return cmd
}

func (a *app) replay(ctx context.Context, id string, names []string, from string, f runFlags) error {
	var before *conformance.Verdict
	if from != "" {
		r, err := readResult(from)
		if err != nil {
			return exit{exitUsage, err}
		}
		i := slices.IndexFunc(r.Verdicts, func(v conformance.Verdict) bool { return v.ID == id })
		if i < 0 {
			var ids []string
			for _, v := range r.Verdicts {
				ids = append(ids, v.ID)
			}
			return exit{exitNothing, fmt.Errorf("%s has no case %q; %s", from, id, specs.DidYouMean(id, ids))}
		}
		before = &r.Verdicts[i]
		if f.config == "" {
			if f.url == "" {
				f.url = r.Target
			}
			if f.profile == "" {
				f.profile = r.Profile
			}
			if len(names) == 0 && slices.Contains(specs.Systems(), r.System) {
				names = []string{r.System}
			}
			f.before = settingsOf(r)
		}
		f.strict = f.strict || r.Strict
	}
	x, p, c, err := a.caseOf(ctx, id, names, f.aimFlags, false)
	if err != nil {
		return err
	}
	if c.Excluded != "" {
		return exit{exitNothing, fmt.Errorf("%s is excluded for this server: %s", id, c.Excluded)}
	}
	f.processes, f.verbose = 1, !f.json
	only := *p
	only.Cases = []*conformance.Case{c}
	code, result, err := a.one(ctx, &planned{aim: x, plan: &only, chosen: only.Cases}, f, false)
	if err != nil {
		return exit{code, err}
	}
	if result != nil && before != nil && len(result.Verdicts) == 1 {
		now := result.Verdicts[0]
		switch {
		case now.Status == before.Status:
			fmt.Fprintf(a.notes(f), "as before: %s\n", now.Status)
		default:
			fmt.Fprintf(a.notes(f), "before: %s, now: %s\n", before.Status, now.Status)
		}
	}
	if code == exitOK {
		return nil
	}
	return exit{code: code}
}

// settingsOf are the settings that a result was for. They are JSON values there;
// a secret one is not written.
func settingsOf(r *conformance.Result) map[string]any {
	out := map[string]any{}
	for name, text := range r.Settings {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err == nil {
			out[name] = v
		} else if text != secretSetting {
			out[name] = text
		}
	}
	return out
}

// secretSetting is what stands for the value of a secret setting in a result.
const secretSetting = "(secret)"

func (a *app) baselineCommand() *cobra.Command {
	var f runFlags
	var from, out, reason string
	cmd := &cobra.Command{
		Use:   "baseline [SYSTEM|FILE|all]",
		Short: "Write a file of known failures",
		Long: `Write a file with every case that fails now, so that conform server --known does not
fail because of it. It is from a results.json (--from), or from a run, which then
takes the same flags as conform server.

An entry that is there already keeps its reason, its ticket and its last day, as
long as its case fails. What passes by now is dropped. Give each new entry a
reason of its own: whoever reads the file next year will ask.`,
		Example: `  conform baseline --from out/results.json -o known.yaml
  conform baseline SYSTEM --config staging.yaml -o known.yaml --reason "before release 4"
  conform server SYSTEM --config staging.yaml --known known.yaml`,
		Args:    cobra.MaximumNArgs(1),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return a.fromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.baseline(cmd.Context(), args, f, from, out, reason)
		},
	}
	f.register(cmd)
	f.registerFilter(cmd)
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVar(&from, "from", "", "results.json `FILE` of a run (default: run now)")
	fl.StringVarP(&out, "output", "o", "", "`FILE` to write; if it is there, its entries are kept as said above (default: standard output)")
	fl.StringVar(&f.known, "known", "", "`FILE` whose entries are kept as said above (default: that of --output)")
	fl.StringVar(&reason, "reason", "not yet looked at", "what new entries say, in `WORDS`")
	fl.BoolVar(&f.strict, "strict", false, "list failed SHOULDs too")
	fl.StringVar(&f.ledger, "ledger", "", "`PATH` of the list of open sessions")
	return cmd
}

func (a *app) baseline(ctx context.Context, args []string, f runFlags, from, out, reason string) error {
	if f.known == "" && out != "" {
		if _, err := os.Stat(out); err == nil {
			f.known = out
		}
	}
	var results []*conformance.Result
	var before []conformance.KnownCase
	if from != "" {
		r, err := readResult(from)
		if err != nil {
			return exit{exitUsage, err}
		}
		if before, err = f.readKnown(nil); err != nil {
			return exit{exitUsage, err}
		}
		results = append(results, r)
	} else {
		aims, err := a.aims(ctx, args, f.aimFlags, false)
		if err != nil {
			return err
		}
		if before, err = f.readKnown(aims); err != nil {
			return exit{exitUsage, err}
		}
		runs, err := a.plan(aims, nil, f)
		if err != nil {
			return err
		}
		for _, p := range runs {
			if len(p.chosen) == 0 {
				return exit{exitNothing, fmt.Errorf("%s has no case for this server: say who may log in", p.contract.Name)}
			}
			r, err := a.quietly(ctx, p, f)
			if err != nil {
				return err
			}
			results = append(results, r)
		}
	}
	known := before
	for _, r := range results {
		if r.GaveUp != "" {
			return exit{exitPreflight, fmt.Errorf("%s: %s; no known failures are written of such a run", r.System, r.GaveUp)}
		}
		known = conformance.Baseline(r, known, reason)
	}
	text, err := conformance.WriteKnown(known)
	if err != nil {
		return exit{exitUsage, err}
	}
	if out == "" {
		_, err := a.stdout.Write(text)
		return err
	}
	if err := writeFile(out, text, true); err != nil {
		return exit{exitUsage, err}
	}
	fmt.Fprintf(a.stdout, "%s lists %s\n", out, count(len(known), "known failure"))
	return nil
}

// quietly runs one system for its result alone.
func (a *app) quietly(ctx context.Context, p *planned, f runFlags) (*conformance.Result, error) {
	checks, err := a.examine(ctx, p.aim)
	if err != nil {
		return nil, exit{exitPreflight, err}
	}
	if len(problems(checks)) > 0 {
		a.sayChecks(p.aim, checks)
		return nil, exit{code: exitPreflight}
	}
	options := conformance.Options{Strict: p.strict(f)}
	if options.Ledger, err = a.openLedger(p.aim, f.ledger); err != nil {
		return nil, exit{exitUsage, err}
	}
	display := report.NewProgress(a.stderr, a.style(a.stderr))
	display.Start(conformance.NewResult(p.plan, options), len(p.chosen))
	r, err := suite.Run(ctx, p.plan, suite.Config{Options: options, Filter: f.filter(), Progress: display.Verdict})
	display.Done()
	if err := errors.Join(err, options.Ledger.Close()); err != nil {
		return nil, exit{exitUsage, err}
	}
	if r.Interrupted {
		return nil, exit{exitInterrupted, errors.New("interrupted; the file of known failures stays as it was")}
	}
	return r, nil
}
