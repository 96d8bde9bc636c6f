package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Client is a client library in Go: adapt yours to it, mostly in three lines.
// Its methods may be called by several goroutines at once. ctx ends somewhat
// before the task's deadline, so that a client that obeys it comes back in time.
//
// What a driver would say in error.code, error.http and error.login, an error
// says by being, or wrapping, an *Error, or by having the methods Code() string,
// HTTPStatus() int and LoginRequired() bool. A *SkipError says that the library
// cannot do this at all.
type Client interface {
	// Login begins a session.
	Login(ctx context.Context, account Account) error
	// Call makes any documented call that needs the session and changes nothing.
	Call(ctx context.Context) error
	// Logout ends the session.
	Logout(ctx context.Context) error
}

// Refresher is a Client that can be told to renew its session.
type Refresher interface {
	Refresh(ctx context.Context) error
}

// Resumer is a Client that can take a session over by a token that was kept.
type Resumer interface {
	Resume(ctx context.Context, token string) error
}

// SkipError is what a Client returns for what its library cannot do. It is no
// failure.
type SkipError struct {
	Why   string
	Issue string // URL of a ticket, or ""
}

func (e *SkipError) Error() string { return e.Why }

// Local starts drivers of a client library in this process. begin makes a client
// for a task; what it logs belongs into log, which is searched for secrets. A
// Client that has Close() error, or CloseIdleConnections(), is told when the next
// one takes its place.
//
// about.Does must name Renew and Resume if the clients are Refreshers and
// Resumers: nobody asks for what is not named there.
func Local(about About, begin func(t *Task, log io.Writer) (Client, error)) Start {
	return func(context.Context) (Driver, error) {
		return &local{about: about, begin: begin, wrote: &output{}}, nil
	}
}

type local struct {
	about  About
	begin  func(*Task, io.Writer) (Client, error)
	wrote  *output
	client Client // no goroutine but that of Run and Close looks at it
	dead   *DeadError
}

func (d *local) About() About { return d.about }

// outcome is what came of a task, and the client that it was done with.
type outcome struct {
	report *Report
	client Client
}

// Run does a task. A client that does not come back when ctx ends is left alone,
// and the driver is dead.
func (d *local) Run(ctx context.Context, t *Task) (*Report, error) {
	if d.dead != nil {
		return nil, d.dead
	}
	client := d.client
	if t.New && client != nil {
		d.client = nil
		shut(client)
		client = nil
	}
	done := make(chan outcome, 1)
	go func() {
		o := outcome{client: client}
		defer func() {
			if p := recover(); p != nil {
				o.report = &Report{Errored: &Reason{Message: fmt.Sprintf("no client could be made: it panics: %v", p)}}
			} else if o.report == nil { // t.FailNow, runtime.Goexit
				o.report = &Report{Errored: &Reason{Message: "the client ended the goroutine that it was called by, as t.FailNow does: it must return an error"}}
			}
			done <- o
		}()
		o.report = d.run(ctx, t, &o.client)
	}()
	select {
	case o := <-done:
		d.client = o.client
		return o.report, nil
	case <-ctx.Done():
		d.dead = &DeadError{Silent: true, Why: "the client did not come back in time"}
		return nil, d.dead
	}
}

func (d *local) run(ctx context.Context, t *Task, client *Client) *Report {
	if *client == nil {
		c, err := d.begin(t, d.wrote)
		switch {
		case err != nil:
			return &Report{Errored: &Reason{Message: "no client could be made: " + err.Error()}}
		case c == nil:
			return &Report{Errored: &Reason{Message: "no client could be made: it is nil, and there is no error"}}
		}
		*client = c
	}
	out := &Report{Steps: []StepResult{}}
	for i, s := range t.Steps {
		bounded, cancel := early(ctx, len(t.Steps)-i)
		r, skipped := several(bounded, *client, t, s)
		cancel()
		if skipped != nil {
			return &Report{Skipped: &Reason{Message: skipped.Why, Issue: skipped.Issue}}
		}
		out.Steps = append(out.Steps, r)
	}
	return out
}

// early ends somewhat before ctx does, and leaves time for the other steps.
func early(ctx context.Context, steps int) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(end)*85/100/time.Duration(steps))
}

// several does a step as often as it says, at once.
func several(ctx context.Context, c Client, t *Task, s Step) (StepResult, *SkipError) {
	if s.Parallel <= 1 {
		return step(ctx, c, t, s)
	}
	each, skips := make([]StepResult, s.Parallel), make([]*SkipError, s.Parallel)
	var all sync.WaitGroup
	for i := range each {
		each[i].Error = &Error{Message: "the client ended the goroutine that it was called by, as t.FailNow does: it must return an error"}
		all.Go(func() { each[i], skips[i] = step(ctx, c, t, s) })
	}
	all.Wait()
	r := StepResult{OK: true, Each: each}
	for i, e := range each {
		if skips[i] != nil {
			return StepResult{}, skips[i]
		}
		r.OK = r.OK && e.OK
	}
	return r, nil
}

// step does a step once.
func step(ctx context.Context, c Client, t *Task, s Step) (r StepResult, skipped *SkipError) {
	defer func() {
		if p := recover(); p != nil {
			r, skipped = StepResult{Error: &Error{Message: fmt.Sprintf("the client panics: %v", p)}}, nil
		}
	}()
	err := act(ctx, c, t, s)
	switch {
	case err == nil:
		return StepResult{OK: true}, nil
	case errors.As(err, &skipped):
		return StepResult{}, skipped
	}
	return StepResult{Error: describe(err)}, nil
}

// act calls the method of a step.
func act(ctx context.Context, c Client, t *Task, s Step) error {
	switch s.Do {
	case Login:
		return c.Login(ctx, t.Account)
	case Call:
		return c.Call(ctx)
	case Logout:
		return c.Logout(ctx)
	case Renew:
		if x, ok := c.(Refresher); ok {
			return x.Refresh(ctx)
		}
		return &SkipError{Why: "the client has no method Refresh"}
	case Resume:
		if x, ok := c.(Resumer); ok {
			return x.Resume(ctx, s.Token)
		}
		return &SkipError{Why: "the client has no method Resume"}
	default:
		return &SkipError{Why: fmt.Sprintf("there is no step %q", s.Do)}
	}
}

// describe is what a driver says of an error.
func describe(err error) *Error {
	e := &Error{}
	var own *Error
	if errors.As(err, &own) {
		*e = *own
	}
	e.Message = err.Error()
	var coded interface{ Code() string }
	if errors.As(err, &coded) {
		e.Code = coded.Code()
	}
	var status interface{ HTTPStatus() int }
	if errors.As(err, &status) {
		e.HTTP = status.HTTPStatus()
	}
	var login interface{ LoginRequired() bool }
	if errors.As(err, &login) {
		e.Login = login.LoginRequired()
	}
	return e
}

// Output is what the clients logged since.
func (d *local) Output() string { return d.wrote.take() }

// Close closes the client, unless it is busy still.
func (d *local) Close(context.Context) error {
	if d.dead == nil && d.client != nil {
		shut(d.client)
		d.client = nil
	}
	return nil
}

// shut closes a client that is of no use any more.
func shut(c Client) {
	switch x := c.(type) {
	case io.Closer:
		_ = x.Close()
	case interface{ CloseIdleConnections() }:
		x.CloseIdleConnections()
	}
}
