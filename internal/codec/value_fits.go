package codec

import (
	"encoding/json"
	"slices"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

// fitsValue scores how well v fits an alternative, as xmlDecoder.fits does for
// an element.
func fitsValue(n *schema.Node, v any) int {
	n = sole(n)
	k := kindOf(n)
	if v == nil {
		if nullable(n) {
			return 3
		}
		return 0
	}
	if k == asAny {
		return 2
	}
	switch v := v.(type) {
	case value.Object, map[string]any:
		if k == asObject {
			return fitsMembers(n, v)
		}
	case []any:
		if k == asArray {
			return 3
		}
	default:
		if k == asText && hasType(n, v) {
			return 3
		}
	}
	return 0
}

func hasType(n *schema.Node, v any) bool {
	text, _ := value.Text(v)
	if !enumerated(n, text) {
		return false
	}
	if len(n.Types) == 0 {
		return true
	}
	switch v.(type) {
	case string:
		return slices.Contains(n.Types, "string")
	case bool:
		return slices.Contains(n.Types, "boolean")
	case json.Number, int, int64, float64:
		return slices.Contains(n.Types, "number") || slices.Contains(n.Types, "integer")
	}
	return false
}

func fitsMembers(n *schema.Node, v any) int {
	members, _ := membersOf(v, nil)
	best := 3
	for _, m := range members {
		p := sole(n.Property(m.Name))
		switch {
		case p == nil && n.Additional:
			best = min(best, 2)
		case p == nil, kindOf(p) == asText && m.Value != nil && !hasType(p, m.Value):
			best = 1
		}
	}
	for _, name := range n.Required {
		if _, ok := members.Get(name); !ok {
			return 1
		}
	}
	return best
}
