package mutant

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// Options are what Run is told. The zero value runs every mutant, each until the
// first case that notices it.
type Options struct {
	// Least leaves out the mutants of lighter rules: Must tries those of a MUST
	// alone.
	Least conformance.Severity
	// Only leaves out the mutants for which it is false; nil: none.
	Only func(Mutant) bool
	// Full carries all cases out against all mutants, so that those that notice
	// nothing are known. It takes many times as long.
	Full bool
	// Workers is how many mutants are tried at a time; 0: GOMAXPROCS.
	Workers int
	// Progress is called after each mutant, by one goroutine at a time; nil: not.
	Progress func(done, total int, m Mutant, killed bool)
}

// Report is how a contract's suite did against the mutants of the contract.
type Report struct {
	System  string `json:"system"`
	Title   string `json:"title"`
	Mutants int    `json:"mutants"`
	// Cases is how many cases there are, but for those that the mock itself does not
	// pass; those notice nothing, see Unsound.
	Cases int     `json:"cases"`
	Tally []Tally `json:"tally"`
	// Dormant are the mutants that were not tried, since nobody can see them; see
	// Mutant.Dormant. They do not count.
	Dormant []Dormant `json:"dormant,omitempty"`
	// Survivors are the mutants that no case noticed, in the order of the contract.
	Survivors []Survivor `json:"survivors,omitempty"`
	// Vacuous are the ids of cases that passed against every mutant. Only a full
	// run knows them.
	Vacuous []string `json:"vacuous,omitempty"`
	// Unsound are cases that did not pass against the mock itself, or could not be
	// planned, a sentence each.
	Unsound []string `json:"unsound,omitempty"`
	// Interrupted: the run was ended before every mutant was tried.
	Interrupted bool    `json:"interrupted,omitempty"`
	Seconds     float64 `json:"seconds"`
}

// Tally counts the mutants of one severity.
type Tally struct {
	Severity conformance.Severity `json:"severity"`
	Mutants  int                  `json:"mutants"`
	Killed   int                  `json:"killed"`
}

// Dormant is a mutant that nobody can see, and why, as part of a sentence.
type Dormant struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Survivor is a mutant that no case noticed.
type Survivor struct {
	Mutant
	// Tried is how many cases were carried out against it; NotTestable of them
	// could not be judged. Lighter is how many noticed something that weighs less
	// than the rule that is broken.
	Tried       int `json:"tried"`
	NotTestable int `json:"notTestable,omitempty"`
	Lighter     int `json:"lighter,omitempty"`
	// Closest is the first case that noticed something that weighs less, and what.
	Closest string `json:"closest,omitempty"`
	// Error is why it could not be tried at all.
	Error string `json:"error,omitempty"`
}

// Missed returns the mutants of a severity, or of a heavier one, that no case
// noticed, in the order of the contract.
func (r *Report) Missed(s conformance.Severity) []Survivor {
	var out []Survivor
	for _, x := range r.Survivors {
		if x.Severity >= s {
			out = append(out, x)
		}
	}
	return out
}

// Dead reports whether every mutant of a MUST was noticed, and every one was
// tried.
func (r *Report) Dead() bool {
	return len(r.Missed(conformance.Must)) == 0 && !r.Interrupted && len(r.Unsound) == 0
}

// Run carries the conformance suite of a contract out against its mutants, each
// a mock in this process without a port. A mutant of a MUST is noticed by a case
// that fails, one of a SHOULD by a case that fails a strict run, one of a MAY by
// any difference. The error is one of the contract.
func Run(ctx context.Context, c *specs.Contract, o Options) (*Report, error) {
	started := time.Now()
	list, err := All(c)
	if err != nil {
		return nil, err
	}
	var dormant []Dormant
	list = slices.DeleteFunc(list, func(m Mutant) bool {
		if m.Severity < o.Least || o.Only != nil && !o.Only(m) {
			return true
		}
		if m.Dormant {
			dormant = append(dormant, Dormant{m.Name, m.Why})
		}
		return m.Dormant
	})
	r := &runner{c: c, o: o, stages: map[string]*stage{}, kills: map[string]int{}, out: make([]outcome, len(list))}
	defer r.close(context.WithoutCancel(ctx))
	r.all(ctx, list)
	out := r.report(list)
	out.Seconds = time.Since(started).Seconds()
	out.Interrupted, out.Dormant = ctx.Err() != nil, dormant
	return out, nil
}

