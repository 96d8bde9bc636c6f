package codec

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

// DecodeText reads one text from a query, a header, a cookie, a path or a
// form: as a json.Number or a bool where the schema wants one and the text is
// one in JSON's spelling, else as the text itself, so that validation can say
// what is wanted. Where the schema also allows a string, it stays one; of
// alternatives, the first that the text fits counts.
func DecodeText(n *schema.Node, s string) any {
	v, _ := scalar(n, s, false)
	return v
}

// scalar reads s by n. In XML, white space around numbers and booleans does
// not count, and 1 and 0 are booleans (XML Schema part 2, sections 4.3.6 and
// 3.2.2). It reports whether s fits the type and the enumeration.
func scalar(n *schema.Node, s string, xml bool) (v any, fits bool) {
	if n == nil {
		return s, true
	}
	if alternatives := n.Alternatives(); len(n.Types) == 0 && len(alternatives) > 0 {
		for _, a := range alternatives {
			// A chain of alternatives only ends if none leads to itself; the
			// first level is all that documents have for scalars.
			if v, fits := typed(a, s, xml); fits {
				return v, true
			}
		}
		return s, false
	}
	return typed(n, s, xml)
}

func typed(n *schema.Node, s string, xml bool) (any, bool) {
	if len(n.Types) == 0 {
		for _, e := range n.Enum {
			if text, ok := value.Text(e); ok && text == s {
				return e, true
			}
		}
		return s, len(n.Enum) == 0
	}
	if slices.Contains(n.Types, "string") {
		return s, enumerated(n, s)
	}
	t := s
	if xml {
		t = strings.Trim(s, xmlSpace)
	}
	for _, typ := range n.Types {
		switch typ {
		case "integer", "number":
			if isNumber(t) {
				return json.Number(t), enumerated(n, t)
			}
		case "boolean":
			switch {
			case t == "true", xml && t == "1":
				return true, enumerated(n, "true")
			case t == "false", xml && t == "0":
				return false, enumerated(n, "false")
			}
		}
	}
	return s, false
}

// enumerated reports whether n has no enumeration, or one with this text.
func enumerated(n *schema.Node, s string) bool {
	return len(n.Enum) == 0 || slices.ContainsFunc(n.Enum, func(e any) bool {
		text, ok := value.Text(e)
		return ok && text == s
	})
}
