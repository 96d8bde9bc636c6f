package schema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/mockauth/mockauth/internal/value"
)

// single makes the leaf of an error without parts. What the library says is
// not used, because it quotes the value.
func single(err *jsonschema.ValidationError) leaf {
	if k, ok := err.ErrorKind.(*kind.Type); ok {
		return typeLeaf(err.InstanceLocation, k.Want, k.Got)
	}
	l := leaf{depth: len(err.InstanceLocation)}
	l.Pointer = value.Pointer(err.InstanceLocation...)
	switch k := err.ErrorKind.(type) {
	case *kind.Enum:
		l.Keyword, l.Message, l.fixed = "enum", "want "+oneOf(k.Want), len(k.Want) == 1
	case *kind.Const:
		l.Keyword, l.Message, l.fixed = "const", "want "+literal(k.Want), true
	case *kind.Format:
		switch k.Want {
		case refusedReadOnly:
			l.Keyword, l.Message = "readOnly", "is read-only: a request must not hold it"
		case refusedWriteOnly:
			l.Keyword, l.Message = "writeOnly", "is write-only: a response must not hold it"
		default:
			l.Keyword, l.Message = "format", "want "+wanted(k.Want)
		}
	case *kind.Pattern:
		l.Keyword, l.Message = "pattern", "want a string that matches "+k.Want
	case *kind.MinLength:
		l.Keyword, l.Message = "minLength", "want at least "+count(k.Want, "character")
	case *kind.MaxLength:
		l.Keyword, l.Message = "maxLength", "want at most "+count(k.Want, "character")
	case *kind.MinItems:
		l.Keyword, l.Message = "minItems", fmt.Sprintf("want at least %s, got %d", count(k.Want, "item"), k.Got)
	case *kind.MaxItems:
		l.Keyword, l.Message = "maxItems", fmt.Sprintf("want at most %s, got %d", count(k.Want, "item"), k.Got)
	case *kind.MinProperties:
		l.Keyword, l.Message = "minProperties", fmt.Sprintf("want at least %s, got %d", count(k.Want, "member"), k.Got)
	case *kind.MaxProperties:
		l.Keyword, l.Message = "maxProperties", fmt.Sprintf("want at most %s, got %d", count(k.Want, "member"), k.Got)
	case *kind.Minimum:
		l.Keyword, l.Message = "minimum", "want a number of at least "+decimal(k.Want)
	case *kind.Maximum:
		l.Keyword, l.Message = "maximum", "want a number of at most "+decimal(k.Want)
	case *kind.ExclusiveMinimum:
		l.Keyword, l.Message = "exclusiveMinimum", "want a number greater than "+decimal(k.Want)
	case *kind.ExclusiveMaximum:
		l.Keyword, l.Message = "exclusiveMaximum", "want a number less than "+decimal(k.Want)
	case *kind.MultipleOf:
		l.Keyword, l.Message = "multipleOf", "want a multiple of "+decimal(k.Want)
	case *kind.UniqueItems:
		l.Keyword, l.Message = "uniqueItems", fmt.Sprintf("want items that differ; items %d and %d are the same", k.Duplicates[0], k.Duplicates[1])
	case *kind.Contains:
		l.Keyword, l.Message = "contains", "want at least one item of the kind that `contains` describes"
	case *kind.MinContains:
		l.Keyword, l.Message = "minContains", fmt.Sprintf("want at least %s of the kind that `contains` describes, got %d", count(k.Want, "item"), len(k.Got))
	case *kind.MaxContains:
		l.Keyword, l.Message = "maxContains", fmt.Sprintf("want at most %s of the kind that `contains` describes, got %d", count(k.Want, "item"), len(k.Got))
	case *kind.OneOf:
		l.Keyword, l.Message = "oneOf", "want a value that fits exactly one of the alternatives; it fits more than one"
	case *kind.Not:
		l.Keyword, l.Message = "not", "is of a kind that the schema excludes"
	case *kind.FalseSchema:
		falseSchema(&l, err.SchemaURL)
	case *kind.RefCycle:
		l.Keyword, l.Message = "$ref", "the schema refers to itself without end"
	case *kind.InvalidJsonValue:
		l.Keyword, l.Message = "type", "want a value of JSON"
	default:
		l.Keyword, l.Message = "schema", "does not fit the schema"
		if path := err.ErrorKind.KeywordPath(); len(path) > 0 {
			l.Keyword = path[0]
		}
	}
	return l
}

// falseSchema names the keyword whose schema is `false`; its location is all
// that tells.
func falseSchema(l *leaf, location string) {
	l.Keyword, l.Message = "false", "must not be present"
	switch location[strings.LastIndexByte(location, '/')+1:] {
	case "unevaluatedProperties":
		l.Keyword, l.Message, l.uneval = "unevaluatedProperties", "is not a known property", true
	case "unevaluatedItems":
		l.Keyword, l.Message, l.uneval = "unevaluatedItems", "is one item too many", true
	case "items":
		l.Keyword, l.Message = "items", "is one item too many"
	}
}

func typeLeaf(at []string, want []string, got string) leaf {
	var names []string
	for _, t := range []string{"string", "integer", "number", "boolean", "object", "array", "null"} {
		if slices.Contains(want, t) {
			names = append(names, withArticle(t))
		}
	}
	return leaf{
		Finding: Finding{value.Pointer(at...), "type", "want " + join(names, "or") + ", got " + withArticle(got)},
		depth:   len(at),
		types:   want,
		got:     got,
	}
}

func withArticle(typ string) string {
	switch typ {
	case "null":
		return typ
	case "integer", "object", "array":
		return "an " + typ
	}
	return "a " + typ
}

// badName makes the leaf of a member whose name does not fit `propertyNames`.
// The name stands in the pointer.
func badName(err *jsonschema.ValidationError) leaf {
	message := "its name does not fit"
	var inner []leaf
	for _, c := range err.Causes {
		inner = collect(inner, c)
	}
	if len(inner) > 0 {
		message += ": " + inner[0].Message
	}
	return leaf{
		Finding: Finding{value.Pointer(err.InstanceLocation...), "propertyNames", message},
		depth:   len(err.InstanceLocation),
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// maxListed is how many values of an enum a message lists.
const maxListed = 20

func oneOf(values []any) string {
	if len(values) == 1 {
		return literal(values[0])
	}
	var texts []string
	for _, v := range values[:min(len(values), maxListed)] {
		texts = append(texts, literal(v))
	}
	list := "one of " + strings.Join(texts, ", ")
	if n := len(values) - maxListed; n > 0 {
		list += fmt.Sprintf(" and %d more", n)
	}
	return list
}

// literal writes a value of the schema, not of the request.
func literal(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "a certain value"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func quote(s string) string { return literal(s) }

func join(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// decimal writes a number as a document would.
func decimal(r *big.Rat) string {
	if n, exact := r.FloatPrec(); exact {
		return r.FloatString(n)
	}
	return r.RatString()
}
