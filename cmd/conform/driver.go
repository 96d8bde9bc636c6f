package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/conformance/client"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/specs"
)

func (a *app) driverCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "driver",
		Short: "Try a driver, the adapter between conform and a client library",
	}
	var profile string
	var patience time.Duration
	check := &cobra.Command{
		Use:   "check SYSTEM|FILE -- COMMAND ARGUMENT...",
		Short: "Say line by line what a driver is told, what it answers, and what is wrong",
		Long: `Start a driver, let it log in, call, refresh and log out against a mock, and say
line by line what it was told, what it answered, and what is wrong with it.
Nothing is judged but the driver. docs/drivers.md says what a driver does.

Exit codes: 0 the driver can be used, 1 it cannot, 2 usage, 3 it does not start.`,
		Example: `  conform driver check SYSTEM -- python3 my_driver.py`,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if dash != 1 || len(args) < 2 {
				return exit{exitUsage, fmt.Errorf("a system stands before --, and the driver's command after it: conform driver check %s -- python3 my_driver.py", specs.Systems()[0])}
			}
			return a.checkDriver(cmd.Context(), args[0], args[1:], profile, patience)
		},
	}
	check.Flags().StringVar(&profile, "profile", "", "`NAME` of the contract's profile that the mock has")
	check.Flags().DurationVar(&patience, "patience", 10*time.Second, "`DURATION` that one thing may take")
	cmd.AddCommand(check)
	return cmd
}

// checkDriver tries a driver.
func (a *app) checkDriver(ctx context.Context, system string, command []string, profile string, patience time.Duration) error {
	c, err := contract(system)
	if err != nil {
		return exit{exitUsage, err}
	}
	s, err := client.New(c, client.Options{Start: driver.Exec(command, c.Name, "", a.environ), Profile: profile, Patience: patience})
	if err != nil {
		return exit{exitUsage, err}
	}
	lines, err := s.Try(ctx)
	for _, l := range lines {
		fmt.Fprintln(a.stdout, l.Text)
		if l.Wrong != "" {
			fmt.Fprintln(a.stdout, "  ✗ "+strings.ReplaceAll(l.Wrong, "\n", "\n    "))
		}
	}
	var dead *driver.DeadError
	switch {
	case errors.As(err, &dead):
		return exit{exitFails, err}
	case err != nil:
		return exit{exitPreflight, err}
	}
	for _, l := range lines {
		if l.Wrong != "" {
			return exit{exitFails, errors.New("the driver cannot be used as it is; what stands above says why")}
		}
	}
	fmt.Fprintf(a.stdout, "the driver can be used: conform client %s --driver -- %s\n", system, strings.Join(command, " "))
	return nil
}
