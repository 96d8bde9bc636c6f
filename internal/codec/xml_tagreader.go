package codec

import (
	"errors"
	"io"
)

// errAttributes ends the reading of a start tag with too many attributes.
var errAttributes = errors.New("too many attributes")

// tagReader counts the attributes of a start tag while it is read: RawToken
// gives it back only when all of them are in memory, at some 300 bytes for the six of one.
type tagReader struct {
	data       []byte
	pos        int
	start      int  // of the token
	quote      byte // that is open
	attributes int
}

// begin says that a token begins at start. The decoder may have read its first
// byte already.
func (r *tagReader) begin(start int) {
	r.start, r.quote, r.attributes = start, 0, 0
}

func (r *tagReader) ReadByte() (byte, error) {
	if r.pos == len(r.data) {
		return 0, io.EOF
	}
	c := r.data[r.pos]
	r.pos++
	switch {
	case r.quote != 0:
		if c == r.quote {
			r.quote = 0
		}
	case c == '"', c == '\'':
		if r.isTag() {
			r.quote = c
		}
	case c == '=':
		if r.isTag() {
			if r.attributes++; r.attributes > maxAttributes {
				return 0, errAttributes
			}
		}
	}
	return c, nil
}

// isTag reports whether the token is a start tag, at its third byte or later.
func (r *tagReader) isTag() bool {
	if r.start+1 >= len(r.data) || r.data[r.start] != '<' {
		return false
	}
	second := r.data[r.start+1]
	return second != '!' && second != '?' && second != '/'
}

// Read is not called: the decoder takes an io.ByteReader as it is.
func (r *tagReader) Read(p []byte) (int, error) {
	n := copy(p, r.data[r.pos:])
	r.pos += n
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
