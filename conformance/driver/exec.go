package driver

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
)

// longestLine bounds one line of a driver.
const longestLine = 4 << 20

// patience is how long a driver may take to say that it is ready, and to end
// after it was told to.
const (
	startPatience = 20 * time.Second // a virtual machine on a busy computer
	stopPatience  = 2 * time.Second
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
			return nil, errors.New("no command is given: conform client SYSTEM --driver -- COMMAND ARGUMENT...")
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
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string // of stdout; closed at its end
	ended chan struct{}
	how   error // of the process; known when ended is closed
	wrote *output
	about About
	dead  *DeadError
}

// begin starts the process.
func begin(args []string, dir string, environ []string) (*program, error) {
	cmd := exec.Command(args[0], args[1:]...) //nolint:gosec,noctx // the user's own command; Close ends it and what it started
	cmd.Dir, cmd.Env = dir, environ
	group(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d := &program{name: args[0], cmd: cmd, stdin: stdin, lines: make(chan string, 1), ended: make(chan struct{}), wrote: &output{}}
	cmd.Stderr = d.wrote
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("the driver does not start: %w", err)
	}
	go d.read(stdout)
	return d, nil
}

// read hands the lines of stdout on, and waits for the process at their end.
func (d *program) read(stdout io.Reader) {
	s := bufio.NewScanner(stdout)
	s.Buffer(make([]byte, 0, 64<<10), longestLine)
	for s.Scan() {
		if line := strings.TrimSpace(s.Text()); line != "" {
			d.lines <- line
		}
	}
	if s.Err() != nil { // a line without end: nothing after it is a message
		kill(d.cmd)
		_, _ = io.Copy(io.Discard, stdout)
	}
	d.how = d.cmd.Wait()
	close(d.ended)
	close(d.lines)
}

// hello is the first exchange.
func (d *program) hello(ctx context.Context, system string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	line, err := d.ask(ctx, map[string]any{"cmd": "start", "protocol": Protocol, "system": system})
	if err != nil {
		return err
	}
	var m struct {
		Ready    bool     `json:"ready"`
		Protocol int      `json:"protocol"`
		Client   About    `json:"client"`
		Does     []string `json:"does"`
		Systems  []string `json:"systems"`
	}
	if problems := Check(line, "ready"); len(problems) > 0 {
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
	written := make(chan error, 1)
	go func() { // a driver that does not read must not hold the runner up
		_, err := d.stdin.Write(append(b, '\n'))
		written <- err
	}()
	for {
		select {
		case err := <-written:
			if written = nil; err != nil {
				continue // its end says more
			}
		case line, ok := <-d.lines:
			if !ok {
				return "", d.die(false, "the driver ended before it answered ("+d.ending()+")"+d.last())
			}
			return line, nil
		case <-ctx.Done():
			kill(d.cmd)
			return "", d.die(true, "the driver did not answer in time, and was ended"+d.last())
		}
	}
}

func (d *program) die(silent bool, why string) *DeadError {
	d.dead = &DeadError{Silent: silent, Why: why}
	return d.dead
}

func (d *program) ending() string {
	<-d.ended
	if d.how != nil {
		return d.how.Error()
	}
	return "exit status 0"
}

// last is the last thing that it said on stderr.
func (d *program) last() string {
	text := strings.TrimSpace(d.wrote.peek())
	if text == "" {
		return ""
	}
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return ": " + clip(text)
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
	if problems := Check(line, "report", "skipped", "errored"); len(problems) > 0 {
		kill(d.cmd)
		return nil, d.die(false, "the driver said what is no report: "+strings.Join(problems, "; ")+"; it said: "+clip(line))
	}
	var m struct {
		Seq int `json:"seq"`
		Report
	}
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		return nil, d.die(false, "the driver said what is no report: "+err.Error())
	}
	if m.Seq != t.Seq {
		kill(d.cmd)
		return nil, d.die(false, fmt.Sprintf("the driver answered seq %d, and was asked %d", m.Seq, t.Seq))
	}
	return &m.Report, nil
}

// Output is what it wrote to stderr since.
func (d *program) Output() string { return d.wrote.take() }

// Close tells it to stop, and ends it if it does not.
func (d *program) Close(ctx context.Context) error {
	b, _ := json.Marshal(map[string]string{"cmd": "stop"})
	go func() { // see ask
		_, _ = d.stdin.Write(append(b, '\n'))
		_ = d.stdin.Close()
	}()
	late := time.NewTimer(stopPatience)
	defer late.Stop()
	for {
		select {
		case <-d.lines: // what it still says is read, so that it can end
		case <-d.ended:
			kill(d.cmd) // whatever it has started
			return nil
		case <-late.C:
			kill(d.cmd)
		case <-ctx.Done():
			kill(d.cmd)
			ctx = context.Background()
		}
	}
}

// output collects what a client writes: the first and the last bytes of it.
type output struct {
	mu sync.Mutex
	b  []byte
}

// mostOutput bounds what is kept of the output of one task.
const mostOutput = 4 << 20

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := mostOutput - len(o.b); room > 0 {
		o.b = append(o.b, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (o *output) peek() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(bytes.ToValidUTF8(o.b, nil))
}

func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := string(bytes.ToValidUTF8(o.b, nil))
	o.b = nil
	return text
}

// clip is a line for a message.
func clip(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}
