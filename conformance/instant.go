package conformance

import (
	"encoding/json"
	"strings"
	"time"
)

// instants writes two times that differ, each as it came and, if that is a
// number, as people read it: 1795310032 (2026-11-22T00:53:52Z, 10m earlier). Zero:
// it is no time.
func instants(want, got any, wanted, came time.Time) (w, g string) {
	w, g = clipped(show(want)), clipped(show(got))
	if _, number := want.(json.Number); number && !wanted.IsZero() {
		w += " (" + wanted.UTC().Format(time.RFC3339Nano) + ")"
	}
	if came.IsZero() {
		return w, g
	}
	var said []string
	if _, number := got.(json.Number); number {
		said = append(said, came.UTC().Format(time.RFC3339Nano))
	}
	if !wanted.IsZero() {
		said = append(said, distance(came.Sub(wanted)))
	}
	if len(said) > 0 {
		g += " (" + strings.Join(said, ", ") + ")"
	}
	return w, g
}

// distance is how much later a time is, in words.
func distance(d time.Duration) string {
	word := " later"
	if d < 0 {
		d, word = -d, " earlier"
	}
	s := d.String()
	if d%time.Minute == 0 && d != 0 {
		s = strings.TrimSuffix(s, "0s")
		if d%time.Hour == 0 {
			s = strings.TrimSuffix(s, "0m")
		}
	}
	return s + word
}

// numericDate is the time of a NumericDate (RFC 7519); zero: it is none.
func numericDate(v any) time.Time {
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}
	}
	f, err := n.Float64()
	if err != nil || f < -1e11 || f > 1e11 { // some thousand years
		return time.Time{}
	}
	whole := int64(f)
	return time.Unix(whole, int64((f-float64(whole))*1e9))
}
