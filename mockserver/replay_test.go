package mockserver_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// served is one shipped system with its documented exchanges.
type served struct {
	name      string
	server    *mockserver.Server
	contract  *specs.Contract
	exchanges []fixtures.Exchange
}

func serveSystem(t *testing.T, name string) *served {
	t.Helper()
	server, err := mockserver.New(mockserver.System(name), mockserver.Seed(1))
	if err != nil {
		t.Fatal(err)
	}
	exchanges, err := fixtures.Exchanges(name)
	if err != nil {
		t.Fatal(err)
	}
	return &served{name: name, server: server, contract: server.Contract(name), exchanges: exchanges}
}

// serveFile serves a contract of the tests, with the exchanges beside it.
func serveFile(t *testing.T, path string) *served {
	t.Helper()
	server, err := mockserver.New(mockserver.File(path), mockserver.Seed(1))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(filepath.Dir(path), fixtures.ExchangesFile)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	exchanges, err := fixtures.ParseExchanges(file, data)
	if err != nil {
		t.Fatal(err)
	}
	name := server.Systems()[0]
	return &served{name: name, server: server, contract: server.Contract(name), exchanges: exchanges}
}

// replay plays an exchange in a world of its own, made from scratch.
func (s *served) replay(x fixtures.Exchange) (*replay, error) {
	w, err := s.server.NewWorld(worldName(x.ID), false)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.server.DeleteWorld(w.Name()) }()
	r := &replay{served: s, world: w, x: x, captures: fixtures.Captures{}}
	r.play()
	return r, nil
}

// worldName is a world's name for an exchange: the name is part of the seed, so
// it must not depend on the order in which exchanges run.
func worldName(id string) string {
	if len(id) > 63 {
		id = id[:63]
	}
	return strings.Trim(strings.ToLower(id), "-")
}

func TestEveryDocumentedExchangeIsAnsweredAsDocumented(t *testing.T) {
	for _, name := range specs.Systems() {
		s := serveSystem(t, name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, x := range s.exchanges {
				t.Run(x.ID, func(t *testing.T) {
					t.Parallel()
					r, err := s.replay(x)
					if err != nil {
						t.Fatal(err)
					}
					if len(r.mismatches) == 0 {
						return
					}
					t.Errorf("fixtures/%s/%s:%d: %s\n%s", s.name, fixtures.ExchangesFile, x.Line, x.Title, strings.Join(r.mismatches, "\n"))
					t.Log(r.transcript())
				})
			}
		})
	}
}

// A replay that overlooks something would let every contract pass. Each change
// below is one word of an exchange made wrong; the report must name it.
func TestTheReplaySeesEachKindOfMismatch(t *testing.T) {
	s := serveFile(t, "testdata/replay/openapi.yaml")
	for _, x := range s.exchanges {
		t.Run(x.ID, func(t *testing.T) {
			r, err := s.replay(x)
			if err != nil {
				t.Fatal(err)
			}
			report := strings.Join(r.mismatches, "\n")
			if x.Title == "nothing" && report != "" || x.Title != "nothing" && !strings.Contains(report, x.Title) {
				t.Errorf("the report is %q, want %q in it", report, x.Title)
			}
		})
	}
}

// What an exchange names must be in the contract, or a slip of the pen there
// would be found by nobody.
func TestExchangesNameWhatTheirContractHas(t *testing.T) {
	for _, name := range specs.Systems() {
		s := serveSystem(t, name)
		for _, x := range s.exchanges {
			at := fmt.Sprintf("fixtures/%s/%s:%d: %s", name, fixtures.ExchangesFile, x.Line, x.ID)
			if x.Operation != "" && s.contract.Operation(x.Operation) == nil {
				t.Errorf("%s: there is no operation %q", at, x.Operation)
			}
			if len(x.Sources) == 0 && x.Evidence != specs.Inferred {
				t.Errorf("%s: it is %s, and no source says so", at, x.Evidence)
			}
			for _, src := range x.Sources {
				if _, ok := s.contract.Sources[src]; !ok {
					t.Errorf("%s: there is no source %q", at, src)
				}
			}
		}
	}
}

