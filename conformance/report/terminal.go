package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/mockauth/mockauth/conformance"
)

// Bounds of what a terminal shows. Who has more failures than fit on a few
// screens reads report.html.
const (
	fullFailures  = 20  // shown with everything
	shortFailures = 500 // shown in a line each
	namedOthers   = 6   // cases that are named as being the same
	shownValue    = 600 // characters of wanted and got
	shownCurl     = 1500
)

// Terminal writes each failure and the final summary. Failures that say the very
// same are shown once; the first 20 in full, all others in one line each.
func Terminal(w io.Writer, r *conformance.Result, s Style) error {
	r = legal(r)
	t := &terminal{Style: s.bounded(), again: r.Again}
	list := sames(r)
	for i, x := range list {
		switch {
		case i < fullFailures:
			t.full(x)
		case i == fullFailures:
			t.line("And in short:")
			fallthrough
		case i < fullFailures+shortFailures:
			t.short(x)
		case i == fullFailures+shortFailures:
			t.line("  and %s", plural(len(list)-i, "more that is not shown here", "more that are not shown here"))
		}
	}
	if len(list) > fullFailures {
		t.line("")
	}
	t.stale(r)
	t.differs(r)
	t.summary(r)
	_, err := w.Write(t.Bytes())
	return err
}

type terminal struct {
	Style
	bytes.Buffer

	again string // flags that name the target again
}

func (t *terminal) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// label is a line with its name before it; the text goes on below itself.
func (t *terminal) label(name string, width int, lines ...string) {
	for i, l := range lines {
		if i > 0 {
			name = ""
		}
		t.line("    %s  %s", t.paint(dim, pad(name, width)), l)
	}
}

// full shows a failure with everything that helps to mend it.
func (t *terminal) full(x same) {
	v := x.Verdicts[0]
	head := t.paint(hue(v.Status), symbol(v.Status)) + " " + t.paint(bold, shown(v.ID)) + "  "
	if v.Status == conformance.Failed {
		head += t.paint(hue(v.Status), weight(v).String())
	} else {
		head += t.paint(hue(v.Status), string(v.Status))
	}
	t.line("%s  %s", head, t.paint(dim, request(v.Info)))
	for _, l := range wrap(title(v), t.Width-4) {
		t.line("    %s", l)
	}
	if w := why(v); w != "" {
		for _, l := range wrap(w, t.Width-4) {
			t.line("    %s", t.paint(hue(v.Status), l))
		}
	}
	width := len("explain")
	for _, m := range v.Mismatches {
		width = max(width, min(utf8.RuneCountInString(place(m)), 24))
	}
	for _, m := range v.Mismatches {
		t.mismatch(v, m, width)
	}
	t.label("rule", width, t.rule(v.Rule, width)...)
	if x := judged(v); x != nil {
		t.label("last", width, wrap(exchange(*x), t.Width-6-width)...)
		if x.Curl != "" {
			// As it is: it is there to be copied.
			t.label("curl", width, clip(block(x.Curl), shownCurl))
		}
	}
	t.label("explain", width, explain(v, t.again))
	if command := replay(v, t.again); command != "" {
		t.label("repeat", width, command)
	}
	if n := x.Others(); n > 0 {
		t.label("", width, wrap(t.others(x), t.Width-6-width)...)
	}
	t.line("")
}

func (t *terminal) mismatch(v conformance.Verdict, m conformance.Mismatch, width int) {
	w, g := clip(wanted(m), shownValue), clip(got(m), shownValue)
	var lines []string
	one := "wanted " + w + ", got " + g
	if utf8.RuneCountInString(one)+6+width <= t.Width {
		lines = append(lines, "wanted "+t.paint(green, w)+", got "+t.paint(red, g))
	} else {
		lines = append(lines, "wanted "+t.paint(green, w), "got    "+t.paint(red, g))
	}
	if e := elsewhere(v, m); e != "" {
		lines = append(lines, t.paint(dim, e))
	}
	t.label(place(m), width, lines...)
}

// rule is where a rule stands, and its sources in full.
func (t *terminal) rule(r conformance.Rule, width int) []string {
	lines := []string{rule(r)}
	if r.File != "" && r.Pointer != "" {
		lines = append(lines, t.paint(dim, shown(r.Pointer)))
	}
	for _, s := range r.Sources {
		for _, l := range wrap(shown(s), t.Width-6-width) {
			lines = append(lines, t.paint(dim, l))
		}
	}
	return lines
}

// others names cases that say the same, as many as are read.
func (t *terminal) others(x same) string {
	var ids []string
	for i, v := range x.Verdicts[1:] {
		if i == namedOthers && x.Others() > namedOthers+1 {
			ids = append(ids, fmt.Sprintf("and %s more", grouped(x.Others()-i)))
			break
		}
		ids = append(ids, shown(v.ID))
	}
	return inOthers(x.Others()) + ": " + strings.Join(ids, ", ")
}

// short shows a failure in one line.
func (t *terminal) short(x same) {
	v := x.Verdicts[0]
	s := shown(v.ID) + "  " + Line(v)
	if n := x.Others(); n > 0 {
		s += " (" + inOthers(n) + ")"
	}
	t.line("%s %s", t.paint(hue(v.Status), symbol(v.Status)), s)
}

func (t *terminal) stale(r *conformance.Result) {
	if len(r.Stale) == 0 {
		return
	}
	t.line("%s The list of known failures is stale:", t.paint(red, symbol(conformance.Fixed)))
	for i, s := range r.Stale {
		if i == fullFailures {
			t.line("    and %d more", len(r.Stale)-i)
			break
		}
		t.line("    %s", shown(s))
	}
	t.line("")
}

// summary is what stands last, where it is seen.
func (t *terminal) summary(r *conformance.Result) {
	code, sign := green, symbol(conformance.Passed)
	switch {
	case onlyStale(r): // nothing is wrong with the server
		code, sign = red, symbol(conformance.Fixed)
	case !r.Conforms():
		code, sign = red, symbol(conformance.Failed)
	case r.Ran() == 0:
		code, sign = yellow, symbol(conformance.Excluded)
	}
	for i, l := range wrap(conclusion(r), t.Width-2) {
		if i > 0 {
			sign = " "
		}
		t.line("%s %s", t.paint(code, sign), t.paint(bold, l))
	}
	t.line("  %s  %s", strings.Join(t.tally(r), " · "), t.paint(dim, "in "+duration(r.Seconds)))
	for _, x := range reasons(r) {
		n := grouped(x.N)
		for i, l := range wrap(x.Why, t.Width-len(n)-22) {
			if i == 0 {
				t.line("    %s", t.paint(dim, n+" excluded: "+l))
			} else {
				t.line("    %s", t.paint(dim, strings.Repeat(" ", len(n)+11)+l))
			}
		}
	}
	facts := []string{done(r)}
	if c := covered(r); c != "" {
		facts = append([]string{c}, facts...)
	}
	t.line("  %s", t.paint(dim, strings.Join(facts, " · ")))
	if r.Filter != "" {
		t.line("  %s", t.paint(dim, "only "+shown(r.Filter)))
	}
}

// tally is the count of each status, coloured.
func (t *terminal) tally(r *conformance.Result) []string {
	words := tally(r)
	if !t.Colour {
		return words
	}
	for i, s := range words {
		for _, status := range conformance.Statuses() {
			if r.Counts()[status] > 0 && strings.HasPrefix(s, grouped(r.Counts()[status])+" "+string(status)) {
				words[i] = t.paint(hue(status), s)
			}
		}
	}
	return words
}
