package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/report"
)

func (a *app) doctorCommand() *cobra.Command {
	var f aimFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [SYSTEM|FILE|all]",
		Short: "Say whether a server can be tested, and if not, why",
		Long: `Look at a server as conform server does before its first case: is it reachable, is
its certificate trusted, is the base path right, do the clocks agree, do the
accounts log in, does it speak the documented media types? For what is wrong it
says what would mend it. A handful of requests is sent, and what is opened is
closed.

Exit codes: 0 it can be tested, 2 usage, target file or contract is wrong, 3 it
cannot.`,
		Example: `  conform doctor SYSTEM --url http://127.0.0.1:4010
  conform doctor --config staging.yaml`,
		Args:    cobra.MaximumNArgs(1),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return a.fromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.doctor(cmd.Context(), args, f, asJSON)
		},
	}
	f.register(cmd)
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the checks as JSON: an object with a list for each system")
	return cmd
}

func (a *app) doctor(ctx context.Context, args []string, f aimFlags, asJSON bool) error {
	aims, err := a.aims(ctx, args, f, false)
	if err != nil {
		return err
	}
	healthy := true
	all := map[string][]conformance.Check{}
	for _, x := range aims {
		checks, err := a.examine(ctx, x)
		if err != nil {
			return exit{exitPreflight, err}
		}
		if ctx.Err() != nil {
			return exit{exitInterrupted, errors.New("interrupted")}
		}
		healthy = healthy && conformance.Healthy(checks)
		all[x.contract.Name] = checks
		if !asJSON {
			a.sayChecks(x, checks)
		}
	}
	if asJSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		if err := e.Encode(all); err != nil {
			return exit{exitUsage, err}
		}
	}
	if !healthy {
		return exit{code: exitPreflight}
	}
	return nil
}

// examine lets the doctor look at a target.
func (a *app) examine(ctx context.Context, x *aim) ([]conformance.Check, error) {
	masker := conformance.NewMasker(conformance.SecretsOf(x.contract, x.target)...)
	client, err := conformance.NewClient(x.target, masker)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	d := &conformance.Doctor{Contract: x.contract, Target: x.target, Client: client, LogIn: a.logIn(x)}
	return d.Examine(ctx), nil
}

// problems are the checks that stand against a run.
func problems(checks []conformance.Check) []conformance.Check {
	return slices.DeleteFunc(slices.Clone(checks), func(c conformance.Check) bool { return c.OK })
}

// sayChecks prints what the doctor found: a line a check, and a paragraph for
// each that is wrong. It goes to stderr if the server cannot be tested, since
// there will be no result.
func (a *app) sayChecks(x *aim, checks []conformance.Check) {
	out := a.stdout
	if !conformance.Healthy(checks) {
		out = a.stderr
	}
	fmt.Fprintf(out, "%s at %s\n", x.contract.Name, x.target.URL.Redacted())
	for _, c := range checks {
		sign := "ok   "
		if !c.OK {
			sign = "WRONG"
		}
		fmt.Fprintf(out, "  %s  %-12s  %s\n", sign, c.Name, report.Printable(c.Said))
	}
	bad := problems(checks)
	for _, c := range bad {
		fmt.Fprintf(out, "\n%s\n", wrap(report.Printable(c.Problem), 88))
	}
	if len(bad) > 0 {
		fmt.Fprintln(out, "\nNothing was tested.")
	}
}

// wrap breaks a paragraph into lines.
func wrap(text string, width int) string {
	var b strings.Builder
	n := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case n+1+len(word) > width:
			b.WriteByte('\n')
			n = 0
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String()
}

// said is one line of what the doctor found.
func said(checks []conformance.Check) string {
	parts := make([]string, 0, len(checks))
	for _, c := range checks {
		parts = append(parts, c.Name+" "+c.Said)
	}
	return strings.Join(parts, " · ")
}
