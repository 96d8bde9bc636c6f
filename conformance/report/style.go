package report

import (
	"strings"
	"unicode/utf8"

	"github.com/mockauth/mockauth/conformance"
)

// Style is how a terminal is written to. The zero Style is plain text, a line
// after the other.
type Style struct {
	// Colour marks by ANSI colours. Nothing is said by colour alone.
	Colour bool
	// Live redraws lines in place while the run goes on.
	Live bool
	// Width is the number of columns, 0: 100. Height is the number of lines, 0: 24.
	Width, Height int
}

// StyleFor is the Style for a terminal of this size. Without a terminal, with
// NO_COLOR set to anything, or with TERM=dumb it is plain. getenv is os.Getenv.
func StyleFor(terminal bool, width, height int, getenv func(string) string) Style {
	rich := terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	return Style{Colour: rich, Live: rich, Width: width, Height: height}
}

// bounded fills in what is not said. On fewer than 40 columns nothing can be laid
// out, and more than 160 nobody reads.
func (s Style) bounded() Style {
	if s.Width <= 0 {
		s.Width = 100
	}
	if s.Height <= 0 {
		s.Height = 24
	}
	s.Width = min(max(s.Width, 40), 160)
	s.Height = max(s.Height, 6)
	return s
}

// Codes of ECMA-48, Select Graphic Rendition.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
)

// paint marks a text.
func (s Style) paint(code, text string) string {
	if !s.Colour || code == "" || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// hue is the colour of a status.
func hue(status conformance.Status) string {
	switch status {
	case conformance.Failed, conformance.NotTestable, conformance.Fixed:
		return red
	case conformance.Interrupted, conformance.Differs, conformance.Known:
		return yellow
	case conformance.Passed:
		return green
	}
	return dim
}

// wrap breaks a text into lines of at most n characters, at spaces where there
// are any. A word that is longer stays whole: it is an address or a pointer,
// which somebody wants to copy.
func wrap(text string, n int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= n:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// pad fills a text up with spaces to n characters.
func pad(s string, n int) string {
	if m := utf8.RuneCountInString(s); m < n {
		return s + strings.Repeat(" ", n-m)
	}
	return s
}
