package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// behaviourOf is a verdict about a client.
func behaviourOf(name, title string, status conformance.Status, change func(*conformance.Verdict)) conformance.Verdict {
	group, _, _ := strings.Cut(name, ".")
	v := conformance.Verdict{Status: status, Seconds: 0.1, Info: conformance.Info{
		ID: "shop.client." + name, Title: title, Operation: "getSelf", Method: "GET", Path: "/api/self", Outcome: name, Kind: group,
		Severity: conformance.Must, Labels: append([]string{"shop", "client"}, strings.Split(name, ".")...),
		Rule: conformance.Rule{Pointer: "/paths/~1api~1self/get", File: "shop/openapi.yaml", Line: 7, Evidence: "law: a token is used once"}, Cause: []string{"login, call"},
	}}
	v.Exchanges = []conformance.Exchange{{
		Purpose: "step 1, a login: login → pair", Operation: "login", Wanted: "login → pair",
		Request:  conformance.Message{Method: "POST", URL: "/api/login", Body: `{"password":"[masked]"}`},
		Response: &conformance.Message{Status: 200, Body: "{}"},
	}}
	if change != nil {
		change(&v)
	}
	return v
}

// clientResult is a run of a client with every status.
func clientResult() *conformance.Result {
	r := head()
	r.Doctor, r.Settings, r.Profile, r.Seed = nil, nil, "", 0
	r.Target, r.Again = "shop-client 1.4.0", "client shop --driver -- python3 'my driver.py'"
	r.Used = conformance.Used{Requests: 41, Sessions: 9, Closed: 9}
	wrong := func(severity conformance.Severity) func(*conformance.Verdict) {
		return func(v *conformance.Verdict) {
			v.Mismatches = []conformance.Mismatch{{In: "wire", Wanted: "one refresh", Got: "2: refresh → pair, refresh → token.consumed", Severity: severity, Rule: v.Rule}}
		}
	}
	r.Verdicts = []conformance.Verdict{
		behaviourOf("wire.login", "what the client sends for a login is a request of the contract, and works", conformance.Passed, nil),
		behaviourOf("wire.call", "what the client sends for a call is a request of the contract, and works", conformance.Passed, nil),
		behaviourOf("understand.reversed.login", "the answer to a login is understood with another order of members", conformance.Passed, nil),
		behaviourOf("understand.reversed.call", "the answer to a call is understood with another order of members", conformance.Excluded, func(v *conformance.Verdict) {
			v.Why = "this answer cannot be written so"
		}),
		behaviourOf("understand.error.user.token.invalid", "an expired token is raised as user.token.invalid", conformance.NotTestable, func(v *conformance.Verdict) {
			v.Why = "the client could not log in: HTTP 400"
		}),
		behaviourOf("life.skew.5m-ahead", "a server's clock that is 5m ahead is no trouble", conformance.Differs, wrong(conformance.Should)),
		behaviourOf("life.single-flight", "calls at once with an expired token lead to one refresh", conformance.Failed, func(v *conformance.Verdict) {
			wrong(conformance.Must)(v)
			v.Why = "the smallest interleaving that breaks it: 2 calls; --interleaving '2 calls' repeats it"
		}),
		behaviourOf("trouble.hang.call", "no answer comes during a call: an error in bounded time", conformance.Known, func(v *conformance.Verdict) {
			wrong(conformance.Must)(v)
			v.Why, v.Known = "hangs (SHOP-9)", &conformance.KnownCase{ID: v.ID, Reason: "hangs", Ticket: "SHOP-9"}
		}),
		behaviourOf("trouble.huge.call", "an answer of 64 MiB comes during a call", conformance.Fixed, nil),
		behaviourOf("leaks.output", "no password and no token is written to stdout or stderr", conformance.Interrupted, func(v *conformance.Verdict) {
			v.Exchanges = nil
		}),
	}
	return r
}

// otherClient has other cases than clientResult, some of them between the others.
func otherClient() *conformance.Result {
	r := clientResult()
	r.Target, r.System = "other-client 2.0.0-beta.17", "shop-classic"
	r.Verdicts = append([]conformance.Verdict{
		behaviourOf("exit.status", "the command ends with 0", conformance.Passed, nil),
		behaviourOf("life.needless", "nothing is renewed while the token lives", conformance.Failed, nil),
	}, r.Verdicts[:6]...)
	return r
}

// hostileClient says what it likes.
func hostileClient() *conformance.Result {
	r := clientResult()
	r.Target, r.System = hostile, "<script>|`"+strings.Repeat("long", 200)
	r.Verdicts = []conformance.Verdict{
		behaviourOf("understand.error.a|b`c\n<d>", "title | with <b>, `code`, [a](b) and\na new line", conformance.Failed, func(v *conformance.Verdict) {
			v.Mismatches = []conformance.Mismatch{{In: "client", Wanted: "x", Got: hostile + " ![x](javascript:y) | " + strings.Repeat("y", 5000)}}
		}),
		behaviourOf("odd", hostile, conformance.NotTestable, func(v *conformance.Verdict) { v.Why, v.Kind = strings.Repeat("| ", 3000), hostile }),
	}
	return r
}

func clientGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "client", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not as the golden file; go test -update, and git diff, show what has changed. It is\n%s", name, got)
	}
}

