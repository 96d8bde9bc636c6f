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

// groups are the headings of the rows, by the first part of a behaviour's name.
//
//nolint:gochecknoglobals // a constant; Go has none of this type
var groups = map[string]string{
	"exit": "Exit status", "wire": "What it sends", "understand": "What it understands",
	"life": "The life of a session", "trouble": "Trouble", "leaks": "Leaks",
}

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

// markOf is what stands in a cell, with its meaning.
func markOf(s conformance.Status) (mark, word string) {
	switch s {
	case conformance.Passed:
		return "✓", "pass"
	case conformance.Differs:
		return "~", "differs, and fails no run"
	case conformance.Excluded:
		return "–", "does not apply"
	case conformance.NotTestable, conformance.Interrupted:
		return "?", "not testable"
	case conformance.Known:
		return "(✗)", "known failure"
	default:
		return "✗", "fail"
	}
}

// proof is what a cell rests on: what was wrong, why nothing was proved, or how
// many requests were seen.
func proof(v conformance.Verdict) string {
	switch v.Status {
	case conformance.Passed:
		return fmt.Sprintf("%s seen, nothing wrong", numbered(len(v.Exchanges), "request"))
	case conformance.Excluded, conformance.NotTestable, conformance.Interrupted:
		return v.Why
	}
	return Line(v)
}

