package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"

	"github.com/mockauth/mockauth/internal/value"
)

// maxAttempts bounds how many values Generate makes in search of one that fits
// what cannot be made on purpose: `not`, `contains`, two patterns at once.
const maxAttempts = 100

// maxDepth bounds how deep the required properties of a value may nest.
const maxDepth = 32

// Generate makes a value that fits the schema as a response would have it: to
// mint an opaque token, or for a sample. Objects are value.Object and hold the
// required properties only, unless no such value fits. The same source of randomness gives the same
// value; an `example` is never used. It fails where the schema has no value, or
// none is found.
func Generate(n *Node, rnd *rand.Rand) (any, error) {
	if n == nil || n.src == nil {
		return nil, errors.New("there is no schema to make a value for")
	}
	var wrong []Finding
	for attempt := range maxAttempts {
		g := generator{rnd: rnd, generous: attempt >= maxAttempts/2}
		x, err := g.generate(n, 0)
		if err != nil {
			return nil, fmt.Errorf("no value can be made for the schema %s: %w", n.Pointer, err)
		}
		if wrong, err = n.src.judge(x); err != nil {
			return nil, err
		}
		if wrong == nil {
			return x, nil
		}
	}
	return nil, fmt.Errorf("no value was found for the schema %s in %d attempts; the last one failed at %q: %s: %s",
		n.Pointer, maxAttempts, wrong[0].Pointer, wrong[0].Keyword, wrong[0].Message)
}

// generator makes one value.
type generator struct {
	rnd *rand.Rand
	// generous: properties that are not required are made too, one in two. It
	// is what tells alternatives apart where they require nothing.
	generous bool
}

// maxGenerous bounds how deep properties that are not required may nest.
const maxGenerous = 6

// judge validates a value that was made. Only the schema that a value is wanted
// for is compiled, not those within.
func (src *source) judge(x any) ([]Finding, error) {
	src.judgeOnce.Do(func() {
		for _, root := range src.roots {
			v, err := src.set.Compile(root.pointer, Response)
			if err != nil {
				src.judgeErr = err
				return
			}
			src.judges = append(src.judges, v)
		}
	})
	for _, v := range src.judges {
		if fs := v.Validate(x); fs != nil {
			return fs, nil
		}
	}
	return nil, src.judgeErr
}

func (g generator) generate(n *Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("its required properties nest without end")
	}
	if len(n.Enum) > 0 {
		choices := n.Enum
		if some := slices.DeleteFunc(slices.Clone(n.Enum), func(v any) bool { return v == nil }); len(some) > 0 {
			choices = some
		}
		return value.Clone(choices[g.rnd.IntN(len(choices))]), nil
	}
	m := n.src.limits()
	alternatives := n.Alternatives()
	typ := n.typeToMake(m)
	if len(alternatives) > 0 && (typ == "" || typ == "object" || len(n.Types) == 0) {
		return g.generateAlternative(n, alternatives, depth)
	}
	switch typ {
	case "object":
		return g.generateObject(n, depth)
	case "array":
		return g.generateArray(n, m, depth)
	case "integer":
		return m.number(g.rnd, n.Format, true)
	case "number":
		return m.number(g.rnd, n.Format, false)
	case "boolean":
		return g.rnd.IntN(2) == 1, nil
	case "null":
		return nil, nil
	}
	return m.text(g.rnd, n.Format)
}

// typeToMake chooses the type of the value: the first that is not null, or what
// the other keywords are about.
func (n *Node) typeToMake(m *mint) string {
	for _, t := range n.Types {
		if t != "null" {
			return t
		}
	}
	switch {
	case len(n.Types) > 0:
		return "null"
	case n.Is("object") || len(n.Required) > 0 || m.minProperties > 0:
		return "object"
	case n.Is("array") || m.minItems > 0:
		return "array"
	case m.lo != nil || m.hi != nil || m.step != nil || n.Format == "int32" || n.Format == "int64":
		return "number"
	}
	return ""
}

