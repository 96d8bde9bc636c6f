package conformance

import (
	"sort"
	"strconv"

	"github.com/mockauth/mockauth/internal/value"
)

// twins compares the last two answers of a case with each other: the same
// question was asked in two media types.
func (x *run) twins(c *comparison) {
	n := len(x.answers)
	if !x.c.twin || n < 2 {
		return
	}
	a, b := x.answers[n-2], x.answers[n-1]
	if a.broken != "" || b.broken != "" {
		return
	}
	differ(value.Plain(a.body), value.Plain(b.body), nil, func(at []string, p, q any) {
		c.add("body", value.Pointer(at...), "as in "+a.typ+": "+clipped(shownIn(p)), "in "+b.typ+": "+clipped(shownIn(q)), c.part("shape"), c.pointer)
	})
}

func shownIn(v any) string {
	if v == nil {
		return "not there"
	}
	return show(v)
}

// differ calls f for every place in which two values differ. A number and a text
// that reads the same are one: XML has no numbers.
func differ(a, b any, at []string, f func(at []string, a, b any)) {
	switch p := a.(type) {
	case map[string]any:
		q, ok := b.(map[string]any)
		if !ok {
			break
		}
		names := make([]string, 0, len(p))
		for k := range p {
			names = append(names, k)
		}
		for k := range q {
			if _, both := p[k]; !both {
				names = append(names, k)
			}
		}
		sort.Strings(names)
		for _, k := range names {
			differ(p[k], q[k], append(append([]string{}, at...), k), f)
		}
		return
	case []any:
		q, ok := b.([]any)
		if !ok || len(p) != len(q) {
			break
		}
		for i := range p {
			differ(p[i], q[i], append(append([]string{}, at...), strconv.Itoa(i)), f)
		}
		return
	}
	s, ok1 := value.Text(a)
	t, ok2 := value.Text(b)
	empty := func(v any, isText bool, text string) bool { return v == nil || isText && text == "" }
	if ok1 && ok2 && s == t || empty(a, ok1, s) && empty(b, ok2, t) || same(a, b) {
		return
	}
	f(at, a, b)
}
