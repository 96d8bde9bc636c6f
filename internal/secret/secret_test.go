package secret_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/internal/secret"
)

func TestTheFormsOfASecret(t *testing.T) {
	t.Parallel()
	got := secret.Forms(`p ä/"`)
	for _, want := range []string{`p ä/"`, "p+%C3%A4%2F%22", "p%20%c3%a4%2f%22", `p ä/\"`, `p \u00e4\/\"`, "p ä/&#34;", "cCDDpC8i"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %q", want, got)
		}
	}
	if got[0] != `p ä/"` || len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
		t.Errorf("itself first, each once: %q", got)
	}
	for _, none := range []string{"", " ", "\t\n"} {
		if f := secret.Forms(none); f != nil {
			t.Errorf("%q: %q", none, f)
		}
	}
}

func TestATokenOfBareCharactersIsSpeltAsItIsAndInBase64(t *testing.T) {
	t.Parallel()
	got := secret.Forms("abc-DEF_0.9~")
	for _, f := range got[1:] {
		if strings.ContainsAny(f, ".~%&\\") {
			t.Errorf("%s is a spelling of it", f)
		}
	}
	if got[0] != "abc-DEF_0.9~" || !slices.Contains(got, "YWJjLURFRl8wLjl-") && !slices.Contains(got, "YWJjLURFRl8wLjl+") {
		t.Errorf("%q", got)
	}
}

func TestEscapedReadsWhatAPieceSays(t *testing.T) {
	t.Parallel()
	hides := func(said string) bool { return strings.Contains(said, "secret") }
	for text, want := range map[string]string{
		`{"a":"s\u0065cret","b":"\n"}`:   `{"a":"***","b":"\n"}`,
		"?a=%73ecret&b=%20":              "?a=***&b=%20",
		"<a>s&#101;cret</a><b>&amp;</b>": "<a>***</a><b>&amp;</b>",
		"100% of it":                     "100% of it",
		`a \ b`:                          `a \ b`,
	} {
		if got := secret.Escaped(text, "***", hides); got != want {
			t.Errorf("%s became %s, not %s", text, got, want)
		}
	}
}
