package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/conformance/report"
	"github.com/mockauth/mockauth/specs"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [target|results|driver]",
		Short: "Print the JSON Schema of target files (the default), of results.json or of drivers",
		Long: `Print a JSON Schema (draft 2020-12): of the target file, for completion in an
editor, of results.json, for whoever reads it, or of the lines that a driver reads
and writes.`,
		Example: `  conform schema > target.schema.json
  conform schema results`,
		ValidArgs: []string{"target", "results", "driver"},
		Args:      cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			what := "target"
			if len(args) == 1 {
				what = args[0]
			}
			schemas := map[string]func() []byte{"target": targetSchema, "results": report.ResultSchema, "driver": driver.Schema}
			write, ok := schemas[what]
			if !ok {
				return fmt.Errorf("there is no schema %q; %s", what, specs.DidYouMean(what, []string{"target", "results", "driver"}))
			}
			_, err := a.stdout.Write(write())
			return err
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(*cobra.Command, []string) {
			fmt.Fprintf(a.stdout, "conform %s, contract format 1, results format 1\n", version())
		},
	}
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
