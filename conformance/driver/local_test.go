package driver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance/driver"
)

// within bounds a task.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// library is a client in this process that does what it is told by functions.
type library struct {
	login  func(context.Context, driver.Account) error
	call   func(context.Context) error
	closed func()
}

func (l *library) Login(ctx context.Context, a driver.Account) error {
	if l.login == nil {
		return nil
	}
	return l.login(ctx, a)
}

func (l *library) Call(ctx context.Context) error {
	if l.call == nil {
		return nil
	}
	return l.call(ctx)
}

func (l *library) Logout(context.Context) error { return nil }

func (l *library) Close() error {
	if l.closed != nil {
		l.closed()
	}
	return nil
}

func local(t *testing.T, begin func(*driver.Task, io.Writer) (driver.Client, error)) driver.Driver {
	t.Helper()
	d, err := driver.Local(driver.About{Name: "library"}, begin)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(context.Background()) })
	return d
}

func of(l *library) func(*driver.Task, io.Writer) (driver.Client, error) {
	return func(*driver.Task, io.Writer) (driver.Client, error) { return l, nil }
}

func steps(seq int, list ...driver.Step) *driver.Task {
	t := &driver.Task{Seq: seq, New: seq == 1, Account: driver.Account{"name": "jane"}, Steps: list}
	return t
}

// coded is an error with the methods that are looked for.
type coded struct{}

func (coded) Error() string       { return "over" }
func (coded) Code() string        { return "session.over" }
func (coded) HTTPStatus() int     { return 401 }
func (coded) LoginRequired() bool { return true }

func TestAnErrorIsToldWithItsCodeAndStatus(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		coded{}, fmt.Errorf("call: %w", coded{}),
		&driver.Error{Code: "session.over", HTTP: 401, Login: true, Message: "over"},
		fmt.Errorf("call: %w", &driver.Error{Code: "session.over", HTTP: 401, Login: true, Message: "over"}),
	} {
		d := local(t, of(&library{call: func(context.Context) error { return err }}))
		r, fault := d.Run(within(t, 5*time.Second), steps(1, driver.Step{Do: driver.Login}, driver.Step{Do: driver.Call}))
		if fault != nil || !r.Steps[0].OK || r.Steps[1].OK {
			t.Fatalf("%+v, %v", r, fault)
		}
		if got, want := *r.Steps[1].Error, (driver.Error{Code: "session.over", HTTP: 401, Login: true, Message: err.Error()}); got != want {
			t.Errorf("it tells %+v, not %+v", got, want)
		}
	}
}

func TestWhatAClientCannotDoIsSkipped(t *testing.T) {
	t.Parallel()
	no := &driver.SkipError{Why: "no such login", Issue: "https://example.org/7"}
	d := local(t, of(&library{login: func(context.Context, driver.Account) error { return fmt.Errorf("x: %w", no) }}))
	for seq, s := range []driver.Step{{Do: driver.Login}, {Do: driver.Login, Parallel: 3}, {Do: driver.Renew}, {Do: driver.Resume}, {Do: "dance"}} {
		r, err := d.Run(within(t, 5*time.Second), steps(seq+1, s))
		if err != nil || r.Skipped == nil || r.Skipped.Message == "" {
			t.Errorf("%s: %+v, %v", s.Do, r, err)
		}
	}
}

