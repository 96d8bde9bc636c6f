package driver

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// longestLine bounds one line of a driver.
const longestLine = 4 << 20

const (
	startPatience = 20 * time.Second // until it is ready: a virtual machine on a busy computer
	stopPatience  = 2 * time.Second  // until it has ended after it was told to stop
	// drainPatience is how long the streams of a process that has ended are still
	// read: something that it started, and that has left its group, may hold them
	// open.
	drainPatience = 200 * time.Millisecond
)

// DeadError is the error of a driver that is of no use any more: another one
// must be started.
type DeadError struct {
	// Silent: it did not answer in time, and was ended. Else it ended by itself, or
	// said what is no answer.
	Silent bool
	Why    string
}

func (e *DeadError) Error() string { return e.Why }

// Exec starts drivers that are programs: args are the command and its arguments,
// no shell reads them; dir is where it runs ("": here), environ its environment
// (nil: this process's).
func Exec(args []string, system, dir string, environ []string) Start {
	return func(ctx context.Context) (Driver, error) {
		if len(args) == 0 {
			return nil, errors.New("no command is given: conform client SYSTEM --driver -- COMMAND ARGUMENT")
		}
		d, err := begin(args, dir, environ)
		if err != nil {
			return nil, err
		}
		if err := d.hello(ctx, system); err != nil {
			_ = d.Close(context.WithoutCancel(ctx))
			return nil, err
		}
		return d, nil
	}
}

// program is a driver that is a process.
type program struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *tap
	lines  chan string // of stdout; closed at its end
	long   bool        // a line had no end; known when lines is closed
	ended  chan struct{}
	how    error // of the process; known when ended is closed
	about  About
	dead   *DeadError
	lawful checker
}

// begin starts the process. Its streams are pipes of ours, and not of os/exec,
// whose Wait would wait for all who hold them.
func begin(args []string, dir string, environ []string) (*program, error) {
	cmd := exec.Command(args[0], args[1:]...) //nolint:gosec,noctx // the user's own command; Close ends it and what it started
	cmd.Dir, cmd.Env = dir, environ
	group(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stderr, errs, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, stdout.Close(), out.Close())
	}
	cmd.Stdout, cmd.Stderr = out, errs
	err = cmd.Start()
	_, _ = out.Close(), errs.Close() // they are the process's
	if err != nil {
		_, _, _ = stdout.Close(), stderr.Close(), stdin.Close()
		return nil, fmt.Errorf("the driver does not start: %w", err)
	}
	d := &program{cmd: cmd, stdin: stdin, stderr: newTap(stderr), lines: make(chan string, 1), ended: make(chan struct{})}
	go d.read(stdout)
	go func() {
		d.how = cmd.Wait()
		kill(cmd) // whatever it has left behind
		time.AfterFunc(drainPatience, func() { _, _ = stdout.Close(), stderr.Close() })
		close(d.ended)
	}()
	return d, nil
}

// read hands the lines of stdout on.
func (d *program) read(stdout *os.File) {
	defer close(d.lines)
	s := bufio.NewScanner(stdout)
	s.Buffer(make([]byte, 0, 64<<10), longestLine)
	for s.Scan() {
		if line := strings.TrimSpace(s.Text()); line != "" {
			d.lines <- line
		}
	}
	if d.long = errors.Is(s.Err(), bufio.ErrTooLong); d.long { // nothing after it is a message
		kill(d.cmd)
	}
}

// hello is the first exchange. A driver that is not ready after it has not
// started, whatever else is wrong with it.
func (d *program) hello(ctx context.Context, system string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	started := time.Now()
	line, err := d.ask(ctx, map[string]any{"cmd": "start", "protocol": Protocol, "system": system})
	var dead *DeadError
	switch {
	case errors.As(err, &dead) && dead.Silent:
		return fmt.Errorf("the driver does not start: it did not say within %s that it is ready, and was ended%s", time.Since(started).Round(100*time.Millisecond), d.last())
	case err != nil:
		return fmt.Errorf("the driver does not start: %s", err.Error())
	}
	var m struct {
		Ready    bool     `json:"ready"`
		Protocol int      `json:"protocol"`
		Client   About    `json:"client"`
		Does     []string `json:"does"`
		Systems  []string `json:"systems"`
	}
	if problems := d.lawful.check(line, "ready"); len(problems) > 0 {
		kill(d.cmd)
		return fmt.Errorf("the driver does not say that it is ready: %s\nIt said: %s", strings.Join(problems, "; "), clip(line))
	}
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		return fmt.Errorf("the driver does not say that it is ready: %w", err)
	}
	d.about = m.Client
	d.about.Does, d.about.Systems = m.Does, m.Systems
	return nil
}

