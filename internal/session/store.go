package session

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// Record is one account, application, key, … of a world. A Record is never
// changed once it is stored: a change stores a new one.
type Record struct {
	Kind   *specs.RecordKind
	Key    string
	Fields map[string]any

	// Made: a request made it, so that what it lacks it does not have.
	Made bool
	// KeyMade: its key was made up here, and no answer told it.
	KeyMade     bool
	Wrong       int       // wrong secrets in a row
	LockedUntil time.Time // zero: not locked; Forever: until reset
	Note        string
	// Guessed: a checker does not know the key, and made one up.
	Guessed bool
}

// Forever is the end of a lock that only a reset opens.
func Forever() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

// Session is what a login opened. Facts hold the key of a record, or a value.
type Session struct {
	ID     string
	Facts  map[string]any // never changed in place: tokens share it as it was at issue
	Opened time.Time
	Used   time.Time
	Over   string // id of the session below, or ""
	Ended  bool
	By     int // number of the exchange that opened it
	EndBy  int
	Tokens []string // texts of its tokens, oldest first
	Held   []string // the records in Facts as kind/key, for SessionsOf
	// Guessed: a checker does not know the id, and made one up.
	Guessed bool
}

// State is why a token is dead, apart from time.
type State int

// The states of a token.
const (
	Live State = iota
	Revoked
	Consumed
	Replaced
)

// Token is one issued token.
type Token struct {
	Kind    *specs.TokenKind
	Text    string // as sent
	Value   any    // as answered: string or json.Number
	ID      string // made when first asked for, unless the kind has a schema for it
	Session string
	Facts   map[string]any // of the session, as at issue
	Issued  time.Time
	Expires time.Time // zero: never
	Idle    time.Duration
	Forget  time.Duration // 0: never
	Used    time.Time
	State   State
	By      int // number of the exchange that issued it
	EndBy   int // number of the exchange that ended it
	JWT     bool
	// Guessed: a checker does not know its text, and made one up.
	Guessed bool
}

// TokenValue makes a Token a specs.Valuer.
func (t *Token) TokenValue() any { return t.Value }

// Handle makes a Token a specs.Handle.
func (t *Token) Handle() {}

// Handle makes a Session a specs.Handle.
func (s *Session) Handle() {}

// Handle makes a Record a specs.Handle.
func (r *Record) Handle() {}

// End is the instant from which the token is dead by time; zero: never. A JWT
// counts in whole seconds, as its claims do.
func (t *Token) End() time.Time {
	end := t.Expires
	if t.JWT && !end.IsZero() {
		end = end.Truncate(time.Second)
	}
	if t.Idle > 0 {
		if idle := t.Used.Add(t.Idle); end.IsZero() || idle.Before(end) {
			end = idle
		}
	}
	return end
}

// Store holds the state of one world. Update runs f alone: nothing else reads
// or writes the state meanwhile, which is what makes every race decided once.
// The in-memory store is Memory; a shared one may hold it for replicas, which
// is why everything in it refers to others by id and not by pointer.
type Store interface {
	Update(f func(Tx))
	// Clone returns a store of its own in the same state.
	Clone() Store
}

// Tx is the state while f of Update runs.
type Tx interface {
	Record(kind, key string) *Record
	// FindRecord returns the record of the kind whose field has that text, the
	// first in the order of the demo world; nil if there is none.
	FindRecord(kind *specs.RecordKind, field, text string) *Record
	Records(kind string) []*Record
	PutRecord(r *Record)

	Session(id string) *Session
	PutSession(s *Session)
	// SessionsOf returns the ids of sessions that hold the record, oldest first.
	SessionsOf(kind, key string) []string

	Token(text string) *Token
	PutToken(t *Token)
	// Limited returns the texts of tokens of a kind with a limit, for one owner.
	Limited(kind, owner string) []string
	SetLimited(kind, owner string, texts []string)
	// Begin marks the state that Rollback brings back; both in one Update.
	Begin()
	Rollback()
	// EachSession calls f for every session that is remembered, live or not, in
	// no order.
	EachSession(f func(*Session))
}

