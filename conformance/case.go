package conformance

import "time"

// Case is one thing to check: steps that bring a state about, and a last one
// that is judged.
type Case struct {
	Info
	// Excluded is why the target's capabilities or budgets leave it out, or "".
	Excluded string
	// Unplanned is why no request is known that would bring it about, and what
	// would help, or "". Nothing is sent then: it is not testable.
	Unplanned string
	// Wrong is how many wrong passwords it sends, Sessions how many sessions it
	// opens, Requests how many requests it sends, Wait how much time must pass
	// in it.
	Wrong, Sessions, Requests int
	Wait                      time.Duration

	steps []*step
	// stems number what is done up to each step but the last, where others do the same
	// and it is worth keeping; 0: it is not. root is what they begin with: settings.
	stems    []int
	root     int
	settings map[string]any // over the target's
	links    []link
	// reads are the exchanges whose answers are compared with each other.
	twin bool
}
