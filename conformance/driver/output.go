package driver

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"
)

// output collects what a client writes: the first bytes of it, and the last.
type output struct {
	mu   sync.Mutex
	head []byte
	tail []byte // of what came after the head
	left bool   // something between them
}

// What is kept of the output of one task.
const (
	mostHead = 4 << 20
	mostTail = 64 << 10
)

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(p)
	room := min(mostHead-len(o.head), n)
	o.head, p = append(o.head, p[:room]...), p[room:]
	o.tail = append(o.tail, p...)
	if more := len(o.tail) - mostTail; more > 0 {
		o.left = true
		o.tail = append(o.tail[:0], o.tail[more:]...)
	}
	return n, nil
}

func (o *output) peek() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text()
}

func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := o.text()
	o.head, o.tail, o.left = nil, nil, false
	return text
}

func (o *output) text() string {
	text := string(bytes.ToValidUTF8(o.head, nil))
	if o.left {
		text += "\n…\n"
	}
	return text + string(bytes.ToValidUTF8(o.tail, nil))
}

// tap reads what a process writes, as it comes.
type tap struct {
	r     *os.File
	to    *output
	asked chan chan struct{}
	done  chan struct{} // closed when no more will come
}

func newTap(r *os.File) *tap {
	t := &tap{r: r, to: &output{}, asked: make(chan chan struct{}, 1), done: make(chan struct{})}
	go t.run()
	return t
}

func (t *tap) run() {
	defer close(t.done)
	b := make([]byte, 32<<10)
	for {
		n, err := t.r.Read(b)
		_, _ = t.to.Write(b[:n])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded): // see sync
			_ = t.r.SetReadDeadline(time.Time{})
			waiting(t.r, t.to)
			select {
			case here := <-t.asked:
				close(here)
			default:
			}
		case err != nil:
			return
		}
	}
}

// sync waits until all that was written before it has been read. Without it, a
// secret on stderr would be found a case too late: its reader is another one
// than that of the answers.
func (t *tap) sync() {
	here := make(chan struct{})
	select {
	case t.asked <- here:
	default:
		return
	}
	patience := time.Second
	if err := t.r.SetReadDeadline(time.Now()); err != nil { // closed, or none of this here
		patience = 20 * time.Millisecond
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-here:
		return
	case <-t.done:
	case <-late.C:
	}
	select {
	case <-t.asked:
	default:
	}
}

// lastLine is the last thing of an output, to be put behind a message.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	if text == "" {
		return ""
	}
	return ": " + clip(text)
}

// clip is a line for a message.
func clip(s string) string {
	cut := ""
	if len(s) > 300 {
		s, cut = s[:300], "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "")) + cut
}
