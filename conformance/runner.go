package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// Options are what a run is told beside its plan.
type Options struct {
	// Strict makes a SHOULD fail.
	Strict bool
	// Known are the known failures.
	Known []KnownCase
	// Ledger is where sessions are registered while they are open; nil: nowhere.
	Ledger *Ledger
	// Brief leaves the exchanges out of the verdicts on cases that passed: writing
	// and masking them is a tenth of what a run costs, and whoever shows only what
	// went wrong does not look at them.
	Brief bool
	// Process of Processes that run the same plan side by side, from 1. Each takes
	// accounts of its own where the target has enough.
	Process, Processes int
	// Now is the wall clock; nil: time.Now.
	Now func() time.Time
}

// Runner carries cases out, one at a time: it is not safe for concurrent use.
type Runner struct {
	plan      *Plan
	options   Options
	client    *Client
	mask      *Masker
	control   *Control
	used      Used
	waited    time.Duration
	prefix    string // of the names of worlds
	worlds    int
	bodies    *bodies
	handsOut  map[*specs.Operation][]*specs.AnswerBind // see tokenBinds
	scene     scene                                    // see enter
	profile   string                                   // that a world is given, and its settings
	settings  map[string]any
	ledgerErr error // the first that the ledger gave
	// carried are the accounts that the cases so far have changed, see carry.
	carried map[string]*session.Record
	// accounts are those of the target, and refused the requests with their right
	// secrets that were refused, by what they say: in which case.
	accounts []account
	refused  map[string]string
	// withheld are the kinds of token that an answer was to give and did not.
	withheld []string
}

// NewRunner makes a Runner for a plan.
func NewRunner(p *Plan, o Options) (*Runner, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := NewMasker(SecretsOf(p.Contract, p.Target)...)
	c, err := NewClient(p.Target, m)
	if err != nil {
		return nil, err
	}
	r := &Runner{plan: p, options: o, client: c, mask: m, bodies: newBodies(), handsOut: map[*specs.Operation][]*specs.AnswerBind{}, prefix: "conform-" + strconv.FormatInt(o.Now().UnixNano()%1e9, 36) + "-" + strconv.Itoa(max(1, o.Process))}
	if p.Target.Control != "" {
		if r.control, err = NewControl(c, p.Contract.Name); err != nil {
			return nil, err
		}
	}
	r.profile, r.settings = p.Target.unlikeNew()
	r.accounts = accountsOf(p.Contract, p.Target)
	return r, nil
}

// Client is what the runner sends with.
func (r *Runner) Client() *Client { return r.client }

// Used is what was done to the target so far.
func (r *Runner) Used() Used {
	u := r.used
	u.Requests = r.client.Requests()
	return u
}

// Withheld are the kinds of token that an answer was to give, and did not.
func (r *Runner) Withheld() []string { return slices.Clone(r.withheld) }

// Mask replaces every known secret in a text.
func (r *Runner) Mask(text string) string { return r.mask.Text(text) }

// Close ends the world of the run, if it has one in a mock, and gives up the
// connections; both are made again if a case follows. It returns how many
// sessions could not be closed.
func (r *Runner) Close(ctx context.Context) int {
	r.Leave(ctx)
	r.client.Close()
	return r.used.Left
}

// NewResult begins a Result: everything but the verdicts.
func NewResult(p *Plan, o Options) *Result {
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	out := &Result{Format: 1, System: p.Contract.Name, Title: p.Contract.Title, ContractVersion: p.Contract.Version,
		Profile: p.Target.Profile, Started: now().UTC(), Strict: o.Strict, Settings: map[string]string{}}
	if p.Target.URL != nil {
		out.Target = p.Target.URL.Redacted()
	}
	for name, v := range p.Target.Settings {
		out.Settings[name] = show(v)
		if s := p.Contract.Setting(name); s != nil && s.Secret {
			out.Settings[name] = "(secret)"
		}
	}
	for _, op := range p.Contract.Operations {
		out.Operations = append(out.Operations, OperationInfo{op.ID, op.Method, op.Path, op.Summary})
	}
	return out
}

