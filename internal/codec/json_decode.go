package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var bom = []byte{0xEF, 0xBB, 0xBF}

// DecodeJSON reads one JSON text (RFC 8259). Objects become map[string]any,
// numbers json.Number. It refuses what encoding/json lets pass: a name twice
// in one object, invalid UTF-8, and half of a surrogate pair, for each of them
// lets two readers see two different values. A byte order mark is ignored
// (section 8.1). The error, if any, is an *Error.
func DecodeJSON(data []byte, charset string, lim Limits) (any, error) {
	v, err := decodeJSON(data, charset, lim.withDefaults())
	return v, err.result()
}

func decodeJSON(data []byte, charset string, lim Limits) (any, *Error) {
	if err := tooManyBytes(len(data), lim); err != nil {
		return nil, err
	}
	if err := onlyUTF8("JSON", charset); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, []byte{0xFE, 0xFF}) || bytes.HasPrefix(data, []byte{0xFF, 0xFE}) {
		return nil, errorOf(Encoding, "the body begins with the byte order mark of UTF-16", "send JSON in UTF-8")
	}
	d := jsonDecoder{data: data, depth: lim.Depth, values: lim.Values, lim: lim}
	if bytes.HasPrefix(data, bom) {
		d.pos = len(bom)
	}
	d.space()
	if d.pos == len(data) {
		return nil, d.malformed("the body is empty", "send one JSON value")
	}
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	d.space()
	if d.pos < len(data) {
		return nil, d.malformed("something follows the JSON value", "send one value and nothing after it")
	}
	return v, nil
}

// jsonDecoder is written by hand because encoding/json's Decoder takes more
// than twice as long (BenchmarkStandardJSONLogin), takes the last of two members
// of one name, and makes replacement characters of what is not UTF-8.
type jsonDecoder struct {
	data   []byte
	pos    int
	depth  int // levels that may still be opened
	values int // values that may still come
	lim    Limits
}

func (d *jsonDecoder) malformed(what, advice string) *Error {
	return errorAt(Malformed, d.data, d.pos, what, advice)
}

func (d *jsonDecoder) early() *Error {
	return d.malformed("the JSON text ends too early", "send it whole")
}

func (d *jsonDecoder) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// next skips white space and returns the byte there, 0 at the end. A NUL in
// the text is no token either, so the two need not be told apart.
func (d *jsonDecoder) next() byte {
	d.space()
	if d.pos == len(d.data) {
		return 0
	}
	return d.data[d.pos]
}