func TestAClientThatPanicsIsAnErrorOfTheStep(t *testing.T) {
	t.Parallel()
	d := local(t, of(&library{call: func(context.Context) error { panic("nil map") }}))
	r, err := d.Run(within(t, 5*time.Second), steps(1, driver.Step{Do: driver.Call}, driver.Step{Do: driver.Call, Parallel: 2}, driver.Step{Do: driver.Login}))
	if err != nil || len(r.Steps) != 3 || r.Steps[0].Error.Message != "the client panics: nil map" || len(r.Steps[1].Each) != 2 || !r.Steps[2].OK {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAClientThatCannotBeMadeIsNoVerdict(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*driver.Task, io.Writer) (driver.Client, error){
		"error": func(*driver.Task, io.Writer) (driver.Client, error) { return nil, errors.New("no such URL") },
		"nil":   func(*driver.Task, io.Writer) (driver.Client, error) { return nil, nil },
		"panic": func(*driver.Task, io.Writer) (driver.Client, error) { panic("nil map") },
		"exit":  func(*driver.Task, io.Writer) (driver.Client, error) { runtime.Goexit(); return nil, nil },
	} {
		r, err := local(t, begin).Run(within(t, 5*time.Second), steps(1, driver.Step{Do: driver.Login}))
		if err != nil || r.Errored == nil {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// t.FailNow ends the goroutine. It must not look as if the client hung.
func TestAClientThatEndsItsGoroutineIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	d := local(t, of(&library{call: func(context.Context) error { runtime.Goexit(); return nil }}))
	if r, err := d.Run(within(t, 5*time.Second), steps(1, driver.Step{Do: driver.Call})); err != nil || r.Errored == nil {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := d.Run(within(t, 5*time.Second), steps(2, driver.Step{Do: driver.Call, Parallel: 2})); err != nil || r.Steps[0].OK || r.Steps[0].Each[1].Error == nil {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAClientThatHangsIsLeftAlone(t *testing.T) {
	t.Parallel()
	end, left, shut := make(chan struct{}), make(chan struct{}), false
	d := local(t, of(&library{call: func(context.Context) error { defer close(left); <-end; return nil }, closed: func() { shut = true }}))
	_, err := d.Run(within(t, 100*time.Millisecond), steps(1, driver.Step{Do: driver.Call}))
	var dead *driver.DeadError
	if !errors.As(err, &dead) || !dead.Silent {
		t.Errorf("the error is %v", err)
	}
	if _, err := d.Run(t.Context(), steps(2, driver.Step{Do: driver.Login})); err == nil {
		t.Error("a driver that is dead does something")
	}
	if err := d.Close(t.Context()); err != nil || shut {
		t.Errorf("closed: %t, %v", shut, err)
	}
	close(end)
	<-left
}

// A client that obeys its context has not hung: it gets one that ends a little
// before the task's deadline.
func TestAClientThatObeysItsContextComesBackInTime(t *testing.T) {
	t.Parallel()
	d := local(t, of(&library{call: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}))
	r, err := d.Run(within(t, time.Second), steps(1, driver.Step{Do: driver.Call}, driver.Step{Do: driver.Login}))
	if err != nil || r.Steps[0].OK || r.Steps[0].Error.Message != context.DeadlineExceeded.Error() || !r.Steps[1].OK {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAStepIsDoneAsOftenAtOnceAsItSays(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	all.Add(4)
	var mu sync.Mutex
	n := 0
	d := local(t, of(&library{call: func(context.Context) error {
		all.Done()
		all.Wait() // nobody goes on before all are here
		mu.Lock()
		defer mu.Unlock()
		if n++; n == 2 {
			return errors.New("the second")
		}
		return nil
	}}))
	r, err := d.Run(within(t, 5*time.Second), steps(1, driver.Step{Do: driver.Call, Parallel: 4}))
	if err != nil || r.Steps[0].OK || len(r.Steps[0].Each) != 4 {
		t.Fatalf("%+v, %v", r, err)
	}
	failed := 0
	for _, x := range r.Steps[0].Each {
		if !x.OK {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d failed", failed)
	}
}

func TestANewTaskHasANewClient(t *testing.T) {
	t.Parallel()
	made, shut := 0, 0
	d := local(t, func(_ *driver.Task, log io.Writer) (driver.Client, error) {
		made++
		_, _ = fmt.Fprintf(log, "client %d\n", made)
		return &library{closed: func() { shut++ }}, nil
	})
	for seq, isNew := range []bool{false, false, true, false, true} {
		x := steps(seq+1, driver.Step{Do: driver.Login})
		x.New = isNew
		if _, err := d.Run(within(t, 5*time.Second), x); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(t.Context()); err != nil || made != 3 || shut != 3 {
		t.Errorf("%d made, %d closed, %v", made, shut, err)
	}
	if got := d.Output(); got != "client 1\nclient 2\nclient 3\n" {
		t.Errorf("it logged %q", got)
	}
}