// run is one case while it is carried out.
type run struct {
	r      *Runner
	c      *Case
	shadow *shadow
	world  *World // nil: none
	turn   string // of the world, that is the case's
	v      Verdict
	// sent are the exchanges so far, as they went over the wire.
	sent []sent
	// answers are those of all steps, for cases that compare them.
	answers []*answer
	done    int             // steps that a stem has carried out
	advance time.Duration   // that the next request asks the mock to let go by
	opened  map[string]bool // sessions that were registered
	before  int             // sessions that were opened before this case
	// moved: the last request changed what lives.
	moved bool
	// moot is why the last request proves nothing; "": it does.
	moot string
	// twice is the request that gave a token that another answer had given before;
	// "": none.
	twice string
}

// Run carries one case out, and closes what it opened, also if ctx ends.
func (r *Runner) Run(ctx context.Context, c *Case) Verdict {
	started := time.Now()
	x := &run{r: r, c: c, v: Verdict{Info: c.Info, Status: Passed}, before: r.used.Sessions}
	if c.Excluded != "" {
		x.v.Status, x.v.Why = Excluded, c.Excluded
		return x.v
	}
	if c.Unplanned != "" {
		x.v.Status, x.v.Why = NotTestable, c.Unplanned
		return r.excuse(x.v)
	}
	if why := r.over(c); why != "" {
		x.v.Status, x.v.Why = Excluded, why
		return x.v
	}
	err := x.begin(ctx)
	if err == nil {
		x.carry()
	}
	switch why := x.wouldLock(); {
	case err != nil:
		x.fault(ctx, "no world could be made", err)
	case why != "":
		x.v.Status, x.v.Why = Excluded, why
	default:
		x.steps(ctx)
	}
	x.end(ctx)
	x.v.Seconds = time.Since(started).Seconds()
	x.v = r.excuse(x.v)
	if x.v.Status != Passed || !r.options.Brief {
		x.v.Exchanges = x.exchanges()
	}
	return x.v
}

// excuse applies the known failures to a verdict.
func (r *Runner) excuse(v Verdict) Verdict {
	for i := range r.options.Known {
		if r.options.Known[i].ID == v.ID {
			v = Excuse(v, r.options.Known[i], r.options.Now())
		}
	}
	return v
}

// over is the budget that a case does not fit into any more, or "".
func (r *Runner) over(c *Case) string {
	b := r.plan.Target.Budgets
	switch {
	case b.WrongPasswords > 0 && r.used.WrongPasswords+c.Wrong > b.WrongPasswords:
		return fmt.Sprintf("the budget of %d wrong passwords is used up", b.WrongPasswords)
	case b.Sessions > 0 && r.used.Sessions+c.Sessions > b.Sessions:
		return fmt.Sprintf("the budget of %d sessions is used up", b.Sessions)
	case c.Wait > 0 && r.plan.Target.Capabilities.Clock == "wait" && b.Wait > 0 && r.waited+c.Wait > b.Wait:
		return fmt.Sprintf("it would wait %s, more than is left of budgets.wait (%s)", c.Wait.Round(time.Second), b.Wait)
	}
	return ""
}

// begin makes the state in which the case begins.
func (x *run) begin(ctx context.Context) error {
	p := x.r.plan
	if x.r.control == nil || !p.Target.Capabilities.Worlds {
		x.anew(x.r.options.Now().UTC())
		return nil
	}
	turn, k, err := x.r.enter(ctx, x.c, p.seed.start)
	if k != nil {
		x.resume(k)
	} else {
		x.anew(p.seed.start)
	}
	if err != nil {
		return err
	}
	x.world, x.turn = x.r.scene.world, turn
	x.shadow.to.root = x.r.scene.root + "@" + turn
	return nil
}

