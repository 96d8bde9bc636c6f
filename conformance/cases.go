package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// NewPlan plans every case that the contract has for this target. It sends
// nothing. The error says what in the target does not fit the contract.
func NewPlan(c *specs.Contract, t *Target) (*Plan, error) {
	s, err := newSeed(c, t)
	if err != nil {
		return nil, err
	}
	ops := newOperations(c)
	e, err := newExplorer(c, s, ops, nil, false)
	if err != nil {
		return nil, err
	}
	p := &Plan{Contract: c, Target: t, seed: s, ops: ops, byID: map[string]*Case{}}
	b := &builder{p: p, e: e, found: map[string]*found{}}
	for _, op := range c.Operations {
		b.found[op.ID] = e.search(op)
		e.forget(op)
	}
	if t.Capabilities.SetSettings {
		b.otherSettings()
	}
	for _, op := range c.Operations {
		f := b.found[op.ID]
		b.outcomes(op, f)
		b.lives(op, f)
		b.effects(op, f)
		b.laws(op, f)
		if len(t.Records) > 0 || len(c.Records) == 0 { // else it is said that nobody may log in
			b.unplanned(op, f)
		}
		for _, r := range c.Refusals(op) {
			if !f.has(r) {
				p.Missing = append(p.Missing, Missing{op.ID, r})
			}
		}
		e.forget(op)
	}
	for _, x := range p.Cases {
		p.byID[x.ID] = x
		if why := p.excluded(x); why != "" {
			x.Excluded = why
		}
	}
	findStems(p.Cases)
	return p, nil
}

// builder makes cases of what a search found.
type builder struct {
	p     *Plan
	e     *explorer
	found map[string]*found
	ids   map[string]int
	// nowhereDone: the case of a path that nobody has is made.
	nowhereDone bool
}

// add gives a case its id, and puts it into the plan.
func (b *builder) add(x *Case, parts ...string) {
	id := b.p.Contract.Name
	for _, s := range parts {
		if s != "" {
			id += "." + s
		}
	}
	if b.ids == nil {
		b.ids = map[string]int{}
	}
	b.ids[id]++
	if n := b.ids[id]; n > 1 {
		id += "." + strconv.Itoa(n)
	}
	x.ID = id
	b.p.Cases = append(b.p.Cases, x)
}

// slug makes a text a part of an id.
func slug(s string) string {
	var out strings.Builder
	dash := false
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.':
			if dash && out.Len() > 0 {
				out.WriteByte('-')
			}
			dash = false
			out.WriteRune(r)
		default:
			dash = true
		}
	}
	return out.String()
}

// makeCase makes a case of a candidate: its way, and its request as the last
// step.
func (b *builder) makeCase(c *candidate, kind, title string, links ...link) *Case {
	steps := append(slices.Clone(c.way.steps), b.last(c))
	return b.caseOf(steps, c, kind, title, links...)
}

func (b *builder) last(c *candidate) *step {
	st := c.step("")
	st.dead, st.wait, st.lasts = c.dead, c.wait, c.lasts
	if c.how != "" {
		st.purpose += ", " + c.how
	}
	return st
}

// caseOf makes a case of steps; judged is the prediction of the last one.
func (b *builder) caseOf(steps []*step, judged *candidate, kind, title string, links ...link) *Case {
	op := judged.request.op.Op
	x := &Case{steps: steps, settings: judged.settings, links: append(links, judged.links...)}
	x.Operation, x.Method, x.Path = op.ID, op.Method, op.Path
	x.Outcome, x.Kind, x.Title = judged.p.Outcome(), kind, title
	for _, st := range steps {
		x.Cause = append(x.Cause, st.cause())
		if st.dead != nil {
			x.Wait += st.lasts
		} else {
			x.Wait += st.wait
		}
		if !st.success && (strings.HasPrefix(st.outcome, "credentials.wrong") || strings.HasPrefix(st.outcome, "credentials.unknown")) {
			x.Wrong++
		}
		if st.success {
			x.Sessions += st.opens
		}
	}
	x.Requests = len(steps)
	b.weigh(x, judged)
	x.Labels = b.labels(x)
	return x
}

