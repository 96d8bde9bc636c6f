package suite

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/extensions/globals"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/mockauth/mockauth/conformance"
)

// asHost runs a host's suite: what register puts into it, and what Ginkgo says
// of it.
func asHost(t *testing.T, register func()) types.Report {
	t.Helper()
	stage.Lock() // against parallel tests; the host of a real suite has no Run beside it
	defer stage.Unlock()
	suiteConfig, reporterConfig := ginkgo.GinkgoConfiguration()
	file := filepath.Join(t.TempDir(), "report.json")
	mine := reporterConfig
	mine.JSONReport = file
	colored := formatter.ColorableStdOut
	formatter.ColorableStdOut = io.Discard
	defer func() { formatter.ColorableStdOut = colored }()
	globals.Reset()
	stage.Unlock()
	register()
	stage.Lock()
	ginkgo.RunSpecs(quiet{}, "a host", suiteConfig, mine)
	globals.Reset()
	ginkgo.PreviewSpecs("", suiteConfig, reporterConfig)
	globals.Reset()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var reports []types.Report
	if err := json.Unmarshal(b, &reports); err != nil {
		t.Fatal(err)
	}
	return reports[0]
}

func TestAHostSeesEachCaseAsASpec(t *testing.T) {
	p := planned(25)
	status := map[string]conformance.Status{
		p.Cases[0].ID: conformance.Failed, p.Cases[1].ID: conformance.Excluded, p.Cases[2].ID: conformance.Differs,
		p.Cases[3].ID: conformance.NotTestable, p.Cases[4].ID: conformance.Failed, p.Cases[5].ID: conformance.Passed,
	}
	report := asHost(t, func() {
		cfg := Config{Runner: &fake{status: status}}
		cfg.Options.Known = []conformance.KnownCase{{ID: p.Cases[4].ID, Reason: "ticket 7"}, {ID: p.Cases[5].ID, Reason: "ticket 8"}}
		if err := Register(p, cfg); err != nil {
			t.Fatal(err)
		}
		other := planned(5)
		other.Target.URL.Host = "other.example"
		if err := Register(other, Config{Runner: &fake{}}); err != nil {
			t.Fatal(err)
		}
	})
	byText := map[string]types.SpecReport{}
	for _, s := range report.SpecReports {
		if s.LeafNodeType == types.NodeTypeIt {
			byText[s.FullText()] = s
		}
	}
	if len(byText) != 30 {
		t.Fatalf("%d specs of different names", len(byText))
	}
	text := func(i int) string {
		c := p.Cases[i]
		return "demo at http://127.0.0.1:1 " + c.Operation + " " + c.ID + ": " + c.Title
	}
	for i, want := range map[int]types.SpecState{
		0: types.SpecStateFailed, 1: types.SpecStateSkipped, 2: types.SpecStatePassed, 3: types.SpecStateFailed,
		4: types.SpecStateSkipped, 5: types.SpecStateFailed, 6: types.SpecStatePassed,
	} {
		if got := byText[text(i)].State; got != want {
			t.Errorf("%s: %s, want %s", text(i), got, want)
		}
	}
	failed := byText[text(0)]
	for _, word := range []string{"401", "200", "/code", "expired"} {
		if !strings.Contains(failed.Failure.Message, word) {
			t.Errorf("the failure does not say %q: %s", word, failed.Failure.Message)
		}
	}
	if l := failed.LeafNodeLabels; !slices.Contains(l, "op:operation0") || !slices.Contains(l, "severity:may") || !slices.Contains(l, "answer") || !slices.Contains(l, "outcome0") {
		t.Errorf("labels %q", l)
	}
	if n := len(byText[text(2)].ReportEntries); n != 1 {
		t.Errorf("a difference has %d report entries", n)
	}
	if loc := byText[text(6)].LeafNodeLocation; loc.FileName != "openapi.yaml" || loc.LineNumber != 6 {
		t.Errorf("a spec stands at %v", loc)
	}
}

func TestRunDoesNotThrowAwayTheSuiteOfAHost(t *testing.T) {
	p := planned(3)
	var inside error
	report := asHost(t, func() {
		ginkgo.Describe("a host", func() {
			ginkgo.It("has a spec", func() {
				stage.Unlock() // held by asHost
				_, inside = Run(t.Context(), p, Config{Runner: &fake{}})
				stage.Lock()
			})
		})
		stage.Lock()
		stage.bare = false // as it is before anything ran
		stage.Unlock()
		if _, err := Run(t.Context(), p, Config{Runner: &fake{}}); err == nil || !strings.Contains(err.Error(), "suite.Register") {
			t.Errorf("before the suite: %v", err)
		}
	})
	if inside == nil || !strings.Contains(inside.Error(), "suite.Register") {
		t.Errorf("inside a spec: %v", inside)
	}
	if len(report.SpecReports) != 1 || report.SpecReports[0].State != types.SpecStatePassed {
		t.Errorf("the host's suite: %v", report.SpecReports)
	}
}

