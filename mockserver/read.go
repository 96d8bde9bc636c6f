package mockserver

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/wire"
)

// readBody reads the body within the limits. A body that no operation wants is
// read as well, so that the connection can be used again, and for the journal.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *session.Failure) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	raw, err := wire.ReadAll(http.MaxBytesReader(w, r.Body, limit), r.ContentLength)
	if err == nil {
		return raw, nil
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return raw, &session.Failure{Reason: "request.size", Why: fmt.Sprintf("The body is larger than %d bytes; send less.", limit)}
	}
	return raw, &session.Failure{Reason: "request.malformed", Why: "The body ended before it was complete; send all of what Content-Length or the chunks announce, and in time."}
}
