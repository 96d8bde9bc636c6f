package session_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// rig is a machine of a shipped contract with its demo world.
type rig struct {
	t       *testing.T
	c       *specs.Contract
	machine *session.Machine
	store   *session.Memory
	source  *rand.PCG
	seed    *session.Seed
	now     time.Time
	tokens  map[string]any // kind → value of one that was issued
}

func newRig(t *testing.T, system, profile string) *rig {
	t.Helper()
	c, err := specs.System(system)
	if err != nil {
		t.Fatal(err)
	}
	w, err := fixtures.System(c)
	if err != nil {
		t.Fatal(err)
	}
	records := make([]*session.Record, len(w.Records))
	for i, r := range w.Records {
		records[i] = session.NewRecord(c.Record(r.Kind), r.Value, r.Note)
	}
	settings, err := session.Settings(c, profile, nil)
	if err != nil {
		t.Fatal(err)
	}
	seed, source := session.NewSeed(c, records), rand.NewPCG(1, 2)
	return &rig{
		t: t, c: c, seed: seed, store: session.NewMemory(seed), source: source, tokens: map[string]any{},
		machine: &session.Machine{Contract: c, Settings: settings, Rand: rand.New(source)},
		now:     time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// attempts are requests of an operation: with nothing, and for each way to
// prove oneself with the n-th demo record of each kind and with the tokens that
// were issued so far.
func (r *rig) attempts(op *specs.Operation) []*session.Request {
	out := []*session.Request{r.request(op)}
	ways := append([][]*specs.Proof{nil}, op.Security...)
	for _, way := range ways {
		for _, accepted := range append([]*specs.Proof{nil}, op.Accepts...) {
			proofs := slices.Clone(way)
			if accepted != nil {
				proofs = append(proofs, accepted)
			}
			for n := range 3 {
				q := r.request(op)
				for _, p := range proofs {
					r.fill(q, p, n)
				}
				out = append(out, q)
			}
		}
	}
	return out
}

func (r *rig) request(op *specs.Operation) *session.Request {
	return &session.Request{
		Method: op.Method, PathParams: map[string]string{}, Query: map[string][]string{},
		Header: map[string][]string{}, Cookies: map[string][]string{}, Base: "http://mock.test",
	}
}

// fill follows the equations of a proof: what they look up is put where they
// look.
func (r *rig) fill(q *session.Request, p *specs.Proof, n int) {
	for _, b := range p.Binds {
		for _, a := range b.Alts {
			switch a.Kind {
			case specs.FindToken:
				if v, ok := r.tokens[a.Token]; ok {
					put(q, b.At, v)
				}
			case specs.FindRecord:
				list := r.seed.Records(a.Record)
				if len(list) == 0 {
					continue
				}
				if v := list[min(n, len(list)-1)].Fields[a.Field]; v != nil {
					put(q, b.At, v)
				}
			default:
				continue
			}
			break
		}
	}
	for _, a := range p.Also {
		r.fill(q, a, n)
	}
}

func put(q *session.Request, at specs.Location, v any) {
	text := fmt.Sprint(v)
	switch at.In {
	case specs.InBody:
		if q.Body == nil {
			q.Body, q.HasBody = map[string]any{}, true
		}
		if len(at.Tokens) == 0 {
			q.Body = v
			return
		}
		m, ok := q.Body.(map[string]any)
		for _, token := range at.Tokens[:len(at.Tokens)-1] {
			if !ok {
				return
			}
			next, isMap := m[token].(map[string]any)
			if !isMap {
				next = map[string]any{}
				m[token] = next
			}
			m = next
		}
		if ok {
			m[at.Tokens[len(at.Tokens)-1]] = v
		}
	case specs.InPath:
		q.PathParams[at.Name] = text
	case specs.InQuery:
		q.Query[at.Name] = []string{text}
	case specs.InHeader:
		q.Header[http.CanonicalHeaderKey(at.Name)] = []string{text}
	case specs.InCookie:
		q.Cookies[at.Name] = []string{text}
	case specs.InBearer:
		q.Bearer = &text
	case specs.InBasicUser:
		q.BasicUser = &text
	case specs.InBasicPassword:
		if q.BasicUser == nil {
			q.BasicUser = new(string)
		}
		q.BasicPass = text
	}
}

// said is all that can be seen of a decision from outside.
func said(d *session.Decision) string {
	status, problem := d.Status()
	text := fmt.Sprintf("%s %d problem=%v client=%s consume=%d touch=%d ends=%d opens=%d creates=%d sets=%d issue=%d resume=%v proven=%d notes=%q",
		d.Outcome(), status, problem, d.ClientError(), len(d.Consume), len(d.Touch), len(d.Ends), len(d.Opens), len(d.Creates), len(d.Sets), len(d.Issue), d.Resume != nil, len(d.Proven), d.Notes)
	if f := d.Failure; f != nil {
		text += fmt.Sprintf(" field=%q value=%q why=%q", f.Field, f.Value, f.Why)
	}
	for _, o := range d.Opens {
		text += fmt.Sprintf(" opens %v", o.Session.Facts)
	}
	return text
}

// snapshot is all that the state says of itself.
func (r *rig) snapshot(tx session.Tx) map[string]any {
	out := map[string]any{}
	tx.EachSession(func(x *session.Session) {
		c := *x
		c.Tokens = slices.Clone(x.Tokens)
		out["session id "+x.ID] = c
	})
	for _, k := range r.c.Records {
		for _, x := range tx.Records(k.Name) {
			c := *x
			out[k.Name+" "+x.Key] = c
		}
	}
	for kind, v := range r.tokens {
		if t := tx.Token(fmt.Sprint(v)); t != nil {
			c := *t
			out["token "+kind] = c
			if s := tx.Session(t.Session); s != nil {
				c := *s
				c.Tokens = slices.Clone(s.Tokens)
				out["session "+kind] = c
			}
		}
	}
	return out
}

// everyMoment runs f for requests of every operation of every system in every
// profile, as tokens become known: each is decided first and applied then, and
// what it issued is presented by those that follow.
func everyMoment(t *testing.T, f func(r *rig, op *specs.Operation, q *session.Request, at session.Moment)) {
	t.Helper()
	for _, system := range specs.Systems() {
		c, err := specs.System(system)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range c.Profiles {
			t.Run(system+"/"+p.Name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, system, p.Name)
				// Those that issue go first, so that there is something to present.
				ops := slices.Clone(r.c.Operations)
				slices.SortStableFunc(ops, func(a, b *specs.Operation) int {
					return len(b.Opens) - len(a.Opens)
				})
				for _, op := range ops {
					for _, q := range r.attempts(op) {
						r.store.Update(func(tx session.Tx) { f(r, op, q, session.Moment{Now: r.now, Tx: tx, Number: 7}) })
						r.now = r.now.Add(time.Second)
					}
				}
			})
		}
	}
}

