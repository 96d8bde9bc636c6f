package mockserver

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// Observation is one exchange as it was decided, for whoever judges what a
// client sent. Nothing in it is masked: it holds passwords and tokens in clear,
// and must not be shown.
type Observation struct {
	Number int // of the exchange, as in the journal
	// Time is that of the world, Wall the machine's, when the request came.
	Time, Wall               time.Time
	World, System, Operation string // Operation is an operationId; "": none has this path and method
	// Outcome is the name of the answer, or the reason of the refusal; "" if a
	// fault was done instead, so that nothing happened.
	Outcome string
	// Would is the outcome that a fault came before; "" unless Outcome is.
	Would       string
	ClientError string
	Fault       string // what is done to this exchange on purpose: the Do of a Fault; several are joined by +
	Why         string

	Method, URL, Host, RemoteAddr string // URL as it was sent
	Header                        http.Header
	Body                          []byte // all of it, up to BodyLimit

	// Status is 0 if no answer is written.
	Status       int
	AnswerHeader http.Header
	AnswerBody   []byte // not of `huge`

	// Presented are the tokens in the places where a proof of the operation reads.
	Presented []Presented
	Issued    []Issued
	// Refused: a refusal was decided; Outcome is its reason.
	Refused bool
	// Ended are the texts of the tokens that lived before this request, and do not
	// after it: revoked, consumed, replaced, or their session ended.
	Ended  []string
	Opened []string // ids of sessions
	// Violations are the places of a refused request that break its schema.
	Violations []session.Violation
	// Secrets are the credentials that were sent where credentials belong.
	Secrets []string
}

// Presented is a token that a request carried.
type Presented struct {
	Text string
	Kind string // of the token; if nobody issued it, the kind that belongs there
	At   string // as the contract writes the place, such as $request.bearer
	// Dead is why it was dead before this request: "expired", "revoked",
	// "consumed", "replaced", or "unknown"; "" if it lived.
	Dead string
}

// Issued is a token that a request was given.
type Issued struct {
	Kind, Text string
	Session    string        // id
	Expires    time.Time     // of the world; zero: never
	Idle       time.Duration // after which it is dead if it is not used; 0: never
}

// Observe calls f for each exchange of a system after it is decided and before
// it is answered. In a world the calls come one after another, in the order of
// the decisions, which need not be that of the numbers; worlds that are used at
// once call f at once. No other request of the world is decided meanwhile, so f
// must be quick, and must not send any. The Observation is f's to keep.
//
// An Observation holds secrets in clear.
func Observe(f func(Observation)) Option {
	return func(c *config) error {
		c.observe = f
		return nil
	}
}

// watch collects what an observer is told of a decision.
type watch struct {
	presented  []Presented
	issued     []Issued
	ended      []string
	opened     []string
	refused    bool
	violations []session.Violation
}

// tx is the transaction that tells what ends in it.
func (w *watch) tx(tx session.Tx, m *session.Machine, now time.Time) session.Tx {
	if w == nil {
		return tx
	}
	return &observedTx{tx, w, m, now}
}

// observedTx remembers the tokens that end.
type observedTx struct {
	session.Tx
	w   *watch
	m   *session.Machine
	now time.Time
}

func (t *observedTx) lives(x *session.Token) bool {
	return x != nil && t.m.Deadness(x, session.Moment{Now: t.now, Tx: t.Tx}) == ""
}

// PutToken implements session.Tx.
func (t *observedTx) PutToken(x *session.Token) {
	if x.State != session.Live && t.lives(t.Token(x.Text)) {
		t.w.ended = append(t.w.ended, x.Text)
	}
	t.Tx.PutToken(x)
}

// PutSession implements session.Tx.
func (t *observedTx) PutSession(x *session.Session) {
	if old := t.Session(x.ID); x.Ended && old != nil && !old.Ended {
		for _, text := range old.Tokens {
			if t.lives(t.Token(text)) {
				t.w.ended = append(t.w.ended, text)
			}
		}
	}
	t.Tx.PutSession(x)
}

// Rollback implements session.Tx.
func (t *observedTx) Rollback() {
	t.w.ended = nil
	t.Tx.Rollback()
}

