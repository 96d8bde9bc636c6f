package conformance

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/mockauth/mockauth/internal/secret"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// Target is the server under test: where it is, who may log in, what it can do,
// and what may be done to it.
type Target struct {
	// URL is scheme and host, and whatever stands before the contract's own base
	// path.
	URL *url.URL
	// BasePath replaces that of the contract; nil: the contract's first.
	BasePath *string
	Profile  string
	// Settings are values of the contract's settings, over those of the profile.
	Settings map[string]any
	// Records are the accounts and other records that the target is known to
	// have, by kind, in order. A record may lack fields: what is not known is
	// learnt.
	Records map[string][]map[string]any
	// Complete says that every record has all its fields, and that the target has
	// no other records: a demo world.
	Complete     bool
	Capabilities Capabilities
	Budgets      Budgets
	// Hosts that may be talked to, host or host:port. The URL's own always may.
	Hosts []string
	// Headers are sent with each request, for a gateway before the target.
	Headers http.Header
	// CA is a file of PEM certificates that are trusted beside the system's.
	CA string
	// Control is the base URL of our own mock's control API, "" for any other
	// server: https://host/__admin.
	Control string
	// ControlToken is sent to it as a bearer, if it asks for one.
	ControlToken string
	// Transport carries the requests; nil: TCP. A mock in the same process gives
	// its own.
	Transport http.RoundTripper
	// Proxy is the HTTP proxy through which the target is reached; nil: none. The
	// variables that name one (HTTPS_PROXY) are not looked at.
	Proxy *url.URL
	// Secrets are texts that must never be written, beside those of Records.
	Secrets []string

	fresh *fresh // of a mock that was asked; nil: not known
}

// ownSecrets are the secrets of the target that no contract is needed for.
func (t *Target) ownSecrets() []string {
	out := append([]string{t.ControlToken}, t.Secrets...)
	if t.Proxy != nil && t.Proxy.User != nil {
		if p, ok := t.Proxy.User.Password(); ok {
			out = append(out, p, secret.Basic(t.Proxy.User.Username(), p))
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// SecretsOf returns all secrets of a target: those of its accounts, which the
// contract marks with format: password, its secret settings, and its own. Each
// stands once; the order is that of the texts.
func SecretsOf(c *specs.Contract, t *Target) []string {
	out := t.ownSecrets()
	out = append(out, accountSecrets(c, t)...)
	for name, v := range t.Settings {
		if s := c.Setting(name); s != nil && s.Secret {
			out = append(out, texts(v)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// accountSecrets returns the secrets of a target's accounts.
func accountSecrets(c *specs.Contract, t *Target) []string {
	var out []string
	for kind, records := range t.Records {
		k := c.Record(kind)
		if k == nil {
			continue
		}
		for _, r := range records {
			for name, v := range r {
				if k.Fields[name].Secret {
					out = append(out, texts(v)...)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// texts are the texts in a value: a secret may be a list of them.
func texts(v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			out = append(out, texts(x)...)
		}
	case []any:
		for _, x := range v {
			out = append(out, texts(x)...)
		}
	default:
		if t, ok := value.Text(v); ok && t != "" {
			out = append(out, t)
		}
	}
	return out
}

// What Capabilities.Clock may be.
const (
	ClockControl = "control" // our own mock's clock is set
	ClockWait    = "wait"    // a real server: it is waited within Budgets.Wait
	ClockNone    = "none"
)

// Capabilities is what the target can do, or lets be done to it.
type Capabilities struct {
	// Clock: "control" for our mock's, "wait" for waiting within the budget,
	// "none".
	Clock string
	// SetSettings: settings can be changed while it runs (our mock only).
	SetSettings bool
	// Worlds: each case gets a world of its own (our mock only).
	Worlds bool
	// Writes: records may be created and changed.
	Writes bool
	// Exclusive: the accounts belong to this run alone, so that operations that
	// end all sessions of a user, or replace its only token, may be called.
	Exclusive bool
	// Without are features that the target does not have: ids of cases, or their
	// beginnings, and labels.
	Without []string
}

// Budgets is what a run may do to the target. Zero means: no limit, but for
// Timeout, where it means 10 s.
type Budgets struct {
	// WrongPasswords are all accounts together; negative: not one is sent.
	WrongPasswords int
	Sessions       int
	// RequestsPerSecond bounds the rate.
	RequestsPerSecond float64
	// Wait bounds the time that is slept until tokens expire, all cases together.
	Wait time.Duration
	// Timeout bounds one request.
	Timeout time.Duration
}
