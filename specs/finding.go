package specs

import (
	"fmt"
	"sort"
	"strings"
)

// Finding is one thing that is wrong with a contract: what, where, and what
// would work.
type Finding struct {
	Code    string `json:"code"`    // stable, such as "unknown-word"; see Codes
	File    string `json:"file"`    // as the user named it
	Line    int    `json:"line"`    // from 1; 0 if unknown
	Pointer string `json:"pointer"` // JSON pointer into the document
	Message string `json:"message"` // what is wrong
	Fix     string `json:"fix"`     // what would work; may be empty
}

func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	fmt.Fprintf(&b, ": %s [%s]", f.Message, f.Code)
	if f.Pointer != "" {
		fmt.Fprintf(&b, "\n    at %s", f.Pointer)
	}
	if f.Fix != "" {
		fmt.Fprintf(&b, "\n    %s", f.Fix)
	}
	return b.String()
}

// Findings is every finding of one contract, in the order of its lines; what
// only lacks evidence comes last, since there may be much of it.
type Findings []Finding

// Error makes Findings an error: the contract does not load.
func (f Findings) Error() string {
	s := make([]string, len(f))
	for i := range f {
		s[i] = f[i].String()
	}
	return strings.Join(s, "\n")
}

func (f Findings) sorted() Findings {
	sort.SliceStable(f, func(i, j int) bool {
		a, b := f[i], f[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if x, y := a.Code == "no-evidence", b.Code == "no-evidence"; x != y {
			return y
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		if a.Code != b.Code {
			return a.Code < b.Code
		}
		if a.Pointer != b.Pointer {
			return a.Pointer < b.Pointer
		}
		return a.Message < b.Message
	})
	return f
}

// Codes lists every code that a Finding may have, with what it means.
func Codes() map[string]string {
	return map[string]string{
		"not-readable":           "the file is no YAML or JSON",
		"openapi-invalid":        "the document breaks the OpenAPI specification",
		"unknown-word":           "x-session does not have this word",
		"missing-word":           "a word that is required here is missing",
		"bad-type":               "the word has another form",
		"bad-expression":         "an expression does not parse or does not type-check",
		"bad-value":              "a value does not parse",
		"bad-location":           "a location does not parse or does not exist in the schema",
		"unknown-name":           "a name that nothing declares",
		"dangling-reference":     "an example, record, token, setting, cookie or operation that does not exist",
		"no-evidence":            "something does not say what it rests on",
		"unknown-source":         "evidence names a source that is not in sources",
		"duplicate":              "a name stands twice",
		"example-mismatch":       "an example breaks its schema",
		"answer-undeclared":      "an answer that the operation's responses do not have",
		"answer-unreachable":     "an answer or failure entry that no condition reaches",
		"failure-without-answer": "a reason that can occur and that nothing answers",
		"lock-unreachable":       "a lock on records that have no secret",
		"token-never-issued":     "a token kind that no operation issues",
		"token-never-accepted":   "a token kind that no operation accepts",
		"token-unreadable":       "a token that is issued and that no answer hands out",
		"schema-invalid":         "a schema cannot be compiled",
		"demo-record":            "a demo record breaks its schema",
		"needless-like":          "like names an operation that does not exist, or a circle",
	}
}

// nearest returns the candidate closest to name, if it is close enough to be
// what was meant.
func nearest(name string, candidates []string) string {
	for _, c := range candidates {
		if strings.EqualFold(c, name) {
			return c
		}
	}
	best, bestD := "", 1+len(name)/3
	for _, c := range candidates {
		if len(name) > 2 && len(c) > len(name) && strings.HasPrefix(strings.ToLower(c), strings.ToLower(name)) {
			return c // cut short
		}
		// A name that has no letter in common was never meant.
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < max(len(name), len(c)) && (d < bestD || d == bestD && best == "") {
			best, bestD = c, d
		}
	}
	return best
}

func distance(a, b string) int {
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			c := prev[j-1]
			if a[i-1] != b[j-1] {
				c++
			}
			cur[j] = min(c, prev[j]+1, cur[j-1]+1)
		}
		prev = cur
	}
	return prev[len(b)]
}

func didYouMean(name string, candidates []string) string {
	if n := nearest(name, candidates); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	if len(candidates) == 0 {
		return ""
	}
	sorted := append([]string(nil), candidates...)
	sort.Strings(sorted)
	if len(sorted) > 20 {
		sorted = append(sorted[:20], "…")
	}
	return "one of: " + strings.Join(sorted, ", ")
}
