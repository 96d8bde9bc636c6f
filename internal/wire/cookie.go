package wire

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/session"
)

// SetCookie writes a Set-Cookie field (RFC 6265bis) with exactly the
// attributes that the contract gives the cookie, always in the same order.
// net/http's own writer drops bytes and attributes that it dislikes, which a
// mock must be able to send.
func SetCookie(c session.Cookie, base string, now time.Time) string {
	var b strings.Builder
	b.WriteString(c.Name)
	b.WriteByte('=')
	b.WriteString(c.Value)
	k := c.Kind
	path, age, secure := "/", "", false
	if k != nil {
		u, err := url.Parse(base)
		if k.BasePath {
			if err == nil && u.Path != "" {
				path = u.Path
			}
		} else {
			path = k.Path
		}
		secure = k.Secure == "always" || k.Secure == "auto" && err == nil && u.Scheme == "https"
		switch {
		case k.Age != nil:
			age = strconv.FormatInt(int64(*k.Age/time.Second), 10)
		case k.AgeToken && !c.Expires.IsZero():
			age = strconv.FormatInt(max(0, int64(c.Expires.Sub(now)/time.Second)), 10)
		}
	}
	if c.Clear {
		age = "0"
	}
	if path != "" {
		b.WriteString("; Path=" + path)
	}
	if age != "" {
		b.WriteString("; Max-Age=" + age)
	}
	if secure {
		b.WriteString("; Secure")
	}
	if k != nil && k.HTTPOnly {
		b.WriteString("; HttpOnly")
	}
	if k != nil && k.SameSite != "" {
		b.WriteString("; SameSite=" + k.SameSite)
	}
	return b.String()
}
