package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

// Verbose writes one case with every request and answer, for who looks for the
// reason of a failure.
func Verbose(w io.Writer, v conformance.Verdict) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "== %s: %s\n", shown(v.ID), shown(string(v.Status)))
	fmt.Fprintf(&b, "   %s\n", shown(v.Title))
	if v.Why != "" {
		fmt.Fprintf(&b, "   %s\n", shown(v.Why))
	}
	for i, x := range v.Exchanges {
		fmt.Fprintf(&b, "\n%d. %s\n", i+1, or(shown(x.Purpose), "a request"))
		wire(&b, "> ", x.Request.Method+" "+x.Request.URL, x.Request)
		if x.Response != nil {
			wire(&b, "< ", fmt.Sprintf("%d  (%s)", x.Response.Status, duration(x.Seconds)), *x.Response)
		}
		if x.Error != "" {
			fmt.Fprintf(&b, "! %s\n", shown(x.Error))
		}
	}
	for i, m := range v.Mismatches {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s\n", sentence(m, longValue))
	}
	b.WriteString("\n")
	_, err := w.Write(b.Bytes())
	return err
}

// wire is one side of an exchange, each line marked with its direction.
func wire(b *bytes.Buffer, mark, first string, m conformance.Message) {
	fmt.Fprintf(b, "%s%s\n", mark, shown(first))
	for _, h := range m.Headers {
		fmt.Fprintf(b, "%s%s: %s\n", mark, shown(h.Name), shown(h.Value))
	}
	if m.Body == "" {
		return
	}
	fmt.Fprintf(b, "%s\n", mark)
	for line := range strings.SplitSeq(strings.TrimRight(block(m.Body), "\n"), "\n") {
		fmt.Fprintf(b, "%s%s\n", mark, line)
	}
	if m.Cut {
		fmt.Fprintf(b, "%s… and more\n", mark)
	}
}

// Printable is a text from a server on one line: what is not to be seen is
// escaped as in Go, so that it cannot rewrite what stands on a terminal.
func Printable(s string) string { return shown(s) }