// An exchange is compared whole, so it demands no more than the weakest part of
// the answer that it exercises: an inferred part must not become a documented
// one here.
func TestNoExchangeClaimsMoreThanItsAnswer(t *testing.T) {
	for _, name := range specs.Systems() {
		s := serveSystem(t, name)
		evidence := s.evidence()
		for _, x := range s.exchanges {
			if x.Evidence == specs.Inferred {
				continue
			}
			last, err := s.last(x)
			if err != nil {
				t.Fatal(err)
			}
			at := fmt.Sprintf("fixtures/%s/%s:%d: %s is %s", name, fixtures.ExchangesFile, x.Line, x.ID, x.Evidence)
			if len(last.From) == 0 {
				t.Errorf("%s, and the contract says nothing of its answer", at)
				continue
			}
			e := evidence[last.From[0]]
			parts := []string{"status", "shape", "values"}
			if s.contract.Operation(x.Operation) != nil && strings.Contains(last.From[0], "/failures/") {
				parts = append(parts, "refusal")
			}
			for p := range e.Parts {
				// A member that is left out is compared too: there must be no other.
				if strings.HasPrefix(p, "/") && !has(x.Answer.Body.Value, p) {
					parts = append(parts, p)
				}
			}
			sort.Strings(parts)
			for _, p := range parts {
				if m := e.Part(p); m.Level < x.Evidence {
					t.Errorf("%s, and of its answer %s is only %s: %s", at, p, m.Level, m.Reason)
				}
			}
		}
	}
}

func has(body any, pointer string) bool {
	tokens, err := value.SplitPointer(pointer)
	if err != nil {
		return false
	}
	_, ok := value.Lookup(body, tokens)
	return ok
}

// evidence is that of every answer and failure entry, by its place.
func (s *served) evidence() map[string]specs.Evidence {
	out := map[string]specs.Evidence{}
	table := func(t specs.FailureTable) {
		for _, list := range t {
			for _, e := range list {
				out[e.Pointer] = e.Evidence
			}
		}
	}
	table(s.contract.Failures)
	for _, k := range s.contract.Tokens {
		table(k.Failures)
	}
	for _, op := range s.contract.Operations {
		table(op.Failures)
		for _, a := range op.Answers {
			out[a.Pointer] = a.Evidence
		}
	}
	return out
}

// last replays an exchange and returns what the journal says of its request.
func (s *served) last(x fixtures.Exchange) (mockserver.Exchange, error) {
	r, err := s.replay(x)
	if err != nil {
		return mockserver.Exchange{}, err
	}
	journal := r.world.Journal()
	if len(journal) == 0 {
		return mockserver.Exchange{}, fmt.Errorf("%s: the journal is empty: %s", x.ID, strings.Join(r.mismatches, "; "))
	}
	return journal[len(journal)-1], nil
}

// coverage counts what the exchanges of a system exercise.
type coverage struct {
	system string
	rows   []row
}

type row struct {
	what     string
	total    []string          // keys, in the order of the contract
	said     map[string]string // key → where it is, for reports
	hit      map[string]bool
	required bool
}

func (r *row) add(key, said string) {
	if _, ok := r.said[key]; ok {
		return
	}
	r.total = append(r.total, key)
	r.said[key] = said
}

func (r *row) missing() []string {
	var out []string
	for _, k := range r.total {
		if !r.hit[k] {
			out = append(out, r.said[k])
		}
	}
	return out
}

func newRow(what string, required bool) *row {
	return &row{what: what, said: map[string]string{}, hit: map[string]bool{}, required: required}
}

