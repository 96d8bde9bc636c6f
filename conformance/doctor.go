package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/specs"
)

// The names of the checks, in the order in which they are made.
const (
	CheckReachable    = "reachable"
	CheckTLS          = "TLS"
	CheckBasePath     = "base path"
	CheckMedia        = "media types"
	CheckClock        = "clock"
	CheckCapabilities = "capabilities"
	CheckLogIn        = "log in"
)

const (
	// skewNoted is from where a difference of clocks is said: lifetimes of seconds
	// may then end early or late.
	skewNoted = 5 * time.Second
	// skewWrong is from where it is a fault: tokens are not yet valid, or no more.
	skewWrong = 5 * time.Minute
	// certificateSoon is when the end of a certificate is said.
	certificateSoon = 14 * 24 * time.Hour
)

// Doctor finds out whether a target can be checked at all, so that nobody gets
// two hundred failures for a typing error in a URL. It sends a handful of GET
// requests without credentials, and whatever LogIn sends.
type Doctor struct {
	Contract *specs.Contract
	Target   *Target
	Client   *Client
	// Now is the wall clock; nil: time.Now.
	Now func() time.Time
	// LogIn logs in once, and out again; nil: that is not checked. Its error is
	// shown.
	LogIn func(context.Context) error
}

// Healthy reports whether nothing that the doctor found stands against a run.
func Healthy(checks []Check) bool {
	return !slices.ContainsFunc(checks, func(c Check) bool { return !c.OK })
}

// Examine makes the checks. A fault that makes those after it meaningless ends
// the list. It takes no longer than two timeouts of the target (see
// Budgets.Timeout), and what the rate asks for.
func (d *Doctor) Examine(ctx context.Context) []Check {
	now := d.Now
	if now == nil {
		now = time.Now
	}
	bound := 2*d.Client.timeout + probeBudget*d.Client.pace.every
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	x := &examination{Doctor: d, ctx: ctx, now: now}
	for _, check := range []func() bool{x.reachable, x.tls, x.basePath, x.media, x.clock, x.capabilities, x.logIn} {
		if !check() {
			break
		}
	}
	return x.checks
}

// examination is one call of Examine.
type examination struct {
	*Doctor

	ctx    context.Context //nolint:containedctx // it lives as long as one call
	now    func() time.Time
	checks []Check
	ops    []question
	first  heard
	seen   []heard // of the base path that is in force
	entry  *entry  // nil: nobody has logged in yet
}

// entry is what came of logging in.
type entry struct {
	err  error
	took time.Duration
}

// entered logs in once, however often it is asked.
func (x *examination) entered() *entry {
	if x.entry == nil {
		start := time.Now()
		err := x.LogIn(x.ctx)
		x.entry = &entry{err, time.Since(start)}
	}
	return x.entry
}

func (x *examination) good(name, format string, args ...any) bool {
	x.checks = append(x.checks, Check{Name: name, OK: true, Said: x.Client.masker.Text(fmt.Sprintf(format, args...))})
	return true
}

func (x *examination) bad(name, said, problem string) bool {
	m := x.Client.masker
	x.checks = append(x.checks, Check{Name: name, Said: m.Text(said), Problem: m.Text(problem)})
	return false
}

// reachable asks once, and says what is wrong with the way to the server.
func (x *examination) reachable() bool {
	x.ops = x.probes()
	x.first = x.ask(x.base(), x.ops[0])
	if err := x.first.err; err != nil {
		return x.bad(x.faultName(FaultOf(err)), err.Error(), x.wayOut(err))
	}
	r := x.first.reply
	switch {
	case r.Status == 407:
		return x.bad(CheckReachable, "407", "A proxy between here and the server wants its own password: it answers 407. Say proxy: {env: NAME} in the target file, with the proxy's user and password in the URL that the variable holds.")
	case r.Status == 400 && x.Target.URL.Scheme == "http" && strings.Contains(strings.ToLower(string(r.Body[:min(len(r.Body), 4096)])), "https"):
		return x.bad(CheckReachable, "400", fmt.Sprintf("The server wants HTTPS at this port: it answers 400 and says %q. Write url: %s.", beginning(r.Body), x.withScheme("https")))
	}
	return x.good(CheckReachable, "%s", r.Took.Round(time.Millisecond))
}

