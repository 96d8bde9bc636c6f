package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/conformance/config"
)

func targetSchema() []byte { return config.Schema() }

func (a *app) initCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "init SYSTEM|FILE",
		Short: "Begin a target file: accounts, capabilities, budgets",
		Long: `Write a commented target file for a contract: who may log in, what the server can
do, what a run may do to it. No secret stands in it; it names the variables or
files that hold them. Mend the URL, set the variables, and try conform doctor.`,
		Example: `  conform init SYSTEM -o staging.yaml
  conform init ./my-api/openapi.yaml -o staging.yaml
  conform doctor --config staging.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("for which contract? Name a system or an OpenAPI file")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := contract(args[0])
			if err != nil {
				return exit{exitUsage, err}
			}
			text := config.Template(c)
			if out == "" {
				_, err := a.stdout.Write(text)
				return err
			}
			if err := writeFile(out, text, false); err != nil {
				return exit{exitUsage, err}
			}
			fmt.Fprintf(a.stdout, "%s is written. Mend its url, set the variables that it names, then:\n  conform doctor --config %s\n", out, out)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "`FILE` to write, which must not be there yet (default: standard output)")
	return cmd
}
