package session

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// prove resolves one complete proof: tokens, then secrets, then other records,
// then comparisons, then the proofs beside it. It returns the first token that
// the proof showed; nil: none.
func (d *Decision) prove(p *specs.Proof) (*Token, *Failure) {
	s := &d.scope
	var got *Token
	binds := slices.Clip(p.Binds)
	for _, b := range p.May {
		if ok, empty := s.req.has(&b.At); ok && !(isToken(b) && empty) {
			binds = append(binds, b)
		}
	}
	for _, b := range binds {
		if !isToken(b) {
			continue
		}
		t, f := d.proveToken(p, b)
		if f != nil {
			return nil, f
		}
		if got == nil {
			got = t
		}
	}
	if f := d.proveRecords(p, binds); f != nil {
		return nil, f
	}
	for _, b := range binds {
		if f := d.compare(p, b); f != nil {
			return nil, f
		}
	}
	for _, e := range p.Each {
		if f := d.proveEach(e); f != nil {
			return nil, f
		}
	}
	for _, a := range p.Also {
		if ok, _ := a.When.Holds(s); !ok {
			continue
		}
		if a.Optional {
			if _, _, first := d.share(a); first.bind != nil {
				continue
			}
		}
		beside, f := d.prove(a)
		if f != nil {
			return nil, f
		}
		if f := d.same(a, got, beside); f != nil {
			return nil, f
		}
		d.proofs = append(d.proofs, a)
	}
	return got, nil
}

func tolerated(p *specs.Proof, reason string) bool {
	for _, t := range p.Tolerate {
		if reason == t || strings.HasPrefix(reason, t+".") {
			return true
		}
	}
	return false
}

// proveToken finds the token at a location and checks it: form, signature,
// known, kind, revoked or consumed, expired.
func (d *Decision) proveToken(p *specs.Proof, b *specs.RequestBind) (*Token, *Failure) {
	s := &d.scope
	raw, _ := s.req.Value(b.At)
	_, isText := value.Text(raw)
	first := b.Alts[0]
	kind := s.m.Contract.Token(first.Token)
	var found *Token
	formed := ""
	for _, alt := range b.Alts {
		if alt.Kind != specs.FindToken {
			continue
		}
		if !isText || found != nil {
			continue
		}
		x, ok := alt.Value.Undo(raw)
		if !ok {
			continue
		}
		t, ok := value.Text(x)
		if !ok {
			continue
		}
		if tok := s.tx.Token(t); tok != nil {
			found = tok
			continue
		}
		if form := s.m.form(s, s.m.Contract.Token(alt.Token), t); formed == "" || form != "malformed" {
			if formed == "" || formed == "malformed" {
				formed, kind = form, s.m.Contract.Token(alt.Token)
			}
		}
	}
	if found == nil {
		if formed == "" {
			formed = "malformed"
		}
		reason := "token." + formed + "." + kind.Name
		if tolerated(p, reason) {
			return nil, nil
		}
		return nil, refuseToken(b, kind, formed, whyStrange(formed, kind.Name, b.At.Describe())+d.again(kind.Name))
	}
	if !takes(b, found.Kind.Name) {
		if tolerated(p, "token.wrong-kind."+kind.Name) {
			return nil, nil // it counts as none: what it stands for was not asked for
		}
		return nil, refuseToken(b, kind, "wrong-kind", fmt.Sprintf("%s wants a token %q; this is a token %q.", sentence(b.At.Describe()), kind.Name, found.Kind.Name))
	}
	k := found.Kind
	dead := s.dead(found)
	if dead != "" && !tolerated(p, "token."+dead+"."+k.Name) {
		f := refuseToken(b, k, dead, d.whyDead(found, dead))
		f.dead = found
		return nil, f
	}
	if dead == "" && found.Kind.Once {
		d.Consume = append(d.Consume, found)
	}
	if dead == "" {
		d.Touch = append(d.Touch, found)
	}
	if s.presented.youngest(k.Name) == nil {
		s.presented = append(s.presented, found)
	}
	if !p.SameNone {
		if s.session == nil {
			s.session = s.tx.Session(found.Session)
		}
		for _, fact := range s.m.Contract.Session.Facts {
			if fact.Record == "" {
				continue
			}
			if _, known := s.roles.get(fact.Name); known {
				continue
			}
			if r, ok := s.fact(found.Facts, fact).(*Record); ok {
				s.setRole(fact.Name, r)
				d.toNeed(r, p)
			}
		}
	}
	return found, nil
}

