package specs

import (
	"fmt"
	"slices"
	"strings"
)

// failures checks that every reason for which the engine can refuse a request
// of an operation has an answer, and that every entry is for a reason that
// exists.
func (k *checker) failures() {
	if !k.hasSessions() {
		return
	}
	k.entriesWithStatus()
	k.knownReasons()
	ops := map[string][]string{}
	lines := map[string]place{}
	var order []string
	for _, op := range k.c.Operations {
		for _, r := range k.reasons(op) {
			if k.answered(op, r.reason) {
				continue
			}
			if ops[r.reason] == nil {
				order = append(order, r.reason)
				lines[r.reason] = place{r.pointer, r.line}
			}
			if !slices.Contains(ops[r.reason], op.ID) {
				ops[r.reason] = append(ops[r.reason], op.ID)
			}
		}
	}
	for _, r := range order {
		p := lines[r]
		fix := "add it, or " + strings.Join(ReasonPrefixes(r)[1:], ", ") + ", to failures: " + r + ": {status: …, example: …, evidence: …}"
		if kind, ok := strings.CutPrefix(r, "record.unknown."); ok && k.c.records[kind] != nil && !k.c.records[kind].hasSecret() && k.signsIn(kind) {
			fix += "; but if a " + kind + " signs in with a password, mark it format: password in the schema of the record, and it is credentials.unknown." + kind
		}
		k.add(nil, "failure-without-answer", p.pointer, p.line, fix,
			"%s can happen and nothing answers it: %s", r, listed(ops[r]))
	}
}

// signsIn reports whether an operation that opens a session looks the record up.
func (k *checker) signsIn(kind string) bool {
	return slices.ContainsFunc(k.c.Operations, func(op *Operation) bool {
		role, ok := op.Roles[kind]
		return ok && role != "" && len(op.Opens) > 0
	})
}

type place struct {
	pointer string
	line    int
}

// tokenIn is the kind of token that a reason ends with, or nil.
func (k *checker) tokenIn(reason string) *TokenKind {
	if !strings.HasPrefix(reason, "token.") {
		return nil
	}
	return k.c.Token(reason[strings.LastIndexByte(reason, '.')+1:])
}

// levels are the tables in which an answer is looked up, nearest first.
func (k *checker) levels(op *Operation, t *TokenKind) []FailureTable {
	var out []FailureTable
	if op != nil {
		out = append(out, op.Failures)
	}
	if t != nil {
		out = append(out, t.Failures)
	}
	return append(out, k.c.Failures)
}

func (k *checker) answered(op *Operation, reason string) bool {
	return k.statusFor(k.levels(op, k.tokenIn(reason)), reason) != nil
}

func (k *checker) statusFor(levels []FailureTable, reason string) *Value {
	for _, table := range levels {
		for _, p := range ReasonPrefixes(reason) {
			for _, f := range table[p] {
				if f.Status != nil {
					return f.Status
				}
			}
		}
	}
	return nil
}

// statusOf is the status that an entry is answered with, its own or inherited.
func (k *checker) statusOf(op *Operation, f *FailureEntry) *Value {
	if f.Status != nil {
		return f.Status
	}
	return k.statusFor(k.levels(op, k.tokenIn(f.Reason)), f.Reason)
}

// entriesWithStatus reports entries that have no status and inherit none.
func (k *checker) entriesWithStatus() {
	table := func(t FailureTable, levels []FailureTable) {
		for _, reason := range sortedKeys(t) {
			for _, f := range t[reason] {
				if f.Status == nil && k.statusFor(levels, reason) == nil {
					k.add(nil, "failure-without-answer", f.Pointer, f.Line, "add status: …", "the failure %s has no status, and no shorter one gives it any", reason)
				}
			}
		}
	}
	table(k.c.Failures, []FailureTable{k.c.Failures})
	for _, t := range k.c.Tokens {
		table(t.Failures, []FailureTable{t.Failures, k.c.Failures})
	}
	for _, op := range k.c.Operations {
		levels := []FailureTable{op.Failures, k.c.Failures}
		for _, t := range k.c.Tokens {
			levels = append(levels, t.Failures)
		}
		table(op.Failures, levels)
	}
}

