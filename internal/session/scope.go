package session

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// scope gives the names of a contract their meaning at one moment of one
// request. It implements specs.Scope.
type scope struct {
	m   *Machine
	tx  Tx
	now time.Time
	req *Request
	// number is that of the exchange.
	number int
	op     *specs.Operation

	roles     named[any] // *Record, []any of them, or *Session
	presented tokens     // one of a kind
	issued    tokens     // minted by this request
	opened    named[*Session]
	session   *Session // in force
	resumed   bool
	failure   *Failure
	self      *Token // inside tokens
	local     map[string]any
	needing   *Record // whose kind's conditions are checked; nil: none's
	computing []*specs.Let
	untold    *untold // nil: everything is told
}

// named are a few things by name. A scope has so few of a kind that looking at
// each costs less than a map.
type named[T any] []entry[T]

type entry[T any] struct {
	name  string
	thing T
}

func (l named[T]) get(name string) (thing T, ok bool) {
	for i := range l {
		if l[i].name == name {
			return l[i].thing, true
		}
	}
	return thing, false
}

func (l *named[T]) set(name string, thing T) {
	for i := range *l {
		if (*l)[i].name == name {
			(*l)[i].thing = thing
			return
		}
	}
	if *l == nil {
		*l = make(named[T], 0, 2)
	}
	*l = append(*l, entry[T]{name, thing})
}

// tokens are a few tokens, the youngest last.
type tokens []*Token

// youngest is the last one of a kind; nil: there is none.
func (l tokens) youngest(kind string) *Token {
	for _, t := range slices.Backward(l) {
		if t.Kind.Name == kind {
			return t
		}
	}
	return nil
}

// record returns the record that a role stands for; nil if there is none, or if
// it is no record.
func (s *scope) record(role string) *Record {
	x, _ := s.roles.get(role)
	r, _ := x.(*Record)
	return r
}

func (s *scope) setRole(name string, x any) { s.roles.set(name, x) }

type (
	settingsHandle struct{}
	requestHandle  struct{}
	partHandle     specs.Part
	hrefHandle     struct{}
)

func lookup(v any, tokens []string) (any, bool) { return value.Lookup(v, tokens) }

// Root implements specs.Scope.
func (s *scope) Root(name string) any {
	switch name {
	case "settings":
		return settingsHandle{}
	case "request":
		return requestHandle{}
	case "now":
		return s.now
	case "base":
		return s.req.Base
	case "href":
		return hrefHandle{}
	case "session":
		return sessionOrNil(s.sessionInForce())
	case "token":
		if s.self != nil {
			return s.self
		}
		return nil
	case "failure":
		if s.failure != nil {
			return s.failure
		}
		return nil
	case "never":
		return specs.Never
	case "absent":
		return specs.Absent
	}
	if v, ok := s.local[name]; ok {
		return v
	}
	if s.needing != nil && name == s.needing.Kind.Name {
		return s.needing
	}
	if s.self != nil {
		if f, ok := s.m.Contract.Session.Fact(name); ok {
			return s.fact(s.self.Facts, f)
		}
	}
	if v, ok := s.roles.get(name); ok {
		return v
	}
	if o, ok := s.opened.get(name); ok {
		return sessionOrNil(o)
	}
	if k := s.m.Contract.Token(name); k != nil {
		return tokenOrNil(s.token(name))
	}
	return s.let(name)
}

func sessionOrNil(x *Session) any {
	if x == nil {
		return nil
	}
	return x
}

func tokenOrNil(x *Token) any {
	if x == nil {
		return nil
	}
	return x
}

func recordOrNil(x *Record) any {
	if x == nil {
		return nil
	}
	return x
}

func (s *scope) sessionInForce() *Session {
	if s.self != nil {
		if x := s.tx.Session(s.self.Session); x != nil {
			return x
		}
	}
	return s.session
}

