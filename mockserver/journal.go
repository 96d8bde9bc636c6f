package mockserver

import (
	"net/http"
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
	Outcome     string        `json:"outcome,omitempty"`   // name of the answer, or reason of the refusal
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
	URL     string      `json:"url,omitempty"` // as sent, with query
	Status  int         `json:"status,omitempty"`
	Headers http.Header `json:"headers"`
	Body    string      `json:"body,omitempty"` // the first 16 KiB
	Size    int         `json:"size"`           // of the body, in bytes
}

// Journal is the last exchanges of a world, oldest first. It keeps the 1,000
// youngest unless Options say otherwise.
type Journal struct {
	mu    sync.Mutex
	max   int
	ring  []*entry
	start int
	next  int // number of the next exchange, minus 1
}

// entry is an exchange as it was, with what must be masked when it is read. It
// is masked then and not when it happens, since most are never read.
type entry struct {
	Exchange
	system         *system
	sent, answered []byte   // the bodies; Exchange has them as text once it is shown
	secrets        []string // of this exchange: sent or issued
	hidden         []string // those in the body that are written in it in other letters
	unread         bool     // the body was not decoded, so that nobody knows what it holds

	once  sync.Once // guards shown
	shown Exchange
}

const maxJournalBody = 16 << 10

func newJournal(limit int) *Journal { return &Journal{max: limit} }

// number reserves the number of an exchange.
func (j *Journal) number() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.next++
	return j.next
}

func (j *Journal) add(e *entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.ring) < j.max {
		j.ring = append(j.ring, e)
		return
	}
	if j.max == 0 {
		return
	}
	j.ring[j.start] = e
	j.start = (j.start + 1) % j.max
}

func (j *Journal) entries() []*entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]*entry, 0, len(j.ring))
	for i := range j.ring {
		out = append(out, j.ring[(j.start+i)%len(j.ring)])
	}
	return out
}

func (j *Journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ring, j.start, j.next = nil, 0, 0
}
