package session

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// Offered reports whether the operation exists under the settings of the
// world.
func (m *Machine) Offered(op *specs.Operation, now Moment) bool {
	if op.Offered == nil {
		return true
	}
	ok, _ := op.Offered.Holds(m.scope(op, &Request{}, now))
	return ok
}

// Live counts the sessions and tokens that live at this moment. It looks at
// every session.
func (m *Machine) Live(at Moment) (sessions, tokens int) {
	s := m.scope(nil, &Request{}, at)
	at.Tx.EachSession(func(x *Session) {
		if !s.alive(x) {
			return
		}
		sessions++
		for _, text := range x.Tokens {
			if t := at.Tx.Token(text); t != nil && s.dead(t) == "" {
				tokens++
			}
		}
	})
	return sessions, tokens
}

// Offers reports whether a proof of an operation exists under the settings of
// the world, whatever the request.
func (m *Machine) Offers(op *specs.Operation, p *specs.Proof, at Moment) bool {
	if p.When == nil {
		return true
	}
	ok, _ := p.When.Holds(m.scope(op, &Request{Method: op.Method}, at))
	return ok
}

// MediaType evaluates the contract's `media`: the media type of the answer, or
// "" if Accept decides.
func (m *Machine) MediaType(op *specs.Operation, req *Request, now Moment) string {
	if m.Contract.Media == nil {
		return ""
	}
	v, err := m.Contract.Media.Eval(m.scope(op, req, now))
	if err != nil {
		return ""
	}
	s, _ := v.(string)
	return s
}

func (m *Machine) scope(op *specs.Operation, req *Request, at Moment) *scope {
	s := &scope{}
	s.begin(m, op, req, at)
	return s
}

func (s *scope) begin(m *Machine, op *specs.Operation, req *Request, at Moment) {
	s.m, s.tx, s.now, s.number, s.req, s.op = m, at.Tx, at.Now, at.Number, req, op
	if m.Partial {
		s.untold = &untold{}
	}
}

func (m *Machine) newDecision(op *specs.Operation, req *Request, at Moment) *Decision {
	d := &Decision{Op: op}
	d.scope.begin(m, op, req, at)
	return d
}

// Decide says what the request means at this moment. It changes nothing. The
// order of checks is that of docs/contracts.md: tokens and keys that schemes
// carry, then the fault that decoding and schema found, then accepts, then
// needs, then effects and answer.
func (m *Machine) Decide(op *specs.Operation, req *Request, at Moment) *Decision {
	if m.Twist != nil {
		plain := *m
		plain.Twist = nil
		return m.Twist(&plain, op, req, at)
	}
	d := m.newDecision(op, req, at)
	d.Failure = d.decide()
	if f := d.Failure; f != nil {
		d.scope.failure = f
		// A refused request changes nothing, but for the count of wrong secrets.
		d.Consume, d.Touch, d.Ends, d.Opens, d.Creates, d.Sets, d.Facts, d.Issue, d.Resume, d.Proven = nil, nil, nil, nil, nil, nil, nil, nil, nil, nil
	}
	return d
}

// Refuse is a Decision for a reason that was found before there was anything to
// decide: no such path, no acceptable media type, a failure that was laid on.
func (m *Machine) Refuse(op *specs.Operation, req *Request, at Moment, f *Failure) *Decision {
	d := m.newDecision(op, req, at)
	d.Failure, d.scope.failure = f, f
	if f.Token == nil {
		f.Token = tokenOf(m.Contract, f.Reason)
	}
	return d
}

func tokenOf(c *specs.Contract, reason string) *specs.TokenKind {
	if !strings.HasPrefix(reason, "token.") {
		return nil
	}
	return c.Token(reason[strings.LastIndexByte(reason, '.')+1:])
}

func (d *Decision) decide() *Failure {
	s := &d.scope
	req := s.req
	if f := d.alternatives(d.security(), true); f != nil {
		return f
	}
	if req.Fault != nil {
		return req.Fault
	}
	if f := d.alternatives(d.accepts(), false); f != nil {
		return f
	}
	if f := d.recordNeeds(); f != nil {
		return f
	}
	for _, n := range d.Op.Needs {
		if ok, undecided := d.holds(n, s); !ok {
			d.note(undecided)
			return d.needFailure(n)
		}
	}
	if f := d.limits(); f != nil {
		return f
	}
	for _, a := range d.Op.Answers {
		ok, undecided := a.When.Holds(s)
		d.note(undecided)
		if ok {
			d.Answer = a
			break
		}
	}
	d.effects()
	return nil
}

func (d *Decision) needFailure(n *specs.Need) *Failure {
	f := &Failure{Reason: n.Else, Why: n.Why, need: n}
	if f.Why == "" {
		f.Why = fmt.Sprintf("The contract wants that %s, and it does not hold.", n.That.Src)
	}
	// What the reason is about, if the condition looks at one member of the
	// request: its name and value, for texts that repeat them.
	names, err := n.That.Names()
	if err != nil {
		return f
	}
	for _, path := range names["request"] {
		if len(path) >= 2 {
			f.Field = path[len(path)-1]
			if !d.Op.CarriesSecret(f.Field) {
				f.Value = d.fieldValue(path)
			}
		}
	}
	return f
}

