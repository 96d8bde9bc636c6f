package broken

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mockauth/mockauth/conformance/driver"
)

// Options are how the client is when it has no bug.
type Options struct {
	// Cookies: it is in cookie mode where the system has a choice.
	Cookies bool
	// JSON: it speaks JSON where the system has a choice.
	JSON bool
	// Breaks are the names of its bugs.
	Breaks []string
	// Log gets each line that the client writes to stderr, beside Output; nil: none.
	Log func(string)
}

// Driver is the client for one system, in process. It implements driver.Driver.
type Driver struct {
	about   driver.About
	dialect *dialect
	has     func(string) bool
	tell    func(string)
	pool    *http.Transport

	mu     sync.Mutex // for what follows
	output strings.Builder
	client *Client
}

// New makes a Driver. The error says what is wrong with the options.
func New(system string, o Options) (*Driver, error) {
	found, err := Find(o.Breaks...)
	if err != nil {
		return nil, err
	}
	for _, b := range found {
		if !slices.Contains(b.Systems, system) {
			return nil, fmt.Errorf("%s cannot be seen in %s; it can in %s", b.Name, system, strings.Join(b.Systems, ", "))
		}
		o.Cookies, o.JSON = o.Cookies || b.Cookies, o.JSON || b.JSON
	}
	d := dialects(o.Cookies, o.JSON)[system]
	if d == nil {
		return nil, fmt.Errorf("there is no client for %q; there is one for jmap-cloud, jmap-server, longjump and wedia", system)
	}
	does := []string{driver.Login, driver.Call, driver.Logout}
	if d.renew.path != "" {
		does = append(does, driver.Renew)
	}
	name := "correct"
	if len(o.Breaks) > 0 {
		name = strings.Join(o.Breaks, ",")
	}
	return &Driver{
		about:   driver.About{Name: name, Version: "1.0.0", Language: "Go", Does: does, Systems: []string{system}},
		dialect: d, has: func(name string) bool { return slices.Contains(o.Breaks, name) }, tell: o.Log,
		pool: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	}, nil
}

// Start makes Drivers, as cases run side by side.
func Start(system string, o Options) driver.Start {
	return func(context.Context) (driver.Driver, error) { return New(system, o) }
}

// About implements driver.Driver.
func (d *Driver) About() driver.About { return d.about }

// Output implements driver.Driver.
func (d *Driver) Output() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := d.output.String()
	d.output.Reset()
	return text
}

// Close implements driver.Driver.
func (d *Driver) Close(context.Context) error {
	d.pool.CloseIdleConnections()
	return nil
}

// Run implements driver.Driver. A client with a bug that makes it hang ends with ctx.
func (d *Driver) Run(ctx context.Context, t *driver.Task) (*driver.Report, error) {
	if t.New || d.client == nil {
		d.begin(t)
	}
	end := time.Now().Add(time.Duration(t.DeadlineMS) * time.Millisecond)
	report := &driver.Report{Steps: []driver.StepResult{}}
	for i, step := range t.Steps {
		if !d.about.Can(step.Do) {
			report.Skipped = &driver.Reason{Message: "this client has no " + step.Do}
			return report, nil
		}
		stepCtx, cancel := context.WithCancel(ctx)
		if !d.has("no-timeout") && !d.has("hangs-on-dropped-connection") && !d.has("sleeps-as-told") && !d.has("reads-unbounded-body") {
			cancel()
			stepCtx, cancel = context.WithTimeout(ctx, time.Until(end)*85/100/time.Duration(len(t.Steps)-i))
		}
		report.Steps = append(report.Steps, d.step(stepCtx, t, step))
		cancel()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("the client has not ended: %w", ctx.Err())
		}
	}
	return report, nil
}

// begin makes a new client.
func (d *Driver) begin(t *driver.Task) {
	old := d.client
	d.client = &Client{
		d: d.dialect, has: d.has, base: t.BaseURL, log: d.log, write: make(chan struct{}, 1),
		http: &http.Client{Transport: d.pool, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		jar:  &jar{has: d.has},
	}
	if old != nil && old.base == t.BaseURL && d.has("shares-session-between-accounts") {
		d.client.now, d.client.jar = old.state(), old.jar
	}
}

func (d *Driver) log(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.output.WriteString(line + "\n")
	if d.tell != nil {
		d.tell(line)
	}
}

func (d *Driver) step(ctx context.Context, t *driver.Task, s driver.Step) driver.StepResult {
	if s.Parallel < 2 {
		return d.attempt(ctx, t, s)
	}
	all := driver.StepResult{OK: true, Each: make([]driver.StepResult, s.Parallel)}
	var wg sync.WaitGroup
	for i := range all.Each {
		wg.Go(func() { all.Each[i] = d.attempt(ctx, t, s) })
	}
	wg.Wait()
	for _, r := range all.Each {
		all.OK = all.OK && r.OK
	}
	return all
}

func (d *Driver) attempt(ctx context.Context, t *driver.Task, s driver.Step) driver.StepResult {
	var err error
	switch s.Do {
	case driver.Login:
		err = d.client.Login(ctx, t.Account)
	case driver.Call:
		err = d.client.Call(ctx)
	case driver.Renew:
		err = d.client.Refresh(ctx)
	case driver.Logout:
		err = d.client.Logout(ctx)
	}
	var f *failure
	switch {
	case err == nil:
		return driver.StepResult{OK: true}
	case d.has("generic-error-code"):
		return driver.StepResult{Error: &driver.Error{Code: "ERROR", Message: "something went wrong"}}
	case errors.As(err, &f):
		return driver.StepResult{Error: &driver.Error{Code: f.code, HTTP: f.status, Message: f.text, Login: f.login}}
	}
	return driver.StepResult{Error: &driver.Error{Message: err.Error()}}
}