// faultName is the check that a fault belongs to.
func (x *examination) faultName(f Fault) string {
	switch f {
	case FaultAuthority, FaultName, FaultExpired, FaultTLS:
		return CheckTLS
	}
	return CheckReachable
}

func (x *examination) withScheme(s string) string {
	u := *x.Target.URL
	u.Scheme = s
	return u.String()
}

// wayOut says what would mend a fault.
func (x *examination) wayOut(err error) string {
	u := x.Target.URL
	const proxy = " If it is reached through a proxy only, say proxy: in the target file; variables such as HTTPS_PROXY are not looked at by themselves."
	said := "GET " + x.first.url + ": " + err.Error() + ". "
	switch FaultOf(err) {
	case FaultDNS:
		return said + "Look for a typing error in the url. If the name is known in another network only, go there (VPN)." + proxy
	case FaultRefused:
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			return said + "Nothing listens at that port of this machine: start the server, or mend the port in the url."
		}
		return said + "The host is there, and nothing listens at that port: mend the port in the url, or start the server." + proxy
	case FaultDead:
		return said + "The host may be off, or a firewall swallows what is sent to it. Look for a typing error in the url, and try it from the network in which the server is." + proxy
	case FaultTimeout:
		return said + "Something takes connections there and says nothing. Look whether the server hangs; if it is only slow, say budgets: {timeout: 60s} in the target file."
	case FaultSlow:
		return said + "The answer never ends, or is very slow. If that is how the server is, say budgets: {timeout: 60s} in the target file; else look what stands at that url."
	case FaultAuthority:
		return said + "The certificate is signed by nobody that this machine trusts: it may be self-signed, or of your own authority. Put that authority's certificate (or the self-signed one itself) into a PEM file, and say ca: FILE in the target file. There is no switch to look away."
	case FaultName:
		return said + "Write the host in the url as the certificate has it, or give the server a certificate for this name."
	case FaultExpired:
		return said + "Renew the server's certificate; if its dates are right, the clock of this machine is wrong."
	case FaultTLS:
		return said + "The server may speak no TLS at this port: try url: " + x.withScheme("http") + ", or the port of HTTPS."
	case FaultNotHTTP:
		if u.Scheme == "http" {
			return said + "Something else than an HTTP server listens at that port; or it speaks TLS: then write url: " + x.withScheme("https") + "."
		}
		return said + "Something else than an HTTP server listens at that port: mend the port in the url."
	case FaultClosed:
		return said + "A server that crashes on a request, a gateway without a server behind it, or one that waits for another protocol (https instead of http) does so. Look into its log, and mend the url."
	case FaultCanceled:
		return said + "It was stopped before there was an answer, or the rate that budgets.requestsPerSecond allows is too low for it."
	}
	return said + "Look at the url in the target file."
}

func (x *examination) tls() bool {
	s := x.first.reply.TLS
	switch {
	case s == nil && x.Target.URL.Scheme == "https":
		return x.good(CheckTLS, "unknown: it is not our connection")
	case s == nil && x.Target.Transport != nil:
		return x.good(CheckTLS, "none: no network")
	case s == nil:
		host := x.Target.URL.Hostname()
		if ip := net.ParseIP(host); host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback() {
			return x.good(CheckTLS, "none, on this machine")
		}
		return x.good(CheckTLS, "none: passwords and tokens go over the network in clear")
	}
	said := versionName(s.Version)
	if len(s.PeerCertificates) > 0 {
		end := s.PeerCertificates[0].NotAfter
		if left := end.Sub(x.now()); left < certificateSoon {
			said += "; the certificate ends on " + end.UTC().Format(time.DateOnly)
		}
	}
	return x.good(CheckTLS, "%s", said)
}

