package suite

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// Several processes carry one plan out. Ginkgo's own way to do that is its
// command line tool, which starts compiled test binaries, owns the terminal and
// talks to them over a port; its server is internal. Here the parent starts the
// processes, each runs Ginkgo on the same plan in the same order, and before
// each case it asks the parent whether the case is still to be had. They talk
// through stdin and stdout, a JSON object a line: no port, no token, no file,
// and when the parent dies its workers see the end of stdin and clean up.

// fromWorker is what a worker says: one of the members.
type fromWorker struct {
	Claim   string               `json:"claim,omitempty"` // may I run this case?
	Verdict *conformance.Verdict `json:"verdict,omitempty"`
	Done    *workerDone          `json:"done,omitempty"`
}

type workerDone struct {
	Used conformance.Used `json:"used"`
	// Error is why it could not run at all.
	Error string `json:"error,omitempty"`
}

// toWorker is the answer to a claim, or the order to stop.
type toWorker struct {
	Stop    bool `json:"stop,omitempty"`
	Granted bool `json:"granted,omitempty"`
	// Taken are the cases that others have claimed since the last answer, so that
	// it need not ask for them: a run costs a question a case, not a question a
	// case and process.
	Taken []string `json:"taken,omitempty"`
}

// longestLine bounds what one line may hold: a verdict with a few dozen
// exchanges of 16 KiB each way.
const longestLine = 64 << 20

// stopping is how long workers may clean up before they are killed: what they
// take themselves, and time to say so.
const stopping = patience + 5*time.Second

// RunParallel is Run in several processes. command makes the command that
// starts process n, from 1: usually this binary with the same arguments and one
// that makes it call Work with the same plan. Its stdin, stdout and stderr are
// RunParallel's. cfg.Runner is not used; Options.Process and Processes are the
// worker's to set.
//
// When ctx ends, the workers are told to stop, clean up and end. One that ends
// by itself fails the case that it had.
func RunParallel(ctx context.Context, plan *conformance.Plan, cfg Config, processes int, command func(process int) *exec.Cmd) (*conformance.Result, error) {
	cases, err := choose(plan, cfg.Filter)
	if err != nil {
		return nil, err
	}
	if processes < 1 {
		return nil, fmt.Errorf("%d processes cannot run; one or more can", processes)
	}
	result := begin(plan, cfg, len(cases))
	started := time.Now()
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &parent{
		course: &course{cfg: cfg, ctx: ctx, known: entries(cfg.Options.Known), verdicts: map[string]conformance.Verdict{}},
		stop:   cancel,
		cases:  map[string]*conformance.Case{},
		taken:  map[string]bool{},
		most:   plan.Target.Budgets.WrongPasswords,
	}
	for _, k := range cases {
		p.cases[k.ID] = k
	}
	var wg sync.WaitGroup
	for n := 1; n <= min(processes, len(cases)); n++ {
		wg.Go(func() {
			if err := p.worker(working, n, command(n)); err != nil {
				p.fail(fmt.Errorf("process %d of %d: %w", n, processes, err))
			}
		})
	}
	wg.Wait()
	if p.err != nil {
		return nil, p.err
	}
	p.course.finish(result, plan, cases)
	result.Used = p.used
	result.Seconds = time.Since(started).Seconds()
	return result, nil
}

// parent is the side that gives out the cases.
type parent struct {
	stop context.CancelFunc

	mu     sync.Mutex // of all below
	course *course
	cases  map[string]*conformance.Case
	taken  map[string]bool
	order  []string // taken, in order
	most   int      // wrong passwords, in all processes together; 0: no limit
	wrong  int      // those of the cases that were given out
	used   conformance.Used
	err    error
}

// fail ends the run with an error.
func (p *parent) fail(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.mu.Unlock()
	p.stop()
}

// grant answers a claim of a worker who knows the first `known` claims, and
// returns how many it then knows.
func (p *parent) grant(id string, known int) (toWorker, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, ours := p.cases[id]
	answer := toWorker{Granted: ours && !p.taken[id], Taken: p.order[known:len(p.order):len(p.order)]}
	if !answer.Granted {
		return answer, len(p.order)
	}
	p.taken[id] = true
	p.order = append(p.order, id)
	if p.course.silence.over() {
		answer.Granted = false
		p.note(p.course.silence.verdict(k))
		return answer, len(p.order)
	}
	if k.Excluded != "" {
		return answer, len(p.order)
	}
	// An account that is locked is locked for all processes: no worker can count
	// these alone.
	if p.most > 0 && p.wrong+k.Wrong > p.most && k.Wrong > 0 {
		answer.Granted = false
		p.course.note(conformance.Verdict{Info: k.Info, Status: conformance.Excluded, Why: fmt.Sprintf("the budget of %d wrong passwords is used up", p.most)})
		return answer, len(p.order)
	}
	p.wrong += k.Wrong
	return answer, len(p.order)
}

// verdict notes what a worker found.
func (p *parent) verdict(v conformance.Verdict) {
	p.mu.Lock()
	p.note(v)
	end := p.course.cfg.FailFast && p.course.failed
	p.mu.Unlock()
	if end {
		p.stop()
	}
}

