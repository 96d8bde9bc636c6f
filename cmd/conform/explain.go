package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/suite"
	"github.com/mockauth/mockauth/specs"
)

// caseOf finds the case with an id. Without --config the system is the beginning
// of the id.
func (a *app) caseOf(ctx context.Context, id string, args []string, f aimFlags, demo bool) (*aim, *conformance.Plan, *conformance.Case, error) {
	if len(args) == 0 && f.config == "" {
		system := ""
		for _, s := range specs.Systems() {
			if strings.HasPrefix(id, s+".") {
				system = s
			}
		}
		if system == "" {
			beginning, _, _ := strings.Cut(id, ".")
			return nil, nil, nil, exit{exitUsage, fmt.Errorf("the id %q begins with no system that ships with us; %s\nA case of your own contract needs --contract FILE or --config FILE", id, specs.DidYouMean(beginning, specs.Systems()))}
		}
		args = []string{system}
	}
	aims, err := a.aims(ctx, args, f, demo)
	if err != nil {
		return nil, nil, nil, err
	}
	x := aims[0]
	p, err := x.plan()
	if err != nil {
		return nil, nil, nil, err
	}
	if c := p.Case(id); c != nil {
		return x, p, c, nil
	}
	ids := make([]string, len(p.Cases))
	for i, c := range p.Cases {
		ids[i] = c.ID
	}
	why := ""
	if !x.ours && len(x.target.Records) == 0 {
		why = "\nNobody may log in, as far as was said: --config names a file that says who, and then there are more cases"
	}
	return nil, nil, nil, exit{exitNothing, fmt.Errorf("there is no case %q for this server; %s%s\n%s says what there is", id, meant(id, ids), why, x.listed(f))}
}

// meant says which case was probably meant: one that is written nearly so, or
// those of the operation.
func meant(id string, ids []string) string {
	if specs.Nearest(id, ids) == "" {
		for at := strings.LastIndexByte(id, '.'); at > 0; at = strings.LastIndexByte(id[:at], '.') {
			var like []string
			for _, x := range ids {
				if strings.HasPrefix(x, id[:at+1]) {
					like = append(like, x)
				}
			}
			if len(like) > 0 {
				ids = like
				break
			}
		}
	}
	return specs.DidYouMean(id, ids)
}

func (a *app) explainCommand() *cobra.Command {
	var f aimFlags
	var own string
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Explain a case: its rule, how it is caused, how to mend it",
		Long: `Explain one case: what must happen, the rule with its text from the contract and
what it rests on, how the case brings it about step by step, and what to look at
if a server fails it. Nothing is sent, unless --url or --config names a server,
whose case is then explained.`,
		Example: `  conform list SYSTEM --focus logout
  conform explain SYSTEM.logout.done`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("which case? conform list SYSTEM says the ids")
			}
			return nil
		},
		PreRunE: func(cmd *cobra.Command, _ []string) error { return a.fromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			var names []string
			if own != "" {
				names = []string{own}
			}
			if system, _, found := strings.Cut(args[0], ".client."); found {
				return a.explainClient(or(own, system), args[0])
			}
			x, _, c, err := a.caseOf(cmd.Context(), args[0], names, f, true)
			if err != nil {
				return err
			}
			a.explain(x, c, f)
			return nil
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&own, "contract", "", "`FILE` or folder of your own contract, if the case is of one")
	return cmd
}