// Ginkgo exits the process over a label that it does not like.
func TestEveryLabelIsOneThatGinkgoTakes(t *testing.T) {
	for _, text := range []string{"a/b", "(x)", "!", ":", "::x", "op:", "op: ", "a&b|c,d", "", "  ", "\n", "get /{id}", "äö", "a: b"} {
		info := conformance.Info{ID: text + "." + text, Operation: text, Kind: text, Labels: []string{text}}
		for _, l := range Labels(info) {
			if _, err := types.ValidateAndCleanupLabel(l, types.CodeLocation{}); err != nil {
				t.Errorf("%q has the label %q: %v", text, l, err)
			}
		}
	}
}

func TestAFilterChooses(t *testing.T) {
	p := planned(30)
	p.Cases[12].Title = "a token dies [at once]"
	for name, c := range map[string]struct {
		filter    Filter
		chosen    int
		unmatched string
	}{
		"nothing said":                {Filter{}, 30, ""},
		"the beginning of an id":      {Filter{Focus: []string{"demo.operation1"}}, 10, ""},
		"an expression":               {Filter{Focus: []string{`outcome[12]$`}}, 6, ""},
		"a word of the title":         {Filter{Focus: []string{"token dies"}}, 1, ""},
		"two":                         {Filter{Focus: []string{"operation1", "operation2"}}, 20, ""},
		"all but some":                {Filter{Skip: []string{"operation1"}}, 20, ""},
		"both":                        {Filter{Focus: []string{"operation1"}, Skip: []string{"outcome3"}}, 9, ""},
		"a label":                     {Filter{Labels: "severity:must"}, 10, ""},
		"labels":                      {Filter{Labels: "op:operation1 && !severity:may"}, 7, ""},
		"a focus that was misspelled": {Filter{Focus: []string{"demo.operatoin1"}}, 0, `did you mean "demo.operation1"?`},
		"one of two":                  {Filter{Focus: []string{"operation1", "opration2"}}, 10, `--focus opration2 fits no case; did you mean "operation2"?`},
		"a skip that was misspelled":  {Filter{Skip: []string{"oparation1"}}, 30, `--skip oparation1 fits no case; did you mean "operation1"?`},
		"a label that was misspelled": {Filter{Labels: "severity:mut"}, 0, `did you mean "severity:must"?`},
	} {
		choice, err := c.filter.Choose(p.Cases)
		if err != nil || len(choice.Cases) != c.chosen || !strings.Contains(strings.Join(choice.Unmatched, "\n"), c.unmatched) || (len(choice.Unmatched) > 0) != (c.unmatched != "") {
			t.Errorf("%s: %d, %q, %v", name, len(choice.Cases), choice.Unmatched, err)
		}
	}
}

// What a worker says is bounded.
func TestTheTailOfAWorkerIsBounded(t *testing.T) {
	var said tail
	for range 100 {
		_, _ = said.Write(bytes.Repeat([]byte("x"), 1000))
	}
	if n := len(said.String()); n > 4100 {
		t.Errorf("%d bytes", n)
	}
}

// ginkgo -p: no budget is used more than once.
func TestAHostsProcessesShareTheBudgets(t *testing.T) {
	p := planned(3)
	p.Target.Budgets = conformance.Budgets{WrongPasswords: 2, Sessions: 10, RequestsPerSecond: 20}
	sessions := 0
	for n := 1; n <= 4; n++ {
		b := shared(p, n, 4).Target.Budgets
		sessions += b.Sessions
		if b.RequestsPerSecond != 5 {
			t.Errorf("process %d sends %g requests a second", n, b.RequestsPerSecond)
		}
	}
	if sessions != 10 || p.Target.Budgets.Sessions != 10 {
		t.Errorf("they open %d sessions, of %d", sessions, p.Target.Budgets.Sessions)
	}
	p.Cases[1].Wrong = 1
	report := asHost(t, func() {
		if err := Register(p, Config{Runner: &fake{}}); err != nil {
			t.Fatal(err)
		}
	})
	for _, s := range report.SpecReports {
		if s.LeafNodeType == types.NodeTypeIt && s.IsSerial != strings.Contains(s.LeafNodeText, "outcome1:") {
			t.Errorf("%s is serial: %v", s.LeafNodeText, s.IsSerial)
		}
	}
}