// clock compares the clocks by the Date header, which has whole seconds.
func (x *examination) clock() bool {
	if x.Target.Control != "" {
		return x.good(CheckClock, "set as needed")
	}
	for _, a := range append([]heard{x.first}, x.seen...) {
		if a.err != nil || a.reply.Date.IsZero() {
			continue
		}
		middle := a.at.Add(-a.reply.Took / 2)
		skew := a.reply.Date.Add(500 * time.Millisecond).Sub(middle)
		off := skew.Abs()
		said := fmt.Sprintf("%+.1f s", skew.Seconds())
		if off <= skewNoted {
			return x.good(CheckClock, "%s", said)
		}
		which := "ahead of"
		if skew < 0 {
			which = "behind"
		}
		if off <= skewWrong {
			return x.good(CheckClock, "%s: the server is %s this machine; lifetimes of a few seconds may not be judged right", said, which)
		}
		x.bad(CheckClock, said, fmt.Sprintf("The server's clock is %s %s that of this machine (Date: %s). Tokens would be judged expired, or not yet valid, for that alone. Set the clock that is wrong (NTP), and run again.",
			off.Round(time.Minute), which, a.reply.Date.UTC().Format(time.RFC1123)))
		return true
	}
	return x.good(CheckClock, "unknown: the server sends no Date")
}

// capabilities compares what the target file says with what can be seen, and
// with itself.
func (x *examination) capabilities() bool {
	t := x.Target
	c := t.Capabilities
	var notes []string
	if c.Clock == ClockControl || c.Worlds || c.SetSettings {
		control, err := NewControl(x.Client, x.Contract.Name)
		if err == nil {
			_, _, err = control.Now(x.ctx)
		}
		if err != nil {
			return x.bad(CheckCapabilities, "no control API", fmt.Sprintf("The target is said to be a mock of ours, whose clock and settings can be set, and its control API does not answer so: %s. For any other server say clock: none or clock: wait.", err))
		}
		notes = append(notes, "control API")
	}
	if c.Clock == ClockWait && t.Budgets.Wait == 0 {
		notes = append(notes, "waits as long as tokens live: budgets.wait has no limit")
	}
	for _, a := range x.seen {
		if a.missing() {
			notes = append(notes, fmt.Sprintf("GET %s answers 404: it may be of another profile than %s", a.question.op.Path, x.profile()))
		}
	}
	if len(x.Contract.Records) > 0 && len(t.Records) == 0 {
		notes = append(notes, "no accounts: nothing that needs a log-in is checked")
	}
	if len(notes) == 0 {
		notes = append(notes, "as declared")
	}
	return x.good(CheckCapabilities, "%s", strings.Join(notes, "; "))
}

func (x *examination) profile() string {
	switch {
	case x.Target.Profile != "":
		return x.Target.Profile
	case x.Contract.DefaultProfile != "":
		return x.Contract.DefaultProfile
	}
	return "the contract's own"
}

// LogInNote is what Doctor.LogIn returns where logging in works, and yet something
// about it is to be said: the run will judge it.
type LogInNote struct{ Said string } //nolint:errname // it is none that stands against anything

func (n *LogInNote) Error() string { return n.Said }

func (x *examination) logIn() bool {
	if x.LogIn == nil {
		return true
	}
	e := x.entered()
	err := e.err
	var note *LogInNote
	if errors.As(err, &note) {
		return x.good(CheckLogIn, "%s; %s", e.took.Round(time.Millisecond), note.Said)
	}
	if err != nil {
		return x.bad(CheckLogIn, "failed", fmt.Sprintf("Logging in does not work: %s. Look whether the account in the target file is right and not locked, and whether the variables hold the secrets of this server and not of another one. If the status is another than 401 or 403, look whether the server reads the request as the contract writes it.", strings.TrimSuffix(err.Error(), ".")))
	}
	return x.good(CheckLogIn, "%s", e.took.Round(time.Millisecond))
}
