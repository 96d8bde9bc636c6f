package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// observed is an exchange that the mock saw.
type observed = mockserver.Observation

// stage is one case under way: a mock of its own, the client, and what was seen
// of both.
type stage struct {
	suite *Suite
	r     *Runner
	id    string

	mock    *mockserver.Server
	world   *mockserver.World
	other   *elsewhere
	secrets []string // of the records
	// settings in force; mortal: see setting
	settings map[string]any
	mortal   bool
	// who the client logs in as, and all records, by kind
	self     candidate
	accounts map[string][]driver.Account
	mask     *conformance.Masker

	mu   sync.Mutex // guards what follows
	log  []observed
	wake chan struct{} // closed, and made anew, at each exchange

	past, opens int // requests and sessions of the turns before this

	fresh    bool // the next task gets a new client
	marked   int  // where the last run of Try began
	output   strings.Builder
	v        verdict
	results  []said // what the client said, in order
	severity conformance.Severity
	rule     conformance.Rule
}

// said is what the client said of a step.
type said struct {
	step driver.Step
	driver.StepResult
	// from and to: the exchanges of it are log[from:to].
	from, to int
	took     time.Duration
}

// verdict is what came of a case so far.
type verdict struct {
	status     conformance.Status // "": passed, unless there are mismatches
	why        string
	mismatches []conformance.Mismatch
}

// options of one stage, beside those of the suite.
type setting struct {
	// skew is how far the clock of the server is from the client's.
	skew time.Duration
	// account is the number of the record that the client logs in as.
	account int
	// turn tells stages of one case apart.
	turn int
	// mortal: tokens that live for ever under the suite's settings do not.
	mortal bool
}

// open makes the world of a case.
func (s *stage) open(o setting) error {
	s.close()
	s.past, s.opens = s.past+s.mark(), s.opens+count(s.seen(0), opened)
	c := s.suite.contract
	w, secrets := canaries(c, s.suite.world, fmt.Sprintf("%s %d", s.id, o.turn), s.suite.o.Seed)
	list := s.suite.facts.accounts(w, s.suite.o.Account)
	if o.account >= len(list) {
		return fmt.Errorf("the demo world has %d accounts that can log in, and %d are wanted", len(list), o.account+1)
	}
	s.self, s.secrets = list[o.account], secrets
	s.accounts = map[string][]driver.Account{}
	for _, r := range w.Records {
		fields, _ := value.Plain(maps.Clone(r.Value)).(map[string]any)
		s.accounts[r.Kind] = append(s.accounts[r.Kind], fields)
	}
	opts := []mockserver.Option{
		mockserver.Deviating(c, w, nil), mockserver.NoDiagnostics(), mockserver.AdminApart(),
		mockserver.Seed(s.suite.o.Seed + uint64(o.turn)), mockserver.Observe(s.observe),
	}
	if s.suite.o.Profile != "" {
		opts = append(opts, mockserver.Profile(c.Name, s.suite.o.Profile))
	}
	s.settings = maps.Clone(s.suite.settings)
	for _, name := range sortedKeys(s.suite.o.Settings) {
		opts = append(opts, mockserver.Setting(c.Name, name, s.suite.o.Settings[name]))
	}
	if s.mortal = o.mortal; o.mortal {
		for name, v := range s.suite.facts.mortal(s.suite.settings) {
			s.settings[name] = v
			opts = append(opts, mockserver.Setting(c.Name, name, v))
		}
	}
	m, err := mockserver.New(opts...)
	if err != nil {
		return err
	}
	if err := m.Listen("127.0.0.1:0"); err != nil {
		return err
	}
	s.mock, s.world = m, m.Default()
	s.world.Clock().Freeze(s.suite.o.Now().UTC().Add(o.skew))
	if s.other, err = newElsewhere(); err != nil {
		return err
	}
	s.mask.Add(secrets...)
	s.mu.Lock()
	s.log, s.wake = nil, make(chan struct{})
	s.mu.Unlock()
	s.fresh, s.results = true, nil
	return nil
}

