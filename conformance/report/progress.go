package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/mockauth/mockauth/conformance"
)

// everyCases is after how many cases a log that is not a terminal says how far
// the run is, so that nobody takes it for dead.
const everyCases = 100

// redraws is how often at least a live display is drawn in a run. Each time is
// some 2 KB, which is felt over a slow line.
const redraws = 200

// Progress shows a run while it goes on: on a terminal a line for each operation,
// redrawn; elsewhere a line for each case that fails, and one now and then. It
// may be told of verdicts by several goroutines.
//
// It asks no clock: what it says of time is the sum of what cases took.
type Progress struct {
	// Of is how many cases each operation has, by operationId, if that is known.
	// It is set before Start, or never.
	Of map[string]int

	mu    sync.Mutex
	w     io.Writer
	style Style
	total int
	done  int
	// failed is how many of the done fail the run, untested how many of these only
	// because they could not be tested.
	failed, untested int
	// said is why cases could not be tested; a log says it once.
	said  map[string]bool
	lanes map[string]*lane
	// recent are the operations, the one that was told of last at the end.
	recent []string
	drawn  int // lines that stand on the screen and will be redrawn
}

// lane is one operation.
type lane struct {
	name    string
	place   int // in the order in which the operations began
	done    int
	failed  int
	seconds float64
	marks   []conformance.Status
}

// NewProgress makes a Progress that writes to w.
func NewProgress(w io.Writer, s Style) *Progress {
	return &Progress{w: w, style: s.bounded(), lanes: map[string]*lane{}}
}

// Start says what begins. head is a Result without verdicts, total the number of
// cases that will be told of.
func (p *Progress) Start(head *conformance.Result, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := legal(head)
	p.total = total
	if aboutClient(r) {
		fmt.Fprintf(p.w, "%s, held to %s, %s\n", or(shown(r.Target), "the client"), name(r), plural(total, "case", "cases"))
		return
	}
	fmt.Fprintf(p.w, "%s at %s, %s\n", name(r), or(shown(r.Target), "the target"), plural(total, "case", "cases"))
}

// Verdict tells of one case that is done.
func (p *Progress) Verdict(v conformance.Verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if fails(v.Status) {
		p.failed++
	}
	if v.Status == conformance.NotTestable {
		p.untested++
	}
	p.note(v)
	if p.style.Live {
		if often := max(p.total/redraws, 1); p.done%often == 0 || fails(v.Status) {
			p.redraw(p.style.Height - 2)
		}
		return
	}
	if fails(v.Status) && !p.repeats(v) {
		fmt.Fprintf(p.w, "%s %s  %s\n", p.style.paint(hue(v.Status), symbol(v.Status)), shown(v.ID), Line(v))
	}
	if p.done%everyCases == 0 && p.done < p.total {
		fmt.Fprintf(p.w, "  %s\n", p.far())
	}
}

// repeats reports whether a case could not be tested for a reason that was said
// already: one that stands in the way of a hundred is read once, and the end says
// how many there are.
func (p *Progress) repeats(v conformance.Verdict) bool {
	if v.Status != conformance.NotTestable || v.Why == "" {
		return false
	}
	if p.said[v.Why] {
		return true
	}
	if p.said == nil {
		p.said = map[string]bool{}
	}
	p.said[v.Why] = true
	return false
}

// Done ends the display. What follows starts on a line of its own.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.style.Live {
		p.redraw(max(p.style.Height-2, 40))
		p.drawn = 0
	}
	fmt.Fprintln(p.w)
}

// far says how far the run is.
func (p *Progress) far() string {
	s := fmt.Sprintf("%s of %s", grouped(p.done), plural(max(p.total, p.done), "case", "cases"))
	failed, untested := p.failed-p.untested, grouped(p.untested)+" not testable"
	if p.style.Live && p.style.Width < 60 {
		failed, untested = p.failed, "" // there is room for one number
	}
	if failed > 0 {
		s += ", " + p.style.paint(red, grouped(failed)+" failed")
	}
	if p.untested > 0 && untested != "" {
		s += ", " + p.style.paint(hue(conformance.NotTestable), untested)
	}
	return s
}