// note notes a verdict, excused if it is known to fail. The caller holds mu.
func (p *parent) note(v conformance.Verdict) {
	if e, ok := p.course.known[v.ID]; ok {
		v = conformance.Excuse(v, e, p.course.now())
	}
	p.course.note(v)
}

// done adds up what a worker did.
func (p *parent) done(u conformance.Used) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used.Requests += u.Requests
	p.used.WrongPasswords += u.WrongPasswords
	p.used.Sessions += u.Sessions
	p.used.Closed += u.Closed
	p.used.Left += u.Left
}

// worker runs one process to its end. The error is about a process that cannot
// start or run at all.
func (p *parent) worker(ctx context.Context, n int, cmd *exec.Cmd) error {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	said := &tail{}
	cmd.Stderr = said
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("it does not start: %w", err)
	}
	tell := &teller{w: stdin}
	// The order to stop, and the end of a worker that does not obey.
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-ended:
			return
		case <-ctx.Done():
			_ = tell.say(toWorker{Stop: true})
		}
		select {
		case <-ended:
		case <-time.After(stopping):
			_ = cmd.Process.Kill()
		}
	})
	has, finished, err := p.listen(stdout, tell)
	_ = stdin.Close()
	// What it still says is read, so that it can end.
	_, _ = io.Copy(io.Discard, stdout)
	how := ending(cmd)
	close(ended)
	watch.Wait()
	switch {
	case err != nil:
		return fmt.Errorf("%w%s", err, said)
	case finished:
		return nil
	case has != "":
		p.verdict(conformance.Verdict{
			Info: p.cases[has].Info, Status: conformance.Interrupted,
			Why: fmt.Sprintf("process %d ended while it ran (%s)%s", n, how, said),
		})
		return nil
	case ctx.Err() != nil:
		return nil //nolint:nilerr // it was told to end, and did
	default:
		return fmt.Errorf("it ended before it was done (%s)%s", how, said)
	}
}

// ending waits for a process, and says how it ended.
func ending(cmd *exec.Cmd) string {
	if err := cmd.Wait(); err != nil {
		return err.Error()
	}
	return "exit status 0"
}

// listen answers a worker until it is done. has is the case that it had claimed
// and not judged; finished is false if it ended without a word.
func (p *parent) listen(stdout io.Reader, tell *teller) (has string, finished bool, err error) {
	known := 0
	lines := bufio.NewScanner(stdout)
	lines.Buffer(make([]byte, 0, 64<<10), longestLine)
	for lines.Scan() {
		var m fromWorker
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return has, false, fmt.Errorf("it says what is no message: %.200q", lines.Text())
		}
		switch {
		case m.Claim != "":
			var answer toWorker
			answer, known = p.grant(m.Claim, known)
			if answer.Granted {
				has = m.Claim
			}
			_ = tell.say(answer) // if it has ended, Scan says so
		case m.Verdict != nil:
			has = ""
			p.verdict(*m.Verdict)
		case m.Done != nil:
			p.done(m.Done.Used)
			if m.Done.Error != "" {
				err = errors.New(m.Done.Error)
			}
			return has, true, err
		}
	}
	return has, false, nil
}

// teller writes messages, whole and one at a time.
type teller struct {
	mu sync.Mutex
	w  io.Writer
}

func (t *teller) say(m any) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err = t.w.Write(append(b, '\n'))
	return err
}

// tail keeps the end of what a worker says on stderr.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if n := len(t.b) - 4<<10; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(string(bytes.ToValidUTF8(t.b, nil)))
	if text == "" {
		return ""
	}
	return ": " + text
}

// Work is what a process does that RunParallel started: it runs the cases of
// the plan that the parent grants, and says on stdout what came of each. It
// stops, and cleans up, when ctx ends, when the parent says so, and when the
// parent is gone. The error is one of writing to the parent; whatever else goes
// wrong the parent is told.
//
// The goroutine that reads stdin ends with stdin, which the parent closes.
func Work(ctx context.Context, plan *conformance.Plan, cfg Config, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tell := &teller{w: stdout}
	answers := make(chan toWorker, 1)
	go func() {
		defer cancel()
		lines := bufio.NewScanner(stdin)
		lines.Buffer(make([]byte, 0, 64<<10), longestLine)
		for lines.Scan() {
			var m toWorker
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil || m.Stop {
				return
			}
			select {
			case answers <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	taken := map[string]bool{}
	cfg.claim = func(ctx context.Context, id string) bool {
		if taken[id] {
			return false
		}
		if err := tell.say(fromWorker{Claim: id}); err != nil {
			cancel()
			return false
		}
		select {
		case m := <-answers:
			for _, t := range m.Taken {
				taken[t] = true
			}
			return m.Granted
		case <-ctx.Done():
			return false
		}
	}
	cfg.Progress = func(v conformance.Verdict) {
		if err := tell.say(fromWorker{Verdict: &v}); err != nil {
			cancel()
		}
	}
	done := &workerDone{}
	if result, err := Run(ctx, plan, cfg); err != nil {
		done.Error = err.Error()
	} else {
		done.Used = result.Used
	}
	return tell.say(fromWorker{Done: done})
}

// Refuse tells the parent that this process cannot run at all, and why: the
// plan that the parent could make cannot be made here.
func Refuse(stdout io.Writer, why error) error {
	return (&teller{w: stdout}).say(fromWorker{Done: &workerDone{Error: why.Error()}})
}
