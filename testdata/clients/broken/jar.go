package broken

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// jar keeps cookies of one host, by RFC 6265bis.
type jar struct {
	has  func(string) bool
	mu   sync.Mutex
	kept []cookie
}

type cookie struct {
	name, value, path string
	host              string
	secure            bool
	ends              time.Time // zero: with the session
	whole             string    // the Set-Cookie
}

// keep takes over what an answer sets and clears.
func (j *jar) keep(u *url.URL, header http.Header) {
	lines := header.Values("Set-Cookie")
	if j.has("drops-cookies") {
		return
	}
	if j.has("only-last-set-cookie") && len(lines) > 1 {
		lines = lines[len(lines)-1:]
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, line := range lines {
		set, err := http.ParseSetCookie(line)
		if err != nil {
			continue
		}
		if set.Domain != "" && !within(u.Hostname(), strings.TrimPrefix(set.Domain, ".")) || set.Secure && u.Scheme != "https" {
			continue
		}
		k := cookie{name: set.Name, value: set.Value, path: set.Path, host: u.Hostname(), secure: set.Secure, whole: line}
		if !strings.HasPrefix(k.path, "/") {
			if k.path = u.Path[:strings.LastIndex(u.Path, "/")+1]; len(k.path) > 1 {
				k.path = strings.TrimSuffix(k.path, "/")
			} else {
				k.path = "/"
			}
		}
		dead := set.MaxAge < 0
		switch {
		case set.MaxAge > 0:
			k.ends = time.Now().Add(time.Duration(set.MaxAge) * time.Second)
		case set.MaxAge == 0 && !set.Expires.IsZero():
			k.ends, dead = set.Expires, set.Expires.Before(time.Now())
		}
		if dead && j.has("ignores-cookie-clearing") {
			continue
		}
		j.kept = slices.DeleteFunc(j.kept, func(o cookie) bool { return o.name == k.name && o.path == k.path })
		if !dead {
			j.kept = append(j.kept, k)
		}
	}
}

// due are the cookies for a URL.
func (j *jar) due(u *url.URL) []cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	var due []cookie
	for _, k := range j.kept {
		path := k.path == u.Path || strings.HasPrefix(u.Path, k.path) && (strings.HasSuffix(k.path, "/") || strings.HasPrefix(u.Path[len(k.path):], "/"))
		if path && k.host == u.Hostname() && (!k.secure || u.Scheme == "https") && (k.ends.IsZero() || time.Now().Before(k.ends)) {
			due = append(due, k)
		}
	}
	slices.SortStableFunc(due, func(a, b cookie) int { return len(b.path) - len(a.path) })
	return due
}

// holds reports whether there is a cookie of that name.
func (j *jar) holds(name string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.ContainsFunc(j.kept, func(k cookie) bool { return k.name == name })
}

func (j *jar) header(u *url.URL) string {
	var parts []string
	for _, k := range j.due(u) {
		if j.has("keeps-cookie-attributes") {
			parts = append(parts, k.whole)
		} else {
			parts = append(parts, k.name+"="+k.value)
		}
	}
	return strings.Join(parts, "; ")
}

func (j *jar) clear() {
	if j.has("ignores-cookie-clearing") {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kept = nil
}

func within(host, domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }
