package report

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

// behaviour is one row of the behaviour matrix of clients.
type behaviour struct{ group, name, title string }

// behaviours are the rows: those of all results, in the order of the first that
// has them.
func behaviours(results []*conformance.Result) []behaviour {
	var out []behaviour
	for _, r := range results {
		for _, v := range r.Verdicts {
			b := behaviour{v.Kind, v.Outcome, v.Title}
			at := len(out)
			for i, x := range out {
				if x.group == b.group {
					at = i + 1
				}
				if x.name == b.name {
					at = -1
					break
				}
			}
			if at >= 0 {
				out = slices.Insert(out, at, b)
			}
		}
	}
	return out
}

// A cell of the behaviour matrix: its mark, what it means, and how it looks.
type mark struct{ Symbol, Word, Class string }

// markOf is what stands in a cell.
func markOf(s conformance.Status) mark {
	switch s {
	case conformance.Passed:
		return mark{"✓", "pass", "ok"}
	case conformance.Differs:
		return mark{"~", "differs, and fails no run", "so"}
	case conformance.Excluded:
		return mark{"–", "does not apply", ""}
	case conformance.NotTestable, conformance.Interrupted:
		return mark{"?", "not testable", "so"}
	case conformance.Known:
		return mark{"(✗)", "known failure", "so"}
	case conformance.Fixed:
		return mark{"!", "pass, but listed as a known failure", "so"}
	default:
		return mark{"✗", "fail", "no"}
	}
}

// legend explains the marks that stand in some results, what passed and what
// failed in any case.
func legend(results []*conformance.Result) []mark {
	var out []mark
	for _, s := range []conformance.Status{conformance.Passed, conformance.Failed, conformance.Differs, conformance.Known, conformance.Fixed, conformance.NotTestable, conformance.Interrupted, conformance.Excluded} {
		used := s == conformance.Passed || s == conformance.Failed
		for _, r := range results {
			used = used || r.Counts()[s] > 0
		}
		if m := markOf(s); used && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// proof is what a cell rests on: what was wrong, why nothing was proved, or how
// many requests were seen.
func proof(v conformance.Verdict) string {
	if v.Status == conformance.Passed {
		return plural(len(v.Exchanges), "request", "requests") + " seen, nothing wrong"
	}
	return clip(Line(v), longestProof)
}

const longestProof = 300

// clientName is what heads the column of a client.
func clientName(r *conformance.Result) string {
	return clip(or(r.Target, "client"), 60) + ", " + clip(or(r.System, "contract"), 60)
}

// totals counts the behaviours of a client.
func totals(r *conformance.Result) string {
	c := r.Counts()
	out := []string{fmt.Sprintf("%d pass, %d fail, %d not testable", c[conformance.Passed]+c[conformance.Fixed], c[conformance.Failed], c[conformance.NotTestable]+c[conformance.Interrupted])}
	for _, s := range []conformance.Status{conformance.Differs, conformance.Known} {
		if c[s] > 0 {
			out = append(out, fmt.Sprintf("%d %s", c[s], s))
		}
	}
	return strings.Join(append(out, fmt.Sprintf("%d do not apply", c[conformance.Excluded])), ", ")
}

// Behaviours writes the behaviour matrix of clients in Markdown: rows are
// behaviours, columns clients. Each cell has its proof: for a single client in
// the table, else below it for what did not pass.
func Behaviours(w io.Writer, results []*conformance.Result) error {
	results = allLegal(results)
	var b strings.Builder
	one := len(results) == 1
	b.WriteString("| behaviour |")
	for _, r := range results {
		b.WriteString(" " + cellText(clientName(r)) + " |")
	}
	if one {
		b.WriteString(" proof |")
	}
	b.WriteString("\n| --- |" + strings.Repeat(" :---: |", len(results)))
	if one {
		b.WriteString(" --- |")
	}
	b.WriteString("\n")
	group, first := "", true
	var notes []string
	for _, row := range behaviours(results) {
		if row.group != group || first {
			group, first = row.group, false
			b.WriteString("| **" + cellText(groupTitle(group)) + "** |" + strings.Repeat(" |", len(results)))
			if one {
				b.WriteString(" |")
			}
			b.WriteString("\n")
		}
		b.WriteString("| `" + cellCode(row.name) + "` " + cellText(row.title) + " |")
		for _, r := range results {
			v, ok := verdictOf(r, row.name)
			if !ok {
				b.WriteString(" |")
				continue
			}
			b.WriteString(" " + markOf(v.Status).Symbol + " |")
			switch {
			case one:
				b.WriteString(" " + cellText(proof(v)) + " |")
			case v.Status != conformance.Passed && v.Status != conformance.Excluded:
				notes = append(notes, fmt.Sprintf("- %s, `%s`: %s", cellText(clientName(r)), cellCode(row.name), cellText(proof(v))))
			}
		}
		b.WriteString("\n")
	}
	var marks []string
	for _, m := range legend(results) {
		marks = append(marks, m.Symbol+" "+m.Word)
	}
	b.WriteString("\n" + strings.Join(marks, " · ") + "\n")
	if len(notes) > 0 {
		b.WriteString("\n" + strings.Join(notes, "\n") + "\n")
	}
	for _, r := range results {
		fmt.Fprintf(&b, "\n%s: %s.\n", cellText(clientName(r)), totals(r))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func allLegal(results []*conformance.Result) []*conformance.Result {
	var out []*conformance.Result
	for _, r := range results {
		out = append(out, legal(r))
	}
	return out
}

// longestCell bounds a text of a contract or a client in a table.
const longestCell = 400

// cellText is a text that means itself in a cell of a Markdown table. What needs
// no escape has none: the table is read as text, too.
func cellText(s string) string {
	var b strings.Builder
	for _, r := range clip(strings.Join(strings.Fields(shown(s)), " "), longestCell) {
		switch r {
		case '\\', '|', '*', '_', '`', '[', ']', '~':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '<', '>', '&':
			b.WriteString(html.EscapeString(string(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// cellCode is a name between back quotes in a cell.
func cellCode(s string) string {
	return strings.NewReplacer("`", "'", "|", "\\|").Replace(clip(strings.Join(strings.Fields(shown(s)), " "), longestCell))
}

func verdictOf(r *conformance.Result, name string) (conformance.Verdict, bool) {
	for _, v := range r.Verdicts {
		if v.Outcome == name {
			return v, true
		}
	}
	return conformance.Verdict{}, false
}
