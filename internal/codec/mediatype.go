package codec

import "strings"

// MediaType takes a Content-Type apart: the type in lower case, and its
// parameters by their names in lower case. The value of charset is in lower
// case too, others (a boundary!) are as they came. It is lenient where clients
// are careless and nothing is ambiguous: spaces around = and ;, semicolons
// without a parameter. A parameter that stands twice is an error, for readers
// differ in which they take. The error, if any, is an *Error.
func MediaType(contentType string) (typ string, params map[string]string, err error) {
	bad := func(what string) (string, map[string]string, error) {
		return "", nil, errorOf(Malformed, "the media type "+what, "write type/subtype; name=value, such as application/json; charset=utf-8")
	}
	if len(contentType) > maxMediaTypeLength {
		return "", nil, errorOf(TooLarge, "the media type is too long", "write type/subtype; name=value, such as application/json; charset=utf-8")
	}
	full, rest, _ := strings.Cut(contentType, ";")
	full = strings.ToLower(trim(full))
	major, minor, slash := strings.Cut(full, "/")
	switch {
	case full == "":
		return bad("is missing")
	case !slash || !isToken(major) || !isToken(minor):
		return bad("is not type/subtype")
	}
	params = map[string]string{}
	for {
		rest = strings.TrimLeft(rest, " \t;")
		if rest == "" {
			return full, params, nil
		}
		eq := strings.IndexAny(rest, "=;")
		if eq < 0 || rest[eq] == ';' {
			return bad("has a parameter without a value")
		}
		name := strings.ToLower(trim(rest[:eq]))
		if !isToken(name) {
			return bad("has a parameter without a name")
		}
		v, after, ok := parameterValue(strings.TrimLeft(rest[eq+1:], " \t"))
		if !ok {
			return bad("has a parameter that is neither a token nor in double quotes")
		}
		if _, twice := params[name]; twice {
			return bad("has a parameter twice")
		}
		if name == "charset" {
			v = strings.ToLower(trim(v))
		}
		params[name], rest = v, after
	}
}

// parameterValue reads a token or a quoted string (RFC 9110, section 5.6) and
// returns what follows, which is empty or begins with a semicolon.
func parameterValue(s string) (v, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		v, rest, _ = strings.Cut(s, ";")
		v = trim(v)
		// A boundary with ( ) / : = ? and such must be quoted (RFC 2046,
		// section 5.1.1); without quotes it is not ambiguous either.
		return v, rest, v != "" && !strings.ContainsAny(v, "\" \t,\\") && printable(v)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			rest = trim(s[i+1:])
			return b.String(), rest, (rest == "" || rest[0] == ';') && printable(b.String())
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

func trim(s string) string { return strings.Trim(s, " \t") }

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isToken follows RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c > '~' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
