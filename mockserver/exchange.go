package mockserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/secret"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// exchange is one request on its way: route, decode, validate, decide, render,
// journal. Only write touches the network.
type exchange struct {
	server  *Server
	world   *World
	w       http.ResponseWriter
	r       *http.Request
	prefix  string
	path    string // escaped, below the world's prefix, slashes collapsed
	started time.Time

	number  int
	now     time.Time
	system  *system
	state   *state
	e       *endpoint
	raw     []byte
	request *session.Request
	secrets []string // sent or issued
	hidden  []string // see entry.hidden
	sent    []string // the part of secrets that was sent
	watch   *watch   // nil: nobody observes
	in      *wire.Incoming
	tx      session.Tx // while it is decided
	keepAs  string     // the checkpoint that is made of what it leads to; "": none
	trouble trouble
}

// answer is what will be written.
type answer struct {
	status  int
	headers http.Header
	typ     string
	body    []byte
	problem *problemBody // instead of body
	outcome string
	why     string
	client  string
	from    []string
	notes   []string
	fault   *laidFault // what is done to it, instead of or after its writing; nil: nothing
	altered bool       // by a fault
	text    []byte     // the body before it was given another charset, for the journal
	size    int64      // of a body that is made while it is written
}

func (x *exchange) serve() {
	x.number, x.now = x.world.journal.number(), x.world.clock.Now()
	endpoints, params := x.server.router.find(x.path)
	known := endpoints
	endpoints = x.offered(endpoints)
	if len(endpoints) == 0 {
		x.raw, _ = readBody(x.w, x.r, x.server.config.limits.Bytes)
		x.respond(x.nowhere(known))
		return
	}
	x.system = endpoints[0].system
	x.state = x.world.state(x.system)
	contract := x.system.contract
	cors(x.w.Header(), x.r, contract.CORS)
	method := x.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, e := range endpoints {
		if e.op.Method == method {
			x.e = e
		}
	}
	if x.e == nil && x.r.Method == http.MethodOptions {
		x.raw, _ = readBody(x.w, x.r, x.server.config.limits.Bytes)
		preflight(x.w.Header(), x.r, endpoints, contract.CORS)
		x.respond(func() *answer {
			return x.unless("options", "", func() *answer { return &answer{status: http.StatusNoContent, outcome: "options"} })
		})
		return
	}
	var tooLarge *session.Failure
	x.raw, tooLarge = readBody(x.w, x.r, x.server.config.limits.Bytes)
	if x.e == nil {
		x.w.Header().Set("Allow", allow(endpoints))
		x.e = &endpoint{system: x.system, op: &specs.Operation{Failures: specs.FailureTable{}}, wire: endpoints[0].wire.Without(), base: endpoints[0].base}
		x.request = wire.Head(x.r, params, x.e.base, x.prefix)
		x.secrets, _ = sentSecrets(x.e, x.request, nil)
		x.sent = x.secrets
		x.respond(func() *answer {
			return x.refuse(&session.Failure{Reason: "request.method", Field: "method", Value: x.r.Method,
				Why: fmt.Sprintf("%s is not offered at this path; send %s.", method, strings.ReplaceAll(allow(endpoints), ", ", " or "))})
		})
		return
	}
	x.request = wire.Head(x.r, params, x.e.base, x.prefix)
	if tooLarge != nil && tooLarge.Reason == "request.size" {
		x.respond(func() *answer { return x.refuse(tooLarge) })
		return
	}
	x.in = x.e.wire.Read(x.request, x.r.Header, x.raw, tooLarge, x.server.config.limits)
	x.secrets, x.hidden = sentSecrets(x.e, x.request, x.raw)
	x.sent = x.secrets
	x.respond(x.answer)
}

// respond decides and answers.
func (x *exchange) respond(decide func() *answer) {
	defer x.leave()
	if !x.arrive() {
		decide = x.nobody
	}
	if x.keepAs != "" {
		decide = x.keeping(decide)
	}
	x.deliver(x.decided(decide))
}

// decided decides and puts the answer together. Where somebody observes, the
// decisions of a world are made one at a time, each with its observation.
func (x *exchange) decided(decide func() *answer) *answer {
	if x.server.config.observe == nil {
		a := decide()
		x.discreet(a)
		x.compose(a)
		return a
	}
	x.world.observing.Lock()
	defer x.world.observing.Unlock()
	x.watch = &watch{}
	a := decide()
	why := a.why
	x.discreet(a)
	x.compose(a)
	x.observe(a, why)
	return a
}

