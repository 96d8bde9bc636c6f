package specs

import (
	"encoding/json"
	"hash/fnv"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/mockauth/mockauth/internal/value"
)

type testHandle struct{ name string }

func (*testHandle) Handle() {}

// anyScope gives each name a value that follows from the name and a seed.
type anyScope struct{ seed int }

func (s anyScope) value(name string) any {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strconv.Itoa(s.seed) + name))
	list := []any{nil, nil, true, false, true, false, "", "a", "401/-101", "always", "manage-users", 200, json.Number("200"), json.Number("1.5"),
		[]any{"a", "manage-users", nil}, []any{&testHandle{"x"}}, value.Object{{Name: "a", Value: "b"}}, map[string]any{"a": 1},
		time.Unix(0, 0), time.Hour, &testHandle{"x"}, &testHandle{"y"}, Absent, Never}
	return list[int(h.Sum32())%len(list)]
}

func (s anyScope) Root(name string) any          { return s.value(name) }
func (s anyScope) Member(_ any, name string) any { return s.value(name) }
func (s anyScope) Request(l Location) any        { return s.value(l.Name) }
func sourcesIn(v reflect.Value, seen map[any]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Interface()] {
			return
		}
		seen[v.Interface()] = true
		sourcesIn(v.Elem(), seen)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				sourcesIn(v.Field(i), seen)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			sourcesIn(v.Index(i), seen)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			sourcesIn(v.MapIndex(k), seen)
		}
	default:
	}
}

func TestQuickExpressionsMeanWhatTheyMeanToExpr(t *testing.T) {
	t.Parallel()
	sources := []string{
		"a", "a.b.c", `a["b"]`, "a[0]", "a?.b", "nil", "true", "'x'", "12", "not a", "!a", "not (not a)", "a and b", "a && b or c", "a or b and not c.d",
		"a == b", "a != b.c", "a == nil", "nil == a", "a == 'a'", "a == 200", "a == true", "(a and b) == c", "(a == b) == c", "(a == b) == true",
		"a ?? b", "a ?? b ?? 'x'", "a ? b : c", "a == b ? c : nil", "a ? 'x' : b ? 'y' : 200", "'manage-users' in a", "nil in a.b", "200 in a",
		"a in b", "a in ['a', 'b']", "'a' and b", "a or 'b'", "not 'a'", "1 == 'a'", "'a' ? b : c", "now", "len(a)", "a < b", "a + b", "$env", "root", "(a ?? b) and c",
		"a >= 1", "a > seconds(b)", "days(2) <= a", "days('x')", "1 < 'a'", "a == nil or 1 + 'b' == c", "instant(a, ['unix', b], 'UTC') > b", "instant(a, b)", "instant(a)",
		"find(a, .b == c)", "find(a, # == 'a')", "find(a, #index == 1)", "find(a ?? [], .b.c)", "filter(a, not (# == b))", "filter(a, .b)", "map(a, .b)", "a in map(b, .c)", "map(a, map(b, #))",
		"map([a > b], 1)", "filter([a < b, c], c == nil)", "find([a >= b], true)",
		"a in [nil, '', 'a']", "a in [b]", "a in [1, 2]", "nil in ['a']", "a matches '^a'", "a matches b", "{'x': a, 'x': b}", "{'x': a + b}", "[a, b, 1]", "a ? len(b) : c", "a and len(b) > 0", "a ?? first(b)",
	}
	seen := map[any]bool{}
	for _, name := range Systems() {
		c, err := System(name)
		if err != nil {
			t.Fatal(err)
		}
		sourcesIn(reflect.ValueOf(c), seen)
	}
	for x := range seen {
		if e, ok := x.(*Expr); ok {
			sources = append(sources, e.Src)
		}
	}
	quickened, answered := 0, 0
	for _, src := range sources {
		e := &Expr{Src: src}
		e.simplify()
		q := e.quick
		if q == nil {
			continue
		}
		quickened++
		for seed := range 200 {
			s := anyScope{seed}
			got, ok := q(s, nil)
			if !ok {
				continue
			}
			answered++
			want, err := e.run(s)
			if err != nil || !reflect.DeepEqual(unbox(got), want) {
				t.Errorf("%s with seed %d: %#v, and expr says %#v, %v", src, seed, got, want, err)
				break
			}
			if whole, err := e.Eval(s); err != nil || !reflect.DeepEqual(whole, want) {
				t.Errorf("%s with seed %d is %#v, %v", src, seed, whole, err)
			}
		}
	}
	if quickened < len(sources)/2 || answered < 10000 {
		t.Errorf("%d of %d sources are quick, and answered %d times", quickened, len(sources), answered)
	}
	t.Logf("%d of %d sources, %d answers", quickened, len(sources), answered)
}

func TestWhatIsNoConditionIsSaidByExpr(t *testing.T) {
	t.Parallel()
	for _, src := range []string{"a and b", "not a", "a ? 1 : 2"} {
		e := &Expr{Src: src}
		_, want := e.run(allNil{})
		if _, got := e.Eval(allNil{}); got == nil || got.Error() != want.Error() {
			t.Errorf("%s: %v, and expr says %v", src, got, want)
		}
	}
}

type allNil struct{}

func (allNil) Root(string) any        { return nil }
func (allNil) Member(any, string) any { return nil }
func (allNil) Request(Location) any   { return nil }