// anew makes the state in which a case begins that goes on from no other.
func (x *run) anew(now time.Time) {
	settings := x.r.plan.seed.settings
	for k, v := range x.c.settings {
		settings = with(settings, k, v)
	}
	x.shadow = x.r.plan.seed.shadow(settings)
	x.shadow.machine.Sham = false
	x.shadow.now = now
}

// fault is an error that is not an answer of the target.
func (x *run) fault(ctx context.Context, what string, err error) {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		x.v.Status, x.v.Why = Interrupted, "the run was ended while it ran"
		return
	}
	var e *ExchangeError
	if errors.As(err, &e) {
		x.v.Fault = e.Fault
	}
	x.v.Status, x.v.Why = NotTestable, what+": "+x.r.mask.Text(err.Error())
}

func (x *run) steps(ctx context.Context) {
	for i, st := range x.c.steps {
		if i < x.done {
			continue
		}
		last := i == len(x.c.steps)-1
		if ctx.Err() != nil {
			x.fault(ctx, "", ctx.Err())
			return
		}
		if !x.step(ctx, i, st, last) {
			return
		}
	}
}

// step carries one step out. It reports whether the next one can follow.
func (x *run) step(ctx context.Context, i int, st *step, last bool) bool {
	if err := x.wait(ctx, st); err != nil {
		x.fault(ctx, "step "+strconv.Itoa(i+1)+" ("+st.purpose+") could not begin", err)
		return false
	}
	var out *outgoing
	var err error
	x.shadow.store.Update(func(tx session.Tx) {
		out, err = st.request.build(ctx, x.shadow.to, x.fill(tx), x.r.bodies)
	})
	var none *absent
	switch {
	case errors.As(err, &none):
		x.v.Status, x.v.Why = NotTestable, x.gaveNone(none)
		return false
	case err != nil:
		x.fault(ctx, "step "+strconv.Itoa(i+1)+" ("+st.purpose+") could not be written", err)
		return false
	}
	if x.turned(st, out) {
		return false
	}
	if why := x.refusedBefore(st); why != "" {
		x.v.Status, x.v.Why = NotTestable, why
		return false
	}
	asks := instructions{advance: x.advance}
	x.advance = 0
	if !last {
		asks.keep = x.keepAs(i + 1)
	}
	var reply *Reply
	accepted := 1
	if st.parallel {
		reply, accepted, err = x.race(ctx, st, out)
	} else {
		reply, err = x.r.client.do(ctx, out.http, asks)
	}
	if err != nil {
		said := x.r.mask.Text(err.Error())
		x.sent = append(x.sent, sent{root: x.shadow.to.root, st: st, out: out, err: said})
		if last && ctx.Err() == nil {
			x.v.Status, x.v.Fault = Failed, FaultOf(err)
			x.v.Mismatches = append(x.v.Mismatches, Mismatch{In: "answer", Wanted: "an answer (" + st.outcome + ")", Got: said, Severity: x.c.Severity, Rule: x.c.Rule})
			return false
		}
		x.fault(ctx, "step "+strconv.Itoa(i+1)+" ("+st.purpose+") got no answer", err)
		return false
	}
	if x.world != nil && reply.Header.Get("Mockauth-Outcome") == noWorld {
		x.sent = append(x.sent, sent{root: x.shadow.to.root, st: st, out: out, reply: reply})
		x.v.Status, x.v.Why = NotTestable, "the world of the case is gone: the mock was started again, or somebody deleted the world or what was kept of it"
		return false
	}
	if asks.advance > 0 && reply.Header.Get(advanceField) == "" {
		x.v.Status, x.v.Why = NotTestable, "the mock let no time go by: it is another version than this program, or something between them takes the header field "+advanceField+" away"
		return false
	}
	c, went := x.judge(st, out, reply, last)
	if st.parallel && went && accepted != 1 {
		c.add("answer", "", fmt.Sprintf("1 of %d requests at once is accepted", rivals), fmt.Sprintf("%d are", accepted), specs.Mark{Level: specs.Level(x.c.Severity)}, c.pointer)
	}
	if last && went {
		x.twins(c)
	}
	for i := range c.out {
		c.out[i].Wanted, c.out[i].Got = x.shown(c.out[i].Wanted), x.shown(c.out[i].Got)
	}
	x.sent = append(x.sent, sent{root: x.shadow.to.root, st: st, out: out, reply: reply})
	x.register(ctx)
	if x.moot != "" {
		x.v.Status, x.v.Why = NotTestable, x.r.mask.Text(x.moot)
		return false
	}
	if last {
		x.verdict(c.out)
		return true
	}
	switch {
	case went:
	case st.judged:
		x.verdict(c.out)
	default:
		x.v.Status, x.v.Why = NotTestable, x.r.mask.Text(otherwise(st, c.out))
	}
	if went && asks.keep != "" {
		x.keepStem(i+1, asks.keep, reply)
	}
	return went
}

