package conformance

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// step is one request of a case, and what happens before it.
type step struct {
	request *request
	// wait is how long the clock goes on before the request. dead counts from the
	// end of a token instead: the end of the token in that slot, plus wait.
	wait time.Duration
	dead *slot
	// lasts is how long the clock then goes on, as it was planned.
	lasts time.Duration
	// settings are changed before the request.
	settings map[string]any
	// purpose is what the step is for, in words.
	purpose string
	// outcome is what was predicted when the step was planned.
	outcome string
	success bool
	// writes are the fields of accounts that it changes, see Decision.Writes.
	writes []string
	// opens is how many sessions it opens.
	opens int
	// parallel: the request is sent several times at once.
	parallel bool
	// judged: whether it is accepted is judged, although other steps follow; links
	// are what that hangs on.
	judged bool
	links  []link
}

// shadow is what is known of the target's state: the machine of the contract
// over the accounts that are known, and whatever the answers told. A plan is
// made on a shadow whose answers are minted; a run predicts with one that
// learns.
type shadow struct {
	contract *specs.Contract
	machine  *session.Machine
	store    *session.Memory // no Store: what Update is given need not outlive it then
	now      time.Time
	made     []made
	to       address
	source   *rand.PCG // of machine.Rand
	readings *readings // nil: no request is remembered
}

// fork is a shadow of its own in the same state.
func (s *shadow) fork() *shadow {
	c, source, m := *s, *s.source, *s.machine
	m.Rand = rand.New(&source) //nolint:gosec // see seed.shadow
	c.source, c.machine, c.store, c.made = &source, &m, s.store.Fork(), slices.Clip(s.made)
	return &c
}

// seed is what every shadow of a plan begins with.
type seed struct {
	contract *specs.Contract
	seed     *session.Seed
	settings map[string]any
	partial  bool
	keys     *session.Keys
	start    time.Time
	to       address
}

func (s *seed) shadow(settings map[string]any) *shadow {
	if settings == nil {
		settings = s.settings
	}
	source := rand.NewPCG(1, 2)
	return &shadow{
		contract: s.contract, store: session.NewMemory(s.seed), now: s.start, to: s.to, source: source,
		machine: &session.Machine{Contract: s.contract, Settings: settings, Partial: s.partial, Keys: s.keys, Sham: true,
			Rand: rand.New(source)}, //nolint:gosec // what is minted here is never sent
	}
}

// fill is the filler of a shadow.
func (s *shadow) fill(tx session.Tx) filler {
	return func(x *slot) (any, error) {
		thing, err := s.thing(x, tx)
		if err != nil {
			return nil, err
		}
		var out any
		switch {
		case x.value != nil && !x.plain():
			v, ok := s.machine.Value(x.value, map[string]any{x.root: thing}, session.Moment{Now: s.now, Tx: tx})
			if !ok {
				return nil, fmt.Errorf("%s has no value", x.value.Src)
			}
			out = v
		default:
			switch t := thing.(type) {
			case *session.Token:
				out = t.Value
			case *session.Session:
				out = t.ID
			case *session.Record:
				out = t.Key
				if v, ok := t.Fields[t.Kind.Key]; ok && v != nil {
					out = v // with its type
				}
			}
		}
		if x.change != unchanged {
			t, ok := value.Text(out)
			if !ok {
				return nil, fmt.Errorf("only a text can be changed")
			}
			return x.change.of(t), nil
		}
		return out, nil
	}
}

// plain reports whether a token is written as it is.
func (x *slot) plain() bool {
	if x.kind != tokenSlot {
		return false
	}
	r := x.value.Whole()
	return r != nil && r.At == nil && r.Root == x.root && len(r.Path) == 0 && len(r.Codecs) == 0
}

// thing returns what a slot stands for, as it is now.
func (s *shadow) thing(x *slot, tx session.Tx) (any, error) {
	if x.step < 1 || x.step > len(s.made) {
		return nil, fmt.Errorf("step %d has not been made", x.step)
	}
	m := s.made[x.step-1]
	switch x.kind {
	case tokenSlot:
		list := m.tokens[x.name]
		if x.nth >= len(list) {
			return nil, &absent{x.step, fmt.Sprintf("token %q", x.name)}
		}
		if t := tx.Token(list[x.nth].Text); t != nil {
			return t, nil
		}
		return list[x.nth], nil
	case sessionSlot:
		if x.nth >= len(m.sessions) {
			return nil, &absent{x.step, "id of a session"}
		}
		if t := tx.Session(m.sessions[x.nth].ID); t != nil {
			return t, nil
		}
		return m.sessions[x.nth], nil
	}
	if r := m.records[x.name]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("step %d created no %q", x.step, x.name)
}

