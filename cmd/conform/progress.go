package main

import (
	"io"
	"sync"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/report"
)

// notes is where things go that are no result: stdout, or stderr if stdout is
// for a machine.
func (a *app) notes(f runFlags) io.Writer {
	if f.json {
		return a.stderr
	}
	return a.stdout
}

// progress tells of a run while it goes on.
type progress struct {
	display *report.Progress // nil: verbose
	head    *conformance.Result
	cases   int
	mu      sync.Mutex
	out     io.Writer
}

func (a *app) progress(p *planned, f runFlags, o conformance.Options) *progress {
	out := a.notes(f)
	g := &progress{head: conformance.NewResult(p.plan, o), cases: len(p.chosen), out: out}
	if !f.verbose {
		g.display = report.NewProgress(out, a.style(out))
		g.display.Of = map[string]int{}
		for _, c := range p.chosen {
			g.display.Of[c.Operation]++
		}
	}
	return g
}

func (g *progress) start() {
	if g.display != nil {
		g.display.Start(g.head, g.cases)
	}
}

func (g *progress) verdict(v conformance.Verdict) {
	if g.display != nil {
		g.display.Verdict(v)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = report.Verbose(g.out, v) // to a terminal that is gone there is nothing to say
}

func (g *progress) done() {
	if g.display != nil {
		g.display.Done()
	}
}