// observe is told of each exchange.
func (s *stage) observe(o observed) {
	for _, t := range o.Issued {
		s.mask.Add(t.Text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) >= mostExchanges {
		return
	}
	s.log = append(s.log, o)
	close(s.wake)
	s.wake = make(chan struct{})
}

// mostExchanges bounds what is remembered of a client that does not stop.
const mostExchanges = 5000

// seen are the exchanges so far, from one on.
func (s *stage) seen(from int) []observed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log[min(from, len(s.log)):])
}

func (s *stage) mark() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.log)
}

// until waits for an exchange from a mark on; it reports false if ctx ends
// before.
func (s *stage) until(ctx context.Context, from int, is func(observed) bool) bool {
	for {
		s.mu.Lock()
		wake := s.wake
		found := slices.ContainsFunc(s.log[min(from, len(s.log)):], is)
		s.mu.Unlock()
		if found {
			return true
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return false
		}
	}
}

// close ends the world of a stage.
func (s *stage) close() {
	if s.mock != nil {
		_ = s.mock.Close()
		s.mock = nil
	}
	if s.other != nil {
		s.other.close()
		s.other = nil
	}
}

// task is what the driver is asked to do.
func (s *stage) task(steps []driver.Step) *driver.Task {
	account, _ := value.Plain(s.self.fields).(map[string]any)
	t := &driver.Task{
		Seq: s.r.next(), Case: s.id, New: s.fresh, System: s.suite.contract.Name,
		Origin: s.mock.URL(), BaseURL: s.mock.URL() + s.suite.contract.BasePaths[0],
		Kind: s.self.kind, Account: account, Accounts: s.accounts,
		Settings: map[string]any{}, Steps: steps, DeadlineMS: s.suite.o.Patience.Milliseconds(),
	}
	for _, x := range s.suite.contract.Settings {
		v := s.settings[x.Name]
		if d, ok := v.(time.Duration); ok {
			v = d.String()
		}
		if !x.Secret && v != nil {
			t.Settings[x.Name] = v
		}
	}
	s.fresh = false
	return t
}

// do tells the client to do one thing, and returns what it said. It reports
// false if nothing was said, and the case is over: the driver has died, has
// hung, cannot do it, or the run was ended.
func (s *stage) do(ctx context.Context, steps ...driver.Step) (out []said, ok bool) {
	for _, step := range steps {
		r, ok := s.step(ctx, step)
		if !ok {
			return out, false
		}
		out = append(out, r)
	}
	return out, true
}

func (s *stage) step(ctx context.Context, step driver.Step) (said, bool) {
	from := s.mark()
	started := time.Now()
	bounded, cancel := context.WithTimeout(ctx, s.suite.o.Patience)
	defer cancel()
	d, err := s.r.driver(ctx)
	if err != nil {
		s.fault(ctx, err)
		return said{}, false
	}
	report, err := d.Run(bounded, s.task([]driver.Step{step}))
	out := said{step: step, from: from, to: s.mark(), took: time.Since(started)}
	var dead *driver.DeadError
	switch {
	case ctx.Err() != nil:
		s.r.drop()
		s.fault(ctx, ctx.Err())
		return out, false
	case errors.As(err, &dead) && dead.Silent, err != nil && bounded.Err() != nil:
		s.output.WriteString(d.Output())
		s.r.drop()
		s.world.ClearFaults()
		s.add("client", "an answer or an error of "+doing(step)+" within "+s.suite.o.Patience.String(), "it was silent for "+s.suite.o.Patience.String()+", and was ended")
		return out, false
	case err != nil:
		s.output.WriteString(d.Output())
		s.r.drop()
		s.fault(ctx, err)
		return out, false
	case report.Skipped != nil:
		s.skip(s.suite.short(report.Skipped.Message, report.Skipped.Issue))
		return out, false
	case report.Errored != nil:
		s.untestable("the driver failed: " + s.suite.short(report.Errored.Message, ""))
		return out, false
	case len(report.Steps) == 0:
		s.untestable("the driver said nothing of " + doing(step))
		return out, false
	}
	out.StepResult = report.Steps[0]
	if step.Parallel > 1 && len(out.Each) != step.Parallel {
		s.untestable(fmt.Sprintf("the driver was asked for %s, and each has %s: see parallel in docs/drivers.md", doing(step), plural(len(out.Each), "result")))
		return out, false
	}
	s.results = append(s.results, out)
	return out, true
}