// before looks at the tokens of a request before it is decided.
func (w *watch) before(x *exchange, at session.Moment) {
	if w == nil || x.request == nil {
		return
	}
	seen := map[Presented]bool{}
	for _, b := range tokenPlaces(x.e.op) {
		raw, ok := x.request.Value(b.At)
		if !ok {
			continue
		}
		p, ok := presented(x.state.machine, b, raw, at)
		if ok && !seen[p] {
			seen[p] = true
			w.presented = append(w.presented, p)
		}
	}
}

// presented reads a token at its place; it reports false if there is no text.
func presented(m *session.Machine, b *specs.RequestBind, raw any, at session.Moment) (Presented, bool) {
	p := Presented{At: b.At.String(), Dead: "unknown"}
	for _, alt := range b.Alts {
		if alt.Kind != specs.FindToken {
			continue
		}
		v, ok := alt.Value.Undo(raw)
		if !ok {
			continue
		}
		text, ok := value.Text(v)
		if !ok || text == "" {
			continue
		}
		if t := at.Tx.Token(text); t != nil {
			p.Text, p.Kind, p.Dead = text, t.Kind.Name, m.Deadness(t, at)
			return p, true
		}
		if p.Kind == "" {
			p.Text, p.Kind = text, alt.Token
		}
	}
	if p.Kind == "" { // not in the form that the binding wants
		text, ok := value.Text(raw)
		if !ok || text == "" {
			return p, false
		}
		p.Text, p.Kind = text, b.Alts[0].Token
	}
	return p, true
}

// tokenPlaces are the bindings of an operation that find a token.
func tokenPlaces(op *specs.Operation) []*specs.RequestBind {
	var out []*specs.RequestBind
	var walk func(p *specs.Proof)
	walk = func(p *specs.Proof) {
		for _, b := range slices.Concat(p.Binds, p.May) {
			if slices.ContainsFunc(b.Alts, func(t *specs.Target) bool { return t.Kind == specs.FindToken }) {
				out = append(out, b)
			}
		}
		for _, a := range p.Also {
			walk(a)
		}
	}
	for _, alt := range op.Security {
		for _, p := range alt {
			walk(p)
		}
	}
	for _, p := range op.Accepts {
		walk(p)
	}
	return out
}

// after notes what a decision made, once it is applied.
func (w *watch) after(d *session.Decision) {
	if w == nil {
		return
	}
	if w.refused = d.Failure != nil; w.refused {
		w.violations = d.Failure.Violations
		return
	}
	for _, t := range d.Issued() {
		w.issued = append(w.issued, Issued{Kind: t.Kind.Name, Text: t.Text, Session: t.Session, Expires: t.Expires, Idle: t.Idle})
	}
	w.opened = d.Opened()
}

// observe tells the observer of the server.
func (x *exchange) observe(a *answer, why string) {
	w := x.watch
	o := Observation{
		Number: x.number, Time: x.now, Wall: x.started, World: x.world.name,
		Outcome: a.outcome, Would: x.trouble.would, ClientError: a.client, Fault: x.done(a), Why: why,
		Method: x.r.Method, URL: x.r.RequestURI, Host: x.r.Host, RemoteAddr: x.r.RemoteAddr,
		Header: x.r.Header.Clone(), Body: slices.Clone(x.raw),
		Status: a.status, AnswerHeader: written(x.w.Header()),
		Presented: w.presented, Issued: w.issued, Ended: w.ended, Opened: w.opened, Violations: w.violations, Refused: w.refused,
	}
	if o.URL == "" {
		o.URL = x.r.URL.RequestURI()
	}
	if a.hasBody() && x.r.Method != http.MethodHead {
		o.AnswerBody = slices.Clone(a.body)
	}
	if a.status == 0 {
		o.AnswerHeader, o.AnswerBody = nil, nil
	}
	if x.system != nil {
		o.System = x.system.name()
	}
	if x.e != nil {
		o.Operation = x.e.op.ID
	}
	for _, s := range x.sent {
		if !slices.ContainsFunc(w.presented, func(p Presented) bool { return p.Text == s }) && !slices.Contains(o.Secrets, s) {
			o.Secrets = append(o.Secrets, s)
		}
	}
	x.server.config.observe(o)
}

// written is a header without the names that are there only to keep net/http
// from writing its own.
func written(h http.Header) http.Header {
	h = h.Clone()
	maps.DeleteFunc(h, func(_ string, list []string) bool { return list == nil })
	return h
}
