package mockserver

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/mockauth/mockauth/specs"
)

// Fault is trouble on purpose: what goes wrong between a client and its server,
// laid on some of the calls that a world gets. What a contract documents as a
// refusal is laid with World.Fail instead.
type Fault struct {
	// System and Operation are what it is aimed at; "": any. Operation is an
	// operationId.
	System, Operation string
	// Outcome: only calls that are decided so: the name of the answer, or a reason
	// or its beginning (token fits token.expired), as in the journal; "": any. A
	// browser's preflight is met by `options` alone.
	Outcome string
	// Call is the first of the calls that fit, counted from when the fault is laid,
	// and Times how many it is done to from that one on. 0: 1; Times -1: all. A
	// hold counts as one the callers who wait for each other.
	Call, Times int
	// Do is what happens, see Faults in docs/run-a-mock.md: "reset", "drop",
	// "hang", "delay", "truncate", "answer", "redirect", "huge", "twice", "hold",
	// "alter".
	Do string
	// Status, Header and Body are those of `answer`; 0: 200. Status is that of
	// `redirect`, too; 0: 307.
	Status int
	Header map[string]string
	Body   string
	// Location of `redirect` is an absolute URL. Path and query of the request
	// follow it if it ends in a slash.
	Location string
	// Size is that of the body of `huge`, in bytes. 0: 64 MiB; at most 1 GiB.
	Size int64
	// For is how long `delay` (0: 1 s) and `hang` (0: 30 s) last, and the patience
	// of `hold` (0: 2 s), in real time; at most 5 minutes.
	For time.Duration
	// Until is how many callers of `hold` must wait before they go on. 0: 2.
	Until int
	// Release is the order in which they go on, by the order of arrival, from 1;
	// those that are not named follow as they came. Each goes on when the answer
	// to the one before is written.
	Release []int
	// At is where `hold` stops a call: "arrival", before anything is decided, or
	// "answer", when it is decided and done. "": arrival.
	At string
	// Alter is how `alter` writes the documented answer, see Alterations.
	Alter []string
}

// FaultState is a fault that is laid, and what has come of it.
type FaultState struct {
	Fault
	ID      int
	Met     int // calls that fitted
	Fired   int // those that it was done to
	Waiting int // those that wait now
	// GaveUp: fewer callers came to a hold than it waits for, so that they went on
	// as they came; Came is how many there were the last time.
	GaveUp bool
	Came   int
}

const (
	maxFaults    = 1000 // of a world
	maxWaiting   = 1000 // calls of a world that wait at once
	maxFor       = 5 * time.Minute
	maxHuge      = 1 << 30
	defaultHuge  = 64 << 20
	defaultUntil = 2
	maxFaultBody = 64 << 10
)

// The kinds of fault.
const (
	doReset    = "reset"
	doDrop     = "drop"
	doHang     = "hang"
	doDelay    = "delay"
	doTruncate = "truncate"
	doAnswer   = "answer"
	doRedirect = "redirect"
	doHuge     = "huge"
	doTwice    = "twice"
	doHold     = "hold"
	doAlter    = "alter"
)

func kindsOfFault() []string {
	return []string{doReset, doDrop, doHang, doDelay, doTruncate, doAnswer, doRedirect, doHuge, doTwice, doHold, doAlter}
}

// Where a hold stops a call.
const (
	atArrival = "arrival"
	atAnswer  = "answer"
)

// Lay lays a fault on calls that come from now on, and returns its number. An
// error names what is wrong with it and what would work.
//
// Where several faults are due at one call, hold, delay and alter are all done;
// of the others the one that was laid first.
func (w *World) Lay(f Fault) (id int, err error) {
	state, err := w.lay(f)
	return state.ID, err
}

func (w *World) lay(f Fault) (FaultState, error) {
	if err := w.checkAim(f); err != nil {
		return FaultState{}, err
	}
	if err := f.check(); err != nil {
		return FaultState{}, err
	}
	return w.faults.lay(f.filled())
}

