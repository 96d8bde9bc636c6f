package conformance

import (
	"strings"
	"testing"
)

func TestABodyThatSaysTheSameIsReadOnce(t *testing.T) {
	b := newBodies()
	read := func(typ, due, raw string) *content { return b.ofAnswer(typ, due, nil, []byte(raw)) }
	first := read("application/json; charset=utf-8", "", `{"a":1}`)
	if first.typ != "application/json" || first.broken != "" || first != read("application/json; charset=utf-8", "", `{"a":1}`) {
		t.Errorf("%+v", first)
	}
	for _, other := range []*content{
		read("application/json", "", `{"a":1}`), read("text/plain", "", `{"a":1}`), read("", "application/json", `{"a":1}`), read("application/json; charset=utf-8", "", `{"a":2}`),
	} {
		if other == first {
			t.Errorf("%+v is taken for another", other)
		}
	}
	if c := read("", "application/json", "{"); c.broken == "" || c.typ != "" {
		t.Errorf("%+v", c)
	}
	long := `"` + strings.Repeat("a", longestKept) + `"`
	if one, other := read("application/json", "", long), read("application/json", "", long); one == other {
		t.Error("a long body is kept")
	}
}
