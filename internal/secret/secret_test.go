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

// What cannot stand in a sentence is not looked for there, so each form must be
// found possible, whatever stands around it.
func TestASentenceMayHoldEachFormOfASecret(t *testing.T) {
	t.Parallel()
	for _, letters := range []string{"abcxyzABCXYZ0189-_.~", "az09 /+?>=&\"'<%", "aé\x00\xff/ \\\n"} {
		for n := range 500 {
			b := make([]byte, 1+n%110)
			for i := range b {
				b[i] = letters[(n*n+i*i*7+i*n/3)%len(letters)]
			}
			s := string(b)
			for _, f := range secret.Forms(s) {
				for _, text := range []string{f, "The login \"" + f + "\" of it", "a" + f, "/" + f + "/"} {
					if !secret.NewSentence(text).May(s) {
						t.Fatalf("%q is a form of %q, and not found possible in %q", f, s, text)
					}
				}
			}
		}
	}
}

func TestASentenceHoldsNoSecretThatDoesNotFit(t *testing.T) {
	t.Parallel()
	for text, s := range map[string]string{
		"The token is not known; POST /a/path/that/is/long.": "abcdefghijk",
		"Nobody has this login.":                             "Basic am9objpkb2U=",
		"":                                                   "xy",
		"10% of it":                                          "a-secret-of-more-than-that",
	} {
		if secret.NewSentence(text).May(s) {
			t.Errorf("%q may hold %q", text, s)
		}
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