// runner is a run under way.
type runner struct {
	c *specs.Contract
	o Options

	mu     sync.Mutex // guards what follows
	stages map[string]*stage
	kills  map[string]int // by case
	done   int

	out []outcome // one a mutant; each is written by one goroutine
}

// outcome is what came of one mutant.
type outcome struct {
	killed bool
	tried  bool
	Survivor
}

// stage is a plan under the settings that some mutants need, and the mock that
// does not deviate: what it does not pass notices nothing.
type stage struct {
	once  sync.Once
	mock  *Mock
	plan  *conformance.Plan
	cases []*conformance.Case // but for those that the target leaves out
	err   error

	mu    sync.Mutex // guards what follows
	right *conformance.Runner
	judge map[*conformance.Case]string // why a case says nothing; "": it passes
}

func (r *runner) all(ctx context.Context, list []Mutant) {
	workers := r.o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				r.out[i] = r.try(ctx, list[i])
				r.mu.Lock()
				r.done++
				if r.o.Progress != nil {
					r.o.Progress(r.done, len(list), list[i], r.out[i].killed)
				}
				r.mu.Unlock()
			}
		})
	}
	for i := range list {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
}

// stage returns the plan under the settings that a mutant needs, made once.
func (r *runner) stage(ctx context.Context, m Mutant) *stage {
	key := choice{m.Profile, m.Settings, nil}.describe()
	if m.HTTPS {
		key += " https"
	}
	r.mu.Lock()
	s := r.stages[key]
	if s == nil {
		s = &stage{}
		r.stages[key] = s
	}
	r.mu.Unlock()
	s.once.Do(func() {
		if s.err = s.make(ctx, r.c, m); s.err == nil && (key == "" || r.o.Full) {
			for _, x := range s.cases {
				s.passes(ctx, x)
			}
		}
	})
	return s
}

// close ends the mocks that do not deviate.
func (r *runner) close(ctx context.Context) {
	for _, s := range r.stages {
		if s.right != nil {
			s.right.Close(ctx)
		}
		if s.mock != nil {
			_ = s.mock.Close()
		}
	}
}

func (s *stage) make(ctx context.Context, c *specs.Contract, m Mutant) error {
	right := m.origin.original()
	right.Profile, right.Settings = m.Profile, m.Settings
	var err error
	if s.mock, err = Server(right, quick()...); err != nil {
		return err
	}
	scheme := "http"
	if m.HTTPS {
		scheme = "https"
	}
	t, ours, err := conformance.Discover(ctx, &conformance.Target{URL: &url.URL{Scheme: scheme, Host: "mock.test"}, Transport: s.mock.Transport()}, c.Name)
	if err != nil {
		return err
	}
	if !ours {
		return fmt.Errorf("the mock of %s is not known for one of ours", c.Name)
	}
	if s.plan, err = conformance.NewPlan(c, t); err != nil {
		return err
	}
	for _, x := range s.plan.Cases {
		if x.Excluded == "" {
			s.cases = append(s.cases, x)
		}
	}
	s.judge = map[*conformance.Case]string{}
	s.right, err = conformance.NewRunner(s.plan, conformance.Options{})
	return err
}

// passes reports whether the mock that does not deviate passes a case, which is
// tried once.
func (s *stage) passes(ctx context.Context, x *conformance.Case) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	why, known := s.judge[x]
	if known {
		return why == ""
	}
	v := s.right.Run(ctx, x)
	switch v.Status {
	case conformance.Passed:
	case conformance.Interrupted:
		return false
	default:
		why = v.Why
		if len(v.Mismatches) > 0 {
			why = "wanted " + v.Mismatches[0].Wanted + ", got " + v.Mismatches[0].Got
		}
		why = fmt.Sprintf("%s: %s: %s", x.ID, v.Status, why)
	}
	s.judge[x] = why
	return why == ""
}

// quick are the options of a mock that is asked for a few answers.
func quick() []mockserver.Option {
	return []mockserver.Option{mockserver.JournalSize(0)}
}

