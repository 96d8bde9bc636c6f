package schema

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mockauth/mockauth/internal/value"
)

// A quick accepts values that are certainly valid without asking the library,
// which allocates for every member it looks at: most bodies are good, and a
// login is judged twice. It reads the library's own compiled schema, so there
// is one meaning of a document. What it cannot decide, or what is wrong, goes to
// the library, whose word is final: quick never refuses.
type quick struct {
	types      jsonschema.Types
	anyType    bool
	enum       []string // if all are strings, or null
	enumNull   bool
	properties map[string]*quick
	required   []string
	closed     bool   // additionalProperties: false
	rest       *quick // schema of the others
	items      *quick
	minLength  int
	maxLength  int // -1: none
	pattern    jsonschema.Regexp
	min, max   int64
	format     *jsonschema.Format
	all        []*quick // each must accept
	any        []*quick // one must accept
	one        []*quick // one must accept, and the others must refuse
	not        *quick   // must refuse; nil: none
	members    int      // at most; -1: any number
}

// newQuick returns nil where the schema uses a word that quick does not know.
func newQuick(s *jsonschema.Schema, open map[*jsonschema.Schema]*quick) *quick {
	if q, ok := open[s]; ok {
		return q // may be nil while it is being made: recursive schemas go to the library
	}
	open[s] = nil
	if s.Bool != nil {
		if !*s.Bool {
			return nil
		}
		return &quick{anyType: true, maxLength: -1, members: -1, min: math.MinInt64, max: math.MaxInt64}
	}
	if s.Ref != nil {
		// In 3.1 words may stand beside a $ref; then the library judges.
		if !onlyQuickWords(s) || s.Types != nil || s.Properties != nil || s.Required != nil || s.Enum != nil || s.Items2020 != nil || s.AdditionalProperties != nil ||
			s.AllOf != nil || s.AnyOf != nil || s.OneOf != nil || s.Format != nil || s.Pattern != nil || s.MinLength != nil || s.MaxLength != nil || s.Minimum != nil || s.Maximum != nil || s.Not != nil || s.MaxProperties != nil {
			return nil
		}
		q := newQuick(s.Ref, open)
		open[s] = q
		return q
	}
	if !onlyQuickWords(s) {
		return nil
	}
	q := &quick{anyType: s.Types == nil, required: s.Required, maxLength: -1, members: -1, pattern: s.Pattern, format: s.Format, min: math.MinInt64, max: math.MaxInt64}
	for _, bound := range []struct {
		of   *big.Rat
		into *int64
	}{{s.Minimum, &q.min}, {s.Maximum, &q.max}} {
		if bound.of == nil {
			continue
		}
		if !bound.of.IsInt() || !bound.of.Num().IsInt64() {
			return nil
		}
		*bound.into = bound.of.Num().Int64()
	}
	if s.Types != nil {
		q.types = *s.Types
	}
	if s.Enum != nil {
		for _, v := range s.Enum.Values {
			if v == nil {
				q.enumNull = true
				continue
			}
			text, ok := v.(string)
			if !ok {
				return nil
			}
			q.enum = append(q.enum, text)
		}
		if q.enum == nil {
			return nil
		}
	}
	for _, words := range []struct {
		from []*jsonschema.Schema
		into *[]*quick
	}{{s.AllOf, &q.all}, {s.AnyOf, &q.any}, {s.OneOf, &q.one}} {
		for _, branch := range words.from {
			b := newQuick(branch, open)
			if b == nil {
				return nil
			}
			*words.into = append(*words.into, b)
		}
	}
	if s.Not != nil {
		if q.not = newQuick(s.Not, open); q.not == nil {
			return nil
		}
	}
	if s.MaxProperties != nil {
		q.members = *s.MaxProperties
	}
	if s.MinLength != nil {
		q.minLength = *s.MinLength
	}
	if s.MaxLength != nil {
		q.maxLength = *s.MaxLength
	}
	if len(s.Properties) > 0 {
		q.properties = make(map[string]*quick, len(s.Properties))
		for name, p := range s.Properties {
			// A member that quick cannot judge is nil: the library is asked where
			// it occurs.
			q.properties[name] = newQuick(p, open)
		}
	}
	switch a := s.AdditionalProperties.(type) {
	case nil:
	case bool:
		q.closed = !a
	case *jsonschema.Schema:
		if q.rest = newQuick(a, open); q.rest == nil {
			return nil
		}
	}
	if s.Items2020 != nil {
		if q.items = newQuick(s.Items2020, open); q.items == nil {
			return nil
		}
	}
	open[s] = q
	return q
}

// onlyQuickWords reports whether a schema says nothing beyond what quick reads.
func onlyQuickWords(s *jsonschema.Schema) bool {
	return s.RecursiveRef == nil && s.DynamicRef == nil && s.DynamicAnchor == "" && s.Const == nil &&
		s.If == nil && s.Then == nil && s.Else == nil &&
		s.MinProperties == nil && s.PropertyNames == nil && s.PatternProperties == nil &&
		s.Dependencies == nil && s.DependentRequired == nil && s.DependentSchemas == nil && s.UnevaluatedProperties == nil &&
		s.MinItems == nil && s.MaxItems == nil && !s.UniqueItems && s.Contains == nil && s.Items == nil && s.AdditionalItems == nil &&
		s.PrefixItems == nil && s.UnevaluatedItems == nil && s.ContentEncoding == nil && s.ContentMediaType == nil && s.ContentSchema == nil &&
		s.ExclusiveMaximum == nil && s.ExclusiveMinimum == nil && s.MultipleOf == nil && len(s.Extensions) == 0
}

