package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Fault is why an exchange came to nothing.
type Fault string

// The faults.
const (
	// FaultHost: the host is not the target's; nothing was sent.
	FaultHost Fault = "host not allowed"
	// FaultDNS: the name of the host is not known, or cannot be looked up.
	FaultDNS Fault = "name not found"
	// FaultRefused: nothing listens at the port.
	FaultRefused Fault = "connection refused"
	// FaultDead: no connection came about in time, or there is no way to the host.
	FaultDead Fault = "host does not answer"
	// FaultTimeout: there was a connection, and the answer did not begin in time.
	FaultTimeout Fault = "no answer in time"
	// FaultSlow: the answer began, and did not end in time.
	FaultSlow Fault = "answer did not end in time"
	// FaultAuthority: nobody that is trusted has signed the certificate.
	FaultAuthority Fault = "certificate not trusted"
	// FaultName: the certificate is for another host.
	FaultName Fault = "certificate of another host"
	// FaultExpired: the certificate is not valid now.
	FaultExpired Fault = "certificate not valid now"
	// FaultTLS: TLS cannot be agreed on; the server may speak none at this port.
	FaultTLS Fault = "no TLS"
	// FaultNotHTTP: something answers, and it is not HTTP/1.1.
	FaultNotHTTP Fault = "not HTTP"
	// FaultClosed: the connection was closed before the answer was whole.
	FaultClosed Fault = "connection closed"
	// FaultCanceled: the caller's context ended.
	FaultCanceled Fault = "canceled"
	// FaultOther: anything else.
	FaultOther Fault = "failed"
)

// Silent reports whether the target said nothing: nothing listens, or no whole
// answer came in time.
func (f Fault) Silent() bool {
	switch f {
	case FaultRefused, FaultDead, FaultTimeout, FaultSlow:
		return true
	default:
		return false
	}
}

// ExchangeError is an exchange that came to nothing.
type ExchangeError struct {
	Fault Fault
	Host  string
	// After is how long it was waited.
	After time.Duration
	// Err is the cause; errors.Is and errors.As look into it. Its text may hold
	// what the server sent.
	Err error

	text string
}

func (e *ExchangeError) Error() string {
	if e.text != "" {
		return e.text
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *ExchangeError) Unwrap() error { return e.Err }

// FaultOf is the fault of an error of Client.Do; "" for nil.
func FaultOf(err error) Fault {
	if err == nil {
		return ""
	}
	var e *ExchangeError
	if errors.As(err, &e) {
		return e.Fault
	}
	return FaultOther
}

// explain says what an error of the transport means, in words that hold no
// secret.
func (c *Client) explain(parent context.Context, r *http.Request, at stage, after time.Duration, err error) error {
	e := &ExchangeError{Host: r.URL.Host, After: after, Err: err}
	e.Fault = faultOf(parent, at, err)
	cause := err.Error()
	if len(cause) > 200 {
		cause = cause[:200] + "…"
	}
	cause = c.masker.Text(cause)
	waited := after.Round(time.Millisecond)
	if after >= time.Second {
		waited = after.Round(100 * time.Millisecond)
	}
	switch e.Fault {
	case FaultDNS:
		e.text = fmt.Sprintf("the name %s cannot be looked up: %s", r.URL.Hostname(), cause)
	case FaultRefused:
		e.text = e.Host + " refuses the connection"
	case FaultDead:
		e.text = fmt.Sprintf("no connection to %s after %s: %s", e.Host, waited, cause)
	case FaultTimeout:
		e.text = fmt.Sprintf("%s took the request, and did not begin to answer within %s", e.Host, waited)
	case FaultSlow:
		e.text = fmt.Sprintf("%s began to answer, and had not ended after %s", e.Host, waited)
	case FaultNotHTTP:
		e.text = fmt.Sprintf("%s does not answer in HTTP: %s", e.Host, cause)
	case FaultClosed:
		e.text = fmt.Sprintf("%s closed the connection before its answer was whole: %s", e.Host, cause)
	case FaultCanceled:
		e.text = fmt.Sprintf("the request to %s was given up: %s", e.Host, cause)
	default:
		e.text = fmt.Sprintf("%s: %s: %s", e.Host, e.Fault, cause)
	}
	return e
}

func faultOf(parent context.Context, at stage, err error) Fault {
	var (
		dns       *net.DNSError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		dial      *net.OpError
		timeout   net.Error
	)
	switch {
	case parent.Err() != nil:
		return FaultCanceled
	case errors.As(err, &authority):
		return FaultAuthority
	case errors.As(err, &name):
		return FaultName
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return FaultExpired
	case errors.As(err, &verify):
		return FaultAuthority
	case errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record) || errors.As(err, &alert):
		return FaultTLS
	case errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded):
		switch at {
		case stageStart, stageConnect:
			return FaultDead
		case stageResolve:
			return FaultDNS
		case stageTLS, stageSent:
			return FaultTimeout
		}
		return FaultSlow
	case errors.As(err, &dns):
		return FaultDNS
	case errors.Is(err, syscall.ECONNREFUSED):
		return FaultRefused
	case errors.As(err, &dial) && dial.Op == "dial":
		return FaultDead
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		if at == stageTLS {
			return FaultTLS
		}
		return FaultClosed
	case at == stageTLS:
		return FaultTLS
	case at >= stageSent:
		return FaultNotHTTP
	}
	return FaultOther
}
