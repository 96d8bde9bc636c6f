package wire

import (
	"strings"
	"testing"
)

// The media type of an answer follows RFC 9110, section 12.5.1: quality first,
// then how special the range is, then the order in which they were named.
func TestAcceptChoosesByQualityThenBySpecificity(t *testing.T) {
	both := []string{"application/xml", "application/json"}
	for _, c := range []struct {
		accept string // several fields divided by |; "-": none is sent
		offers []string
		want   string // "": nothing is acceptable
	}{
		{"-", both, "application/xml"},
		{"", both, "application/xml"},
		{"*/*", both, "application/xml"},
		{"*", both, "application/xml"},
		{"application/json", both, "application/json"},
		{"Application/JSON", both, "application/json"},
		{"application/json; charset=utf-8", both, "application/json"},
		{"application/*", both, "application/xml"},
		{"application/json, application/xml", both, "application/json"},
		{"application/xml, application/json", both, "application/xml"},
		{"application/xml;q=0.5, application/json", both, "application/json"},
		{"application/xml;q=0.5, application/json;q=0.4", both, "application/xml"},
		{"application/xml; Q=0.5 , application/json ; q = 0.6", both, "application/json"},
		{"application/json;q=0.001", both, "application/json"},
		{"application/json|application/xml;q=0.9", both, "application/json"},
		{"application/json, text/plain, */*", both, "application/json"},
		{"*/*, application/json", both, "application/json"},
		{"text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", both, "application/xml"},
		{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", both, "application/xml"},
		// The special range decides for its own type, even where it is the worse.
		{"*/*, application/xml;q=0.1", both, "application/json"},
		{"application/*;q=0.9, application/xml;q=0, */*;q=1", both, "application/json"},
		{"application/xml;q=0, */*", both, "application/json"},
		{"application/json;q=0", []string{"application/json"}, ""},
		{"*/*;q=0", both, ""},
		{"text/html", both, ""},
		{"text/*", both, ""},
		{"application/jsonp", both, ""},
		{"application/problem+json", both, ""},
		{"image/png, text/html;q=0.9", both, ""},
		// What is no media range is passed over; a quality that is none counts as 1.
		{"nonsense", both, "application/xml"},
		{",,;q=1,/,application/json", both, "application/json"},
		{"application/xml;q=0.5, application/json;q=high", both, "application/json"},
		{"application/xml;q=0.5, application/json;q=2", both, "application/json"},
		{"application/xml;q=0.5, application/json;q=-1", both, "application/json"},
		{"application/xml;q=0.5, application/json;q=NaN", both, "application/json"},
		{"application/json", nil, ""},
	} {
		var header []string
		if c.accept != "-" {
			header = strings.Split(c.accept, "|")
		}
		got, ok := Accept(header, c.offers)
		if got != c.want || ok != (c.want != "" || c.offers == nil) {
			t.Errorf("Accept %q of %v: %q, %v; want %q", c.accept, c.offers, got, ok, c.want)
		}
	}
}

// A header of a hundred thousand ranges costs no more than one of a hundred.
func TestAcceptIsBounded(t *testing.T) {
	h := []string{strings.Repeat("text/html,", 100_000) + "application/json"}
	if n := len(mediaRanges(h)); n > 100 {
		t.Errorf("%d ranges were read", n)
	}
}
