package conformance_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/mockauth/mockauth/conformance"
)

func TestASecretIsMaskedInEveryForm(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"demo-jane", `p"a\s/s wörd&<1>`, "pass word+more", "abcd"} {
		m := conformance.NewMasker()
		m.AddBasic("jane.doe", s)
		jsonText, _ := json.Marshal(map[string]string{"password": s})
		for name, text := range map[string]string{
			"plain":         s,
			"in a text":     "x=" + s + ", y",
			"query":         "?p=" + url.QueryEscape(s) + "&x=1",
			"lower query":   "?p=" + strings.ToLower(url.QueryEscape(s)),
			"path":          "/a/" + url.PathEscape(s) + "/b",
			"JSON":          string(jsonText),
			"base64":        "t=" + base64.StdEncoding.EncodeToString([]byte(s)),
			"base64url":     base64.RawURLEncoding.EncodeToString([]byte(s)),
			"Basic":         "Basic " + base64.StdEncoding.EncodeToString([]byte("jane.doe:"+s)),
			"all escaped":   allEscaped(s),
			"JSON, escaped": `{"p":"` + allUnicode(s) + `"}`,
		} {
			if name == "lower query" && s != strings.ToLower(s) {
				continue
			}
			if got := m.Text(text); !strings.Contains(got, conformance.Masked) || strings.Contains(got, s) {
				t.Errorf("%s of %s: %s became %s", name, s, text, got)
			}
		}
	}
}

func allEscaped(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

func allUnicode(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, `\u%04X`, r)
	}
	return b.String()
}

func TestASecretIsMaskedWithinLongerBase64(t *testing.T) {
	t.Parallel()
	m := conformance.NewMasker("correct-horse")
	for before := range 4 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + "correct-horse" + `","b":1}`))
		if got := m.Text(text); !strings.Contains(got, conformance.Masked) {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestTheLongestSecretIsMasked(t *testing.T) {
	t.Parallel()
	m := conformance.NewMasker("abcd", "abcdefgh", "cdefghijkl")
	for text, want := range map[string]string{
		"abcd":             "[masked]",
		"xabcdy":           "x[masked]y",
		"abcdefgh":         "[masked]",
		"1 abcdefghijkl 2": "1 [masked] 2",
		"abcdabcd":         "[masked][masked]",
		"abc":              "abc",
		"abcdefg":          "[masked]efg",
	} {
		if got := m.Text(text); got != want {
			t.Errorf("%s became %s, not %s", text, got, want)
		}
	}
}

func TestAShortSecretIsMaskedAsAWholeWord(t *testing.T) {
	t.Parallel()
	m := conformance.NewMasker("123", "x", "", " ")
	for text, want := range map[string]string{
		`{"pin":123}`: `{"pin":[masked]}`, "/123/": "/[masked]/", "1234": "1234", "0123": "0123", "fox x": "fox [masked]", "ß123": "ß123",
	} {
		if got := m.Text(text); got != want {
			t.Errorf("%s became %s, not %s", text, got, want)
		}
	}
}

func TestACutTextHoldsNoPartOfASecret(t *testing.T) {
	t.Parallel()
	m := conformance.NewMasker("topsecret")
	for n := range 40 {
		got, cut := m.Cut("0123456789topsecret0123456789é", n)
		if strings.Contains(got, "t") || strings.Contains(got, "[") && !strings.Contains(got, conformance.Masked) || len(got) > n {
			t.Errorf("%d: %s", n, got)
		}
		if cut != (n < 31) {
			t.Errorf("%d: cut %v", n, cut)
		}
	}
}

func TestAMaskerMayLearnWhileItMasks(t *testing.T) {
	t.Parallel()
	m := conformance.NewMasker()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 100 {
				s := fmt.Sprintf("secret-%d-%d.", i, j)
				m.Add(s)
				if got := m.Text("a " + s); got != "a [masked]" {
					t.Error(got)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzNoSecretIsLeft(f *testing.F) {
	f.Add("abcd", "bcde", "xabcdex")
	f.Add("aaaa", "aa", "aaaaaaaaa aa")
	f.Fuzz(func(t *testing.T, a, b, text string) {
		got := conformance.NewMasker(a, b).Text(text)
		got = strings.ReplaceAll(got, conformance.Masked, "\x00")
		for _, s := range []string{a, b} {
			if len(s) >= 4 && !strings.Contains(conformance.Masked, s) && !strings.Contains(s, "\x00") && strings.TrimSpace(s) != "" && strings.Contains(got, s) {
				t.Errorf("%q is left in %q", s, got)
			}
		}
	})
}

func BenchmarkMasker(b *testing.B) {
	m := conformance.NewMasker()
	token := func(i int) string {
		return "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"sub":"user","jti":"%d"}`, i)) + ".c2lnbmF0dXJlc2lnbmF0dXJl"
	}
	for i := range 5000 {
		m.Add(token(i))
	}
	text := strings.Repeat(`{"name":"value","list":[1,2,3,"eyes"],"token":"`+token(17)+`"}`, 20)
	b.SetBytes(int64(len(text)))
	i := 5000
	for b.Loop() {
		m.Add(token(i))
		i++
		m.Text(text)
	}
}
