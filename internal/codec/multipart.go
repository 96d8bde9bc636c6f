package codec

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
	"unicode/utf8"

	"github.com/mockauth/mockauth/internal/schema"
)

// DecodeMultipart reads multipart/form-data (RFC 7578). A part becomes a
// member as a field does in DecodeForm; a part of type application/json is
// decoded as JSON; a file, or a part of any other type, becomes its content: as
// text if it is valid UTF-8, else in base64. The caller has read and bounded
// the body. n may be nil. The error, if any, is an *Error.
func DecodeMultipart(data []byte, boundary string, n *schema.Node, lim Limits) (any, error) {
	v, err := decodeMultipart(data, boundary, n, lim.withDefaults())
	return v, err.result()
}

func decodeMultipart(data []byte, boundary string, n *schema.Node, lim Limits) (any, *Error) {
	if err := tooManyBytes(len(data), lim); err != nil {
		return nil, err
	}
	if boundary == "" {
		return nil, errorOf(Malformed, "the Content-Type has no boundary",
			"send the boundary parameter, as in multipart/form-data; boundary=xyz")
	}
	if !isBoundary(boundary) {
		return nil, errorOf(Malformed, "the boundary is not one that RFC 2046 allows", "send 1 to 70 letters and digits")
	}
	f := newFormFields(n, lim)
	r := multipart.NewReader(bytes.NewReader(data), boundary)
	for count := 1; ; count++ {
		// The raw part, for NextPart decodes quoted-printable in silence.
		part, err := r.NextRawPart()
		// io.EOF itself, not wrapped, is the final boundary; but it is also the
		// end of the body just after another boundary.
		if err == io.EOF && endsWith(data, boundary) {
			return f.values, nil
		}
		if err != nil {
			return nil, partError(count, err)
		}
		if err := f.addPart(part, count); err != nil {
			return nil, err
		}
	}
}

// endsWith reports whether a line of data begins with the final boundary.
func endsWith(data []byte, boundary string) bool {
	final := []byte("--" + boundary + "--")
	return bytes.HasPrefix(data, final) || bytes.Contains(data, append([]byte{'\n'}, final...))
}

func partError(count int, err error) *Error {
	place := fmt.Sprintf("part %d of the body ", count)
	if errors.Is(err, multipart.ErrMessageTooLarge) {
		return errorOf(TooLarge, place+"has too many headers", "send Content-Disposition and Content-Type")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errorOf(Malformed, place+"ends too early, or its boundary does not come", "end the body with the boundary between two pairs of hyphens")
	}
	return errorOf(Malformed, place+"is not well-formed", "send the boundary, headers, an empty line and the content")
}

func (f *formFields) addPart(part *multipart.Part, count int) *Error {
	place := fmt.Sprintf("part %d of the body ", count)
	if headerBytes(part.Header) > maxPartHeaderBytes {
		return errorOf(TooLarge, place+"has too many or too long headers", fmt.Sprintf("send at most %d bytes of them", maxPartHeaderBytes))
	}
	name, file, err := disposition(part.Header, place)
	if err != nil {
		return err
	}
	switch strings.ToLower(trim(part.Header.Get("Content-Transfer-Encoding"))) {
	case "", "7bit", "8bit", "binary":
	default:
		return errorOf(Malformed, place+"has a Content-Transfer-Encoding, which RFC 7578 ended", "send the content as it is").in(name)
	}
	typ, charset := "text/plain", ""
	if header := part.Header.Get("Content-Type"); header != "" {
		t, params, err := MediaType(header)
		if err != nil {
			return errorOf(Malformed, place+"has a Content-Type that cannot be read", "write type/subtype").in(name)
		}
		typ, charset = t, params["charset"]
	} else if file {
		typ = "application/octet-stream"
	}
	content, readErr := io.ReadAll(part)
	if readErr != nil {
		return partError(count, readErr)
	}
	if typ == "application/json" {
		return f.addJSON(name, content, charset)
	}
	return f.add(name, func(p *schema.Node) (any, *Error) {
		if file || typ != "text/plain" {
			if utf8.Valid(content) {
				return string(content), nil
			}
			return base64.StdEncoding.EncodeToString(content), nil
		}
		if !isUTF8(charset) {
			return nil, errorOf(Encoding, place+"is in a charset that is not read", "send charset=utf-8 or none")
		}
		if !utf8.Valid(content) {
			return nil, errorOf(Malformed, place+"is not valid UTF-8", "send text in UTF-8, or bytes as a file")
		}
		return DecodeText(p, string(content)), nil
	})
}

