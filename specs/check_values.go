package specs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

// placed says where a value goes, which decides what it may be.
type placed int

const (
	kept    placed = iota // in a record or a session
	written               // in a body, a header, a cookie or a claim: it must be text, a number, …
	read                  // compared with what a request carries
)

// values checks every value: that what it names exists, and that it can be
// written where it stands.
func (k *checker) values() {
	c := k.c
	all := k.everywhere()
	for _, t := range c.Tokens {
		own := all.inside(t)
		for _, f := range t.Forms {
			if f.JWT == nil {
				continue
			}
			k.named(own, f.JWT.Header, written)
			k.named(own, f.JWT.Claims, written)
			k.value(own, f.JWT.Key, written)
		}
	}
	for _, op := range c.Operations {
		e := k.in(op)
		op.proofs(func(p *Proof, _ bool) { k.proofValues(e, p) })
		for _, o := range op.Opens {
			k.named(e, o.With, kept)
		}
		for _, s := range op.Sets {
			k.set(e, s)
		}
		for _, cr := range op.Creates {
			k.named(e, cr.Values, kept)
			k.value(e, cr.All, kept)
			k.fieldNames(op, cr.Record, cr.Values)
		}
		for _, a := range op.Answers {
			k.status(e, a.Status)
			k.answerValues(e, a.Binds)
		}
	}
	k.eachFailure(func(e *scopes, f *FailureEntry) {
		k.status(e, f.Status)
		k.answerValues(e, f.Binds)
	})
	k.eachExample(func(e *scopes, ex *Example, _ []*Response) {
		k.answerValues(e, ex.Binds)
		for _, ee := range ex.Each {
			elem := shape{}
			if s := e.infer(ee.In); s.what == whatList {
				elem = *s.elem
			}
			k.answerValues(e.with(ee.As, elem), ee.Binds)
		}
	})
}

func (k *checker) proofValues(e *scopes, p *Proof) {
	for _, b := range p.binds() {
		for _, t := range b.Alts {
			if t.Kind == Compare && !k.saidByReader(e, t.Value) {
				k.value(e, t.Value, read)
			}
		}
	}
	for _, s := range p.Same {
		if _, ok := k.c.Session.Fact(s); !ok && s != "session" {
			var names []string
			for _, f := range k.c.Session.Facts {
				names = append(names, f.Name)
			}
			k.add(e.op, "unknown-name", p.Pointer+"/same", p.Line, didYouMean(s, append(names, "session", "none")), "same: session.holds has no fact %q", s)
		}
	}
}

// saidByReader reports a field that a kind of record does not have.
func (k *checker) saidByReader(e *scopes, v *Value) bool {
	if v == nil || v.Whole() == nil || len(v.Whole().Path) != 1 {
		return false
	}
	r := v.Whole()
	s, ok := e.role(r.Root)
	kind := s.record
	if !ok {
		kind = k.c.Record(r.Root)
	}
	if kind == nil {
		return false
	}
	_, has := kind.Fields[r.Path[0]]
	return !has
}

func (k *checker) set(e *scopes, s *Set) {
	k.named(e, s.Values, kept)
	k.value(e, s.All, kept)
	line, ptr := 0, e.op.Pointer+"/x-session/sets"
	if len(s.Values) > 0 {
		line, ptr = s.Values[0].Value.Line, parent(s.Values[0].Value.Pointer)
	} else if s.All != nil {
		line, ptr = s.All.Line, s.All.Pointer
	}
	if s.To == "session" {
		var facts []string
		for _, f := range k.c.Session.Facts {
			facts = append(facts, f.Name)
		}
		for _, v := range s.Values {
			if _, ok := k.c.Session.Fact(v.Name); !ok {
				k.add(e.op, "unknown-name", v.Value.Pointer, v.Value.Line, didYouMean(v.Name, facts), "session.holds has no fact %q", v.Name)
			}
		}
		return
	}
	r, ok := e.role(s.To)
	switch {
	case !ok:
		k.add(e.op, "unknown-name", ptr, line, didYouMean(s.To, append(sortedKeys(e.op.Roles), "session")), "sets: no proof of this operation fills a role %q", s.To)
	case r.what == whatRecord:
		k.fieldNames(e.op, r.record, s.Values)
	}
}

func parent(pointer string) string {
	if i := strings.LastIndexByte(pointer, '/'); i >= 0 {
		return pointer[:i]
	}
	return pointer
}

func (k *checker) fieldNames(op *Operation, r *RecordKind, values []NamedValue) {
	for _, v := range values {
		if _, ok := r.Fields[v.Name]; !ok {
			k.add(op, "unknown-name", v.Value.Pointer, v.Value.Line, didYouMean(v.Name, r.Order), "the record %s has no property %q", r.Name, v.Name)
		}
	}
}