// predicted is what a request means in a shadow.
type predicted struct {
	*session.Decision
	typ string // media type of the answer
}

func (s *shadow) decideIn(r *request, tx session.Tx) (*predicted, error) {
	in, err := s.read(r, tx)
	if err != nil {
		return nil, err
	}
	return s.meant(r, in, tx), nil
}

// read is a request as the server will read it.
func (s *shadow) read(r *request, tx session.Tx) (*wire.Incoming, error) {
	return r.incoming(s.to, s.fill(tx), s.readings)
}

// meant says what a request means that was read.
func (s *shadow) meant(r *request, in *wire.Incoming, tx session.Tx) *predicted {
	return s.meaning(r, in, s.to.base+r.broken().template, tx)
}

// judge says what a request means that is sent.
func (s *shadow) judge(r *request, out *outgoing, tx session.Tx) *predicted {
	return s.meaning(r, out.in, out.http.URL.Path, tx)
}

func (s *shadow) meaning(r *request, in *wire.Incoming, path string, tx session.Tx) *predicted {
	at := session.Moment{Now: s.now, Tx: tx, Number: len(s.made) + 1}
	p := &predicted{}
	refuse := func(f *session.Failure) {
		p.typ, _ = r.op.Negotiate(s.machine, in.Request, in.Accept, at)
		p.Decision = s.machine.Refuse(r.op.Op, in.Request, at, f)
	}
	switch b := r.broken(); {
	case b.template != "":
		refuse(&session.Failure{Reason: "request.path", Field: "path", Value: path})
	case b.method != "":
		refuse(&session.Failure{Reason: "request.method", Field: "method", Value: b.method})
	default:
		p.Decision, p.typ = r.op.Decide(s.machine, in, at)
	}
	return p
}

// before makes happen what comes before a step's request.
func (s *shadow) before(st *step) error {
	if st.settings != nil {
		for k, v := range st.settings {
			s.machine.Settings = with(s.machine.Settings, k, v)
		}
	}
	d, err := s.waits(st)
	s.now = s.now.Add(d)
	return err
}

// waits is how long the clock goes on before a step.
func (s *shadow) waits(st *step) (time.Duration, error) {
	if st.dead == nil {
		return st.wait, nil
	}
	var d time.Duration
	var err error
	s.store.Update(func(tx session.Tx) {
		x, e := s.thing(st.dead, tx)
		t, ok := x.(*session.Token)
		if e != nil || !ok {
			err = fmt.Errorf("no token to wait for: %w", e)
			return
		}
		end := t.End()
		if end.IsZero() {
			err = fmt.Errorf("the token never ends")
			return
		}
		d = max(0, end.Add(st.wait).Sub(s.now))
	})
	return d, err
}

func with(m map[string]any, k string, v any) map[string]any {
	out := make(map[string]any, len(m)+1)
	maps.Copy(out, m)
	out[k] = v
	return out
}

// play carries a step out on a shadow alone, as a mock would.
func (s *shadow) play(st *step) (*predicted, error) {
	if err := s.before(st); err != nil {
		return nil, err
	}
	var p *predicted
	var err error
	s.store.Update(func(tx session.Tx) {
		if p, err = s.decideIn(st.request, tx); err != nil {
			return
		}
		if _, err = p.Apply(); err != nil {
			return
		}
		s.remember(p.Decision)
	})
	return p, err
}

// remember keeps what a decision made, for the slots of later steps.
func (s *shadow) remember(d *session.Decision) {
	var m made
	var tokens []*session.Token
	tokens, m.sessions = d.Told()
	if len(tokens) > 0 {
		m.tokens = make(map[string][]*session.Token, len(tokens))
	}
	for _, t := range tokens {
		m.tokens[t.Kind.Name] = append(m.tokens[t.Kind.Name], t)
	}
	if d.Failure == nil && len(d.Op.Creates) > 0 {
		m.records = make(map[string]*session.Record, len(d.Op.Creates))
		for _, c := range d.Op.Creates {
			if r, ok := d.Role(c.As).(*session.Record); ok {
				m.records[c.As] = r
			}
		}
	}
	s.made = append(s.made, m)
}

func newOperations(c *specs.Contract) map[string]*wire.Operation {
	out := make(map[string]*wire.Operation, len(c.Operations))
	for _, op := range c.Operations {
		out[op.ID] = wire.New(c, op)
	}
	return out
}
