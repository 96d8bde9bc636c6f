package mockserver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/mockauth/mockauth/internal/session"
)

// readBody reads the body within the limits. A body that no operation wants is
// read as well, so that the connection can be used again, and for the journal.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *session.Failure) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	raw, err := readAll(http.MaxBytesReader(w, r.Body, limit), r.ContentLength)
	if err == nil {
		return raw, nil
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return raw, &session.Failure{Reason: "request.size", Why: fmt.Sprintf("The body is larger than %d bytes; send less.", limit)}
	}
	return raw, &session.Failure{Reason: "request.malformed", Why: "The body ended before it was complete; send all of what Content-Length or the chunks announce, and in time."}
}

// believed is the largest announced size that room is made for at once.
const believed = 64 << 10

// readAll is io.ReadAll with room for what was announced, and for the read that
// finds the end. It is no more: the journal holds on to it.
func readAll(r io.Reader, announced int64) ([]byte, error) {
	if announced < 0 || announced > believed {
		return io.ReadAll(r)
	}
	raw := make([]byte, 0, announced+1)
	for {
		n, err := r.Read(raw[len(raw):cap(raw)])
		raw = raw[:len(raw)+n]
		if err == io.EOF {
			return raw, nil
		}
		if err != nil {
			return raw, err
		}
		if len(raw) == cap(raw) {
			raw = slices.Grow(raw, 512)
		}
	}
}
