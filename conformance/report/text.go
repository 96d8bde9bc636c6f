package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shown is a text on one line. Whatever is not to be seen is escaped as in Go:
// a line break as \n, the escape of a terminal as \x1b, a mark that turns the
// direction of writing as \u202e.
func shown(s string) string { return escape(s, "") }

// block is a text of several lines: line breaks and tabs stay.
func block(s string) string { return escape(strings.ReplaceAll(s, "\r\n", "\n"), "\n\t") }

func escape(s, keep string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) && !strings.ContainsRune(keep, r) }
	if strings.IndexFunc(s, odd) < 0 && !strings.ContainsRune(s, unicode.ReplacementChar) {
		return s // no change; a broken byte would read as the replacement character
	}
	var b strings.Builder
	for _, r := range s {
		if odd(r) {
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// clip cuts a text to n characters at most, and marks that it did.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	i := 0
	for at := range s {
		if i == n-1 {
			return s[:at] + "…"
		}
		i++
	}
	return s
}

// or is s, or instead if s is empty.
func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// plural is a number with its noun: 1 case, 2 cases.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped writes a number with a comma before each three digits.
func grouped(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Quoted is a word for a POSIX shell, in quotes if it needs them.
func Quoted(s string) string { return quoted(s) }

// quoted is a word for a POSIX shell.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-:/@=+,", r)
	}
	if s != "" && strings.IndexFunc(s, plain) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