// token returns the token of a kind that the request speaks of: minted by it,
// presented by it, or the youngest live one of the session in force.
func (s *scope) token(kind string) *Token {
	if s.self != nil && s.self.Kind.Name == kind {
		return s.self
	}
	if !s.resumed {
		if t := cmp.Or(s.issued.youngest(kind), s.presented.youngest(kind)); t != nil {
			return t
		}
	}
	return s.youngest(s.sessionInForce(), kind)
}

func (s *scope) youngest(x *Session, kind string) *Token {
	if x == nil {
		return nil
	}
	for i := len(x.Tokens) - 1; i >= 0; i-- {
		if t := s.tx.Token(x.Tokens[i]); t != nil && t.Kind.Name == kind && s.dead(t) == "" {
			return t
		}
	}
	return nil
}

// dead returns why a token is dead now, without the kind: "expired", …; "" if
// it lives.
func (s *scope) dead(t *Token) string {
	switch t.State {
	case Revoked:
		return "revoked"
	case Replaced:
		return "replaced"
	case Consumed:
		return "consumed"
	}
	if x := s.tx.Session(t.Session); x != nil && x.Ended {
		return "revoked"
	}
	if end := t.End(); !end.IsZero() && !s.now.Before(end) {
		if t.Forget > 0 && !s.now.Before(end.Add(t.Forget)) {
			return "unknown"
		}
		return "expired"
	}
	return ""
}

// alive reports whether a session still has a live token. A session that was
// never given one lives until it is ended.
func (s *scope) alive(x *Session) bool {
	if x == nil || x.Ended {
		return false
	}
	if len(x.Tokens) == 0 {
		return true
	}
	for _, text := range x.Tokens {
		if t := s.tx.Token(text); t != nil && s.dead(t) == "" {
			return true
		}
	}
	return false
}

// let computes a name that the contract gives to an expression. One that needs
// itself has no value.
func (s *scope) let(name string) any {
	l := s.letCalled(name)
	if l == nil || slices.Contains(s.computing, l) {
		return nil
	}
	if s.computing == nil {
		s.computing = make([]*specs.Let, 0, 4)
	}
	s.computing = append(s.computing, l)
	defer func() { s.computing = s.computing[:len(s.computing)-1] }()
	v, err := l.Expr.Eval(s)
	if err != nil {
		return nil
	}
	return v
}

// letCalled looks in the operation first, then in the contract; the last of a
// name counts.
func (s *scope) letCalled(name string) *specs.Let {
	if s.op != nil {
		for _, l := range slices.Backward(s.op.Lets) {
			if l.Name == name {
				return l
			}
		}
	}
	for _, l := range slices.Backward(s.m.Contract.Lets) {
		if l.Name == name {
			return l
		}
	}
	return nil
}

func (s *scope) fact(facts map[string]any, f specs.Fact) any {
	v := facts[f.Name]
	if v == (unknownFact{}) {
		s.untold.add("session", f.Name)
		return nil
	}
	if f.Record == "" || v == nil {
		return v
	}
	key, ok := v.(string)
	if !ok {
		return nil
	}
	return recordOrNil(s.tx.Record(f.Record, key))
}

// Member implements specs.Scope.
func (s *scope) Member(x any, name string) any {
	switch x := x.(type) {
	case *Record:
		return s.recordMember(x, name)
	case *Session:
		return s.sessionMember(x, name)
	case *Token:
		return s.tokenMember(x, name)
	case settingsHandle:
		return s.m.Settings[name]
	case requestHandle:
		return s.requestMember(name)
	case partHandle:
		v, _ := s.req.Value(specs.Location{In: specs.Part(x), Name: name})
		return v
	case hrefHandle:
		op := s.m.Contract.Operation(name)
		if op == nil {
			return nil
		}
		path := op.Path
		for k, v := range s.req.PathParams {
			path = strings.ReplaceAll(path, "{"+k+"}", v)
		}
		return s.req.Base + path
	case *Failure:
		switch name {
		case "reason":
			return x.Reason
		case "field":
			return x.Field
		case "value":
			return x.Value
		}
		return nil
	}
	return specs.PlainMember(x, name)
}

