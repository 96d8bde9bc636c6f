package mockserver

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/secret"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

const (
	masked = "[masked]"
	// withheld stands for a body in which a secret was sent that cannot be
	// pointed at.
	withheld = "[withheld: the body cannot be read, and this is where secrets are sent]"
)

// shortSecret is the length below which a secret is only looked for as a whole
// word: "1234" is part of many a number.
const shortSecret = 8

// masker replaces secrets by their value: those of the demo accounts, those
// that the exchange carried, and every token that the world has issued, also
// where they stand in base64 or escaped. Names decide nothing: a secret stays
// one wherever it is repeated.
type masker struct {
	long  replacer        // wherever they stand
	forms []string        // the same, longest first, for texts that were cut
	short map[string]bool // whole words
	known func(word string) bool
	next  *masker // looks after this one: what all exchanges share
}

func newMasker(secrets []string, known func(string) bool, next *masker) *masker {
	m := &masker{known: known, next: next}
	for _, s := range secrets {
		for _, v := range secret.Forms(s) {
			if len(v) < shortSecret && strings.IndexFunc(v, notWord) < 0 {
				if m.short == nil {
					m.short = map[string]bool{}
				}
				m.short[v] = true
			} else {
				m.forms = append(m.forms, v)
			}
		}
	}
	slices.SortFunc(m.forms, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	m.forms = slices.Compact(m.forms)
	m.long.forms = m.forms
	return m
}

// replacer masks forms wherever they stand in a text. A strings.Replacer is built
// for it once there is something to replace: each refusal has a masker of its
// own, and most of what is said of refusals holds no secret.
type replacer struct {
	forms []string
	build sync.Once
	built *strings.Replacer
}

// searched is how many forms are looked for one by one. Above that the replacer
// is quicker, which looks for all at once.
const searched = 24

func (r *replacer) replace(s string) string {
	if len(r.forms) <= searched && !slices.ContainsFunc(r.forms, func(f string) bool { return strings.Contains(s, f) }) {
		return s
	}
	r.build.Do(func() {
		pairs := make([]string, 0, 2*len(r.forms))
		for _, f := range r.forms {
			pairs = append(pairs, f, masked)
		}
		r.built = strings.NewReplacer(pairs...)
	})
	return r.built.Replace(s)
}

func isWord(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune(wordMarks, r)
}

func notWord(r rune) bool { return !isWord(r) }

// wordMarks are the marks that tokens contain, in the order in which a word is
// taken apart: the segments of a path first, those of a token last.
const wordMarks = "/+~._-"

// text masks a text.
func (m *masker) text(s string) string { return m.escaped(s, true) }

// escaped masks a text; short says whether the short secrets as well.
func (m *masker) escaped(s string, short bool) string {
	if s == "" {
		return s
	}
	return secret.Escaped(m.plain(s, short), masked, func(said string) bool { return m.plain(said, short) != said })
}

// sentence masks one of our own sentences. A short secret may be a word of it
// ("wrong" is a popular wrong password): there it is only looked for in what is
// quoted.
func (m *masker) sentence(s string) string {
	return between(s, '"', func(i int, piece string) string { return m.escaped(piece, i%2 == 1) })
}

// between replaces the pieces of a text that lie between marks, and makes no text
// of its own where nothing changes, as in most.
func between(s string, mark byte, replace func(i int, piece string) string) string {
	var b strings.Builder
	written := 0 // of s, to b
	for i, at := 0, 0; at <= len(s); i++ {
		end := len(s)
		if j := strings.IndexByte(s[at:], mark); j >= 0 {
			end = at + j
		}
		if r := replace(i, s[at:end]); r != s[at:end] {
			b.WriteString(s[written:at])
			b.WriteString(r)
			written = end
		}
		at = end + 1
	}
	if b.Len() == 0 {
		return s
	}
	return b.String() + s[written:]
}

// plain masks what stands in the text as it is.
func (m *masker) plain(s string, short bool) string {
	for x := m; x != nil; x = x.next {
		s = x.long.replace(s)
	}
	var b strings.Builder
	written := 0 // of s, to b
	for at := 0; ; {
		i := strings.IndexFunc(s[at:], isWord)
		if i < 0 {
			break
		}
		from := at + i
		at = len(s)
		if j := strings.IndexFunc(s[from:], notWord); j >= 0 {
			at = from + j
		}
		if w := m.word(s[from:at], wordMarks, short); w != s[from:at] {
			b.WriteString(s[written:from])
			b.WriteString(w)
			written = at
		}
	}
	if written == 0 {
		return s
	}
	return b.String() + s[written:]
}

// word masks a word, or the parts of it that are secrets: a path is one word by
// its letters, and so is the end of a sentence.
func (m *masker) word(w, marks string, short bool) string {
	if m.hides(w, short) {
		return masked
	}
	for i := range marks {
		if strings.IndexByte(w, marks[i]) < 0 {
			continue
		}
		return between(w, marks[i], func(_ int, part string) string { return m.word(part, marks[i+1:], short) })
	}
	return w
}

func (m *masker) hides(w string, short bool) bool {
	for x := m; x != nil && short; x = x.next {
		if x.short[w] {
			return true
		}
	}
	for x := m; x != nil; x = x.next {
		if x.known == nil || len(w) < 3 {
			continue
		}
		if x.known(w) {
			return true
		}
		if len(w) < shortSecret {
			continue
		}
		alphabet := base64.RawURLEncoding
		if strings.ContainsAny(w, "+/") {
			alphabet = base64.RawStdEncoding
		}
		var room [96]byte
		if raw, err := alphabet.AppendDecode(room[:0], []byte(w)); err == nil && x.known(string(raw)) {
			return true
		}
	}
	return false
}

// cut masks a text of which only the beginning is kept: a secret that lies
// across its end is no longer there as a whole.
func (m *masker) cut(s string) string {
	s = m.text(s)
	keep := len(s)
	for x := m; x != nil; x = x.next {
		for _, f := range x.forms {
			for n := min(len(f)-1, keep); n >= 4; n-- {
				if strings.HasSuffix(s[:keep], f[:n]) {
					keep -= n
					break
				}
			}
		}
	}
	if keep < len(s) {
		return s[:keep] + masked
	}
	// A token that the world has issued may begin here as well.
	if i := strings.LastIndexFunc(s, notWord); len(s)-i > shortSecret {
		return s[:i+1] + masked
	}
	return s
}

func (m *masker) header(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for k, list := range h {
		for _, v := range list {
			if strings.EqualFold(k, "Authorization") || strings.EqualFold(k, "Proxy-Authorization") {
				scheme, _, ok := strings.Cut(v, " ")
				if ok && len(scheme) <= len("Negotiate") {
					v = scheme + " " + masked
				} else {
					v = masked
				}
			} else {
				v = m.text(v)
			}
			out[k] = append(out[k], v)
		}
	}
	return out
}

// secretsOf returns the secret values of records.
func secretsOf(records []*session.Record) []string {
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
// a mistyped password is a secret too. hidden are those of the body that do not
// stand in it as they are.
func sentSecrets(e *endpoint, q *session.Request, raw []byte) (out, hidden []string) {
	for _, l := range e.op.Secrets {
		v, ok := q.Value(l)
		if !ok {
			continue
		}
		before := len(out)
		out = leaves(out, v)
		for _, t := range out[before:] {
			if l.In == specs.InBody && !bytes.Contains(raw, []byte(t)) {
				hidden = append(hidden, t)
			}
		}
	}
	if q.Bearer != nil {
		out = append(out, *q.Bearer)
	}
	if q.BasicUser != nil && q.BasicPass != "" {
		out = append(out, q.BasicPass)
	}
	return out, hidden
}

// secretNames are the names of the members and parameters that carry secrets
// somewhere in these systems. They serve where no operation says what is one:
// at a path that does not exist, in a query that nobody declared.
type secretNames map[string]bool

func namesOf(systems []*system) secretNames {
	out := secretNames{}
	for _, sys := range systems {
		for _, op := range sys.contract.Operations {
			for _, l := range op.Secrets {
				if l.In != specs.InBody || len(l.Tokens) > 0 {
					out[strings.ToLower(l.Field())] = true
				}
			}
		}
	}
	return out
}

// of returns what a request carries under these names in its head.
func (n secretNames) of(target string, h http.Header) []string {
	var out []string
	if _, raw, ok := strings.Cut(target, "?"); ok {
		out = append(out, n.inQuery(raw)...)
	}
	for _, from := range h["Referer"] {
		if _, raw, ok := strings.Cut(from, "?"); ok {
			out = append(out, n.inQuery(raw)...)
		}
	}
	for name, list := range h {
		if n[strings.ToLower(name)] {
			out = append(out, list...)
		}
	}
	for name, list := range wire.Cookies(h["Cookie"]) {
		if n[strings.ToLower(name)] {
			out = append(out, list...)
		}
	}
	return out
}

// inQuery returns what a query carries under these names. Here ; separates, too,
// and password[] is password: who sends it so is refused, and remembered.
func (n secretNames) inQuery(raw string) []string {
	var out []string
	for name, list := range wire.Query(strings.ReplaceAll(raw, ";", "&")) {
		if n.has(name) {
			out = append(out, list...)
		}
	}
	return out
}

func (n secretNames) has(name string) bool {
	name, _, _ = strings.Cut(strings.ToLower(name), "[")
	return n[strings.TrimPrefix(name, "@")] // as codec reads an attribute that no schema has
}

// body returns what a body carries under these names, read by its media type
// alone; ok is false if it cannot be read.
func (n secretNames) body(contentType []string, raw []byte, lim codec.Limits) (out []string, ok bool) {
	if len(contentType) == 0 {
		return nil, false
	}
	typ, params, err := codec.MediaType(strings.TrimSpace(contentType[0]))
	if err != nil || !wire.IsJSON(typ) && !wire.IsXML(typ) && typ != "application/x-www-form-urlencoded" && typ != "multipart/form-data" {
		return nil, false
	}
	v, err := wire.Decode(typ, params, raw, nil, lim)
	if err != nil {
		return nil, false
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				if n.has(k) {
					out = leaves(out, x)
				} else {
					walk(x)
				}
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		case string: // a field of a form may hold a document
			if inner, err := codec.DecodeJSON([]byte(v), "", lim); err == nil {
				if _, isText := value.Text(inner); !isText {
					walk(inner)
				}
			}
		}
	}
	// A body that is nothing but a text may be nothing but a secret.
	if _, isText := value.Text(v); isText {
		return nil, false
	}
	walk(v)
	return out, true
}

// leaves appends the texts in a decoded value: a secret that was sent as a list, or
// as an object, is one all the same.
func leaves(out []string, v any) []string {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			out = leaves(out, x)
		}
	case []any:
		for _, x := range v {
			out = leaves(out, x)
		}
	default:
		if t, ok := value.Text(v); ok && t != "" {
			out = append(out, t)
		}
	}
	return out
}
