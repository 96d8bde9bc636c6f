//go:build unix

package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// cloud is the system that the clients here are of.
const cloud = "jmap-cloud"

// python is the command of the Python driver in the tree.
func python(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("in CI nothing may be skipped: there is no python3")
		}
		t.Skip("there is no python3 here")
	}
	return []string{"python3", filepath.Join("..", "..", "testdata", "clients", "python", "driver.py")}
}

// liar is a driver in shell that says that all is well, and sends nothing.
func liar() []string {
	return []string{"sh", "-c", `read -r x
printf '%s\n' '{"ready":true,"protocol":1,"client":{"name":"liar","version":"1"}}'
n=0; while read -r x; do case "$x" in *'"cmd":"stop"'*) exit;; esac
n=$((n+1)); printf '{"seq":%d,"steps":[{"ok":true}]}\n' $n; done`}
}

// checked runs conform client with a command behind --.
func checked(t *testing.T, flags, command []string) outcome {
	t.Helper()
	return conform(t, nil, append(append(append([]string{"client"}, flags...), "--"), command...)...)
}

func TestWhatIsWrongWithACommandLineAboutAClientIsSaid(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		args string // split at spaces
		code int
		says []string
	}{
		{"client", exitUsage, []string{"which client?"}},
		{"client " + cloud, exitUsage, []string{"which client?", "stands after --"}},
		{"client -- true", exitUsage, []string{"one system stands before --, not 0", cloud}},
		{"client " + cloud + " wedia -- true", exitUsage, []string{"one system stands before --, not 2"}},
		{"client jmap-clod -- true", exitUsage, []string{`no system "jmap-clod"`, cloud}},
		{"client " + cloud + " --set lifetime=1 -- true", exitUsage, []string{`no setting "lifetime"`, "accessLifetime"}},
		{"client " + cloud + " --set lifetime -- true", exitUsage, []string{"--set takes KEY=VALUE"}},
		{"client " + cloud + " --set accessLifetime=soon -- true", exitUsage, []string{"accessLifetime is a duration"}},
		{"client " + cloud + " --profile x -- true", exitUsage, []string{"profile"}},
		{"client " + cloud + " --driver --each -- true", exitUsage, []string{"choose one"}},
		{"client " + cloud + " --patience 0s -- true", exitUsage, []string{"--patience is a duration"}},
		{"client " + cloud + " --patience 1h -- true", exitUsage, []string{"up to 10m"}},
		{"client " + cloud + " --jobs 99 -- true", exitUsage, []string{"--jobs is a number"}},
		{"client " + cloud + " --matrix x.txt -- true", exitUsage, []string{".md or .svg, not x.txt"}},
		{"client " + cloud + " --interleaving sideways -- true", exitUsage, []string{`"sideways" is no part of an interleaving`, "3 calls"}},
		{"client " + cloud + " --interleaving 9,calls -- true", exitUsage, []string{"interleaving"}},
		{"client " + cloud + " --label token&& -- true", exitUsage, []string{`labels "token&&"`}},
		{"client " + cloud + " --known nothing.yaml -- true", exitUsage, []string{"nothing.yaml"}},
		{"client " + cloud + " --json --github -- true", exitUsage, []string{"both print on stdout"}},
		{"client --list", exitUsage, []string{"--list wants one system, not 0"}},
		{"client --matrix x.md", exitUsage, []string{"which clients?"}},
		{"client --matrix x.md nothing.json", exitUsage, []string{"nothing.json", "--report DIR"}},
		{"client " + cloud + " -- no-such-command-here", exitPreflight, []string{"does not start", "no-such-command-here"}},
		{"client " + cloud + " --driver -- no-such-command-here", exitPreflight, []string{"does not start", "no-such-command-here"}},
		{"client " + cloud + " --driver -- false", exitPreflight, []string{"ended before it answered (exit status 1)"}},
		{"client " + cloud + " --driver -- echo hello", exitPreflight, []string{"does not say that it is ready", "hello"}},
		{"client " + cloud + " --driver --focus lfie -- true", exitNothing, []string{"--focus lfie fits no case"}},
		{"client " + cloud + " --driver --focus life --skip life -- true", exitNothing, []string{"no case fits all of this together"}},
		{"explain " + cloud + ".client.life.singleflight", exitNothing, []string{"did you mean", cloud + ".client.life.single-flight"}},
		{"explain jmap-clod.client.life.expiry", exitUsage, []string{`no system "jmap-clod"`}},
		{"driver check " + cloud, exitUsage, []string{"a system stands before --"}},
		{"driver check " + cloud + " -- no-such-command-here", exitPreflight, []string{"does not start"}},
		{"driver check " + cloud + " -- false", exitPreflight, []string{"exit status 1"}},
	} {
		t.Run(x.args, func(t *testing.T) {
			t.Parallel()
			conform(t, nil, strings.Fields(x.args)...).want(t, x.code, x.says...)
		})
	}
}

