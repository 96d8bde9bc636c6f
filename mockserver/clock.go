package mockserver

import (
	"errors"
	"sync"
	"time"

	"github.com/mockauth/mockauth/internal/session"
)

// Clock is the time of one world. It runs with the machine's clock until it is
// frozen; advancing moves it, running or frozen. Nothing waits for it: whatever
// is due at an instant has happened when the next request is decided, so
// Advance returns at once.
type Clock struct {
	mu     sync.Mutex
	wall   func() time.Time
	from   time.Time // the world's time when the machine's was at
	at     time.Time // zero: the two are the same
	frozen *time.Time
}

// NewClock returns a clock that runs with wall; nil means time.Now.
func NewClock(wall func() time.Time) *Clock {
	if wall == nil {
		wall = time.Now
	}
	return &Clock{wall: wall}
}

// Now is the time of the world, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	if c.frozen != nil {
		return *c.frozen
	}
	wall := c.wall()
	if c.at.IsZero() {
		return wall.UTC()
	}
	return c.from.Add(wall.Sub(c.at))
}

// start lets the clock run from t. Not an offset is kept, which ends at 292
// years, and no monotonic time, which stands while the machine sleeps.
func (c *Clock) start(t time.Time) {
	c.from, c.at, c.frozen = t.UTC().Round(0), c.wall().Round(0), nil
}

// try does what set says, all of it or, if the world's time would leave the
// years that JSON and HTTP can write, nothing.
func (c *Clock) try(set func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, at, frozen := c.from, c.at, c.frozen
	set()
	if t := c.now(); t.Year() < 1 || !t.Before(session.Forever()) {
		c.from, c.at, c.frozen = from, at, frozen
		return errors.New("a clock goes from 0001-01-01 to 9998-12-31, and this is beyond")
	}
	return nil
}

// Advance moves the clock by d; a negative d moves it back, which real clocks
// do as well.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.advance(d)
}

func (c *Clock) advance(d time.Duration) time.Time {
	t := c.now().Add(d)
	if c.frozen != nil {
		c.frozen = &t
		return t
	}
	c.start(t)
	return t
}

// Freeze stops the clock at t.
func (c *Clock) Freeze(t time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.freeze(t)
}

func (c *Clock) freeze(t time.Time) time.Time {
	t = t.UTC()
	c.frozen = &t
	return t
}

// Run lets the clock go on from where it is.
func (c *Clock) Run() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.run()
}

func (c *Clock) run() time.Time {
	if c.frozen != nil {
		c.start(*c.frozen)
	}
	return c.now()
}

// read is Now and Frozen at one instant.
func (c *Clock) read() (now time.Time, frozen bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now(), c.frozen != nil
}

// Frozen reports whether the clock stands still.
func (c *Clock) Frozen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frozen != nil
}

// Reset lets the clock run with the machine's again.
func (c *Clock) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset()
}

func (c *Clock) reset() { c.at, c.frozen = time.Time{}, nil }
