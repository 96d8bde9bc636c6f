package mockserver

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"syscall"
)

// memory is where an exchange without a port is answered.
type memory struct {
	*httptest.ResponseRecorder
	stream io.Reader // the body, if it is made while it is read
	broken error     // instead of an answer
}

// sever is the end of the connection that there is not.
func (m *memory) sever(reset bool) {
	m.broken = io.EOF
	if reset {
		m.broken = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
}

// result is what the client gets.
func (m *memory) result(r *http.Request) (*http.Response, error) {
	if m.broken != nil {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return nil, m.broken
	}
	res := m.Result()
	res.Request = r
	// The recorder would guess a type where a server writes none.
	if h, ok := m.Header()["Content-Type"]; ok && h == nil {
		res.Header.Del("Content-Type")
	}
	if r.Method == http.MethodHead {
		return res, nil
	}
	if m.stream != nil {
		res.Body = io.NopCloser(m.stream)
	}
	if n, err := strconv.Atoi(res.Header.Get("Content-Length")); err == nil && n > m.Body.Len() && res.StatusCode != http.StatusNotModified {
		res.Body = io.NopCloser(io.MultiReader(m.Body, cut{}))
	}
	return res, nil
}

// cut is the end of a body that is not all there.
type cut struct{}

// Read implements io.Reader.
func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
