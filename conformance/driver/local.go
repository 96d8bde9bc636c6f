package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Client is a client library in Go: adapt yours to it, mostly in three lines.
// Its methods may be called by several goroutines at once.
//
// An error may have the methods Code() string, HTTPStatus() int and
// LoginRequired() bool, on itself or on an error that it wraps: they are what a
// driver would say in error.code, error.http and error.login.
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

// Local starts drivers of a client library in this process. make makes a client
// for a task; what it logs belongs into log, which is searched for secrets.
func Local(about About, make func(t *Task, log io.Writer) (Client, error)) Start {
	return func(context.Context) (Driver, error) {
		return &local{about: about, make: make, wrote: &output{}}, nil
	}
}

type local struct {
	about  About
	make   func(*Task, io.Writer) (Client, error)
	wrote  *output
	client Client
	dead   *DeadError
}

func (d *local) About() About { return d.about }

// Run does a task. A client that does not come back when ctx ends is left alone,
// and the driver is dead.
func (d *local) Run(ctx context.Context, t *Task) (*Report, error) {
	if d.dead != nil {
		return nil, d.dead
	}
	type outcome struct {
		report *Report
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		r, err := d.run(ctx, t)
		done <- outcome{r, err}
	}()
	select {
	case o := <-done:
		return o.report, o.err
	case <-ctx.Done():
		d.dead = &DeadError{Silent: true, Why: "the client did not come back in time"}
		return nil, d.dead
	}
}

func (d *local) run(ctx context.Context, t *Task) (*Report, error) {
	if t.New || d.client == nil {
		c, err := d.make(t, d.wrote)
		if err != nil {
			return &Report{Errored: &Reason{Message: "no client could be made: " + err.Error()}}, nil //nolint:nilerr // it is said
		}
		d.client = c
	}
	out := &Report{}
	for _, s := range t.Steps {
		if s.Parallel <= 1 {
			out.Steps = append(out.Steps, d.step(ctx, t, s))
			continue
		}
		each := make([]StepResult, s.Parallel)
		var all sync.WaitGroup
		for i := range each {
			all.Go(func() { each[i] = d.step(ctx, t, s) })
		}
		all.Wait()
		r := StepResult{OK: true, Each: each}
		for _, e := range each {
			r.OK = r.OK && e.OK
		}
		out.Steps = append(out.Steps, r)
	}
	return out, nil
}

func (d *local) step(ctx context.Context, t *Task, s Step) (r StepResult) {
	defer func() {
		if p := recover(); p != nil {
			r = StepResult{Error: &Error{Message: fmt.Sprintf("the client panics: %v", p)}}
		}
	}()
	var err error
	switch s.Do {
	case Login:
		err = d.client.Login(ctx, t.Account)
	case Call:
		err = d.client.Call(ctx)
	case Logout:
		err = d.client.Logout(ctx)
	case Renew:
		c, ok := d.client.(Refresher)
		if !ok {
			return StepResult{Error: &Error{Message: "the client has no refresh"}}
		}
		err = c.Refresh(ctx)
	case Resume:
		c, ok := d.client.(Resumer)
		if !ok {
			return StepResult{Error: &Error{Message: "the client cannot resume"}}
		}
		err = c.Resume(ctx, s.Token)
	default:
		return StepResult{Error: &Error{Message: fmt.Sprintf("there is no step %q", s.Do)}}
	}
	if err == nil {
		return StepResult{OK: true}
	}
	return StepResult{Error: describe(err)}
}

// describe is what a driver says of an error.
func describe(err error) *Error {
	e := &Error{Message: err.Error()}
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

func (d *local) Output() string { return d.wrote.take() }

func (d *local) Close(context.Context) error {
	if c, ok := d.client.(io.Closer); ok {
		return c.Close()
	}
	if c, ok := d.client.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
	return nil
}
