package client

import (
	"slices"
	"strings"
	"time"
)

// accepted reports whether a request was answered with success, by the state
// machine and not by a fault.
func accepted(o observed) bool {
	return o.Outcome != "" && !o.Refused && !strings.HasPrefix(o.Outcome, "request.") && o.Operation != ""
}

// opened reports whether a request opened a session.
func opened(o observed) bool { return accepted(o) && len(o.Opened) > 0 }

// renewed reports whether a request gave a token for a token.
func renewed(o observed) bool {
	return accepted(o) && len(o.Opened) == 0 && len(o.Issued) > 0 && len(o.Presented) > 0
}

// called reports whether a request with a token was accepted that changed no
// session.
func called(o observed) bool {
	return accepted(o) && len(o.Opened)+len(o.Ended) == 0 && slices.ContainsFunc(o.Presented, func(p presented) bool { return p.Dead == "" })
}

// closed reports whether a request ended tokens, and gave none.
func closed(o observed) bool { return accepted(o) && len(o.Ended) > 0 && len(o.Issued) == 0 }

// count counts.
func count(list []observed, is func(observed) bool) int {
	n := 0
	for _, o := range list {
		if is(o) {
			n++
		}
	}
	return n
}

// line is an exchange in a few words: #3 refreshToken token.consumed.
func line(o observed) string {
	op := o.Operation
	if op == "" {
		op = o.Method + " of an unknown path"
	}
	what := o.Outcome
	switch {
	case o.Fault != "" && what == "":
		what = "(" + o.Fault + ")"
	case o.Fault != "":
		what += " (" + o.Fault + ")"
	}
	return op + " → " + what
}

// lines are exchanges in a few words, at most eight of them.
func lines(list []observed) string {
	var out []string
	for i, o := range list {
		if i == 8 {
			out = append(out, "… "+plural(len(list)-8, "more request"))
			break
		}
		out = append(out, line(o))
	}
	if len(out) == 0 {
		return "nothing was sent"
	}
	return strings.Join(out, ", ")
}

// on reports requests to one operation.
func on(operation string) func(observed) bool {
	return func(o observed) bool { return o.Operation == operation }
}

// life is when the tokens that a client presents end: the earliest instant at
// which one does by time, and the shortest idle time.
func life(log []observed, kinds []string) (end time.Time, idle time.Duration) {
	last := map[string]issued{}
	for _, o := range log {
		for _, t := range o.Issued {
			last[t.Kind] = t
		}
	}
	for _, kind := range kinds {
		t, ok := last[kind]
		if !ok {
			continue
		}
		if !t.Expires.IsZero() && (end.IsZero() || t.Expires.Before(end)) {
			end = t.Expires
		}
		if t.Idle > 0 && (idle == 0 || t.Idle < idle) {
			idle = t.Idle
		}
	}
	return end, idle
}
