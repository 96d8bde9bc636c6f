package mutant

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

// WriteText writes reports for a terminal: of each system how many mutants were
// noticed, a line a severity, then survivors; at the end of several the sum.
func WriteText(w io.Writer, reports ...*Report) error {
	var b strings.Builder
	for _, r := range reports {
		fmt.Fprintf(&b, "%s  %d mutants, %d cases, %.1f s\n", r.System, r.Mutants, r.Cases, r.Seconds)
		for _, t := range r.Tally {
			writeTally(&b, t)
		}
		if len(r.Dormant) > 0 {
			fmt.Fprintf(&b, "  %d more are left out: nobody can see them (which: --json)\n", len(r.Dormant))
			for _, why := range whys(r.Dormant) {
				fmt.Fprintf(&b, "      %d: %s\n", why.n, why.words)
			}
		}
		for _, s := range heaviestFirst(r.Survivors) {
			fmt.Fprintf(&b, "  ✗ %s %s\n      %s\n      %s%s\n", s.Severity, s.Name, s.Says, place(s), s.tail())
		}
		for _, id := range r.Vacuous {
			fmt.Fprintf(&b, "  – %s notices no mutant\n", id)
		}
		for _, x := range r.Unsound {
			fmt.Fprintf(&b, "  ! %s\n", x)
		}
		if r.Interrupted {
			fmt.Fprintln(&b, "  ! the run was ended before every mutant was tried")
		}
	}
	if len(reports) > 1 {
		b.WriteString("all\n")
		for _, t := range sum(reports) {
			writeTally(&b, t)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// why is a reason for which nobody can see some mutants.
type why struct {
	words string
	n     int
}

// whys are the reasons, the most frequent first.
func whys(list []Dormant) []why {
	var out []why
	for _, d := range list {
		i := slices.IndexFunc(out, func(w why) bool { return w.words == d.Why })
		if i < 0 {
			out, i = append(out, why{d.Why, 0}), len(out)
		}
		out[i].n++
	}
	slices.SortStableFunc(out, func(a, b why) int { return b.n - a.n })
	return out
}

func writeTally(b *strings.Builder, t Tally) {
	mark := "●"
	if t.Killed < t.Mutants {
		mark = "○"
	}
	fmt.Fprintf(b, "  %s %-6s  %d of %d noticed%s\n", mark, t.Severity, t.Killed, t.Mutants, rate(t))
}

// sum adds the tallies of several reports.
func sum(reports []*Report) []Tally {
	var out []Tally
	for _, r := range reports {
		for _, t := range r.Tally {
			i := slices.IndexFunc(out, func(x Tally) bool { return x.Severity == t.Severity })
			if i < 0 {
				out = append(out, t)
				continue
			}
			out[i].Mutants += t.Mutants
			out[i].Killed += t.Killed
		}
	}
	return out
}

func rate(t Tally) string {
	if t.Mutants == 0 {
		return ""
	}
	// Rounded down: 100 % is for all of them.
	return fmt.Sprintf(" (%d %%)", t.Killed*100/t.Mutants)
}

func place(s Survivor) string {
	out := fmt.Sprintf("%s:%d  %s", s.Rule.File, s.Rule.Line, s.Rule.Evidence)
	if under := (choice{s.Profile, s.Settings, nil}).describe(); under != "" {
		out += "  under " + under
	}
	return out
}

// tail says what was noticed of a survivor all the same.
func (s Survivor) tail() string {
	if s.Error != "" {
		return "\n      could not be tried: " + s.Error
	}
	out := fmt.Sprintf("\n      %d cases passed", s.Tried-s.NotTestable-s.Lighter)
	if s.Lighter > 0 {
		out += fmt.Sprintf(", %d noticed what weighs less", s.Lighter)
	}
	if s.NotTestable > 0 {
		out += fmt.Sprintf(", %d could not be judged", s.NotTestable)
	}
	if s.Closest != "" {
		out += "\n      closest: " + s.Closest
	}
	return out
}

func heaviestFirst(list []Survivor) []Survivor {
	var out []Survivor
	for _, s := range []conformance.Severity{conformance.Must, conformance.Should, conformance.May} {
		for _, x := range list {
			if x.Severity == s {
				out = append(out, x)
			}
		}
	}
	return out
}

// WriteMarkdown writes reports as a table of kill rates and lists of survivors.
func WriteMarkdown(w io.Writer, reports ...*Report) error {
	var b strings.Builder
	b.WriteString("| system | cases | MUST | SHOULD | MAY | seconds |\n|---|--:|--:|--:|--:|--:|\n")
	for _, r := range reports {
		cells := map[conformance.Severity]string{}
		for _, t := range r.Tally {
			cells[t.Severity] = fmt.Sprintf("%d / %d", t.Killed, t.Mutants)
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %.1f |\n", r.System, r.Cases, cells[conformance.Must], cells[conformance.Should], cells[conformance.May], r.Seconds)
	}
	for _, r := range reports {
		list := func(title string, items []string) {
			if len(items) > 0 {
				fmt.Fprintf(&b, "\n**%s: %s**\n\n- %s\n", r.System, title, strings.Join(items, "\n- "))
			}
		}
		var survivors []string
		for _, s := range heaviestFirst(r.Survivors) {
			survivors = append(survivors, fmt.Sprintf("%s `%s`: %s (%s)", s.Severity, s.Name, s.Says, place(s)))
		}
		list("survivors", survivors)
		vacuous := make([]string, len(r.Vacuous))
		for i, id := range r.Vacuous {
			vacuous[i] = "`" + id + "`"
		}
		list("cases that notice nothing", vacuous)
		list("cases that the mock itself does not pass", r.Unsound)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON writes reports as a JSON array, indented.
func WriteJSON(w io.Writer, reports ...*Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(reports)
}
