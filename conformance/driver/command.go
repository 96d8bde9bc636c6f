package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/mockauth/mockauth/internal/value"
)

// Command starts drivers that need no adapter: whatever a client is told, the
// command is run from its beginning to its end, in a world of the case. It is
// asked for nothing but its exit status.
//
// Where it finds its server stands in its environment, beside environ (nil: this
// process's) — MOCKAUTH_BASE_URL, MOCKAUTH_ORIGIN, MOCKAUTH_CASE,
// MOCKAUTH_ACCOUNT and MOCKAUTH_ACCOUNTS (JSON), and MOCKAUTH_ACCOUNT_FIELD for
// each field of the account — and in the arguments, where {{base_url}},
// {{origin}}, {{case}} and {{account.FIELD}} stand for them. No shell reads them.
func Command(args []string, dir string, environ []string) Start {
	return func(context.Context) (Driver, error) {
		if len(args) == 0 {
			return nil, errors.New("no command is given: conform client SYSTEM -- COMMAND ARGUMENT")
		}
		if err := findable(args[0], dir); err != nil {
			return nil, fmt.Errorf("the command does not start: %w", err)
		}
		return &command{args: args, dir: dir, environ: environ, wrote: &output{}}, nil
	}
}

// findable says why a command cannot be found, before it is run in a hundred
// worlds; what only each of them knows is not looked at.
func findable(name, dir string) error {
	if placeholder.MatchString(name) {
		return nil
	}
	if dir != "" && !filepath.IsAbs(name) && filepath.Base(name) != name {
		name = filepath.Join(dir, name)
	}
	_, err := exec.LookPath(name)
	return err
}

// OneShot reports whether a driver runs a whole session for whatever it is told,
// so that it has none to go on with.
func OneShot(d Driver) bool {
	_, ok := d.(*command)
	return ok
}

type command struct {
	args    []string
	dir     string
	environ []string
	wrote   *output
}

func (d *command) About() About {
	return About{Name: d.args[0], Does: []string{Login, Call}, Note: "a command that is run as a whole"}
}

// Run runs the command, once.
func (d *command) Run(ctx context.Context, t *Task) (*Report, error) {
	values := variables(t)
	args := make([]string, len(d.args))
	for i, a := range d.args {
		var err error
		if args[i], err = fill(a, values); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(args[0], args[1:]...) //nolint:gosec,noctx // the user's own command; it is ended with what it started, below
	cmd.Dir, cmd.Env = d.dir, d.environ
	if cmd.Env == nil {
		cmd.Env = cmd.Environ()
	}
	for _, name := range sorted(values) {
		cmd.Env = append(cmd.Env, "MOCKAUTH_"+variable(name)+"="+values[name])
	}
	group(cmd)
	said := &output{}
	both := io.MultiWriter(d.wrote, said)
	cmd.Stdout, cmd.Stderr = both, both // one pipe: what was written first is read first
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("the command does not start: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	select {
	case err = <-done:
		kill(cmd) // whatever it has left behind
	case <-ctx.Done():
		kill(cmd)
		<-done //nolint:errcheck // it was killed; WaitDelay bounds this
		return nil, &DeadError{Silent: true, Why: "the command did not end in time, and was ended"}
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it has ended well; what it started holds its stdout open
	}
	out := &Report{}
	for range t.Steps {
		r := StepResult{OK: err == nil}
		if err != nil {
			r.Error = &Error{Message: strings.TrimSpace(err.Error() + lastLine(said.peek()))}
		}
		out.Steps = append(out.Steps, r)
	}
	return out, nil
}

// Output is what it wrote since.
func (d *command) Output() string { return d.wrote.take() }

// Close has nothing to end.
func (d *command) Close(context.Context) error { return nil }

// variables are what a command is told, by the name in arguments.
func variables(t *Task) map[string]string {
	account, _ := json.Marshal(t.Account)
	accounts, _ := json.Marshal(t.Accounts)
	out := map[string]string{
		"base_url": t.BaseURL, "origin": t.Origin, "case": t.Case,
		"account": string(account), "accounts": string(accounts),
	}
	for name, v := range t.Account {
		if text, ok := value.Text(v); ok {
			out["account."+name] = text
		}
	}
	return out
}

// variable is the name of an environment variable: account.userName is
// ACCOUNT_USER_NAME.
func variable(name string) string {
	var b strings.Builder
	last := '_'
	for _, r := range name {
		switch {
		case unicode.IsUpper(r) && unicode.IsLower(last):
			b.WriteByte('_')
			b.WriteRune(r)
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(unicode.ToUpper(r))
		default:
			b.WriteByte('_')
		}
		last = r
	}
	return b.String()
}

// fill replaces what stands in {{…}}.
func fill(text string, values map[string]string) (string, error) {
	var bad error
	out := placeholder.ReplaceAllStringFunc(text, func(m string) string {
		name := strings.TrimSpace(m[2 : len(m)-2])
		v, ok := values[name]
		if !ok {
			bad = fmt.Errorf("the argument %q has {{%s}}, and there is no such thing: %s", text, name, strings.Join(sorted(values), ", "))
		}
		return v
	})
	return out, bad
}

var placeholder = regexp.MustCompile(`\{\{[^{}]*\}\}`)