// Faults returns the faults of the world, in the order in which they were laid.
func (w *World) Faults() []FaultState { return w.faults.states() }

// ClearFaults takes all faults back. Calls that wait go on.
func (w *World) ClearFaults() { w.faults.clear(false) }

// ClearFault takes one fault back; it reports false if there is none of that
// number. Calls that wait for it go on.
func (w *World) ClearFault(id int) bool { return w.faults.remove(id) }

// checkAim refuses systems and operations that are not served.
func (w *World) checkAim(f Fault) error {
	systems := w.server.systems
	if f.System != "" {
		sys, err := w.server.system(f.System)
		if err != nil {
			return err
		}
		systems = []*system{sys}
	}
	if f.Operation == "" {
		return nil
	}
	var names []string
	for _, sys := range systems {
		for _, op := range sys.contract.Operations {
			if op.ID == f.Operation {
				return nil
			}
			names = append(names, op.ID)
		}
	}
	who := "no system here"
	if f.System != "" {
		who = f.System
	}
	return fmt.Errorf("%s has no operation %q; %s", who, f.Operation, specs.DidYouMean(f.Operation, names))
}

// check refuses what makes no sense.
func (f *Fault) check() error {
	if f.Do == "" {
		return fmt.Errorf("say what to do: one of %s", strings.Join(kindsOfFault(), ", "))
	}
	if !slices.Contains(kindsOfFault(), f.Do) {
		return fmt.Errorf("there is no fault %q; %s", f.Do, specs.DidYouMean(f.Do, kindsOfFault()))
	}
	if err := f.fields(); err != nil {
		return err
	}
	switch {
	case f.Call < 0:
		return errors.New("call is the number of a call, from 1")
	case f.Times < -1:
		return errors.New("times is how many calls, or -1 for all")
	case f.For < 0 || f.For > maxFor:
		return fmt.Errorf("for is a duration up to %s, in real time", maxFor)
	case f.Size < 0 || f.Size > maxHuge:
		return fmt.Errorf("size is a number of bytes up to %d", maxHuge)
	}
	switch f.Do {
	case doAnswer:
		return f.checkAnswer()
	case doRedirect:
		return f.checkRedirect()
	case doHold:
		return f.checkHold()
	case doAlter:
		return f.checkAlter()
	}
	return nil
}

// fields refuses a field that the fault would pass over in silence.
func (f *Fault) fields() error {
	for _, x := range []struct {
		name  string
		given bool
		of    []string
	}{
		{"status", f.Status != 0, []string{doAnswer, doRedirect}},
		{"header", len(f.Header) > 0, []string{doAnswer}},
		{"body", f.Body != "", []string{doAnswer}},
		{"location", f.Location != "", []string{doRedirect}},
		{"size", f.Size != 0, []string{doHuge}},
		{"for", f.For != 0, []string{doDelay, doHang, doHold}},
		{"until", f.Until != 0, []string{doHold}},
		{"release", len(f.Release) > 0, []string{doHold}},
		{"at", f.At != "", []string{doHold}},
		{"alter", len(f.Alter) > 0, []string{doAlter}},
	} {
		if x.given && !slices.Contains(x.of, f.Do) {
			return fmt.Errorf("%s says nothing of %q; it belongs to %s", x.name, f.Do, strings.Join(x.of, " or "))
		}
	}
	return nil
}

func (f *Fault) checkAnswer() error {
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("status is 200 to 599, not %d", f.Status)
	}
	if len(f.Body) > maxFaultBody {
		return fmt.Errorf("the body has more than %d bytes; use huge for a large one", maxFaultBody)
	}
	for name, v := range f.Header {
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			return fmt.Errorf("%q cannot be the name of a header", name)
		case !httpguts.ValidHeaderFieldValue(v):
			return fmt.Errorf("the header %s cannot have this value: no control characters, and no line breaks", name)
		case slices.Contains([]string{"Content-Length", "Transfer-Encoding", "Trailer"}, http.CanonicalHeaderKey(name)):
			return fmt.Errorf("the header %s is written by the server; leave it out, or use truncate or huge", name)
		}
	}
	return nil
}