// fill is the filler of the case's shadow. What is nearly a token is masked like
// one: the token is soon guessed from it.
func (x *run) fill(tx session.Tx) filler {
	fill := x.shadow.fill(tx)
	return func(s *slot) (any, error) {
		v, err := fill(s)
		if t, ok := value.Text(v); ok && s.change != unchanged && s.change != noToken {
			x.r.mask.Add(t)
		}
		return v, err
	}
}

// wait lets the time go by that a step wants.
func (x *run) wait(ctx context.Context, st *step) error {
	d, err := x.shadow.waits(st)
	if err != nil {
		return err
	}
	if d > 0 {
		switch {
		case x.world != nil && !st.parallel && x.r.control.obeys():
			x.advance = d
		case x.world != nil:
			if _, err := x.world.turnedTo(x.turn).Control.Advance(ctx, d); err != nil {
				return err
			}
		default:
			if b := x.r.plan.Target.Budgets.Wait; b > 0 && x.r.waited+d > b {
				return fmt.Errorf("it would wait %s, more than is left of budgets.wait (%s)", d.Round(time.Second), b)
			}
			// A second more, for the target's clock counts in its own; or less, where
			// something must not have ended yet.
			if d += time.Second; st.wait < 0 {
				d = max(0, d-2*time.Second)
			}
			t := time.NewTimer(d)
			defer t.Stop()
			x.r.waited += d
			select {
			case <-t.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	if x.world == nil {
		x.shadow.now = x.r.options.Now().UTC()
	} else {
		x.shadow.now = x.shadow.now.Add(d)
	}
	return nil
}

// judge compares an answer with what was predicted, and learns from it. went
// reports whether the steps after it can follow: nothing else is asked of an answer
// that is not the last.
func (x *run) judge(st *step, out *outgoing, reply *Reply, last bool) (c *comparison, went bool) {
	s := x.shadow
	foreign := ""
	s.store.Update(func(tx session.Tx) {
		p := s.judge(st.request, out, tx)
		p.Watch()
		status, _ := p.Status()
		a := x.r.bodies.readAnswer(reply, st.request.op, p.Decision, status, p.typ)
		x.answers = append(x.answers, a)
		x.conceal(st.request.op.Op, a)
		links := x.c.links
		if st.judged {
			links = st.links
		}
		c = &comparison{plan: x.r.plan, p: p, op: st.request.op, a: a, links: links, cap: links, base: s.to.root + s.to.base, now: s.now, slack: x.slack(reply)}
		refused := a.refuses(x.r.plan.Contract, p.Decision)
		x.moot, x.moved = "", false
		if refused {
			x.moot = untold(st.request.op, p, a, out.in.Request, session.Moment{Now: s.now, Tx: tx}, s.machine)
		}
		if p.Failure == nil && !refused {
			l := learn(x.r.plan.Contract, p.Decision, a)
			for _, list := range l.Tokens {
				for _, t := range list {
					if text, ok := t.(string); ok {
						x.r.mask.Add(text)
					}
				}
			}
			for _, i := range p.Issue {
				if k := i.Kind.Name; len(l.Tokens[k]) == 0 && !slices.Contains(x.r.withheld, k) {
					x.r.withheld = append(x.r.withheld, k)
				}
			}
			foreign = x.repeated(st, p, l, tx)
			p.Learn(l)
		}
		if (p.Failure != nil) == refused {
			if _, err := p.Apply(); err != nil {
				c.add("contract", "", "a contract that can be carried out", err.Error(), specs.Mark{}, "")
			}
			s.remember(p.Decision)
			x.moved = len(p.Opens)+len(p.Issue)+len(p.Ends)+len(p.Consume) > 0
		} else {
			s.made = append(s.made, made{})
		}
		x.count(p, refused)
		if p.Failure == nil && refused {
			x.noteRefusal(st, reply.Status, len(p.Opens) > 0 && x.moot == "")
		}
		if went = refused == (p.Failure != nil); went && !last {
			return
		}
		status, problem := p.Status()
		typ, node, pointer := st.request.op.Media(p.Decision, status, p.typ)
		if !problem {
			c.wanted = p.Render(status, node)
		}
		c.ground(problem)
		if !went {
			c.nature(refused)
		}
		if !went || problem {
			return
		}
		c.status()
		if c.a.Status != c.wanted.Status && p.Failure == nil && c.a.Status >= 300 {
			return // another kind of answer: what is in it says nothing more
		}
		c.headers(typ)
		c.cookies()
		c.body(pointer)
		for _, t := range p.Issued() {
			c.token(t)
		}
	})
	if foreign != "" {
		x.shared(c, st, foreign, last)
	}
	return c, went
}

// ground says what the demands on an answer rest on.
func (c *comparison) ground(problem bool) {
	if c.wanted != nil {
		c.evidence = c.wanted.Evidence
	}
	c.pointer = c.p.ground()
	if c.p.Failure != nil {
		c.cap = append(slices.Clone(c.cap), causeLinks(c.p)...)
	}
	if problem {
		c.evidence = specs.Evidence{}
	}
}

// slack is how far two times may lie apart: nothing where the clock stands.
func (x *run) slack(reply *Reply) time.Duration {
	if x.world != nil {
		return 0
	}
	return reply.Took + 3*time.Second
}

// count keeps what was done to the target.
func (x *run) count(p *predicted, refused bool) {
	if f := p.Failure; f != nil && (strings.HasPrefix(f.Reason, "credentials.wrong") || strings.HasPrefix(f.Reason, "credentials.unknown")) {
		x.r.used.WrongPasswords++
	}
	if p.Failure == nil && !refused {
		x.r.used.Sessions += len(p.Opens)
	}
}

// verdict says what came of the step that is judged.
func (x *run) verdict(out []Mismatch) {
	x.v.Mismatches = out
	if len(out) == 0 {
		return
	}
	worst := May
	for _, m := range out {
		worst = max(worst, m.Severity)
	}
	if worst == Must || worst == Should && x.r.options.Strict {
		x.v.Status = Failed
		return
	}
	x.v.Status = Differs
	x.v.Why = "what differs is " + worst.String() + ", and fails no run"
	if worst == Should {
		x.v.Why = "what differs is SHOULD: it fails a run that is strict"
	}
}

// end closes what the case opened.
func (x *run) end(ctx context.Context) {
	if x.world != nil {
		x.r.used.Closed = x.r.used.Sessions // a world ends with all that is in it
		if x.v.Status == Passed {
			return
		}
	}
	// Clean-up outlives the interrupt, within bounds.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if x.world != nil {
		x.r.Leave(closing) // what got no answer may still happen in it
		return
	}
	x.closeSessions(closing)
	x.keep()
}