// typeBit is the bit that jsonschema.Types has for a type.
func typeBit(name string) jsonschema.Types {
	var t jsonschema.Types
	t.Add(name)
	return t
}

type typeBits struct{ null, boolean, object, array, number, integer, text jsonschema.Types }

func newTypeBits() typeBits {
	return typeBits{typeBit("null"), typeBit("boolean"), typeBit("object"), typeBit("array"), typeBit("number"), typeBit("integer"), typeBit("string")}
}

// accepts reports whether x is certainly valid.
func (q *quick) accepts(x any, bits *typeBits, depth int) bool {
	if q == nil || depth > maxNesting {
		return false
	}
	return q.branches(x, bits, depth) && q.itself(x, bits, depth)
}

// branches judges allOf, anyOf, oneOf and not.
func (q *quick) branches(x any, bits *typeBits, depth int) bool {
	for _, b := range q.all {
		if !b.accepts(x, bits, depth+1) {
			return false
		}
	}
	if q.any != nil && !slices.ContainsFunc(q.any, func(b *quick) bool { return b.accepts(x, bits, depth+1) }) {
		return false
	}
	if q.not != nil && !q.not.refuses(x, bits) {
		return false
	}
	if q.one == nil {
		return true
	}
	var fits *quick
	for _, b := range q.one {
		if b.refuses(x, bits) {
			continue
		}
		if fits != nil {
			return false // both may fit: that is for the library
		}
		fits = b
	}
	return fits.accepts(x, bits, depth+1)
}

// refuses reports whether x is certainly not valid: by its type, as none of the
// texts that are allowed, or for want of a member. It looks no deeper: that tells
// the branches of most schemas apart.
func (q *quick) refuses(x any, bits *typeBits) bool {
	if !q.anyType && q.types&bits.of(x) == 0 {
		return true
	}
	switch x := x.(type) {
	case string:
		return q.enum != nil && !slices.Contains(q.enum, x)
	case map[string]any:
		return slices.ContainsFunc(q.required, func(name string) bool { _, ok := x[name]; return !ok })
	case value.Object:
		return slices.ContainsFunc(q.required, func(name string) bool { _, ok := x.Get(name); return !ok })
	}
	return false
}

func (b *typeBits) of(x any) jsonschema.Types {
	switch x.(type) {
	case nil:
		return b.null
	case bool:
		return b.boolean
	case string:
		return b.text
	case json.Number:
		return b.number | b.integer
	case []any:
		return b.array
	}
	return b.object
}

// itself judges the words of the schema alone.
func (q *quick) itself(x any, bits *typeBits, depth int) bool {
	is := func(t jsonschema.Types) bool { return q.anyType || q.types&t != 0 }
	if _, text := x.(string); q.format != nil && !text {
		return false // a format may speak of any type, and readOnly is one here
	}
	switch x := x.(type) {
	case nil:
		return is(bits.null) && (q.enum == nil || q.enumNull)
	case bool:
		return is(bits.boolean) && q.enum == nil
	case string:
		if !is(bits.text) || q.enum != nil && !slices.Contains(q.enum, x) {
			return false
		}
		if q.minLength > 0 || q.maxLength >= 0 {
			n := utf8.RuneCountInString(x)
			if n < q.minLength || q.maxLength >= 0 && n > q.maxLength {
				return false
			}
		}
		return (q.pattern == nil || q.pattern.MatchString(x)) && (q.format == nil || q.format.Validate(x) == nil)
	case json.Number:
		if q.enum != nil {
			return false
		}
		i, err := strconv.ParseInt(string(x), 10, 64)
		if err != nil || len(x) > 1 && (x[0] == '0' || x[0] == '+') {
			return false // fractions and the like: the library
		}
		if !is(bits.integer) && !is(bits.number) {
			return false
		}
		return q.min <= i && i <= q.max
	case []any:
		if !is(bits.array) || q.enum != nil {
			return false
		}
		if q.items == nil {
			return allPlain(x, depth)
		}
		for _, e := range x {
			if !q.items.accepts(e, bits, depth+1) {
				return false
			}
		}
		return true
	case map[string]any:
		if !is(bits.object) || q.enum != nil || q.members >= 0 && len(x) > q.members {
			return false
		}
		for _, r := range q.required {
			if _, ok := x[r]; !ok {
				return false
			}
		}
		for name, e := range x {
			if !q.member(name, e, bits, depth) {
				return false
			}
		}
		return true
	case value.Object:
		if !is(bits.object) || q.enum != nil || q.members >= 0 && len(x) > q.members {
			return false
		}
		for _, r := range q.required {
			if _, ok := x.Get(r); !ok {
				return false
			}
		}
		for i := range x {
			if !q.member(x[i].Name, x[i].Value, bits, depth) {
				return false
			}
		}
		return true
	}
	return false
}

func (q *quick) member(name string, e any, bits *typeBits, depth int) bool {
	if p, ok := q.properties[name]; ok {
		return p.accepts(e, bits, depth+1)
	}
	switch {
	case q.closed:
		return false
	case q.rest != nil:
		return q.rest.accepts(e, bits, depth+1)
	}
	return allPlain(e, depth)
}

// allPlain reports whether a value that no schema speaks of is one at all.
func allPlain(x any, depth int) bool { return survey(x, depth) < insane }
