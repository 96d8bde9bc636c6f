package mockserver

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/wire"
)

// trouble is what is done to one exchange on purpose.
type trouble struct {
	due   []*laidFault
	gates []*gate // of holds that it went through, or waits at
	done  []string
	notes []string
	would string // the outcome that a fault came before
	left  bool   // the client, while it had to wait
	lower bool   // names of header fields are in lower case
}

// aim is what a fault may be aimed at.
func (x *exchange) aim() (system, operation string) {
	if x.system != nil {
		system = x.system.name()
	}
	if x.e != nil {
		operation = x.e.op.ID
	}
	return system, operation
}

// arrive meets the faults that need no decision, and waits where one holds the
// call. It reports false if the client left meanwhile.
func (x *exchange) arrive() bool {
	if x.world.faults.laid.Load() == 0 || x.e == nil && x.r.Method == http.MethodOptions {
		return true
	}
	system, operation := x.aim()
	outcome := ""
	if x.in != nil && x.world.faults.asks(system, operation) {
		outcome = x.foresee()
	}
	t := &x.trouble
	t.due = x.world.faults.arrives(system, operation, outcome)
	for _, f := range t.due {
		if f.early() {
			x.hold(f)
		}
	}
	if len(t.gates) > 0 {
		// While it waited, time went by, and the world may have begun anew.
		x.now = x.world.clock.Now()
		if x.system != nil {
			x.state = x.world.state(x.system)
		}
	}
	if t.left {
		t.due = nil
	}
	return !t.left
}

// foresee says how the call would be decided now. It changes nothing.
func (x *exchange) foresee() (outcome string) {
	x.state.store.Update(func(tx session.Tx) {
		tx.Begin()
		defer tx.Rollback() // a twist may change the state
		d, _, _ := x.judge(session.Moment{Now: x.now, Tx: tx, Number: x.number})
		outcome = d.Outcome()
	})
	return outcome
}

// hold waits for the others.
func (x *exchange) hold(f *laidFault) {
	if x.trouble.left {
		return
	}
	g := x.world.faults.join(f)
	if g == nil {
		return
	}
	t := &x.trouble
	t.gates, t.done = append(t.gates, g), append(t.done, doHold)
	t.left = !g.wait(x.r.Context())
	if note := g.note(); note != "" {
		t.notes = append(t.notes, note)
	}
}

// leave lets those go on who waited for this call.
func (x *exchange) leave() {
	for _, g := range x.trouble.gates {
		g.done()
	}
}

// nobody is the answer to a client that left before anything was decided.
func (x *exchange) nobody() *answer { return &answer{} }

// unless meets the faults that are aimed at the outcome, and returns what one of
// them answers instead, or else the answer of do. What is due after that is in
// the answer.
func (x *exchange) unless(outcome, typ string, do func() *answer) *answer {
	faults := &x.world.faults
	if faults.laid.Load() == 0 && len(x.trouble.due) == 0 {
		return do()
	}
	t := &x.trouble
	t.due = slices.DeleteFunc(t.due, (*laidFault).isGone) // while it was held
	system, operation := x.aim()
	t.due = append(t.due, faults.decided(system, operation, outcome)...)
	slices.SortStableFunc(t.due, func(a, b *laidFault) int { return a.id - b.id })
	i := slices.IndexFunc(t.due, func(f *laidFault) bool { return !f.beside() })
	if i < 0 {
		return do()
	}
	f := t.due[i]
	faults.fire(f)
	if f.instead() {
		t.would = outcome
		a := x.inPlace(f, typ)
		a.fault = f
		return a
	}
	a := do()
	a.fault = f
	if f.Do == doDrop {
		a.status, a.body, a.text, a.problem = 0, nil, nil, nil
	}
	return a
}

// inPlace is what is answered instead.
func (x *exchange) inPlace(f *laidFault, typ string) *answer {
	switch f.Do {
	case doAnswer:
		a := &answer{status: f.Status, body: []byte(f.Body), headers: http.Header{}, typ: guessed(f.Body)}
		for name, v := range f.Header {
			a.headers[name] = []string{v}
		}
		return a
	case doRedirect:
		to := f.Location
		if strings.HasSuffix(to, "/") {
			to += strings.TrimPrefix(x.path, "/")
			if q := x.r.URL.RawQuery; q != "" {
				to += "?" + q
			}
		}
		return &answer{status: f.Status, headers: http.Header{"Location": {to}}}
	case doHuge:
		if typ == "" {
			typ = "text/plain"
		}
		return &answer{status: http.StatusOK, typ: typ, size: f.Size}
	}
	return &answer{}
}

