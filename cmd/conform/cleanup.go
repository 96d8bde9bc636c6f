package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/conformance"
)

func (a *app) cleanupCommand() *cobra.Command {
	var f aimFlags
	var ledger string
	cmd := &cobra.Command{
		Use:   "cleanup [SYSTEM|FILE]",
		Short: "Close what a run that crashed left open",
		Long: `Close the sessions that runs opened and did not close, because they were killed or
the server was gone. Each run keeps a list of them, the ledger, in which the
tokens are encrypted with what the accounts' secrets make: name the same target
as for the run. Nothing is touched that a run did not open.

Without a target it says what is left, and sends nothing.

Exit codes: 0 nothing is left, 1 something is, 2 usage, or a ledger that cannot
be used.`,
		Example: `  conform cleanup
  conform cleanup --config staging.yaml
  conform cleanup --config staging.yaml --ledger run.ledger`,
		Args:    cobra.MaximumNArgs(1),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return a.fromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.cleanup(cmd.Context(), args, f, ledger)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&ledger, "ledger", "", "`PATH` of one ledger (default: all in the user's cache)")
	return cmd
}

func (a *app) cleanup(ctx context.Context, args []string, f aimFlags, ledger string) error {
	paths := []string{ledger}
	if ledger == "" {
		folder, err := a.ledgerFolder()
		if err != nil {
			return exit{exitUsage, err}
		}
		if paths, err = conformance.Ledgers(folder); err != nil {
			return exit{exitUsage, err}
		}
		if len(paths) == 0 {
			fmt.Fprintln(a.stdout, "nothing is left open: there is no ledger")
			return nil
		}
	}
	if f.url == "" && f.config == "" {
		return a.sayLeft(paths)
	}
	aims, err := a.aims(ctx, args, f, false)
	if err != nil {
		return err
	}
	left, others := 0, 0
	failed := false
	for _, x := range aims {
		key, err := conformance.LedgerKey(conformance.SecretsOf(x.contract, x.target))
		if err != nil {
			return exit{exitUsage, err}
		}
		client, err := conformance.NewClient(x.target, nil)
		if err != nil {
			return exit{exitUsage, err}
		}
		for _, path := range paths {
			n, err := conformance.Cleanup(ctx, path, key, client, func(c conformance.Cleaned) {
				mark := "closed"
				if !c.OK {
					mark = "open  "
				}
				fmt.Fprintf(a.stdout, "%s  %s  %s: %s\n", mark, c.Opened.Format(time.DateTime), c.Case, c.Said)
			})
			if err != nil {
				// The ledgers of other targets have other keys: only one that was named
				// must fit.
				if ledger == "" {
					others++
					continue
				}
				failed = true
				fmt.Fprintf(a.stderr, "conform: %v\n", err)
				continue
			}
			left += n
		}
		client.Close()
	}
	if others > 0 {
		fmt.Fprintf(a.stdout, "%s of other targets or other secrets left alone: conform cleanup without a target lists what is in them; one whose server is gone may be deleted\n", count(others, "ledger"))
	}
	switch {
	case ctx.Err() != nil:
		return exit{exitInterrupted, errors.New("interrupted; call it again for what is left")}
	case failed:
		return exit{code: exitUsage}
	case left > 0:
		return exit{exitFails, fmt.Errorf("%s left open; call it again when the server answers", count(left, "session"))}
	}
	fmt.Fprintln(a.stdout, "nothing is left open")
	return nil
}

// sayLeft says what is open, for which no key is needed.
func (a *app) sayLeft(paths []string) error {
	left := 0
	for _, path := range paths {
		entries, err := conformance.LeftIn(path)
		if err != nil {
			return exit{exitUsage, err}
		}
		fmt.Fprintf(a.stdout, "%s\n", path)
		for _, e := range entries {
			fmt.Fprintf(a.stdout, "  %s  %s  %s\n", e.Opened.Format(time.DateTime), e.Host, e.Case)
		}
		left += len(entries)
	}
	if left == 0 {
		fmt.Fprintln(a.stdout, "nothing is left open")
		return nil
	}
	return exit{exitFails, fmt.Errorf("%s left open; name the target to close them: conform cleanup --config FILE", count(left, "session"))}
}
