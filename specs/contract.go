package specs

import (
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/schema"
)

// Contract is one loaded and compiled document.
type Contract struct {
	Name        string // of the system: the folder's or file's name
	Title       string
	Version     string // info.version
	Description string
	Doc         *document.Document
	Schemas     *schema.Set

	// BasePaths are the path parts of the servers, each "" or "/a/b" without a
	// slash at the end. Servers that differ only in the host are one.
	BasePaths []string

	Sources        map[string]string
	Settings       []*Setting
	Profiles       []*Profile
	DefaultProfile string
	Records        []*RecordKind
	Session        SessionKind
	Tokens         []*TokenKind
	Cookies        map[string]*Cookie
	Lets           []*Let
	Failures       FailureTable
	Envelope       Envelope
	Media          *Expr
	CORS           *CORS
	Undeclared     string // "ignore" or "refuse"
	Schemes        map[string]*Scheme
	Examples       map[string]*Example
	Operations     []*Operation

	settings map[string]*Setting
	records  map[string]*RecordKind
	tokens   map[string]*TokenKind
	ops      map[string]*Operation
	codecs   map[string]Codec
}

// Setting returns the setting called name, or nil.
func (c *Contract) Setting(name string) *Setting { return c.settings[name] }

// Record returns the kind of record called name, or nil.
func (c *Contract) Record(name string) *RecordKind { return c.records[name] }

// Token returns the kind of token called name, or nil.
func (c *Contract) Token(name string) *TokenKind { return c.tokens[name] }

// Operation returns the operation with that operationId, or nil.
func (c *Contract) Operation(id string) *Operation { return c.ops[id] }

// Level says what a fact rests on.
type Level int

// Levels, weakest first.
const (
	Inferred Level = iota
	Observed
	Documented
)

func (l Level) String() string { return [...]string{"inferred", "observed", "documented"}[l] }

// Mark is one evidence mark: `documented S1 S2`, `inferred why`.
type Mark struct {
	Level   Level
	Sources []string
	Reason  string // of an inference
}

// Evidence says what each part of a fact rests on. Whole is for all parts, or
// nil; a part that is not named is inferred.
type Evidence struct {
	Whole *Mark
	Parts map[string]Mark
}

// Part returns the mark of one part.
func (e Evidence) Part(name string) Mark {
	if m, ok := e.Parts[name]; ok {
		return m
	}
	if e.Whole != nil {
		return *e.Whole
	}
	return Mark{Level: Inferred, Reason: "no source says it"}
}

// Given reports whether there is any evidence at all.
func (e Evidence) Given() bool { return e.Whole != nil || len(e.Parts) > 0 }

// Setting is one documented or chosen parameter of the system.
type Setting struct {
	Name        string
	Type        string // boolean, integer, string, array, duration
	Default     any    // typed: bool, int, string, []any, time.Duration or nil
	Nullable    bool
	Enum        []any
	Min, Max    *int
	Secret      bool
	Description string
	Evidence    Evidence
}

// Profile is a named set of settings.
type Profile struct {
	Name        string
	Description string
	Settings    map[string]any // typed as Setting.Default
	Evidence    Evidence
}

// RecordKind is one kind of thing that a world holds.
type RecordKind struct {
	Name     string
	Schema   *schema.Node
	Pointer  string // of the schema
	Key      string
	Needs    []*Need
	Locks    *Locks
	Demo     []DemoRecord
	Fields   map[string]Field
	Order    []string // of the fields, as declared
	Indexed  map[string]bool
	Evidence Evidence
}

// Field is one property of a record.
type Field struct {
	Name   string
	Refers string // kind of the record whose key it holds, or ""
	Many   bool   // a list of keys
	Secret bool   // format: password
	Schema *schema.Node
}

// DemoRecord is one record of the demo world.
type DemoRecord struct {
	Note  string
	Value map[string]any
	Line  int
}

// Locks says when a record is locked.
type Locks struct {
	After, For *Expr
	Evidence   Evidence
}

// Need is one condition and the reason for refusing when it does not hold.
type Need struct {
	That     *Expr
	Else     string
	Why      string // one sentence for who is refused: what is wrong, and what would work
	Evidence Evidence
}

// SessionKind is what a session remembers.
type SessionKind struct {
	ID    *schema.Node // nil: a uuid
	Facts []Fact
}

// Fact is one thing a session holds: a record, or a value.
type Fact struct {
	Name   string
	Record string // kind, or ""
	Schema *schema.Node
}

// Fact returns the fact called name.
func (s SessionKind) Fact(name string) (Fact, bool) {
	for _, f := range s.Facts {
		if f.Name == name {
			return f, true
		}
	}
	return Fact{}, false
}

// TokenKind is one kind of token.
type TokenKind struct {
	Name     string
	Forms    []TokenForm // the first whose When holds
	ID       *schema.Node
	Lifetime *Expr
	Caps     []*Expr
	Idle     *Expr
	Forget   *Expr
	Once     bool
	Limit    *Limit
	Failures FailureTable
	Evidence Evidence
}