func refuseToken(b *specs.RequestBind, k *specs.TokenKind, what, why string) *Failure {
	return &Failure{Reason: "token." + what + "." + k.Name, Field: b.At.Field(), Token: k, Why: why}
}

// takes reports whether a place takes a kind of token.
func takes(b *specs.RequestBind, kind string) bool {
	return slices.ContainsFunc(b.Alts, func(t *specs.Target) bool { return t.Kind == specs.FindToken && t.Token == kind })
}

// whyStrange says why a text at a place is no token of a kind that was issued.
func whyStrange(formed, kind, place string) string {
	switch formed {
	case "forged":
		return fmt.Sprintf("The signature of the token %q in %s is not ours: the token was changed, or signed with another key.", kind, place)
	case "unknown":
		return fmt.Sprintf("The token %q in %s looks right, but was never issued in this world, or has been forgotten.", kind, place)
	}
	return fmt.Sprintf("What came in %s does not look like a token %q.", place, kind)
}

func (d *Decision) whyDead(t *Token, dead string) string {
	num := func(n int, verb string) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf(", %s by #%d", verb, n)
	}
	issued := num(t.By, "issued")
	again := d.again(t.Kind.Name)
	switch dead {
	case "expired":
		end := t.End()
		ago := d.scope.now.Sub(end)
		what := "expired"
		if t.Idle > 0 && (t.Expires.IsZero() || end.Before(t.Expires.Truncate(time.Second))) {
			what = "was not used for " + inWords(t.Idle) + " and ended"
		}
		when := "at this very instant"
		if ago > 0 {
			when = inWords(ago) + " before use"
		}
		return fmt.Sprintf("The token %q %s %s%s.%s", t.Kind.Name, what, when, issued, again)
	case "consumed":
		return fmt.Sprintf("The token %q can be used once, and was%s%s.%s", t.Kind.Name, num(t.EndBy, "used"), issued, again)
	case "replaced":
		return fmt.Sprintf("The token %q was replaced by a younger one%s%s.%s", t.Kind.Name, num(t.EndBy, "replaced"), issued, again)
	case "revoked":
		endBy := t.EndBy
		if endBy == 0 {
			if x := d.scope.tx.Session(t.Session); x != nil {
				endBy = x.EndBy
			}
		}
		return fmt.Sprintf("The token %q was revoked%s%s.%s", t.Kind.Name, num(endBy, "ended"), issued, again)
	}
	return fmt.Sprintf("The token %q expired and has been swept%s.%s", t.Kind.Name, issued, again)
}

// group is the bindings of one role in one proof.
type group struct {
	role, kind string
	session    bool
	secret     bool
	all        []*specs.RequestBind // of the proof
}

// binds goes through the bindings of the role.
func (g *group) binds(yield func(*specs.RequestBind) bool) {
	for _, b := range g.all {
		if isGrouped(b) && b.Alts[0].Role == g.role && !yield(b) {
			return
		}
	}
}

// finder is the binding that its record is found by: the first that is not secret,
// or the secret if there is nothing else.
func (g *group) finder() *specs.RequestBind {
	var first *specs.RequestBind
	for b := range g.binds {
		if !b.Alts[0].Secret {
			return b
		}
		if first == nil {
			first = b
		}
	}
	return first
}

// isGrouped reports whether a binding finds a record or a session.
func isGrouped(b *specs.RequestBind) bool {
	return len(b.Alts) > 0 && (b.Alts[0].Kind == specs.FindRecord || b.Alts[0].Kind == specs.FindSession)
}

// groups appends the groups of bindings to out.
func groups(out []group, binds []*specs.RequestBind) []group {
	for _, b := range binds {
		if !isGrouped(b) {
			continue
		}
		t := b.Alts[0]
		at := slices.IndexFunc(out, func(g group) bool { return g.role == t.Role })
		if at < 0 {
			at = len(out)
			out = append(out, group{role: t.Role, kind: t.Record, session: t.Kind == specs.FindSession, all: binds})
		}
		out[at].secret = out[at].secret || t.Secret
	}
	// Secrets first: a login answers for the password before it answers for a
	// tenant that is only named.
	slices.SortStableFunc(out, func(a, b group) int {
		switch {
		case a.secret == b.secret:
			return 0
		case a.secret:
			return -1
		}
		return 1
	})
	return out
}

