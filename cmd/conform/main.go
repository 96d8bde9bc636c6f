// Command conform checks real servers against contracts of session and token
// APIs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/specs"
)

// Exit codes.
const (
	exitOK          = 0
	exitFails       = 1   // the target does not conform
	exitUsage       = 2   // a flag, a target file or a contract that is wrong
	exitPreflight   = 3   // the target cannot be tested as it is: unreachable, wrong password
	exitStale       = 4   // the known failures are not true any more
	exitNothing     = 5   // no case was carried out
	exitInterrupted = 130 // Ctrl-C, after cleaning up
)

// exit is an error with its exit code. An empty text has been said already.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

func main() {
	// A run lives for seconds and ends: the collector may let the heap grow to
	// five times what lives, which is 250 MB for all that ships. More spares little,
	// for memory that is new costs as much as memory that is collected. GOGC, where it
	// is set, is obeyed.
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(400)
	}
	hush()
	ctx, stop := interrupts(os.Stderr, os.Exit)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// hush closes the standard logger. The one who writes to it is net/http, about
// servers that send more than they announced, and it quotes what they sent: no
// masker sees that, and no option turns it off.
func hush() { log.SetOutput(io.Discard) }

// interrupts is a context that the first Ctrl-C ends: the case under way cleans
// up and the reports are written. The second one ends the process.
func interrupts(stderr io.Writer, end func(code int)) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
		fmt.Fprintln(stderr, "\nconform: stopping after the request under way, and cleaning up; Ctrl-C again ends at once")
		cancel()
		<-signals
		end(exitInterrupted)
	}()
	return ctx, cancel
}

// app is a command's view of the process.
type app struct {
	args           []string
	environ        []string
	stdout, stderr io.Writer
}

func (a *app) lookupEnv(name string) (string, bool) {
	for i := len(a.environ) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(a.environ[i], "="); ok && k == name {
			return v, true
		}
	}
	return "", false
}

func (a *app) getenv(name string) string {
	v, _ := a.lookupEnv(name)
	return v
}

// run is main without the process: arguments, environment and streams are
// handed in, and the exit code is returned.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	a := &app{args: args, environ: environ, stdout: stdout, stderr: stderr}
	root := &cobra.Command{
		Use:   "conform",
		Short: "Check servers against contracts of session and token APIs",
		Long: `conform checks that a server does what its contract promises: it logs in,
refreshes, logs out, presents expired and revoked tokens, and compares every
answer with the documentation. What it opens it closes again.

  conform server SYSTEM --url URL         check a server
  conform doctor SYSTEM --url URL         can it be tested? say what is wrong, and stop
  conform init SYSTEM -o target.yaml      begin a file about a server: accounts, budgets
  conform list SYSTEM                     what would be checked
  conform explain ID                      one case: its rule, and how it is caused
  conform replay ID --config target.yaml  one case again, with every request and answer

A mock of ours needs no file: start "mockauth serve", and try
"conform server --url http://127.0.0.1:4010".

Exit codes: 0 conforms, 1 does not, 2 usage, target file or contract is wrong,
3 the server cannot be tested as it is (unreachable, wrong password),
4 the known failures are out of date, 5 no case ran, 130 interrupted.`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetContext(ctx)
	root.AddCommand(
		a.serverCommand(), a.clientCommand(), a.driverCommand(), a.doctorCommand(), a.initCommand(), a.listCommand(), a.explainCommand(),
		a.replayCommand(), a.baselineCommand(), a.cleanupCommand(), a.mutateCommand(), a.schemaCommand(), a.versionCommand(),
	)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return plain(err) })
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var e exit
	if !errors.As(err, &e) {
		e = exit{exitUsage, fmt.Errorf("%w\nTry: %s --help", err, cmd.CommandPath())}
	}
	var findings specs.Findings
	switch {
	case errors.As(e.err, &findings):
		fmt.Fprintf(stderr, "conform: %s\n%v\n", count(len(findings), "finding"), e.err)
	case e.err != nil:
		fmt.Fprintf(stderr, "conform: %v\n", e.err)
	}
	return e.code
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// plain takes the words of Go's parsers out of an error about a flag.
func plain(err error) error {
	text, _, found := strings.Cut(err.Error(), ": strconv.")
	if !found {
		text, _, found = strings.Cut(err.Error(), ": time: ")
		if found {
			text += "; a duration is written 500ms, 10s or 2m"
		}
	}
	if !found {
		return err
	}
	return errors.New(text)
}