// engineReasons lists the reasons that the engine can give, without the kind of
// token or role that may follow.
func engineReasons() []string {
	return []string{
		"*", "request", "request.path", "request.method", "request.accept", "request.media", "request.media.missing", "request.media.unsupported",
		"request.size", "request.malformed", "request.field", "request.field.missing", "request.field.invalid", "request.undeclared",
		"token", "token.missing", "token.missing.empty", "token.malformed", "token.unknown", "token.forged", "token.wrong-kind",
		"token.expired", "token.revoked", "token.consumed", "token.replaced", "token.mismatch",
		"credentials", "credentials.missing", "credentials.unknown", "credentials.wrong", "credentials.locked",
		"record", "record.unknown", "limit", "limit.reached", "other", "client", "fault",
	}
}

// knownReasons reports failures, tolerated reasons and error keys for a reason
// that nothing can give.
func (k *checker) knownReasons() {
	known := k.c.possible()
	check := func(op *Operation, reason, ptr string, line int, what string) {
		if known[reason] || onDemand(reason) {
			return
		}
		names := sortedKeys(known)
		fix := "a reason is one of docs/contracts.md, \"Failures\", or the else of a condition"
		if d := nearest(reason, names); d != "" {
			fix = "did you mean \"" + d + "\"?"
		}
		k.add(op, "unknown-name", ptr, line, fix, "%s: nothing ever gives the reason %q", what, reason)
	}
	k.eachEntryList(func(op *Operation, list []*FailureEntry) {
		for _, f := range list {
			check(op, f.Reason, f.Pointer, f.Line, "failures")
		}
	})
	for _, op := range k.c.Operations {
		op.proofs(func(p *Proof, _ bool) {
			for _, r := range p.Tolerate {
				check(op, r, p.Pointer+"/tolerate", p.Line, "tolerate")
			}
		})
		for _, r := range op.Raises {
			check(op, r.Reason, op.Pointer+"/x-session/raises", 0, "raises")
		}
	}
}

// possible lists the reasons that something can give, and what they begin with.
func (c *Contract) possible() map[string]bool {
	known := map[string]bool{}
	for _, r := range engineReasons() {
		known[r] = true
	}
	for _, r := range c.coined() {
		for _, p := range ReasonPrefixes(r) {
			known[p] = true
		}
	}
	var tails []string
	for _, t := range c.Tokens {
		tails = append(tails, t.Name)
	}
	roles := sortedKeys(c.records)
	for _, op := range c.Operations {
		for r := range op.Roles {
			if !slices.Contains(roles, r) {
				roles = append(roles, r)
			}
		}
	}
	for _, r := range engineReasons() {
		switch {
		case strings.HasPrefix(r, "token.") || r == "limit.reached":
			for _, t := range tails {
				known[r+"."+t] = true
			}
		case strings.HasPrefix(r, "credentials.") || r == "record.unknown":
			for _, t := range roles {
				known[r+"."+t] = true
			}
		}
	}
	return known
}

// Possible is an error if nothing ever gives the reason.
func (c *Contract) Possible(reason string) error {
	known := c.possible()
	if known[reason] || onDemand(reason) {
		return nil
	}
	return fmt.Errorf("nothing gives the reason %q; %s", reason, didYouMean(reason, sortedKeys(known)))
}

// onDemand reports whether a reason is one that is answered on demand only.
func onDemand(reason string) bool {
	return strings.HasPrefix(reason, "other.") || strings.HasPrefix(reason, "fault.") || strings.HasPrefix(reason, "client.")
}

// coined lists the reasons that the contract makes up.
func (c *Contract) coined() []string {
	var out []string
	for _, r := range c.Records {
		for _, n := range r.Needs {
			out = append(out, n.Else)
		}
	}
	for _, op := range c.Operations {
		for _, n := range op.Needs {
			out = append(out, n.Else)
		}
		op.proofs(func(p *Proof, _ bool) {
			for _, b := range p.binds() {
				if b.Else != "" {
					out = append(out, b.Else)
				}
			}
		})
	}
	return out
}