func (f *Fault) checkRedirect() error {
	if f.Status != 0 && !slices.Contains([]int{301, 302, 303, 307, 308}, f.Status) {
		return fmt.Errorf("the status of a redirect is 301, 302, 303, 307 or 308, not %d", f.Status)
	}
	u, err := url.Parse(f.Location)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || !httpguts.ValidHeaderFieldValue(f.Location) {
		return errors.New("location is where a redirect goes: an absolute URL such as http://127.0.0.1:4011/; if it ends in a slash, path and query of the request follow it")
	}
	return nil
}

func (f *Fault) checkHold() error {
	until := f.Until
	if until == 0 {
		until = defaultUntil
	}
	switch {
	case f.Until < 0 || f.Until > maxWaiting:
		return fmt.Errorf("until is how many callers wait, 1 to %d", maxWaiting)
	case f.At != "" && f.At != atArrival && f.At != atAnswer:
		return fmt.Errorf("at is %q or %q, not %q", atArrival, atAnswer, f.At)
	}
	for i, n := range f.Release {
		if n < 1 || n > until || slices.Contains(f.Release[:i], n) {
			return fmt.Errorf("release names callers by the order in which they came, each once, 1 to %d; %d is not one", until, n)
		}
	}
	return nil
}

func (f *Fault) checkAlter() error {
	if len(f.Alter) == 0 {
		return fmt.Errorf("alter says how the answer is written: one or more of %s", strings.Join(Alterations(), ", "))
	}
	for _, a := range f.Alter {
		if !slices.Contains(Alterations(), a) {
			return fmt.Errorf("there is no way %q to alter an answer; %s", a, specs.DidYouMean(a, Alterations()))
		}
	}
	return checkAlterations(f.Alter)
}

// filled is the fault with its defaults, sharing nothing with what was given.
func (f *Fault) filled() Fault {
	c := *f
	c.fill()
	return c
}

func (f *Fault) fill() {
	f.Header, f.Release, f.Alter = maps.Clone(f.Header), slices.Clone(f.Release), slices.Clone(f.Alter)
	def := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	def(&f.Call, 1)
	def(&f.Times, 1)
	switch f.Do {
	case doAnswer:
		def(&f.Status, http.StatusOK)
	case doRedirect:
		def(&f.Status, http.StatusTemporaryRedirect)
	case doHuge:
		if f.Size == 0 {
			f.Size = defaultHuge
		}
	case doHold:
		def(&f.Until, defaultUntil)
		if f.At == "" {
			f.At = atArrival
		}
	}
	if f.For == 0 {
		f.For = map[string]time.Duration{doDelay: time.Second, doHang: 30 * time.Second, doHold: 2 * time.Second}[f.Do]
	}
}

// fits reports whether the fault is aimed at such a call, whatever its outcome.
func (f *Fault) fits(system, operation string) bool {
	return (f.System == "" || f.System == system) && (f.Operation == "" || f.Operation == operation)
}

// fitsOutcome reports whether it is aimed at calls that are decided so.
func (f *Fault) fitsOutcome(outcome string) bool {
	return outcome == f.Outcome || strings.HasPrefix(outcome, f.Outcome+".")
}

// early reports whether the fault stops calls before they are decided.
func (f *Fault) early() bool { return f.Do == doHold && f.At == atArrival }

// beside reports whether the fault is done beside others.
func (f *Fault) beside() bool { return f.Do == doHold || f.Do == doDelay || f.Do == doAlter }

// instead reports whether the fault comes in the place of the request's effects.
func (f *Fault) instead() bool {
	return slices.Contains([]string{doReset, doHang, doAnswer, doRedirect, doHuge}, f.Do)
}