// ask sends a message and waits for the next line.
func (d *program) ask(ctx context.Context, message any) (string, error) {
	if d.dead != nil {
		return "", d.dead
	}
	b, err := json.Marshal(message)
	if err != nil {
		return "", err
	}
	go func() { // a driver that does not read must not hold the runner up
		_, _ = d.stdin.Write(append(b, '\n')) // what went wrong is seen in its end
	}()
	select {
	case line, ok := <-d.lines:
		if !ok {
			return "", d.die(false, d.ending())
		}
		return line, nil
	case <-ctx.Done():
		kill(d.cmd)
		return "", d.die(true, "the driver did not answer in time, and was ended"+d.last())
	}
}

func (d *program) die(silent bool, why string) *DeadError {
	d.dead = &DeadError{Silent: silent, Why: why}
	return d.dead
}

// ending says how stdout came to its end.
func (d *program) ending() string {
	if d.long {
		return fmt.Sprintf("the driver wrote a line of more than %d MiB, and was ended", longestLine>>20)
	}
	late := time.NewTimer(drainPatience)
	defer late.Stop()
	select {
	case <-d.ended:
	case <-late.C:
		kill(d.cmd)
		return "the driver closed its stdout before it answered, and was ended" + d.last()
	}
	how := "exit status 0"
	if d.how != nil {
		how = d.how.Error()
	}
	return "the driver ended before it answered (" + how + ")" + d.last()
}

// last is the last thing that it said on stderr.
func (d *program) last() string {
	d.stderr.sync()
	return lastLine(d.stderr.to.peek())
}

// About is known from the start.
func (d *program) About() About { return d.about }

// Run sends a task and reads the report.
func (d *program) Run(ctx context.Context, t *Task) (*Report, error) {
	line, err := d.ask(ctx, struct {
		Cmd string `json:"cmd"`
		*Task
	}{"run", t})
	if err != nil {
		return nil, err
	}
	wrong := func(why string) (*Report, error) {
		kill(d.cmd)
		return nil, d.die(false, why)
	}
	if problems := d.lawful.check(line, "report", "skipped", "errored"); len(problems) > 0 {
		return wrong("the driver said what is no report: " + strings.Join(problems, "; ") + "; it said: " + clip(line))
	}
	var m struct {
		Seq int `json:"seq"`
		Report
	}
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		return wrong("the driver said what is no report: " + err.Error() + "; it said: " + clip(line))
	}
	if m.Seq != t.Seq {
		return wrong(fmt.Sprintf("the driver answered seq %d, and was asked %d", m.Seq, t.Seq))
	}
	return &m.Report, nil
}

// Output is what it wrote to stderr since: all that it wrote before its last
// answer is in it.
func (d *program) Output() string {
	d.stderr.sync()
	return d.stderr.to.take()
}

// Close tells it to stop, and ends it if it does not.
func (d *program) Close(ctx context.Context) error {
	b, _ := json.Marshal(map[string]string{"cmd": "stop"}) //nolint:errchkjson // a text
	go func() {                                            // see ask
		_, _ = d.stdin.Write(append(b, '\n'))
		_ = d.stdin.Close()
	}()
	late := time.NewTimer(stopPatience)
	defer late.Stop()
	lines, ended, done := d.lines, d.ended, ctx.Done()
	for lines != nil || ended != nil {
		select {
		case _, ok := <-lines: // what it still says is read, so that it can end
			if !ok {
				lines = nil
			}
		case <-ended:
			ended = nil
			late.Reset(stopPatience) // where pipes have no deadline, somebody may hold it open
		case <-late.C:
			if ended == nil {
				return nil
			}
			kill(d.cmd)
		case <-done:
			kill(d.cmd)
			done = nil
		}
	}
	return nil
}
