package mockserver

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"
)

// after is how long a connection stays open on which an answer was written
// twice: a client that sends the next request on it reads the second one.
const after = time.Second

// twice writes the answer two times onto the connection. What the client sends
// after that is not read as a request: it has an answer already.
func (x *exchange) twice(a *answer) {
	if _, ok := x.w.(*memory); ok {
		x.send(a)
		return
	}
	h := x.w.Header()
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.send(a) // HTTP/2: a stream has one answer
		return
	}
	defer func() { _ = conn.Close() }()
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %03d %s\r\n", a.status, http.StatusText(a.status))
	_ = h.Write(&b)
	b.WriteString("\r\n")
	if a.hasBody() && x.r.Method != http.MethodHead {
		b.Write(a.body)
	}
	_ = conn.SetDeadline(time.Now().Add(after))
	for range 2 {
		if _, err := conn.Write(b.Bytes()); err != nil {
			return
		}
	}
	_, _ = io.Copy(io.Discard, conn) // a close with unread bytes would be a reset
}