func (d *Decision) fieldValue(path []string) string {
	x := d.scope.Root("request")
	for _, p := range path {
		x = d.scope.Member(x, p)
	}
	t, _ := value.Text(x)
	return t
}

// alternative is proofs that are required together.
type alternative = []*specs.Proof

// security returns the operation's alternatives that exist now: a scheme whose
// `when` does not hold is not asked for. Mostly they are all of them, and then
// nothing is copied.
func (d *Decision) security() []alternative {
	all := d.Op.Security
	for i, proofs := range all {
		alt := d.existing(proofs)
		if len(alt) == len(proofs) && len(alt) > 0 {
			continue
		}
		out := append(make([]alternative, 0, len(all)), all[:i]...)
		if len(alt) > 0 {
			out = append(out, alt)
		}
		for _, proofs := range all[i+1:] {
			if alt := d.existing(proofs); len(alt) > 0 {
				out = append(out, alt)
			}
		}
		return out
	}
	return all
}

// existing are the proofs of an alternative that exist now.
func (d *Decision) existing(proofs alternative) alternative {
	alt := slices.Clip(proofs)
	for i, p := range proofs {
		ok, undecided := p.When.Holds(&d.scope)
		d.note(undecided)
		switch {
		case !ok && len(alt) == len(proofs):
			alt = slices.Clone(alt[:i]) // the first that is left out
		case ok && len(alt) < len(proofs):
			alt = append(alt, p)
		}
	}
	return alt
}

// accepts returns the proofs that the operation accepts now, each of them alone.
func (d *Decision) accepts() []alternative {
	if len(d.Op.Accepts) == 0 {
		return nil
	}
	out := make([]alternative, 0, len(d.Op.Accepts))
	for i, p := range d.Op.Accepts {
		ok, undecided := p.When.Holds(&d.scope)
		d.note(undecided)
		if ok {
			out = append(out, d.Op.Accepts[i:i+1:i+1])
		}
	}
	return out
}

// missing is a location of a proof where nothing is.
type missing struct {
	bind  *specs.RequestBind // nil: nothing is missing
	empty bool
}

// or is the first of two.
func (m missing) or(next missing) missing {
	if m.bind == nil {
		return next
	}
	return m
}

// share counts how many of the required locations of a proof are there.
func (d *Decision) share(p *specs.Proof) (have, want int, first missing) {
	for _, b := range p.Binds {
		want++
		ok, empty := d.scope.req.has(&b.At)
		empty = empty && isToken(b)
		if ok && !empty {
			have++
		} else {
			first = first.or(missing{b, empty})
		}
	}
	for _, e := range p.Each {
		want++
		if ok, _ := d.scope.req.has(&e.At); ok {
			have++
		} else if first.bind == nil {
			first = missing{&specs.RequestBind{At: e.At}, false}
		}
	}
	for _, a := range p.Also {
		if ok, undecided := a.When.Holds(&d.scope); a.Optional || !ok {
			d.note(undecided)
			continue
		}
		h, w, f := d.share(a)
		have, want, first = have+h, want+w, first.or(f)
	}
	return have, want, first
}

func isToken(b *specs.RequestBind) bool {
	return len(b.Alts) > 0 && b.Alts[0].Kind == specs.FindToken
}

// alternatives chooses the proof by what is present, and tries it.
func (d *Decision) alternatives(alts []alternative, security bool) *Failure {
	if len(alts) == 0 {
		return nil
	}
	anonymous := security && d.Op.Anonymous
	best, bestShare := -1, -1.0
	var firstMissing missing
	for i, a := range alts {
		have, want := 0, 0
		var first missing
		for _, p := range a {
			h, w, f := d.share(p)
			have, want, first = have+h, want+w, first.or(f)
		}
		share := 1.0
		if want > 0 {
			share = float64(have) / float64(want)
		}
		if share > bestShare {
			best, bestShare, firstMissing = i, share, first
		}
		if first.bind == nil {
			break
		}
	}
	if firstMissing.bind != nil {
		if anonymous {
			return nil
		}
		return d.missing(firstMissing, alts, security)
	}
	f := d.try(alts[best])
	if f != nil && anonymous && strings.HasPrefix(f.Reason, "token.") {
		d.scope.session = nil
		d.scope.presented, d.scope.roles = nil, nil
		d.Consume, d.Touch = nil, nil
		d.note("a dead token counts as not sent here: " + f.Reason)
		return nil
	}
	return f
}