func (a *app) explain(x *aim, c *conformance.Case, f aimFlags) {
	w := a.stdout
	fmt.Fprintf(w, "%s\n  %s\n\n", c.ID, c.Title)
	fmt.Fprintf(w, "%s, since it is %s.%s\n", c.Severity, evidence(c.Rule.Evidence), consequence(c.Severity))
	if c.Excluded != "" {
		fmt.Fprintf(w, "It is excluded for this server: %s\n", c.Excluded)
	}
	if c.Unplanned != "" {
		fmt.Fprintf(w, "It is not testable: %s\n", c.Unplanned)
	}
	fmt.Fprintf(w, "\nThe call\n  %s %s (%s), which answers %s\n", c.Method, c.Path, c.Operation, c.Outcome)
	fmt.Fprintf(w, "\nThe rule\n  %s\n", where(c.Rule))
	for line := range strings.SplitSeq(ruleText(x.contract, c.Rule), "\n") {
		if line != "" {
			fmt.Fprintf(w, "    %s\n", line)
		}
	}
	if len(c.Rule.Sources) > 0 {
		fmt.Fprintln(w, "\nIts sources")
		for _, s := range c.Rule.Sources {
			fmt.Fprintf(w, "  %s\n", s)
		}
	}
	if len(c.Cause) > 0 {
		fmt.Fprintln(w, "\nHow it is caused")
		for i, s := range c.Cause {
			fmt.Fprintf(w, "  %d. %s\n", i+1, s)
		}
	}
	fmt.Fprintln(w, "\nIf a server fails it")
	for _, s := range mend(x, c, f) {
		fmt.Fprintf(w, "  - %s\n", s)
	}
	fmt.Fprintf(w, "\nLabels: %s\n", strings.Join(suite.Labels(c.Info), ", "))
}

// evidence is a mark in words: "documented S1" is documented (S1).
func evidence(mark string) string {
	level, rest, _ := strings.Cut(mark, " ")
	switch {
	case level == "":
		return "not said what it rests on"
	case rest == "":
		return level
	case level == specs.Inferred.String():
		return level + ": " + rest
	default:
		return level + " (" + rest + ")"
	}
}

func consequence(s conformance.Severity) string {
	return map[conformance.Severity]string{
		conformance.Must:   " A server that does not do it does not conform.",
		conformance.Should: " A server that does not do it is reported, and fails with --strict.",
		conformance.May:    " A server that does not do it is reported, and conforms.",
	}[s]
}

func where(r conformance.Rule) string {
	if r.File == "" {
		return r.Pointer
	}
	return fmt.Sprintf("%s:%d %s", r.File, r.Line, r.Pointer)
}

// ruleLines is how much of the contract is quoted.
const ruleLines = 30

// ruleText is the rule as it stands in the contract.
func ruleText(c *specs.Contract, r conformance.Rule) string {
	if c.Doc == nil {
		return ""
	}
	n := c.Doc.At(r.Pointer)
	if n == nil {
		return ""
	}
	b, err := yaml.Marshal(n)
	if err != nil {
		return ""
	}
	text := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	if len(text) > ruleLines {
		text = append(text[:ruleLines], fmt.Sprintf("… and %d more lines", len(text)-ruleLines))
	}
	return strings.Join(text, "\n")
}

// mend is what to look at when a server fails the case.
func mend(x *aim, c *conformance.Case, f aimFlags) []string {
	replay := "conform replay " + c.ID + " " + x.again(f)
	if f.config == "" && f.url == "" {
		replay += " --config target.yaml"
	}
	replay = strings.Join(strings.Fields(replay), " ")
	out := []string{"See every request and answer of it: " + replay}
	if c.Rule.File != "" {
		out = append(out, "If the server is right, the contract is wrong at "+where(c.Rule)+": mend it there, and say what it rests on.")
	}
	out = append(out, "If the server is wrong and stays so for a while, list it: conform baseline writes a file for --known, with a reason, a ticket and a last day.")
	if len(x.contract.Settings) > 0 || len(x.contract.Profiles) > 0 {
		out = append(out, "If the server is set up in another way, say so: --profile, --set, or profile and settings in the target file.")
	}
	return out
}

func writeFile(path string, data []byte, force bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !force {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o644) //nolint:gosec // it holds no secret, and is committed
	if err != nil {
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%s is there already; name another file, or remove it", path)
		}
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
