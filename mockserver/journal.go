package mockserver

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Exchange is one request and its answer, with what was decided and why. The
// secrets in it are masked.
type Exchange struct {
	Number      int           `json:"number"`
	Time        time.Time     `json:"time"` // of the world
	World       string        `json:"world"`
	System      string        `json:"system,omitempty"`
	Operation   string        `json:"operation,omitempty"` // operationId
	Outcome     string        `json:"outcome,omitempty"`   // name of the answer, or reason of the refusal; none where a fault came before
	Fault       string        `json:"fault,omitempty"`     // what was done to it on purpose; several are joined by +
	Why         string        `json:"why,omitempty"`
	ClientError string        `json:"clientError,omitempty"`
	From        []string      `json:"from,omitempty"` // JSON pointers into the contract: the answer, or the entries of failures, that this came from
	Notes       []string      `json:"notes,omitempty"`
	Took        time.Duration `json:"tookNanoseconds"`
	Request     Message       `json:"request"`
	Response    Message       `json:"response"`
}

// Message is one side of an Exchange.
type Message struct {
	Method  string      `json:"method,omitempty"`
	URL     string      `json:"url,omitempty"`    // as sent, with query
	Status  int         `json:"status,omitempty"` // 0: no answer was written
	Headers http.Header `json:"headers"`
	Body    string      `json:"body,omitempty"` // the first 16 KiB
	Size    int         `json:"size"`           // of the body, in bytes
}

// Journal is the last exchanges of a world, oldest first. It keeps the 1,000
// youngest unless Options say otherwise, and of these no more than have 8 MiB of
// headers and bodies together.
type Journal struct {
	mu      sync.Mutex
	max     int
	kept    []*entry // those before first have gone
	first   int
	bytes   int
	numbers int // of the last exchange
}

// entry is an exchange as it was, with what must be masked when it is read. It
// is masked then and not when it happens, since most are never read.
type entry struct {
	Exchange
	system         *system
	sent, answered []byte   // the bodies; Exchange has them as text once it is shown
	secrets        []string // of this exchange: sent or issued
	hidden         []string // those in the body that are written in it in other letters
	held           int      // bytes
	unread         bool     // the body was not decoded, so that nobody knows what it holds

	once  sync.Once // guards shown
	shown *Exchange
}

const (
	maxJournalBody  = 16 << 10 // of one body
	maxJournalBytes = 8 << 20  // of all
)

// size is about what the entry holds on to.
func (e *entry) size() int {
	n := len(e.sent) + len(e.answered) + len(e.Request.URL)
	for _, h := range []http.Header{e.Request.Headers, e.Response.Headers} {
		for name, list := range h {
			n += len(name)
			for _, v := range list {
				n += len(v)
			}
		}
	}
	return n
}

func newJournal(limit int) *Journal { return &Journal{max: limit} }

// number reserves the number of an exchange.
func (j *Journal) number() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.numbers++
	return j.numbers
}

func (j *Journal) add(e *entry) {
	e.held = e.size()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kept = append(j.kept, e)
	j.bytes += e.held
	for len(j.kept)-j.first > j.max || j.bytes > maxJournalBytes {
		j.bytes -= j.kept[j.first].held
		j.kept[j.first] = nil
		j.first++
	}
	if j.first > len(j.kept)/2 {
		j.kept = append(j.kept[:0:0], j.kept[j.first:]...)
		j.first = 0
	}
}

func (j *Journal) entries() []*entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.kept[j.first:])
}

// last is the number of the last exchange.
func (j *Journal) last() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.numbers
}

// resetTo empties the journal; numbers go on after last.
func (j *Journal) resetTo(last int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kept, j.first, j.bytes, j.numbers = nil, 0, 0, last
}