// cause says in words what a step does.
func (st *step) cause() string {
	op := st.request.op.Op
	s := st.purpose + ": " + op.Method + " " + op.Path
	if st.dead != nil {
		at := "at the instant at which the token " + st.dead.name + " ends"
		switch {
		case st.wait < 0:
			at = (-st.wait).String() + " before the token " + st.dead.name + " ends"
		case st.wait > 0:
			at = st.wait.String() + " after the token " + st.dead.name + " ends"
		}
		s += " (" + at + ")"
	}
	return s + " → " + st.outcome
}

// weigh gives a case its severity and the rule that it is about.
func (b *builder) weigh(x *Case, c *candidate) {
	e, links := c.p.Evidence(), x.links
	var m specs.Mark
	pointer := c.p.ground()
	if c.p.Failure != nil {
		var causes []link
		m, causes = mustRefuse(c.p, e.Part("refusal"), links)
		links = append(links[:len(links):len(links)], causes...)
	} else {
		m, pointer = accepted(c.p, e, pointer)
	}
	for _, l := range links {
		if l.law {
			m = l.mark // it demands the answer, whatever that rests on by itself
		}
	}
	for _, l := range links {
		if !l.law && l.mark.Level < m.Level {
			m, pointer = l.mark, l.pointer
		}
	}
	x.Severity = SeverityOf(m.Level)
	x.Rule = b.p.rule(pointer, m)
}

func (b *builder) labels(x *Case) []string {
	out := []string{x.Kind, strings.ToLower(x.Severity.String())}
	writes, touches := false, false
	for _, st := range x.steps {
		op := st.request.op.Op
		writes = writes || len(op.Creates) > 0 && st.success
		for _, s := range op.Sets {
			writes = writes || s.To != "session" && st.success
		}
		touches = touches || st.success && touchesOthers(op)
	}
	if x.Wait > 0 || slices.ContainsFunc(x.steps, func(st *step) bool { return st.dead != nil }) {
		out = append(out, "clock")
	}
	if writes {
		out = append(out, "writes")
	}
	if touches {
		out = append(out, "exclusive")
	}
	if x.Wrong > 0 {
		out = append(out, "wrong-password")
	}
	if x.settings != nil {
		out = append(out, "settings")
	}
	return append(out, b.p.harms(x.steps)...)
}

// touchesOthers reports whether an operation can reach what the run did not
// make: all sessions of a user, the one token that a user may have.
func touchesOthers(op *specs.Operation) bool {
	for _, e := range op.Ends {
		if strings.Contains(e.What.Src, ".sessions") {
			return true
		}
		names, err := e.What.Names()
		if err != nil {
			return true
		}
		for root := range names {
			if _, role := op.Roles[root]; role {
				return true
			}
		}
	}
	return slices.ContainsFunc(op.Issues, func(i *specs.Issue) bool { return i.Token.Limit != nil && i.Token.Limit.Replace })
}

// belongs reports whether a word of Capabilities.Without means a case: its id or
// the beginning of it, or a label.
func belongs(x *Case, word string) bool {
	return x.ID == word || strings.HasPrefix(x.ID, word+".") || slices.Contains(x.Labels, word) || strings.HasPrefix(x.Outcome, word) ||
		word == x.Kind || word == "op:"+x.Operation
}

// Unmatched are the words of the target's Capabilities.Without that mean no case
// at all.
func (p *Plan) Unmatched() []string {
	var out []string
	for _, w := range p.Target.Capabilities.Without {
		if !slices.ContainsFunc(p.Cases, func(x *Case) bool { return belongs(x, w) }) {
			out = append(out, w)
		}
	}
	return out
}

// excluded is why a target leaves a case out, or "".
func (p *Plan) excluded(x *Case) string {
	c := p.Target.Capabilities
	for _, w := range c.Without {
		if belongs(x, w) {
			return "the target is declared to be without " + w
		}
	}
	has := func(label string) bool { return slices.Contains(x.Labels, label) }
	switch {
	case has("clock") && c.Clock != "control" && c.Clock != "wait":
		return "needs clock: time must pass, and the target has no clock that can be set (clock: wait, with a budget, waits)"
	case has("settings") && !c.SetSettings:
		return "needs other settings than the target has"
	case has("writes") && !c.Writes:
		return "it would create or change records (writes: true allows it)"
	case has("exclusive") && !c.Exclusive:
		return "it would reach sessions or tokens that the run did not make (exclusive: true says that the accounts are its own)"
	case x.Wrong > 0 && p.Target.Budgets.WrongPasswords < 0:
		return "the target takes no wrong passwords"
	}
	return p.harm(x)
}

