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
		if !isBare(s[i]) {
			return false
		}
	}
	return true
}

func isBare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}

// Sentence is a text of which it is asked whether secrets may stand in it. Most of
// what is said of a refusal has none of those that were sent, and making all forms
// of each costs more than looking whether it could.
type Sentence struct {
	text    string
	escaped bool // something may be said in other letters, see Escaped
	word    int  // length of the longest run of characters of bare texts, and +
	path    int  // the same with /
}

// NewSentence looks at a text.
func NewSentence(text string) Sentence {
	s := Sentence{text: text, escaped: strings.ContainsAny(text, `\%&`)}
	word, path := 0, 0
	for i := range len(text) {
		switch c := text[i]; {
		case isBare(c) || c == '+':
			word, path = word+1, path+1
		case c == '/':
			word, path = 0, path+1
		default:
			word, path = 0, 0
		}
		s.word, s.path = max(s.word, word), max(s.path, path)
	}
	return s
}

// May reports whether the text may hold a form of the secret, as it is or as Escaped
// reads it; false is certain. No form is shorter than the secret, and what is written
// in other letters is not twice as long when it is read.
func (s Sentence) May(secret string) bool {
	if s.escaped || !printable(secret) {
		return len(secret) <= 2*len(s.text)
	}
	// Where nothing is escaped, it stands there as it is, perhaps with + for a space,
	// or in base64, which has no / where the secret is bare.
	room := s.path
	if bare(secret) {
		room = s.word
	}
	return shortest(len(secret)) <= room || strings.Contains(s.text, secret) ||
		strings.Contains(secret, " ") && strings.Contains(s.text, strings.ReplaceAll(secret, " ", "+"))
}

// shortest is how long the forms of a secret in base64 are at least, see within.
func shortest(secret int) int { return secret*4/3 - 1 }

// printable reports whether a text is of ASCII without control characters.
func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
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