// Seed is the demo world of a contract: records and their indexes, shared by
// all worlds and never changed.
type Seed struct {
	kinds map[string]*seedKind
}

type seedKind struct {
	list  []*Record
	byKey map[string]*Record
	index map[string]map[string]*Record // field → text → record
}

// NewSeed makes a Seed of records; their order is kept.
func NewSeed(c *specs.Contract, records []*Record) *Seed {
	s := &Seed{kinds: map[string]*seedKind{}}
	for _, k := range c.Records {
		sk := &seedKind{byKey: map[string]*Record{}, index: map[string]map[string]*Record{}}
		for f := range k.Indexed {
			sk.index[f] = map[string]*Record{}
		}
		s.kinds[k.Name] = sk
	}
	for _, r := range records {
		sk := s.kinds[r.Kind.Name]
		sk.list = append(sk.list, r)
		if _, dup := sk.byKey[r.Key]; !dup {
			sk.byKey[r.Key] = r
		}
		for f, m := range sk.index {
			if t, ok := fieldText(r, f); ok {
				if _, dup := m[t]; !dup {
					m[t] = r
				}
			}
		}
	}
	return s
}

// Records returns the seed's records of one kind, in order.
func (s *Seed) Records(kind string) []*Record {
	if k := s.kinds[kind]; k != nil {
		return k.list
	}
	return nil
}

func fieldText(r *Record, field string) (string, bool) {
	v, ok := r.Fields[field]
	if !ok || v == nil {
		return "", false
	}
	return value.Text(v)
}

// Memory is a Store in memory. Its zero value is not usable; see NewMemory.
type Memory struct {
	mu sync.Mutex
	memory
}

type memory struct {
	seed     *Seed
	changed  map[string]map[string]*Record // kind → key → changed or new record
	added    map[string][]string           // kind → keys of new records, in order
	fields   map[string]map[string]string  // kind and indexed field → text → key of a changed record
	sessions map[string]*Session
	byRecord map[string][]string // kind/key → session ids
	tokens   map[string]*Token
	queue    []string // texts of tokens, oldest first: what goes when there are too many
	limited  map[string][]string
	changes  []change // since Begin, to be taken back
	shared   bool     // with a clone: none of the maps may be changed, see own
}

// change is what a Put replaced: one of the four, nil where there was nothing.
type change struct {
	kind, key string // of a record, or of a limit
	record    *Record
	id        string // of a session
	session   *Session
	text      string // of a token
	token     *Token
	limited   []string
	isLimit   bool
}

func (m *memory) Begin() { m.changes = m.changes[:0] }

// Rollback takes the changes since Begin back, the last first.
func (m *memory) Rollback() {
	changes := m.changes
	m.changes = nil
	for i := len(changes) - 1; i >= 0; i-- {
		c := changes[i]
		switch {
		case c.isLimit:
			m.limited[c.key] = c.limited
		case c.text != "":
			if c.token != nil {
				m.tokens[c.text] = c.token
				continue
			}
			delete(m.tokens, c.text)
			m.queue = m.queue[:len(m.queue)-1]
		case c.id != "":
			if c.session != nil {
				m.sessions[c.id] = c.session
				continue
			}
			for _, owner := range m.sessions[c.id].Held {
				ids := m.byRecord[owner]
				m.byRecord[owner] = ids[:len(ids)-1]
			}
			delete(m.sessions, c.id)
		default:
			now := m.changed[c.kind][c.key]
			m.unindex(now, c.record)
			delete(m.changed[c.kind], c.key)
			switch {
			case c.record != nil:
				m.changed[c.kind][c.key] = c.record
				m.reindex(c.record)
			case m.Record(c.kind, c.key) == nil: // it was made
				m.added[c.kind] = m.added[c.kind][:len(m.added[c.kind])-1]
			}
		}
	}
}

