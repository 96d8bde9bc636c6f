package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/mockserver"
)

// Names of the mock's observations, for short.
type (
	presented = mockserver.Presented
	issued    = mockserver.Issued
)

// Runner carries cases out, one at a time, with one driver. It is not safe for
// concurrent use; several of one Suite may work side by side.
type Runner struct {
	suite *Suite
	d     driver.Driver
	seq   int
	used  conformance.Used
}

// Runner makes a Runner. Close ends its driver, and must be called.
func (s *Suite) Runner() *Runner { return &Runner{suite: s} }

func (r *Runner) next() int {
	r.seq++
	return r.seq
}

// driver is the driver of the runner: it is started when it is first needed, and
// anew after it has died.
func (r *Runner) driver(ctx context.Context) (driver.Driver, error) {
	if r.d != nil {
		return r.d, nil
	}
	d, err := r.suite.start(ctx)
	r.d = d
	return d, err
}

// drop ends a driver that is of no use any more.
func (r *Runner) drop() {
	if r.d == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = r.d.Close(ctx)
	r.d = nil
}

// Run carries one case out.
func (r *Runner) Run(ctx context.Context, c *conformance.Case) (v conformance.Verdict) {
	started := time.Now()
	v = conformance.Verdict{Info: c.Info, Status: conformance.Passed}
	x := r.suite.scenarios[c.ID]
	if x == nil {
		v.Status, v.Why = conformance.NotTestable, "no scenario has this id"
		return v
	}
	s := r.stage(c.ID)
	s.severity, s.rule = c.Severity, c.Rule
	defer func() { v.Seconds = time.Since(started).Seconds() }()
	defer s.close()
	if why := r.lacks(ctx, x); why != "" {
		v.Status, v.Why = conformance.Excluded, why
		return v
	}
	if x.rehearsed {
		if unfit := r.rehearse(ctx); unfit != nil {
			v.Status, v.Why = unfit.status, unfit.why
			return v
		}
		if why := r.suite.facts.without(x.about, r.suite.manner.given); why != "" {
			v.Status, v.Why = conformance.Excluded, why
			return v
		}
	}
	if err := s.open(setting{}); err != nil {
		v.Status, v.Why = conformance.NotTestable, "no world could be made: "+err.Error()
		return v
	}
	x.run(ctx, s)
	s.leave(ctx)
	s.really(x, &v.Info)
	v.Status, v.Why, v.Mismatches = s.judged()
	v.Exchanges = s.exchanges()
	if !r.suite.o.Watch { // else it is counted where it was seen
		r.count(s)
	}
	return v
}

// count adds up what was seen in a stage.
func (r *Runner) count(s *stage) {
	r.used.Requests += s.past + s.mark()
	r.used.Sessions += s.opens + count(s.seen(0), opened)
	r.used.WrongPasswords += count(s.seen(0), func(o observed) bool { return o.Refused && strings.HasPrefix(o.Outcome, "credentials.") })
	r.used.Closed = r.used.Sessions // a mock ends with all that is in it
}

// really puts the operation that the client uses in the place of the one that
// the contract suggested.
func (s *stage) really(x *scenario, i *conformance.Info) {
	action := x.about
	if action == driver.Resume {
		action = driver.Renew
	}
	id := ""
	if x.rehearsed { // else another runner may be at it
		id = s.suite.manner.ops[action]
	} else if seen := s.seen(0); action == driver.Login || action == driver.Call {
		is := map[string]func(observed) bool{driver.Login: opened, driver.Call: called}[action]
		if at := slices.IndexFunc(seen, is); at >= 0 {
			id = seen[at].Operation
		}
	}
	op := s.operation(id)
	if op == nil || x.pointer != "" {
		return
	}
	i.Operation, i.Method, i.Path = op.ID, op.Method, op.Path
	i.Rule.Pointer, i.Rule.Line = op.Pointer, op.Line
}

// stage makes a stage that is not open yet.
func (r *Runner) stage(id string) *stage {
	return &stage{suite: r.suite, r: r, id: id, mask: conformance.NewMasker(), wake: make(chan struct{})}
}