// learn remembers the tokens that were made.
func (r *rig) learn(tx session.Tx, made []string) {
	for _, text := range made {
		if t := tx.Token(text); t != nil {
			r.tokens[t.Kind.Name] = text
		}
	}
}

// Deciding changes nothing, and decides the same again: neither the state nor
// the randomness of the world moves before Apply.
func TestDecideIsPure(t *testing.T) {
	t.Parallel()
	decided, refused := 0, 0
	t.Cleanup(func() {
		if decided < 100 || refused < 500 {
			t.Errorf("%d requests were accepted and %d refused: too few to show anything", decided, refused)
		}
	})
	lock := make(chan struct{}, 1)
	everyMoment(t, func(r *rig, op *specs.Operation, q *session.Request, at session.Moment) {
		before := r.snapshot(at.Tx)
		chance, err := r.source.MarshalBinary()
		if err != nil {
			r.t.Fatal(err)
		}
		first := r.machine.Decide(op, q, at)
		second := r.machine.Decide(op, q, at)
		if a, b := said(first), said(second); a != b {
			r.t.Errorf("%s was decided twice:\n%s\n%s", op.ID, a, b)
		}
		if after := r.snapshot(at.Tx); !reflect.DeepEqual(before, after) {
			r.t.Errorf("%s: deciding %s changed the state:\n%v\n%v", op.ID, first.Outcome(), before, after)
		}
		if now, err := r.source.MarshalBinary(); err != nil || string(now) != string(chance) {
			r.t.Errorf("%s: deciding %s drew lots (%v)", op.ID, first.Outcome(), err)
		}
		made, err := second.Apply()
		if err != nil {
			r.t.Errorf("%s: %s cannot be applied: %v", op.ID, second.Outcome(), err)
		}
		r.learn(at.Tx, made)
		lock <- struct{}{}
		if second.Failure == nil {
			decided++
		} else {
			refused++
		}
		<-lock
	})
}

// A refusal has no effects, whatever was proven on the way to it: nothing is
// consumed, ended, opened, created, set or issued, and no idle time begins anew.
func TestRefusalHasNoEffects(t *testing.T) {
	t.Parallel()
	everyMoment(t, func(r *rig, op *specs.Operation, q *session.Request, at session.Moment) {
		d := r.machine.Decide(op, q, at)
		before := r.snapshot(at.Tx)
		made, err := d.Apply()
		if err != nil {
			r.t.Errorf("%s: %v", op.ID, err)
		}
		if d.Failure == nil {
			r.learn(at.Tx, made)
			return
		}
		if len(d.Consume)+len(d.Touch)+len(d.Ends)+len(d.Opens)+len(d.Creates)+len(d.Sets)+len(d.Issue)+len(d.Facts)+len(d.Proven) > 0 || d.Resume != nil || len(made) > 0 {
			r.t.Errorf("%s: refused as %s, with effects: %s", op.ID, d.Outcome(), said(d))
		}
		after := r.snapshot(at.Tx)
		for name, x := range after {
			if record, ok := x.(session.Record); ok {
				was, _ := before[name].(session.Record)
				record.Wrong, record.LockedUntil = was.Wrong, was.LockedUntil // the count of wrong secrets is what may change
				after[name] = record
			}
		}
		if !reflect.DeepEqual(before, after) {
			r.t.Errorf("%s: refused as %s, and the state changed:\n%v\n%v", op.ID, d.Outcome(), before, after)
		}
	})
}