// outcomes makes a case of each outcome that was found.
func (b *builder) outcomes(op *specs.Operation, f *found) {
	seen := map[string]bool{}
	usual := map[*specs.Answer]string{}
	for _, k := range f.order {
		c := f.by[k]
		switch {
		case c.p.Failure != nil:
			b.refusal(op, c)
			continue
		case c.tag != "" && !strings.HasPrefix(c.tag, "under "):
			b.variant(op, c)
			continue
		}
		issues := issued(c)
		if _, known := usual[c.p.Answer]; !known {
			usual[c.p.Answer] = issues
		}
		other := ""
		if issues != usual[c.p.Answer] {
			other = "issuing-" + orNothing(issues)
		}
		name := other + b.by(op, c) + b.form(c)
		if c.p.Answer != nil {
			name = c.p.Answer.Pointer + name
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		title := fmt.Sprintf("%s answers %s", op.ID, c.p.Outcome())
		if by := b.byWords(c); by != "" {
			title += " with " + by
		}
		if c.how != "" && !strings.HasPrefix(c.how, "accepting") {
			title += ", " + c.how
		}
		b.add(b.makeCase(c, "answer", title), op.ID, slug(c.p.Outcome()), other, b.by(op, c), b.form(c))
	}
}

// issued names the kinds of token that an answer issues.
func issued(c *candidate) string {
	var out []string
	for _, i := range c.p.Issue {
		name := slug(i.Kind.Name)
		if i.Issue != nil && i.Issue.Lifetime != nil {
			// An operation that gives its tokens a life of their own may be asked for it.
			name += "-for-" + slug(fmt.Sprint(c.p.Eval(i.Issue.Lifetime)))
		}
		out = append(out, name)
	}
	return strings.Join(out, "-")
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// variant makes the case of a request that succeeds although, or because, it
// differs.
func (b *builder) variant(op *specs.Operation, c *candidate) {
	word, rest, _ := strings.Cut(c.tag, " ")
	title := fmt.Sprintf("%s answers %s %s", op.ID, c.p.Outcome(), c.how)
	var parts []string
	var links []link
	switch word {
	case "everything":
		parts = []string{slug(c.p.Outcome()), "with-everything"}
	case "showing":
		parts = []string{slug(c.p.Outcome()), "showing", slug(rest[strings.IndexByte(rest, ' ')+1:])}
	case "though":
		parts = []string{slug(c.p.Outcome()), "though", slug(rest)}
	case "with":
		pointer, field, _ := strings.Cut(rest, " ")
		parts = []string{slug(c.p.Outcome()), "with", slug(field), slug(pointer[strings.LastIndexByte(pointer, '/')+1:])}
	default: // lock.early, lock.resets, lock.ends
		parts = []string{word}
		links = lockLinks(c)
	}
	b.add(b.makeCase(c, "answer", title, links...), append([]string{op.ID}, parts...)...)
}

// lockLinks are what a lock rests on.
func lockLinks(x *candidate) []link {
	var out []link
	for _, role := range x.filling.roles {
		if r := role.record; r.Kind.Locks != nil {
			out = append(out, link{what: "the lock", mark: r.Kind.Locks.Evidence.Part("refusal"), pointer: value.Pointer("x-session", "records", r.Kind.Name, "locks")})
			break
		}
	}
	return out
}

// by names the way of proving, where there are several.
func (b *builder) by(op *specs.Operation, c *candidate) string {
	var out []string
	for _, p := range c.p.Proofs() {
		several := len(op.Security) > 1 || op.Anonymous
		if p.Scheme == "" {
			several = len(op.Accepts) > 1
		}
		if several {
			out = append(out, slug(p.As))
		}
	}
	if len(out) == 0 && op.Anonymous && len(c.p.Proofs()) == 0 && len(op.Security) > 0 {
		return "by.anonymous"
	}
	if len(out) == 0 {
		return ""
	}
	return "by." + strings.Join(out, ".")
}

func (b *builder) byWords(c *candidate) string {
	var out []string
	for _, p := range c.p.Proofs() {
		if p.As != "" {
			out = append(out, p.As)
		}
	}
	return strings.Join(out, " and ")
}

// form names the media types, where they are not the first ones.
func (b *builder) form(c *candidate) string {
	var out []string
	op := c.request.op
	if m := c.request.media; m != nil && len(op.Op.Body) > 1 && m != op.Op.Body[0] {
		out = append(out, "from-"+short(m.Type))
	}
	if a := c.request.accept; a != "" {
		out = append(out, "as-"+short(a))
	}
	return strings.Join(out, ".")
}

func short(typ string) string {
	_, s, _ := strings.Cut(typ, "/")
	return strings.TrimPrefix(slug(s), "x-www-")
}

func (b *builder) refusal(op *specs.Operation, c *candidate) {
	reason := c.p.Failure.Reason
	if c.proof != nil {
		cs := b.makeCase(c, "failure", fmt.Sprintf("%s refuses %s, which is not offered", op.ID, c.proof.As),
			link{what: "the proof", mark: c.proof.Evidence.Part("refusal"), pointer: c.proof.Pointer, good: true})
		b.add(cs, op.ID, "not-offered", slug(c.proof.As))
		return
	}
	title := fmt.Sprintf("%s refuses: %s", op.ID, reason)
	if c.how != "" {
		title += " (" + c.how + ")"
	}
	kind := "failure"
	switch {
	case strings.HasPrefix(reason, "token."):
		kind = "token"
	case strings.HasPrefix(reason, "request."):
		kind = "request"
	}
	field := ""
	if c.field != "" {
		field = slug(c.field)
	}
	b.add(b.makeCase(c, kind, title), op.ID, slug(reason), field)
}

// lives makes the cases of a token's life that end well: alive until just
// before its end.
func (b *builder) lives(op *specs.Operation, f *found) {
	done := map[string]bool{}
	for _, c := range f.bases() {
		for _, t := range c.e.tokens(c) {
			k := b.p.Contract.Token(t.slot.name)
			if done[k.Name] {
				continue
			}
			x := c.e.waited(c, t.slot, -time.Second)
			if x == nil || x.p.Failure != nil {
				continue
			}
			done[k.Name] = true
			cs := b.makeCase(x, "token", fmt.Sprintf("%s: the token %s lives until its end", op.ID, k.Name),
				link{what: "the lifetime", mark: k.Evidence.Part("lifetime"), pointer: "/x-session/tokens/" + k.Name})
			b.add(cs, op.ID, "token.lives", slug(k.Name))
			b.renewed(op, c, t, k)
		}
	}
}

// renewed makes the case of a token that lives on because it is used.
func (b *builder) renewed(op *specs.Operation, c *candidate, t placed, k *specs.TokenKind) {
	if k.Idle == nil || len(c.p.Consume)+len(c.p.Ends)+len(c.p.Creates) > 0 {
		return
	}
	used := c.step("use it just before it ends")
	used.dead, used.wait = t.slot, -time.Second
	steps := append(slices.Clone(c.way.steps), used)
	state, err := c.e.walk(steps)
	if err != nil || !used.success {
		return
	}
	last := &step{dead: t.slot, wait: -time.Second}
	before := state.shadow.now
	if state.shadow.before(last) != nil || state.shadow.now.Sub(before) < 2*time.Second {
		return // it ends by its lifetime, and no use renews that
	}
	x := c.e.tryIn(state, c.filling)
	if x == nil || x.p.Failure != nil {
		return
	}
	x.dead, x.wait = t.slot, -time.Second
	cs := b.caseOf(append(steps, b.last(x)), x, "token", fmt.Sprintf("%s: the token %s lives on since it is used", op.ID, k.Name),
		link{what: "the idle time", mark: k.Evidence.Part("idle"), pointer: "/x-session/tokens/" + k.Name})
	b.add(cs, op.ID, "token.renewed", slug(k.Name))
}