func (p *Progress) note(v conformance.Verdict) {
	l := p.lanes[v.Operation]
	if l == nil {
		l = &lane{name: or(shown(v.Operation), "others"), place: len(p.lanes)}
		p.lanes[v.Operation] = l
	}
	l.done++
	l.seconds += max(v.Seconds, 0)
	if fails(v.Status) {
		l.failed++
	}
	l.marks = append(l.marks, v.Status)
	if len(l.marks) > p.style.Width {
		l.marks = l.marks[1:]
	}
	if n := len(p.recent); n > 0 && p.recent[n-1] == v.Operation {
		return
	}
	p.recent = slices.DeleteFunc(p.recent, func(s string) bool { return s == v.Operation })
	p.recent = append(p.recent, v.Operation)
}

// redraw draws at most height lines over those that were drawn before. Where
// there are more operations, those that were not told of for the longest time
// share one line.
func (p *Progress) redraw(height int) {
	height = max(height-1, 3) // the last line says how far the run is
	visible := slices.Clone(p.recent)
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.drawn)
	}
	b.WriteString("\r\x1b[J")
	lines := 0
	if hidden := len(visible) - height; hidden > 0 {
		hidden++ // the line that they share
		done, failed := 0, 0
		for _, op := range visible[:hidden] {
			done += p.lanes[op].done
			failed += p.lanes[op].failed
		}
		s := fmt.Sprintf("%s, %s", plural(hidden, "operation", "operations"), plural(done, "case", "cases"))
		if failed > 0 {
			s += ", " + p.style.paint(red, grouped(failed)+" failed")
		}
		fmt.Fprintf(&b, "  … %s\n", s)
		lines++
		visible = visible[hidden:]
	}
	slices.SortFunc(visible, func(a, b string) int { return p.lanes[a].place - p.lanes[b].place })
	width := 0
	for _, op := range visible {
		width = max(width, min(utf8.RuneCountInString(p.lanes[op].name), p.style.Width/3))
	}
	for _, op := range visible {
		b.WriteString(p.lane(op, width) + "\n")
		lines++
	}
	fmt.Fprintf(&b, "  %s\n", p.far())
	p.drawn = lines + 1
	fmt.Fprint(p.w, b.String())
}

// lane is the line of one operation, no wider than the terminal: a line that
// wraps cannot be redrawn.
func (p *Progress) lane(op string, width int) string {
	l := p.lanes[op]
	count := grouped(l.done)
	if of := p.Of[op]; of >= l.done {
		count += "/" + grouped(of)
	}
	tail := fmt.Sprintf("%9s %8s", count, duration(l.seconds))
	room := p.style.Width - 6 - width - utf8.RuneCountInString(tail)
	if room < 8 { // a narrow terminal: the number says more than the time
		tail = count
		room = max(p.style.Width-6-width-utf8.RuneCountInString(tail), 2)
	}
	marks, more := l.marks, ""
	if len(marks) > room {
		marks, more = marks[len(marks)-room+1:], "…"
	}
	var b strings.Builder
	b.WriteString(more)
	for i := 0; i < len(marks); {
		j := i
		for j < len(marks) && marks[j] == marks[i] {
			j++
		}
		sign := symbol(marks[i])
		if marks[i] == conformance.Passed {
			sign = "●"
		}
		b.WriteString(p.style.paint(hue(marks[i]), strings.Repeat(sign, j-i)))
		i = j
	}
	fill := strings.Repeat(" ", room-len(marks)-utf8.RuneCountInString(more))
	return "  " + pad(clip(l.name, width), width) + "  " + b.String() + fill + " " + p.style.paint(dim, tail)
}
