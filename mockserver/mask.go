package mockserver

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"sort"
	"strings"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

const masked = "[masked]"

// masker replaces secrets by their value: those of the demo accounts, those
// that the exchange carried, and every token that the world has issued, also
// where they stand in base64 or escaped.
type masker struct {
	long  *strings.Replacer // secrets of 8 characters and more, wherever they stand
	short map[string]bool   // shorter ones, as whole words: "1234" is part of many a number
	known func(word string) bool
}

func newMasker(secrets []string, known func(string) bool) *masker {
	m := &masker{short: map[string]bool{}, known: known}
	seen := map[string]bool{}
	var long []string
	for _, s := range secrets {
		for _, v := range variants(s) {
			if seen[v] || v == "" {
				continue
			}
			seen[v] = true
			if len(v) < 8 && strings.IndexFunc(v, func(r rune) bool { return r > 127 || !isWord(byte(r)) }) < 0 {
				m.short[v] = true
				continue
			}
			long = append(long, v)
		}
	}
	sort.Slice(long, func(i, j int) bool { return len(long[i]) > len(long[j]) })
	pairs := make([]string, 0, 2*len(long))
	for _, s := range long {
		pairs = append(pairs, s, masked)
	}
	m.long = strings.NewReplacer(pairs...)
	return m
}

// variants are the forms in which a secret may stand in a message.
func variants(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	out := []string{s, url.QueryEscape(s), url.PathEscape(s)}
	if j, err := json.Marshal(s); err == nil {
		out = append(out, string(j[1:len(j)-1]))
	}
	var x strings.Builder
	if xml.EscapeText(&x, []byte(s)) == nil {
		out = append(out, x.String())
	}
	if len(s) >= 6 {
		out = append(out, base64.RawURLEncoding.EncodeToString([]byte(s)), base64.RawStdEncoding.EncodeToString([]byte(s)))
	}
	return out
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-' || c == '.' || c == '~' || c == '+' || c == '/'
}

func (m *masker) text(s string) string {
	if s == "" {
		return s
	}
	s = m.long.Replace(s)
	var b strings.Builder
	for i := 0; i < len(s); {
		if !isWord(s[i]) {
			b.WriteByte(s[i])
			i++
			continue
		}
		j := i
		for j < len(s) && isWord(s[j]) {
			j++
		}
		b.WriteString(m.word(s[i:j]))
		i = j
	}
	return b.String()
}

func (m *masker) word(w string) string {
	if m.short[w] || m.known(w) {
		return masked
	}
	// A path is one word by these letters; its segments are looked at alone.
	if strings.Contains(w, "/") {
		parts := strings.Split(w, "/")
		for i, p := range parts {
			if m.short[p] || m.known(p) {
				parts[i] = masked
			}
		}
		return strings.Join(parts, "/")
	}
	if len(w) >= 16 {
		if raw, err := base64.RawURLEncoding.DecodeString(w); err == nil && m.known(string(raw)) {
			return masked
		}
	}
	return w
}

func (m *masker) header(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for k, list := range h {
		for _, v := range list {
			switch {
			case strings.EqualFold(k, "Authorization"):
				scheme, _, _ := strings.Cut(v, " ")
				v = scheme + " " + masked
			default:
				v = m.text(v)
			}
			out[k] = append(out[k], v)
		}
	}
	return out
}

// secretsOf returns the secret values of records.
func secretsOf(c *specs.Contract, records []*session.Record) []string {
	var out []string
	for _, r := range records {
		for name, f := range r.Kind.Fields {
			if !f.Secret {
				continue
			}
			if t, ok := value.Text(r.Fields[name]); ok {
				out = append(out, t)
			}
		}
	}
	return out
}

// sentSecrets returns what a request carried where secrets and tokens belong:
// a mistyped password is a secret too.
func sentSecrets(e *endpoint, q *session.Request) []string {
	var out []string
	for _, l := range e.plan.secrets {
		if v, ok := q.Value(l); ok {
			if t, ok := value.Text(v); ok && t != "" {
				out = append(out, t)
			}
		}
	}
	if q.Bearer != nil {
		out = append(out, *q.Bearer)
	}
	if q.BasicUser != nil && q.BasicPass != "" {
		out = append(out, q.BasicPass)
	}
	return out
}
