package broken

import (
	"fmt"
	"slices"
	"strings"
)

// Break is one deviation of the client: a bug that real clients have.
type Break struct {
	Name string
	// Does says what the client does wrong.
	Does string
	// Systems are those in which it can be seen.
	Systems []string
	// Caught is the beginning of the name of the case, after the system and
	// "client", that has to catch it.
	Caught string
	// Should: what it breaks is a SHOULD, so that only a strict run fails.
	Should bool
	// Profile is the one in which it can be seen; "": the default.
	Profile string
	// Cookies: with it, the client is in cookie mode where the system has a choice.
	Cookies bool
	// JSON: with it, the client speaks JSON where the system has a choice.
	JSON bool
}

// Find returns the deviations of these names. The error names one that is none.
func Find(names ...string) ([]Break, error) {
	all := Breaks()
	var found []Break
	for _, name := range names {
		i := slices.IndexFunc(all, func(b Break) bool { return b.Name == name })
		if i < 0 {
			known := make([]string, 0, len(all))
			for _, b := range all {
				known = append(known, b.Name)
			}
			return nil, fmt.Errorf("%q is no deviation; these are: %s", name, strings.Join(known, ", "))
		}
		found = append(found, all[i])
	}
	return found, nil
}

// Breaks returns all deviations, in the order in which a session meets them.
func Breaks() []Break {
	var (
		cloud, server, wedia, jump = "jmap-cloud", "jmap-server", "wedia", "longjump"

		all     = []string{cloud, server, wedia, jump}
		renews  = []string{cloud, wedia}
		json    = []string{cloud, server, wedia} // longjump speaks XML unless it is told otherwise
		cookies = []string{wedia, jump}
	)
	return []Break{
		// What goes over the wire.
		{Name: "wrong-content-type", Does: "sends every body as text/plain", Systems: all, Caught: "wire.login"},
		{Name: "wrong-method", Does: "calls with POST where GET is due", Systems: all, Caught: "wire.call"},
		{Name: "body-as-form", Does: "sends a form where JSON or XML is due", Systems: []string{cloud, server, jump}, Caught: "wire.login"},
		{Name: "sends-unknown-field", Does: "adds a member to the login that no page has", Systems: []string{cloud, server, jump}, Caught: "wire.login", Should: true},
		{Name: "wrong-accept", Does: "asks for HTML, as a browser does", Systems: all, Caught: "wire.login"},
		{Name: "missing-accept", Does: "leaves Accept out and takes the answer for JSON", Systems: []string{jump}, Caught: "wire.login", JSON: true},
		{Name: "logs-in-twice", Does: "opens a session to see whether that works, and another one to use", Systems: all, Caught: "wire.login", Should: true},
		{Name: "token-in-query", Does: "puts the access token into the query, too", Systems: []string{cloud, wedia, jump}, Caught: "wire.secrets"},
		{Name: "password-in-query", Does: "puts the password into the query of the login, too", Systems: all, Caught: "wire.secrets"},
		{Name: "password-with-every-call", Does: "sends name and password as HTTP Basic with every call, beside the token", Systems: []string{cloud, server, jump}, Caught: "wire.secrets"},
		{Name: "follows-redirect-with-token", Does: "follows a redirect of a call to any host, with the token", Systems: all, Caught: "wire.redirect"},
		{Name: "follows-redirect-with-password", Does: "follows a redirect of the login to any host, and sends the body again", Systems: all, Caught: "wire.redirect"},

		// How an answer is read.
		{Name: "fails-on-unknown-members", Does: "refuses a login answer that has a member it does not know", Systems: all, Caught: "understand.unknown-members"},
		{Name: "trusts-first-member-order", Does: "takes the tokens by their place in the answer, not by their name", Systems: json, Caught: "understand.reversed"},
		{Name: "crashes-on-null", Does: "dies of a null where it expects a text", Systems: []string{jump}, Caught: "understand.nulls", JSON: true, Should: true},
		{Name: "fails-on-bom", Does: "takes a byte order mark for a part of the JSON", Systems: all, Caught: "understand.bom", JSON: true, Should: true},
		{Name: "refuses-charset", Does: "refuses an answer that is not written in UTF-8", Systems: all, Caught: "understand.charset", JSON: true, Should: true},
		{Name: "compares-media-type", Does: "wants Content-Type to be, letter for letter, the media type alone", Systems: all, Caught: "understand.charset", JSON: true, Should: true},
		{Name: "no-unescape", Does: "takes the text between two quotes as it stands, with its escapes", Systems: []string{cloud, wedia}, Caught: "understand.escapes"},
		{Name: "drops-cookies", Does: "keeps no cookies", Systems: cookies, Caught: "understand.token", Cookies: true},
		{Name: "keeps-cookie-attributes", Does: "sends the whole Set-Cookie back, with Path and all", Systems: cookies, Caught: "understand.cookies", Cookies: true},
		{Name: "only-last-set-cookie", Does: "reads only the last of several Set-Cookie", Systems: []string{wedia}, Caught: "wire.login", Cookies: true},
		{Name: "ignores-cookie-clearing", Does: "keeps a cookie that the server has cleared, and so a session that was ended", Systems: []string{wedia}, Caught: "life.after-logout", Cookies: true},
		{Name: "keeps-quotes", Does: "keeps the quotes around a token", Systems: renews, Caught: "understand.token"},
		{Name: "number-as-float", Does: "reads the session id as a floating-point number, and writes it with an exponent", Systems: []string{server}, Caught: "understand.token"},
		{Name: "cuts-long-tokens", Does: "keeps the first 64 characters of a token, as its database column does", Systems: renews, Caught: "understand.token"},
		{Name: "generic-error-code", Does: "has one code and one text for all errors, and no status", Systems: []string{cloud, server}, Caught: "understand.error"},
		{Name: "treats-refusal-as-success", Does: "says that a refused call worked", Systems: all, Caught: "understand.refused.call"},
		{Name: "ignores-error-envelope", Does: "looks at the HTTP status only, where a refusal has 200", Systems: []string{wedia}, Caught: "understand.refused.call", Profile: "errors-as-200"},

		// How long a session lasts.
		{Name: "no-refresh", Does: "never renews; an expired token is the end, and just an error", Systems: renews, Caught: "life.expiry"},
		{Name: "retry-loop", Does: "repeats a call that is refused for its token, again and again, with the same token", Systems: []string{cloud, wedia, jump}, Caught: "life.expiry"},
		{Name: "refresh-loop", Does: "renews ten times where once is enough", Systems: renews, Caught: "life.expiry"},
		{Name: "refreshes-before-each-call", Does: "renews before each call, whether that is due or not", Systems: renews, Caught: "life.skew", Should: true},
		{Name: "refresh-after-refused-loop", Does: "tries a refused refresh again and again", Systems: renews, Caught: "life.refresh-refused"},
		{Name: "keeps-dead-tokens", Does: "holds on to both tokens after a refused refresh, and goes on with them after a new login", Systems: renews, Caught: "life.refresh-refused"},
		{Name: "no-word-of-login", Does: "says only that something went wrong when the session cannot be renewed", Systems: renews, Caught: "life.refresh-refused", Should: true},
		{Name: "relogs-in-for-ever", Does: "keeps the password, and logs in and renews again and again behind the user's back", Systems: renews, Caught: "life.refresh-refused"},
		{Name: "double-refresh", Does: "renews once for each of the calls that run side by side", Systems: renews, Caught: "life.single-flight", Should: true},
		{Name: "stale-after-lost-answer", Does: "sends a refresh token whose answer was lost again for ever", Systems: []string{cloud}, Caught: "life.lost-answer"},
		{Name: "reuse-refresh-token", Does: "keeps the refresh token that is used up, and not the new one", Systems: []string{cloud}, Caught: "life.old-token"},
		{Name: "keeps-old-access-token", Does: "goes on with the old access token after a refresh", Systems: renews, Caught: "life.expiry"},
		{Name: "shares-session-between-accounts", Does: "keeps one session for all clients of a server in the program", Systems: all, Caught: "life.accounts"},
		{Name: "logs-out-locally-only", Does: "forgets the session and does not tell the server", Systems: all, Caught: "life.logout"},
		{Name: "uses-token-after-logout", Does: "goes on with the session after the logout", Systems: all, Caught: "life.after-logout"},
		{Name: "renews-after-logout", Does: "logs in again with the kept password when it is called after a logout", Systems: all, Caught: "life.after-logout"},
		{Name: "hides-session-end", Does: "gives an empty result, and no error, when the session has ended", Systems: []string{jump}, Caught: "life.idle"},
		{Name: "trusts-own-clock", Does: "refuses to use a token whose end has come by its own clock", Systems: []string{wedia}, Caught: "life.skew"},
		{Name: "renews-until-own-clock-agrees", Does: "renews again and again while a new token has ended by its own clock", Systems: []string{wedia}, Caught: "life.skew"},

		// When the network fails.
		{Name: "retries-non-idempotent", Does: "sends a login up to ten times when the connection breaks", Systems: all, Caught: "trouble.reset"},
		{Name: "hangs-on-dropped-connection", Does: "waits for ever when the server ends the connection without an answer", Systems: all, Caught: "trouble.drop"},
		{Name: "no-timeout", Does: "waits for ever for an answer", Systems: all, Caught: "trouble.hang"},
		{Name: "truncated-as-success", Does: "says that a call worked whose answer broke off", Systems: all, Caught: "trouble.truncate"},
		{Name: "hammers-on-503", Does: "repeats a call that gets 503 at once, for as long as it lasts", Systems: all, Caught: "trouble.unavailable"},
		{Name: "sleeps-as-told", Does: "waits as long as Retry-After says, were it a day", Systems: all, Caught: "trouble.unavailable"},
		{Name: "ignores-retry-after", Does: "repeats a call that gets 429 five times at once", Systems: all, Caught: "trouble.too-many"},
		{Name: "treats-html-as-success", Does: "says that a call worked that got an HTML page", Systems: all, Caught: "trouble.html"},
		{Name: "redirect-as-success", Does: "says that a call worked that was redirected", Systems: all, Caught: "wire.redirect.call"},
		{Name: "reads-unbounded-body", Does: "reads a body however long it is", Systems: all, Caught: "trouble.huge", Should: true},

		// What gets out.
		{Name: "secret-in-log", Does: "writes headers and bodies of requests to stderr", Systems: all, Caught: "leaks.output"},
		{Name: "secret-in-error", Does: "puts the request with its headers and body into the text of errors", Systems: all, Caught: "leaks.errors"},
		{Name: "sends-referer", Does: "names the URL of the call before as Referer, with the token in its query", Systems: []string{server}, Caught: "wire.secrets"},
	}
}
