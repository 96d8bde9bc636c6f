package codec

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/mockauth/mockauth/internal/value"
)

// AppendJSON appends v as compact JSON. The members of a value.Object keep
// their order, those of a map are sorted. <, > and & stay as they are; to
// escape them is for JSON inside of HTML, and changes documented answers. A
// text that is not valid UTF-8 is an error, for it would reach the client
// changed. dst is returned as it was if there is an error, an *Error.
func AppendJSON(dst []byte, v any) ([]byte, error) {
	out, err := appendJSON(dst, v, 0)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func appendJSON(dst []byte, v any, depth int) ([]byte, *Error) {
	if depth > maxEncodeDepth {
		return nil, encodeTooDeep()
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case string:
		return appendJSONText(dst, v)
	case json.Number:
		if numberEnd(string(v), 0) != len(v) {
			return nil, errorOf(Unsupported, "a number is not written as JSON writes it", "correct it in the contract")
		}
		return append(dst, v...), nil
	case value.Object:
		dst = append(dst, '{')
		for i := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err *Error
			if dst, err = appendJSONMember(dst, v[i].Name, v[i].Value, depth); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case map[string]any:
		dst = append(dst, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err *Error
			if dst, err = appendJSONMember(dst, name, v[name], depth); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err *Error
			if dst, err = appendJSON(dst, e, depth+1); err != nil {
				return nil, err.in(strconv.Itoa(i))
			}
		}
		return append(dst, ']'), nil
	}
	if text, ok := value.Text(v); ok { // int, int64, float64
		return append(dst, text...), nil
	}
	return nil, unknownType()
}

func appendJSONMember(dst []byte, name string, v any, depth int) ([]byte, *Error) {
	dst, err := appendJSONText(dst, name)
	if err != nil {
		return nil, err.in(name)
	}
	if dst, err = appendJSON(append(dst, ':'), v, depth+1); err != nil {
		return nil, err.in(name)
	}
	return dst, nil
}

func appendJSONText(dst []byte, s string) ([]byte, *Error) {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from, ascii := 0, true
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			ascii = false
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	if !ascii && !utf8.ValidString(s) {
		return nil, errorOf(Encoding, "a text is not valid UTF-8", "write bytes as base64")
	}
	return append(append(dst, s[from:]...), '"'), nil
}

func encodeTooDeep() *Error {
	return errorOf(TooDeep, "the value is nested too deep to be written", "it may contain itself")
}

func unknownType() *Error {
	return errorOf(Unsupported, "a value is of a Go type that package value does not have", "convert it first")
}
