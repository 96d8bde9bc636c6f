// Package secret knows the forms in which programs write a secret into a text,
// so that it can be found there and masked. It knows no secret itself.
package secret

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
)

// aligned is the length from which a secret is looked for inside the base64 of
// something longer: what is left of a shorter one there is four characters, which
// stand in many a text by chance. Above long, which is a token and no password,
// only its own base64 is.
const (
	aligned = 6
	long    = 96
)

// Forms are the spellings of a secret, itself first, each once. Other spellings
// of the same escapes are found by reading them; see Escaped.
func Forms(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	out := []string{s}
	if !bare(s) {
		for _, u := range []string{url.QueryEscape(s), url.PathEscape(s), strings.ReplaceAll(url.QueryEscape(s), "+", "%20")} {
			out = append(out, u, lowerHex(u))
		}
		if j, err := json.Marshal(s); err == nil {
			t := string(j[1 : len(j)-1])
			out = append(out, t, asciiJSON(s), strings.ReplaceAll(asciiJSON(s), "/", `\/`))
		}
		var x strings.Builder
		if xml.EscapeText(&x, []byte(s)) == nil {
			out = append(out, x.String())
		}
		out = append(out, html.EscapeString(s))
	}
	if len(s) >= 3 { // shorter ones are two letters in base64, which is no trace
		out = inBothAlphabets(out, base64.RawURLEncoding.EncodeToString([]byte(s)))
	}
	if len(s) >= aligned && len(s) <= long {
		for before := range 3 {
			out = inBothAlphabets(out, within(s, before))
		}
	}
	slices.Sort(out[1:])
	return append(out[:1], slices.DeleteFunc(slices.Compact(out[1:]), func(f string) bool { return f == s })...)
}

// bare reports whether no spelling of a text but base64 changes anything in it:
// most tokens are made of such characters alone (RFC 3986, section 2.3).
func bare(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~') {
			return false
		}
	}
	return true
}

// inBothAlphabets appends a text in base64url, and the same in base64 where that
// is spelt otherwise.
func inBothAlphabets(out []string, text string) []string {
	out = append(out, text)
	if strings.ContainsAny(text, "-_") {
		out = append(out, strings.ReplaceAll(strings.ReplaceAll(text, "-", "+"), "_", "/"))
	}
	return out
}

// within are the characters that s, which is not long, alone decides in the
// base64url of a text that holds it, at one of the three places where it can begin.
func within(s string, before int) string {
	var plain [2 + long]byte
	var coded [(2 + long + 2) / 3 * 4]byte
	text := base64.RawURLEncoding.AppendEncode(coded[:0], append(plain[:before], s...))
	from := (before*8 + 5) / 6
	to := (before + len(s)) * 8 / 6
	return string(text[from:to])
}

// Basic is what the Basic scheme of RFC 7617 makes of a user and a password.
func Basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

var hex = regexp.MustCompile(`%[0-9A-F]{2}`)

func lowerHex(s string) string { return hex.ReplaceAllStringFunc(s, strings.ToLower) }

// asciiJSON is s within a JSON string as writers do that leave nothing but
// ASCII, and escape no more than they must.
func asciiJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r >= ' ' && r < 0x7f:
			b.WriteRune(r)
		default:
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, u)
			}
		}
	}
	return b.String()
}

var (
	jsonText    = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	percentText = regexp.MustCompile(`[^\s"'<>&=?/;,\\]*%[^\s"'<>&=?/;,\\]*`)
	entityText  = regexp.MustCompile(`[^<>"']*&[#a-zA-Z0-9]+;[^<>"']*`)
)

// Escaped reads the pieces of a text that say something in other letters (JSON
// strings, percent-encoding, character references), and replaces by mask those
// that hides holds of.
func Escaped(s, mask string, hides func(said string) bool) string {
	replace := func(mark string, find *regexp.Regexp, quote string, read func(string) (string, bool)) {
		if !strings.Contains(s, mark) {
			return
		}
		s = find.ReplaceAllStringFunc(s, func(piece string) string {
			said, ok := read(piece)
			if !ok || said == piece || !hides(said) {
				return piece
			}
			return quote + mask + quote
		})
	}
	replace(`\`, jsonText, `"`, func(s string) (string, bool) {
		if !strings.Contains(s, `\`) {
			return "", false
		}
		var out string
		err := json.Unmarshal([]byte(s), &out)
		return out, err == nil
	})
	replace("%", percentText, "", func(s string) (string, bool) {
		out, err := url.QueryUnescape(s)
		return out, err == nil
	})
	replace("&", entityText, "", func(s string) (string, bool) { return html.UnescapeString(s), true })
	return s
}