func (k *checker) named(e *scopes, values []NamedValue, at placed) {
	for _, v := range values {
		k.value(e, v.Value, at)
	}
}

func (k *checker) answerValues(e *scopes, binds []*AnswerBind) {
	for _, b := range binds {
		at := written
		if ref := b.Value.Whole(); ref != nil && b.At.In == InBody {
			// A record or an object is cut to the schema of its place.
			if s, ok := k.refShape(e, ref); ok && (s.what == whatRecord || s.what == whatObject || s.what == whatMap || s.what == whatList) {
				at = kept
			}
		}
		k.value(e, b.Value, at)
	}
}

// status checks that a status is one.
func (k *checker) status(e *scopes, v *Value) {
	if v == nil {
		return
	}
	if len(v.Refs()) > 0 {
		k.value(e, v, written)
		return
	}
	n, err := strconv.Atoi(v.Src)
	if err != nil || n < 100 || n > 599 {
		k.add(e.op, "bad-value", v.Pointer, v.Line, "write a number from 100 to 599, or $settings.name", "%q is no HTTP status", v.Src)
	}
}

// refShape is what a reference names, before codecs; false if it names nothing.
func (k *checker) refShape(e *scopes, r *Ref) (shape, bool) {
	if r.At != nil {
		if r.At.In == InBody {
			s, bad, _ := e.at(e.body(), r.At.Tokens)
			return s, bad < 0
		}
		return text(), true
	}
	s, ok := e.root(r.Root)
	for _, m := range r.Path {
		if !ok {
			return s, false
		}
		s, ok, _ = e.member(s, m)
	}
	return s, ok
}

// value checks one value.
func (k *checker) value(e *scopes, v *Value, at placed) {
	if v == nil {
		return
	}
	e = e.about(v.Pointer)
	for _, r := range v.Refs() {
		if !k.ref(e, v, r) {
			continue
		}
		s, _ := k.refShape(e, r)
		k.coded(e, v, r, s, at)
	}
}

// ref reports a reference to what does not exist.
func (k *checker) ref(e *scopes, v *Value, r *Ref) bool {
	say := func(fix, format string, args ...any) bool {
		k.add(e.op, "unknown-name", v.Pointer, v.Line, fix, "%s: %s", v.Src, fmt.Sprintf(format, args...))
		return false
	}
	if r.At != nil {
		return k.requestRef(e, r, say)
	}
	w := &walker{e: e, report: func(_, fix, message string) { say(fix, "%s", message) }}
	s := w.identifier(r.Root)
	if w.reported {
		return false
	}
	at := r.Root
	for _, m := range r.Path {
		next, ok, names := e.member(s, m)
		if !ok {
			if names == nil {
				return say("", "%s is %s, which has no member %q", at, s, m)
			}
			return say(didYouMean(m, names), "%s has no member %q", at, m)
		}
		s, at = next, at+"."+m
	}
	return true
}

func (k *checker) requestRef(e *scopes, r *Ref, say func(fix, format string, args ...any) bool) bool {
	switch r.At.In {
	case InBody:
		body := e.body()
		if body.what == whatMap && body.fields == nil {
			return say("", "a request here has no body")
		}
		s, bad, names := e.at(body, r.At.Tokens)
		if bad >= 0 {
			fix := didYouMean(r.At.Tokens[bad], names)
			if names == nil {
				fix = value.Pointer(r.At.Tokens[:bad]...) + " is " + s.String()
			}
			return say(fix, "the request's schema has no %s", value.Pointer(r.At.Tokens[:bad+1]...))
		}
	case InPath, InQuery:
		if ok, names := e.parameter(r.At.In, r.At.Name); !ok {
			fix := "declare it among the parameters of the operation"
			if d := nearest(r.At.Name, names); d != "" {
				fix = fmt.Sprintf("did you mean %q?", d)
			}
			return say(fix, "no %s is declared as %q", partName(r.At.In), r.At.Name)
		}
	}
	return true
}

