package client_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/client"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/conformance/suite"
	"github.com/mockauth/mockauth/specs"
	"github.com/mockauth/mockauth/testdata/clients/broken"
)

func suiteOf(t *testing.T, o client.Options) *client.Suite {
	t.Helper()
	c, err := specs.System("jmap-cloud")
	if err != nil {
		t.Fatal(err)
	}
	s, err := client.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A driver that does not start is an error, and not a hundred verdicts.
func TestADriverThatDoesNotStartIsNoVerdict(t *testing.T) {
	c, err := specs.System("jmap-cloud")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("no such library")
	_, err = client.Run(t.Context(), c, client.Options{Start: func(context.Context) (driver.Driver, error) { return nil, broken }})
	if !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	if _, err := client.Run(t.Context(), c, client.Options{}); err == nil || !strings.Contains(err.Error(), "Options.Start") {
		t.Errorf("the error is %v", err)
	}
}

// Run obeys what a suite is told: filter, progress, number of drivers at once.
func TestARunObeysItsConfig(t *testing.T) {
	var open, most, told atomic.Int64
	start := func(ctx context.Context) (driver.Driver, error) {
		d, err := broken.Start("jmap-cloud", broken.Options{})(ctx)
		most.Store(max(most.Load(), open.Add(1)))
		return counted{d, &open}, err
	}
	s := suiteOf(t, client.Options{Start: start, Jobs: 2, Strict: true})
	r, err := s.Run(t.Context(), suite.Config{Filter: suite.Filter{Focus: []string{"jmap-cloud.client.wire."}}, Progress: func(conformance.Verdict) { told.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Verdicts); n == 0 || n != int(told.Load()) || r.Filter == "" || !r.Strict || r.Target != "correct 1.0.0" || r.Used.Requests == 0 {
		t.Errorf("%d verdicts, %d told; the result is of %s, %q, strict %t", n, told.Load(), r.Target, r.Filter, r.Strict)
	}
	for _, v := range r.Verdicts {
		if !strings.HasPrefix(v.Outcome, "wire.") || v.Status != conformance.Passed || v.Seconds <= 0 {
			t.Errorf("%s: %s in %g s", v.ID, said(v), v.Seconds)
		}
	}
	if most.Load() > 2 || open.Load() != 0 {
		t.Errorf("%d drivers at once, %d are left", most.Load(), open.Load())
	}
	if _, err := s.Run(t.Context(), suite.Config{Filter: suite.Filter{Focus: []string{"nothing of the kind"}}}); !errors.Is(err, suite.ErrNothing) {
		t.Errorf("the error is %v", err)
	}
}

// counted is a driver that says when it ends.
type counted struct {
	driver.Driver

	open *atomic.Int64
}

func (c counted) Close(ctx context.Context) error {
	c.open.Add(-1)
	return c.Driver.Close(ctx)
}

// A leak that other cases found is known where the case about leaks is.
func TestALeakFoundElsewhereMayBeKnown(t *testing.T) {
	start := broken.Start("jmap-cloud", broken.Options{Breaks: []string{"secret-in-log"}})
	id := "jmap-cloud.client.leaks.output"
	cfg := suite.Config{Filter: suite.Filter{Focus: []string{id, "jmap-cloud.client.wire.login"}}}
	cfg.Options.Known = []conformance.KnownCase{{ID: id, Reason: "a log for debugging"}}
	r, err := suiteOf(t, client.Options{Start: start}).Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Verdicts {
		if v.ID == id && v.Status != conformance.Known {
			t.Error(said(v))
		}
	}
}

// When the run is ended, so are the clients.
func TestARunThatIsEndedSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	r, err := suiteOf(t, client.Options{Start: broken.Start("jmap-cloud", broken.Options{})}).Run(ctx, suite.Config{})
	if err != nil || !r.Interrupted || r.Conforms() || time.Since(began) > 10*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}