// lacks is what a scenario wants that the client does not have; "": nothing.
func (r *Runner) lacks(ctx context.Context, x *scenario) string {
	d, err := r.driver(ctx)
	if err != nil {
		return "" // the case says so
	}
	if driver.OneShot(d) && x.group() == "life" && !r.suite.o.Watch {
		return "a command that is run as a whole has no session to go on with; a driver does: conform client --driver"
	}
	if driver.OneShot(d) && strings.HasPrefix(x.name, "understand.error.") {
		return "a command says nothing of an error but its exit status; a driver does: conform client --driver"
	}
	for _, need := range x.needs {
		if !d.About().Can(need) {
			return fmt.Sprintf("the client does not have this: %s is not among what its driver does", need)
		}
	}
	return ""
}

// leave ends what a client of the case may still hold: the mock is closed, and
// what was said is looked through.
func (s *stage) leave(ctx context.Context) {
	if s.suite.o.Watch {
		return
	}
	s.world.ClearFaults()
	if s.r.d != nil {
		s.output.WriteString(s.r.d.Output())
	}
	if ctx.Err() == nil {
		s.everywhere()
	}
}

// judged is the status of a case and why.
func (s *stage) judged() (conformance.Status, string, []conformance.Mismatch) {
	if len(s.v.mismatches) > 0 {
		why := s.v.why
		worst := conformance.May
		for _, m := range s.v.mismatches {
			worst = max(worst, m.Severity)
		}
		if worst == conformance.Must || worst == conformance.Should && s.suite.o.Strict {
			return conformance.Failed, why, s.v.mismatches
		}
		return conformance.Differs, "what differs is " + worst.String() + ": it fails a run that is strict", s.v.mismatches
	}
	if s.v.status != "" {
		return s.v.status, s.v.why, nil
	}
	return conformance.Passed, "", nil
}

// Used is what was done so far.
func (r *Runner) Used() conformance.Used { return r.used }

// Close ends the driver.
func (r *Runner) Close(context.Context) int {
	r.drop()
	return 0
}

// exchanges are those that the mock saw, for reports: masked.
func (s *stage) exchanges() []conformance.Exchange {
	var out []conformance.Exchange
	for i, o := range s.seen(0) {
		if i == mostShown {
			out[i-1].Purpose += fmt.Sprintf(" (%s after it, not shown)", plural(s.mark()-i, "more request"))
			break
		}
		out = append(out, s.exchange(i, o))
	}
	return out
}

// mostShown bounds the exchanges that reports show.
const mostShown = 40

// maxShown bounds the bytes of a body that reports show.
const maxShown = 16 << 10

func (s *stage) exchange(i int, o observed) conformance.Exchange {
	e := conformance.Exchange{Purpose: s.purpose(i, o), Operation: o.Operation, Wanted: line(o)}
	e.Request = conformance.Message{Method: o.Method, URL: s.mask.Text(o.URL), Headers: s.fields(o.Header)}
	e.Request.Body, e.Request.Cut = s.mask.Cut(string(o.Body), maxShown)
	if o.Status == 0 {
		e.Error = o.Fault + ", on purpose"
		return e
	}
	e.Response = &conformance.Message{Status: o.Status, Headers: s.fields(o.AnswerHeader)}
	e.Response.Body, e.Response.Cut = s.mask.Cut(string(o.AnswerBody), maxShown)
	return e
}

// purpose says during which step of the client an exchange was seen, and what
// the mock made of it.
func (s *stage) purpose(i int, o observed) string {
	text := "seen"
	for n, r := range s.results {
		if i >= r.from && i < r.to {
			text = fmt.Sprintf("step %d, %s", n+1, doing(r.step))
		}
	}
	text += ": " + line(o)
	if o.Why != "" {
		text += ": " + s.mask.Text(o.Why)
	}
	return text
}

func (s *stage) fields(h map[string][]string) []conformance.Field {
	var out []conformance.Field
	for _, name := range sortedKeys(h) {
		for _, v := range h[name] {
			out = append(out, conformance.Field{Name: name, Value: s.mask.Text(v)})
		}
	}
	return out
}

// plural is a number of things in words.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// quoted is a text in a message: the part of it around what was masked.
func quoted(s string) string {
	const most = 80
	if at := strings.Index(s, conformance.Masked); at > most/2 && len(s) > most {
		start := at - most/2
		for start > 0 && s[start]&0xC0 == 0x80 {
			start--
		}
		s = "…" + s[start:]
	}
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return `"` + strings.ReplaceAll(s, "\n", `\n`) + `"`
}
