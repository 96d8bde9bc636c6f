package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/suite"
)

// sortedByCount are the keys, the most frequent first.
func sortedByCount(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(a, b))
	})
}

// listed is one case as list --json prints it.
type listed struct {
	conformance.Info

	Labels   []string `json:"labels"`
	Excluded string   `json:"excluded,omitempty"`
}

func (a *app) listCommand() *cobra.Command {
	var f runFlags
	var gaps bool
	cmd := &cobra.Command{
		Use:   "list [SYSTEM|FILE|all]",
		Short: "List the cases: ids, severity, titles",
		Long: `List the cases that a run would carry out. With --config or --url they are those
for that server; without, those for a mock of ours. Cases that are excluded, for
want of a capability or a budget, say so.

The ids are stable. Their beginnings, and regular expressions over ids and
titles, are what --focus and --skip take; --label takes the labels, which --json
prints too.`,
		Example: `  conform list SYSTEM
  conform list SYSTEM --label 'token && severity:must'
  conform list --config staging.yaml --json`,
		Args:    cobra.MaximumNArgs(1),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return a.fromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			aims, err := a.aims(cmd.Context(), args, f.aimFlags, true)
			if err != nil {
				return err
			}
			runs, err := a.plan(aims, nil, f)
			if err != nil {
				return err
			}
			if f.json {
				return a.listJSON(runs)
			}
			for _, r := range runs {
				if gaps {
					for _, m := range r.plan.Missing {
						fmt.Fprintf(a.stdout, "%s.%s.%s\n", r.contract.Name, m.Operation, m.Reason)
					}
					continue
				}
				width := 0
				for _, c := range r.chosen {
					width = max(width, len(c.ID))
				}
				for _, c := range r.chosen {
					fmt.Fprintf(a.stdout, "%-6s  %-*s  %s\n", c.Severity, min(width, 60), c.ID, c.Title)
					switch {
					case c.Excluded != "":
						fmt.Fprintf(a.stdout, "%*s  excluded: %s\n", min(width, 60)+8, "", c.Excluded)
					case c.Unplanned != "":
						fmt.Fprintf(a.stdout, "%*s  not testable: %s\n", min(width, 60)+8, "", c.Unplanned)
					}
				}
			}
			return nil
		},
	}
	f.register(cmd)
	f.registerFilter(cmd)
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&gaps, "gaps", false, "list instead the refusals of the contract that no request is known to bring about")
	cmd.Flags().BoolVar(&f.json, "json", false, "print a JSON array, with labels, rule and cause of each case")
	return cmd
}

func (a *app) listJSON(runs []*planned) error {
	out := []listed{}
	for _, r := range runs {
		for _, c := range r.chosen {
			out = append(out, listed{Info: c.Info, Labels: suite.Labels(c.Info), Excluded: c.Excluded})
		}
	}
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(out)
}
