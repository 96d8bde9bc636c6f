package config

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/specs"
)

// unlimited is what takes a budget away.
const unlimited = "unlimited"

// maxTimeout bounds what one request may be waited for: a run that waits longer
// looks as if it hung.
const maxTimeout = 10 * time.Minute

func (r *reader) budgets(n *yaml.Node, ptr string) {
	b := &r.t.Budgets
	r.fields(n, ptr, "budgets", words{
		"wrongPasswords": func(n *yaml.Node, ptr string) {
			i, ok := r.count(n, ptr, "wrongPasswords", 0)
			if ok && i == 0 && n.Value != unlimited {
				i = -1 // none; 0 is no limit
			}
			if ok {
				b.WrongPasswords = i
			}
		},
		"sessions": func(n *yaml.Node, ptr string) {
			if i, ok := r.count(n, ptr, "sessions", 1); ok {
				b.Sessions = i
			}
		},
		"requestsPerSecond": func(n *yaml.Node, ptr string) {
			if n.Value == unlimited {
				b.RequestsPerSecond = 0
				return
			}
			f, err := strconv.ParseFloat(n.Value, 64)
			if n.Kind != yaml.ScalarNode || err != nil || !(f >= 0.01 && f <= 1e6) {
				r.add("bad-value", n, ptr, "requestsPerSecond: 20, 0.5, or "+unlimited, "requestsPerSecond is a number from 0.01")
				return
			}
			b.RequestsPerSecond = f
		},
		"wait": func(n *yaml.Node, ptr string) {
			if d, ok := r.duration(n, ptr, "wait", 24*time.Hour); ok {
				b.Wait = d
			}
		},
		"timeout": func(n *yaml.Node, ptr string) {
			if d, ok := r.duration(n, ptr, "timeout", maxTimeout); ok {
				b.Timeout = d
			}
		},
	})
}

// count reads a whole number from least, or unlimited, which is 0.
func (r *reader) count(n *yaml.Node, ptr, what string, least int) (int, bool) {
	if n.Kind == yaml.ScalarNode && n.Value == unlimited {
		return 0, true
	}
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || i < least {
		r.add("bad-value", n, ptr, what+": 100, or "+unlimited, "%s is a whole number from %d", what, least)
		return 0, false
	}
	return i, true
}

func (r *reader) duration(n *yaml.Node, ptr, what string, most time.Duration) (time.Duration, bool) {
	d, err := specs.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || d < time.Millisecond || d > most {
		r.add("bad-value", n, ptr, what+": 30s", "%s is a duration from 1ms to %s", what, short(most))
		return 0, false
	}
	return d, true
}

// limits says the budgets of a real server in the words of the file.
func limits() []string {
	return []string{
		"wrongPasswords: " + strconv.Itoa(DefaultWrongPasswords),
		"sessions: " + strconv.Itoa(DefaultSessions),
		"requestsPerSecond: " + strconv.Itoa(DefaultRequestsPerSecond),
		"wait: " + short(DefaultWait),
		"timeout: " + short(conformance.DefaultTimeout),
	}
}
