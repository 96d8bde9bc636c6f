package conformance

import (
	"reflect"
	"testing"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

func explorerOf(t *testing.T, system string) *explorer {
	t.Helper()
	c, err := specs.System(system)
	if err != nil {
		t.Fatal(err)
	}
	world, err := fixtures.System(c)
	if err != nil {
		t.Fatal(err)
	}
	target := &Target{Complete: true, Records: map[string][]map[string]any{}}
	for _, r := range world.Records {
		target.Records[r.Kind] = append(target.Records[r.Kind], r.Value)
	}
	s, err := newSeed(c, target)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newExplorer(c, s, newOperations(c), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A plan is made of requests that are thought through, and carried out with
// bytes: both must mean the same.
func TestARequestThatIsThoughtThroughReadsAsItsBytesDo(t *testing.T) {
	for _, system := range specs.Systems() {
		e := explorerOf(t, system)
		compared := 0
		compare := func(s *shadow, r *request) {
			s.store.Update(func(tx session.Tx) {
				in, err := r.incoming(s.to, s.fill(tx), s.readings)
				out, err2 := r.build(t.Context(), s.to, s.fill(tx), newBodies())
				if (err == nil) != (err2 == nil) {
					t.Errorf("%s %s: %v, and %v", system, r.op.Op.ID, err, err2)
				}
				if err != nil || err2 != nil {
					return
				}
				compared++
				for _, x := range []*map[string]string{&in.Request.PathParams, &out.in.Request.PathParams} {
					if len(*x) == 0 {
						*x = nil
					}
				}
				if !reflect.DeepEqual(in, out.in) { //nolint:govet // no error is wrapped in them
					t.Errorf("%s %s:\nthought: %+v\nsent:    %+v", system, r.op.Op.ID, *in.Request, *out.in.Request)
				}
			})
		}
		for _, w := range e.ways {
			for _, op := range e.contract.Operations {
				for _, c := range e.plain(w, op, maxFurther) {
					compare(w.shadow, c.request)
					if c.p.Failure != nil {
						continue
					}
					for _, d := range e.deviations(c, true) {
						r := c.request.clone()
						d.apply(r)
						compare(w.shadow, r)
					}
				}
			}
		}
		if compared < 100 {
			t.Errorf("%s: only %d requests were compared", system, compared)
		}
	}
}

func TestWhatAClonedRequestIsGivenTheOriginalHasNot(t *testing.T) {
	list := []any{value.Object{{Name: "id", Value: "1"}}, "second"}
	body := value.Object{{Name: "a", Value: value.Object{{Name: "b", Value: "old"}}}, {Name: "list", Value: list}}
	places := []specs.Location{
		{In: specs.InBody, Tokens: []string{"a", "b"}}, {In: specs.InBody, Tokens: []string{"a", "new"}}, {In: specs.InBody, Tokens: []string{"list", "0", "id"}},
		{In: specs.InBody, Tokens: []string{"list", "7"}}, {In: specs.InBody, Tokens: []string{"c", "d"}}, {In: specs.InBody},
		{In: specs.InPath, Name: "id"}, {In: specs.InQuery, Name: "q"}, {In: specs.InHeader, Name: "H"}, {In: specs.InCookie, Name: "c"}, {In: specs.InBearer},
	}
	for _, l := range places {
		r := &request{body: value.Clone(body), path: []named{{"id", "1"}}, query: []named{{"q", "1"}}, header: []named{{"h", "1"}}, cookie: []named{{"c", "1"}}, bearer: "t"}
		before := value.Clone(r.body)
		set, dropped := r.clone(), r.clone()
		set.set(l, "new")
		dropped.drop(l)
		if v, _ := r.get(specs.Location{In: specs.InPath, Name: "id"}); v != "1" || r.query[0].value != "1" || r.header[0].value != "1" || r.cookie[0].value != "1" || r.bearer != "t" || len(r.query)+len(r.header)+len(r.cookie) != 3 {
			t.Errorf("%v: the original has become %+v", l, r)
		}
		if !reflect.DeepEqual(r.body, before) {
			t.Errorf("%v: the original's body has become %v", l, r.body)
		}
		if l.In != specs.InBody {
			continue
		}
		if want := value.Put(value.Clone(body), l.Tokens, "new"); !reflect.DeepEqual(set.body, want) {
			t.Errorf("%v: set gives %v, want %v", l, set.body, want)
		}
		if want := value.Remove(value.Clone(body), l.Tokens); !reflect.DeepEqual(dropped.body, want) {
			t.Errorf("%v: drop gives %v, want %v", l, dropped.body, want)
		}
	}
}

// Whoever goes on from a state that was reached before gets what playing all
// steps anew would give.
func TestAWalkThatGoesOnIsOneThatBeganAnew(t *testing.T) {
	for _, system := range specs.Systems() {
		e := explorerOf(t, system)
		for _, w := range e.ways {
			fresh := &explorer{contract: e.contract, seed: e.seed, ops: e.ops, fixed: e.fixed, settings: e.settings}
			again, err := fresh.walk(w.steps)
			if err != nil {
				t.Fatal(err)
			}
			if again.who != w.who || again.via != w.via || !reflect.DeepEqual(again.holds, w.holds) || !reflect.DeepEqual(again.sessions, w.sessions) {
				t.Errorf("%s %s: %s %+v, and anew %s %+v", system, w.via, w.who, w.holds, again.who, again.holds)
			}
			if same, _ := e.walk(w.steps); same != w {
				t.Errorf("%s %s: the same steps lead to another way", system, w.via)
			}
		}
	}
}
