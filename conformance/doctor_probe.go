package conformance

import (
	"crypto/tls"
	"fmt"
	"html"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

const (
	// maxProbes is how many operations are asked at one base path.
	maxProbes = 4
	// probeBudget is how many requests the doctor sends at most, log-in apart:
	// those of the base path in force, and those of others.
	probeBudget = 16
)

// question is one request without credentials that changes nothing.
type question struct {
	op     *specs.Operation
	method string
	path   string // below the base path
	accept string
}

// heard is what a question brought.
type heard struct {
	question question
	url      string
	reply    *Reply
	err      error
	at       time.Time // when the answer was there
}

// probes are the operations that may be asked without harm: GET, no effects of
// their own, those without a parameter in their path first. If a contract has
// none, one OPTIONS has to do.
func (x *examination) probes() []question {
	settings, err := session.Settings(x.Contract, x.Target.Profile, x.Target.Settings)
	if err != nil {
		settings = map[string]any{}
	}
	m := &session.Machine{Contract: x.Contract, Settings: settings}
	var out []question
	for _, op := range x.Contract.Operations {
		if op.Method != http.MethodGet || len(op.Opens)+len(op.Issues)+len(op.Ends)+len(op.Sets)+len(op.Creates) > 0 || err == nil && !m.Offered(op, session.Moment{Now: x.now()}) {
			continue
		}
		path := op.Path
		for _, name := range op.PathParameters() {
			path = strings.ReplaceAll(path, "{"+name+"}", "0")
		}
		out = append(out, question{op: op, method: http.MethodGet, path: path, accept: accepts(op)})
	}
	sort.SliceStable(out, func(i, j int) bool {
		return len(out[i].op.PathParameters()) < len(out[j].op.PathParameters())
	})
	if len(out) == 0 {
		p := question{op: &specs.Operation{Path: "/"}, method: http.MethodOptions, path: "/", accept: "*/*"}
		if len(x.Contract.Operations) > 0 {
			p.op = x.Contract.Operations[0]
			p.path = p.op.Path
		}
		return []question{p}
	}
	return out[:min(len(out), maxProbes)]
}

// accepts is an Accept header with all that an operation answers.
func accepts(op *specs.Operation) string {
	var out []string
	for _, r := range op.Responses {
		for _, m := range r.Media {
			if !slices.Contains(out, m.Type) {
				out = append(out, m.Type)
			}
		}
	}
	if len(out) == 0 {
		return "*/*"
	}
	return strings.Join(out, ", ")
}

// base is the base path in force.
func (x *examination) base() string {
	if x.Target.BasePath != nil {
		return strings.TrimRight(*x.Target.BasePath, "/")
	}
	if len(x.Contract.BasePaths) > 0 {
		return x.Contract.BasePaths[0]
	}
	return ""
}

func (x *examination) ask(base string, p question) heard {
	a := heard{question: p, url: strings.TrimRight(x.Target.URL.String(), "/") + base + p.path}
	r, err := http.NewRequestWithContext(x.ctx, p.method, a.url, nil)
	if err != nil {
		a.err = &ExchangeError{Fault: FaultOther, Host: x.Target.URL.Host, Err: fmt.Errorf("the path %s cannot be asked for", p.path)}
		return a
	}
	r.Header.Set("Accept", p.accept)
	a.reply, a.err = x.Client.Do(x.ctx, r)
	a.at = x.now()
	return a
}

// media is the media type of an answer; "" if it has none.
func (a *heard) media() string {
	typ, _, err := mime.ParseMediaType(a.reply.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return typ
}

var doctype = regexp.MustCompile(`(?i)^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)[\s>]`)

// page reports whether the answer is a web page where the contract has none.
func (a *heard) page() bool {
	typ := a.media()
	if a.documented(typ) != nil && typ != "" {
		return false
	}
	return typ == "text/html" || typ == "application/xhtml+xml" || doctype.Match(a.reply.Body[:min(len(a.reply.Body), 1024)])
}

// documented returns the media type of the contract that an answer has; nil if
// it has another.
func (a *heard) documented(typ string) *specs.Media {
	r := a.question.op.Response(a.reply.Status)
	if r == nil {
		return nil
	}
	for _, m := range r.Media {
		main, _, _ := strings.Cut(m.Type, "/")
		if m.Type == typ || m.Type == "*/*" || m.Type == main+"/*" && strings.HasPrefix(typ, main+"/") {
			return m
		}
	}
	return nil
}

// missing reports whether the answer says that there is no such path: 404,
// where the contract does not say that the operation answers so.
func (a *heard) missing() bool {
	if a.err != nil || a.reply.Status != http.StatusNotFound {
		return false
	}
	r := a.question.op.Response(http.StatusNotFound)
	return r == nil || r.Code != "404" || a.documented(a.media()) == nil
}

// said is an answer in a few words.
func (a *heard) said() string {
	if a.err != nil {
		return a.err.Error()
	}
	s := fmt.Sprintf("%d", a.reply.Status)
	switch {
	case a.page():
		s += ", a web page"
		if t := title(a.reply.Body); t != "" {
			s += fmt.Sprintf(" %q", t)
		}
	case a.media() != "":
		s += ", " + a.media()
	case len(a.reply.Body) == 0:
		s += ", empty"
	}
	return s
}

var titleText = regexp.MustCompile(`(?is)<title[^>]*>(.{0,200}?)</title>`)

func title(b []byte) string {
	m := titleText.FindSubmatch(b[:min(len(b), 64<<10)])
	if m == nil {
		return ""
	}
	return html.UnescapeString(beginning(m[1]))
}

// basePath asks a few operations, and looks at all that they answer: it is wrong
// if none is there.
func (x *examination) basePath() bool {
	base := x.base()
	x.seen = []heard{x.first}
	if x.telling(&x.first) {
		return x.good(CheckBasePath, "%s", shown(base))
	}
	for _, p := range x.ops[1:] {
		a := x.ask(base, p)
		if a.err != nil {
			break
		}
		x.seen = append(x.seen, a)
		if x.telling(&a) {
			return x.good(CheckBasePath, "%s", shown(base))
		}
	}
	first := &x.first
	if first.reply.Redirect != nil {
		return x.redirected(first)
	}
	if x.first.question.method == http.MethodOptions {
		return x.good(CheckBasePath, "unknown: the contract has no operation that can be asked without effect")
	}
	var tried []string
	missing, down := true, true
	for i := range x.seen {
		a := &x.seen[i]
		tried = append(tried, fmt.Sprintf("%s %s (%s)", a.question.method, a.url, a.said()))
		missing = missing && a.reply.Status == http.StatusNotFound
		down = down && a.reply.Status >= 500
	}
	asked := "Asked without credentials: " + strings.Join(tried, "; ") + ". "
	if down {
		return x.bad(CheckReachable, first.said(), asked+"The server, or a gateway before it, is down or broken. Look whether it has started, and into its log.")
	}
	there, ok := x.otherBase(base)
	switch {
	case ok:
		return x.bad(CheckBasePath, first.said(), fmt.Sprintf("The base path is wrong. %sBelow %s the contract's paths are there (%s %s: %s). Say basePath: %q in the target file.",
			asked, shown(there.base), there.question.method, there.url, there.said(), there.base))
	case missing:
		others := ""
		if c := x.candidates(base); len(c) > 0 {
			others = fmt.Sprintf(", nor below the other base paths that were tried (%s)", strings.Join(shownAll(c), ", "))
		}
		return x.bad(CheckBasePath, first.said(), fmt.Sprintf("The base path is wrong, or this is another server. %sNo path of the contract is there%s. Say in the target file where they begin (basePath: /…), or mend the url.", asked, others))
	}
	if x.ownPage() {
		return x.good(CheckBasePath, "%s: %s, a web page where %s is documented; the log-in works, so the API is there and answers errors as HTML", shown(base), first.said(), first.question.accept)
	}
	return x.bad(CheckMedia, first.said(), asked+"The contract documents "+first.question.accept+" there. A web page instead comes from a gateway, a log-in portal or a single-page application: the url leads to them and not to the API; or the server itself answers errors as HTML. Mend url or basePath; if a gateway wants a key or a password, say it under headers; if it is the server's own page, say an account, so that a log-in can show it.")
}

// ownPage reports whether the pages that were seen are the server's own: all are
// refusals, and a log-in is answered as the contract says. A gateway or a portal
// that asks for its own password lets no log-in through.
func (x *examination) ownPage() bool {
	if x.LogIn == nil {
		return false
	}
	for i := range x.seen {
		if a := &x.seen[i]; a.err != nil || a.reply.Status < 400 {
			return false
		}
	}
	return x.entered().err == nil // a note says that no token came: the page may be there, too
}

// telling reports whether an answer shows that the contract's operation is at
// this path.
func (x *examination) telling(a *heard) bool {
	return a.err == nil && !a.missing() && !a.page() && a.reply.Status < 500 && a.reply.Redirect == nil && a.question.method != http.MethodOptions
}

func (x *examination) redirected(a *heard) bool {
	to := a.reply.Redirect
	said := fmt.Sprintf("%s %s answers %d and leads to %s, which is another host; it was not followed. ", a.question.method, a.url, a.reply.Status, plainURL(to))
	if to.Hostname() == x.Target.URL.Hostname() && to.Scheme == "https" && x.Target.URL.Scheme == "http" {
		u := *x.Target.URL
		u.Scheme, u.Host = to.Scheme, to.Host
		return x.bad(CheckBasePath, a.said(), said+"Write url: "+u.String()+".")
	}
	return x.bad(CheckBasePath, a.said(), said+"If the API has moved there, write that url. If it is a log-in portal before the server, let it pass this run: what it wants is said under headers.")
}

// plainURL is a URL without its query, which may hold a token.
func plainURL(u *url.URL) string {
	c := *u
	c.RawQuery, c.Fragment, c.User = "", "", nil
	return c.String()
}

type belowBase struct {
	heard

	base string
}

// otherBase looks for the contract's paths below other base paths.
func (x *examination) otherBase(base string) (belowBase, bool) {
	asked := len(x.seen)
	for _, b := range x.candidates(base) {
		for _, p := range x.ops[:min(2, len(x.ops))] {
			if asked == probeBudget || x.ctx.Err() != nil {
				return belowBase{}, false
			}
			asked++
			a := x.ask(b, p)
			// Only what is clearly an answer of an API: a gateway says 401 to all.
			if a.err == nil && x.telling(&a) && a.question.op.Response(a.reply.Status) != nil && (a.media() == "" || a.documented(a.media()) != nil) {
				return belowBase{a, b}, true
			}
		}
	}
	return belowBase{}, false
}

// candidates are the base paths that may be meant: the contract's own, none, and
// each beginning of the one in force.
func (x *examination) candidates(base string) []string {
	all := slices.Clone(x.Contract.BasePaths)
	all = append(all, "")
	for p := base; p != ""; p = p[:max(0, strings.LastIndexByte(p, '/'))] {
		all = append(all, p)
	}
	var out []string
	for _, b := range all {
		if b != base && !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	return out[:min(len(out), 6)]
}

func shown(base string) string {
	if base == "" {
		return "/"
	}
	return base
}

func shownAll(bases []string) []string {
	out := make([]string, len(bases))
	for i, b := range bases {
		out[i] = shown(b)
	}
	return out
}

// media looks whether answers have the documented media type. Another one is for
// the cases to judge; no body at all where one is due is no API.
func (x *examination) media() bool {
	var right, wrong []string
	empty := 0
	for i := range x.seen {
		a := &x.seen[i]
		r := a.question.op.Response(a.reply.Status)
		if r == nil || len(r.Media) == 0 {
			continue
		}
		typ := a.media()
		switch {
		case len(a.reply.Body) == 0 && a.reply.Status == http.StatusOK:
			empty++
		case a.documented(typ) != nil:
			if !slices.Contains(right, typ) {
				right = append(right, typ)
			}
		case len(a.reply.Body) > 0:
			if typ == "" {
				typ = "no media type"
			}
			wrong = append(wrong, fmt.Sprintf("%s %s answers %d with %s, where %s is documented", a.question.method, a.question.op.Path, a.reply.Status, typ, a.question.accept))
		}
	}
	switch {
	case empty > 0 && empty == len(x.seen):
		a := &x.seen[0]
		return x.bad(CheckMedia, a.said(), fmt.Sprintf("%s %s answers 200 and nothing else, where the contract documents %s. Something answers in the place of the API: a health check, a stub, a gateway. Mend the url.", a.question.method, a.url, a.question.accept))
	case len(wrong) > 0:
		return x.good(CheckMedia, "%s", strings.Join(wrong, "; "))
	case len(right) > 0:
		return x.good(CheckMedia, "%s", strings.Join(right, ", "))
	}
	return x.good(CheckMedia, "unknown: without credentials no documented answer came")
}

func versionName(v uint16) string { return tls.VersionName(v) }
