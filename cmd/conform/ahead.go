package main

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/mockauth/mockauth/conformance"
)

// planWhileRunning plans several systems while the first ones run already, so
// that no processor waits for the largest plan. It is for a run of everything: a
// filter is about all systems together, and what is wrong with it is said before
// anything is sent. Call ended before leaving: it waits for what is being planned.
func planWhileRunning(ctx context.Context, aims []*aim, known []conformance.KnownCase) (runs []*planned, ended func()) {
	for _, x := range aims {
		runs = append(runs, &planned{aim: x, ready: make(chan struct{})})
	}
	for _, p := range runs {
		p.known = belonging(known, p.contract.Name, runs)
	}
	// The largest takes longest and begins first, the others in the order in which
	// they run.
	size := func(p *planned) int { return len(p.contract.Operations) }
	largest := slices.MaxFunc(runs, func(a, b *planned) int { return size(a) - size(b) })
	turn := make(chan *planned, len(runs))
	turn <- largest
	for _, p := range runs {
		if p != largest {
			turn <- p
		}
	}
	close(turn)
	var working sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(runs)) {
		working.Go(func() {
			for p := range turn {
				if ctx.Err() == nil {
					p.plan, p.fault = p.aim.made()
				}
				if p.plan != nil {
					p.chosen = p.plan.Cases
				}
				close(p.ready)
			}
		})
	}
	return runs, working.Wait
}

// wait waits for the plan of a system that is planned meanwhile.
func (p *planned) wait(ctx context.Context) error {
	if p.ready == nil {
		return nil
	}
	select {
	case <-p.ready:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.fault
}
