package session

import (
	"crypto/rsa"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/textproto"
	"time"

	"github.com/mockauth/mockauth/specs"
)

// Machine is the rules of one contract with the settings of one world. It
// holds no state of its own: that is in the Store. Use it inside Store.Update.
type Machine struct {
	Contract *specs.Contract
	Settings map[string]any // typed as specs.Setting.Default
	Rand     *rand.Rand     // mints ids and tokens; used inside Store.Update only
	// Keys is shared by the machines of a contract; nil: keys are read anew.
	Keys *Keys
	// Sham: RSA signatures are replaced by something that costs nothing, for a
	// state that is only thought through and whose tokens are never sent.
	Sham bool
	// Partial: records may lack fields that they have, see Bound.Known.
	Partial bool
	// Twist replaces Decide, for servers that deviate on purpose; nil: none. See
	// Twist.
	Twist Twist

	key     *rsa.PrivateKey // the last that was read; used inside Store.Update only
	keyText string
	shared  map[string]map[string]any // see share; used inside Store.Update only
}

// Fork is a machine like this one for a state of its own: the two may be used at
// once, each in its own Store.Update. This one must not be used meanwhile.
func (m *Machine) Fork(r *rand.Rand) *Machine {
	c := *m
	c.Rand, c.shared = r, nil
	return &c
}

// Twist decides in the place of a Machine's Decide. m is a copy without a Twist,
// whose Settings it may replace, so that m.Decide says what would be right. It
// runs in the Store.Update of the request, and may change the state there.
type Twist func(m *Machine, op *specs.Operation, req *Request, at Moment) *Decision

// Settings returns the values of a contract's settings under a profile (or
// several joined by +; empty: the default) with overrides on top. The error
// names the setting or profile and what would work.
func Settings(c *specs.Contract, profile string, overrides map[string]any) (map[string]any, error) {
	out := map[string]any{}
	for _, s := range c.Settings {
		out[s.Name] = s.Default
	}
	set, err := c.ProfileSettings(profile)
	if err != nil {
		return nil, err
	}
	maps.Copy(out, set)
	for k, v := range overrides {
		s := c.Setting(k)
		if s == nil {
			return nil, fmt.Errorf("%s has no setting %q; %s", c.Name, k, specs.DidYouMean(k, settingNames(c)))
		}
		typed, err := s.Parse(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		out[k] = typed
	}
	return out, nil
}

func settingNames(c *specs.Contract) []string {
	names := make([]string, len(c.Settings))
	for i, s := range c.Settings {
		names[i] = s.Name
	}
	return names
}

// Request is what the machine must know of a request.
type Request struct {
	Method     string
	PathParams map[string]string
	Query      map[string][]string
	Header     map[string][]string // names in canonical form
	Cookies    map[string][]string
	Bearer     *string
	BasicUser  *string
	BasicPass  string
	Body       any // plain; nil: no body
	HasBody    bool
	// Fault is what decoding and schema found, to be answered in its turn: after
	// the tokens that security schemes carry.
	Fault *Failure
	// Base is scheme, host and base path as the client sees them, without a slash
	// at the end.
	Base string
}

// Value reads a location of the request; it reports false if nothing is there.
func (r *Request) Value(l specs.Location) (v any, present bool) {
	if l.In == specs.InBody {
		if !r.HasBody {
			return nil, false
		}
		v, ok := lookup(r.Body, l.Tokens)
		return v, ok && v != nil
	}
	if s, ok := r.text(&l); ok {
		return s, true
	}
	return nil, false
}

// has reports whether something is at a location, and whether it is an empty text.
func (r *Request) has(l *specs.Location) (present, empty bool) {
	if l.In == specs.InBody {
		v, ok := r.Value(*l)
		return ok, ok && v == ""
	}
	s, ok := r.text(l)
	return ok, ok && s == ""
}

// text reads a location that is not in the body.
func (r *Request) text(l *specs.Location) (s string, present bool) {
	first := func(list []string) (string, bool) {
		if len(list) == 0 {
			return "", false
		}
		return list[0], true
	}
	switch l.In {
	case specs.InPath:
		s, ok := r.PathParams[l.Name]
		return s, ok
	case specs.InQuery:
		return first(r.Query[l.Name])
	case specs.InHeader:
		return first(r.Header[textproto.CanonicalMIMEHeaderKey(l.Name)])
	case specs.InCookie:
		return first(r.Cookies[l.Name])
	case specs.InBearer:
		if r.Bearer != nil {
			return *r.Bearer, true
		}
	case specs.InBasicUser:
		if r.BasicUser != nil {
			return *r.BasicUser, true
		}
	case specs.InBasicPassword:
		if r.BasicUser != nil {
			return r.BasicPass, true
		}
	case specs.InBody:
	}
	return "", false
}

// Failure is a refusal: the reason, and what was wrong in plain words.
type Failure struct {
	Reason string
	Field  string // member or parameter
	Value  string // what was sent there; never a secret
	Why    string // one sentence: what was wrong, and what would work
	Token  *specs.TokenKind
	// Violations are all the places that break the schema.
	Violations []Violation
	// wrong is the record whose secret was wrong: its counter goes up.
	wrong *Record
	// What it rests on, see Cause and Dead.
	need  *specs.Need
	proof *specs.Proof
	dead  *Token
}

// Violation is one place of a request that breaks its schema.
type Violation struct {
	Pointer string `json:"pointer"`         // into the body; or "in name" of a parameter
	Message string `json:"message"`         // what is wanted
	Where   string `json:"where,omitempty"` // "query q" for a parameter
}

// Opened is a session to open.
type Opened struct {
	As      string
	Session *Session
	Over    *Session
}

// Issued is a token to mint.
type Issued struct {
	Kind  *specs.TokenKind
	Issue *specs.Issue
}

// Decision is what a request means in a state: an answer or a failure, and the
// effects. Nothing of it has happened until Apply.
type Decision struct {
	Op      *specs.Operation
	Answer  *specs.Answer
	Failure *Failure

	Consume []*Token
	Touch   []*Token
	Ends    []any // *Session or *Token
	Opens   []*Opened
	Creates []*Record
	Sets    []setRecord
	Facts   map[string]any // changed facts of the session in force; nil: none
	Issue   []*Issued
	Resume  *Session
	Proven  []*Record // whose counters of wrong secrets go back to 0

	Notes []string // conditions that could not be decided, and the like

	scope   scope
	needOf  []neededRecord
	refused *refusal       // what the contract answers to Failure, once looked up
	proofs  []*specs.Proof // complete ones
	learnt  *Learnt        // nil: everything is minted
	looked  bool           // for refused
	below   bool           // the session that is issued for lies below another: no answer tells its tokens
	watch   bool           // Render says what is bound
}

type setRecord struct {
	record *Record
	fields map[string]any // nil: not worked out yet, see settle
	set    *specs.Set
}

// Outcome is how the decision is called in headers and journal: the name of
// the answer's example (or its status), or the reason of the failure.
func (d *Decision) Outcome() string {
	switch {
	case d.Failure != nil:
		return d.Failure.Reason
	case d.Answer == nil:
		return "none"
	case d.Answer.Example != nil:
		return d.Answer.Example.Name
	}
	return d.Answer.Status.Src
}

func (d *Decision) note(undecided string) {
	if undecided != "" {
		d.Notes = append(d.Notes, undecided)
	}
}

// Moment is the instant and the transaction in which a request is decided.
type Moment struct {
	Now    time.Time
	Tx     Tx
	Number int // of the exchange, for the journal
}