// TokenForm is how a token looks: opaque by a schema, or a JWT.
type TokenForm struct {
	When    *Expr
	Schema  *schema.Node
	Pointer string
	JWT     *JWT
}

// JWT is the form of a JSON Web Token; members are serialised in this order.
type JWT struct {
	Header, Claims []NamedValue
	Key            *Value
}

// NamedValue is one name and value, in order.
type NamedValue struct {
	Name  string
	Value *Value
}

// Limit bounds the live tokens of one record.
type Limit struct {
	Of      string // role
	Max     *Expr
	Replace bool // else refuse
}

// Cookie is the attributes of a cookie wherever it is set.
type Cookie struct {
	Name     string
	BasePath bool
	Path     string
	HTTPOnly bool
	Secure   string // "", "auto", "always"
	SameSite string
	AgeToken bool
	Age      *time.Duration
	Evidence Evidence
}

// Let is a named expression.
type Let struct {
	Name string
	Expr *Expr
}

// FailureTable holds the answers for reasons, by prefix.
type FailureTable map[string][]*FailureEntry

// FailureEntry is one answer for a reason. Status, Example and Binds that are
// not given come from shorter prefixes.
type FailureEntry struct {
	Reason   string
	When     *Expr
	Status   *Value
	Example  *Example // nil: not given
	NoBody   bool     // example: null
	Binds    []*AnswerBind
	Evidence Evidence
	Pointer  string
	Line     int
}

// Envelope is what refusals share.
type Envelope struct {
	Refused *Expr
	Codes   []Location
	Status  *Expr
	Schema  string // pointer
}

// CORS is what the system documents for cross-origin calls.
type CORS struct {
	Origins     []string
	Headers     []string
	Credentials bool
	Evidence    Evidence
}

// Scheme is a security scheme with its proof.
type Scheme struct {
	Name  string
	Proof *Proof // nil: the contract says nothing of it
}

// Proof is one way to show who is calling, or what is meant.
type Proof struct {
	As       string
	Scheme   string // name, if it came from a security scheme
	When     *Expr
	Binds    []*RequestBind // all required
	May      []*RequestBind
	Finds    map[string]string // role → kind
	Each     []*Each
	Also     []*Proof
	Optional bool
	Same     []string // roles, or "session"
	SameNone bool
	Tolerate []string
	Evidence Evidence
	Pointer  string
	Line     int
}

// TargetKind is what the right side of a request binding is.
type TargetKind int

// The kinds of target.
const (
	Compare     TargetKind = iota // with a value that is known
	FindToken                     // by its value
	FindRecord                    // by (or compared with) a field
	FindSession                   // a live session by its id
)

// RequestBind is one equation of a proof: a location and what it equals.
type RequestBind struct {
	At      Location
	Alts    []*Target // either
	Else    string    // reason of its own
	Pointer string    // where it stands
	Line    int
}

// Target is one right side of a RequestBind.
type Target struct {
	Value    *Value
	Kind     TargetKind
	Token    string // FindToken: kind
	Role     string // FindRecord, FindSession
	Record   string // FindRecord: kind of record
	Field    string // FindRecord
	Secret   bool   // FindRecord: a secret field
	Evidence Evidence
}

// Each is one lookup for every element of a list in the request.
type Each struct {
	At      Location
	Finds   map[string]string
	Binds   []*RequestBind // locations are relative to the element
	Pointer string
	Line    int
}

// Example is one Object of components.examples, with its live members.
type Example struct {
	Name  string
	Value any // ordered
	Binds []*AnswerBind
	Each  []*ExampleEach
	Line  int
}

// AnswerBind is one equation of an answer.
type AnswerBind struct {
	At    Location
	Value *Value
}

// ExampleEach makes a list of an answer.
type ExampleEach struct {
	At      Location
	In      *Expr
	As      string
	Binds   []*AnswerBind
	Pointer string
	Line    int
}

// Parameter is one declared parameter of an operation.
type Parameter struct {
	Name     string
	In       Part
	Required bool
	Schema   *schema.Node
	Pointer  string // of the schema, or ""
}

// Media is one media type of a body.
type Media struct {
	Type     string // lower case, no parameters
	Pointer  string // of the schema, or ""
	Schema   *schema.Node
	Examples []string // names
}

// Response is one documented response.
type Response struct {
	Code  string // "200", "4XX", "default"
	Media []*Media
}