// coded follows the codecs of a reference and reports one that does not fit,
// and what cannot be written as it is.
func (k *checker) coded(e *scopes, v *Value, r *Ref, s shape, at placed) {
	say := func(fix, format string, args ...any) {
		k.add(e.op, "bad-value", v.Pointer, v.Line, fix, "%s: %s", v.Src, fmt.Sprintf(format, args...))
	}
	for _, c := range r.Codecs {
		want := ""
		switch c.Name {
		case "unix", "unixms", "iso8601", "date-time", "local", "basic-date":
			want = "time"
		case "seconds":
			want = "duration"
		case "base64", "base64url", "text":
			if s.what != whatAny && s.what != whatNil && s.what != whatScalar && s.what != whatToken || s.typ == "time" || s.typ == "duration" {
				say("give it something that is text", "the codec %s wants text, and this is %s", c.Name, s)
				return
			}
		}
		if want != "" && s.what != whatAny && s.what != whatNil && s.typ != want {
			say("give it a "+want, "the codec %s wants a %s, and this is %s", c.Name, want, s)
			return
		}
		switch c.Name {
		case "unix", "unixms", "seconds":
			s = typed("integer")
		case "text":
			s = text()
		default:
			s = text()
		}
	}
	if at != written {
		return
	}
	switch {
	case s.typ == "time":
		say("say the codec: |unix, |unixms, |iso8601, |date-time, |local or |basic-date", "a time can be written in many ways")
	case s.what == whatSession:
		say("write its id", "a session cannot be written")
	case s.what == whatRecord:
		say("write one of its fields: "+strings.Join(s.record.Order, ", "), "a record cannot be written here")
	case s.what == whatSettings || s.what == whatRequest || s.what == whatPart || s.what == whatHref || s.what == whatFailure:
		say("write one of its members", "%s cannot be written here", v.Src)
	}
}

// locations checks the left sides: that what a proof reads can be sent, and
// that what an answer fills in exists in its schema.
func (k *checker) locations() {
	for _, op := range k.c.Operations {
		e := k.in(op)
		op.proofs(func(p *Proof, security bool) {
			for _, b := range p.binds() {
				if !security {
					k.requestLocation(e, b.At, b.Pointer, b.Line)
				}
			}
			for _, each := range p.Each {
				k.requestLocation(e, each.At, each.Pointer, each.Line)
				k.eachLocations(e, each)
			}
		})
		for _, a := range op.Answers {
			k.answerLocations(e, a.Binds, k.responsesFor(op, a.Status))
		}
	}
	k.eachFailure(func(e *scopes, f *FailureEntry) {
		k.answerLocations(e, f.Binds, k.failureResponses(e, f))
	})
	k.eachExample(func(e *scopes, ex *Example, under []*Response) {
		if e.op == nil {
			under = k.anyResponses()
		} else if e.fails {
			under = append(under[:len(under):len(under)], k.envelopeResponse()...)
		}
		k.answerLocations(e, ex.Binds, under)
		for _, each := range ex.Each {
			b := &AnswerBind{At: each.At, Value: &Value{Pointer: each.Pointer, Line: each.Line}}
			s, ok := k.answerLocation(e, b, under)
			if !ok {
				continue
			}
			if s.what != whatList && s.what != whatAny {
				k.add(e.op, "bad-location", each.Pointer, each.Line, "each makes a list of copies", "%s is %s, not a list", each.At.Src, s)
				continue
			}
			elem := shape{}
			if s.elem != nil {
				elem = *s.elem
			}
			for _, b := range each.Binds {
				if b.At.In == InBody {
					k.pointerIn(e, elem, b.At, b.Value.Pointer, b.Value.Line, "an element of "+each.At.Src)
				}
			}
		}
	})
}

func (k *checker) pointerIn(e *scopes, s shape, l Location, ptr string, line int, what string) (shape, bool) {
	m, bad, names := e.at(s, l.Tokens)
	if bad < 0 {
		return m, true
	}
	fix := didYouMean(l.Tokens[bad], names)
	if names == nil {
		fix = "above it stands " + m.String()
	}
	k.add(e.op, "bad-location", ptr, line, fix, "%s: the schema of %s has no %s", l.Src, what, value.Pointer(l.Tokens[:bad+1]...))
	return m, false
}

func (k *checker) eachLocations(e *scopes, each *Each) {
	if each.At.In != InBody {
		return
	}
	s, bad, _ := e.at(e.body(), each.At.Tokens)
	if bad >= 0 || s.what == whatAny {
		return
	}
	// A list of one may be written bare (x-single), so an element is one too.
	if s.what == whatList {
		s = *s.elem
	}
	for _, b := range each.Binds {
		if b.At.In == InBody {
			k.pointerIn(e, s, b.At, b.Pointer, b.Line, "an element of "+each.At.Src)
		}
	}
}

// standardHeaders are those that OpenAPI does not let a document declare, and
// those that every client sends.
func standardHeader(name string) bool {
	switch strings.ToLower(name) {
	case "accept", "content-type", "authorization", "host", "origin", "referer", "user-agent", "accept-language", "cookie":
		return true
	}
	return false
}