func (d *jsonDecoder) value() (any, *Error) {
	c := d.next()
	if d.values--; d.values < 0 {
		return nil, errorAt(TooLarge, d.data, d.pos,
			"the JSON text has too many values", fmt.Sprintf("send at most %d", d.lim.Values))
	}
	switch c {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '"':
		s, err := d.text()
		if err != nil {
			return nil, err
		}
		return s, nil
	case 't':
		return true, d.word("true")
	case 'f':
		return false, d.word("false")
	case 'n':
		return nil, d.word("null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return d.number()
	}
	if d.pos == len(d.data) {
		return nil, d.early()
	}
	return nil, d.malformed("no JSON value begins here",
		"send an object, an array, a text in double quotes, a number, true, false or null")
}

func (d *jsonDecoder) word(w string) *Error {
	if !bytes.HasPrefix(d.data[d.pos:], []byte(w)) {
		return d.malformed("a word is none of true, false and null", "write texts in double quotes")
	}
	d.pos += len(w)
	return nil
}

func (d *jsonDecoder) open() *Error {
	if d.depth--; d.depth < 0 {
		return errorAt(TooDeep, d.data, d.pos,
			"the JSON text is nested too deep", fmt.Sprintf("nest at most %d levels", d.lim.Depth))
	}
	d.pos++
	return nil
}

func (d *jsonDecoder) close() {
	d.pos++
	d.depth++
}

func (d *jsonDecoder) object() (any, *Error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	m := map[string]any{}
	if d.next() == '}' {
		d.close()
		return m, nil
	}
	for {
		if d.next() != '"' {
			if d.pos == len(d.data) {
				return nil, d.early()
			}
			return nil, d.malformed("a member name is missing", "write names in double quotes, and no comma before }")
		}
		start := d.pos
		name, err := d.text()
		if err != nil {
			return nil, err
		}
		if _, twice := m[name]; twice {
			d.pos = start
			return nil, d.malformed("an object has the same name twice", "send each name once").in(name)
		}
		if d.next() != ':' {
			if d.pos == len(d.data) {
				return nil, d.early()
			}
			return nil, d.malformed("a colon is missing after a name", `write "name": value`).in(name)
		}
		d.pos++
		v, err := d.value()
		if err != nil {
			return nil, err.in(name)
		}
		m[name] = v
		switch d.next() {
		case ',':
			d.pos++
		case '}':
			d.close()
			return m, nil
		default:
			if d.pos == len(d.data) {
				return nil, d.early()
			}
			return nil, d.malformed("an object goes on without a comma", "write , between members and } at the end")
		}
	}
}

func (d *jsonDecoder) array() (any, *Error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	s := []any{}
	if d.next() == ']' {
		d.close()
		return s, nil
	}
	for {
		v, err := d.value()
		if err != nil {
			return nil, err.in(strconv.Itoa(len(s)))
		}
		s = append(s, v)
		switch d.next() {
		case ',':
			d.pos++
		case ']':
			d.close()
			return s, nil
		default:
			if d.pos == len(d.data) {
				return nil, d.early()
			}
			return nil, d.malformed("an array goes on without a comma", "write , between elements and ] at the end")
		}
	}
}

func (d *jsonDecoder) number() (any, *Error) {
	end := numberEnd(d.data, d.pos)
	if end < 0 {
		return nil, d.malformed("a number is not written as JSON writes it",
			"write digits without leading zeros, and a digit on both sides of the point")
	}
	s := string(d.data[d.pos:end])
	if !numberFits(s) {
		return nil, errorAt(TooLarge, d.data, d.pos, "a number is too long or too large",
			fmt.Sprintf("send at most %d characters and exponents up to %d", maxNumberLength, maxNumberExponent))
	}
	d.pos = end
	return json.Number(s), nil
}

// text reads a string whose opening quote is at pos.
func (d *jsonDecoder) text() (string, *Error) {
	start := d.pos + 1
	ascii := true
	for i := start; i < len(d.data); i++ {
		switch c := d.data[i]; {
		case c == '"':
			if !ascii && !utf8.Valid(d.data[start:i]) {
				return "", d.badUTF8(start, i)
			}
			d.pos = i + 1
			return string(d.data[start:i]), nil
		case c == '\\':
			return d.escaped(start, i)
		case c < ' ':
			d.pos = i
			return "", d.control()
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	d.pos = len(d.data)
	return "", d.early()
}

// escaped reads a string that begins at start and has its first escape at i.
func (d *jsonDecoder) escaped(start, i int) (string, *Error) {
	b := make([]byte, i-start, min(len(d.data)-start, i-start+64))
	copy(b, d.data[start:i])
	from := start // of the stretch whose UTF-8 is not checked yet
	for i < len(d.data) {
		c := d.data[i]
		if c != '"' && c != '\\' {
			if c < ' ' {
				d.pos = i
				return "", d.control()
			}
			b = append(b, c)
			i++
			continue
		}
		if !utf8.Valid(d.data[from:i]) {
			return "", d.badUTF8(from, i)
		}
		if c == '"' {
			d.pos = i + 1
			return string(b), nil
		}
		r, n := unescape(d.data[i:])
		if n == 0 {
			d.pos = i
			if len(d.data)-i < 6 && bytes.IndexByte(d.data[i:], '"') < 0 {
				d.pos = len(d.data)
				return "", d.early()
			}
			return "", d.malformed("an escape is none that JSON knows",
				`write \", \\, \/, \b, \f, \n, \r, \t or \u with four hexadecimal digits`)
		}
		if r == utf8.RuneError && n < 0 {
			d.pos = i
			return "", d.malformed("an escape is one half of a surrogate pair", `write the pair, or the character itself`)
		}
		b = utf8.AppendRune(b, r)
		i += n
		from = i
	}
	d.pos = len(d.data)
	return "", d.early()
}

// unescape reads the escape that b begins with. n is its length, 0 if it is
// none, negative if it is a lone surrogate.
func unescape(b []byte) (r rune, n int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default:
		return 0, 0
	}
	r, ok := hex4(b)
	switch {
	case !ok:
		return 0, 0
	case !utf16.IsSurrogate(r):
		return r, 6
	}
	if low, ok := hex4(b[6:]); ok {
		if r := utf16.DecodeRune(r, low); r != utf8.RuneError {
			return r, 12
		}
	}
	return utf8.RuneError, -1
}

// hex4 reads \uXXXX at the beginning of b.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		h, ok := unhex(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(h)
	}
	return r, true
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func (d *jsonDecoder) control() *Error {
	return d.malformed("a text holds a control character", `write it as an escape, such as \n`)
}

func (d *jsonDecoder) badUTF8(start, end int) *Error {
	d.pos = start + invalidUTF8(d.data[start:end])
	return d.malformed("a byte is not valid UTF-8", "send JSON in UTF-8")
}

// invalidUTF8 returns the offset of the first byte that is not valid UTF-8, or
// the length of b.
func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}
