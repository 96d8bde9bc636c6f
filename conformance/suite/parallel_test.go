package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// behaviour, in the environment, makes this test binary a worker.
const behaviour = "SUITE_TEST_WORKER"

func TestMain(m *testing.M) {
	if b, ok := os.LookupEnv(behaviour); ok {
		if err := work(b); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// closing is a fake whose Close leaves a file behind, to be seen by the parent.
type closing struct{ fake }

func (c *closing) Close(ctx context.Context) int {
	if dir := os.Getenv("SUITE_TEST_DIR"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, fmt.Sprint(os.Getpid())), nil, 0o600)
	}
	return c.fake.Close(ctx)
}

func work(b string) error {
	p := planned(40)
	f := &closing{fake{status: map[string]conformance.Status{p.Cases[3].ID: conformance.Failed}}}
	switch b {
	case "slow":
		f.during = func(context.Context, string) { time.Sleep(5 * time.Millisecond) }
	case "hangs":
		f.during = func(ctx context.Context, _ string) { <-ctx.Done() }
	case "dies":
		f.during = func(context.Context, string) {
			fmt.Fprintln(os.Stderr, "out of luck")
			os.Exit(3)
		}
	case "chats":
		fmt.Fprintln(os.Stdout, "hello")
	case "refuses":
		return Refuse(os.Stdout, errors.New("no such profile"))
	case "never begins":
		fmt.Fprintln(os.Stderr, "not today")
		os.Exit(4)
	}
	if b == "silent" {
		return Work(context.Background(), p, Config{Runner: &mute{}}, os.Stdin, os.Stdout)
	}
	return Work(context.Background(), p, Config{Runner: f, Seed: 3}, os.Stdin, os.Stdout)
}

func workers(t *testing.T, dir string, behaviours ...string) func(int) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(n int) *exec.Cmd {
		cmd := exec.Command(self)
		// The race detector sleeps a second at the end of each process otherwise.
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", behaviour+"="+behaviours[(n-1)%len(behaviours)], "SUITE_TEST_DIR="+dir)
		return cmd
	}
}

func TestSeveralProcessesRunEachCaseOnce(t *testing.T) {
	p := planned(40)
	for processes := range 4 {
		processes++
		t.Run(fmt.Sprint(processes), func(t *testing.T) {
			dir := t.TempDir()
			seen := map[string]int{}
			r, err := RunParallel(t.Context(), p, Config{Progress: func(v conformance.Verdict) { seen[v.ID]++ }}, processes, workers(t, dir, "slow"))
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range r.Verdicts {
				want := conformance.Passed
				if i == 3 {
					want = conformance.Failed
				}
				if v.ID != p.Cases[i].ID || v.Status != want || seen[v.ID] != 1 {
					t.Errorf("%d: %s is %s, and was reported %d times", i, v.ID, v.Status, seen[v.ID])
				}
			}
			files, _ := os.ReadDir(dir)
			if len(files) != processes || len(r.Verdicts) != 40 || r.Used.Requests != 40 || r.Used.Left != processes {
				t.Errorf("%d processes closed, %d verdicts, %+v", len(files), len(r.Verdicts), r.Used)
			}
		})
	}
}

func TestWrongPasswordsAreCountedOverAllProcesses(t *testing.T) {
	p := planned(40)
	p.Target.Budgets.WrongPasswords = 5
	for _, k := range p.Cases {
		k.Wrong = 2
	}
	r, err := RunParallel(t.Context(), p, Config{}, 3, workers(t, t.TempDir(), "runs"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Verdicts) - r.Counts()[conformance.Excluded]; n != 2 {
		t.Errorf("%d cases with two wrong passwords each ran, of a budget of 5", n)
	}
}

func TestWorkersCleanUpWhenTheRunIsInterrupted(t *testing.T) {
	p := planned(40)
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r, err := RunParallel(ctx, p, Config{}, 2, workers(t, dir, "hangs"))
	if err != nil {
		t.Fatal(err)
	}
	files, _ := os.ReadDir(dir)
	if !r.Interrupted || len(files) != 2 || r.Counts()[conformance.Interrupted] != 40 {
		t.Errorf("interrupted %v, %d closed, %v", r.Interrupted, len(files), r.Counts())
	}
}

func TestAFailureEndsAllProcesses(t *testing.T) {
	p := planned(40)
	r, err := RunParallel(t.Context(), p, Config{FailFast: true}, 3, workers(t, t.TempDir(), "slow"))
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Counts(); c[conformance.Failed] != 1 || r.Interrupted {
		t.Errorf("%v, interrupted %v", c, r.Interrupted)
	}
}

func TestAProcessThatDiesFailsItsCaseAlone(t *testing.T) {
	p := planned(40)
	r, err := RunParallel(t.Context(), p, Config{}, 2, workers(t, t.TempDir(), "dies", "slow"))
	if err != nil {
		t.Fatal(err)
	}
	c := r.Counts()
	if c[conformance.Interrupted] != 1 || c[conformance.Passed]+c[conformance.Failed] != 39 || r.Conforms() {
		t.Errorf("%v", c)
	}
	for _, v := range r.Verdicts {
		if v.Status == conformance.Interrupted && (!strings.Contains(v.Why, "out of luck") || !strings.Contains(v.Why, "exit status 3")) {
			t.Errorf("why: %s", v.Why)
		}
	}
}

func TestAProcessThatCannotRunIsAnError(t *testing.T) {
	p := planned(40)
	for behaviour, says := range map[string]string{"refuses": "no such profile", "chats": `no message: "hello"`, "never begins": "not today"} {
		_, err := RunParallel(t.Context(), p, Config{}, 2, workers(t, t.TempDir(), behaviour))
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "process ") {
			t.Errorf("%s: %v", behaviour, err)
		}
	}
	_, err := RunParallel(t.Context(), p, Config{}, 2, func(int) *exec.Cmd { return exec.Command(filepath.Join(t.TempDir(), "nothing")) })
	if err == nil || !strings.Contains(err.Error(), "does not start") {
		t.Errorf("%v", err)
	}
}

// A parent that is killed says nothing: its workers see the end of stdin.
func TestAWorkerEndsWhenItsParentIsGone(t *testing.T) {
	read, write := io.Pipe()
	f := &fake{during: func(ctx context.Context, _ string) { <-ctx.Done() }}
	done := make(chan error, 1)
	answers, answer := io.Pipe()
	go func() { done <- Work(context.Background(), planned(3), Config{Runner: f}, answers, write) }()
	var line [100]byte
	if _, err := read.Read(line[:]); err != nil {
		t.Fatal(err)
	}
	if _, err := answer.Write([]byte(`{"granted":true}` + "\n")); err != nil {
		t.Fatal(err)
	}
	answer.Close()
	go io.Copy(io.Discard, read)
	select {
	case err := <-done:
		if err != nil || f.closed == 0 {
			t.Errorf("%v, closed %d", err, f.closed)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it goes on")
	}
}

func BenchmarkStartOfTwoProcesses(b *testing.B) {
	self, _ := os.Executable()
	p := planned(2)
	for b.Loop() {
		_, err := RunParallel(b.Context(), p, Config{}, 2, func(int) *exec.Cmd {
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), behaviour+"=plain")
			return cmd
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
