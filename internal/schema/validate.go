package schema

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mockauth/mockauth/internal/value"
)

// Validator judges values by one schema in one direction. It is safe for
// concurrent use.
type Validator struct {
	schema *jsonschema.Schema
	quick  *quick // nil: every value goes to the library
	bits   typeBits
}

// Validate returns what is wrong with x, ordered by pointer, then keyword; nil
// if nothing is. x is a value as package value defines it, ordered or not. It
// never panics, whatever x is.
func (v *Validator) Validate(x any) []Finding {
	if v.quick.accepts(x, &v.bits, 0) {
		return nil
	}
	switch survey(x, 0) {
	case ordered:
		x = value.Plain(x)
	case tooDeep:
		return []Finding{{"", "type", "want a value nested at most " + itoa(maxNesting) + " levels deep"}}
	case insane:
		return insaneNumbers(nil, nil, value.Plain(x))
	}
	err := v.schema.Validate(x)
	if err == nil {
		return nil
	}
	var verr *jsonschema.ValidationError
	if !errors.As(err, &verr) {
		return []Finding{{Keyword: "schema", Message: "the value cannot be judged"}}
	}
	return flatten(verr)
}

type content int

const (
	unordered content = iota // the library can judge it as it is
	ordered                  // it holds a value.Object
	insane                   // it holds a number that must not reach the library
	tooDeep                  // it nests deeper than maxNesting
)

// maxNesting bounds a value as package document bounds a file: the library
// takes quadratic time in the depth of what is wrong, seconds at 3,000.
const maxNesting = 200

// survey finds out whether the library can take x. It allocates nothing, since
// most bodies are plain and good.
func survey(x any, depth int) content {
	if depth > maxNesting {
		return tooDeep
	}
	found := unordered
	switch x := x.(type) {
	case json.Number:
		if !sane(x) {
			return insane
		}
	case map[string]any:
		for _, e := range x {
			found = max(found, survey(e, depth+1))
		}
	case []any:
		for _, e := range x {
			found = max(found, survey(e, depth+1))
		}
	case value.Object:
		found = ordered
		for i := range x {
			found = max(found, survey(x[i].Value, depth+1))
		}
	}
	return found
}

// maxDigits bounds a number: its characters, and the size of its exponent.
// The library computes with exact fractions, so that twelve characters such as
// 1e999999999 would cost gigabytes, or a nil pointer. RFC 8259, section 6, lets
// a reader set limits.
const maxDigits = 400

// sane reports whether n is a JSON number within the limits.
func sane(n json.Number) bool {
	s := string(n)
	if len(s) > maxDigits {
		return false
	}
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	whole := countDigits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if s != "" && s[0] == '.' {
		n := countDigits(s[1:])
		if n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s == "" {
		return true
	}
	if s[0]|0x20 != 'e' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	if s == "" || countDigits(s) != len(s) {
		return false
	}
	exponent, err := strconv.Atoi(s)
	return err == nil && exponent <= maxDigits
}

func countDigits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

func allSane(x any) bool { return survey(x, 0) < insane }

func insaneNumbers(out []Finding, at []string, x any) []Finding {
	switch x := x.(type) {
	case json.Number:
		if !sane(x) {
			out = append(out, Finding{value.Pointer(at...), "type", "want a number that JSON can write with at most " + itoa(maxDigits) + " digits, exponent included"})
		}
	case map[string]any:
		for name, e := range x {
			out = insaneNumbers(out, append(slices.Clip(at), name), e)
		}
	case []any:
		for i, e := range x {
			out = insaneNumbers(out, append(slices.Clip(at), itoa(i)), e)
		}
	}
	if at == nil {
		return tidy(out)
	}
	return out
}

func itoa(i int) string { return strconv.Itoa(i) }
