// Command mockauth serves contracts of session and token APIs as fake backends.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/specs"
)

// Exit codes.
const (
	exitOK       = 0
	exitFindings = 1 // validate: the contract is wrong
	exitUsage    = 2 // a flag, a file or a contract that does not load
	exitServe    = 1 // serve: the port is taken, and the like
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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process: arguments, environment and streams are
// handed in, and the exit code is returned.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:   "mockauth",
		Short: "Fake backends for session and token APIs, from their contracts",
		Long: `mockauth is a fake backend that keeps sessions: it logs in, issues, checks,
refreshes, expires and revokes tokens as a contract says. Six contracts ship
with it; a seventh is an OpenAPI file of your own.

  mockauth serve                     all six, on http://127.0.0.1:4010
  mockauth serve SYSTEM              one
  mockauth serve ./my-api            your own
  mockauth accounts                  who can log in, and what each is for
  mockauth validate my-api.yaml      what is wrong with a contract`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetContext(ctx)
	root.AddCommand(serveCommand(environ), validateCommand(), accountsCommand(), schemaCommand(), versionCommand())
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
		fmt.Fprintf(stderr, "mockauth: the contract does not load: %s\n%v\n", count(len(findings)), e.err)
	case e.err != nil:
		fmt.Fprintf(stderr, "mockauth: %v\n", e.err)
	}
	return e.code
}

// count is a number of findings in words.
func count(n int) string {
	if n == 1 {
		return "1 finding"
	}
	return fmt.Sprintf("%d findings", n)
}

// plain takes the words of Go's number parser out of an error about a flag.
func plain(err error) error {
	text, _, found := strings.Cut(err.Error(), ": strconv.")
	if !found {
		return err
	}
	return errors.New(text)
}