func TestTheBehaviourMatrixIsAsTheGoldenFiles(t *testing.T) {
	for name, results := range map[string][]*conformance.Result{
		"one": {clientResult()}, "several": {clientResult(), otherClient(), clientResult()}, "hostile": {hostileClient(), clientResult()}, "nothing": {head()},
	} {
		for ext, to := range map[string]func(io.Writer, []*conformance.Result) error{".md": Behaviours, ".svg": BehavioursSVG, ".badge.svg": Badge} {
			t.Run(name+ext, func(t *testing.T) {
				var b bytes.Buffer
				if err := to(&b, results); err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(ext, ".svg") {
					wellDrawn(t, b.Bytes())
				} else {
					table(t, b.String(), len(results))
				}
				clientGolden(t, name+ext, b.Bytes())
			})
		}
	}
}

// wellDrawn reads a picture as XML, and looks for what must not be in it.
func wellDrawn(t *testing.T, b []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("it is no XML: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok && !slices.Contains([]string{"svg", "style", "rect", "g", "title", "text", "line", "clipPath"}, e.Name.Local) {
			t.Errorf("there is an element %s", e.Name.Local)
		}
	}
}

// table looks whether each row of a Markdown table has as many cells as its head.
func table(t *testing.T, text string, clients int) {
	t.Helper()
	columns := clients + 1
	if clients == 1 {
		columns++
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); n != columns+1 {
			t.Errorf("this row has %d cells, not %d: %s", n-1, columns, line)
		}
		if len(line) > 3000 {
			t.Errorf("a row has %d bytes", len(line))
		}
		if strings.Contains(line, "<script") {
			t.Errorf("there is HTML in it: %s", line)
		}
	}
}

// Rows are in the order of the first client that has them, with those of others
// behind their group.
func TestTheOrderOfBehavioursIsStable(t *testing.T) {
	names := func(results ...*conformance.Result) string {
		var out []string
		for _, b := range behaviours(results) {
			out = append(out, b.name)
		}
		return strings.Join(out, " ")
	}
	want := "wire.login wire.call understand.reversed.login understand.reversed.call understand.error.user.token.invalid life.skew.5m-ahead life.single-flight life.needless trouble.hang.call trouble.huge.call leaks.output exit.status"
	for range 5 {
		if got := names(clientResult(), otherClient(), clientResult()); got != want {
			t.Fatalf("the order is\n%s\nnot\n%s", got, want)
		}
	}
}

func TestABadgeSaysWhatMustBeMended(t *testing.T) {
	with := func(list ...conformance.Status) *conformance.Result {
		r := clientResult()
		r.Verdicts = nil
		for _, s := range list {
			r.Verdicts = append(r.Verdicts, behaviourOf("x", "x", s, nil))
		}
		return r
	}
	for _, x := range []struct {
		result      *conformance.Result
		text, paint string
	}{
		{with(conformance.Passed, conformance.Differs, conformance.Excluded), ">2 of 2<", "#1a7f37"},
		{with(conformance.Passed, conformance.Failed), ">1 of 2<", "#cf222e"},
		{with(conformance.Passed, conformance.NotTestable), ">1 of 2<", "#cf222e"},
		{with(conformance.Passed, conformance.Known), ">1 of 2<", "#9a6700"},
		{with(conformance.Excluded), ">nothing checked<", "#59636e"},
	} {
		var b bytes.Buffer
		if err := Badge(&b, []*conformance.Result{x.result}); err != nil {
			t.Fatal(err)
		}
		if s := b.String(); !strings.Contains(s, x.text) || !strings.Contains(s, x.paint) {
			t.Errorf("want %s in %s: %s", x.text, x.paint, s)
		}
	}
}

// All reports are right for a client: by their own formats, and in their words.
func TestReportsOfAClientSpeakOfAClient(t *testing.T) {
	r := clientResult()
	checkJSON(t, resultsSchema(t), write(t, JSON, r))
	checkPage(t, write(t, HTML, r))
	checkPage(t, write(t, HTML, hostileClient()))
	for name, to := range writers {
		if strings.HasPrefix(name, "verbose") {
			continue // it is about exchanges alone
		}
		b := write(t, to, r)
		for _, word := range []string{"wrong passwords", "conform replay", "The target", "at shop-client", "cleanup", "operations checked"} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s says %q", name, word)
			}
		}
		clientGolden(t, name, b)
	}
	text := string(write(t, func(w io.Writer, r *conformance.Result) error { return Terminal(w, r, Style{}) }, r))
	for _, want := range []string{
		"conform client shop --driver --focus shop.client.life.single-flight --verbose -- python3 'my driver.py'",
		"conform explain shop.client.life.single-flight", "41 requests seen, 9 sessions opened", "answered 200\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the terminal does not say %q:\n%s", want, text)
		}
	}
}

// A client that was checked from a Go test has no command that repeats a case.
func TestAGoTestIsNotToldOfCommandsThatItHasNot(t *testing.T) {
	v := clientResult().Verdicts[6]
	if text := Text(v); strings.Contains(text, "Repeat it") || !strings.Contains(text, "conform explain "+v.ID) {
		t.Error(text)
	}
}

func TestAServersCaseIsNoClients(t *testing.T) {
	for _, v := range sample().Verdicts {
		if OfClient(v) {
			t.Errorf("%s is taken for a client's", v.ID)
		}
	}
	v := behaviourOf("wire.login", "x", conformance.Passed, nil)
	v.ID = "shop.login.record.unknown.client"
	if OfClient(v) || aboutClient(&conformance.Result{Started: time.Now()}) {
		t.Error("a server's case is taken for a client's")
	}
}