// guessed is the media type that a body seems to have.
func guessed(body string) string {
	switch b := strings.TrimSpace(body); {
	case b == "":
		return ""
	case b[0] == '{' || b[0] == '[':
		return "application/json"
	case strings.HasPrefix(b, "<?xml"):
		return "application/xml"
	case b[0] == '<':
		return "text/html; charset=utf-8"
	}
	return "text/plain; charset=utf-8"
}

// done is what was or will be done to the exchange.
func (x *exchange) done(a *answer) string {
	if len(x.trouble.due) == 0 {
		return strings.Join(x.trouble.done, "+")
	}
	out := slices.Clone(x.trouble.done)
	for _, f := range x.trouble.due {
		if f == a.fault || f.Do == doAlter && a.altered || f.Do == doDelay || f.Do == doHold && f.At == atAnswer {
			out = append(out, f.Do)
		}
	}
	return strings.Join(out, "+")
}

// deliver waits where a fault says so, and writes the answer, or does what comes
// in its place. The exchange is remembered before anything is written.
func (x *exchange) deliver(a *answer) {
	t := &x.trouble
	did := x.done(a)
	for _, f := range t.due {
		if f.Do == doHold && f.At == atAnswer {
			x.hold(f)
		}
	}
	for _, f := range t.due {
		if f.Do == doDelay {
			x.world.faults.fire(f)
			x.pause(f)
		}
	}
	if a.fault != nil && a.fault.Do == doHang {
		x.pause(a.fault)
	}
	t.done, t.due = nil, nil
	if did != "" {
		t.done = []string{did}
	}
	a.notes = append(a.notes, t.notes...)
	if t.left {
		a.status, a.body, a.text, a.size = 0, nil, nil, 0
	}
	x.journal(a)
	x.transmit(a)
	if len(t.gates) > 0 {
		_ = http.NewResponseController(x.w).Flush() // the next one's turn is when this is written
	}
}

func (x *exchange) transmit(a *answer) {
	if a.status == 0 {
		x.sever(a.fault == nil || a.fault.Do != doDrop)
		return
	}
	switch {
	case a.fault == nil:
		x.send(a)
	case a.fault.Do == doTruncate && len(a.body) > 0:
		// net/http closes a connection on which less was written than announced.
		a.body = a.body[:len(a.body)/2]
		x.send(a)
	case a.fault.Do == doHuge:
		x.pour(a)
	case a.fault.Do == doTwice:
		x.twice(a)
	default:
		x.send(a)
	}
}

// pause waits for as long as the fault says, unless it is taken back or the
// client leaves.
func (x *exchange) pause(f *laidFault) {
	faults := &x.world.faults
	if x.trouble.left || !faults.enter(f) {
		return
	}
	defer faults.exit(f)
	timer := time.NewTimer(f.For)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.gone:
	case <-x.r.Context().Done():
		x.trouble.left = true
	}
}

// sever closes the connection without a further word: reset, or in peace.
func (x *exchange) sever(reset bool) {
	if m, ok := x.w.(*memory); ok {
		m.sever(reset)
		return
	}
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: net/http resets the stream
	}
	if reset {
		linger(conn)
	}
	_ = conn.Close()
}

// linger makes the next Close of a connection a reset.
func linger(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0)
	}
}

const (
	chunk        = 32 << 10
	chunkTimeout = 30 * time.Second
)

// pour writes a huge body piece by piece, until the client leaves.
func (x *exchange) pour(a *answer) {
	body := filler(a.typ, a.size)
	if m, ok := x.w.(*memory); ok {
		m.WriteHeader(a.status)
		m.stream = body
		return
	}
	x.w.WriteHeader(a.status)
	if x.r.Method == http.MethodHead {
		return
	}
	c := http.NewResponseController(x.w)
	buf := make([]byte, chunk)
	for {
		n, end := body.Read(buf)
		_ = c.SetWriteDeadline(time.Now().Add(chunkTimeout))
		if _, err := x.w.Write(buf[:n]); err != nil {
			return
		}
		if end != nil {
			_ = c.SetWriteDeadline(time.Time{})
			return
		}
		select {
		case <-a.fault.gone:
			x.sever(true)
			return
		default:
		}
	}
}

// filler is a body of that size, well-formed if the type is JSON or XML.
func filler(typ string, size int64) io.Reader {
	before, after := "", ""
	switch {
	case wire.IsJSON(typ):
		before, after = `{"filler":"`, `"}`
	case wire.IsXML(typ):
		before, after = "<filler>", "</filler>"
	}
	n := size - int64(len(before)+len(after))
	if n < 0 {
		before, after, n = "", "", size
	}
	return io.MultiReader(strings.NewReader(before), io.LimitReader(letters{}, n), strings.NewReader(after))
}

// letters is an endless text.
type letters struct{}

// Read implements io.Reader.
func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
