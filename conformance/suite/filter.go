package suite

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/onsi/ginkgo/v2/types"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/specs"
)

// Filter chooses cases. The zero value chooses all.
type Filter struct {
	// Focus and Skip are regular expressions, searched for in id and title, or
	// beginnings of ids. A case runs if one of Focus fits (or there are none) and
	// none of Skip.
	Focus, Skip []string
	// Labels is an expression over Labels, in Ginkgo's language:
	// "token && !severity:may", "op:logout || /revoked/".
	Labels string
}

// ErrFilter is the cause of every error about a Filter that cannot be read.
var ErrFilter = errors.New("the filter cannot be read")

// Choice is what a Filter chose.
type Choice struct {
	Cases []*conformance.Case
	// Unmatched are the parts of the filter that fit no case at all, each with
	// what was probably meant. A skip that fits nothing is among them: it was
	// meant to hold something back.
	Unmatched []string
}

// Choose applies the filter. The error says what in the filter cannot be read.
func (f Filter) Choose(cases []*conformance.Case) (Choice, error) {
	var out Choice
	focus, err := patterns("focus", f.Focus)
	if err != nil {
		return out, err
	}
	skip, err := patterns("skip", f.Skip)
	if err != nil {
		return out, err
	}
	labels := func([]string) bool { return true }
	if strings.TrimSpace(f.Labels) != "" {
		if labels, err = types.ParseLabelFilter(f.Labels); err != nil {
			return out, fmt.Errorf(`%w: the labels %q: %s; an example that works: "token && !severity:may"`, ErrFilter, f.Labels, teach(err))
		}
	}
	labelled := false
	for _, c := range cases {
		in, held := fits(focus, c), fits(skip, c)
		byLabel := labels(Labels(c.Info))
		labelled = labelled || byLabel
		if (in || len(focus) == 0) && !held && byLabel {
			out.Cases = append(out.Cases, c)
		}
	}
	for _, p := range append(focus, skip...) {
		if !p.used {
			out.Unmatched = append(out.Unmatched, fmt.Sprintf("--%s %s fits no case; %s", p.flag, p.text, specs.DidYouMean(p.text, beginnings(cases))))
		}
	}
	if !labelled && f.Labels != "" && len(cases) > 0 {
		out.Unmatched = append(out.Unmatched, fmt.Sprintf("--label %q fits no case; %s", f.Labels, specs.DidYouMean(f.Labels, labelsOf(cases))))
	}
	return out, nil
}

// String is the filter in words; empty if it chooses all.
func (f Filter) String() string {
	var parts []string
	for _, p := range f.Focus {
		parts = append(parts, "focus "+p)
	}
	for _, p := range f.Skip {
		parts = append(parts, "skip "+p)
	}
	if f.Labels != "" {
		parts = append(parts, "label "+f.Labels)
	}
	return strings.Join(parts, ", ")
}

// pattern is one focus or skip.
type pattern struct {
	flag, text string
	expression *regexp.Regexp // nil: only the beginning of an id
	used       bool
}

func patterns(flag string, texts []string) ([]*pattern, error) {
	var out []*pattern
	for _, t := range texts {
		if t == "" {
			return nil, fmt.Errorf("%w: --%s is empty; give a regular expression or the beginning of an id", ErrFilter, flag)
		}
		e, err := regexp.Compile(t)
		if err != nil {
			return nil, fmt.Errorf("%w: --%s %s: %w", ErrFilter, flag, t, err)
		}
		out = append(out, &pattern{flag: flag, text: t, expression: e})
	}
	return out, nil
}

// fits reports whether one of the patterns fits the case, and notes each that
// does.
func fits(patterns []*pattern, c *conformance.Case) bool {
	found := false
	for _, p := range patterns {
		if strings.HasPrefix(c.ID, p.text) || p.expression.MatchString(c.ID) || p.expression.MatchString(c.Title) {
			p.used, found = true, true
		}
	}
	return found
}

// beginnings are all ids and, of each, what stands before a dot: what a focus
// may have meant.
func beginnings(cases []*conformance.Case) []string {
	seen := map[string]bool{}
	var out []string
	add := func(s string) {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	for _, c := range cases {
		add(c.Operation)
		for i, r := range c.ID {
			if r == '.' && i > 0 {
				add(c.ID[:i])
			}
		}
		add(c.ID)
	}
	return out
}

func labelsOf(cases []*conformance.Case) []string {
	seen := map[string]bool{}
	var out []string
	for _, c := range cases {
		for _, l := range Labels(c.Info) {
			if !seen[l] {
				seen[l] = true
				out = append(out, l)
			}
		}
	}
	return out
}

// teach is the sentence of a Ginkgo error: its heading and reason without the
// colours and the place in our source.
func teach(err error) string {
	var g types.GinkgoError
	if !errors.As(err, &g) {
		return err.Error()
	}
	return strings.Join(strings.Fields(g.Heading+": "+g.Message), " ")
}
