package suite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/formatter"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/specs"
)

// fake is a Runner that answers from a table.
type fake struct {
	mu     sync.Mutex
	status map[string]conformance.Status
	ran    []string
	closed int
	// during is called in the middle of a case.
	during func(ctx context.Context, id string)
}

func (f *fake) Run(ctx context.Context, c *conformance.Case) conformance.Verdict {
	f.mu.Lock()
	f.ran = append(f.ran, c.ID)
	f.mu.Unlock()
	v := conformance.Verdict{Info: c.Info, Status: conformance.Passed}
	if s := f.status[c.ID]; s != "" {
		v.Status = s
	}
	if v.Status == conformance.Failed {
		v.Mismatches = []conformance.Mismatch{
			{In: "status", Wanted: "401", Got: "200", Severity: conformance.Must},
			{In: "body", Pointer: "/code", Wanted: "expired", Got: "nothing", Severity: conformance.Must},
		}
	}
	if f.during != nil {
		f.during(ctx, c.ID)
	}
	if ctx.Err() != nil {
		v.Status = conformance.Interrupted
	}
	return v
}

func (f *fake) Used() conformance.Used {
	return conformance.Used{Requests: len(f.ran), Sessions: len(f.ran), Closed: len(f.ran) - 1, Left: 1}
}

func (f *fake) Close(context.Context) int { f.closed++; return 0 }

// planned is a plan of n cases, ten an operation.
func planned(n int) *conformance.Plan {
	u := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	p := &conformance.Plan{Contract: &specs.Contract{Name: "demo"}, Target: &conformance.Target{URL: u}}
	for i := range n {
		op := fmt.Sprintf("operation%d", i/10)
		p.Cases = append(p.Cases, &conformance.Case{Info: conformance.Info{
			ID: fmt.Sprintf("demo.%s.outcome%d", op, i%10), Title: "it does what it says", Operation: op,
			Kind: "answer", Severity: conformance.Severity(i % 3), Outcome: fmt.Sprintf("outcome%d", i%10),
			Rule: conformance.Rule{File: "openapi.yaml", Line: i},
		}})
	}
	return p
}

func ids(p *conformance.Plan) []string {
	var out []string
	for _, c := range p.Cases {
		out = append(out, c.ID)
	}
	return out
}