func (d *Decision) proveRecords(p *specs.Proof, binds []*specs.RequestBind) *Failure {
	var room [4]group
	list := groups(room[:0], binds)
	for i := range list {
		g := &list[i]
		var f *Failure
		if g.session {
			f = d.findSession(g)
		} else {
			f = d.findRecord(p, g)
		}
		if f != nil && !tolerated(p, f.Reason) {
			return f
		}
	}
	return nil
}

func (d *Decision) findSession(g *group) *Failure {
	b := g.finder()
	raw, _ := d.scope.req.Value(b.At)
	x := d.sessionByID(raw)
	if x == nil {
		return d.unknown(g, b, "No live session has this id.")
	}
	d.scope.setRole(g.role, x)
	return nil
}

func (d *Decision) sessionByID(raw any) *Session {
	t, ok := value.Text(raw)
	if !ok {
		return nil
	}
	if x := d.scope.tx.Session(t); d.scope.alive(x) {
		return x
	}
	return nil
}

func (d *Decision) unknown(g *group, b *specs.RequestBind, why string) *Failure {
	f := &Failure{Field: b.At.Field(), Why: why}
	raw, _ := d.scope.req.Value(b.At)
	secret := len(b.Alts) > 0 && b.Alts[0].Secret
	if t, ok := value.Text(raw); ok && !secret {
		f.Value = t
	}
	if g.secret {
		f.Reason = "credentials.unknown." + g.role
	} else {
		f.Reason = "record.unknown." + g.role
	}
	if b.Else != "" {
		f.Reason = b.Else
	}
	return f
}

// candidates are the fields that a binding asks for, one an alternative, each
// with the text that it has to have.
func (d *Decision) candidates(b *specs.RequestBind) iter.Seq2[string, string] {
	return func(yield func(field, text string) bool) {
		raw, _ := d.scope.req.Value(b.At)
		for _, t := range b.Alts {
			if t.Kind != specs.FindRecord {
				continue
			}
			x, ok := t.Value.Undo(raw)
			if !ok {
				continue
			}
			if text, ok := value.Text(x); ok && !yield(t.Field, text) {
				return
			}
		}
	}
}

func (d *Decision) matches(r *Record, b *specs.RequestBind) bool {
	for field, text := range d.candidates(b) {
		if have, ok := fieldText(r, field); ok && have == text {
			return true
		}
	}
	return false
}

func (d *Decision) findRecord(p *specs.Proof, g *group) *Failure {
	s := &d.scope
	kind := s.m.Contract.Record(g.kind)
	if known := s.record(g.role); known != nil {
		for b := range g.binds {
			if d.matches(known, b) {
				continue
			}
			if b.Alts[0].Secret {
				return d.wrongSecret(g, b, known)
			}
			return d.unknown(g, b, fmt.Sprintf("%s names another %s than the one that is logged in.", sentence(b.At.Describe()), g.kind))
		}
		return nil
	}
	// Where several have the finder's field, such as the tenant, it is the one that
	// has the others, too.
	finder := g.finder()
	var r *Record
	for field, text := range d.candidates(finder) {
		if r = s.tx.FindRecord(kind, field, text); r != nil {
			break
		}
	}
	if r == nil {
		return d.unknown(g, finder, fmt.Sprintf("No %s has the %s that was sent in %s.", g.kind, strings.Join(fieldNames(finder), " or "), finder.At.Describe()))
	}
	if other := d.differs(r, g, finder); other != nil {
		r = nil
		for _, x := range s.tx.Records(g.kind) {
			if d.matches(x, finder) && d.differs(x, g, finder) == nil {
				r = x
				break
			}
		}
		if r == nil {
			return d.unknown(g, other, fmt.Sprintf("No %s with this %s has the %s that was sent in %s.", g.kind, strings.Join(fieldNames(finder), " or "), strings.Join(fieldNames(other), " or "), other.At.Describe()))
		}
	}
	if g.secret && r.LockedUntil.After(s.now) {
		until := "until it is reset"
		if r.LockedUntil.Before(Forever()) {
			until = "for another " + inWords(r.LockedUntil.Sub(s.now))
		}
		return &Failure{Reason: "credentials.locked." + g.role, Why: fmt.Sprintf("Too many wrong secrets in a row: this %s is locked %s.", g.kind, until)}
	}
	for b := range g.binds {
		if b != finder && b.Alts[0].Secret && !d.matches(r, b) {
			return d.wrongSecret(g, b, r)
		}
	}
	s.setRole(g.role, r)
	if g.secret {
		d.Proven = append(d.Proven, r)
		d.toNeed(r, p)
	}
	return nil
}

