package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fromEnvironment gives every flag that was not given its variable: CONFORM_ and
// its name. Values of flags that may be given several times are divided by
// commas there.
func (a *app) fromEnvironment(cmd *cobra.Command) error {
	var wrong error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if wrong != nil || f.Changed || f.Hidden || f.Name == "help" {
			return
		}
		key := variable(f.Name)
		v := a.getenv(key)
		if v == "" {
			return
		}
		values := []string{v}
		if f.Value.Type() == "stringArray" {
			values = strings.Split(v, ",")
		}
		for _, v := range values {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				wrong = exit{exitUsage, fmt.Errorf("%s: %w", key, plain(err))}
				return
			}
		}
	})
	return wrong
}

func variable(flag string) string {
	return "CONFORM_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