func TestADriverOfAnotherSystemIsNotRun(t *testing.T) {
	t.Parallel()
	d := []string{"sh", "-c", `read -r x; printf '%s\n' '{"ready":true,"protocol":1,"client":{"name":"x"},"systems":["wedia","crmcom"]}'; read -r x`}
	checked(t, []string{cloud, "--driver"}, d).want(t, exitPreflight, "has no client for "+cloud, "wedia, crmcom")
}

// A correct client passes: through a driver, with all reports.
func TestACorrectClientConforms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := checked(t, []string{cloud, "--driver", "--focus", "wire", "--focus", "life.logout", "--report", dir, "--matrix", filepath.Join(dir, "m.md"), "--badge", filepath.Join(dir, "b.svg")}, python(t))
	o.want(t, exitOK, "conforms to", "python-"+cloud, "held to", "requests seen", "written")
	for _, name := range []string{"report.html", "junit.xml", "results.json", "conform.sarif", "m.md", "b.svg"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "jmapcloud-secret") {
			t.Errorf("%s has a password in it", name)
		}
		if filepath.Ext(name) == ".xml" || filepath.Ext(name) == ".svg" {
			if err := xml.Unmarshal(b, new(struct{})); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	m, err := os.ReadFile(filepath.Join(dir, "m.md"))
	if err != nil || !strings.Contains(string(m), "| `wire.login` ") || !strings.Contains(string(m), "✓ | 1 request seen, nothing wrong |") {
		t.Errorf("the matrix is\n%s, %v", m, err)
	}
	// Side by side, with itself.
	results := filepath.Join(dir, "results.json")
	conform(t, nil, "client", "--matrix", filepath.Join(dir, "all.svg"), "--badge", filepath.Join(dir, "all-badge.svg"), results, results).want(t, exitOK, "all.svg", "all-badge.svg")
	conform(t, nil, "client", "--badge", filepath.Join(dir, "only.svg"), results).want(t, exitOK, "only.svg")
}

// One that says what it likes is found out by what was seen of it.
func TestAClientThatOnlySaysSoDoesNotConform(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	checked(t, []string{cloud, "--driver", "--focus", "wire.login", "--focus", "life.expiry", "--report", dir}, liar()).
		want(t, exitFails, cloud+".client.wire.login", cloud+".client.life.expiry", "liar 1", "--verbose -- sh -c")
}

func TestResultsOfAServerAreNoClients(t *testing.T) {
	t.Parallel()
	path := written(t, "results.json", `{"format":1,"system":"x","verdicts":[{"id":"x.login.granted","labels":["client"],"outcome":"granted","severity":"MUST","status":"passed"}]}`)
	conform(t, nil, "client", "--matrix", filepath.Join(t.TempDir(), "m.md"), path).want(t, exitUsage, "is about a server")
	for _, text := range []string{"", "[]", `{"format":2}`} {
		path := written(t, "results.json", text)
		conform(t, nil, "client", "--matrix", filepath.Join(t.TempDir(), "m.md"), path).want(t, exitUsage, "is no results.json of conform")
	}
}

func TestCasesAboutClientsAreListedAndExplained(t *testing.T) {
	t.Parallel()
	conform(t, nil, "client", cloud, "--list").want(t, exitOK, "MUST "+cloud+".client.wire.login", cloud+".client.leaks.output")
	o := conform(t, nil, "client", cloud, "--list", "--focus", "life.skew").want(t, exitOK, cloud+".client.life.skew.")
	if strings.Contains(o.stdout, "wire") {
		t.Errorf("the filter is not obeyed:\n%s", o.stdout)
	}
	conform(t, nil, "explain", cloud+".client.life.single-flight").want(t, exitOK,
		"calls at once with an expired token lead to one refresh", "MUST, since: a refresh token for single use", "How it is caused 1. login, call",
		"conform client "+cloud+" --driver --focus "+cloud+".client.life.single-flight --verbose -- COMMAND")
	conform(t, nil, "explain", cloud+".client.exit").want(t, exitOK, "exit status 0")
}