// MaxTokens bounds the tokens that a world remembers. Beyond it the oldest are
// forgotten, dead or not, and with its last token a session: a million logins
// are some 0.8 GiB.
const MaxTokens = 1_000_000

// NewMemory returns an empty world over a seed.
func NewMemory(seed *Seed) *Memory {
	return &Memory{memory: memory{seed: seed}}
}

// Clone implements Store; see Fork.
func (m *Memory) Clone() Store { return m.Fork() }

// Fork returns a world of its own in the same state. Records, sessions and
// tokens are never changed once they are stored, so both share them, and what
// holds them until one of the two changes.
func (m *Memory) Fork() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shared = true
	c := &Memory{memory: m.memory}
	c.queue, c.changes = slices.Clip(m.queue), nil
	return c
}

// own makes maps of its own of those that are shared. It comes before every change.
func (m *memory) own() {
	if !m.shared {
		return
	}
	m.shared = false
	m.changed, m.added, m.fields = cloneEach(m.changed, maps.Clone), cloneEach(m.added, slices.Clip), cloneEach(m.fields, maps.Clone)
	m.byRecord = cloneEach(m.byRecord, slices.Clip)
	m.sessions, m.tokens, m.limited = maps.Clone(m.sessions), maps.Clone(m.tokens), maps.Clone(m.limited)
}

// cloneEach clones a map and each of its values; nil stays nil.
func cloneEach[V any](m map[string]V, clone func(V) V) map[string]V {
	out := maps.Clone(m)
	for k, v := range out {
		out[k] = clone(v)
	}
	return out
}

// Update runs f alone.
func (m *Memory) Update(f func(Tx)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.memory)
}

func (m *memory) Record(kind, key string) *Record {
	if r, ok := m.changed[kind][key]; ok {
		return r
	}
	if k := m.seed.kinds[kind]; k != nil {
		return k.byKey[key]
	}
	return nil
}

func (m *memory) FindRecord(kind *specs.RecordKind, field, text string) *Record {
	k := m.seed.kinds[kind.Name]
	first := k.index[field][text]
	if first != nil {
		now, over := m.changed[kind.Name][first.Key]
		if !over {
			return first
		}
		if t, ok := fieldText(now, field); ok && t == text {
			return now
		}
	}
	if key, ok := m.fields[kind.Name+" "+field][text]; ok {
		return m.changed[kind.Name][key]
	}
	if first != nil { // it has another text now, but it was not the only one
		for _, r := range m.Records(kind.Name) {
			if t, ok := fieldText(r, field); ok && t == text {
				return r
			}
		}
	}
	return nil
}

func (m *memory) Records(kind string) []*Record {
	if len(m.changed[kind]) == 0 {
		return slices.Clip(m.seed.Records(kind))
	}
	var out []*Record
	for _, r := range m.seed.Records(kind) {
		out = append(out, m.Record(kind, r.Key))
	}
	for _, key := range m.added[kind] {
		out = append(out, m.changed[kind][key])
	}
	return out
}

func (m *memory) PutRecord(r *Record) {
	m.own()
	kind := r.Kind.Name
	if m.changed == nil {
		m.changed, m.added, m.fields = map[string]map[string]*Record{}, map[string][]string{}, map[string]map[string]string{}
	}
	if m.changed[kind] == nil {
		m.changed[kind] = map[string]*Record{}
	}
	if m.Record(kind, r.Key) == nil {
		m.added[kind] = append(m.added[kind], r.Key)
	}
	old := m.changed[kind][r.Key]
	m.changes = append(m.changes, change{kind: kind, key: r.Key, record: old})
	m.changed[kind][r.Key] = r
	if old != nil {
		m.unindex(old, r)
	}
	m.reindex(r)
}

