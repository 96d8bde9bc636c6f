package conformance

import (
	"strings"
	"sync"

	"github.com/mockauth/mockauth/internal/secret"
)

// Masked stands where a secret stood.
const Masked = "[masked]"

// wholeWord is the length below which a secret is only looked for as a whole
// word: "123" is part of many a number.
const wholeWord = 4

// Masker replaces secrets by their value, in whatever form programs write them:
// as they are, in base64, escaped for URLs, JSON and XML, and within the base64
// of something longer. Names decide nothing: a secret stays one wherever it is
// repeated. Adding one costs as much as it is long, however many are known
// already. It is safe for concurrent use.
type Masker struct {
	mu    sync.RWMutex
	known map[string]bool
	fresh []string // that are known, and not yet in what follows
	tree  tree
	short map[string]bool // whole words
}

// NewMasker makes a Masker that knows these secrets.
func NewMasker(secrets ...string) *Masker {
	m := &Masker{known: map[string]bool{}, short: map[string]bool{}}
	m.Add(secrets...)
	return m
}

// Add makes secrets known. Empty ones are passed over.
func (m *Masker) Add(secrets ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range secrets {
		if m.known[s] || strings.TrimSpace(s) == "" {
			continue
		}
		m.known[s] = true
		m.fresh = append(m.fresh, s)
	}
}

// look takes the read lock, once the forms of all that is known can be found: they
// are worked out when a text is masked, which in most cases none is.
func (m *Masker) look() {
	m.mu.RLock()
	if len(m.fresh) == 0 {
		return
	}
	m.mu.RUnlock()
	m.mu.Lock()
	for _, s := range m.fresh {
		for _, form := range secret.Forms(s) {
			if len(form) < wholeWord {
				m.short[form] = true
			} else {
				m.tree.add(form)
			}
		}
	}
	m.fresh = nil
	m.mu.Unlock()
	m.mu.RLock()
}

// AddBasic makes a user's password known, alone and as Basic credentials (RFC
// 7617) carry it.
func (m *Masker) AddBasic(user, password string) {
	if password == "" {
		return
	}
	m.Add(password, secret.Basic(user, password))
}

// Text masks what came over the wire. Overlapping secrets are masked together.
func (m *Masker) Text(s string) string {
	if s == "" {
		return s
	}
	m.look()
	defer m.mu.RUnlock()
	s = m.plain(s)
	return secret.Escaped(s, Masked, func(piece string) bool { return m.plain(piece) != piece })
}

// Cut masks a text and keeps at most n bytes of it; it reports whether there was
// more. A secret that lies across the end is masked, not cut in two.
func (m *Masker) Cut(s string, n int) (string, bool) {
	const longest = 64 << 10 // no secret is longer
	cut := len(s) > n
	if len(s) > n+longest {
		s = s[:n+longest]
	}
	s = m.Text(s)
	if len(s) <= n {
		return s, cut
	}
	end := n
	if i := strings.LastIndex(s[:min(len(s), n+len(Masked)-1)], Masked); i >= 0 && i < n && i+len(Masked) > n {
		end = i
	}
	for end > 0 && end < len(s) && s[end]&0xC0 == 0x80 {
		end-- // within a rune
	}
	return s[:end], true
}

// Bytes is Text of a body.
func (m *Masker) Bytes(b []byte) []byte { return []byte(m.Text(string(b))) }

// plain masks what stands in the text as it is.
func (m *Masker) plain(s string) string {
	var b strings.Builder
	kept := 0 // s[:kept] is in b
	for i := 0; i < len(s); {
		end := m.at(s, i)
		if end == i {
			i++
			continue
		}
		for j := i + 1; j < end; j++ { // another may begin in it and end after it
			end = max(end, m.at(s, j))
		}
		b.WriteString(s[kept:i])
		b.WriteString(Masked)
		i, kept = end, end
	}
	if kept == 0 {
		return s
	}
	b.WriteString(s[kept:])
	return b.String()
}

// at returns where the longest secret that begins at i ends, or i.
func (m *Masker) at(s string, i int) int {
	if n := m.tree.match(s[i:]); n > 0 {
		return i + n
	}
	if len(m.short) == 0 || i > 0 && isWord(s[i-1]) {
		return i
	}
	for n := min(wholeWord-1, len(s)-i); n > 0; n-- {
		if m.short[s[i:i+n]] && (i+n == len(s) || !isWord(s[i+n])) {
			return i + n
		}
	}
	return i
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// tree holds texts by their common beginnings, so that one is added without
// looking at the others, and a text of thousands of tokens is gone through once.
type tree struct {
	first [256]*node
}

type node struct {
	label string
	ends  bool
	next  []*node // no two labels begin with the same byte
}

func (n *node) child(c byte) *node {
	for _, x := range n.next {
		if x.label[0] == c {
			return x
		}
	}
	return nil
}

func (t *tree) add(s string) {
	n := t.first[s[0]]
	if n == nil {
		t.first[s[0]] = &node{label: s, ends: true}
		return
	}
	for {
		k := common(n.label, s)
		if k < len(n.label) {
			rest := *n
			rest.label = n.label[k:]
			*n = node{label: n.label[:k], next: []*node{&rest}}
		}
		if s = s[k:]; s == "" {
			n.ends = true
			return
		}
		next := n.child(s[0])
		if next == nil {
			n.next = append(n.next, &node{label: s, ends: true})
			return
		}
		n = next
	}
}

func common(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// match returns the length of the longest text in the tree that s begins with.
func (t *tree) match(s string) int {
	longest, at := 0, 0
	for n := t.first[s[0]]; n != nil && strings.HasPrefix(s[at:], n.label); {
		at += len(n.label)
		if n.ends {
			longest = at
		}
		if at == len(s) {
			break
		}
		n = n.child(s[at])
	}
	return longest
}