// reason is one that the engine can give, and the place that makes it possible.
type reason struct {
	reason  string
	pointer string
	line    int
}

// reasons lists the reasons for which the engine can refuse a request of the
// operation, but for those of the request itself, which a problem document
// answers.
func (k *checker) reasons(op *Operation) []reason {
	w := &reasonWalk{k: k, op: op, known: map[string]bool{}}
	anonymous := op.Anonymous
	for _, alt := range op.Security {
		for _, p := range alt {
			w.proof(p, true, anonymous, anonymous)
		}
	}
	for _, p := range op.Accepts {
		w.proof(p, false, false, false)
	}
	w.needs()
	for _, n := range op.Needs {
		w.give(n.Else, n.That.Pointer, n.That.Line)
	}
	for _, i := range op.Issues {
		if l := i.Token.Limit; l != nil && !l.Replace {
			w.give("limit.reached."+i.Token.Name, op.Pointer+"/x-session/issues", 0)
		}
	}
	return w.out
}

// Refusals returns the reasons for which an operation can refuse, but for those
// of the request itself, sorted.
func (c *Contract) Refusals(op *Operation) []string {
	k := &checker{c: c}
	seen := map[string]bool{}
	for _, r := range k.reasons(op) {
		seen[r.reason] = true
	}
	return sortedKeys(seen)
}

type reasonWalk struct {
	k     *checker
	op    *Operation
	out   []reason
	known map[string]bool // roles that a token has filled by now
	kinds []needed
}

// needed is a kind of record whose own conditions are checked.
type needed struct {
	kind *RecordKind
	p    *Proof
}

func (w *reasonWalk) give(r, pointer string, line int) {
	if r == "" || strings.HasPrefix(r, "request.") {
		return
	}
	w.out = append(w.out, reason{r, pointer, line})
}

func (p *Proof) tolerates(r string) bool {
	for _, t := range p.Tolerate {
		if r == t || strings.HasPrefix(r, t+".") {
			return true
		}
	}
	return false
}

// proof adds the reasons of one proof. spared: what is missing refuses nobody;
// dead: neither does a dead token.
func (w *reasonWalk) proof(p *Proof, security, spared, dead bool) {
	give := func(r string, b *RequestBind) {
		if !p.tolerates(r) {
			w.give(r, b.Pointer, b.Line)
		}
	}
	for i, b := range p.binds() {
		required := i < len(p.Binds) && !spared
		if len(b.Alts) == 0 || b.Alts[0].Kind != FindToken {
			continue
		}
		w.token(p, b, required && (security || b.At.In != InBody && b.At.In != InPath && b.At.In != InQuery), dead, give)
	}
	for i, b := range p.binds() {
		required := i < len(p.Binds) && !spared
		if len(b.Alts) == 0 {
			continue
		}
		t := b.Alts[0]
		if required && (b.At.In == InBasicUser || b.At.In == InBasicPassword || b.At.In == InHeader && t.Kind == FindRecord) {
			role := ""
			if t.Role != "" {
				role = "." + t.Role
			}
			give("credentials.missing"+role, b)
		}
		if t.Kind == Compare && b.Else != "" {
			give(b.Else, b)
		}
	}
	w.records(p, give)
	for _, e := range p.Each {
		for role := range e.Finds {
			w.give("record.unknown."+role, e.Pointer, e.Line)
		}
	}
	for _, a := range p.Also {
		w.proof(a, security, spared || a.Optional, dead)
	}
}

