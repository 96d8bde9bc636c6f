package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

func validateCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Say everything that is wrong with contracts",
		Long: `Print every finding of the contracts at once, each with file, line, JSON pointer,
a stable code, and what would work.

Exit code: 0 nothing is wrong, 1 there are findings, 2 a file is not readable.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("which contract? Name at least one file or folder")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var all specs.Findings
			unreadable := false
			for _, path := range args {
				_, err := specs.Load(path)
				var findings specs.Findings
				switch {
				case err == nil:
					if !asJSON {
						fmt.Fprintf(cmd.OutOrStdout(), "%s: nothing is wrong\n", path)
					}
				case errors.As(err, &findings):
					all = append(all, findings...)
					for _, f := range findings {
						unreadable = unreadable || f.Code == "not-readable"
					}
				default:
					unreadable = true
					fmt.Fprintf(cmd.ErrOrStderr(), "mockauth: %v\n", err)
				}
			}
			if asJSON {
				if all == nil {
					all = specs.Findings{}
				}
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				if err := e.Encode(all); err != nil {
					return exit{exitUsage, err}
				}
			} else {
				for _, f := range all {
					fmt.Fprintln(cmd.OutOrStdout(), f)
				}
			}
			switch {
			case unreadable:
				return exit{code: exitUsage}
			case len(all) > 0:
				if !asJSON {
					fmt.Fprintln(cmd.OutOrStdout(), count(len(all)))
				}
				return exit{code: exitFindings}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as a JSON array")
	return cmd
}

func accountsCommand() *cobra.Command {
	var asJSON bool
	var accounts []string
	cmd := &cobra.Command{
		Use:   "accounts [SYSTEM|FILE|DIR ...]",
		Short: "List the demo accounts, their secrets, and what each is for",
		RunE: func(cmd *cobra.Command, args []string) error {
			var opts []mockserver.Option
			for _, a := range args {
				opts = append(opts, target(a))
			}
			for _, a := range accounts {
				opts = append(opts, mockserver.Accounts(a))
			}
			srv, err := mockserver.New(opts...)
			if err != nil {
				return exit{exitUsage, err}
			}
			if err := srv.WriteAccounts(cmd.OutOrStdout(), asJSON); err != nil {
				return exit{exitUsage, err}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringArrayVar(&accounts, "accounts", nil, "YAML `FILE` with accounts of your own")
	return cmd
}

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of x-session, for editors",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(specs.ExtensionSchema())
			return err
		},
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			version := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
				version = info.Main.Version
			}
			fmt.Fprintf(cmd.OutOrStdout(), "mockauth %s, contract format 1\n", version)
		},
	}
}
