package mockserver

import (
	"sync"
	"time"
)

// Clock is the time of one world. It runs with the machine's clock until it is
// frozen; advancing moves it, running or frozen. Nothing waits for it: whatever
// is due at an instant has happened when the next request is decided, so
// Advance returns at once.
type Clock struct {
	mu     sync.Mutex
	wall   func() time.Time
	offset time.Duration
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
	return c.wall().Add(c.offset).UTC()
}

// Advance moves the clock by d; a negative d moves it back, which real clocks
// do as well.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen != nil {
		t := c.frozen.Add(d)
		c.frozen = &t
		return t
	}
	c.offset += d
	return c.now()
}

// Freeze stops the clock at t.
func (c *Clock) Freeze(t time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t = t.UTC()
	c.frozen = &t
	return t
}

// Run lets the clock go on from where it is.
func (c *Clock) Run() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen != nil {
		c.offset = c.frozen.Sub(c.wall())
		c.frozen = nil
	}
	return c.now()
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
	c.offset, c.frozen = 0, nil
}
