package main

import (
	"io"
	"os"
	"strconv"

	"github.com/mockauth/mockauth/conformance/report"
)

// style is how to write to a stream: in colour and redrawn on a terminal, plain
// lines elsewhere, with NO_COLOR, and where the size of the terminal is not
// known.
func (a *app) style(w io.Writer) report.Style {
	width, height, terminal := size(w)
	for name, n := range map[string]*int{"COLUMNS": &width, "LINES": &height} {
		if v, err := strconv.Atoi(a.getenv(name)); err == nil && v > 0 && *n == 0 {
			*n = v
		}
	}
	return report.StyleFor(terminal, width, height, a.getenv)
}

// size is that of the terminal which a stream is, if it is one.
func size(w io.Writer) (width, height int, terminal bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, 0, false
	}
	return windowSize(f)
}
