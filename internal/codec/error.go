package codec

import (
	"bytes"
	"fmt"
	"strings"
)

// Kind says whose fault an error is and which status may answer it.
type Kind uint8

const (
	// Malformed: the bytes break the grammar, or the document cannot be laid
	// over the schema without losing something.
	Malformed Kind = iota + 1
	// TooLarge: more bytes, values or digits than the limits allow.
	TooLarge
	// TooDeep: nested deeper than the limits allow.
	TooDeep
	// Encoding: a charset that is not read; when writing, a text that has no
	// form in the encoding.
	Encoding
	// Unsupported: the schema or the value has no form in the encoding. It is
	// never the client's fault.
	Unsupported
)

func (k Kind) String() string {
	switch k {
	case Malformed:
		return "malformed"
	case TooLarge:
		return "too large"
	case TooDeep:
		return "too deep"
	case Encoding:
		return "encoding"
	case Unsupported:
		return "unsupported"
	}
	return "unknown"
}

// Error is the only type of error of this package.
type Error struct {
	Kind Kind
	// Pointer is the JSON pointer of the value in question, "" for the whole
	// or where it is not known. It holds names that the client sent; names
	// longer than 128 bytes are cut.
	Pointer string
	// Offset counts bytes from the beginning of the body; of an XML document
	// in another charset, from the beginning of its UTF-8 form. It is 0 where
	// Pointer alone says the place.
	Offset int64
	// Message is a sentence that says what is wrong, where, and what would
	// work. It never holds anything that the client sent, for that may be a
	// password.
	Message string
}

func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Message
	}
	return e.Message + " (at " + e.Pointer + ")"
}

// result makes an error interface of e that is nil when e is.
func (e *Error) result() error {
	if e == nil {
		return nil
	}
	return e
}

// errorAt is an error at a place of the body.
func errorAt(kind Kind, data []byte, offset int, what, advice string) *Error {
	offset = min(offset, len(data))
	line := 1 + bytes.Count(data[:offset], []byte{'\n'})
	return &Error{
		Kind:    kind,
		Offset:  int64(offset),
		Message: fmt.Sprintf("%s (line %d, offset %d); %s", what, line, offset, advice),
	}
}

// errorOf is an error without an offset.
func errorOf(kind Kind, what, advice string) *Error {
	return &Error{Kind: kind, Message: what + "; " + advice}
}

const maxPointerToken = 128

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// in puts the error into the member or element called token. Callers add their
// token while they return, so that a body without errors pays nothing.
func (e *Error) in(token string) *Error {
	if len(token) > maxPointerToken {
		token = strings.ToValidUTF8(token[:maxPointerToken], "") + "…"
	}
	token = strings.ToValidUTF8(token, "\uFFFD")
	e.Pointer = "/" + pointerEscaper.Replace(token) + e.Pointer
	return e
}

func tooManyBytes(n int, lim Limits) *Error {
	if int64(n) <= lim.Bytes {
		return nil
	}
	return errorOf(TooLarge,
		fmt.Sprintf("the body has %d bytes", n),
		fmt.Sprintf("send at most %d", lim.Bytes))
}