// unindex takes a changed record out of the index of changed ones, but for the
// texts that it keeps as next (nil: none). Another one that has the text takes
// its place.
func (m *memory) unindex(r, next *Record) {
	for f := range r.Kind.Indexed {
		t, ok := fieldText(r, f)
		if next != nil {
			if n, same := fieldText(next, f); same && n == t {
				continue
			}
		}
		at := r.Kind.Name + " " + f
		if !ok || m.fields[at][t] != r.Key {
			continue
		}
		delete(m.fields[at], t)
		for key, other := range m.changed[r.Kind.Name] {
			if key == r.Key {
				continue
			}
			if o, ok := fieldText(other, f); ok && o == t {
				m.point(at, t, key)
			}
		}
	}
}

func (m *memory) reindex(r *Record) {
	for f := range r.Kind.Indexed {
		if t, ok := fieldText(r, f); ok {
			m.point(r.Kind.Name+" "+f, t, r.Key)
		}
	}
}

// point lets a text find a changed record. Of several that have it the one with
// the least key is found, whatever the order in which they changed.
func (m *memory) point(at, text, key string) {
	if m.fields[at] == nil {
		m.fields[at] = map[string]string{}
	}
	if old, ok := m.fields[at][text]; !ok || key < old {
		m.fields[at][text] = key
	}
}

func (m *memory) Session(id string) *Session { return m.sessions[id] }

func (m *memory) PutSession(s *Session) {
	m.own()
	if m.sessions == nil {
		m.sessions, m.byRecord = map[string]*Session{}, map[string][]string{}
	}
	m.changes = append(m.changes, change{id: s.ID, session: m.sessions[s.ID]})
	if m.sessions[s.ID] == nil {
		for _, owner := range s.Held {
			m.index(owner, s.ID)
		}
	}
	m.sessions[s.ID] = s
}

func ownerKey(kind, key string) string { return kind + "/" + key }

func (m *memory) SessionsOf(kind, key string) []string { return m.byRecord[ownerKey(kind, key)] }

func (m *memory) index(k, session string) {
	ids := m.byRecord[k]
	// Ended sessions leave the index when it has doubled: no scan ever grows.
	if len(ids) >= 16 && len(ids)&(len(ids)-1) == 0 {
		live := ids[:0:0]
		for _, id := range ids {
			if s := m.sessions[id]; s != nil && !s.Ended {
				live = append(live, id)
			}
		}
		ids = live
	}
	m.byRecord[k] = append(ids, session)
}

func (m *memory) Token(text string) *Token { return m.tokens[text] }

func (m *memory) PutToken(t *Token) {
	m.own()
	if m.tokens == nil {
		m.tokens = map[string]*Token{}
	}
	m.changes = append(m.changes, change{text: t.Text, token: m.tokens[t.Text]})
	if m.tokens[t.Text] == nil {
		m.queue = append(m.queue, t.Text)
		if len(m.queue) > MaxTokens {
			if old := m.tokens[m.queue[0]]; old != nil {
				m.drop(old)
			}
			m.queue = m.queue[1:]
		}
	}
	m.tokens[t.Text] = t
}

// drop forgets a token, and its session if that was the last one.
func (m *memory) drop(t *Token) {
	delete(m.tokens, t.Text)
	s := m.sessions[t.Session]
	if s == nil {
		return
	}
	for _, text := range s.Tokens {
		if m.tokens[text] != nil {
			return
		}
	}
	delete(m.sessions, s.ID) // and s stays as it is: a clone may have it, too
}

func (m *memory) Limited(kind, owner string) []string { return m.limited[kind+" "+owner] }

func (m *memory) SetLimited(kind, owner string, texts []string) {
	m.own()
	if m.limited == nil {
		m.limited = map[string][]string{}
	}
	key := kind + " " + owner
	m.changes = append(m.changes, change{isLimit: true, key: key, limited: m.limited[key]})
	m.limited[key] = texts
}

func (m *memory) EachSession(f func(*Session)) {
	for _, x := range m.sessions {
		f(x)
	}
}

// NewRecord makes a record of the demo world. Its fields must fit the schema.
func NewRecord(kind *specs.RecordKind, fields map[string]any, note string) *Record {
	key, _ := value.Text(fields[kind.Key])
	return &Record{Kind: kind, Key: key, Fields: fields, Note: note}
}