// differs returns the first binding beside the finder, and not of a secret,
// that the record does not fit; nil if it fits all.
func (d *Decision) differs(r *Record, g *group, finder *specs.RequestBind) *specs.RequestBind {
	for b := range g.binds {
		if b != finder && !b.Alts[0].Secret && !d.matches(r, b) {
			return b
		}
	}
	return nil
}

func fieldNames(b *specs.RequestBind) []string {
	var out []string
	for _, t := range b.Alts {
		out = append(out, t.Field)
	}
	return out
}

func (d *Decision) wrongSecret(g *group, b *specs.RequestBind, r *Record) *Failure {
	f := &Failure{Reason: "credentials.wrong." + g.role, Field: b.At.Field(), wrong: r,
		Why: fmt.Sprintf("The %s in %s is not that of this %s. GET /__admin/systems lists the demo accounts.", b.Alts[0].Field, b.At.Describe(), g.kind)}
	if b.Else != "" {
		f.Reason = b.Else
		f.wrong = nil
	}
	return f
}

// compare checks the bindings whose right side is known already.
func (d *Decision) compare(p *specs.Proof, b *specs.RequestBind) *Failure {
	if len(b.Alts) == 0 || b.Alts[0].Kind != specs.Compare {
		return nil
	}
	raw, _ := d.scope.req.Value(b.At)
	have, ok := value.Text(raw)
	for _, t := range b.Alts {
		want, err := t.Value.Eval(&d.scope)
		if err != nil {
			continue
		}
		if text, isText := value.Text(want); isText && ok && text == have {
			return nil
		}
	}
	f := &Failure{Reason: b.Else, Field: b.At.Field(), Why: sentence(b.At.Describe()) + " is not what belongs there."}
	if f.Reason == "" {
		f.Reason = "request.field.invalid"
	}
	if tolerated(p, f.Reason) {
		return nil
	}
	return f
}

func (d *Decision) proveEach(e *specs.Each) *Failure {
	s := &d.scope
	raw, _ := s.req.Value(e.At)
	list, ok := raw.([]any)
	if !ok {
		list = []any{raw}
	}
	var role, kind string
	for role, kind = range e.Finds {
	}
	found := make([]any, 0, len(list))
	for i, el := range list {
		var hit any
		for _, b := range e.Binds {
			v, ok := lookup(el, b.At.Tokens)
			if !ok {
				return &Failure{Reason: "request.field.missing", Field: b.At.Field(), Why: fmt.Sprintf("Element %d of %s has no %s.", i, e.At.Describe(), b.At.Field())}
			}
			if kind == "session" {
				if x := d.sessionByID(v); x != nil {
					hit = x
				}
				continue
			}
			if t, ok := value.Text(v); ok && hit == nil {
				if r := s.tx.FindRecord(s.m.Contract.Record(kind), b.Alts[0].Field, t); r != nil {
					hit = r
				}
			}
		}
		if hit == nil {
			return &Failure{Reason: "record.unknown." + role, Field: e.At.Field(), Why: fmt.Sprintf("Element %d of %s names no %s.", i, e.At.Describe(), kind)}
		}
		found = append(found, hit)
	}
	s.setRole(role, found)
	return nil
}

// toNeed remembers that a record was proven, so that its kind's own conditions
// are checked, and which of them this proof tolerates.
func (d *Decision) toNeed(r *Record, p *specs.Proof) {
	if len(r.Kind.Needs) > 0 {
		d.needOf = append(d.needOf, neededRecord{r, p})
	}
}

type neededRecord struct {
	record *Record
	proof  *specs.Proof
}

func (d *Decision) recordNeeds() *Failure {
	s := &d.scope
	defer func() { s.needing = nil }()
	for _, n := range d.needOf {
		s.needing = n.record
		for _, need := range n.record.Kind.Needs {
			if tolerated(n.proof, need.Else) {
				continue
			}
			ok, undecided := d.holds(need, s)
			if ok {
				continue
			}
			d.note(undecided)
			return d.needFailure(need)
		}
	}
	return nil
}

// inWords is a duration as a person says it: whole seconds, or milliseconds if
// it is shorter than ten of them.
func inWords(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	s := d.Round(time.Second).String()
	for _, zero := range []string{"0s", "0m"} {
		if t, ok := strings.CutSuffix(s, zero); ok && strings.TrimRight(t, "hm") != t {
			s = t
		}
	}
	return s
}