func (w *reasonWalk) token(p *Proof, b *RequestBind, required, dead bool, give func(string, *RequestBind)) {
	c := w.k.c
	if required {
		give("token.missing."+b.Alts[0].Token, b)
		give("token.missing.empty."+b.Alts[0].Token, b)
	}
	accepted := 0
	for _, t := range b.Alts {
		if t.Kind == FindToken {
			accepted++
		}
	}
	for _, t := range b.Alts {
		kind := c.Token(t.Token)
		if t.Kind != FindToken || kind == nil {
			continue
		}
		if !dead {
			for _, what := range w.k.deaths(kind, accepted) {
				give("token."+what+"."+kind.Name, b)
			}
			if len(p.Same) > 0 && len(w.op.Accepts)+len(w.op.Security) > 0 {
				give("token.mismatch."+kind.Name, b)
			}
		}
		if p.SameNone {
			continue
		}
		for _, f := range c.Session.Facts {
			if r := c.Record(f.Record); r != nil {
				w.known[f.Name] = true
				w.kinds = append(w.kinds, needed{r, p})
			}
		}
	}
}

// deaths lists what can be wrong with a token of a kind.
func (k *checker) deaths(t *TokenKind, accepted int) []string {
	out := []string{"malformed", "unknown"}
	for _, f := range t.Forms {
		if f.JWT != nil {
			out = append(out, "forged")
			break
		}
	}
	if len(k.c.Tokens) > accepted {
		out = append(out, "wrong-kind")
	}
	ends, revoked := t.Idle != nil || ending(t.Lifetime), false
	for _, x := range t.Caps {
		ends = ends || ending(x)
	}
	for _, op := range k.c.Operations {
		for _, i := range op.Issues {
			ends = ends || i.Token == t && ending(i.Lifetime)
		}
		revoked = revoked || len(op.Ends) > 0
	}
	if ends {
		out = append(out, "expired")
	}
	if revoked {
		out = append(out, "revoked")
	}
	if t.Once {
		out = append(out, "consumed")
	}
	if t.Limit != nil && t.Limit.Replace {
		out = append(out, "replaced")
	}
	return out
}

// ending reports whether a lifetime may be an end.
func ending(x *Expr) bool {
	if x == nil {
		return false
	}
	s := strings.TrimSpace(x.Src)
	return s != "never" && s != "nil" && s != "null"
}

// records adds the reasons of what a proof looks up, role by role.
func (w *reasonWalk) records(p *Proof, give func(string, *RequestBind)) {
	groups := map[string][]*RequestBind{}
	var order []string
	for _, b := range p.binds() {
		if len(b.Alts) == 0 || b.Alts[0].Kind != FindRecord && b.Alts[0].Kind != FindSession {
			continue
		}
		role := b.Alts[0].Role
		if groups[role] == nil {
			order = append(order, role)
		}
		groups[role] = append(groups[role], b)
	}
	for _, role := range order {
		w.group(p, role, groups[role], give)
	}
}

func (w *reasonWalk) group(p *Proof, role string, binds []*RequestBind, give func(string, *RequestBind)) {
	secret := slices.ContainsFunc(binds, func(b *RequestBind) bool { return b.Alts[0].Secret })
	or := func(b *RequestBind, r string) string {
		if b.Else != "" {
			return b.Else
		}
		return r
	}
	unknown := "record.unknown." + role
	if secret {
		unknown = "credentials.unknown." + role
	}
	finder := binds[0]
	for _, b := range binds {
		if !b.Alts[0].Secret {
			finder = b
			break
		}
	}
	for _, b := range binds {
		switch {
		case !b.Alts[0].Secret, b == finder && !w.known[role]:
			give(or(b, unknown), b)
		default:
			give(or(b, "credentials.wrong."+role), b)
		}
	}
	kind := w.k.c.Record(binds[0].Alts[0].Record)
	if kind == nil || !secret || w.known[role] {
		return
	}
	if kind.Locks != nil {
		give("credentials.locked."+role, finder)
	}
	w.kinds = append(w.kinds, needed{kind, p})
}

// needs adds the conditions of the kinds of record that were proven.
func (w *reasonWalk) needs() {
	for _, n := range w.kinds {
		for _, need := range n.kind.Needs {
			if !n.p.tolerates(need.Else) {
				w.give(need.Else, need.That.Pointer, need.That.Line)
			}
		}
	}
}
