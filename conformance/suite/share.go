package suite

import "github.com/mockauth/mockauth/conformance"

// Share leaves of a budget what one of several processes may use of it, the first
// of which is 1. Wrong passwords are not divided: RunParallel counts them, and
// Register has the cases that send some run in one process.
func Share(b *conformance.Budgets, process, processes int) {
	if processes < 2 {
		return
	}
	b.RequestsPerSecond /= float64(processes)
	if b.Sessions > 0 {
		first := 0 // the first processes take what does not divide
		if process <= b.Sessions%processes {
			first = 1
		}
		b.Sessions = max(1, b.Sessions/processes+first)
	}
}

// shared is a plan with one process's share of the budgets.
func shared(plan *conformance.Plan, process, processes int) *conformance.Plan {
	if processes < 2 || plan.Target == nil {
		return plan
	}
	p, t := *plan, *plan.Target
	Share(&t.Budgets, process, processes)
	p.Target = &t
	return &p
}