func (s *served) coverage() (*coverage, error) {
	c := s.contract
	operations, answers, failures := newRow("operations", true), newRow("answers", true), newRow("failures", true)
	reasons, profiles, settings := newRow("reasons", false), newRow("profiles", false), newRow("settings", false)
	table := func(t specs.FailureTable) {
		var entries []*specs.FailureEntry
		for _, list := range t {
			entries = append(entries, list...)
		}
		sort.Slice(entries, func(i, j int) bool { return entries[i].Line < entries[j].Line })
		for _, e := range entries {
			failures.add(e.Pointer, fmt.Sprintf("specs/%s/openapi.yaml:%d %s (%s)", s.name, e.Line, e.Reason, e.Pointer))
		}
	}
	table(c.Failures)
	for _, k := range c.Tokens {
		table(k.Failures)
	}
	for _, op := range c.Operations {
		operations.add(op.ID, op.ID)
		for _, a := range op.Answers {
			answers.add(op.ID+" "+a.Pointer, fmt.Sprintf("specs/%s/openapi.yaml:%d %s (%s)", s.name, a.Line, op.ID, a.Pointer))
		}
		table(op.Failures)
	}
	for _, r := range c.Reasons() {
		reasons.add(r, r)
	}
	for _, p := range c.Profiles {
		profiles.add(p.Name, p.Name)
	}
	for _, x := range c.Settings {
		settings.add(x.Name, x.Name)
	}
	for _, x := range s.exchanges {
		last, err := s.last(x)
		if err != nil {
			return nil, err
		}
		operations.hit[last.Operation] = true
		for _, p := range last.From {
			answers.hit[last.Operation+" "+p], failures.hit[p] = true, true
		}
		// token.expired.access exercises token.expired too.
		for reason := last.Outcome; reason != ""; {
			reasons.hit[reason] = true
			i := strings.LastIndexByte(reason, '.')
			reason = reason[:max(i, 0)]
		}
		profile := x.Profile
		if profile == "" {
			profile = c.DefaultProfile
		}
		for p := range strings.SplitSeq(profile, "+") {
			profiles.hit[p] = true
		}
		set, err := c.ProfileSettings(profile)
		if err != nil {
			return nil, err
		}
		for k := range set {
			settings.hit[k] = true
		}
		for k := range x.Settings {
			settings.hit[k] = true
		}
		for _, step := range x.Given {
			for k := range step.Settings {
				settings.hit[k] = true
			}
		}
	}
	return &coverage{s.name, []row{*operations, *answers, *failures, *reasons, *profiles, *settings}}, nil
}

func TestEveryDocumentedAnswerIsExercised(t *testing.T) {
	var all []*coverage
	for _, name := range specs.Systems() {
		c, err := serveSystem(t, name).coverage()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		for _, r := range c.rows {
			if missing := r.missing(); r.required && len(missing) > 0 {
				t.Errorf("%s: no exchange exercises these %s:\n  %s", name, r.what, strings.Join(missing, "\n  "))
			} else if len(missing) > 0 {
				t.Logf("%s: no exchange exercises these %s: %s", name, r.what, strings.Join(missing, ", "))
			}
		}
	}
	var b strings.Builder
	writeCoverage(&b, all)
	t.Log("\n" + b.String())
}

func writeCoverage(w io.Writer, all []*coverage) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tab, "exercised / total\t")
	for _, r := range all[0].rows {
		fmt.Fprintf(tab, "%s\t", r.what)
	}
	fmt.Fprintln(tab)
	for _, c := range all {
		fmt.Fprintf(tab, "%s\t", c.system)
		for _, r := range c.rows {
			fmt.Fprintf(tab, "%d / %d\t", len(r.total)-len(r.missing()), len(r.total))
		}
		fmt.Fprintln(tab)
	}
	_ = tab.Flush() // a strings.Builder takes everything
}

// The count must see what is left out, or "all are exercised" would mean
// nothing.
func TestTheCountSeesWhatNoExchangeExercises(t *testing.T) {
	s := serveFile(t, "testdata/replay/openapi.yaml")
	s.exchanges = slices.DeleteFunc(s.exchanges, func(x fixtures.Exchange) bool { return x.Title != "nothing" })
	c, err := s.coverage()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"me", "me", "/x-session/failures/token", "token", "", ""} {
		missing := strings.Join(c.rows[i].missing(), "; ")
		if (want == "") != (missing == "") || !strings.Contains(missing, want) || strings.Contains(missing, ";") {
			t.Errorf("%s: missing is %q, want %q alone", c.rows[i].what, missing, want)
		}
	}
}