func TestKnownFailuresOfAClientAreExcused(t *testing.T) {
	t.Parallel()
	id := cloud + ".client.wire.login"
	known := written(t, "known.yaml", "- id: "+id+"\n  reason: it lies\n  ticket: CLIENT-1\n")
	flags := []string{cloud, "--driver", "--focus", "wire.login", "--known", known}
	checked(t, flags, liar()).want(t, exitOK, "1 known")
	checked(t, flags, python(t)).want(t, exitStale, id, "take it off the list")
	stale := written(t, "known.yaml", "- id: "+id+"s\n  reason: x\n")
	checked(t, []string{cloud, "--driver", "--focus", "wire.login", "--known", stale}, python(t)).want(t, exitStale, "is no case", "did you mean")
}

func TestACommandIsRunOnce(t *testing.T) {
	t.Parallel()
	runs := filepath.Join(t.TempDir(), "runs")
	checked(t, []string{cloud}, []string{"sh", "-c", "echo run >>" + runs + "; exit 3"}).
		want(t, exitFails, "the command sent nothing to its server", "MOCKAUTH_BASE_URL")
	if b, err := os.ReadFile(runs); err != nil || string(b) != "run\n" {
		t.Errorf("it was run like this: %q, %v", b, err)
	}
}

func TestACommandThatFailsInEachCaseProvesNothing(t *testing.T) {
	t.Parallel()
	o := checked(t, []string{cloud, "--each", "--focus", "wire", "--focus", "life"}, []string{"sh", "-c", "echo no route >&2; exit 7"})
	o.want(t, exitFails, "not testable", "exit status 7: no route", "a driver does: conform client --driver")
}

func TestTheResultsOfAClientAreJSONAlone(t *testing.T) {
	t.Parallel()
	o := checked(t, []string{cloud, "--driver", "--focus", "wire.login", "--json", "--matrix", filepath.Join(t.TempDir(), "m.md")}, liar())
	var r conformance.Result
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil || o.code != exitFails {
		t.Fatalf("exit code %d, %v: %s", o.code, err, o.stdout)
	}
	if r.Target != "liar 1" || len(r.Verdicts) != 1 || !strings.HasPrefix(r.Again, "client "+cloud+" --driver -- sh -c '") {
		t.Errorf("the result is of %q, again %q", r.Target, r.Again)
	}
	if !strings.Contains(o.stderr, "written") {
		t.Errorf("stderr does not say what goes on: %s", o.stderr)
	}
}

func TestGitHubIsToldOfAClient(t *testing.T) {
	t.Parallel()
	summary := filepath.Join(t.TempDir(), "summary.md")
	o := conform(t, []string{"GITHUB_STEP_SUMMARY=" + summary}, append([]string{"client", cloud, "--driver", "--focus", "wire.login", "--github", "--"}, liar()...)...)
	o.want(t, exitFails, "::error file="+cloud+"/openapi.yaml,line=")
	if b, err := os.ReadFile(summary); err != nil || !strings.Contains(string(b), "liar 1") {
		t.Errorf("the summary is %q, %v", b, err)
	}
}

// A client that hangs is ended when the run is, and what was not checked is said.
func TestARunOfAClientCanBeInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hangs := filepath.Join(dir, "hangs")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for range 600 {
			if _, err := os.Stat(hangs); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	d := []string{"sh", "-c", `read -r x; printf '%s\n' '{"ready":true,"protocol":1,"client":{"name":"x"}}'; read -r x; case "$x" in *stop*) exit;; esac; echo >` + hangs + `; sleep 300`}
	var out, errs stream
	began := time.Now()
	code := run(ctx, append([]string{"client", cloud, "--driver", "--focus", "wire", "--report", dir, "--patience", "60s", "--"}, d...), []string{"HOME=" + dir}, &out, &errs)
	outcome{code, out.String(), errs.String()}.want(t, exitInterrupted, "interrupted")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	if _, err := os.Stat(filepath.Join(dir, "results.json")); err != nil {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	var o, e stream
	if code := run(ended, append([]string{"client", cloud, "--driver", "--"}, liar()...), nil, &o, &e); code != exitInterrupted {
		t.Errorf("exit code %d before the first case: %s%s", code, o.String(), e.String())
	}
}

func TestADriverIsTried(t *testing.T) {
	t.Parallel()
	conform(t, nil, append([]string{"driver", "check", cloud, "--"}, liar()...)...).want(t, exitFails, "no session was opened")
	conform(t, nil, append([]string{"driver", "check", cloud, "--"}, python(t)...)...).want(t, exitOK, "→ run 1", "the driver can be used")
	wrong := []string{"sh", "-c", `read -r x; printf '%s\n' '{"ready":true,"protocol":1,"client":{"name":"x"}}'; read -r x; echo logged in; read -r x`}
	conform(t, nil, append([]string{"driver", "check", cloud, "--"}, wrong...)...).want(t, exitFails, "no report", "logged in")
}