// offered leaves out operations that do not exist under the world's settings.
func (x *exchange) offered(endpoints []*endpoint) []*endpoint {
	gated := false
	for _, e := range endpoints {
		gated = gated || e.op.Offered != nil
	}
	if !gated {
		return endpoints
	}
	st := x.world.state(endpoints[0].system)
	var out []*endpoint
	st.store.Update(func(tx session.Tx) {
		for _, e := range endpoints {
			if st.machine.Offered(e.op, session.Moment{Now: x.now, Tx: tx}) {
				out = append(out, e)
			}
		}
	})
	return out
}

// nowhere answers a path that no operation has, or none of those known under
// the world's settings: the answer is the same, the reason is not.
func (x *exchange) nowhere(known []*endpoint) func() *answer {
	why := fmt.Sprintf("No operation has this path. GET %s/systems lists what is served.", AdminPath)
	if len(known) > 0 {
		e := known[0]
		why = fmt.Sprintf("The operation %s has this path only where %s; PUT %s/settings/%s chooses another profile or other values.",
			e.op.ID, e.op.Offered.Src, AdminPath, e.system.name())
	}
	sys, base := x.server.router.near(x.path)
	if sys == nil {
		f := &session.Failure{Reason: "request.path", Why: why}
		return func() *answer {
			return x.unless(f.Reason, "", func() *answer { return x.problem(http.StatusNotFound, f) })
		}
	}
	x.system, x.state = sys, x.world.state(sys)
	cors(x.w.Header(), x.r, sys.contract.CORS)
	x.e = &endpoint{system: sys, op: &specs.Operation{Failures: specs.FailureTable{}}, wire: wire.New(sys.contract, &specs.Operation{}), base: base}
	x.request = wire.Head(x.r, nil, base, x.prefix)
	return func() *answer {
		return x.refuse(&session.Failure{Reason: "request.path", Field: "path", Value: x.r.URL.Path, Why: why})
	}
}

// refuse answers a failure that was found before anything could be decided.
func (x *exchange) refuse(f *session.Failure) *answer {
	var out *answer
	x.state.store.Update(func(tx session.Tx) {
		at := session.Moment{Now: x.now, Tx: tx, Number: x.number}
		x.tx = at.Tx
		x.watch.before(x, at)
		d := x.state.machine.Refuse(x.e.op, x.request, at, f)
		typ, _ := x.e.wire.Negotiate(x.state.machine, x.request, x.r.Header["Accept"], at)
		out = x.unless(d.Outcome(), typ, func() *answer {
			x.watch.after(d)
			return x.finish(d, typ)
		})
	})
	return out
}

// answer decides.
func (x *exchange) answer() *answer {
	var out *answer
	x.state.store.Update(func(tx session.Tx) {
		at := session.Moment{Now: x.now, Tx: x.watch.tx(tx, x.state.machine, x.now), Number: x.number}
		x.tx = at.Tx
		x.watch.before(x, at)
		d, typ, laid := x.judge(at)
		out = x.unless(d.Outcome(), typ, func() *answer {
			if laid {
				x.state.take(x.e.op.ID)
				x.watch.after(d)
				return x.finish(d, typ)
			}
			made, err := d.Apply()
			x.secrets = append(x.secrets, made...)
			if err != nil {
				return x.problem(http.StatusInternalServerError, &session.Failure{Reason: "contract", Why: "The contract cannot be carried out: " + err.Error() + "."})
			}
			x.watch.after(d)
			return x.finish(d, typ)
		})
	})
	out.notes = append(x.in.Notes, out.notes...)
	return out
}

// judge says what the request means now; laid: a failure that was asked for
// comes before. It changes nothing.
func (x *exchange) judge(at session.Moment) (d *session.Decision, typ string, laid bool) {
	if reason := x.state.next(x.e.op.ID); reason != "" {
		typ, _ = x.e.wire.Negotiate(x.state.machine, x.request, x.in.Accept, at)
		return x.state.machine.Refuse(x.e.op, x.request, at, &session.Failure{Reason: reason, Why: "This failure was asked for by the control API."}), typ, true
	}
	d, typ = x.e.wire.Decide(x.state.machine, x.in, at)
	return d, typ, false
}