func run(t *testing.T, p *conformance.Plan, cfg Config) *conformance.Result {
	t.Helper()
	r, err := Run(t.Context(), p, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func BenchmarkRunOf1500Cases(b *testing.B) {
	p := planned(1500)
	for _, failing := range []string{"none fails", "all fail"} {
		b.Run(failing, func(b *testing.B) {
			f := &fake{status: map[string]conformance.Status{}}
			if failing == "all fail" {
				for _, id := range ids(p) {
					f.status[id] = conformance.Failed
				}
			}
			for b.Loop() {
				if _, err := Run(context.Background(), p, Config{Runner: f}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1500, "µs/case")
		})
	}
}

func TestVerdictsStandInTheOrderOfThePlan(t *testing.T) {
	p := planned(100)
	for _, seed := range []int64{0, 1, 2} {
		f := &fake{}
		r := run(t, p, Config{Runner: f, Seed: seed})
		var got []string
		for _, v := range r.Verdicts {
			got = append(got, v.ID)
			if v.Status != conformance.Passed {
				t.Errorf("seed %d: %s is %s", seed, v.ID, v.Status)
			}
		}
		if !slices.Equal(got, ids(p)) {
			t.Errorf("seed %d: verdicts are in the order %v", seed, got)
		}
		if inOrder := slices.Equal(f.ran, ids(p)); inOrder != (seed == 0) {
			t.Errorf("seed %d: ran in the order of the plan: %v", seed, inOrder)
		}
		if f.closed == 0 || r.Used.Left != 1 || r.Seed != seed || !r.Conforms() {
			t.Errorf("seed %d: closed %d, %+v, seed %d, conforms %v", seed, f.closed, r.Used, r.Seed, r.Conforms())
		}
	}
}

func TestOneSeedIsOneOrder(t *testing.T) {
	p := planned(50)
	a, b := &fake{}, &fake{}
	run(t, p, Config{Runner: a, Seed: 7})
	run(t, p, Config{Runner: b, Seed: 7})
	if !slices.Equal(a.ran, b.ran) {
		t.Errorf("%v\n%v", a.ran, b.ran)
	}
}

func TestFailFastEndsAtTheFirstFailure(t *testing.T) {
	p := planned(30)
	f := &fake{status: map[string]conformance.Status{p.Cases[3].ID: conformance.Failed}}
	r := run(t, p, Config{Runner: f, FailFast: true})
	if len(f.ran) != 4 || r.Interrupted || r.Conforms() {
		t.Errorf("ran %v, interrupted %v", f.ran, r.Interrupted)
	}
	if c := r.Counts(); c[conformance.Passed] != 3 || c[conformance.Failed] != 1 || c[conformance.Interrupted] != 26 {
		t.Errorf("%v", c)
	}
	if why := r.Verdicts[29].Why; !strings.Contains(why, "first failure") {
		t.Errorf("why: %s", why)
	}
}

// The context ends in the middle of a case: that one cleans up, no other
// begins, and the result is whole.
func TestAnInterruptEndsTheRunAfterTheCase(t *testing.T) {
	p := planned(30)
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{during: func(spec context.Context, id string) {
		if id == p.Cases[5].ID {
			cancel()
			<-spec.Done()
		}
	}}
	r, err := Run(ctx, p, Config{Runner: f})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.ran) != 6 || !r.Interrupted || f.closed == 0 || len(r.Verdicts) != 30 || r.Counts()[conformance.Interrupted] != 25 {
		t.Errorf("ran %d, %v, interrupted %v, closed %d", len(f.ran), r.Counts(), r.Interrupted, f.closed)
	}
}

func TestKnownFailuresAreApplied(t *testing.T) {
	p := planned(10)
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f := &fake{status: map[string]conformance.Status{p.Cases[0].ID: conformance.Failed, p.Cases[1].ID: conformance.NotTestable}}
	var seen []conformance.Status
	r := run(t, p, Config{Runner: f, Progress: func(v conformance.Verdict) { seen = append(seen, v.Status) }, Options: conformance.Options{
		Now: func() time.Time { return day.AddDate(0, 0, 2) },
		Known: []conformance.KnownCase{
			{ID: p.Cases[0].ID, Reason: "old"}, {ID: p.Cases[1].ID, Reason: "older", Expires: &day}, {ID: p.Cases[2].ID}, {ID: "demo.nothing"},
		},
	}})
	want := []conformance.Status{conformance.Known, conformance.Known, conformance.Fixed}
	if got := seen[:3]; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if len(r.Stale) != 2 || r.Conforms() {
		t.Errorf("%q", r.Stale)
	}
}

func TestNothingIsWrittenAndGinkgoIsLeftAsItWas(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, colored := os.Stdout, os.Stderr, formatter.ColorableStdOut
	os.Stdout, os.Stderr = write, write
	p := planned(20)
	suiteBefore, reporterBefore := ginkgo.GinkgoConfiguration()
	r, err := Run(t.Context(), p, Config{Seed: 5, Runner: &fake{status: map[string]conformance.Status{p.Cases[0].ID: conformance.Failed}}})
	os.Stdout, os.Stderr = stdout, stderr
	write.Close()
	var said [100]byte
	if n, _ := read.Read(said[:]); n > 0 {
		t.Errorf("it says %q", said[:n])
	}
	if err != nil || r.Counts()[conformance.Failed] != 1 {
		t.Errorf("%v, %v", r, err)
	}
	suiteAfter, reporterAfter := ginkgo.GinkgoConfiguration()
	if fmt.Sprint(suiteBefore, reporterBefore) != fmt.Sprint(suiteAfter, reporterAfter) || formatter.ColorableStdOut != colored {
		t.Errorf("Ginkgo's configuration was %v, is %v", suiteBefore, suiteAfter)
	}
}

func TestRunsAtTheSameTimeWaitForOneAnother(t *testing.T) {
	p := planned(20)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			f := &fake{}
			r, err := Run(context.Background(), p, Config{Runner: f})
			if err != nil || len(f.ran) != 20 || !r.Conforms() {
				t.Errorf("ran %d, %v", len(f.ran), err)
			}
		})
	}
	wg.Wait()
}

// Ginkgo leaves a goroutine and a handler of interrupts a run (two, with the one
// that restores its configuration); nothing else may stay.
func TestARunLeavesNoGoroutineOfOurs(t *testing.T) {
	p := planned(50)
	run(t, p, Config{Runner: &fake{}})
	before := runtime.NumGoroutine()
	for range 10 {
		run(t, p, Config{Runner: &fake{}})
	}
	// They end a moment after the run; on a busy machine that takes its time.
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine()-before > 20 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine() - before; n > 20 {
		t.Errorf("%d goroutines stay after 10 runs", n)
	}
}

func TestNothingToRunIsAnError(t *testing.T) {
	p := planned(20)
	for name, c := range map[string]struct {
		plan   *conformance.Plan
		filter Filter
		is     error
		says   string
	}{
		"no cases":               {planned(0), Filter{}, ErrNothing, "the contract has none"},
		"nothing fits":           {p, Filter{Focus: []string{"nothing like it"}}, ErrNothing, "focus nothing like it"},
		"an expression breaks":   {p, Filter{Focus: []string{"("}}, ErrFilter, "--focus ("},
		"labels break":           {p, Filter{Labels: "a &&"}, ErrFilter, "an example that works"},
		"an empty focus":         {p, Filter{Focus: []string{""}}, ErrFilter, "empty"},
		"all of it is held back": {p, Filter{Skip: []string{"demo"}}, ErrNothing, "skip demo"},
	} {
		_, err := Run(t.Context(), c.plan, Config{Runner: &fake{}, Filter: c.filter})
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