func numbered(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// name is what heads the column of a client.
func clientName(r *conformance.Result) string { return r.Target + ", " + r.System }

// Behaviours writes the behaviour matrix of clients in Markdown: rows are
// behaviours, columns clients. Each cell has its proof: below the table, for
// what did not pass; for a single client, in the table.
func Behaviours(w io.Writer, results []*conformance.Result) error {
	var b strings.Builder
	rows := behaviours(results)
	b.WriteString("| behaviour |")
	for _, r := range results {
		b.WriteString(" " + cellText(clientName(r)) + " |")
	}
	if len(results) == 1 {
		b.WriteString(" proof |")
	}
	b.WriteString("\n| --- |" + strings.Repeat(" :---: |", len(results)))
	if len(results) == 1 {
		b.WriteString(" --- |")
	}
	b.WriteString("\n")
	group := ""
	var notes []string
	for _, row := range rows {
		if row.group != group {
			group = row.group
			b.WriteString("| **" + cellText(orText(groups[group], group)) + "** |" + strings.Repeat(" |", len(results)))
			if len(results) == 1 {
				b.WriteString(" |")
			}
			b.WriteString("\n")
		}
		b.WriteString("| `" + row.name + "` " + cellText(row.title) + " |")
		for _, r := range results {
			v, ok := verdictOf(r, row.name)
			if !ok {
				b.WriteString(" |")
				continue
			}
			mark, _ := markOf(v.Status)
			b.WriteString(" " + mark + " |")
			switch {
			case len(results) == 1:
				b.WriteString(" " + cellText(proof(v)) + " |")
			case v.Status != conformance.Passed && v.Status != conformance.Excluded:
				notes = append(notes, fmt.Sprintf("- %s, `%s`: %s", cellText(clientName(r)), row.name, cellText(proof(v))))
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\n✓ pass · ✗ fail · ~ differs, and fails no run · ? not testable · – does not apply\n")
	if len(notes) > 0 {
		b.WriteString("\n" + strings.Join(notes, "\n") + "\n")
	}
	for _, r := range results {
		c := r.Counts()
		fmt.Fprintf(&b, "\n%s: %d pass, %d fail, %d not testable, %d do not apply.\n", clientName(r), c[conformance.Passed],
			c[conformance.Failed]+c[conformance.Fixed], c[conformance.NotTestable]+c[conformance.Interrupted], c[conformance.Excluded])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// cellText is a text in a cell of a Markdown table.
func cellText(s string) string {
	s = Printable(strings.Join(strings.Fields(s), " "))
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "*", "\\*", "`", "'").Replace(s)
}

func verdictOf(r *conformance.Result, name string) (conformance.Verdict, bool) {
	for _, v := range r.Verdicts {
		if v.Outcome == name {
			return v, true
		}
	}
	return conformance.Verdict{}, false
}

const (
	rowHeight  = 20
	nameWidth  = 330
	cellWidth  = 110
	headHeight = 64
)

// BehavioursSVG is Behaviours as a picture: a cell's proof is its title, which
// shows when a pointer rests on it.
func BehavioursSVG(w io.Writer, results []*conformance.Result) error {
	rows := behaviours(results)
	var body strings.Builder
	y := headHeight
	group := ""
	text := func(x, y int, class, s, title string) {
		fmt.Fprintf(&body, `<text x="%d" y="%d" class="%s">%s`, x, y, class, html.EscapeString(Printable(s)))
		if title != "" {
			fmt.Fprintf(&body, `<title>%s</title>`, html.EscapeString(Printable(title)))
		}
		body.WriteString("</text>\n")
	}
	for i, r := range results {
		x := nameWidth + i*cellWidth + cellWidth/2
		text(x, 24, "h m", short(r.Target, 16), r.Target)
		text(x, 42, "m", short(r.System, 16), r.System)
	}
	for _, row := range rows {
		if row.group != group {
			group = row.group
			text(8, y+14, "h", orText(groups[group], group), "")
			y += rowHeight
		}
		text(16, y+14, "", short(row.name, 48), row.title)
		for i, r := range results {
			v, ok := verdictOf(r, row.name)
			if !ok {
				continue
			}
			mark, word := markOf(v.Status)
			class := map[string]string{"pass": "ok", "fail": "no"}[word]
			x := nameWidth + i*cellWidth
			fmt.Fprintf(&body, `<rect x="%d" y="%d" width="%d" height="%d" class="c %s"><title>%s</title></rect>`+"\n", x+2, y+1, cellWidth-4, rowHeight-2, class, html.EscapeString(Printable(word+": "+proof(v))))
			text(x+cellWidth/2, y+14, "m "+class, mark, word+": "+proof(v))
		}
		y += rowHeight
	}
	width := nameWidth + len(results)*cellWidth + 8
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="behaviours of clients">
<style>text{font:12px sans-serif;fill:#1f2328}.h{font-weight:bold}.m{text-anchor:middle}.c{fill:#eaeef2}.c.ok{fill:#dafbe1}.c.no{fill:#ffd7d5}.m.ok{fill:#116329}.m.no{fill:#a40e26;font-weight:bold}</style>
<rect width="100%%" height="100%%" fill="#ffffff"/>
%s</svg>
`, width, y+12, width, y+12, body.String())
	return err
}

func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// Badge writes a small picture that says how many behaviours passed.
func Badge(w io.Writer, results []*conformance.Result) error {
	passed, failed := 0, 0
	for _, r := range results {
		c := r.Counts()
		passed += c[conformance.Passed] + c[conformance.Differs]
		failed += c[conformance.Failed] + c[conformance.NotTestable] + c[conformance.Fixed] + c[conformance.Interrupted]
	}
	left, right, colour := "client behaviour", fmt.Sprintf("%d of %d", passed, passed+failed), "#116329"
	if failed > 0 {
		colour = "#a40e26"
	}
	a, b := 7*len(left)+12, 7*len(right)+12
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" role="img" aria-label="%s: %s">
<rect width="%d" height="20" rx="3" fill="#57606a"/><rect x="%d" width="%d" height="20" rx="3" fill="%s"/><rect x="%d" width="6" height="20" fill="%s"/>
<g fill="#ffffff" font-family="sans-serif" font-size="12" text-anchor="middle"><text x="%d" y="14">%s</text><text x="%d" y="14">%s</text></g>
</svg>
`, a+b, left, right, a+b, a, b, colour, a, colour, a/2, left, a+b/2, right)
	return err
}