// finish renders and encodes what was decided. It runs in the same Update as
// the decision: the answer speaks of the state that it made.
func (x *exchange) finish(d *session.Decision, typ string) *answer {
	status, isProblem := d.Status()
	out := &answer{status: status, outcome: d.Outcome(), client: d.ClientError(), from: d.From()}
	if d.Failure != nil {
		out.why = d.Failure.Why
	}
	if isProblem {
		p := x.problem(status, d.Failure)
		p.client = out.client
		p.notes = d.Notes
		return p
	}
	media, n, pointer := x.e.wire.Media(d, status, typ)
	r := d.Render(status, n)
	out.notes = d.Notes
	if len(r.Headers)+len(r.Cookies) > 0 {
		out.headers = make(http.Header, len(r.Headers)+1)
	}
	for _, h := range r.Headers {
		out.headers[h.Name] = append(out.headers[h.Name], h.Value)
	}
	for _, c := range r.Cookies {
		out.headers["Set-Cookie"] = append(out.headers["Set-Cookie"], wire.SetCookie(c, x.request.Base, x.now))
	}
	if !r.HasBody {
		x.alter(out, nil, nil, x.tx)
		return out
	}
	out.typ = media
	body, err := wire.Encode(media, r.Body, n)
	if err != nil {
		return x.problem(http.StatusInternalServerError, &session.Failure{Reason: "contract", Why: "The documented answer cannot be written as " + media + ": " + err.Error() + "."})
	}
	out.body = body
	x.alter(out, r.Body, n, x.tx)
	out.notes = append(out.notes, x.check(r.Body, pointer)...)
	return out
}

// check compares an answer with its schema. An answer that breaks it is a fault
// of the contract or of ours; it is written all the same, and said.
func (x *exchange) check(body any, pointer string) []string {
	if pointer == "" {
		return nil
	}
	v, err := x.system.contract.Schemas.Compile(pointer, schema.Response)
	if err != nil {
		return nil
	}
	var out []string
	for _, f := range v.Validate(body) {
		out = append(out, "the answer breaks its own schema at "+f.Pointer+": "+f.Message)
	}
	return out
}

// problem answers what the contract has no answer for: RFC 9457.
func (x *exchange) problem(status int, f *session.Failure) *answer {
	doc := problemDocument(status, f.Reason, f.Why, f.Violations)
	return &answer{status: status, typ: "application/problem+json", problem: &doc, outcome: f.Reason, why: f.Why}
}

type problemBody struct {
	Type       string              `json:"type"`
	Title      string              `json:"title"`
	Status     int                 `json:"status"`
	Detail     string              `json:"detail,omitempty"`
	Reason     string              `json:"reason"`
	Violations []session.Violation `json:"violations,omitempty"`
}

func problemDocument(status int, reason, why string, violations []session.Violation) problemBody {
	return problemBody{"about:blank", http.StatusText(status), status, why, reason, violations}
}

