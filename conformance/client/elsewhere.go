package client

import (
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"
)

// elsewhere is a server on another port: whatever reaches it was sent to someone
// else.
type elsewhere struct {
	http *http.Server
	url  string

	mu   sync.Mutex
	seen []string // whole requests
}

func newElsewhere() (*elsewhere, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &elsewhere{url: "http://" + l.Addr().String()}
	e.http = &http.Server{Handler: e, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	go func() { _ = e.http.Serve(l) }() // ends with close
	return e, nil
}

// ServeHTTP remembers a request, and knows nothing.
func (e *elsewhere) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	dump, err := httputil.DumpRequest(r, true)
	if err != nil {
		dump, _ = httputil.DumpRequest(r, false)
	}
	_, _ = io.Copy(io.Discard, r.Body)
	e.mu.Lock()
	if len(e.seen) < 100 {
		e.seen = append(e.seen, string(dump))
	}
	e.mu.Unlock()
	http.Error(w, "This is another server.", http.StatusNotFound)
}

func (e *elsewhere) requests() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.seen...)
}

func (e *elsewhere) close() { _ = e.http.Close() }
