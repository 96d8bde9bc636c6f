//go:build unix

package driver_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance/driver"
)

func command(t *testing.T, dir string, environ []string, args ...string) driver.Driver {
	t.Helper()
	d, err := driver.Command(args, dir, environ)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, d) })
	return d
}

func TestACommandIsToldInItsArguments(t *testing.T) {
	t.Parallel()
	d := command(t, "", nil, "printf", "%s,", "{{base_url}}/x", "{{ origin }}", "{{case}}", "{{account.name}}", "{{account}}", "{{accounts}}", "$HOME `id` {x}")
	r, err := d.Run(within(t, 10*time.Second), task(1))
	if err != nil || len(r.Steps) != 1 || !r.Steps[0].OK {
		t.Fatalf("%+v, %v", r, err)
	}
	want := `http://127.0.0.1:1/api/x,http://127.0.0.1:1,bookshop.client.wire.login,jane,{"name":"jane","password":"secret"},{"user":[{"name":"jane","password":"secret"}]},$HOME ` + "`id` {x},"
	if got := d.Output(); got != want {
		t.Errorf("it was told\n%s\nand not\n%s", got, want)
	}
}

func TestAnUnknownPlaceholderIsAnError(t *testing.T) {
	t.Parallel()
	d := command(t, "", nil, "echo", "{{account.nmae}}")
	_, err := d.Run(within(t, 10*time.Second), task(1))
	if err == nil || !strings.Contains(err.Error(), "{{account.nmae}}") || !strings.Contains(err.Error(), "account.name, account.password") {
		t.Errorf("the error is %v", err)
	}
}

func TestACommandIsToldInItsEnvironment(t *testing.T) {
	t.Parallel()
	x := task(1)
	x.Account = driver.Account{"userName": "jane", "API-key": "k", "number": 7, "list": []any{1}}
	d := command(t, "", []string{"MINE=1", "PATH=" + os.Getenv("PATH")}, "env")
	if _, err := d.Run(within(t, 10*time.Second), x); err != nil {
		t.Fatal(err)
	}
	got := "\n" + d.Output()
	for _, line := range []string{
		"MINE=1", "MOCKAUTH_BASE_URL=http://127.0.0.1:1/api", "MOCKAUTH_ORIGIN=http://127.0.0.1:1", "MOCKAUTH_CASE=bookshop.client.wire.login",
		"MOCKAUTH_ACCOUNT_USER_NAME=jane", "MOCKAUTH_ACCOUNT_API_KEY=k", "MOCKAUTH_ACCOUNT_NUMBER=7", `MOCKAUTH_ACCOUNT={"API-key"`, "MOCKAUTH_ACCOUNTS={",
	} {
		if !strings.Contains(got, "\n"+line) {
			t.Errorf("it lacks %s:\n%s", line, got)
		}
	}
	if strings.Contains(got, "HOME=") {
		t.Error("it has another environment than it was given")
	}
}

func TestTheExitStatusIsWhatACommandSays(t *testing.T) {
	t.Parallel()
	d := command(t, "", nil, "sh", "-c", "echo one; echo 'cannot log in' >&2; exit 3")
	x := task(1)
	x.Steps = []driver.Step{{Do: driver.Login}, {Do: driver.Call}}
	r, err := d.Run(within(t, 10*time.Second), x)
	if err != nil || len(r.Steps) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, s := range r.Steps {
		if s.OK || s.Error == nil || s.Error.Message != "exit status 3: cannot log in" {
			t.Errorf("a step is %+v", s)
		}
	}
	if got := d.Output(); got != "one\ncannot log in\n" {
		t.Errorf("it wrote %q", got)
	}
	if !driver.OneShot(d) || !d.About().Can(driver.Call) || d.About().Can(driver.Logout) || d.About().Name != "sh" {
		t.Errorf("about is %+v", d.About())
	}
}

func TestACommandThatHangsIsEndedWithWhatItStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := command(t, dir, nil, "sh", "-c", "sleep 300 & echo $! >child; wait")
	began := time.Now()
	_, err := d.Run(within(t, 500*time.Millisecond), task(1))
	var dead *driver.DeadError
	if !errors.As(err, &dead) || !dead.Silent || time.Since(began) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	gone(t, pidIn(t, filepath.Join(dir, "child")))
}

// A command that ends well and leaves a process behind has ended well.
func TestWhatACommandLeavesBehindIsEnded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := command(t, dir, nil, "sh", "-c", "sleep 300 & echo $! >child")
	r, err := d.Run(within(t, 10*time.Second), task(1))
	if err != nil || !r.Steps[0].OK {
		t.Errorf("%+v, %v", r, err)
	}
	gone(t, pidIn(t, filepath.Join(dir, "child")))
}

func TestACommandThatCannotBeFoundDoesNotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"no-such-command-here"}, {"./nothing"}, {"./text"}, {filepath.Join(dir, "nothing")}} {
		if _, err := driver.Command(args, dir, nil)(t.Context()); err == nil {
			t.Errorf("%q starts", args)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "try"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	d := command(t, dir, nil, "./try")
	if r, err := d.Run(within(t, 10*time.Second), task(1)); err != nil || !r.Steps[0].OK {
		t.Errorf("%+v, %v", r, err)
	}
}
