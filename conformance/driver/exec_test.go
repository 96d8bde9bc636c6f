//go:build unix

package driver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance/driver"
)

// ready is what a driver says when it has been started.
const ready = `{"ready":true,"protocol":1,"client":{"name":"mine","version":"1.4.0"},"does":["login","call"]}`

// sh is a driver that is a script. Its first line is read for it.
func sh(script string) []string { return []string{"sh", "-c", "read -r start; " + script} }

// says is a shell command that writes a line.
func says(line string) string { return "printf '%s\\n' '" + line + "'; " }

func start(t *testing.T, args []string) driver.Driver {
	t.Helper()
	d, err := driver.Exec(args, "bookshop", t.TempDir(), nil)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, d) })
	return d
}

// closed closes a driver, which must not take long.
func closed(t *testing.T, d driver.Driver) {
	t.Helper()
	began := time.Now()
	if err := d.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("closing took %s", took)
	}
}

func task(seq int) *driver.Task {
	return &driver.Task{
		Seq: seq, Case: "bookshop.client.wire.login", New: seq == 1, System: "bookshop", Kind: "user",
		Origin: "http://127.0.0.1:1", BaseURL: "http://127.0.0.1:1/api",
		Account:  driver.Account{"name": "jane", "password": "secret"},
		Accounts: map[string][]driver.Account{"user": {{"name": "jane", "password": "secret"}}},
		Settings: map[string]any{"lifetime": "20m"}, Steps: []driver.Step{{Do: driver.Login}}, DeadlineMS: 4000,
	}
}

// alive reports whether a process is there, and no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(b), ") Z ")
}