// generateAlternative makes a value of one branch of oneOf or anyOf; where the
// schema is an object itself, with its own properties before the branch's.
func (g generator) generateAlternative(n *Node, alternatives []*Node, depth int) (any, error) {
	usable := slices.DeleteFunc(slices.Clone(alternatives), func(a *Node) bool {
		return slices.Equal(a.Types, []string{"null"})
	})
	if len(usable) == 0 {
		return nil, nil
	}
	chosen := usable[g.rnd.IntN(len(usable))]
	x, err := g.generate(chosen, depth+1)
	branch, ok := x.(value.Object)
	if err != nil || !ok || !n.Is("object") {
		return x, err
	}
	own, err := g.declared(n, depth)
	if err != nil {
		return nil, err
	}
	for _, m := range branch {
		// What the branch requires may be declared beside it: only the
		// declaration says what it is.
		if p := n.Property(m.Name); p != nil && chosen.Property(m.Name) == nil {
			if err := g.add(&own, m.Name, p, depth); err != nil {
				return nil, err
			}
			continue
		}
		own.Set(m.Name, m.Value)
	}
	return own, g.fill(&own, n, depth)
}

func (g generator) generateObject(n *Node, depth int) (any, error) {
	out, err := g.declared(n, depth)
	if err != nil {
		return nil, err
	}
	return out, g.fill(&out, n, depth)
}

// declared makes the properties that the schema declares and requires.
func (g generator) declared(n *Node, depth int) (value.Object, error) {
	out := value.Object{}
	for _, p := range n.Properties() {
		wanted := slices.Contains(n.Required, p.Name) || g.generous && depth < maxGenerous && g.rnd.IntN(2) == 1
		if !wanted || p.Schema.WriteOnly {
			continue
		}
		if err := g.add(&out, p.Name, p.Schema, depth); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fill adds what is still missing: members that are required but not declared,
// or declared by a branch that was not taken, and as many as there must be.
func (g generator) fill(out *value.Object, n *Node, depth int) error {
	for _, name := range n.Required {
		if p := n.Property(name); p == nil {
			if err := g.add(out, name, n.Values(), depth); err != nil {
				return err
			}
		}
	}
	least := n.src.limits().minProperties
	for _, p := range n.Properties() {
		if len(*out) < least && !p.Schema.WriteOnly {
			if err := g.add(out, p.Name, p.Schema, depth); err != nil {
				return err
			}
		}
	}
	if least > maxItems {
		return fmt.Errorf("it wants %d members; at most %d are made", least, maxItems)
	}
	for i := 1; len(*out) < least; i++ {
		if err := g.add(out, "key"+itoa(i), n.Values(), depth); err != nil {
			return err
		}
	}
	return nil
}

// add makes a member, unless there is one of the name. Without a schema, any
// value will do.
func (g generator) add(out *value.Object, name string, schema *Node, depth int) error {
	if _, has := out.Get(name); has {
		return nil
	}
	var x any = "x"
	if schema != nil {
		var err error
		if x, err = g.generate(schema, depth+1); err != nil {
			return fmt.Errorf("property %q: %w", name, err)
		}
	}
	out.Set(name, x)
	return nil
}

func (g generator) generateArray(n *Node, m *mint, depth int) (any, error) {
	out := make([]any, 0, min(m.minItems, maxItems))
	for len(out) < m.minItems {
		if len(out) == maxItems {
			return nil, fmt.Errorf("it wants %d items; at most %d are made", m.minItems, maxItems)
		}
		item := n.Items()
		if len(out) < len(m.prefix) {
			item = m.prefix[len(out)]
		}
		var x any = json.Number(itoa(len(out)))
		for attempt := 0; item != nil; attempt++ {
			var err error
			if x, err = g.generate(item, depth+1); err != nil {
				return nil, fmt.Errorf("item %d: %w", len(out), err)
			}
			if !m.unique || attempt == maxAttempts || !slices.ContainsFunc(out, func(o any) bool { return reflect.DeepEqual(o, x) }) {
				break
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// maxItems bounds an array, and maxText a string, that Generate makes.
const (
	maxItems = 10_000
	maxText  = 1 << 20
)