// short is a reason with its ticket.
func (s *Suite) short(message, issue string) string {
	if issue != "" {
		return message + " (" + issue + ")"
	}
	return message
}

// doing is a step in words: a login.
func doing(step driver.Step) string {
	text := map[string]string{driver.Login: "a login", driver.Call: "a call", driver.Renew: "a refresh", driver.Logout: "a logout", driver.Resume: "taking a session over"}[step.Do]
	if step.Parallel > 1 {
		text = fmt.Sprintf("%s, %d times at once", text, step.Parallel)
	}
	return text
}

// login logs in, as every case that is about something else begins. It reports
// false, and the case is not testable, if the client cannot.
func (s *stage) login(ctx context.Context) (said, bool) {
	r, ok := s.step(ctx, driver.Step{Do: driver.Login})
	if !ok {
		if s.v.status == "" && len(s.v.mismatches) > 0 {
			s.v.mismatches = nil
			s.untestable("the client did not come back from a login")
		}
		return r, false
	}
	if !r.OK {
		s.untestable("the client could not log in: " + r.text())
		return r, false
	}
	if !slices.ContainsFunc(s.seen(r.from), opened) {
		s.untestable("the client says that it has logged in, and no session was opened")
		return r, false
	}
	return r, true
}

// call makes a call that must work before the case goes on.
func (s *stage) call(ctx context.Context) (said, bool) {
	r, ok := s.step(ctx, driver.Step{Do: driver.Call})
	if ok && !r.OK {
		s.untestable("a call with the session just opened did not work: " + r.text())
		return r, false
	}
	if ok && !slices.ContainsFunc(s.seen(r.from), called) {
		s.untestable("the client says that a call has worked, and none with a token was seen")
		return r, false
	}
	return r, ok
}

// text is what the client said of a failure.
func (r said) text() string {
	e := r.Error
	if e == nil {
		for _, x := range r.Each {
			if !x.OK && x.Error != nil {
				e = x.Error
			}
		}
	}
	if e == nil {
		return "it gave no error"
	}
	text := e.Message
	if e.Code != "" {
		text = e.Code + ": " + text
	}
	if e.HTTP != 0 {
		text += fmt.Sprintf(" (HTTP %d)", e.HTTP)
	}
	return text
}

// add notes a difference.
func (s *stage) add(in, wanted, got string) { s.note(s.severity, in, wanted, got) }

// should notes a difference that no law forbids, and that a careful client does
// not have.
func (s *stage) should(in, wanted, got string) {
	s.note(min(s.severity, conformance.Should), in, wanted, got)
}

func (s *stage) note(severity conformance.Severity, in, wanted, got string) {
	s.v.mismatches = append(s.v.mismatches, conformance.Mismatch{In: in, Wanted: wanted, Got: s.mask.Text(got), Severity: severity, Rule: s.rule})
}

// untestable ends a case that proves nothing.
func (s *stage) untestable(why string) {
	if s.v.status == "" {
		s.v.status, s.v.why = conformance.NotTestable, s.mask.Text(why)
	}
}

// skip ends a case that the client, or the profile, leaves out.
func (s *stage) skip(why string) {
	if s.v.status == "" {
		s.v.status, s.v.why = conformance.Excluded, s.mask.Text(why)
	}
}

// fault is an error that is nobody's answer.
func (s *stage) fault(ctx context.Context, err error) {
	if ctx.Err() != nil {
		s.v.status, s.v.why = conformance.Interrupted, "the run was ended while it ran"
		return
	}
	s.untestable(err.Error())
}

// lay lays a fault on an operation; it reports false if it cannot be.
func (s *stage) lay(f mockserver.Fault) (int, bool) {
	f.System = s.suite.contract.Name
	id, err := s.world.Lay(f)
	if err != nil {
		s.untestable("the mock cannot do that: " + err.Error())
		return 0, false
	}
	return id, true
}

// fired is how often a fault was done.
func (s *stage) fired(id int) int {
	for _, f := range s.world.Faults() {
		if f.ID == id {
			return f.Fired
		}
	}
	return 0
}

// operation is one of the contract, or nil.
func (s *stage) operation(id string) *specs.Operation { return s.suite.contract.Operation(id) }