// pidIn reads the id of a process from a file that a script writes.
func pidIn(t *testing.T, path string) int {
	t.Helper()
	for range 200 {
		if b, err := os.ReadFile(path); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
				return pid
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s was not written", path)
	return 0
}

// gone waits for the end of a process.
func gone(t *testing.T, pid int) {
	t.Helper()
	for range 300 {
		if !alive(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

func TestADriverIsToldAndAnswers(t *testing.T) {
	t.Parallel()
	d := start(t, sh(says(ready)+`read -r run; printf '%s\n' "$run" >told; `+
		says(`{"seq":1,"steps":[{"ok":false,"error":{"code":"x.y","http":401,"message":"no","login":true}}]}`)+
		`read -r run; `+says(`{"seq":2,"skipped":{"message":"cannot","issue":"https://example.org/1"}}`)+
		`read -r run; `+says(`{"seq":3,"errored":{"message":"broken"}}`)+`read -r stop; printf '%s\n' "$stop" >stopped`))
	if a := d.About(); a.Name != "mine" || a.Version != "1.4.0" || !a.Can(driver.Call) || a.Can(driver.Logout) {
		t.Errorf("about is %+v", a)
	}
	r, err := d.Run(within(t, 10*time.Second), task(1))
	if err != nil || len(r.Steps) != 1 || r.Steps[0].OK || *r.Steps[0].Error != (driver.Error{Code: "x.y", HTTP: 401, Message: "no", Login: true}) {
		t.Errorf("the report is %+v, %v", r, err)
	}
	if r, err = d.Run(within(t, 10*time.Second), task(2)); err != nil || r.Skipped == nil || r.Skipped.Message != "cannot" || r.Skipped.Issue == "" {
		t.Errorf("the report is %+v, %v", r, err)
	}
	if r, err = d.Run(within(t, 10*time.Second), task(3)); err != nil || r.Errored == nil {
		t.Errorf("the report is %+v, %v", r, err)
	}
}

// What a driver is told is what the schema says, and it is told to stop.
func TestADriverIsToldLinesOfTheProtocol(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"sh", "-c", `read -r x; printf '%s\n' "$x" >>told; ` + says(ready) + `read -r x; printf '%s\n' "$x" >>told; ` + says(`{"seq":1,"steps":[{"ok":true}]}`) + `read -r x; printf '%s\n' "$x" >>told`}
	d, err := driver.Exec(args, "bookshop", dir, nil)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Run(within(t, 10*time.Second), task(1)); err != nil {
		t.Error(err)
	}
	closed(t, d)
	b, err := os.ReadFile(filepath.Join(dir, "told"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	for i, as := range []string{"start", "run", "stop"} {
		if i >= len(lines) {
			t.Fatalf("it was told %q", lines)
		}
		if bad := driver.Check(lines[i], as); len(bad) > 0 {
			t.Errorf("%s: %s: %s", as, lines[i], bad)
		}
	}
}

func TestADriverThatDoesNotStartIsAnError(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		args []string
		says []string
	}{
		"no command":      {nil, []string{"no command is given"}},
		"not to be found": {[]string{"no-such-driver-here"}, []string{"does not start", "no-such-driver-here"}},
		"ends at once":    {sh("echo no module named x >&2; exit 3"), []string{"does not start", "exit status 3", "no module named x"}},
		"ends without a word": {
			sh("exit 0"), []string{"does not start", "exit status 0"},
		},
		"is killed":      {sh("kill -9 $$"), []string{"does not start", "killed"}},
		"writes garbage": {sh("echo hello world; sleep 60"), []string{"does not say that it is ready", "no JSON", "hello world"}},
		"is of another protocol": {
			sh(says(`{"ready":true,"protocol":2,"client":{"name":"x"}}`) + "sleep 60"), []string{"does not say that it is ready", "/protocol"},
		},
		"has no name":       {sh(says(`{"ready":true,"protocol":1,"client":{}}`)), []string{"/client", "name"}},
		"closes its stdout": {sh("exec >&-; sleep 60"), []string{"does not start", "closed its stdout"}},
		"writes no end":     {sh("yes | tr -d '\\n'"), []string{"does not start", "a line of more than 4 MiB"}},
		"writes controls":   {sh(`printf 'a\033[2Jb\n'; sleep 60`), []string{"It said: a [2Jb"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			d, err := driver.Exec(x.args, "bookshop", "", nil)(t.Context())
			if err == nil {
				closed(t, d)
				t.Fatal("it started")
			}
			for _, text := range x.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("it does not say %q: %v", text, err)
				}
			}
			var dead *driver.DeadError
			if errors.As(err, &dead) {
				t.Error("a driver that was never there has not died")
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestADriverThatHangsAtItsStartIsEndedWithWhatItStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	began := time.Now()
	_, err := driver.Exec(sh("sleep 300 & echo $! >child; wait"), "bookshop", dir, nil)(within(t, 400*time.Millisecond))
	if err == nil || !strings.Contains(err.Error(), "did not say within") {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
	gone(t, pidIn(t, filepath.Join(dir, "child")))
}

func TestADriverThatHangsIsEndedWithWhatItStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := driver.Exec(sh(says(ready)+"read -r run; sleep 300 & echo $! >child; echo waiting for the lock >&2; wait"), "bookshop", dir, nil)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		pidIn(t, filepath.Join(dir, "child"))
		time.Sleep(50 * time.Millisecond)
		cancel()
	}()
	_, err = d.Run(ctx, task(1))
	var dead *driver.DeadError
	if !errors.As(err, &dead) || !dead.Silent || !strings.Contains(err.Error(), "waiting for the lock") {
		t.Errorf("the error is %v", err)
	}
	gone(t, pidIn(t, filepath.Join(dir, "child")))
	if _, again := d.Run(t.Context(), task(2)); again == nil {
		t.Error("a driver that is dead does something")
	}
}

// What has left the process group cannot be ended, and must not hold us up
// either: it has our pipes open.
func TestADriverThatLeavesSomethingBehindDoesNotHoldUp(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("there is no setsid here")
	}
	dir := t.TempDir()
	d, err := driver.Exec(sh(says(ready)+"setsid sleep 300 & echo $! >child; read -r run; exit 4"), "bookshop", dir, nil)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pid := pidIn(t, filepath.Join(dir, "child"))
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	time.Sleep(100 * time.Millisecond) // for setsid to have left the group
	began := time.Now()
	_, err = d.Run(within(t, 30*time.Second), task(1))
	if err == nil || !strings.Contains(err.Error(), "exit status 4") || time.Since(began) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	closed(t, d)
}

func TestWhatIsNoReportEndsADriver(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct{ script, says string }{
		"garbage":          {"echo login worked", "no report: it is no JSON object on one line"},
		"two values":       {says(`{"seq":1,"steps":[]} {}`), "no JSON object on one line"},
		"an array":         {says(`[1]`), "no object"},
		"another member":   {says(`{"seq":1,"steps":[],"status":"ok"}`), "status"},
		"no ok":            {says(`{"seq":1,"steps":[{"error":{"message":"x"}}]}`), "/steps/0"},
		"an error's text":  {says(`{"seq":1,"steps":[{"ok":false,"error":"refused"}]}`), "/steps/0/error"},
		"a wrong seq":      {says(`{"seq":7,"steps":[{"ok":true}]}`), "answered seq 7, and was asked 1"},
		"ready, once more": {says(ready), "no report"},
		"a large number":   {says(`{"seq":1,"steps":[{"ok":false,"error":{"message":"x","http":1e300}}]}`), "no report"},
		"10 MiB":           {`head -c 10485760 /dev/zero | tr '\0' x; echo; sleep 60`, "a line of more than 4 MiB"},
		"its end":          {"echo Traceback >&2; echo KeyError: token >&2; exit 1", "the driver ended before it answered (exit status 1): KeyError: token"},
		"a closed stdout":  {"exec >&-; sleep 60", "closed its stdout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t, sh(says(ready)+"read -r run; "+strings.TrimSuffix(x.script, "; ")+"; read -r stop"))
			_, err := d.Run(within(t, 20*time.Second), task(1))
			var dead *driver.DeadError
			if !errors.As(err, &dead) || dead.Silent || !strings.Contains(err.Error(), x.says) {
				t.Errorf("want %q, not %v", x.says, err)
			}
			if err != nil && len(err.Error()) > 1500 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// A report of 3 MiB is one line still.
func TestALongReportIsRead(t *testing.T) {
	t.Parallel()
	d := start(t, sh(says(ready)+`read -r run; printf '{"seq":1,"steps":[{"ok":false,"error":{"message":"'; head -c 3145728 /dev/zero | tr '\0' x; printf '"}}]}\n'; read -r stop`))
	r, err := d.Run(within(t, 20*time.Second), task(1))
	if err != nil || len(r.Steps[0].Error.Message) != 3<<20 {
		t.Errorf("the error is %v", err)
	}
}

func TestADriverThatNeverReadsIsEnded(t *testing.T) {
	t.Parallel()
	d := start(t, []string{"sh", "-c", says(ready) + "exec sleep 300"})
	big := task(1)
	big.Account["note"] = strings.Repeat("x", 1<<20) // more than a pipe holds
	_, err := d.Run(within(t, 500*time.Millisecond), big)
	var dead *driver.DeadError
	if !errors.As(err, &dead) || !dead.Silent {
		t.Errorf("the error is %v", err)
	}
}

func TestADriverThatDoesNotStopIsEnded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := driver.Exec(sh(says(ready)+`trap '' TERM INT HUP; sleep 300 & echo $! >child; while :; do read -r x || sleep 1; done`), "bookshop", dir, nil)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pid := pidIn(t, filepath.Join(dir, "child"))
	closed(t, d)
	gone(t, pid)
}

// A driver that goes on writing when it is told to stop is read, so that it can
// end by itself.
func TestADriverThatSaysMoreThanItWasAskedCanEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := driver.Exec(sh(says(ready)+`read -r stop; i=0; while [ $i -lt 5000 ]; do echo "line $i of many that nobody has asked for"; i=$((i+1)); done; echo bye >ended`), "bookshop", dir, nil)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	closed(t, d)
	if _, err := os.Stat(filepath.Join(dir, "ended")); err != nil {
		t.Errorf("it did not come to its end: %v", err)
	}
}

// All that was written to stderr before an answer is there when the answer is,
// so that a secret is found in the case that it was written in.
func TestOutputHasAllThatWasWrittenBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	d := start(t, sh(says(ready)+`n=0; while read -r run; do n=$((n+1)); case "$run" in *'"stop"'*) exit;; esac; printf 'password of %s\n' $n >&2; printf '{"seq":%s,"steps":[{"ok":true}]}\n' $n; done`))
	for n := 1; n <= 200; n++ {
		if _, err := d.Run(within(t, 20*time.Second), task(n)); err != nil {
			t.Fatal(err)
		}
		if got, want := d.Output(), fmt.Sprintf("password of %d\n", n); got != want {
			t.Fatalf("after task %d: %q", n, got)
		}
	}
}

// A flood on stderr neither holds a driver up nor fills our memory; its first
// and its last lines are kept.
func TestAFloodOfStderrIsBounded(t *testing.T) {
	t.Parallel()
	d := start(t, sh(says(ready)+`read -r run; echo the first line >&2; head -c 20971520 /dev/zero | tr '\0' x >&2; echo >&2; echo the last line >&2; `+says(`{"seq":1,"steps":[{"ok":true}]}`)+`read -r stop`))
	if _, err := d.Run(within(t, 20*time.Second), task(1)); err != nil {
		t.Fatal(err)
	}
	text := d.Output()
	if len(text) > 5<<20 || !strings.HasPrefix(text, "the first line\n") || !strings.HasSuffix(text, "the last line\n") {
		t.Errorf("%d bytes are kept, from %.20q on", len(text), text)
	}
	if more := d.Output(); more != "" {
		t.Errorf("it is there twice: %.40q", more)
	}
}

// One that never ends to write is no reason to wait.
func TestAnEndlessFloodDoesNotHoldUp(t *testing.T) {
	t.Parallel()
	d := start(t, sh(says(ready)+`yes >&2 & read -r run; `+says(`{"seq":1,"steps":[{"ok":true}]}`)+`read -r stop`))
	if _, err := d.Run(within(t, 20*time.Second), task(1)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_ = d.Output()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestEachDriverHasItsEnvironment(t *testing.T) {
	t.Parallel()
	d, err := driver.Exec(sh(says(`{"ready":true,"protocol":1,"client":{"name":"'"$WHO"'"}}`)+"read -r stop"), "bookshop", "", []string{"WHO=me", "PATH=" + os.Getenv("PATH")})(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d.About().Name != "me" {
		t.Errorf("it is %q", d.About().Name)
	}
	closed(t, d)
}

// A task and a report of this package are lines of the schema.
func TestTheTypesAgreeWithTheSchema(t *testing.T) {
	full := task(3)
	full.Steps = []driver.Step{{Do: driver.Login}, {Do: driver.Call, Parallel: 3}, {Do: driver.Renew}, {Do: driver.Logout}, {Do: driver.Resume, Token: "abc"}}
	errored := &driver.Error{Code: "c", HTTP: 401, Message: "m", Login: true}
	type seq struct {
		Seq int `json:"seq"`
		*driver.Report
	}
	type reason struct {
		Seq     int            `json:"seq"`
		Skipped *driver.Reason `json:"skipped,omitempty"`
		Errored *driver.Reason `json:"errored,omitempty"`
	}
	for name, x := range map[string]struct {
		as   string
		line any
	}{
		"run": {"run", struct {
			Cmd string `json:"cmd"`
			*driver.Task
		}{"run", full}},
		"report":  {"report", seq{1, &driver.Report{Steps: []driver.StepResult{{OK: true}, {Error: errored}, {Each: []driver.StepResult{{OK: true}, {Error: &driver.Error{Message: "x"}}}}}}}},
		"skipped": {"skipped", reason{Seq: 1, Skipped: &driver.Reason{Message: "no", Issue: "https://example.org"}}},
		"errored": {"errored", reason{Seq: 1, Errored: &driver.Reason{Message: "no"}}},
	} {
		b, err := json.Marshal(x.line)
		if err != nil {
			t.Fatal(err)
		}
		if bad := driver.Check(string(b), x.as); len(bad) > 0 {
			t.Errorf("%s: %s: %s", name, b, bad)
		}
	}
	for _, action := range driver.Actions() {
		if bad := driver.Check(fmt.Sprintf(`{"ready":true,"protocol":%d,"client":{"name":"x"},"does":[%q]}`, driver.Protocol, action), "ready"); len(bad) > 0 {
			t.Errorf("%s: %s", action, bad)
		}
	}
}