func (d *Decision) missing(m missing, alts []alternative, security bool) *Failure {
	b := m.bind
	f := &Failure{Field: b.At.Field(), proof: alts[0][0]}
	switch {
	case isToken(b) && (m.empty || security || b.At.In != specs.InBody && b.At.In != specs.InPath && b.At.In != specs.InQuery):
		kind := b.Alts[0].Token
		f.Token = d.scope.m.Contract.Token(kind)
		if m.empty {
			f.Reason = "token.missing.empty." + kind
			f.Why = fmt.Sprintf("%s is empty; a token %q belongs there%s.", sentence(b.At.Describe()), kind, d.where(kind))
			return f
		}
		f.Reason = "token.missing." + kind
		f.Why = fmt.Sprintf("No token was sent; %s carries %q%s%s.", b.At.Describe(), kind, d.where(kind), d.otherWays(alts, security))
	case b.At.In == specs.InBasicUser || b.At.In == specs.InBasicPassword || b.At.In == specs.InHeader && len(b.Alts) > 0 && b.Alts[0].Kind == specs.FindRecord:
		role := ""
		if len(b.Alts) > 0 {
			role = "." + b.Alts[0].Role
		}
		f.Reason = "credentials.missing" + role
		f.Why = fmt.Sprintf("No credentials were sent; %s carries them%s.", b.At.Describe(), d.otherWays(alts, security))
	default:
		f.Reason = "request.field.missing"
		f.Why = sentence(b.At.Describe()) + " is missing" + emptyWord(m.empty)
		if isToken(b) {
			f.Why += fmt.Sprintf("; a token %q belongs there%s", b.Alts[0].Token, d.where(b.Alts[0].Token))
		}
		f.Why += "."
	}
	return f
}

func emptyWord(empty bool) string {
	if empty {
		return " (it is there, and empty)"
	}
	return ""
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// issuers names the operations that hand out a kind of token, the first two,
// and links (GET) after all others.
// Those that do so only at times are named if there are no others: a logout
// that brings an application back is not the way to a token.
func (d *Decision) issuers(kind, or string) string {
	c := d.scope.m.Contract
	var always, atTimes []*specs.Operation
	for _, op := range c.Operations {
		for _, i := range op.Issues {
			if i.Token.Name != kind {
				continue
			}
			if i.When == nil {
				always = append(always, op)
			} else {
				atTimes = append(atTimes, op)
			}
			break
		}
	}
	from := always
	if len(from) == 0 {
		from = atTimes
	}
	slices.SortStableFunc(from, func(a, b *specs.Operation) int {
		switch {
		case (a.Method == http.MethodGet) == (b.Method == http.MethodGet):
			return 0
		case b.Method == http.MethodGet:
			return -1
		}
		return 1
	})
	var first [2]string
	n := min(len(first), len(from))
	for i, op := range from[:n] {
		first[i] = op.Method + " " + c.BasePaths[0] + op.Path
	}
	return strings.Join(first[:n], or)
}

// where says, as the end of a sentence, which operations hand out a kind.
func (d *Decision) where(kind string) string {
	if from := d.issuers(kind, " and "); from != "" {
		return ", issued by " + from
	}
	return ""
}

// again is the sentence that says how to get a token of a kind.
func (d *Decision) again(kind string) string {
	if from := d.issuers(kind, " or "); from != "" {
		return " Get one with " + from + "."
	}
	return ""
}

func (d *Decision) otherWays(alts []alternative, security bool) string {
	if len(alts) < 2 || !security {
		return ""
	}
	var names []string
	for _, a := range alts {
		var one []string
		for _, p := range a {
			one = append(one, p.As)
		}
		names = append(names, strings.Join(one, " and "))
	}
	return "; what works: " + strings.Join(names, ", or ")
}

// try resolves the proofs of one alternative.
func (d *Decision) try(a alternative) *Failure {
	var first *Token
	for i, p := range a {
		got, f := d.prove(p)
		if f != nil {
			if f.proof == nil {
				f.proof = p
			}
			return f
		}
		d.proofs = append(d.proofs, p)
		if i == 0 {
			first = got
		} else if f := d.same(p, first, got); f != nil {
			return f
		}
	}
	return nil
}

// same compares the token of a proof with that of the one beside it; nil: it has
// none.
func (d *Decision) same(p *specs.Proof, main, beside *Token) *Failure {
	if len(p.Same) == 0 || beside == nil {
		return nil
	}
	for _, s := range p.Same {
		var ok bool
		if s == "session" {
			ok = main != nil && main.Session == beside.Session
		} else {
			ok = d.factKey(main, s) == d.factKey(beside, s)
		}
		if !ok {
			k := beside.Kind
			return &Failure{Reason: "token.mismatch." + k.Name, Token: k,
				Why: fmt.Sprintf("The token %q belongs to another %s than the one beside it; send tokens of one login together.", k.Name, s)}
		}
	}
	return nil
}

func (d *Decision) factKey(t *Token, fact string) any {
	if t != nil {
		return t.Facts[fact]
	}
	if r := d.scope.record(fact); r != nil {
		return r.Key
	}
	return nil
}