func (s *scope) recordMember(r *Record, name string) any {
	f, ok := r.Kind.Fields[name]
	if !ok {
		if name == "sessions" {
			var out []any
			for _, id := range s.tx.SessionsOf(r.Kind.Name, r.Key) {
				if x := s.tx.Session(id); s.alive(x) {
					out = append(out, x)
				}
			}
			return out
		}
		return tokenOrNil(s.limited(r, name))
	}
	v, told := r.Fields[name]
	if !told && !r.Made {
		s.untold.add(r.Kind.Name, name)
	}
	if f.Refers == "" || v == nil {
		return v
	}
	if !f.Many {
		key, ok := value.Text(v)
		if !ok {
			return nil
		}
		other := s.tx.Record(f.Refers, key)
		if other == nil {
			s.untold.add(r.Kind.Name, name)
		}
		return recordOrNil(other)
	}
	list, _ := v.([]any)
	out := make([]any, 0, len(list))
	for _, e := range list {
		if key, ok := value.Text(e); ok {
			if other := s.tx.Record(f.Refers, key); other != nil {
				out = append(out, other)
			} else {
				s.untold.add(r.Kind.Name, name)
			}
		}
	}
	return out
}

// limited returns the live token of a kind that is limited by this record.
func (s *scope) limited(r *Record, kind string) *Token {
	k := s.m.Contract.Token(kind)
	if k == nil || k.Limit == nil {
		return nil
	}
	list := s.tx.Limited(kind, ownerKey(r.Kind.Name, r.Key))
	for i := len(list) - 1; i >= 0; i-- {
		if t := s.tx.Token(list[i]); t != nil && s.dead(t) == "" {
			return t
		}
	}
	return nil
}

func (s *scope) sessionMember(x *Session, name string) any {
	switch name {
	case "id":
		return x.ID
	case "opened":
		return x.Opened
	case "used":
		return x.Used
	case "alive":
		return s.alive(x)
	case "over":
		if x.Over == "" {
			return nil
		}
		return sessionOrNil(s.tx.Session(x.Over))
	}
	if f, ok := s.m.Contract.Session.Fact(name); ok {
		return s.fact(x.Facts, f)
	}
	if s.m.Contract.Token(name) != nil {
		return tokenOrNil(s.youngest(x, name))
	}
	return nil
}

// tokenID is the id of a token. A kind without a schema for it has one only if
// somebody asks, which few contracts do: while it is minted a new one, later one
// that follows from its text, so that asking changes nothing.
func (s *scope) tokenID(t *Token) string {
	switch {
	case t.ID != "":
		return t.ID
	case t.Text == "":
		t.ID = uuid(s.m.Rand)
		return t.ID
	}
	sum := sha256.Sum256([]byte(t.Text))
	return uuid(rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))) //nolint:gosec // a name, no secret
}

func (s *scope) tokenMember(t *Token, name string) any {
	switch name {
	case "value":
		return t.Value
	case "id":
		return s.tokenID(t)
	case "issued":
		return t.Issued
	case "expires":
		if t.Expires.IsZero() {
			return nil
		}
		return t.Expires
	case "live":
		return s.dead(t) == ""
	case "kind":
		return t.Kind.Name
	case "session":
		return sessionOrNil(s.tx.Session(t.Session))
	}
	if f, ok := s.m.Contract.Session.Fact(name); ok {
		return s.fact(t.Facts, f)
	}
	return nil
}

func (s *scope) requestMember(name string) any {
	switch name {
	case "method":
		return s.req.Method
	case "path":
		return partHandle(specs.InPath)
	case "query":
		return partHandle(specs.InQuery)
	case "header":
		return partHandle(specs.InHeader)
	case "cookie":
		return partHandle(specs.InCookie)
	case "body":
		if s.req.HasBody {
			return s.req.Body
		}
	}
	return nil
}

// Request implements specs.Scope.
func (s *scope) Request(l specs.Location) any {
	v, ok := s.req.Value(l)
	if !ok {
		return nil
	}
	return v
}

// with returns a scope in which token is t and its facts are the roles.
func (s *scope) with(t *Token) *scope {
	inner := *s
	inner.self = t
	inner.computing = nil
	return &inner
}
