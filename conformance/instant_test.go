package conformance

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTimesThatDifferAreReadable(t *testing.T) {
	at := time.Unix(1795310632, 0)
	for name, x := range map[string]struct {
		want, got    any
		wanted, came time.Time
		w, g         string
	}{
		"numbers":         {json.Number("1795310632"), json.Number("1795310032"), at, at.Add(-10 * time.Minute), "1795310632 (2026-11-22T01:23:52Z)", "1795310032 (2026-11-22T01:13:52Z, 10m earlier)"},
		"texts":           {"2026-11-22T01:23:52Z", "2026-11-22T03:23:53Z", at, at.Add(2*time.Hour + time.Second), `"2026-11-22T01:23:52Z"`, `"2026-11-22T03:23:53Z" (2h0m1s later)`},
		"hours":           {json.Number("1"), json.Number("2"), at, at.Add(2 * time.Hour), "1 (2026-11-22T01:23:52Z)", "2 (2026-11-22T03:23:52Z, 2h later)"},
		"what is no time": {json.Number("1795310632"), "soon", at, time.Time{}, "1795310632 (2026-11-22T01:23:52Z)", `"soon"`},
	} {
		if w, g := instants(x.want, x.got, x.wanted, x.came); w != x.w || g != x.g {
			t.Errorf("%s: wanted %s, got %s", name, w, g)
		}
	}
	if !numericDate(json.Number("1e300")).IsZero() || !numericDate("1795310632").IsZero() || !numericDate(json.Number("1795310632")).Equal(at) {
		t.Error("a NumericDate is not read as one")
	}
}
