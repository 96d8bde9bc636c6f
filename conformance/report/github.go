package report

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

// annotations is how many of each kind GitHub shows of a step; it drops the rest
// without a word.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
const annotations = 10

// GitHub writes workflow commands: an annotation at the line of the contract for
// each thing that was not so. What fails the run is an error, what a SHOULD
// demands a warning, all else a notice. Where there are more of a kind than
// GitHub shows, the last one counts the rest.
func GitHub(w io.Writer, r *conformance.Result) error {
	r = legal(r)
	kinds := map[string][]string{}
	add := func(kind, properties, message string) {
		kinds[kind] = append(kinds[kind], "::"+kind+properties+"::"+commandData(message))
	}
	for _, x := range sames(r) {
		v := x.Verdicts[0]
		message := annotation(v, r.Again)
		if n := x.Others(); n > 0 {
			message += "\n" + inOthers(n)
		}
		add("error", annotated(v), message)
	}
	for _, v := range r.Verdicts {
		if v.Status == conformance.Differs {
			kind := "notice"
			if weight(v) >= conformance.Should {
				kind = "warning"
			}
			add(kind, annotated(v), annotation(v, r.Again))
		}
	}
	for _, s := range r.Stale {
		add("error", commandProperties("title", "known failures"), or(shown(s), "stale"))
	}
	if !r.Conforms() && len(kinds["error"]) == 0 {
		add("error", commandProperties("title", name(r)), conclusion(r))
	}
	var b bytes.Buffer
	for _, kind := range []string{"error", "warning", "notice"} {
		list := kinds[kind]
		if len(list) > annotations {
			rest := len(list) - annotations + 1
			list = append(list[:annotations-1:annotations-1], "::"+kind+commandProperties("title", name(r))+"::"+
				commandData(fmt.Sprintf("%s more like these. %s", grouped(rest), sentenceOf(tally(r)))))
		}
		for _, line := range list {
			b.WriteString(line + "\n")
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func annotation(v conformance.Verdict, again string) string {
	lines := []string{title(v)}
	if w := why(v); w != "" {
		lines = append(lines, w)
	}
	for i, m := range v.Mismatches {
		if i == manySteps {
			lines = append(lines, fmt.Sprintf("and %d more", len(v.Mismatches)-i))
			break
		}
		lines = append(lines, sentence(m, shortValue))
	}
	return strings.Join(append(lines, explain(v, again)), "\n")
}

func annotated(v conformance.Verdict) string {
	p := []string{}
	if v.Rule.File != "" {
		p = append(p, "file", v.Rule.File)
		if v.Rule.Line > 0 {
			p = append(p, "line", fmt.Sprint(v.Rule.Line))
		}
	}
	return commandProperties(append(p, "title", shown(v.ID)+" "+statusWords(v))...)
}

// commandProperties are pairs of names and values: " file=a,line=1".
func commandProperties(pairs ...string) string {
	var s []string
	for i := 0; i+1 < len(pairs); i += 2 {
		s = append(s, pairs[i]+"="+propertyEscaper().Replace(shown(pairs[i+1])))
	}
	return " " + strings.Join(s, ",")
}

// commandData is the text of a command, as @actions/core escapes it.
func commandData(s string) string { return dataEscaper().Replace(block(s)) }

func dataEscaper() *strings.Replacer {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
}

func propertyEscaper() *strings.Replacer {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
}

func sentenceOf(parts []string) string { return "In all: " + strings.Join(parts, ", ") + "." }

// Rows of a summary. GitHub takes 1 MiB of it.
const (
	summaryRows  = 50
	summaryShown = 300
)

// Summary writes Markdown for a job summary of GitHub.
func Summary(w io.Writer, r *conformance.Result) error {
	r = legal(r)
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	sign := "✅"
	switch {
	case !r.Conforms():
		sign = "❌"
	case r.Ran() == 0:
		sign = "⚪"
	}
	line("## %s %s\n", sign, markdown(name(r)))
	line("%s\n", markdown(conclusion(r)))
	line("**%s** in %s", markdown(strings.Join(tally(r), " · ")), duration(r.Seconds))
	if r.Filter != "" {
		line("\nOnly %s", markdown(shown(r.Filter)))
	}
	summaryCases(line, r)
	summaryDiffers(line, r)
	if len(r.Stale) > 0 {
		line("\n### Stale known failures\n")
		for i, s := range r.Stale {
			if i == summaryRows {
				line("- and %d more", len(r.Stale)-i)
				break
			}
			line("- %s", markdown(clip(shown(s), summaryShown)))
		}
	}
	line("\n<details><summary>About the run</summary>\n")
	line("| | |\n|---|---|")
	for _, f := range facts(r) {
		line("| %s | %s |", markdown(clip(f.Name, summaryShown)), markdown(clip(f.Value, summaryShown)))
	}
	line("\n</details>")
	_, err := w.Write(b.Bytes())
	return err
}

func summaryCases(line func(string, ...any), r *conformance.Result) {
	list := sames(r)
	if len(list) == 0 {
		return
	}
	line("\n### What fails\n")
	line("| | case | request | what | rule |\n|---|---|---|---|---|")
	for i, x := range list {
		if i == summaryRows {
			line("\nand %s; report.html has all of them", plural(len(list)-i, "more", "more"))
			break
		}
		v := x.Verdicts[0]
		what := title(v)
		if s := Line(v); s != what {
			what += "\n" + s
		}
		if n := x.Others(); n > 0 {
			what += "\n" + inOthers(n)
		}
		weighs := string(v.Status)
		if v.Status == conformance.Failed {
			weighs = weight(v).String()
		}
		line("| %s %s | %s | %s | %s | %s |", symbol(v.Status), weighs, code(v.ID), code(request(v.Info)), markdown(clip(what, summaryShown*2)), markdown(clip(rule(v.Rule), summaryShown)))
	}
}

// summaryDiffers are what was not so and does not fail the run, folded.
func summaryDiffers(line func(string, ...any), r *conformance.Result) {
	var rows []conformance.Verdict
	for _, v := range r.Verdicts {
		if v.Status == conformance.Known || v.Status == conformance.Differs {
			rows = append(rows, v)
		}
	}
	if len(rows) == 0 {
		return
	}
	line("\n<details><summary>%s</summary>\n", "What was not so and does not fail the run: "+grouped(len(rows)))
	line("| | case | what |\n|---|---|---|")
	for i, v := range rows {
		if i == summaryRows {
			line("\nand %s more", grouped(len(rows)-i))
			break
		}
		line("| %s | %s | %s |", markdown(symbol(v.Status)+" "+statusWords(v)), code(v.ID), markdown(clip(Line(v), summaryShown)))
	}
	line("\n</details>")
}

// markdown is a text that means itself, also in the cell of a table.
func markdown(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString("<br>")
		case strings.ContainsRune("\\`*_{}[]()#+!|~$:@", r):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteString(html.EscapeString(string(r)))
		}
	}
	return b.String()
}

// code is a text in the face of a machine.
func code(s string) string { return "<code>" + markdown(clip(shown(s), summaryShown)) + "</code>" }