// addJSON adds a part that is JSON. For a property that is an array, it may be
// one element or the whole array.
func (f *formFields) addJSON(name string, content []byte, charset string) *Error {
	lim := f.lim
	lim.Values = max(f.left, 1)
	_, repeated := f.values[name]
	p := sole(formProperty(f.schema, name))
	v, err := decodeJSON(content, charset, lim)
	if err != nil {
		return err.in(name)
	}
	used := countValues(v)
	if elements, ok := v.([]any); ok && p != nil && kindOf(p) == asArray && !repeated && kindOf(sole(p.Items())) != asArray {
		f.left -= used
		f.values[name] = elements
		f.lists[name] = true
		return nil
	}
	f.left -= used - 1 // add counts one
	return f.add(name, func(*schema.Node) (any, *Error) { return v, nil })
}

func countValues(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += countValues(e)
		}
	case map[string]any:
		for _, e := range v {
			n += countValues(e)
		}
	}
	return n
}

func headerBytes(h textproto.MIMEHeader) int {
	n := 0
	for name, values := range h {
		for _, v := range values {
			n += len(name) + len(v)
		}
	}
	return n
}

// disposition reads Content-Disposition: the field's name, and whether the
// part is a file. A file without a name (an empty file input) is a file too.
func disposition(h textproto.MIMEHeader, place string) (name string, file bool, _ *Error) {
	const advice = `send Content-Disposition: form-data; name="field"`
	headers := h.Values("Content-Disposition")
	if len(headers) != 1 {
		return "", false, errorOf(Malformed, place+"does not have one Content-Disposition", advice)
	}
	typ, params, ok := parseDisposition(headers[0])
	switch {
	case !ok:
		return "", false, errorOf(Malformed, place+"has a Content-Disposition that cannot be read", advice)
	case typ != "form-data":
		return "", false, errorOf(Malformed, place+"is no form-data", advice)
	case params["name"] == "":
		return "", false, errorOf(Malformed, place+"has no name", advice)
	case !utf8.ValidString(params["name"]):
		return "", false, errorOf(Malformed, place+"has a name that is not valid UTF-8", advice)
	}
	_, plain := params["filename"]
	_, extended := params["filename*"]
	return params["name"], plain || extended, nil
}

// parseDisposition is not MediaType, for that takes printable ASCII only,
// and names come in UTF-8 (RFC 7578, section 5.1).
func parseDisposition(s string) (typ string, params map[string]string, ok bool) {
	typ, rest, _ := strings.Cut(s, ";")
	params = map[string]string{}
	for {
		rest = strings.TrimLeft(rest, " \t;")
		if rest == "" {
			return strings.ToLower(trim(typ)), params, true
		}
		name, after, found := strings.Cut(rest, "=")
		name, after = strings.ToLower(trim(name)), strings.TrimLeft(after, " \t")
		if _, twice := params[name]; twice || !found || !isToken(name) {
			return "", nil, false
		}
		var v string
		if strings.HasPrefix(after, `"`) {
			if v, rest, ok = quoted(after[1:]); !ok {
				return "", nil, false
			}
		} else {
			v, rest, _ = strings.Cut(after, ";")
			v = trim(v)
		}
		params[name] = v
	}
}

// quoted reads up to the closing quote. A backslash escapes a quote and itself
// only, for it also comes bare, in file names.
func quoted(s string) (v, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			rest = trim(s[i+1:])
			return b.String(), rest, rest == "" || rest[0] == ';'
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// isBoundary follows RFC 2046, section 5.1.1.
func isBoundary(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("'()+_,-./:=? ", c) >= 0:
		default:
			return false
		}
	}
	return s != "" && len(s) <= 70 && s[len(s)-1] != ' '
}