// Operation is one operation and what it does to a session.
type Operation struct {
	ID          string
	Method      string
	Path        string // template, without the base path
	Summary     string
	Description string
	Pointer     string
	Line        int

	Parameters   []*Parameter
	Body         []*Media
	BodyRequired bool
	Responses    []*Response

	Security [][]*Proof // OR of ANDs; Anonymous says whether {} is among them
	// Anonymous is true if the operation works without any of Security.
	Anonymous bool

	Offered    *Expr
	Accepts    []*Proof
	Lets       []*Let
	Needs      []*Need
	Opens      []*Open
	Issues     []*Issue
	Ends       []*Effect
	Keeps      []*Effect
	Resumes    *Expr
	Sets       []*Set
	Creates    []*Create
	Answers    []*Answer
	Failures   FailureTable
	Raises     []*Raise
	Undeclared string

	Proves  []Location // where proofs read
	Secrets []Location // where a request carries secrets or tokens

	// Roles maps every role that a proof of the operation can fill to the kind
	// of record, "session" for a session.
	Roles map[string]string
}

// Response returns the documented response for a status: exact, by range, or
// default; nil if there is none.
func (o *Operation) Response(status int) *Response {
	exact := statusText(status)
	var ranged, def *Response
	for _, r := range o.Responses {
		switch {
		case r.Code == exact:
			return r
		case len(r.Code) == 3 && r.Code[0] == exact[0] && (r.Code[1:] == "XX" || r.Code[1:] == "xx"):
			ranged = r
		case r.Code == "default":
			def = r
		}
	}
	if ranged != nil {
		return ranged
	}
	return def
}

func statusText(n int) string {
	return string([]byte{byte('0' + n/100%10), byte('0' + n/10%10), byte('0' + n%10)})
}

// Open is a session that an operation opens.
type Open struct {
	As   string
	When *Expr
	Over *Expr
	With []NamedValue
}

// Issue is a token that an operation issues.
type Issue struct {
	Token    *TokenKind
	When     *Expr
	Lifetime *Expr
}

// Effect is something that ends, or is said to live on.
type Effect struct {
	What     *Expr
	When     *Expr
	Evidence Evidence
}

// Set changes a record or the session.
type Set struct {
	To       string // role, or "session"
	When     *Expr
	Values   []NamedValue
	All      *Value // values: one value whose members are taken
	Evidence Evidence
}

// Create makes a record.
type Create struct {
	Record   *RecordKind
	As       string
	When     *Expr
	Values   []NamedValue
	All      *Value
	Evidence Evidence
}

// Answer is one documented success.
type Answer struct {
	// Sample: the document says nothing of sessions here, so its own response is
	// answered: its example, or a value made from this schema.
	Sample   *schema.Node
	When     *Expr
	Status   *Value
	Example  *Example // nil: empty body
	Binds    []*AnswerBind
	Evidence Evidence
	Pointer  string
	Line     int
}

// Raise is the error key that a client raises for a reason.
type Raise struct {
	Reason   string
	Key      string
	Evidence Evidence
}

// RequestExample returns the value of the first named example of a request
// body, in order.
func (c *Contract) RequestExample(m *Media) (any, bool) {
	all := c.RequestExamples(m)
	if len(all) == 0 {
		return nil, false
	}
	return all[0].Value, true
}

// RequestExamples returns the named examples of a request body, in order. Their
// values are ordered, and the caller's own.
func (c *Contract) RequestExamples(m *Media) []NamedExample {
	if m.Pointer == "" || len(m.Examples) == 0 {
		return nil
	}
	var out []NamedExample
	examples := c.Doc.At(strings.TrimSuffix(m.Pointer, "/schema") + "/examples")
	for _, e := range document.Entries(examples) {
		n := e.Node
		if ref := document.Get(n, "$ref"); ref != nil {
			n = c.Doc.At(strings.TrimPrefix(ref.Value, "#"))
		}
		if v := document.Get(n, "value"); v != nil {
			out = append(out, NamedExample{e.Key, document.Value(v)})
		}
	}
	return out
}

// NamedExample is one documented example and its name.
type NamedExample struct {
	Name  string
	Value any
}

// ParameterExample returns the documented example of a parameter.
func (c *Contract) ParameterExample(p *Parameter) (any, bool) {
	if p.Pointer == "" {
		return nil, false
	}
	n := c.Doc.At(strings.TrimSuffix(p.Pointer, "/schema"))
	if v := document.Get(n, "example"); v != nil {
		return document.Value(v), true
	}
	for _, e := range document.Entries(document.Get(n, "examples")) {
		if v := document.Get(e.Node, "value"); v != nil {
			return document.Value(v), true
		}
	}
	if v := document.Get(c.Doc.At(p.Pointer), "example"); v != nil {
		return document.Value(v), true
	}
	return nil, false
}

// proofs calls f for every proof of an operation: what its security schemes
// and accepts say, and what stands beside each.
func (o *Operation) proofs(f func(p *Proof, security bool)) {
	var walk func(p *Proof, security bool)
	walk = func(p *Proof, security bool) {
		f(p, security)
		for _, a := range p.Also {
			walk(a, security)
		}
	}
	for _, alt := range o.Security {
		for _, p := range alt {
			walk(p, true)
		}
	}
	for _, p := range o.Accepts {
		walk(p, false)
	}
}

// binds returns the bindings of a proof, required ones first.
func (p *Proof) binds() []*RequestBind {
	return append(slices.Clone(p.Binds), p.May...)
}