// try carries cases out against one mutant.
func (r *runner) try(ctx context.Context, m Mutant) outcome {
	out := outcome{tried: true, Survivor: Survivor{Mutant: m}}
	s := r.stage(ctx, m)
	if s.err != nil {
		out.Error = s.err.Error()
		return out
	}
	mock, err := Server(m, quick()...)
	if err != nil {
		out.Error = err.Error()
		return out
	}
	defer func() { _ = mock.Close() }()
	plan, target := *s.plan, *s.plan.Target
	target.Transport = mock.Transport()
	plan.Target = &target
	run, err := conformance.NewRunner(&plan, conformance.Options{Strict: m.Severity == conformance.Should})
	if err != nil {
		out.Error = err.Error()
		return out
	}
	defer run.Close(context.WithoutCancel(ctx))
	for _, x := range relevant(s.cases, m) {
		if ctx.Err() != nil {
			out.tried = out.killed
			break
		}
		v := run.Run(ctx, x)
		if v.Status != conformance.Passed && !s.passes(ctx, x) {
			continue
		}
		out.Tried++
		switch {
		case v.Status == conformance.Failed, v.Status == conformance.Differs && m.Severity == conformance.May:
			out.killed = true
			r.mu.Lock()
			r.kills[x.ID]++
			r.mu.Unlock()
		case v.Status == conformance.NotTestable:
			out.NotTestable++
		case v.Status == conformance.Differs:
			if out.Lighter++; out.Lighter == 1 {
				out.Closest = noticed(v)
			}
		}
		if out.killed && !r.o.Full {
			break
		}
	}
	return out
}

// noticed is a case and the heaviest thing that it noticed, in words.
func noticed(v conformance.Verdict) string {
	worst := slices.MaxFunc(v.Mismatches, func(a, b conformance.Mismatch) int { return int(a.Severity) - int(b.Severity) })
	return fmt.Sprintf("%s (%s %s%s: wanted %s, got %s)", v.ID, worst.Severity, worst.In, worst.Pointer, worst.Wanted, worst.Got)
}

// relevant puts the cases first that are likely to notice a mutant: those that
// judge its operation, and have the words of its name in theirs. It leaves out
// those that never call the operation.
func relevant(cases []*conformance.Case, m Mutant) []*conformance.Case {
	words := strings.FieldsFunc(strings.TrimPrefix(m.Name, m.Kind), func(r rune) bool { return strings.ContainsRune("./$_~", r) })
	words = slices.DeleteFunc(words, func(w string) bool { return len(w) < 3 || w == m.Operation })
	type scored struct {
		x     *conformance.Case
		score int
	}
	list := make([]scored, 0, len(cases))
	for _, x := range cases {
		score := 0
		if x.Operation == m.Operation {
			score = 100
		} else if m.Operation != "" && !slices.Contains(x.Operations(), m.Operation) {
			continue
		}
		for _, w := range words {
			if strings.Contains(x.ID, w) {
				score++
			}
		}
		list = append(list, scored{x, score})
	}
	slices.SortStableFunc(list, func(a, b scored) int { return b.score - a.score })
	out := make([]*conformance.Case, len(list))
	for i := range list {
		out[i] = list[i].x
	}
	return out
}

func (r *runner) report(list []Mutant) *Report {
	out := &Report{System: r.c.Name, Title: r.c.Title, Mutants: len(list)}
	tally := map[conformance.Severity]*Tally{}
	for _, s := range []conformance.Severity{conformance.Must, conformance.Should, conformance.May} {
		if s >= r.o.Least {
			tally[s] = &Tally{Severity: s}
		}
	}
	for _, x := range r.out {
		if !x.tried {
			continue
		}
		t := tally[x.Severity]
		t.Mutants++
		if x.killed {
			t.Killed++
		} else {
			out.Survivors = append(out.Survivors, x.Survivor)
		}
	}
	for _, s := range []conformance.Severity{conformance.Must, conformance.Should, conformance.May} {
		if t := tally[s]; t != nil {
			out.Tally = append(out.Tally, *t)
		}
	}
	ids, unsound := map[string]bool{}, map[string]bool{}
	for _, s := range r.stages {
		for _, x := range s.cases {
			if why := s.judge[x]; why != "" {
				unsound[why] = true
			} else {
				ids[x.ID] = true
			}
		}
	}
	out.Cases, out.Unsound = len(ids), slices.Sorted(maps.Keys(unsound))
	if r.o.Full {
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			if r.kills[id] == 0 {
				out.Vacuous = append(out.Vacuous, id)
			}
		}
	}
	return out
}