// problem writes a problem document outside of any exchange.
func problem(w http.ResponseWriter, status int, reason, why string) {
	body, _ := json.Marshal(problemDocument(status, reason, why, nil))
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// discreet masks what is said of a refusal. A name that the client chose, such
// as that of a parameter, may be a token as well.
func (x *exchange) discreet(a *answer) {
	if a.why != "" || a.problem != nil {
		m := x.world.masker(x.speakable(a))
		a.why = m.sentence(a.why)
		if p := a.problem; p != nil {
			p.Detail = m.sentence(p.Detail)
			violations := make([]session.Violation, len(p.Violations))
			for i, v := range p.Violations {
				violations[i] = session.Violation{Where: m.text(v.Where), Pointer: m.text(v.Pointer), Message: m.sentence(v.Message)}
			}
			p.Violations = violations
		}
	}
	if a.problem != nil {
		a.body, _ = json.Marshal(a.problem)
	}
}

// speakable are the secrets of the exchange that may stand in what is said of a
// refusal.
func (x *exchange) speakable(a *answer) []string {
	said := []secret.Sentence{secret.NewSentence(a.why)}
	if p := a.problem; p != nil {
		if p.Detail != a.why {
			said = append(said, secret.NewSentence(p.Detail))
		}
		for _, v := range p.Violations {
			said = append(said, secret.NewSentence(v.Where), secret.NewSentence(v.Pointer), secret.NewSentence(v.Message))
		}
	}
	secrets := append(x.world.server.secretNames(x.system).of(x.r.URL.RequestURI(), x.r.Header), x.secrets...)
	return slices.DeleteFunc(secrets, func(s string) bool {
		return !slices.ContainsFunc(said, func(t secret.Sentence) bool { return t.May(s) })
	})
}

// hasBody reports whether an answer of its status has a body.
func (a *answer) hasBody() bool {
	return a.status != http.StatusNoContent && a.status != http.StatusNotModified && a.status >= 200
}

// compose puts the header of the answer together.
func (x *exchange) compose(a *answer) {
	if a.status == 0 {
		return
	}
	h := x.w.Header()
	values := make([]string, 0, 6) // of the fields set here, in one piece
	set := func(name, v string) {
		values = append(values, v)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set("Date", x.now.Format(http.TimeFormat))
	typed := false
	for name, list := range a.headers {
		if strings.EqualFold(name, "Content-Type") {
			// Spelled as the contract has it: a client exists that looks for one
			// spelling only. The nil keeps net/http from adding its own.
			typed = true
			h["Content-Type"] = nil
		}
		h[name] = list
	}
	if a.typ != "" && !typed {
		set("Content-Type", a.typ)
	} else if !typed {
		h["Content-Type"] = nil
	}
	if x.server.config.diagnostics {
		x.diagnose(a, set)
	}
	if a.hasBody() && a.size == 0 {
		set("Content-Length", strconv.Itoa(len(a.body)))
	}
	if x.trouble.lower {
		lowerHeaders(h)
	}
}

// diagnose says in the header what was decided.
func (x *exchange) diagnose(a *answer, set func(name, v string)) {
	if outcome := a.outcome; outcome != "" {
		if x.e != nil && x.e.op.ID != "" {
			outcome = x.e.op.ID + " " + outcome
		}
		set("Mockauth-Outcome", headerText(outcome))
	}
	if done := x.done(a); done != "" {
		set("Mockauth-Fault", done)
	}
	if a.why != "" {
		set("Mockauth-Why", headerText(a.why))
	}
	if a.client != "" {
		set("Mockauth-Client-Error", headerText(a.client))
	}
}

// send writes the answer.
func (x *exchange) send(a *answer) {
	x.w.WriteHeader(a.status)
	if a.hasBody() && x.r.Method != http.MethodHead {
		_, _ = x.w.Write(a.body) // the client has gone: nobody to tell
	}
}

// headerText makes a text fit for a header: printable ASCII, one line, bounded.
func headerText(s string) string {
	if len(s) > 1000 {
		s = s[:1000]
	}
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, strings.NewReplacer("’", "'", "…", "...", "“", "\"", "”", "\"").Replace(s))
}

func (x *exchange) journal(a *answer) {
	took := time.Since(x.started)
	answered := a.body
	if a.text != nil {
		answered = a.text
	}
	e := &entry{system: x.system, sent: clip(x.raw), answered: clip(answered), secrets: x.secrets, hidden: x.hidden, unread: x.unread(), Exchange: Exchange{
		Number: x.number, Time: x.now, World: x.world.name, Outcome: a.outcome, Fault: x.done(a), Why: a.why, ClientError: a.client, From: a.from, Notes: a.notes, Took: took,
		Request:  Message{Method: x.r.Method, URL: x.r.URL.RequestURI(), Headers: x.r.Header, Size: len(x.raw)},
		Response: Message{Status: a.status, Headers: x.w.Header(), Size: len(a.body) + int(a.size)},
	}}
	if a.status == 0 {
		e.Response.Headers = http.Header{}
	}
	where := "-"
	if x.system != nil {
		e.System = x.system.name()
	}
	if x.e != nil {
		e.Operation = x.e.op.ID
		if x.e.op.Path != "" {
			where = x.e.base + x.e.op.Path
		}
	}
	x.world.journal.add(e)
	log := x.server.config.log
	if !log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	attrs := []any{
		"n", x.number, "world", x.world.name, "system", e.System, "method", x.r.Method, "path", where,
		"operation", e.Operation, "outcome", a.outcome, "status", a.status, "took", took.Round(time.Microsecond),
	}
	if e.Fault != "" {
		attrs = append(attrs, "fault", e.Fault)
	}
	if a.why != "" {
		attrs = append(attrs, "why", a.why)
	}
	log.Info("request", attrs...)
	if len(a.notes) == 0 {
		return
	}
	for _, n := range x.world.mask(e).Notes {
		log.Warn("note", "n", x.number, "note", n)
	}
}

// unread reports whether there is a body that was not decoded and may hold a
// secret: at least one operation at this place takes one in its body, or none
// says what its body is.
func (x *exchange) unread() bool {
	if len(x.raw) == 0 || x.request != nil && x.request.HasBody {
		return false
	}
	if x.e == nil || len(x.e.op.Body) == 0 {
		return true
	}
	return slices.ContainsFunc(x.e.op.Secrets, func(l specs.Location) bool { return l.In == specs.InBody })
}

// clip is as much of a body as the journal keeps. A short one is kept as it is:
// nobody changes it any more.
func clip(b []byte) []byte {
	if len(b) > maxJournalBody {
		return bytes.Clone(b[:maxJournalBody])
	}
	return b
}
