package specs

import (
	"github.com/mockauth/mockauth/internal/value"
)

// tokens checks that each kind of token is issued, handed out and accepted.
func (k *checker) tokens() {
	for _, t := range k.c.Tokens {
		at := "/x-session/tokens" + value.Pointer(t.Name)
		issued, readable := k.handedOut(t)
		switch {
		case !issued:
			k.add(nil, "token-never-issued", at, 0, "add it to issues of the operation that hands it out, or remove it", "no operation issues the token %s", t.Name)
		case !readable:
			k.add(nil, "token-unreadable", at, 0, "bind it in an answer of an operation that issues it: /…: $"+t.Name+", $response.cookie.…, or $response.header.…", "the token %s is issued, and no answer hands it out", t.Name)
		}
		if !k.accepted(t) {
			k.add(nil, "token-never-accepted", at, 0, "bind it in the x-session of a security scheme that an operation uses, or in accepts", "no operation accepts the token %s", t.Name)
		}
		if l := t.Limit; l != nil {
			if f, ok := k.c.Session.Fact(l.Of); !ok || f.Record == "" {
				var names []string
				for _, f := range k.c.Session.Facts {
					if f.Record != "" {
						names = append(names, f.Name)
					}
				}
				k.add(nil, "dangling-reference", at+"/limit/of", 0, didYouMean(l.Of, names), "limit of %s: session.holds has no record %q", t.Name, l.Of)
			}
		}
	}
	for _, op := range k.c.Operations {
		if len(op.Issues) > 0 && len(op.Opens) == 0 && !op.hasSession() {
			k.add(op, "missing-word", op.Pointer+"/x-session/issues", 0, "add opens: [{with: {…}}], or accept a token, whose session it is then", "the operation %s issues tokens, and there is no session they could belong to", op.ID)
		}
	}
}

// hasSession reports whether a proof of the operation can show a session.
func (o *Operation) hasSession() bool {
	found := o.Resumes != nil
	o.proofs(func(p *Proof, _ bool) {
		for _, b := range p.binds() {
			for _, t := range b.Alts {
				found = found || t.Kind == FindToken && !p.SameNone || t.Kind == FindSession
			}
		}
	})
	return found
}

func (k *checker) accepted(t *TokenKind) bool {
	found := false
	for _, op := range k.c.Operations {
		op.proofs(func(p *Proof, _ bool) {
			for _, b := range p.binds() {
				for _, a := range b.Alts {
					found = found || a.Kind == FindToken && a.Token == t.Name
				}
			}
		})
	}
	return found
}

// handedOut reports whether a token is issued, and whether an answer of an
// operation that issues it says its value.
func (k *checker) handedOut(t *TokenKind) (issued, readable bool) {
	for _, op := range k.c.Operations {
		own := false
		for _, i := range op.Issues {
			own = own || i.Token == t
		}
		if !own {
			continue
		}
		issued = true
		e := k.in(op)
		for _, a := range op.Answers {
			if e.writes(a.Binds, t.Name) || a.Example != nil && e.exampleWrites(a.Example, t.Name) {
				return true, true
			}
		}
	}
	return issued, false
}

func (e *scopes) exampleWrites(ex *Example, kind string) bool {
	if e.writes(ex.Binds, kind) {
		return true
	}
	for _, each := range ex.Each {
		if e.writes(each.Binds, kind) || e.mentions(each.In, kind) {
			return true
		}
	}
	return false
}

// writes reports whether a value of the answer is made of a token of a kind: by
// itself, as a member of session or record, or through a let.
func (e *scopes) writes(binds []*AnswerBind, kind string) bool {
	for _, b := range binds {
		for _, r := range b.Value.Refs() {
			if r.Root == kind && (len(r.Path) == 0 || r.Path[0] == "value") {
				return true
			}
			for i, m := range r.Path {
				if m == kind && (i == len(r.Path)-1 || r.Path[i+1] == "value") {
					return true
				}
			}
			if l := e.let(r.Root); l != nil && e.mentions(l.Expr, kind) {
				return true
			}
		}
	}
	return false
}