func (k *checker) requestLocation(e *scopes, l Location, ptr string, line int) {
	op := e.op
	switch l.In {
	case InBody:
		body := e.body()
		if body.what == whatMap && body.fields == nil {
			k.add(op, "bad-location", ptr, line, "add a requestBody with a schema", "%s: the operation %s has no request body", l.Src, op.ID)
			return
		}
		k.pointerIn(e, body, l, ptr, line, "the request body")
		return
	case InBearer, InBasicUser, InBasicPassword:
		return
	}
	var names []string
	for _, p := range op.Parameters {
		if p.In == l.In {
			names = append(names, p.Name)
		}
	}
	if l.In == InPath {
		names = append(names, op.PathParameters()...)
	}
	for _, s := range k.c.Schemes {
		if s.Proof != nil {
			for _, b := range s.Proof.binds() {
				if b.At.In == l.In {
					names = append(names, b.At.Name)
				}
			}
		}
	}
	if l.In == InCookie {
		names = append(names, sortedKeys(k.c.Cookies)...)
	}
	for _, n := range names {
		if n == l.Name || l.In == InHeader && strings.EqualFold(n, l.Name) {
			return
		}
	}
	if l.In == InHeader && standardHeader(l.Name) {
		return
	}
	fix := "declare it among the parameters of the operation"
	if d := nearest(l.Name, names); d != "" {
		fix = fmt.Sprintf("did you mean %q?", d)
	}
	k.add(op, "bad-location", ptr, line, fix, "%s: the operation %s does not declare %s", l.Src, op.ID, l.Describe())
}

func (k *checker) answerLocations(e *scopes, binds []*AnswerBind, under []*Response) {
	for _, b := range binds {
		k.answerLocation(e, b, under)
	}
}

// answerLocation checks where an answer writes, and returns what stands there.
// under are the responses that it may be written to; nil: not known.
func (k *checker) answerLocation(e *scopes, b *AnswerBind, under []*Response) (shape, bool) {
	switch b.At.In {
	case InCookie:
		if k.c.Cookies[b.At.Name] == nil {
			k.add(e.op, "dangling-reference", b.Value.Pointer, b.Value.Line, didYouMean(b.At.Name, sortedKeys(k.c.Cookies)), "the cookie %q is not in x-session.cookies, which says its path and flags", b.At.Name)
		}
		return shape{}, true
	case InHeader:
		return shape{}, true
	}
	var nodes []*schema.Node
	empty := len(under) > 0
	for _, r := range under {
		for _, m := range r.Media {
			empty = false
			if m.Schema == nil {
				return shape{}, true
			}
			nodes = append(nodes, m.Schema)
		}
	}
	if empty {
		k.add(e.op, "bad-location", b.Value.Pointer, b.Value.Line, "add content with a schema to the response", "%s: the response %s has no body", b.At.Src, under[0].Code)
		return shape{}, false
	}
	if nodes == nil {
		return shape{}, true
	}
	return k.pointerIn(e, k.shapeOf(nodes), b.At, b.Value.Pointer, b.Value.Line, "the answer")
}

// statuses lists the values that a status may have: itself, or those of the
// setting it is; none if it cannot be told.
func (k *checker) statuses(v *Value) []int {
	if v == nil {
		return nil
	}
	if n, err := strconv.Atoi(v.Src); err == nil {
		return []int{n}
	}
	r := v.Whole()
	if r == nil || r.Root != "settings" || len(r.Path) != 1 || len(r.Codecs) > 0 {
		return nil
	}
	s := k.c.Setting(r.Path[0])
	if s == nil {
		return nil
	}
	var out []int
	for _, x := range append([]any{s.Default}, s.Enum...) {
		if n, err := strconv.Atoi(fmt.Sprint(x)); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// responsesFor lists the documented responses that a status may be answered
// with; all of them if the status cannot be told.
func (k *checker) responsesFor(op *Operation, v *Value) []*Response {
	codes := k.statuses(v)
	if codes == nil {
		return op.Responses
	}
	var out []*Response
	for _, n := range codes {
		if n < 100 || n > 599 {
			continue
		}
		if r := op.Response(n); r != nil {
			out = append(out, r)
		}
	}
	return out
}

// failureResponses lists the responses that a failure may be written to.
func (k *checker) failureResponses(e *scopes, f *FailureEntry) []*Response {
	if e.op == nil {
		return k.anyResponses()
	}
	return append(append([]*Response(nil), k.responsesFor(e.op, k.statusOf(e.op, f))...), k.envelopeResponse()...)
}

// anyResponses lists every response of the document: what is said for all
// operations must fit one of them.
func (k *checker) anyResponses() []*Response {
	out := k.envelopeResponse()
	for _, op := range k.c.Operations {
		out = append(out, op.Responses...)
	}
	return out
}

func (k *checker) envelopeResponse() []*Response {
	if k.c.Envelope.Schema == "" {
		return nil
	}
	n, ok := k.c.Schemas.Node(k.c.Envelope.Schema)
	if !ok {
		return nil
	}
	return []*Response{{Code: "default", Media: []*Media{{Schema: n, Pointer: k.c.Envelope.Schema}}}}
}
