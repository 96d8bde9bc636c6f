package wire

import (
	"strconv"
	"strings"
)

// Accept chooses the media type of the answer from offers by the Accept header
// (RFC 9110, section 12.5.1): the highest quality wins, then the more special
// range, then the order in which exact types are named, then that of offers. It
// reports false if none is acceptable.
func Accept(header []string, offers []string) (string, bool) {
	ranges := mediaRanges(header)
	if len(offers) == 0 {
		return "", true
	}
	if len(ranges) == 0 {
		return offers[0], true
	}
	best, bestQ := "", 0.0
	bestSpecial, bestOrder := -1, len(ranges)
	for _, o := range offers {
		q, special, order := 0.0, -1, len(ranges)
		for i, r := range ranges {
			s := r.matches(o)
			if s > special {
				special, q, order = s, r.q, i
			}
		}
		better := q > bestQ
		if q == bestQ && q > 0 {
			better = special > bestSpecial || special == 2 && bestSpecial == 2 && order < bestOrder
		}
		if better {
			best, bestQ, bestSpecial, bestOrder = o, q, special, order
		}
	}
	return best, bestQ > 0
}

type mediaRange struct {
	major, minor string
	q            float64
}

// matches says how special the range is for a type: 2 exact, 1 major/*, 0 */*,
// -1 no match.
func (r mediaRange) matches(typ string) int {
	major, minor, _ := strings.Cut(typ, "/")
	switch {
	case r.major == "*" && r.minor == "*":
		return 0
	case r.major != major:
		return -1
	case r.minor == "*":
		return 1
	case r.minor == minor:
		return 2
	}
	return -1
}

// mediaRanges reads Accept leniently: what is no media range is passed over,
// and a quality that is no number counts as 1.
func mediaRanges(header []string) []mediaRange {
	var out []mediaRange
	for _, h := range header {
		for part := range strings.SplitSeq(h, ",") {
			if len(out) >= 100 {
				return out
			}
			typ, params, _ := strings.Cut(part, ";")
			typ = strings.ToLower(strings.TrimSpace(typ))
			if typ == "*" {
				typ = "*/*" // old clients of some standard libraries send it
			}
			major, minor, ok := strings.Cut(typ, "/")
			if !ok || major == "" || minor == "" {
				continue
			}
			r := mediaRange{major, minor, 1}
			for p := range strings.SplitSeq(params, ";") {
				k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
				if strings.EqualFold(strings.TrimSpace(k), "q") {
					if q, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil && q >= 0 && q <= 1 {
						r.q = q
					}
				}
			}
			out = append(out, r)
		}
	}
	return out
}
