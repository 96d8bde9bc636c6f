package wire

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
)

// Jar is a cookie jar that can be emptied.
type Jar struct {
	mu   sync.Mutex
	kept *cookiejar.Jar
}

// NewJar makes an empty Jar.
func NewJar() *Jar {
	j := &Jar{}
	j.Clear()
	return j
}

// SetCookies implements http.CookieJar.
func (j *Jar) SetCookies(u *url.URL, cookies []*http.Cookie) { j.now().SetCookies(u, cookies) }

// Cookies implements http.CookieJar.
func (j *Jar) Cookies(u *url.URL) []*http.Cookie { return j.now().Cookies(u) }

// Clear forgets all cookies.
func (j *Jar) Clear() {
	kept, _ := cookiejar.New(nil) // fails never
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kept = kept
}

func (j *Jar) now() *cookiejar.Jar {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.kept
}

// Cookie is the value of a cookie that would be sent to a path; "": none.
func (c *Conn) Cookie(path, name string) string {
	for _, kept := range c.Jar.Cookies(c.base.JoinPath(path)) {
		if kept.Name == name {
			return kept.Value
		}
	}
	return ""
}

// Lock is a mutex that is waited for no longer than a context lasts. It is held
// while a session is renewed.
type Lock chan struct{}

// NewLock makes a Lock that nobody holds.
func NewLock() Lock { return make(Lock, 1) }

// Take takes the lock, or fails at the end of the context.
func (l Lock) Take(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	default:
	}
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &Error{Message: "the session is being renewed, and that has not ended in time", cause: ctx.Err()}
	}
}

// Give gives it back.
func (l Lock) Give() { <-l }
